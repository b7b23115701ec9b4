"""End-user verification, step by step: every walk of the table is compared as a whole step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from datetime import timedelta
from typing import Any, get_args, get_type_hints

import pytest

from dialogs.effects import (
    AlertTenant,
    Code,
    Effect,
    EndShields,
    Link,
    NoteTicket,
    PlaceCall,
    SayOnCall,
    TellUser,
)
from dialogs.machine import Step
from dialogs.tech_verify import MAX_TRAIL, Technician
from dialogs.user_verify import (
    METHODS,
    Action,
    Asked,
    Assurance,
    Blank,
    CallAnswered,
    CallEnded,
    CallKeyed,
    CallPlaced,
    Challenge,
    CodeTyped,
    Denied,
    Disowned,
    Env,
    Event,
    Expired,
    Failed,
    LinkConfirmed,
    Method,
    Override,
    Policy,
    Request,
    ResendAsked,
    SendFailed,
    Sent,
    State,
    Undelivered,
    Verified,
    machine,
    tries_left,
)
from tests.unit.verification_walks import ENDED, WALKS, Walk
from tests.unit.verification_walks.world import (
    ASKS,
    BY_CALL,
    BY_LINK,
    CODE,
    DANA,
    HEARD,
    LEE,
    LINK,
    LINKED,
    NOW,
    NUMBERED,
    PLACING,
    RINGING,
    SENT,
    T42,
    UNTIL,
)

NO_CODE_TYPES = (Verified, Failed, Denied, Expired, Undelivered)
BUILT = [method for method, facts in METHODS.items() if facts.built]


@pytest.mark.feature("EV-06", "EV-17", "EV-23", "EV-44", "SEC-07", "SEC-08", "SEC-11", "SEC-14", "Y-03")
@pytest.mark.parametrize("walk", WALKS, ids=str)
def test_walk(walk: Walk) -> None:
    assert machine.step(walk.state, walk.event, Env(NOW, walk.policy)) == walk.step


def test_every_pair_is_declared_or_ignored() -> None:
    assert machine.undeclared() == []


def test_walks_cover_exactly_the_declared_edges() -> None:
    declared = {(e.source, e.event, t) for e in machine.edges.values() for t in e.targets}
    assert {(type(w.state), type(w.event), type(w.step.state)) for w in WALKS} == declared


@pytest.mark.parametrize(("source", "event"), machine.ignored, ids=lambda c: c.__name__)
def test_ignored_pairs_say_why(source: type[State], event: type[Event]) -> None:
    assert len(machine.ignored[source, event]) > 10


@pytest.mark.feature("SEC-17")
@pytest.mark.parametrize("state", NO_CODE_TYPES)
def test_ended_states_have_no_room_for_a_code(state: type[Any]) -> None:
    """The codec wipes nothing: a code is gone with the state that held it."""
    assert not {Code, Link, Challenge} & set(field_types(state))


def test_the_live_state_does_have_one_but_none_for_a_link() -> None:
    types = set(field_types(Sent))
    assert {Code, Challenge} <= types
    assert Link not in types


def field_types(record: type[Any]) -> Iterator[type[Any]]:
    """Every record type that can be reached from this one's fields."""
    for annotation in get_type_hints(record).values():
        for part in (annotation, *get_args(annotation)):
            if isinstance(part, type):
                yield part
                if is_dataclass(part):
                    yield from field_types(part)


def test_no_repr_shows_code_or_link() -> None:
    for walk in WALKS:
        shown = repr(walk.step) + repr(walk.event) + repr(walk.state)
        assert CODE.digits not in shown
        assert LINK.url not in shown


@pytest.mark.feature("SEC-20", "EV-44")
def test_no_note_and_no_alert_holds_a_code() -> None:
    for walk in WALKS:
        for effect in walk.step.effects:
            if isinstance(effect, NoteTicket | AlertTenant):
                assert not any(isinstance(value, Code | Link) for value in effect.values.values())


# --- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-07", "EV-06")
@pytest.mark.parametrize("method", BUILT)
@pytest.mark.parametrize("answer", ["right code", "wrong code", "a check's code", "another technician's", "pressed"])
def test_what_verifies(method: Method, answer: str) -> None:
    """Only the right answer, given the way that the method asks for, by the technician who asked."""
    way = METHODS[method].way
    state = (LINKED if way == "link" else SENT) if method is not Method.VOICE_CALL else HEARD
    state = replace(state, request=replace(state.request, method=method))
    events: dict[str, Event] = {
        "right code": CodeTyped(DANA, "right"),
        "wrong code": CodeTyped(DANA, "wrong"),
        "a check's code": CodeTyped(DANA, "right", other_purpose=True),
        "another technician's": CodeTyped(LEE, "right"),
        "pressed": LinkConfirmed(),
    }
    step = machine.step(state, events[answer], Env(NOW, Policy()))
    assert isinstance(step.state, Verified) is (answer == ("pressed" if way == "link" else "right code"))
    assert bool(step.refused) is not isinstance(step.state, Verified)


@pytest.mark.feature("SEC-11")
@pytest.mark.parametrize("digest", ["", "righ", "right ", "RIGHT", "token"])
def test_nothing_but_the_very_digest_is_right(digest: str) -> None:
    assert machine.step(SENT, CodeTyped(DANA, digest), Env(NOW, Policy())).refused == "wrong_code"


def test_a_number_without_its_digest_is_never_right() -> None:
    """A request that lacks it must fail closed."""
    broken = replace(NUMBERED, challenge=replace(NUMBERED.challenge, spoken_digest=""))
    assert machine.step(broken, LinkConfirmed(""), Env(NOW, Policy())).refused == "wrong_number"


@pytest.mark.feature("EV-21", "EV-22")
@pytest.mark.parametrize(
    ("policy", "seconds"), [(Policy(), 300), (Policy(link_lifetime=timedelta(minutes=2)), 120)], ids=["usual", "own"]
)
@pytest.mark.parametrize("late", [False, True])
def test_a_link_lives_as_long_as_the_policy_says(policy: Policy, seconds: int, late: bool) -> None:
    asked = machine.step(Blank(), Asked(BY_LINK, "token", link=LINK), Env(NOW, policy)).state
    at = NOW + timedelta(seconds=seconds) - timedelta(microseconds=0 if late else 1)
    # A change of the setting in between is for new ones.
    step = machine.step(asked, LinkConfirmed(), Env(at, Policy(link_lifetime=timedelta(minutes=10))))
    assert type(step.state) is (Expired if late else Verified)


@pytest.mark.feature("EV-28", "SEC-15")
@pytest.mark.parametrize("minutes", [1, 30, 24 * 60])
def test_a_shield_stays_green_as_long_as_the_policy_says(minutes: int) -> None:
    policy = Policy(green_for=timedelta(minutes=minutes))
    step = machine.step(SENT, CodeTyped(DANA, "right"), Env(NOW, policy))
    assert isinstance(step.state, Verified)
    assert step.state.green_until == NOW + timedelta(minutes=minutes)


@pytest.mark.feature("SEC-11", "SEC-08")
@pytest.mark.parametrize("allowed", [3, 4, 5])
def test_the_last_wrong_code_and_no_earlier_one_ends_it(allowed: int) -> None:
    env = Env(NOW, Policy(max_wrong_codes=allowed))
    state: State = SENT
    for wrong in range(1, allowed + 1):
        assert isinstance(state, Sent)
        assert tries_left(state, env) == allowed - wrong + 1
        state = machine.step(state, CodeTyped(DANA, "wrong"), env).state
    assert isinstance(state, Failed)
    assert machine.step(state, CodeTyped(DANA, "right"), env) == Step(state, refused="verification_over")


@pytest.mark.feature("SEC-43")
def test_a_spoken_number_has_three_tries_however_many_codes_have() -> None:
    env = Env(NOW, Policy(max_wrong_codes=5))
    state: State = NUMBERED
    for left in (3, 2, 1):
        assert isinstance(state, Sent)
        assert tries_left(state, env) == left
        assert isinstance(machine.step(state, LinkConfirmed(), env).state, Sent), "a page without a number is no try"
        state = machine.step(state, LinkConfirmed("wrong"), env).state
    assert isinstance(state, Failed)
    assert machine.step(state, LinkConfirmed("right"), env) == Step(state)


@pytest.mark.feature("SEC-09")
@pytest.mark.parametrize(
    ("method", "typed", "worth"),
    [
        (Method.SMS_CODE, False, Assurance.CODE),
        (Method.SMS_LINK, False, Assurance.TAP),
        (Method.SMS_LINK, True, Assurance.CODE),
        (Method.EMAIL_CODE, False, Assurance.EMAIL),
        (Method.EMAIL_LINK, False, Assurance.EMAIL),
        (Method.EMAIL_LINK, True, Assurance.EMAIL),
        (Method.VOICE_CALL, False, Assurance.CODE),
    ],
)
def test_what_a_result_is_worth(method: Method, typed: bool, worth: Assurance) -> None:
    if METHODS[method].way == "link":
        state = replace(NUMBERED if typed else LINKED, request=replace(BY_LINK, method=method))
        step = machine.step(state, LinkConfirmed("right" if typed else None), Env(NOW, Policy()))
    else:
        state = replace(SENT, request=replace(ASKS, method=method))
        step = machine.step(state, CodeTyped(DANA, "right"), Env(NOW, Policy()))
    assert isinstance(step.state, Verified)
    assert step.state.assurance is worth


@pytest.mark.feature("SEC-09")
@pytest.mark.parametrize(
    ("action", "needs", "enough"),
    [
        (Action.HIGH, Assurance.APP, False),
        (Action.STANDARD, Assurance.TAP, True),
        (Action.STANDARD, Assurance.APP, False),
        (Action.INFO, Assurance.APP, True),
    ],
)
def test_a_ticket_reads_when_the_method_was_not_enough(action: Action, needs: Assurance, enough: bool) -> None:
    state = replace(SENT, request=replace(ASKS, action=action))
    step = machine.step(state, CodeTyped(DANA, "right"), Env(NOW, Policy(standard_needs=needs)))
    (written,) = [e for e in step.effects if isinstance(e, NoteTicket)]
    assert written.values["enough"] == ("" if enough else "phrase.not_enough")


@pytest.mark.feature("SEC-08")
@pytest.mark.parametrize("state", [SENT, LINKED, RINGING, HEARD, *(state for state, _, _ in ENDED)], ids=str)
def test_after_a_denial_nothing_is_green_and_no_answer_counts(state: State) -> None:
    env = Env(NOW, Policy())
    denied = machine.step(state, Disowned("text"), env)
    if not isinstance(state, Denied):
        assert any(isinstance(e, AlertTenant) and e.kind == "euv_denied" for e in denied.effects)
        assert EndShields() in denied.effects
    for answer in (CodeTyped(DANA, "right"), LinkConfirmed("right")):
        after = machine.step(denied.state, answer, env)
        assert after.state == denied.state
        assert after.effects == ()


def test_a_late_denial_is_told_once() -> None:
    env = Env(NOW, Policy())
    state = machine.step(ENDED[0][0], Disowned("text"), env).state
    assert machine.step(state, Disowned("page"), env) == Step(state)


# --- calls and sends, in any order ----------------------------------------------------------------------------------


@pytest.mark.feature("EV-14", "REL-08")
@pytest.mark.parametrize("placed_at", [0, 1, 2, 3])
def test_a_call_is_told_the_code_once_whenever_we_hear_that_it_was_placed(placed_at: int) -> None:
    events: list[Event] = [CallAnswered("unknown", "CA1"), CallKeyed("1", "CA1"), CallEnded("completed", "CA1")]
    events.insert(placed_at, CallPlaced("CA1"))
    state: State = PLACING
    effects: list[Effect] = []
    for event in events:
        step = machine.step(state, event, Env(NOW, Policy()))
        state, effects = step.state, [*effects, *step.effects]
    assert isinstance(state, Sent)
    assert (state.call_id, state.call_over) == ("CA1", True)
    assert [e.call_id for e in effects if isinstance(e, SayOnCall)] == ["CA1"]
    assert isinstance(machine.step(state, CodeTyped(DANA, "right"), Env(NOW, Policy())).state, Verified)


@pytest.mark.feature("EV-14")
@pytest.mark.parametrize("answer", [CallAnswered("person", "CA2"), CallKeyed("1", "CA2")], ids=["picked up", "key"])
def test_of_two_calls_the_one_with_a_person_on_it_is_told_the_code(answer: Event) -> None:
    """A carrier that took one call twice lets both ring: whose words are said on the other one is heard by whatever
    picks up there."""
    told = machine.step(RINGING, answer, Env(NOW, Policy()))
    assert [e.call_id for e in told.effects if isinstance(e, SayOnCall)] == ["CA2"]
    for late in (CallAnswered("machine", "CA1"), CallAnswered("person", "CA1"), CallKeyed("1", "CA1")):
        assert machine.step(told.state, late, Env(NOW, Policy())) == Step(told.state)
    again = machine.step(told.state, CallKeyed("1", "CA2"), Env(NOW, Policy()))
    assert [e.call_id for e in again.effects if isinstance(e, SayOnCall)] == ["CA2"]


@pytest.mark.feature("EV-14")
@pytest.mark.parametrize(
    "event",
    [CallAnswered("machine", "CA2"), CallAnswered("unknown", "CA2"), CallKeyed("7", "CA2"), CallEnded("busy", "CA2")],
)
@pytest.mark.parametrize("state", [RINGING, HEARD], ids=["rings", "heard"])
def test_nobody_on_a_second_call_says_nothing_of_the_first(state: Sent, event: Event) -> None:
    assert machine.step(state, event, Env(NOW, Policy())) == Step(state)


@pytest.mark.feature("EV-14")
def test_a_call_back_is_not_left_for_words_about_the_call_before() -> None:
    called_back = replace(HEARD, call_id="CA2", challenge=replace(HEARD.challenge, call_answered=""))
    for late in (CallAnswered("person", "CA1"), CallKeyed("1", "CA1")):
        assert machine.step(called_back, late, Env(NOW, Policy())) == Step(called_back)


@pytest.mark.feature("EV-14", "REL-08")
def test_there_is_no_second_call_until_the_first_is_over_and_no_third_until_the_second() -> None:
    """Whatever is heard late of the first says nothing of the second, which may still wait at the carrier."""
    env, state, calls = Env(NOW, Policy()), PLACING, 1

    def feed(event: Event) -> None:
        nonlocal state, calls
        step = machine.step(state, event, env)
        assert isinstance(step.state, Sent)
        state, calls = step.state, calls + sum(isinstance(e, PlaceCall) for e in step.effects)

    happens: list[tuple[Event, int]] = [
        (CallPlaced("CA1"), 1),
        (CallAnswered("person", "CA1"), 1),
        (CallEnded("completed", "CA1"), 2),
        (CallEnded("completed", "CA1"), 2),
        (CallPlaced("CA1"), 2),
        (SendFailed("call_over"), 2),
        (CallPlaced("CA2"), 2),
        (CallEnded("completed", "CA1"), 2),
        (CallEnded("busy", "CA2"), 3),
        (CallEnded("completed", "CA1"), 3),
        (CallEnded("busy", "CA2"), 3),
        (CallAnswered("person", "CA1"), 3),
    ]
    feed(ResendAsked(DANA))
    assert calls == 1, "it has not been placed yet"
    for event, then in happens:
        feed(event)
        feed(ResendAsked(DANA))
        assert calls == then, event


@pytest.mark.feature("EV-14")
def test_a_call_that_was_never_placed_does_not_stand_in_the_way() -> None:
    env = Env(NOW, Policy())
    waits = machine.step(replace(HEARD, call_over=True), ResendAsked(DANA), env).state
    failed = machine.step(waits, SendFailed("21211", call=True), env).state
    assert any(isinstance(e, PlaceCall) for e in machine.step(failed, ResendAsked(DANA), env).effects)


@pytest.mark.feature("EV-14", "EV-15")
def test_a_key_that_is_heard_after_its_call_has_ended_lets_nothing_out() -> None:
    over = replace(HEARD, call_over=True)
    assert machine.step(over, CallKeyed("1", "CA1"), Env(NOW, Policy())) == Step(over)


@pytest.mark.feature("EV-14", "EV-15")
def test_a_code_that_was_heard_is_live_though_it_could_not_be_said_again() -> None:
    asked_twice = replace(HEARD, challenge=replace(HEARD.challenge, says=2))
    env = Env(NOW, Policy())
    once = machine.step(asked_twice, SendFailed("call_over"), env).state
    assert isinstance(once, Sent)
    assert isinstance(machine.step(once, CodeTyped(DANA, "right"), env).state, Verified)
    assert isinstance(machine.step(once, SendFailed("call_over"), env).state, Undelivered), "neither was heard"


@pytest.mark.feature("EV-15")
def test_what_is_said_again_is_the_same_code_and_comes_to_an_end() -> None:
    state: State = RINGING
    said: list[SayOnCall] = []
    events: list[Event] = [CallAnswered("person", "CA1"), *[CallKeyed("1", "CA1")] * 9]
    for event in events:
        step = machine.step(state, event, Env(NOW, Policy()))
        state = step.state
        said += [e for e in step.effects if isinstance(e, SayOnCall)]
    assert {e.values["code"] for e in said} == {CODE}
    assert [e.then for e in said] == ["again"] * 4 + ["hang_up"]
    assert {e.drop_at for e in said} == {UNTIL}


def test_without_knowing_which_call_it_is_nothing_is_said() -> None:
    for event in (CallAnswered("person"), CallKeyed("1")):
        assert not machine.step(PLACING, event, Env(NOW, Policy())).effects


@pytest.mark.feature("SEC-06")
@pytest.mark.parametrize("wording", ["conflict", "introduced"])
def test_a_repeat_says_the_same_as_the_first(wording: Any) -> None:
    again: tuple[tuple[Request, Event], ...] = (
        (ASKS, ResendAsked(DANA)),
        (BY_CALL, CallAnswered("person", "CA1")),
    )
    for request, event in again:
        asked = Asked(request, "right", CODE, conflict=wording == "conflict", introduced=wording == "introduced")
        sent = machine.step(Blank(), asked, Env(NOW, Policy())).state
        (effect,) = machine.step(sent, event, Env(NOW, Policy())).effects
        assert isinstance(effect, TellUser | SayOnCall)
        assert effect.template.endswith("_" + wording)


@pytest.mark.feature("SEC-06")
def test_a_conflict_outweighs_an_introduction() -> None:
    event = Asked(ASKS, "right", CODE, conflict=True, introduced=True)
    effect = machine.step(Blank(), event, Env(NOW, Policy())).effects[0]
    assert isinstance(effect, TellUser)
    assert effect.template == "euv.send_sms_code_conflict"


@pytest.mark.parametrize("sends", [1, 2, 3])
def test_it_never_arrived_only_when_nothing_that_was_sent_can_arrive(sends: int) -> None:
    state: State = replace(SENT, challenge=replace(SENT.challenge, sends=sends))
    for failed in range(1, sends + 1):
        state = machine.step(state, SendFailed("30006"), Env(NOW, Policy())).state
        assert isinstance(state, Undelivered) is (failed == sends)


@pytest.mark.parametrize("method", [m for m in METHODS if m not in BUILT])
def test_what_is_not_built_is_not_asked(method: Method) -> None:
    step = machine.step(Blank(), Asked(replace(ASKS, method=method), "right", CODE, LINK), Env(NOW, Policy()))
    assert step == Step(Blank(), refused="method_not_set_up")


@pytest.mark.parametrize("method", BUILT)
def test_each_method_asks_in_its_own_way(method: Method) -> None:
    link = LINK if METHODS[method].way == "link" else None
    event = Asked(replace(ASKS, method=method), "right", None if link else CODE, link)
    effect = machine.step(Blank(), event, Env(NOW, Policy())).effects[0]
    if method is Method.VOICE_CALL:
        assert isinstance(effect, PlaceCall)
        return
    assert isinstance(effect, TellUser)
    assert effect.template == f"euv.send_{method.value}"
    assert effect.challenge
    assert [v for v in effect.values.values() if isinstance(v, Code | Link)] == [link or CODE]


# --- the story ------------------------------------------------------------------------------------------------------


@pytest.mark.feature("EV-44", "EV-32", "SEC-12", "SEC-06")
def test_the_note_tells_all_that_is_unusual() -> None:
    request = replace(
        ASKS,
        destination=replace(ASKS.destination, is_default=False),
        note="Manager is with them",
        other_contact=True,
        override=Override("They sit next to me.", alone=True),
    )
    state = machine.step(Blank(), Asked(request, "right", CODE, conflict=True), Env(NOW, Policy())).state
    (written,) = [
        e
        for e in machine.step(state, CodeTyped(DANA, "right"), Env(NOW, Policy())).effects
        if isinstance(e, NoteTicket)
    ]
    expected = {
        "unusual": "phrase.other_address",
        "remark": "Manager is with them",
        "whose": "phrase.other_contact",
        "reason": "They sit next to me.",
        "alone": "phrase.override_alone",
        "outcome": "phrase.outcome_euv_verified",
    }
    assert expected.items() <= written.values.items()
    moved = replace(SENT, request=replace(ASKS, destination=replace(ASKS.destination, is_new=True)))
    (told,) = [
        e for e in machine.step(moved, Disowned("page"), Env(NOW, Policy())).effects if isinstance(e, NoteTicket)
    ]
    assert told.values["unusual"] == "phrase.new_address"


def test_a_name_with_a_line_break_starts_no_line_of_its_own() -> None:
    forged = Technician("t-1", "Dana\n2026-03-01T14:00:00+00:00|euv_verified_code|")
    state = machine.step(SENT, CodeTyped(forged, "wrong"), Env(NOW, Policy())).state
    (written,) = [
        e for e in machine.step(state, Disowned("page"), Env(NOW, Policy())).effects if isinstance(e, NoteTicket)
    ]
    assert len(str(written.values["trail"]).splitlines()) == 3


def test_the_trail_keeps_its_first_line_and_stays_bounded() -> None:
    state: State = SENT
    for _ in range(MAX_TRAIL + 10):
        state = machine.step(state, ResendAsked(DANA), Env(NOW, Policy())).state
    assert isinstance(state, Sent)
    assert len(state.trail) == MAX_TRAIL
    assert state.trail[0] == SENT.trail[0]


def test_it_is_bound_to_what_was_asked() -> None:
    """No event but the link to a ticket changes the request; the answer is about what was asked."""
    for walk in WALKS:
        before, after = walk.state, walk.step.state
        if not isinstance(before, Blank) and not isinstance(after, Blank):
            ticket = after.request.ticket if after.request.ticket is not None else before.request.ticket
            asked, late = after.request.ticket_asked, after.request.linked_late
            same = replace(before.request, ticket=ticket, ticket_asked=asked, linked_late=late)
            assert same == after.request
            assert before.request.ticket_asked or not after.request.ticket_asked, "a new one is asked for once"
    assert SENT.request.ticket == T42


@pytest.mark.parametrize(
    "event",
    [CallPlaced("CA1"), CallAnswered("person", "CA1"), CallKeyed("1", "CA1"), CallEnded("busy", "CA1")],
    ids=lambda event: type(event).__name__,
)
def test_nobody_is_read_a_code_that_went_out_as_a_text(event: Event) -> None:
    assert machine.step(SENT, event, Env(NOW, Policy())) == Step(SENT)
