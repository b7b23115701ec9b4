"""Locks after wrong answers, at their boundaries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.turns import Try
from dialogs.user_locks import Lock, lock_of, tell_of_overrides, tell_of_wrong_codes
from dialogs.user_verify import Method

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
SMS = Method.SMS_CODE
MINUTE = timedelta(minutes=1)
HAIR = timedelta(microseconds=1)


def tries(*ago: timedelta, outcome: Literal["right", "wrong", "reset"] = "wrong", method: Method = SMS) -> list[Try]:
    return [Try(f"{outcome}-{i}", "u", "c-1", method, "t-1", NOW - each, outcome) for i, each in enumerate(ago)]


def every(count: int, apart: timedelta, first: timedelta = timedelta()) -> list[timedelta]:
    """`count` times ago, the newest `first` ago, each `apart` before the next."""
    return [first + apart * i for i in range(count)]


@pytest.mark.feature("SEC-11")
@pytest.mark.parametrize(
    ("ago", "lock"),
    [
        ([], None),
        (every(9, MINUTE), None),
        (every(10, MINUTE), Lock("method_locked", NOW + 15 * MINUTE)),
        (every(10, MINUTE, 15 * MINUTE - HAIR), Lock("method_locked", NOW + HAIR)),
        (every(10, MINUTE, 15 * MINUTE), None),
        # The lock is over; one more within the hour locks again.
        ([timedelta(), *every(10, MINUTE, 16 * MINUTE)], Lock("method_locked", NOW + 15 * MINUTE)),
        # Ten of them within an hour, and exactly an hour.
        ([timedelta(), *every(8, MINUTE, MINUTE), 60 * MINUTE - HAIR], Lock("method_locked", NOW + 15 * MINUTE)),
        ([timedelta(), *every(8, MINUTE, MINUTE), 60 * MINUTE], None),
    ],
)
def test_ten_within_an_hour(ago: list[timedelta], lock: Lock | None) -> None:
    assert lock_of(tries(*ago), SMS, NOW) == lock


@pytest.mark.feature("SEC-11")
@pytest.mark.parametrize(
    ("count", "oldest", "lock"),
    [
        (19, timedelta(hours=23), None),
        (20, timedelta(hours=23), Lock("method_locked", NOW + timedelta(hours=1))),
        (20, timedelta(hours=24) - HAIR, Lock("method_locked", NOW + HAIR)),
        (20, timedelta(hours=24), None),
    ],
)
def test_twenty_within_a_day(count: int, oldest: timedelta, lock: Lock | None) -> None:
    """Spread so that no hour holds ten of them."""
    spread = [*every(count - 1, 66 * MINUTE, 66 * MINUTE), oldest]
    assert lock_of(tries(*spread), SMS, NOW) == lock


@pytest.mark.feature("SEC-11")
def test_more_than_twenty_wait_until_fewer_than_twenty_are_left() -> None:
    spread = every(21, 66 * MINUTE, 66 * MINUTE)
    lock = lock_of(tries(*spread), SMS, NOW)
    assert lock == Lock("method_locked", NOW - spread[19] + timedelta(hours=24))


@pytest.mark.feature("SEC-11")
@pytest.mark.parametrize(("count", "disabled"), [(49, False), (50, True), (70, True)])
def test_fifty_in_a_row(count: int, disabled: bool) -> None:
    old = every(count, timedelta(days=2), timedelta(days=2))
    assert lock_of(tries(*old), SMS, NOW) == (Lock("method_disabled") if disabled else None)
    words: tuple[Literal["right", "reset"], ...] = ("right", "reset")
    for outcome in words:
        between = tries(timedelta(days=61), outcome=outcome)
        assert lock_of(tries(*old) + between, SMS, NOW) is None


@pytest.mark.feature("SEC-11")
def test_of_the_locks_of_the_hour_and_of_the_day_the_longer_one_counts() -> None:
    ago = [*every(10, MINUTE), *every(10, MINUTE, timedelta(hours=3))]
    assert lock_of(tries(*ago), SMS, NOW) == Lock("method_locked", NOW - ago[-1] + timedelta(hours=24))


@pytest.mark.feature("SEC-11")
def test_a_right_one_does_not_lift_the_lock_of_the_hour_and_a_reset_does() -> None:
    ten = tries(*every(10, MINUTE, MINUTE))
    assert lock_of([*ten, *tries(timedelta(), outcome="right")], SMS, NOW) is not None
    assert lock_of([*ten, *tries(timedelta(), outcome="reset")], SMS, NOW) is None


@pytest.mark.feature("SEC-07")
def test_each_method_is_locked_on_its_own() -> None:
    ten = tries(*every(10, MINUTE), method=Method.EMAIL_CODE)
    assert lock_of(ten, SMS, NOW) is None
    assert lock_of(ten, Method.EMAIL_CODE, NOW) is not None


@given(st.lists(st.tuples(st.integers(0, 3000), st.sampled_from(["right", "wrong", "reset"])), max_size=80), st.data())
def test_the_order_in_which_they_are_handed_over_does_not_matter(
    story: list[tuple[int, Literal["right", "wrong", "reset"]]], data: st.DataObject
) -> None:
    told = [Try(f"{i:03}", "u", "c-1", SMS, "t-1", NOW - MINUTE * m, outcome) for i, (m, outcome) in enumerate(story)]
    assert lock_of(told, SMS, NOW) == lock_of(data.draw(st.permutations(told)), SMS, NOW)


@given(st.lists(st.integers(0, 1500), max_size=60), st.integers(0, 1500))
def test_a_lock_ends_when_it_says_if_nothing_more_is_tried(ago: list[int], later: int) -> None:
    told = tries(*(MINUTE * m for m in ago))
    lock = lock_of(told, SMS, NOW)
    if lock is None or lock.not_before is None:
        return
    at = NOW + MINUTE * later
    assert (lock_of(told, SMS, at) is None) is (at >= lock.not_before)


@pytest.mark.feature("SEC-14")
def test_a_technician_is_told_of_once() -> None:
    assert [n for n in range(40) if tell_of_wrong_codes(n)] == [10], "the eleventh"
    assert [n for n in range(40) if tell_of_overrides(n)] == [5], "the sixth"
