"""How often standing answers are given, and when the next challenge may go out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.desk import ALWAYS, ANSWERS, MAX_PER_DAY, Ask, Desk, answer
from dialogs.effects import TellUser
from dialogs.limits import (
    PREFIX_AT_LEAST,
    PREFIX_PAUSED,
    PREFIX_REST,
    NotBefore,
    PrefixDay,
    SendCounts,
    next_send,
    prefix_pause,
)
from dialogs.settings import Limits

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
LIMITS = Limits()


def ago(**since: float) -> datetime:
    return NOW - timedelta(**since)


@pytest.mark.parametrize("ask", ANSWERS)
def test_every_ask_is_answered_once_and_again_after_its_pause(ask: Ask) -> None:
    template, pause = ANSWERS[ask]
    desk, effects = answer(Desk(), ask, NOW)
    assert effects == (TellUser(template, {}, after_stop=ask == "stopped"),)
    assert answer(desk, ask, NOW + pause - timedelta(seconds=1)) == (desk, ())
    assert answer(desk, ask, NOW + pause)[1] == effects


@pytest.mark.feature("SEC-25")
def test_strangers_get_one_answer_in_24_hours() -> None:
    desk, first = answer(Desk(), "stranger", NOW)
    assert [e.template for e in first if isinstance(e, TellUser)] == ["desk.unknown"]
    assert answer(desk, "stranger", NOW + timedelta(hours=23, minutes=59)) == (desk, ())


def test_values_go_with_the_answer() -> None:
    assert answer(Desk(), "too_many", NOW, {"at": NOW})[1] == (TellUser("desk.too_many", {"at": NOW}),)


def test_texts_that_came_together_are_answered_once_in_whatever_order_they_are_worked_through() -> None:
    desk, _ = answer(Desk(), "nothing_open", NOW)
    assert answer(desk, "nothing_open", ago(milliseconds=40)) == (desk, ())


def test_a_clock_that_jumped_back_answers() -> None:
    desk, _ = answer(Desk(), "plain", NOW)
    assert answer(desk, "plain", ago(hours=1))[1] != ()


@pytest.mark.feature("SEC-40", "Y-02")
def test_every_stop_is_confirmed_once_even_after_coming_back() -> None:
    desk, first = answer(Desk(), "stopped", NOW)
    assert answer(desk, "stopped", NOW + timedelta(minutes=5)) == (desk, ())
    desk, _ = answer(desk, "started", NOW + timedelta(minutes=6))
    assert answer(desk, "stopped", NOW + timedelta(minutes=7))[1] == first


def test_two_machines_do_not_answer_each_other_for_ever() -> None:
    desk, given, now = Desk(), 0, NOW
    while now < NOW + timedelta(hours=12):
        desk, effects = answer(desk, "plain", now)
        given += len(effects)
        now += timedelta(minutes=5)
    assert given == MAX_PER_DAY
    for ask in ALWAYS:
        assert answer(desk, ask, now)[1] != ()
    assert answer(desk, "plain", NOW + timedelta(hours=24))[1] != ()


def test_what_is_remembered_stays_small() -> None:
    desk = Desk()
    for minute in range(24 * 60):
        desk, _ = answer(desk, "help", NOW + timedelta(minutes=minute))
    assert len(desk.lately) == MAX_PER_DAY + 1


# --- limits ---------------------------------------------------------------------------------------------------------


def test_nothing_sent_nothing_held_back() -> None:
    assert next_send(SendCounts(), LIMITS, NOW, "verify") is None
    assert next_send(SendCounts(), LIMITS, NOW, "resend") is None


@pytest.mark.feature("Y-01", "SEC-39")
@pytest.mark.parametrize(
    ("counts", "purpose", "expected"),
    [
        (SendCounts(destination=(ago(minutes=1), ago(minutes=2))), "verify", None),
        (
            SendCounts(destination=(ago(minutes=1), ago(minutes=2), ago(minutes=7))),
            "verify",
            NotBefore(NOW + timedelta(minutes=3), "sender_10_min"),
        ),
        (SendCounts(destination=(ago(minutes=1), ago(minutes=2), ago(minutes=10))), "verify", None),
        # More than allowed are inside, because a limit was lowered: the third newest decides.
        (
            SendCounts(destination=(ago(minutes=9), ago(minutes=1), ago(minutes=2), ago(minutes=7))),
            "verify",
            NotBefore(NOW + timedelta(minutes=3), "sender_10_min"),
        ),
        (
            SendCounts(destination=tuple(ago(hours=2 * n) for n in range(1, 11))),
            "verify",
            NotBefore(NOW + timedelta(hours=4), "sender_24_h"),
        ),
        (
            SendCounts(destination=(ago(seconds=10),)),
            "resend",
            NotBefore(NOW + timedelta(seconds=20), "destination_gap"),
        ),
        (SendCounts(destination=(ago(seconds=30),)), "resend", None),
        (SendCounts(destination=(ago(seconds=10),)), "verify", None),
        (
            SendCounts(destination=(ago(minutes=1), ago(minutes=2), ago(minutes=3))),
            "resend",
            NotBefore(NOW + timedelta(minutes=7), "destination_10_min"),
        ),
        (
            SendCounts(destination=tuple(ago(minutes=11 * n) for n in range(1, 6))),
            "resend",
            NotBefore(NOW + timedelta(minutes=5), "destination_hour"),
        ),
        (
            SendCounts(destination=tuple(ago(hours=2 * n) for n in range(1, 11))),
            "resend",
            NotBefore(NOW + timedelta(hours=4), "destination_24_h"),
        ),
        (
            SendCounts(technician=(ago(minutes=50),) * 60),
            "resend",
            NotBefore(NOW + timedelta(minutes=10), "technician_hour"),
        ),
        (SendCounts(technician=(ago(minutes=50),) * 60), "verify", None),
        (SendCounts(prefix=(ago(minutes=50),) * 20), "verify", NotBefore(NOW + timedelta(minutes=10), "prefix_hour")),
        (SendCounts(tenant=(ago(minutes=50),) * 300), "resend", NotBefore(NOW + timedelta(minutes=10), "tenant_hour")),
        (SendCounts(segments_today=1999), "verify", None),
        (SendCounts(segments_today=2000), "verify", NotBefore(NOW + timedelta(hours=1), "tenant_segments_day")),
    ],
)  # fmt: skip
def test_limits(counts: SendCounts, purpose: str, expected: NotBefore | None) -> None:
    assert next_send(counts, LIMITS, NOW, "verify" if purpose == "verify" else "resend") == expected


def test_the_latest_of_several_full_limits_counts() -> None:
    counts = SendCounts(destination=(ago(minutes=9),) * 3, tenant=(ago(minutes=50),) * 300)
    assert next_send(counts, LIMITS, NOW, "verify") == NotBefore(NOW + timedelta(minutes=10), "tenant_hour")


def test_a_tenant_may_raise_a_limit() -> None:
    counts = SendCounts(destination=(ago(minutes=1),) * 3)
    assert next_send(counts, replace(LIMITS, verify_per_10_min=4), NOW, "verify") is None


def test_when_the_time_has_come_the_next_one_goes_out() -> None:
    counts = SendCounts(destination=(ago(minutes=1), ago(minutes=2), ago(minutes=7)))
    held = next_send(counts, LIMITS, NOW, "verify")
    assert held is not None
    assert next_send(counts, LIMITS, held.at - timedelta(microseconds=1), "verify") is not None
    assert next_send(counts, LIMITS, held.at, "verify") is None


# --- a prefix that hardly answers -----------------------------------------------------------------------------------


@pytest.mark.feature("SEC-39")
@pytest.mark.parametrize(
    ("sent", "answered", "percent", "minutes_ago", "pauses"),
    [
        (19, 0, 20, 1, False),
        (20, 0, 20, 1, True),
        (20, 3, 20, 1, True),
        (20, 4, 20, 1, False),
        (21, 4, 20, 1, True),
        (100, 19, 20, 1, True),
        (100, 20, 20, 1, False),
        (20, 0, 20, 359, True),
        (20, 0, 20, 360, False),
        (20, 9, 50, 1, True),
        (1000, 0, 0, 1, False),
    ],
)
def test_a_prefix_that_hardly_answers_pauses(
    sent: int, answered: int, percent: int, minutes_ago: int, pauses: bool
) -> None:
    limits, last = replace(LIMITS, prefix_answered_percent=percent), ago(minutes=minutes_ago)
    counts = SendCounts(prefix_day=PrefixDay(sent, answered, last, "x"))
    held = NotBefore(last + timedelta(hours=6), PREFIX_PAUSED) if pauses else None
    assert [
        next_send(counts, limits, NOW, "verify"),
        next_send(counts, limits, NOW, "resend"),
        next_send(counts, limits, NOW, "announce"),
    ] == [held] * 3


@pytest.mark.feature("SEC-39")
def test_nothing_sent_to_a_prefix_is_no_pause() -> None:
    assert prefix_pause(PrefixDay(), replace(LIMITS, prefix_answered_percent=50), NOW) is None


class Prefix:
    """A prefix as a store counts it; `turn` lets somebody ask at a time, and answer or not."""

    def __init__(self, percent: int = 20) -> None:
        self.limits = replace(LIMITS, prefix_answered_percent=percent)
        self.codes: list[tuple[datetime, bool]] = []

    def held(self, now: datetime) -> NotBefore | None:
        day = [code for code in self.codes if code[0] > now - timedelta(hours=24)]
        if not day:
            return None
        counts = PrefixDay(len(day), sum(answered for _, answered in day), day[-1][0], str(len(self.codes)))
        return prefix_pause(counts, self.limits, now)

    def turn(self, now: datetime, answers: bool) -> bool:
        """Whether a code went out."""
        if self.held(now) is not None:
            return False
        self.codes.append((now, answers))
        return True


GAPS = st.lists(st.integers(0, 5 * 3600), min_size=1, max_size=300)


@pytest.mark.feature("SEC-39")
@given(GAPS, st.integers(1, 50))
def test_codes_that_nobody_answers_are_few_however_they_are_asked_for(gaps: list[int], percent: int) -> None:
    """And when the time has come that was named, one goes out."""
    prefix, now = Prefix(percent), NOW
    for gap in gaps:
        now += timedelta(seconds=gap)
        prefix.turn(now, answers=False)
        held = prefix.held(now)
        if held is not None:
            assert now < held.at <= now + PREFIX_REST
            assert prefix.held(held.at) is None
    times = [at for at, _ in prefix.codes]
    for first in times:
        assert len([at for at in times if first <= at < first + timedelta(hours=24)]) <= PREFIX_AT_LEAST + 3


@given(GAPS)
def test_where_people_answer_nothing_pauses(gaps: list[int]) -> None:
    """One of every two is far above the share that is asked for; a share of 0 asks for nothing."""
    often, off, now = Prefix(), Prefix(percent=0), NOW
    for n, gap in enumerate(gaps):
        now += timedelta(seconds=gap)
        assert often.turn(now, answers=n % 2 == 0)
        assert off.turn(now, answers=False)
