"""End-user verification in any order of codes, taps, calls, timers and waiting: promises in other words than the code.

The naive model knows only whether a challenge is live, what would be right, and how often it was wrong. Faults in
wording and notes are the table's work (`test_user_verify_steps.py`).
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dialogs.effects import (
    AlertTenant,
    Code,
    CreateTicket,
    EndShields,
    GiveBackChallenge,
    Link,
    NoteTicket,
    PlaceCall,
    SayOnCall,
    TellUser,
)
from dialogs.machine import Step
from dialogs.tech_verify import Technician, Ticket
from dialogs.user_verify import (
    MAX_SAYS,
    METHODS,
    Action,
    Asked,
    Assurance,
    Blank,
    CallAnswered,
    CallEnded,
    CallKeyed,
    CallPlaced,
    CancelAsked,
    CodeTyped,
    DeadlinePassed,
    Denied,
    Destination,
    Disowned,
    Env,
    Event,
    LinkConfirmed,
    Method,
    NewerAsked,
    OptedOut,
    Policy,
    Request,
    ResendAsked,
    SendFailed,
    Sent,
    State,
    TicketCreated,
    TicketFailed,
    TicketLinked,
    Verified,
    Voided,
    machine,
)

CODE = Code("482913")
SPOKEN = Code("47")
LINK = Link("https://watchword.example.com/v/token")
DANA, LEE = Technician("t-1", "Dana"), Technician("t-2", "Lee")
TECHNICIANS = st.sampled_from([DANA, LEE])
CALL_IDS = st.sampled_from(["CA1", "CA2"])


def ripe(self: AnyVerification) -> bool:
    """What ends a verification at once is held back for a while: else chance alone ends most within five turns."""
    return self.over or self.turns >= self.patience


class AnyVerification(RuleBasedStateMachine):
    """One verification, from its request on."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
        self.policy = Policy()
        self.state: State = Blank()
        self.turns = 0
        self.patience = 0
        # The model.
        self.method = Method.SMS_CODE
        self.until = self.now
        self.number = False
        self.over = False
        self.wrong = 0
        self.proofs = 0
        self.given_back = 0
        self.sent = 0
        self.said = 0
        self.calls = 0

    @initialize(
        method=st.sampled_from([m for m, facts in METHODS.items() if facts.built]),
        number=st.booleans(),
        most=st.sampled_from([3, 4, 5]),
        minutes=st.integers(1, 10),
        ticket=st.sampled_from([None, "new", Ticket("42", "1042")]),
        patience=st.sampled_from([0, 8, 16, 24]),
        conflict=st.booleans(),
    )
    def ask(
        self, method: Method, number: bool, most: int, minutes: int, ticket: Any, patience: int, conflict: bool
    ) -> None:
        lasts = timedelta(minutes=minutes)
        self.method, self.patience, self.until = method, patience, self.now + lasts
        self.policy = Policy(max_wrong_codes=most, code_lifetime=lasts, link_lifetime=lasts)
        destination = Destination("a-1", "mobile", "... 0142", is_default=True, is_new=False)
        request = Request("c-1", "Pat", destination, method, DANA, None, Action.STANDARD, self.now)
        request = replace(request, ticket_asked=True) if ticket == "new" else replace(request, ticket=ticket)
        if METHODS[method].way == "link":
            self.number = number
            spoken = SPOKEN if number else None
            asked = Asked(
                request, "right", link=LINK, spoken=spoken, spoken_digest="right" if number else "", conflict=conflict
            )
        else:
            asked = Asked(request, "right", CODE, conflict=conflict)
        step = self.feed(asked)
        assert isinstance(step.state, Sent)
        assert step.state.challenge.expires_at == self.until
        assert sum(isinstance(e, CreateTicket) for e in step.effects) == (ticket == "new")

    def feed(self, event: Event) -> Step[State]:
        before, was_over = self.state, self.over
        self.turns += 1
        step = machine.step(before, event, Env(self.now, self.policy))
        self.state = step.state
        in_time = self.now < self.until and not was_over
        self._a_proof_needs_the_right_answer(event, before, in_time=in_time)
        if was_over:
            # I4: what has ended stays ended, in its kind and outcome.
            assert type(step.state) is type(before)
            for name in ("at", "assurance", "reason", "way", "green_until"):
                assert getattr(step.state, name, None) == getattr(before, name, None)
        self._counters_never_fall(before)
        self._secrets_only_to_the_user(step)
        said_on = {e.call_id for e in step.effects if isinstance(e, SayOnCall)}
        assert said_on <= {getattr(event, "call_id", None)}, "on the call that was answered, and on no other"
        self.given_back += sum(isinstance(e, GiveBackChallenge) for e in step.effects)
        self.over = not isinstance(step.state, Blank | Sent)
        assert isinstance(before, Blank) or not any(isinstance(e, CreateTicket) for e in step.effects), "one at most"
        return step

    def _a_proof_needs_the_right_answer(self, event: Event, before: State, *, in_time: bool) -> None:
        by_code = METHODS[self.method].way == "code"
        typed = isinstance(event, CodeTyped) and event.digest == "right" and not event.other_purpose
        right = by_code and typed and isinstance(event, CodeTyped) and event.technician == DANA
        pressed = isinstance(event, LinkConfirmed) and not by_code and (not self.number or event.typed == "right")
        proven = isinstance(self.state, Verified) and not isinstance(before, Verified)
        assert proven == (in_time and (right or pressed)), "I2: a live challenge, the right answer, and nothing else"
        if proven:
            assert isinstance(self.state, Verified)
            self.proofs += 1
            assert self.state.green_until == self.now + self.policy.green_for
            assert self.state.assurance.strength < Assurance.APP.strength, "no code and no tap is worth more"

    def _counters_never_fall(self, before: State) -> None:
        if isinstance(before, Sent) and isinstance(self.state, Sent):
            old, new = before.challenge, self.state.challenge
            for name in ("code", "digest", "spoken", "spoken_digest", "expires_at", "wording"):
                assert getattr(new, name) == getattr(old, name)
            for name in ("wrong", "sends", "says", "failed"):
                assert getattr(new, name) >= getattr(old, name), "I10"
            was = before.request
            assert replace(self.state.request, ticket=was.ticket, ticket_asked=was.ticket_asked) == was

    def _secrets_only_to_the_user(self, step: Step[State]) -> None:
        for effect in step.effects:
            if isinstance(effect, PlaceCall):
                self.sent += 1
                assert effect.drop_at == self.until
            elif isinstance(effect, SayOnCall):
                self.said += 1
                assert (effect.values["code"], effect.drop_at) == (CODE, self.until)
                assert effect.call_id
            elif isinstance(effect, TellUser) and holds_secret(tuple(effect.values.values())):
                self.sent += 1
                assert (effect.drop_at, effect.challenge) == (self.until, True)
            elif isinstance(effect, NoteTicket | TellUser | AlertTenant | CreateTicket):
                assert not holds_secret(tuple(effect.values.values()))
        if not isinstance(step.state, Sent):
            assert not any(isinstance(e, PlaceCall | SayOnCall) for e in step.effects)

    # --- what can happen --------------------------------------------------------------------------------------------

    def _answer(self, event: Event, *, counts: bool, most: int) -> None:
        in_time = self.now < self.until and not self.over
        step = self.feed(event)
        if in_time and counts:
            self.wrong += 1
            assert step.refused in ("wrong_code", "cross_purpose_code", "wrong_number")
            assert self.over == (self.wrong == most), "the last wrong answer, and no earlier one, ends it"

    @precondition(ripe)
    @rule(by=TECHNICIANS, digest=st.sampled_from(["right", "wrong", ""]), other=st.booleans())
    def type_a_code(self, by: Technician, digest: str, other: bool) -> None:
        counts = METHODS[self.method].way == "code" and by == DANA and (other or digest != "right")
        self._answer(CodeTyped(by, digest, other_purpose=other), counts=counts, most=self.policy.max_wrong_codes)

    @precondition(lambda self: not self.over)
    @rule()
    def another_technician_types_the_right_code(self) -> None:
        self._answer(CodeTyped(LEE, "right"), counts=False, most=0)
        assert not isinstance(self.state, Verified)

    @precondition(lambda self: not self.over)
    @rule()
    def the_digits_are_those_of_a_check_too(self) -> None:
        """That they are right as well can only be chance, and must not count (SEC-07)."""
        counts = METHODS[self.method].way == "code"
        event = CodeTyped(DANA, "right", other_purpose=True)
        self._answer(event, counts=counts, most=self.policy.max_wrong_codes)
        assert not isinstance(self.state, Verified)

    @rule()
    def guess_on(self) -> None:
        """Chance alone seldom gets to the last wrong code."""
        counts = METHODS[self.method].way == "code"
        self._answer(CodeTyped(DANA, "wrong"), counts=counts, most=self.policy.max_wrong_codes)

    @precondition(ripe)
    @rule(typed=st.sampled_from([None, "right", "wrong", ""]))
    def press_validate(self, typed: str | None) -> None:
        counts = self.number and typed is not None and typed != "right"
        self._answer(LinkConfirmed(typed), counts=counts, most=3)

    @precondition(lambda self: self.number)
    @rule()
    def type_a_wrong_number(self) -> None:
        self._answer(LinkConfirmed("wrong"), counts=True, most=3)

    @precondition(lambda self: ripe(self) and not self.over)
    @rule()
    def answer_rightly(self) -> None:
        self.feed(CodeTyped(DANA, "right"))
        self.feed(LinkConfirmed("right"))

    @precondition(ripe)
    @rule(way=st.sampled_from(["text", "page"]))
    def disown(self, way: Any) -> None:
        live, before = not self.over, self.state
        step = self.feed(Disowned(way))
        again = any(line.what.startswith("euv_denied") for line in getattr(before, "trail", ()))
        assert live is False or isinstance(step.state, Denied), "late or not"
        assert (EndShields() in step.effects) is not again
        assert sum(isinstance(e, AlertTenant) for e in step.effects) == (not again)

    @rule(by=TECHNICIANS)
    def resend(self, by: Technician) -> None:
        before = self.sent
        self.feed(ResendAsked(by))
        assert self.sent == before or (by == DANA and METHODS[self.method].way == "code" and not self.over)

    @precondition(ripe)
    @rule(which=st.sampled_from(["cancelled", "superseded", "opted out", "voided", "alarm"]), by=TECHNICIANS)
    def end_it_otherwise(self, which: str, by: Technician) -> None:
        ends: dict[str, Event] = {
            "cancelled": CancelAsked(by),
            "superseded": NewerAsked("u-2"),
            "opted out": OptedOut(),
            "voided": Voided("restored"),
            "alarm": Voided("alarm"),
        }
        step = self.feed(ends[which])
        assert not any(isinstance(e, TellUser | PlaceCall | SayOnCall) for e in step.effects), "silence"

    @rule(by=TECHNICIANS, ticket=st.sampled_from([Ticket("42", "1042"), Ticket("77", "1077")]))
    def link(self, by: Technician, ticket: Ticket) -> None:
        self.feed(TicketLinked(by, ticket))

    @rule(made=st.booleans())
    def the_ticket_system_answers(self, made: bool) -> None:
        before = self.state
        self.feed(TicketCreated(Ticket("99", "1099")) if made else TicketFailed())
        if not isinstance(before, Blank) and not before.request.ticket_asked:
            assert self.state == before, "nobody has asked for one, or another was linked meanwhile"

    @rule(call_id=CALL_IDS)
    def the_call_is_placed(self, call_id: str) -> None:
        self.feed(CallPlaced(call_id))

    @rule(call_id=CALL_IDS, by=st.sampled_from(["person", "unknown"]))
    def somebody_picks_up(self, call_id: str, by: Any) -> None:
        before = self.said
        self.feed(CallAnswered(by, call_id))
        self.calls += self.said > before
        assert by == "person" or self.said == before, "who cannot be told apart presses a key first"

    @precondition(ripe)
    @rule(call_id=CALL_IDS)
    def a_machine_picks_up(self, call_id: str) -> None:
        before = self.said
        self.feed(CallAnswered("machine", call_id))
        assert self.said == before

    @rule(call_id=CALL_IDS, digit=st.sampled_from("1234"))
    def a_key_is_pressed(self, call_id: str, digit: str) -> None:
        before = self.said
        self.feed(CallKeyed(digit, call_id))
        assert digit == "1" or self.said == before

    @precondition(ripe)
    @rule(call_id=CALL_IDS, how=st.sampled_from(["completed", "busy", "no-answer"]))
    def the_call_ends(self, call_id: str, how: str) -> None:
        live, spoken = not self.over, self.said > 0
        self.feed(CallEnded(how, call_id))
        assert not (live and spoken and self.over), "who has heard the code may still say it"

    @precondition(ripe)
    @rule()
    def a_send_fails(self) -> None:
        self.feed(SendFailed("30006"))

    @rule()
    def the_timer_rings_whenever(self) -> None:
        live, in_time = not self.over, self.now < self.until
        self.feed(DeadlinePassed())
        assert not live or self.over is not in_time, "a timer is a reminder, never the proof"

    @rule(seconds=st.integers(1, 40))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: ripe(self) and not self.over and self.now < self.until)
    @rule()
    def wait_until_just_before_the_deadline(self) -> None:
        self.now = self.until - timedelta(microseconds=1)

    @precondition(lambda self: ripe(self) and not self.over and self.now < self.until)
    @rule()
    def answer_at_the_deadline(self) -> None:
        """Chance alone seldom stops the clock here, so the test is steered to it."""
        self.now = self.until
        self.feed(CodeTyped(DANA, "right"))
        self.feed(LinkConfirmed("right"))
        assert self.over
        assert not isinstance(self.state, Verified)

    # --- what holds at any time -------------------------------------------------------------------------------------

    @invariant()
    def i1_it_is_accepted_at_most_once(self) -> None:
        assert self.proofs <= 1
        assert self.given_back <= 1

    @invariant()
    def i8_no_secret_after_the_end(self) -> None:
        if self.over:
            assert not holds_secret(self.state)

    @invariant()
    def i10_wrong_answers_are_bounded(self) -> None:
        assert self.wrong <= (3 if METHODS[self.method].way == "link" else self.policy.max_wrong_codes)

    @invariant()
    def a_code_is_read_a_few_times_at_most(self) -> None:
        assert self.said <= MAX_SAYS + self.calls, "once to whoever picks up, and at the press of a key"
        assert self.said == 0 or self.method is Method.VOICE_CALL


def holds_secret(value: object) -> bool:
    """Whether a code or link, or what they are compared with, is anywhere inside."""
    if isinstance(value, Code | Link) or value in ("right", CODE.digits, SPOKEN.digits, LINK.url):
        return True
    if isinstance(value, tuple):
        return any(holds_secret(v) for v in value)
    return is_dataclass(value) and any(holds_secret(getattr(value, f.name)) for f in fields(value))


TestAnyVerification = pytest.mark.feature(
    "TST-02", "SEC-07", "SEC-08", "SEC-11", "SEC-14", "EV-06", "EV-17", "EV-23", "Y-01"
)(AnyVerification.TestCase)
TestAnyVerification.settings = settings(
    max_examples=400, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
