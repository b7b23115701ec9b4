"""Whether high-risk work is allowed for a contact now, by two independent methods and a second person (SEC-09)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations

from dialogs.approvals.records import Granted, State, Waiting
from dialogs.user_verify.methods import FAMILIES, METHODS, Action, Assurance, Method
from dialogs.user_verify.policy import NEW_FOR, Policy


@dataclass(frozen=True, slots=True)
class GreenShield:
    """A verification that is green now. `until`: when it turns back by itself. `changed_at`: when a person last changed
    the address it went to. `overridden`: it was asked for although the contact was checking a caller. `swapped`: the
    carrier said that the number has a new SIM."""

    verification_id: str
    method: Method
    assurance: Assurance
    ticket_id: str
    until: datetime
    changed_at: datetime | None = None
    overridden: bool = False
    swapped: bool = False

    def counts(self, ticket_id: str, now: datetime) -> bool:
        """Towards high-risk work about this ticket (empty: about none): verified for it, or for none. An address that
        was changed less than 7 days ago may be an impostor's (SEC-13), a new SIM too (SEC-42), and so may an answer
        that was had while the contact was checking a caller (SEC-06)."""
        is_new = self.changed_at is not None and now - self.changed_at < NEW_FOR
        doubtful = is_new or self.overridden or self.swapped
        return self.ticket_id in ("", ticket_id) and now < self.until and not doubtful

    @property
    def is_said(self) -> bool:
        """Whether something went over the line of this very call: a code that was read out, or a number that the
        technician said. A bare tap says that somebody has the phone, and is made by habit (SEC-10)."""
        return METHODS[self.method].way == "code" or self.assurance.strength >= Assurance.CODE.strength


@dataclass(frozen=True, slots=True)
class Clearance:
    """How it stands with high-risk work. `until`: how long it is cleared. `methods`: those that count. `approved_by`: a
    first name, empty where a method alone is enough. `approval_id`: of the request that counts or waits.

    `missing`: what to do next, empty when cleared: `two_methods` (nothing counts yet), `other_method` (one does),
    `said_method` (independent ones do, all of them bare taps), `approval` (ask a second person), `decision` (they were
    asked), `not_offered` (no method alone was enough, and the policy does not take two)."""

    cleared: bool = False
    until: datetime | None = None
    methods: tuple[Method, ...] = ()
    approved_by: str = ""
    missing: tuple[str, ...] = ()
    approval_id: str = ""


def pair(shields: Iterable[GreenShield], ticket_id: str, now: datetime) -> tuple[GreenShield, GreenShield] | None:
    """The two independent ones that stand longest together, one of them at least no bare tap; None where there are no
    two."""
    counting = [shield for shield in shields if shield.counts(ticket_id, now)]
    independent = [
        (one, other)
        for one, other in combinations(counting, 2)
        if FAMILIES[one.method] != FAMILIES[other.method] and (one.is_said or other.is_said)
    ]
    return max(independent, key=lambda both: min(shield.until for shield in both), default=None)


def clearance(
    shields: Sequence[GreenShield],
    approvals: Iterable[tuple[str, State]],
    policy: Policy,
    ticket_id: str,
    now: datetime,
) -> Clearance:
    """`approvals`: ids and states of those for high-risk work of this contact, in any order."""
    strong = [s for s in shields if s.counts(ticket_id, now) and Action.HIGH in policy.good_for(s.assurance)]
    if strong:
        best = max(strong, key=lambda shield: shield.until)
        return Clearance(True, best.until, (best.method,))
    if not policy.high_by_two:
        return Clearance(missing=("not_offered",))
    own = [(id, state) for id, state in approvals if _is_about(state, ticket_id)]
    standing = {shield.verification_id: shield for shield in shields if shield.counts(ticket_id, now)}
    granted = [(id, s.agreed) for id, s in own if isinstance(s, Granted) and now < s.agreed.until]
    for id, agreed in sorted(granted, key=lambda one: one[1].until, reverse=True):
        # Both must stand still: a denial, an alarm or another number ends them, and this with them.
        rests_on = [standing[v] for v in agreed.rests_on if v in standing]
        if len(rests_on) > 1 and len(rests_on) == len(agreed.rests_on):
            until = min(agreed.until, *(shield.until for shield in rests_on))
            return Clearance(True, until, tuple(s.method for s in rests_on), agreed.by.first_name, (), id)
    both = pair(shields, ticket_id, now)
    if both is None:
        methods = tuple(dict.fromkeys(shield.method for shield in standing.values()))
        taps = len({FAMILIES[method] for method in methods}) > 1
        return Clearance(
            methods=methods, missing=("said_method" if taps else "other_method" if methods else "two_methods",)
        )
    waiting = next((id for id, s in own if isinstance(s, Waiting) and now < s.until), "")
    missing = "decision" if waiting else "approval"
    return Clearance(methods=tuple(s.method for s in both), missing=(missing,), approval_id=waiting)


def _is_about(state: State, ticket_id: str) -> bool:
    if not isinstance(state, Waiting | Granted) or state.wanted.kind != "high":
        return False
    return (state.wanted.ticket.id if state.wanted.ticket is not None else "") == ticket_id
