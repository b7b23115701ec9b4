"""Steps of approvals in a turn: what becomes of them, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.draft_effects import DraftEffects
from bot.draft_subjects import Subject, Thread
from bot.wording import Wording
from dialogs import approvals as ap
from dialogs.machine import Step
from dialogs.ports import Randomness
from dialogs.tech_verify import Ticket
from dialogs.turns import SaveApproval, StoredApproval, TenantFacts

#: Where technicians decide.
PAGE = "/approvals"


def of_approval(one: StoredApproval, our_number: str) -> Subject:
    """A request to a second person. `our_number`: which texts about it come from."""
    return Subject(one.id, one.contact_id, "", our_number, "", f"{PAGE}/{one.id}", "psa:" + one.id, "")


class DraftApprovals(DraftEffects):
    """Gathers steps of approvals."""

    def __init__(self, tenant: TenantFacts, now: datetime, random: Randomness, wording: Wording) -> None:
        super().__init__(tenant, now, random, wording)
        self._approvals: dict[str, SaveApproval] = {}

    def step_approval(
        self,
        one: StoredApproval,
        event: ap.Event,
        *,
        by: str = "",
        our_number: str = "",
        supervisors_only: bool = False,
        sealed: Mapping[str, str] | None = None,
        quiet: bool = False,
    ) -> Step[ap.State]:
        """Step one and gather what follows. `by`: the technician who acts. `quiet`: a step that changes nothing leaves
        no line."""
        step = ap.machine.step(one.state, event, ap.Env(self.now, supervisors_only))
        changed = step.state != one.state
        if changed:
            self._approvals[one.id] = SaveApproval(
                one.id, one.version, step.state, one.contact_id, one.their_address, one.created_at
            )
        if changed or step.refused or not quiet:
            self.audit(
                "approval." + ap.machine.transition(one.state, event),
                check_id=one.id,
                contact_id=one.contact_id,
                technician_id=by,
                ticket_id=_ticket_of(step.state),
                public=_told_by(one.state, step),
                sealed=sealed,
            )
        about = of_approval(one, our_number)
        for effect in step.effects:
            self._carry(effect, Thread("", "", our_number, "", ""), about, by)
        return step


def _ticket_of(state: ap.State) -> str:
    ticket: Ticket | None = None if isinstance(state, ap.Unasked) else state.wanted.ticket
    return ticket.id if ticket is not None else ""


def _told_by(before: ap.State, step: Step[ap.State]) -> dict[str, str | int]:
    """What the log says of it in plain: ids and words of ours."""
    after = step.state
    told: dict[str, str | int] = {"before": ap.WORDS[type(before)], "after": ap.WORDS[type(after)]}
    if not isinstance(after, ap.Unasked):
        told["approval"] = after.wanted.kind
        if after.wanted.destination is not None:
            told["address"] = after.wanted.destination.address_id
    if isinstance(after, ap.Used):
        told["verification"] = after.verification_id
    if isinstance(after, ap.Expired):
        told["reason"] = after.reason
    if isinstance(after, ap.Granted) and after.agreed.rests_on:
        told["rests_on"] = " ".join(after.agreed.rests_on)
    if step.refused:
        told["refused"] = step.refused
    return told
