"""The running application's clock and lots."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.clock import DatabaseClock, SystemClock, SystemRandom

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@given(st.lists(st.integers(-5000, 5000), min_size=2, max_size=50))
def test_ids_rise_in_the_order_they_are_minted_whatever_the_clock_does(steps: list[int]) -> None:
    random = SystemRandom()
    ids = [random.new_id(NOW + timedelta(milliseconds=step)) for step in steps]
    assert ids == sorted(set(ids))
    assert {uuid.UUID(i).version for i in ids} == {7}


def test_many_ids_of_one_moment_rise_too() -> None:
    random = SystemRandom()
    ids = [random.new_id(NOW) for _ in range(10_000)]
    assert ids == sorted(set(ids))


@pytest.mark.feature("TV-03", "TV-05")
def test_codes_keep_leading_zeros_and_spread_evenly() -> None:
    """Chi-square over all digits of 10,000 codes: 99.9 % of fair draws stay below 27.9 with nine degrees of freedom;
    twice that leaves room for no false alarm in a lifetime of runs, and any constant digit is far above it."""
    random = SystemRandom()
    codes = [random.code(6).digits for _ in range(10_000)]
    assert all(len(code) == 6 and code.isdecimal() for code in codes)
    assert any(code.startswith("0") for code in codes)
    digits = "".join(codes)
    expected = len(digits) / 10
    assert sum((digits.count(str(d)) - expected) ** 2 / expected for d in range(10)) < 56


def test_the_clock_moves_forward_only_and_wakes_who_waits() -> None:
    clock, woken = SystemClock(), []
    clock.on_advance(lambda: woken.append(clock.offset))
    before = clock.now()
    assert clock.advance(90) >= before + timedelta(seconds=90)
    assert woken == [timedelta(seconds=90)]
    with pytest.raises(ValueError, match="forward"):
        clock.advance(-1)


@pytest.mark.feature("REL-11")
def test_a_clock_by_the_database_ticks_on_and_does_not_hear_of_the_systems_jumps() -> None:
    system, ticks = [NOW], [5000.0]
    clock = DatabaseClock(lambda: ticks[0], lambda: system[0])
    assert clock.now() == NOW
    system[0] += timedelta(hours=1)
    ticks[0] += 7
    assert clock.now() == NOW + timedelta(seconds=7)
    clock.correct(timedelta(milliseconds=20))
    assert clock.now() == NOW + timedelta(seconds=7), "as long as a look takes"
    clock.correct(timedelta(seconds=-400))
    assert clock.now() == NOW + timedelta(seconds=-393)
    ticks[0] += 3
    assert clock.now() == NOW + timedelta(seconds=-390)
