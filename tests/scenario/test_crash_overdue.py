"""Twenty minutes without us: what was due meanwhile happens once, and what is too late does not happen (REL-12)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fixtures.turn_stores import StoredHouse
from tests.simulation.desk import Desk

AWAY = timedelta(minutes=20)


async def _restarted(before: Desk) -> Desk:
    """The process is gone without a word; another one starts twenty minutes later."""
    await before.house.close()
    before.clock.advance(AWAY)
    return Desk(before.house.again(), before=before)


@pytest.mark.feature("REL-12", "REL-05", "REL-11")
async def test_overdue_timers_ring_once_and_nothing_is_verified(kept_house: StoredHouse) -> None:
    first = Desk(kept_house)
    code = await first.claimed()
    second = await _restarted(first)
    # Two dispatchers' worth of rounds: the timers are gone after the first.
    await second.dispatcher.run_until_idle()
    await second.dispatcher.run_until_idle()
    assert await second.all_at_once(second.said(f"#confirm {code}", "late")) == {"taken": 1}
    await second.dispatcher.run_until_idle()
    assert await second.states() == ["expired"]
    assert [line.kind for line in await second.house.log()].count("tv.expire") == 1
    assert sum("Time is up" in body for body in second.texts()) == 1
    assert not any("Confirmed." in body for body in second.texts())
    (note,) = second.ledger.of_kind("note")
    assert "not confirmed in time" in note.values["body"]
    await second.house.close()


@pytest.mark.feature("REL-12", "REL-05")
async def test_a_late_confirm_before_the_overdue_timer_verifies_nothing(kept_house: StoredHouse) -> None:
    """The deadline itself counts, whoever comes first."""
    first = Desk(kept_house)
    code = await first.claimed()
    second = await _restarted(first)
    await second.engine.receive(second.said(f"#confirm {code}", "late"))
    assert await second.states() == ["expired"]
    await second.dispatcher.run_until_idle()
    assert sum("Time is up" in body for body in second.texts()) == 1
    await second.house.close()


@pytest.mark.feature("REL-05", "REL-12", "SEC-17")
async def test_a_code_that_waited_too_long_is_never_sent(kept_house: StoredHouse) -> None:
    first = Desk(kept_house)
    await first.engine.receive(first.said("#verify", "first"))
    second = await _restarted(first)
    await second.dispatcher.run_until_idle()
    assert [row.status for row in await second.house.outbox() if row.body == ""] == ["dropped"]
    assert not any("Code: " in body for body in second.texts())
    assert sum("no technician of ours has opened this check" in body for body in second.texts()) == 1
    await second.house.close()
