"""Technician verification, step by step: every walk of the table is compared as a whole step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from dialogs.effects import (
    AlertTenant,
    Code,
    Effect,
    NoteTicket,
    TellUser,
)
from dialogs.machine import Step
from dialogs.reference import PAGES
from dialogs.tech_verify import (
    MAX_HINTS,
    MAX_TRAIL,
    Alarm,
    Announced,
    Blank,
    Challenge,
    ClaimTakenOver,
    Confirmed,
    ConfirmReceived,
    Denied,
    DenyReceived,
    Direction,
    Env,
    Event,
    Expired,
    Known,
    Later,
    Mode,
    NearMissReceived,
    Open,
    Rejected,
    ResendAsked,
    Rules,
    Several,
    State,
    Superseded,
    VerifyRequested,
    machine,
)
from tests.unit.check_walks import WALKS
from tests.unit.check_walks.by_technician import TAKES
from tests.unit.check_walks.world import (
    CLAIMED,
    CLAIMED_DUE,
    CODE,
    CODE_TEXT,
    DANA,
    DAY_END,
    LEE,
    LIVE,
    NOW,
    OPEN,
    OPEN_DUE,
    PAT,
    STORY,
    T42,
    Walk,
)

NO_CODE_TYPES = (Confirmed, Denied, Rejected, Superseded, Expired, Alarm)


@pytest.mark.feature(
    "TV-08", "TV-12", "TV-22", "TV-23", "TV-24", "TV-26", "SEC-01", "SEC-03", "SEC-04", "SEC-08", "Y-01", "Y-03"
)
@pytest.mark.parametrize("walk", WALKS, ids=str)
def test_walk(walk: Walk) -> None:
    assert machine.step(walk.state, walk.event, Env(NOW, walk.rules)) == walk.step


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
    assert not {Code, Challenge} & set(field_types(state))


def test_the_live_states_do_have_one() -> None:
    assert {Code, Challenge} <= set(field_types(Open))


def field_types(record: type[Any]) -> Iterator[type[Any]]:
    """Every record type that can be reached from this one's fields."""
    for annotation in get_type_hints(record).values():
        for part in (annotation, *get_args(annotation)):
            if isinstance(part, type):
                yield part
                if is_dataclass(part):
                    yield from field_types(part)


@pytest.mark.feature("SEC-01", "SEC-03")
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("typed", [None, "right", "wrong", "another check's"])
@pytest.mark.parametrize("state", ["open", "claimed"])
def test_which_answers_confirm(mode: Mode, typed: str | None, state: str) -> None:
    """The matrix of SEC-03: only a claimed check, only a right code, a bare answer only where codes are compared."""
    challenge = replace(LIVE, mode=mode)
    before: State = Open(STORY, challenge) if state == "open" else replace(CLAIMED, challenge=challenge)
    step = machine.step(before, ConfirmReceived(typed), Env(NOW, Rules()))
    expected = state == "claimed" and (typed == "right" or (typed is None and mode is Mode.COMPARE))
    assert isinstance(step.state, Confirmed) is expected


@pytest.mark.feature("SEC-02", "Y-04")
@pytest.mark.parametrize(
    "call",
    [
        Announced(PAT, DANA, Direction.USER_CALLED_US, T42),
        Announced(PAT, DANA, Direction.WE_CALLED_USER, Later()),
        Announced(Known("c-9", "Somebody else"), DANA, Direction.WE_CALLED_USER, T42),
    ],
    ids=["they called us", "no ticket", "another contact"],
)
def test_an_announced_call_cannot_do_what_a_claim_may_not(call: Announced) -> None:
    step = machine.step(Blank(), VerifyRequested(PAT, CODE, "right", call), Env(NOW, Rules(ticket_at_claim="required")))
    assert isinstance(step.state, Open)
    assert TellUser("tv.code", {"again": "", "code": CODE}, DAY_END.at, True) in step.effects


@pytest.mark.feature("SEC-02")
@pytest.mark.parametrize("pick", [None, Known("c-9", "Somebody else")])
def test_one_of_several_contacts_must_be_picked(pick: Known | None) -> None:
    several = replace(OPEN, story=replace(STORY, asker=Several(("c-1", "c-2"))))
    step = machine.step(several, replace(TAKES, contact=pick), Env(NOW, Rules()))
    assert step == Step(several, refused="pick_contact")


@pytest.mark.feature("SEC-08")
@pytest.mark.parametrize("state", [CLAIMED, CLAIMED_DUE, OPEN, OPEN_DUE])
def test_after_a_denial_the_right_code_is_worth_nothing(state: State) -> None:
    env = Env(NOW, Rules())
    denied = machine.step(state, DenyReceived(), env)
    assert any(isinstance(e, AlertTenant) and e.kind == "denied" for e in denied.effects)
    assert machine.step(denied.state, ConfirmReceived("right"), env) == Step(denied.state)


@pytest.mark.feature("TV-25", "SEC-20")
def test_the_note_tells_every_step_in_order_and_no_code() -> None:
    env = Env(NOW, Rules())
    state: State = OPEN
    effects: tuple[Effect, ...] = ()
    for event in (ConfirmReceived(), TAKES, ConfirmReceived("wrong"), ClaimTakenOver(LEE), ConfirmReceived("right")):
        step = machine.step(state, event, env)
        state, effects = step.state, effects + step.effects
    (written,) = [e for e in effects if isinstance(e, NoteTicket)]
    assert written.values["trail"] == (
        "2026-03-01T13:59:30+00:00|requested|\n"
        "2026-03-01T14:00:00+00:00|confirmed_early|\n"
        "2026-03-01T14:00:00+00:00|claimed|Dana\n"
        "2026-03-01T14:00:00+00:00|wrong_code|\n"
        "2026-03-01T14:00:00+00:00|taken_over|Lee\n"
        "2026-03-01T14:00:00+00:00|confirmed|"
    )
    assert not any(isinstance(value, Code) or "482913" in str(value) for value in written.values.values())


def test_a_name_with_a_line_break_starts_no_line_of_its_own() -> None:
    forged = replace(DANA, first_name="Dana\n2026-03-01T14:00:00+00:00|confirmed|")
    taken = machine.step(OPEN, replace(TAKES, technician=forged), Env(NOW, Rules())).state
    (written,) = [
        e for e in machine.step(taken, DenyReceived(), Env(NOW, Rules())).effects if isinstance(e, NoteTicket)
    ]
    assert len(str(written.values["trail"]).splitlines()) == 3


def test_the_trail_keeps_its_first_line_and_stays_bounded() -> None:
    state: State = OPEN
    for _ in range(MAX_TRAIL + 10):
        state = machine.step(state, ResendAsked(LEE), Env(NOW, Rules())).state
    assert isinstance(state, Open)
    assert len(state.story.trail) == MAX_TRAIL
    assert state.story.trail[0] == STORY.trail[0]


@pytest.mark.feature("Y-01")
def test_hints_come_to_an_end() -> None:
    state, answers = OPEN, 0
    for _ in range(20):
        step = machine.step(state, NearMissReceived(), Env(NOW, Rules()))
        assert isinstance(step.state, Open)
        state, answers = step.state, answers + len(step.effects)
    assert answers == MAX_HINTS


@pytest.mark.feature("TV-23")
def test_a_resend_repeats_the_code_and_prolongs_nothing() -> None:
    step = machine.step(OPEN, ResendAsked(LEE), Env(NOW + timedelta(minutes=9), Rules()))
    assert isinstance(step.state, Open)
    assert step.state.challenge == LIVE
    assert step.effects == (CODE_TEXT,)


def test_no_repr_shows_the_code() -> None:
    for walk in WALKS:
        assert CODE.digits not in repr(walk.step)
        assert CODE.digits not in str(fields(walk.step.state))


@pytest.mark.parametrize("name", PAGES)
def test_the_page_in_the_reference_is_current(name: str) -> None:
    committed = Path(__file__).parents[2] / "docs" / "reference" / name
    assert committed.read_text("utf-8") == PAGES[name]()
