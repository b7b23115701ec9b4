"""Circuit breakers: when they open, when one try may go through, and that they never stand in anybody else's way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.breakers import (
    FORGOTTEN_AFTER,
    MOST_KEPT,
    PROBE_LASTS,
    REST,
    WINDOW,
    Breakers,
    Closed,
    Open,
    Probing,
    State,
    admit,
    heard,
)
from tests.fixtures.stand_ins import START

SECOND = timedelta(seconds=1)


def after(works: str, every: timedelta = SECOND) -> State:
    """The state after tries that worked (`+`) or failed (`-`), one after the other."""
    state: State = Closed()
    for n, one in enumerate(works):
        state = heard(state, one == "+", START + n * every)
    return state


@pytest.mark.feature("REL-06")
@pytest.mark.parametrize(
    ("works", "every", "opens"),
    [
        ("-----", SECOND, True),
        ("----", SECOND, False),
        ("----+----", SECOND, False),
        ("-----", timedelta(hours=1), True),
        ("+-" * 10, SECOND, True),
        ("+-" * 9, SECOND, False),
        ("+-" * 30, 2 * SECOND, False),
        ("++-" * 20, SECOND / 10, False),
        ("+--" * 7, SECOND / 10, True),
    ],
)
def test_five_failures_in_a_row_or_half_of_twenty_within_half_a_minute(
    works: str, every: timedelta, opens: bool
) -> None:
    assert isinstance(after(works, every), Open) == opens


@pytest.mark.feature("REL-06")
def test_after_half_a_minute_one_try_goes_through_and_its_end_decides() -> None:
    opened = after("-----", timedelta(0))
    assert opened == Open(START, START + REST)
    assert admit(opened, START + REST - SECOND) == (opened, START + REST)
    probing, goes = admit(opened, START + REST)
    assert (isinstance(probing, Probing), goes) == (True, None)
    still, again = admit(probing, START + REST)
    assert still == probing
    assert again is not None
    assert START + REST < again < START + REST + PROBE_LASTS
    assert heard(probing, True, START + REST) == Closed()
    assert heard(probing, False, START + REST) == Open(START, START + 2 * REST)


@pytest.mark.feature("REL-06")
def test_a_probe_that_nothing_is_heard_of_makes_room_for_another() -> None:
    lost = Probing(START, START + PROBE_LASTS)
    assert admit(lost, START + PROBE_LASTS)[1] is None


def test_what_set_out_before_it_opened_says_nothing_about_now() -> None:
    opened = Open(START, START + REST)
    assert heard(opened, True, START) == heard(opened, False, START) == opened


KEYS = [(provider, tenant) for provider in ("twilio", "psa") for tenant in ("a", "b")]
STEPS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(["ask", "good", "bad"]), st.floats(0, 40)), max_size=200
)


@pytest.mark.feature("REL-06")
@given(STEPS)
def test_a_breaker_goes_by_its_own_provider_and_tenant_alone(
    steps: list[tuple[tuple[str, str], str, float]],
) -> None:
    """Beside the others it answers as it would alone; and everything that must hold of one breaker holds."""
    together = Breakers()
    alone = {key: Breakers() for key in KEYS}
    now = START
    last_failed = dict.fromkeys(KEYS, START - timedelta(days=1))
    for key, what, seconds in steps:
        now += timedelta(seconds=seconds)
        if what == "ask":
            again = together.admit(*key, now)
            assert again == alone[key].admit(*key, now)
            if again is not None:
                assert now < again <= now + max(REST, PROBE_LASTS)
                assert together.degraded(now, key[1]), "whoever is put off can see why"
                assert together.admit(*key, now) is not None
        else:
            change = together.heard(*key, what == "good", now)
            assert change == alone[key].heard(*key, what == "good", now)
            assert (change == "degraded") <= (what == "bad")
            assert (change == "back") <= (what == "good")
            if what == "bad":
                last_failed[key] = now
        shown = {(found.provider, found.tenant_id) for found in together.degraded(now)}
        for shown_key in shown:
            assert now - last_failed[shown_key] <= REST + PROBE_LASTS + FORGOTTEN_AFTER
    for state in together._states.values():
        assert not isinstance(state, Closed) or len(state.tallies) <= WINDOW


@pytest.mark.feature("REL-06")
@given(st.lists(st.booleans(), max_size=60))
def test_each_episode_is_told_once(outcomes: list[bool]) -> None:
    breakers, now, told = Breakers(), START, []
    for works in outcomes:
        now += timedelta(seconds=40)
        if breakers.admit("psa", "a", now) is None and (change := breakers.heard("psa", "a", works, now)):
            told.append(change)
    assert told == ["degraded", "back"] * (len(told) // 2) + ["degraded"] * (len(told) % 2)


def test_what_nobody_asks_about_is_not_shown_for_ever() -> None:
    breakers = Breakers()
    for _ in range(5):
        breakers.heard("psa", "a", False, START)
    assert [found.since for found in breakers.degraded(START)] == [START]
    assert breakers.degraded(START + REST + FORGOTTEN_AFTER) == ()


@pytest.mark.feature("REL-06", "REL-16")
def test_a_hundred_thousand_tenants_cost_no_more_than_there_is_room_for_and_the_open_ones_stay() -> None:
    breakers = Breakers()
    for _ in range(5):
        breakers.heard("psa", "down", False, START)
    for n in range(100_000):
        breakers.heard("twilio", f"tenant {n}", True, START)
    assert len(breakers._states) == MOST_KEPT
    assert breakers.admit("psa", "down", START) == START + REST
