"""Putting a decision together: steps of dialogs become saved states, audit events, outbox items and timers.

One draft is one turn. It is pure but for the ids it mints; nothing here reads or sends.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Literal, TypeVar

from bot.draft_approvals import DraftApprovals
from bot.draft_effects import Thread, of_check, of_verification
from bot.draft_facts import request_of, told_by, tried
from bot.wording import Wording
from dialogs import user_verify as uv
from dialogs.desk import Ask as DeskAsk
from dialogs.desk import answer
from dialogs.effects import TellUser, Value
from dialogs.limits import PREFIX_PAUSED, SendCounts, prefix_pause
from dialogs.machine import Step
from dialogs.ports import Randomness
from dialogs.tech_verify import (
    Alarm,
    Blank,
    Claim,
    Claimed,
    Confirmed,
    Denied,
    DenyReceived,
    Env,
    Event,
    Known,
    Open,
    Several,
    State,
    Ticket,
    machine,
)
from dialogs.turns import (
    Alert,
    AnnouncedCall,
    Announcement,
    Decision,
    SaveCheck,
    SaveDesk,
    SaveVerification,
    StoredCheck,
    StoredDesk,
    StoredVerification,
    Suppression,
    TenantFacts,
    Try,
)
from storage.phones import numbers_like

R = TypeVar("R")


def code_digest(tenant: TenantFacts, check_id: str, digits: str) -> str:
    """What was typed, keyed to one check of one tenant and to its purpose, so it can match nothing else (SEC-07)."""
    return _digest(tenant, "technician_verification", check_id, digits)


def verification_digest(tenant: TenantFacts, verification_id: str, digits: str) -> str:
    """The same for a verification of an end user."""
    return _digest(tenant, "user_verification", verification_id, digits)


def _digest(tenant: TenantFacts, purpose: str, id: str, digits: str) -> str:
    return hmac.new(tenant.digest_key, f"{purpose}|{id}|{digits}".encode(), hashlib.sha256).hexdigest()


class Draft(DraftApprovals):
    """One turn in the making."""

    def __init__(self, tenant: TenantFacts, now: datetime, random: Randomness, wording: Wording) -> None:
        super().__init__(tenant, now, random, wording)
        self._env = Env(now, tenant.settings.rules)
        self._checks: dict[str, SaveCheck] = {}
        self._verifications: dict[str, SaveVerification] = {}
        self._tries: list[Try] = []
        self._desk: SaveDesk | None = None
        self._suppressions: list[Suppression] = []

    def decision(self, reply: R) -> Decision[R]:
        """Everything gathered so far, as values."""
        return Decision(
            reply=reply,
            tenant_id=self.tenant.id,
            checks=tuple(self._checks.values()),
            desk=self._desk,
            audit=tuple(self._audit),
            outbox=tuple(self._outbox),
            timers=tuple(self._timers),
            alerts=tuple(self._alerts),
            give_back=tuple(self._give_back),
            suppressions=tuple(self._suppressions),
            announcements=tuple(self._announcements),
            verifications=tuple(self._verifications.values()),
            tries=tuple(self._tries),
            end_shields=tuple(self._end_shields),
            approvals=tuple(self._approvals.values()),
        )

    # --- dialogs ----------------------------------------------------------------------------------------------------

    def start(self, check_id: str, event: Event, thread: Thread, contact_id: str) -> Step[State]:
        """A new check, from nothing."""
        blank = StoredCheck(
            id=check_id,
            version=0,
            state=Blank(),
            channel=thread.channel,
            our_address=thread.our_address,
            their_address=thread.their_address,
            conversation_id=thread.conversation_id,
            contact_id=contact_id,
            created_at=self.now,
        )
        return self.step(blank, event, thread.locale, sealed={"from": thread.their_address})

    def step(
        self,
        check: StoredCheck,
        event: Event,
        locale: str,
        *,
        by: str = "",
        public: Mapping[str, str | int] | None = None,
        sealed: Mapping[str, str] | None = None,
        quiet: bool = False,
    ) -> Step[State]:
        """Step one check and gather what follows. `by`: the technician who acts. `quiet`: a step that changes nothing
        leaves no audit row (timers ring for nothing quite often)."""
        step = machine.step(check.state, event, self._env)
        changed = step.state != check.state
        contact_id = _contact_of(step.state) or check.contact_id
        if changed:
            self._checks[check.id] = SaveCheck(
                id=check.id,
                version=check.version,
                state=step.state,
                channel=check.channel,
                our_address=check.our_address,
                their_address=check.their_address,
                conversation_id=check.conversation_id,
                contact_id=contact_id,
                created_at=check.created_at,
            )
        if changed or step.effects or step.refused or not quiet:
            facts: dict[str, str | int] = {"before": _word(check.state), "after": _word(step.state), **(public or {})}
            if step.refused:
                facts["refused"] = step.refused
            claim = _claim_of(step.state)
            if changed:
                facts |= _claimed_by(step.state, _claim_of(check.state))
            self.audit(
                "tv." + machine.transition(check.state, event),
                check_id=check.id,
                contact_id=contact_id,
                technician_id=by,
                ticket_id=claim.ticket.id if claim is not None and isinstance(claim.ticket, Ticket) else "",
                conversation_id=check.conversation_id,
                channel=check.channel,
                public=facts,
                sealed=sealed,
            )
        if (changed and isinstance(step.state, Denied | Alarm)) or isinstance(event, DenyReceived):
            # Somebody poses as one of us to them, or the other way round: nothing they showed before counts (SEC-15).
            for id in (contact_id, *_askers_of(step.state)):
                self.end_shields(id)
        thread = Thread(check.conversation_id, check.channel, check.our_address, check.their_address, locale)
        about = of_check(replace(check, state=step.state, contact_id=contact_id))
        for effect in step.effects:
            self._carry(effect, thread, about, by)
        return step

    def start_verification(
        self, new: StoredVerification, event: uv.Asked, policy: uv.Policy, locale: str, *, link_digest: str = ""
    ) -> Step[uv.State]:
        """Ask an end user, from nothing: `new` is blank and has the id that the digest is keyed to."""
        request = event.request
        written = {"to": new.their_address, "note": request.note}
        public: dict[str, str | int] = {"action": request.action.value, "address": request.destination.address_id}
        if request.lifted_by:
            public["lifted_by"] = request.lifted_by
        if request.signals is not None:
            public |= {"line": request.signals.line, "sim": request.signals.sim or "not_asked"}
        if request.override is not None:
            written["override"] = request.override.reason
            public["alone"] = int(request.override.alone)
        sealed = {name: words for name, words in written.items() if words}
        step = self.step_verification(
            new, event, policy, locale, by=request.technician.id, public=public, sealed=sealed, link_digest=link_digest
        )
        if request.override is not None and not step.refused:
            self.audit(
                "euv.override",
                check_id=new.id,
                contact_id=new.contact_id,
                technician_id=request.technician.id,
                ticket_id=request.ticket.id if request.ticket is not None else "",
                channel=uv.METHODS[request.method].channel,
                public={"alone": int(request.override.alone)},
                sealed={"reason": request.override.reason},
            )
        return step

    def step_verification(
        self,
        one: StoredVerification,
        event: uv.Event,
        policy: uv.Policy,
        locale: str,
        *,
        by: str = "",
        public: Mapping[str, str | int] | None = None,
        sealed: Mapping[str, str] | None = None,
        quiet: bool = False,
        link_digest: str = "",
        thread: Thread | Literal["own"] | None = "own",
    ) -> Step[uv.State]:
        """Step one verification of an end user and gather what follows, as `step` does for a check. `policy`: of the
        contact's client. `thread`: where the user is answered, for what they did elsewhere than they were asked; None:
        they are answered already."""
        step = uv.machine.step(one.state, event, uv.Env(self.now, policy))
        changed = step.state != one.state
        if changed:
            self._verifications[one.id] = SaveVerification(
                id=one.id,
                version=one.version,
                state=step.state,
                contact_id=one.contact_id,
                our_address=one.our_address,
                their_address=one.their_address,
                created_at=one.created_at,
                link_digest=link_digest,
            )
            self._tries += tried(one, event, step.state, self.new_id, self.now)
        request = request_of(step.state)
        channel = uv.METHODS[request.method].channel if request is not None else ""
        if changed or step.effects or step.refused or not quiet:
            facts: dict[str, str | int] = {
                "before": uv.WORDS[type(one.state)],
                "after": uv.WORDS[type(step.state)],
                **(told_by(step.state) if changed else {}),
                **(public or {}),
            }
            if step.refused:
                facts["refused"] = step.refused
            self.audit(
                "euv." + uv.machine.transition(one.state, event),
                check_id=one.id,
                contact_id=one.contact_id,
                technician_id=by,
                ticket_id=request.ticket.id if request is not None and request.ticket is not None else "",
                channel=channel,
                public=facts,
                sealed=sealed,
            )
        own = Thread("", channel, one.our_address, one.their_address, locale)
        about = of_verification(one, channel)
        for effect in step.effects:
            if thread is not None or not isinstance(effect, TellUser):
                self._carry(effect, thread if isinstance(thread, Thread) else own, about, by)
        return step

    def answer(
        self, desk: StoredDesk, ask: DeskAsk, thread: Thread, contact_id: str, values: Mapping[str, Value] | None = None
    ) -> StoredDesk:
        """The desk's standing answer, and the desk as it is afterwards."""
        after, effects = answer(desk.desk, ask, self.now, values)
        for effect in effects:
            if isinstance(effect, TellUser):
                self._tell(effect, thread, check_id="", contact_id=contact_id, technician_id="")
        return StoredDesk(desk.conversation_id, desk.version, after)

    # --- single writes ----------------------------------------------------------------------------------------------

    def keep_desk(self, desk: StoredDesk, thread: Thread, contact_id: str) -> None:
        """Save the conversation. Done on every inbound text: its version is what serialises one sender's turns."""
        self._desk = SaveDesk(
            conversation_id=desk.conversation_id,
            version=desk.version,
            desk=desk.desk,
            channel=thread.channel,
            our_address=thread.our_address,
            their_address=thread.their_address,
            contact_id=contact_id,
        )

    def reset_tries(self, contact_id: str, method: uv.Method, technician_id: str) -> None:
        """Wrong answers by this method count no longer against it."""
        self._tries.append(Try(self.new_id(), "", contact_id, method, technician_id, self.now, "reset"))

    def suppress(self, suppression: Suppression) -> None:
        self._suppressions.append(suppression)

    def announce(self, call: AnnouncedCall, *, ends: bool = False) -> None:
        self._announcements.append(Announcement(call, ends))

    def tell(self, effect: TellUser, thread: Thread, *, contact_id: str, technician_id: str = "") -> None:
        """A text that belongs to no check."""
        self._tell(effect, thread, check_id="", contact_id=contact_id, technician_id=technician_id)

    def alert(self, kind: str, text: str, contact_id: str) -> None:
        """An alert that belongs to no check."""
        self._alerts.append(Alert(self.new_id(), kind, self.now, "", contact_id, text))

    def alert_of(self, kind: str, check: StoredCheck) -> None:
        """An alert about a check that its dialog did not ask for; it always says the same."""
        text = self._wording.alert(self.tenant, kind, {})
        self._alerts.append(Alert(self.new_id(), kind, self.now, check.id, check.contact_id, text))

    def tell_of_pause(self, destination: str, sends: SendCounts) -> None:
        """Texts were refused. If that is because hardly anybody answers at numbers like this one, the console is told,
        once for each pause: the alert has the id of the last code before it (SEC-39)."""
        day = sends.prefix_day
        pause = prefix_pause(day, self.tenant.settings.limits, self.now)
        if pause is None or day.told:
            return
        numbers = numbers_like(destination)
        values: dict[str, Value] = {"numbers": numbers, "sent": day.sent, "answered": day.answered, "at": pause.at}
        text = self._wording.alert(self.tenant, PREFIX_PAUSED, values)
        self._alerts.append(Alert(day.last_id, PREFIX_PAUSED, self.now, "", "", text))
        public: dict[str, str | int] = {"sent": day.sent, "answered": day.answered}
        self.audit("alert.prefix_paused", public=public, sealed={"numbers": numbers})


def _word(state: State) -> str:
    """The state's public word: `open`, `claimed`, ..."""
    return type(state).__name__.lower()


def _contact_of(state: State) -> str:
    if isinstance(state, Blank):
        return ""
    asker = state.story.asker
    return asker.contact_id if isinstance(asker, Known) else ""


def _askers_of(state: State) -> tuple[str, ...]:
    """Everybody who may be meant where the number stands on several contacts, in their order."""
    asker = None if isinstance(state, Blank) else state.story.asker
    return asker.contact_ids if isinstance(asker, Several) else ()


def _claim_of(state: State) -> Claim | None:
    return None if isinstance(state, Blank | Open) else state.claim


def _claimed_by(state: State, before: Claim | None) -> dict[str, str]:
    """What the log says of a new state beyond its name: who has claimed it, what a confirmation is worth (SEC-56)."""
    claim = _claim_of(state)
    facts = {}
    if claim is not None and (before is None or before.technician.id != claim.technician.id):
        facts["claimer"] = claim.technician.id
    if isinstance(state, Confirmed):
        facts["assurance"] = state.assurance
    return facts


def is_live(state: State) -> bool:
    """Open or claimed."""
    return isinstance(state, Open | Claimed)
