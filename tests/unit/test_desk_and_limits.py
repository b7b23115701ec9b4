"""How often standing answers are given, and when the next challenge may go out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dialogs.desk import ALWAYS, ANSWERS, MAX_PER_DAY, Ask, Desk, answer
from dialogs.effects import TellUser
from dialogs.limits import NotBefore, SendCounts, next_send
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
