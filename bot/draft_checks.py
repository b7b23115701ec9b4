"""Steps of technician verifications in a turn: what becomes of them, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bot.draft_effects import DraftEffects
from bot.draft_subjects import Thread, of_check
from bot.wording import Wording
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
from dialogs.turns import SaveCheck, StoredCheck, TenantFacts


class DraftChecks(DraftEffects):
    """Gathers steps of checks."""

    def __init__(self, tenant: TenantFacts, now: datetime, random: Randomness, wording: Wording) -> None:
        super().__init__(tenant, now, random, wording)
        self._env = Env(now, tenant.settings.rules)
        self._checks: dict[str, SaveCheck] = {}

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


def is_live(state: State) -> bool:
    """Open or claimed."""
    return isinstance(state, Open | Claimed)


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
