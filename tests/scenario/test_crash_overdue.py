"""Twenty minutes without us: what was due meanwhile happens once, and what is too late does not happen (REL-12)."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fixtures.turn_stores import SqliteHouse, make_template
from tests.simulation.desk import Desk

AWAY = timedelta(minutes=20)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("overdue"))


async def _restarted(path: Path, before: Desk) -> Desk:
    """The process is gone without a word; another one starts twenty minutes later."""
    await before.house.store.close()
    before.clock.advance(AWAY)
    return Desk(SqliteHouse(path), before=before)


@pytest.mark.feature("REL-12", "REL-05", "REL-11")
async def test_overdue_timers_ring_once_and_nothing_is_verified(template: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(template, tmp_path / "watchword.db"))
    first = Desk(SqliteHouse(path))
    code = await first.claimed()
    second = await _restarted(path, first)
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
    await second.house.store.close()


@pytest.mark.feature("REL-12", "REL-05")
async def test_a_late_confirm_before_the_overdue_timer_verifies_nothing(template: Path, tmp_path: Path) -> None:
    """The deadline itself counts, whoever comes first."""
    path = Path(shutil.copy(template, tmp_path / "watchword.db"))
    first = Desk(SqliteHouse(path))
    code = await first.claimed()
    second = await _restarted(path, first)
    await second.engine.receive(second.said(f"#confirm {code}", "late"))
    assert await second.states() == ["expired"]
    await second.dispatcher.run_until_idle()
    assert sum("Time is up" in body for body in second.texts()) == 1
    await second.house.store.close()


@pytest.mark.feature("REL-05", "REL-12", "SEC-17")
async def test_a_code_that_waited_too_long_is_never_sent(template: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(template, tmp_path / "watchword.db"))
    first = Desk(SqliteHouse(path))
    await first.engine.receive(first.said("#verify", "first"))
    second = await _restarted(path, first)
    await second.dispatcher.run_until_idle()
    assert [row.status for row in await second.house.outbox() if row.body == ""] == ["dropped"]
    assert not any("Code: " in body for body in second.texts())
    assert sum("no technician of ours has opened this check" in body for body in second.texts()) == 1
    await second.house.store.close()
