"""Putting a decision together: steps of dialogs become saved states, audit events, outbox items and timers.

One draft is one turn. It is pure but for the ids it mints; nothing here reads or sends.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar, assert_never

from bot.wording import Wording
from dialogs.desk import Ask as DeskAsk
from dialogs.desk import answer
from dialogs.effects import (
    AlertTechnicians,
    AlertTenant,
    CreateTicket,
    Effect,
    EndAnnouncement,
    GiveBackChallenge,
    NoteTicket,
    TellUser,
    Value,
    WakeAt,
)
from dialogs.limits import PREFIX_PAUSED, SendCounts, prefix_pause
from dialogs.machine import Step
from dialogs.ports import Randomness
from dialogs.tech_verify import Blank, Claim, Claimed, Confirmed, Env, Event, Known, Open, State, Ticket, machine
from dialogs.turns import (
    Alert,
    AnnouncedCall,
    Announcement,
    AuditEvent,
    Decision,
    OutboxItem,
    OutboxKind,
    SaveCheck,
    SaveDesk,
    StoredCheck,
    StoredDesk,
    Suppression,
    TenantFacts,
    Timer,
)
from storage.phones import numbers_like

R = TypeVar("R")


def code_digest(tenant: TenantFacts, check_id: str, digits: str) -> str:
    """What was typed, keyed to one check of one tenant and to its purpose, so it can match nothing else (SEC-07)."""
    message = f"technician_verification|{check_id}|{digits}".encode()
    return hmac.new(tenant.digest_key, message, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Thread:
    """Where the user of a turn is reached: which conversation, from which of our numbers, in which language."""

    conversation_id: str
    channel: str
    our_address: str
    their_address: str
    locale: str


class Draft:
    """One turn in the making."""

    def __init__(self, tenant: TenantFacts, now: datetime, random: Randomness, wording: Wording) -> None:
        self.tenant = tenant
        self.now = now
        self._random = random
        self._wording = wording
        self._env = Env(now, tenant.settings.rules)
        self._checks: dict[str, SaveCheck] = {}
        self._desk: SaveDesk | None = None
        self._audit: list[AuditEvent] = []
        self._outbox: list[OutboxItem] = []
        self._timers: list[Timer] = []
        self._alerts: list[Alert] = []
        self._give_back: list[str] = []
        self._suppressions: list[Suppression] = []
        self._announcements: list[Announcement] = []

    def new_id(self) -> str:
        return self._random.new_id(self.now)

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
                facts |= _told_by(step.state, _claim_of(check.state))
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
        thread = Thread(check.conversation_id, check.channel, check.our_address, check.their_address, locale)
        after = replace(check, state=step.state, contact_id=contact_id)
        for effect in step.effects:
            self._carry(effect, thread, after, by)
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

    def audit(
        self,
        kind: str,
        *,
        check_id: str = "",
        contact_id: str = "",
        technician_id: str = "",
        ticket_id: str = "",
        conversation_id: str = "",
        channel: str = "",
        public: Mapping[str, str | int] | None = None,
        sealed: Mapping[str, str] | None = None,
    ) -> None:
        self._audit.append(
            AuditEvent(
                id=self.new_id(),
                at=self.now,
                kind=kind,
                check_id=check_id,
                contact_id=contact_id,
                technician_id=technician_id,
                ticket_id=ticket_id,
                conversation_id=conversation_id,
                channel=channel,
                public=public or {},
                sealed=sealed or {},
            )
        )

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

    def enqueue(self, item: OutboxItem) -> None:
        self._outbox.append(item)

    # --- effects ----------------------------------------------------------------------------------------------------

    def _carry(self, effect: Effect, thread: Thread, check: StoredCheck, by: str) -> None:
        match effect:
            case TellUser():
                self._tell(effect, thread, check_id=check.id, contact_id=check.contact_id, technician_id=by)
            case GiveBackChallenge():
                self._give_back.append(check.id)
            case WakeAt():
                self._timers.append(Timer(self.tenant.id, check.id, effect.timer, effect.at))
            case AlertTenant():
                self._alert(effect, check)
            case AlertTechnicians():
                self._alert_technicians(effect, check)
            case CreateTicket():
                self._create_ticket(effect, check)
            case NoteTicket():
                self._note_ticket(effect, check)
            case EndAnnouncement():
                self._end_announcement(check)
            case _:
                assert_never(effect)

    def _tell(self, effect: TellUser, thread: Thread, *, check_id: str, contact_id: str, technician_id: str) -> None:
        body, segments = self._wording.text(self.tenant, effect.template, effect.values, thread.locale)
        self._outbox.append(
            OutboxItem(
                id=self.new_id(),
                kind="text",
                lane=f"{thread.channel}:{thread.conversation_id or thread.their_address}",
                payload={"to": thread.their_address, "from": thread.our_address, "body": body},
                due_at=self.now,
                drop_at=effect.drop_at,
                check_id=check_id,
                conversation_id=thread.conversation_id,
                contact_id=contact_id,
                technician_id=technician_id,
                template=effect.template,
                challenge=effect.challenge,
                after_stop=effect.after_stop,
                segments=segments,
            )
        )

    def _alert(self, effect: AlertTenant, check: StoredCheck) -> None:
        text = self._wording.alert(self.tenant, effect.kind, effect.values)
        self._alerts.append(Alert(self.new_id(), effect.kind, self.now, check.id, check.contact_id, text))
        self.audit("alert." + effect.kind, check_id=check.id, contact_id=check.contact_id, channel=check.channel)
        post = self._wording.post(self.tenant, "alert." + effect.kind, effect.values, check.id)
        payload = {"to": "", "from": "", "body": text, "event": "alarm", "post": post}
        self._enqueue_for(check, "alert_text", "alarm:" + check.id, payload, template="alert." + effect.kind)

    def _alert_technicians(self, effect: AlertTechnicians, check: StoredCheck) -> None:
        """One item that the dispatcher turns into what goes to each person on duty at that moment, by their own ways,
        and to each Teams connection that wants it."""
        link = self._wording.link(f"/codes/{check.id}")
        values = {**effect.values, "link": link}
        body, segments = self._wording.text(self.tenant, effect.template, values, "")
        payload = {
            "to": "",
            "from": check.our_address,
            "body": body,
            "subject": self._wording.note(self.tenant, "mail.unclaimed.subject", effect.values),
            "mail": self._wording.note(self.tenant, "mail.unclaimed.body", values),
            "post": self._wording.post(self.tenant, "post.unclaimed", effect.values, check.id),
        }
        self._enqueue_for(check, "alert_text", "duty:" + check.id, payload, template=effect.template, segments=segments)

    def _create_ticket(self, effect: CreateTicket, check: StoredCheck) -> None:
        title, body = self._wording.ticket(self.tenant, effect.template, effect.values)
        payload = {"contact_id": effect.contact_id or check.contact_id, "title": title, "body": body}
        self._enqueue_for(
            check,
            "ticket.create",
            "psa:" + check.conversation_id,
            payload,
            template=effect.template,
            technician_id=effect.technician_id,
        )

    def _note_ticket(self, effect: NoteTicket, check: StoredCheck) -> None:
        body = self._wording.note(self.tenant, effect.template, effect.values)
        payload = {"ticket_id": effect.ticket_id, "body": body}
        self._enqueue_for(check, "ticket.note", "psa:" + check.conversation_id, payload, template=effect.template)

    def _enqueue_for(
        self,
        check: StoredCheck,
        kind: OutboxKind,
        lane: str,
        payload: Mapping[str, str],
        *,
        template: str,
        segments: int = 0,
        technician_id: str = "",
    ) -> None:
        self._outbox.append(
            OutboxItem(
                id=self.new_id(),
                kind=kind,
                lane=lane,
                payload=payload,
                due_at=self.now,
                check_id=check.id,
                conversation_id=check.conversation_id,
                contact_id=check.contact_id,
                technician_id=technician_id,
                template=template,
                segments=segments,
            )
        )

    def _end_announcement(self, check: StoredCheck) -> None:
        """Every live announcement of this contact ends with the check: the call it announced has taken place."""
        if check.contact_id:
            call = AnnouncedCall(
                id="",
                contact_id=check.contact_id,
                technician_id="",
                technician_name="",
                direction="",
                ticket="later",
                ticket_id="",
                ticket_number="",
                expires_at=self.now,
            )
            self._announcements.append(Announcement(call, ends=True))


def _word(state: State) -> str:
    """The state's public word: `open`, `claimed`, ..."""
    return type(state).__name__.lower()


def _contact_of(state: State) -> str:
    if isinstance(state, Blank):
        return ""
    asker = state.story.asker
    return asker.contact_id if isinstance(asker, Known) else ""


def _claim_of(state: State) -> Claim | None:
    return None if isinstance(state, Blank | Open) else state.claim


def _told_by(state: State, before: Claim | None) -> dict[str, str]:
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
