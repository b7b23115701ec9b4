"""Technician verification in any order of texts, taps, timers and waiting: promises in other words than the code.

The naive model knows only who has been promised what: whether a code is live, whether somebody holds it, and how often
a wrong one came. Faults in wording and notes are the table's work (`test_tech_verify_steps.py`).
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dialogs.effects import Code, GiveBackChallenge, NoteTicket, TellUser
from dialogs.machine import Step
from dialogs.tech_verify import (
    MAX_HINTS,
    Announced,
    Blank,
    CheckRejected,
    CheckVoided,
    Claimed,
    ClaimMade,
    ClaimReleased,
    ClaimTakenOver,
    Confirmed,
    ConfirmMisdirected,
    ConfirmReceived,
    DeadlinePassed,
    DenyReceived,
    Direction,
    Env,
    Event,
    Known,
    Later,
    Mode,
    NearMissReceived,
    NewerRequested,
    NewTicket,
    NobodyClaimedYet,
    NoteApproved,
    Open,
    OptedOut,
    ResendAsked,
    Rules,
    State,
    Technician,
    Ticket,
    TicketCreated,
    TicketFailed,
    TicketLinked,
    VerballyConfirmed,
    VerifyRequested,
    machine,
)

PAT = Known("c-1", "Pat Reyes")
CODE = Code("482913")
TECHNICIANS = st.sampled_from([Technician("t-1", "Dana"), Technician("t-2", "Lee")])
TICKETS = st.sampled_from([Ticket("42", "1042"), Ticket("77", "1077"), NewTicket(), Later()])
REAL_TICKETS = st.sampled_from([Ticket("42", "1042"), NewTicket()])
TYPED = st.sampled_from([None, "right", "wrong"])


def ripe(self: AnyCheck) -> bool:
    """What ends a check at once is held back for a while: chance alone ended most checks within five turns, and late
    denials, fifth wrong codes and released claims hardly came up."""
    return self.over or self.turns >= self.patience


class AnyCheck(RuleBasedStateMachine):
    """One check, from its `#verify` on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
        self.until = self.now + timedelta(minutes=10)
        self.tenant = Rules()
        self.state: State = Blank()
        self.turns = 0
        self.patience = 0
        # The model.
        self.holder = ""
        self.over = False
        self.early = False
        self.wrong = 0
        self.proofs = 0
        self.given_back = 0
        self.hints = 0

    @initialize(
        mode=st.sampled_from(Mode),
        gate=st.booleans(),
        announced=st.booleans(),
        logging=st.sampled_from(["auto", "ask"]),
        direction=st.sampled_from(Direction),
        ticket=TICKETS,
        patience=st.sampled_from([0, 8, 16, 24]),
    )
    def ask_for_a_check(
        self, mode: Mode, gate: bool, announced: bool, logging: Any, direction: Direction, ticket: Any, patience: int
    ) -> None:
        self.patience = patience
        self.tenant = Rules(mode=mode, require_claim=gate, ticket_logging=logging)
        call = Announced(PAT, Technician("t-1", "Dana"), direction, ticket) if announced else None
        if announced and direction is not Direction.USER_CALLED_US:
            self.holder = "t-1"
        self.feed(VerifyRequested(PAT, CODE, "right", call))

    # --- one turn, checked ------------------------------------------------------------------------------------------

    def feed(self, event: Event) -> Step[State]:
        self.turns += 1
        before, was_over, holder = self.state, self.over, self.holder
        step = machine.step(before, event, Env(self.now, self.tenant))
        self.state = step.state
        in_time = self.now < self.until and not was_over
        self._proofs_need_a_live_code(event, before, in_time=in_time, holder=holder)
        if was_over:
            # I4: what has ended stays ended, in its kind and outcome.
            assert type(step.state) is type(before)
            for name in ("at", "assurance", "reason", "by", "note"):
                assert getattr(step.state, name, None) == getattr(before, name, None)
        self._counters_never_fall(before)
        self._codes_only_to_the_user(step)
        self.given_back += sum(isinstance(e, GiveBackChallenge) for e in step.effects)
        self.holder = step.state.claim.technician.id if isinstance(step.state, Claimed) else ""
        self.over = not isinstance(step.state, Blank | Open | Claimed)
        return step

    def _proofs_need_a_live_code(self, event: Event, before: State, *, in_time: bool, holder: str) -> None:
        proven = isinstance(self.state, Confirmed) and not isinstance(before, Confirmed)
        right = isinstance(event, ConfirmReceived) and (
            event.typed == "right" or (event.typed is None and self.tenant.mode is Mode.COMPARE)
        )
        spoken = isinstance(event, VerballyConfirmed) and event.technician.id == holder and bool(event.note.strip())
        claimed = bool(holder) or not self.tenant.require_claim
        assert proven == (in_time and ((right and claimed) or (spoken and bool(holder)))), (
            "I2, I3: a proof needs a live code, the right answer and somebody who holds the check, and nothing else"
        )
        if proven:
            assert isinstance(self.state, Confirmed)
            self.proofs += 1
            assert (self.state.claim is None) == (self.state.assurance == "unclaimed")
            assert (self.state.assurance == "verbal") == spoken

    def _counters_never_fall(self, before: State) -> None:
        if isinstance(before, Open | Claimed) and isinstance(self.state, Open | Claimed):
            old, new = before.challenge, self.state.challenge
            assert (new.code, new.digest, new.mode, new.expires_at) == (old.code, old.digest, old.mode, old.expires_at)
            assert new.wrong_codes >= old.wrong_codes, "I10"
            assert new.hints >= old.hints
            assert new.confirmed_early >= old.confirmed_early

    def _codes_only_to_the_user(self, step: Step[State]) -> None:
        for effect in step.effects:
            if isinstance(effect, TellUser) and any(isinstance(v, Code) for v in effect.values.values()):
                assert not self.over
                assert self.tenant.mode is Mode.COMPARE
                assert effect.drop_at == self.until
                assert effect.challenge
            elif isinstance(effect, NoteTicket | TellUser):
                assert CODE.digits not in str(dict(effect.values))

    # --- what can happen --------------------------------------------------------------------------------------------

    @precondition(ripe)
    @rule(typed=TYPED)
    def confirm(self, typed: str | None) -> None:
        counts = isinstance(self.state, Claimed) or (isinstance(self.state, Open) and not self.tenant.require_claim)
        in_time = self.now < self.until and not self.over
        unclaimed = isinstance(self.state, Open) and self.tenant.require_claim
        step = self.feed(ConfirmReceived(typed))
        if in_time and unclaimed:
            # SEC-01: warned once, then the alarm.
            assert isinstance(step.state, Open if not self.early else ENDED_IN_ALARM)
            self.early = True
        if in_time and counts and typed == "wrong":
            self.wrong += 1
            assert self.over == (self.wrong == 5), "the fifth wrong code, and no earlier one, kills the challenge"

    @precondition(lambda self: isinstance(self.state, Open) and self.tenant.require_claim and not self.over)
    @rule()
    def confirm_before_anybody_has_claimed(self) -> None:
        self.confirm("right")

    @precondition(lambda self: isinstance(self.state, Claimed) and ripe(self))
    @rule()
    def answer_with_the_right_code(self) -> None:
        self.confirm("right")

    @precondition(lambda self: isinstance(self.state, Claimed) and ripe(self))
    @rule()
    def answer_without_a_code(self) -> None:
        self.confirm(None)

    @precondition(lambda self: isinstance(self.state, Claimed))
    @rule()
    def guess_on(self) -> None:
        """Chance alone seldom gets to the fifth wrong code."""
        self.confirm("wrong")

    @precondition(ripe)
    @rule()
    def deny(self) -> None:
        live, in_time = not self.over, self.now < self.until
        self.feed(DenyReceived())
        if live:
            assert self.over
            assert type(self.state).__name__ == ("Denied" if in_time else "Expired")

    @rule()
    def say_something_else(self) -> None:
        before = self.over
        step = self.feed(NearMissReceived())
        if not before and not self.over:
            self.hints += len(step.effects)
            assert self.hints <= MAX_HINTS

    @rule()
    def confirm_elsewhere(self) -> None:
        step = self.feed(ConfirmMisdirected("+12125550100"))
        if not self.over:
            self.hints += len(step.effects)
            assert self.hints <= MAX_HINTS

    @precondition(ripe)
    @rule(by=TECHNICIANS, which=st.sampled_from(["opted out", "asked again", "rejected", "voided"]))
    def end_it_otherwise(self, by: Technician, which: str) -> None:
        ends: dict[str, Event] = {
            "opted out": OptedOut(),
            "asked again": NewerRequested("v-2"),
            "rejected": CheckRejected(by, "a test"),
            "voided": CheckVoided("restored"),
        }
        step = self.feed(ends[which])
        assert which == "rejected" or not any(isinstance(e, TellUser) for e in step.effects), "silence"

    @rule(by=TECHNICIANS, direction=st.sampled_from(Direction), ticket=TICKETS)
    def claim(self, by: Technician, direction: Direction, ticket: Any) -> None:
        free = isinstance(self.state, Open) and self.now < self.until
        self.feed(ClaimMade(by, direction, ticket))
        if free:
            assert (self.holder == by.id) == (direction is not Direction.USER_CALLED_US)

    @precondition(lambda self: isinstance(self.state, Open))
    @rule(by=TECHNICIANS, ticket=TICKETS)
    def claim_what_is_free(self, by: Technician, ticket: Any) -> None:
        self.claim(by, Direction.ON_SITE, ticket)

    @rule(by=TECHNICIANS)
    def release(self, by: Technician) -> None:
        self.feed(ClaimReleased(by))

    @rule(by=TECHNICIANS)
    def take_over(self, by: Technician) -> None:
        self.feed(ClaimTakenOver(by))

    @rule(by=TECHNICIANS, ticket=REAL_TICKETS)
    def link(self, by: Technician, ticket: Any) -> None:
        self.feed(TicketLinked(by, ticket))

    @rule(made=st.booleans())
    def the_ticket_system_answers(self, made: bool) -> None:
        self.feed(TicketCreated(Ticket("99", "1099")) if made else TicketFailed())

    @precondition(ripe)
    @rule(by=TECHNICIANS, words=st.sampled_from(["said yes", " "]))
    def confirm_aloud(self, by: Technician, words: str) -> None:
        self.feed(VerballyConfirmed(by, words))

    @precondition(lambda self: isinstance(self.state, Claimed))
    @rule()
    def somebody_else_confirms_aloud(self) -> None:
        self.feed(VerballyConfirmed(Technician("t-9", "Kim"), "said yes"))

    @rule(by=TECHNICIANS)
    def resend(self, by: Technician) -> None:
        self.feed(ResendAsked(by))

    @rule(by=TECHNICIANS)
    def approve_the_note(self, by: Technician) -> None:
        self.feed(NoteApproved(by))

    @rule(which=st.sampled_from([DeadlinePassed(), NobodyClaimedYet()]))
    def a_timer_rings_whenever(self, which: Event) -> None:
        live, in_time = not self.over, self.now < self.until
        self.feed(which)
        if live and in_time:
            assert not self.over, "a timer is a reminder, never the proof"

    @rule(seconds=st.integers(1, 60))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: ripe(self) and not self.over and self.now < self.until)
    @rule()
    def wait_until_just_before_the_deadline(self) -> None:
        self.now = self.until - timedelta(microseconds=1)

    @precondition(lambda self: ripe(self) and not self.over and self.now < self.until)
    @rule(typed=TYPED)
    def confirm_at_the_deadline(self, typed: str | None) -> None:
        """Chance alone seldom stops the clock here, so the test is steered to it."""
        self.now = self.until
        self.confirm(typed)
        assert self.over

    # --- what holds at any time -------------------------------------------------------------------------------------

    @invariant()
    def i1_a_code_is_accepted_at_most_once(self) -> None:
        assert self.proofs <= 1
        assert self.given_back <= 1

    @invariant()
    def i8_no_code_after_the_end(self) -> None:
        if self.over:
            assert not holds_code(self.state)

    @invariant()
    def only_a_claimer_in_the_right_direction_sees_a_code(self) -> None:
        if isinstance(self.state, Claimed):
            assert self.state.claim.direction is not Direction.USER_CALLED_US


def holds_code(value: object) -> bool:
    """Whether a code, or what codes are compared with, is anywhere inside."""
    if isinstance(value, Code) or value in ("right", CODE.digits):
        return True
    if isinstance(value, tuple):
        return any(holds_code(v) for v in value)
    return is_dataclass(value) and any(holds_code(getattr(value, f.name)) for f in fields(value))


ENDED_IN_ALARM = next(s for s in machine.states if s.__name__ == "Alarm")

TestAnyCheck = pytest.mark.feature("TST-02", "SEC-01", "SEC-03", "SEC-08", "TV-10", "Y-01", "Y-03")(AnyCheck.TestCase)
TestAnyCheck.settings = settings(
    max_examples=400, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
