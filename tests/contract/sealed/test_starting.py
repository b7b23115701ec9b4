"""What keeps a server from starting on a database that is older than the file outside."""

from __future__ import annotations

import os

import pytest

from storage.sealed.starting import log_is_older_than_outside
from tests.fixtures.sealed_log import SealedLog

pytestmark = pytest.mark.feature("REL-13")


async def why_not(log: SealedLog) -> str:
    return await log_is_older_than_outside(log.kept.database, log.kept.keyring, log.file)


async def test_nothing_speaks_against_a_database_that_the_file_knows(log: SealedLog) -> None:
    assert await why_not(log) == ""
    await log.sealed(5, 5)
    await log.write(3)
    assert await why_not(log) == ""
    assert await log_is_older_than_outside(log.kept.database, log.kept.keyring, None) == ""


async def test_an_older_database_needs_the_fence(log: SealedLog) -> None:
    await log.sealed(5, 5)
    await back_to(log, 5)
    why = await why_not(log)
    assert "has seen 10 lines of the log on 2026-03-02 09:40 UTC, and this database has sealed 5" in why
    assert "watchword restore-fence" in why
    await log.tamper("INSERT INTO fences (epoch, at, size, seen) VALUES (2, 1772442000000000, 5, 10)")
    assert await why_not(log) == ""
    await log.sealed(1)
    assert [head.size for head in log.file.checkpoints()] == [5, 10, 6]
    assert await why_not(log) == ""


async def test_a_database_of_before_the_first_checkpoint_is_older_too(log: SealedLog) -> None:
    await log.sealed(5)
    await back_to(log, 0)
    await log.tamper("DELETE FROM installation")
    assert "watchword restore-fence" in await why_not(log)


async def test_other_lines_need_a_look(log: SealedLog) -> None:
    await log.sealed(5)
    await log.write(5)
    await back_to(log, 0)
    await log.tamper("UPDATE audit SET technician_id = 'somebody else' WHERE seq = 2")
    await log.rehash(2)
    await log.another_sealer(None).seal()
    why = await why_not(log)
    assert "the lines in this database are others. Run: watchword audit verify" in why


async def test_the_file_of_somebody_else_is_named(log: SealedLog) -> None:
    await log.sealed(5)
    await log.tamper("UPDATE installation SET value = 'another' WHERE name = 'installation_id'")
    assert "WATCHWORD_CHECKPOINTS_FILE" in await why_not(log)
    log.file.path.write_bytes(b"x" * 5000)
    assert "ends in something that is not a checkpoint" in await why_not(log)
    log.file.path.unlink()
    log.file.path.mkdir()
    assert "is no ordinary file" in await why_not(log)


async def back_to(log: SealedLog, size: int) -> None:
    """The database as it was then, but for the lines, which do not matter here."""
    await log.tamper("DELETE FROM audit_tiles", "DELETE FROM checkpoints")
    if size:
        leaves = [row.leaf for row in await log.rows()][:size]
        tile = log.blob(b"".join(leaves))
        await log.tamper(" ".join(("INSERT INTO audit_tiles VALUES (0, 0,", tile, ")")))
        await log.tamper(" ".join(("DELETE FROM audit WHERE seq >", str(size))))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
async def test_what_is_no_file_is_refused_rather_than_waited_for(log: SealedLog) -> None:
    os.mkfifo(log.file.path)
    assert "is no ordinary file" in await why_not(log)
