"""Checking the end of the log alone: what it finds of what the whole check finds, and what it must not overlook."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from storage.sealed import tiles
from storage.sealed.integrity import Integrity, LogCheck
from storage.sealed.merkle import Peaks, over, perfect, root
from storage.sealed.report import Report
from storage.sealed.verify import verify
from tests.fixtures.sealed_log import SealedLog

pytestmark = pytest.mark.feature("SEC-54", "SEC-55")
SET_TILE = "UPDATE audit_tiles SET hashes ="
CHANGE = "UPDATE audit SET technician_id = 'somebody else' WHERE seq ="


async def end_of(log: SealedLog, last: int = 300) -> Report:
    return await verify(log.kept.database, log.kept.keyring, log.file, last=last)


@pytest.mark.parametrize(("last", "begin"), [(300, 768), (5, 1024), (1205, 0), (10_000, 0)])
async def test_the_end_of_a_whole_log_is_whole(sealed: SealedLog, last: int, begin: int) -> None:
    seen: list[tuple[int, int]] = []
    report = await verify(
        sealed.kept.database, sealed.kept.keyring, sealed.file, lambda *at: seen.append(at), last=last
    )
    assert report.whole, report.findings
    assert (report.begin, report.lines, report.covered) == (begin, 1205, 1200)
    assert seen[-1] == (1205 - begin, 1205 - begin)


async def test_a_changed_line_at_the_end_is_named(sealed: SealedLog) -> None:
    await sealed.tamper(f"{CHANGE} 1100")
    report = await end_of(sealed)
    assert report.first is not None
    assert (report.first.seq, report.first.what[:16]) == (1100, "has been changed")


async def test_a_changed_line_before_the_end_is_for_the_whole_check(sealed: SealedLog) -> None:
    await sealed.tamper(f"{CHANGE} 100")
    assert (await end_of(sealed)).whole
    assert not (await sealed.check()).whole


async def test_a_changed_tree_before_the_end_shows_in_the_roots(sealed: SealedLog) -> None:
    """Whoever rebuilds old lines with their tree cannot make the newer roots fit."""
    await sealed.tamper(f"{CHANGE} 100")
    leaf = await sealed.rehash(100)
    old = await sealed.look(lambda conn: tiles.Tiles(conn).tile(0, 0))
    new = old[: 99 * 32] + leaf + old[100 * 32 :]
    await sealed.tamper(f"{SET_TILE} {sealed.blob(new)} WHERE level = 0 AND idx = 0")
    assert not (await end_of(sealed, 1000)).whole, "the tile that holds the line is in what was looked at, or its root"
    above = await sealed.look(lambda conn: tiles.Tiles(conn).tile(1, 0))
    fitting = perfect(tiles.split(new)) + above[32:]
    await sealed.tamper(f"{SET_TILE} {sealed.blob(fitting)} WHERE level = 1 AND idx = 0")
    report = await end_of(sealed)
    assert report.first is not None
    assert "are not those that the checkpoint" in report.first.what


async def test_an_end_that_was_cut_off_is_missed(sealed: SealedLog) -> None:
    await sealed.tamper("DELETE FROM audit WHERE seq > 1150")
    report = await end_of(sealed)
    assert report.first is not None
    assert "the end of the log was cut off" in report.first.what


async def test_a_damaged_tree_is_told_and_not_stumbled_over(sealed: SealedLog) -> None:
    await sealed.tamper("DELETE FROM audit_tiles WHERE level = 1")
    report = await end_of(sealed)
    assert report.first is not None
    assert report.first.what.startswith("The stored tree has been damaged")


def test_peaks_go_on_from_any_size() -> None:
    leaves = [bytes([n]) * 32 for n in range(40)]
    for start in range(40):
        peaks = Peaks.at(over(leaves), start)
        for leaf in leaves[start:]:
            peaks.push(leaf)
        assert peaks.root() == root(over(leaves), 40)


async def test_a_check_by_screen_says_how_it_went(sealed: SealedLog) -> None:
    kept, told = sealed.kept, list[str]()
    integrity = Integrity(
        kept.database,
        kept.keyring,
        kept.clock,
        kept.randomness,
        sealed.sealer,
        file=sealed.file,
        alarm=told.append,
    )
    assert await integrity.last_check() is None
    status = await integrity.status()
    assert (status.lines, status.sealed, status.waiting, status.outside, status.trouble) == (1205, 1200, 5, True, "")
    assert status.key.startswith("watchword/")
    running = asyncio.create_task(integrity.run())
    try:
        assert await integrity.begin(300)
        assert not await integrity.begin(300), "one at a time"
        check = await _ended(integrity)
        assert (check.whole, check.total, check.problems) == (True, 1205 - 768, ())
        await sealed.tamper(f"{CHANGE} 1100")
        assert await integrity.begin(300)
        check = await _ended(integrity)
        assert not check.whole
        assert "Line 1100" in check.problems[0]
        assert told == [check.problems[0]], "consoles are told"
        assert str(sealed.file.path) not in "".join(check.problems)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _ended(integrity: Integrity) -> LogCheck:
    async with asyncio.timeout(20):
        while (check := await integrity.last_check()) is None or check.state == "running":
            pass  # each look reads the database, and the check goes on meanwhile
    return check


async def test_a_check_whose_server_died_may_be_asked_for_again(sealed: SealedLog) -> None:
    kept = sealed.kept
    integrity = Integrity(kept.database, kept.keyring, kept.clock, kept.randomness, sealed.sealer)
    assert await integrity.begin(300)  # nobody works on it
    kept.clock.advance(timedelta(seconds=61))
    check = await integrity.last_check()
    assert check is not None
    assert check.state == "lost"
    assert await integrity.begin(300)
