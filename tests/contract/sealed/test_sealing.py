"""The sealer: what it takes in, when it signs, what it writes outside, and what it refuses to go on with."""

from __future__ import annotations

import asyncio
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from dialogs.messages import Unavailable
from storage.database import Unscoped
from storage.keys import Keyring
from storage.sealed import merkle, notes, tiles
from storage.sealed.checkpoint_file import BadFile, CheckpointFile
from storage.sealed.growing import waiting
from storage.sealed.signing import existing_signer, rewrap_signing_key
from storage.sealed.tiles import Tiles
from storage.tables import audit_tiles, checkpoints, installation
from tests.fixtures.sealed_log import SealedLog
from tests.fixtures.world import MASTER_KEY

pytestmark = pytest.mark.feature("SEC-55")


def heads(file: CheckpointFile) -> list[int]:
    return [head.size for head in file.checkpoints()]


async def test_lines_are_taken_in_and_the_first_head_is_signed_at_once(log: SealedLog) -> None:
    await log.write(3)
    await log.sealer.seal()
    assert heads(log.file) == [3]
    assert [notes.read(note).size for note in log.published] == [3]
    assert (log.sealer.sealed, log.sealer.sealed_at) == (3, log.kept.clock.now())


async def test_a_checkpoint_comes_every_five_minutes_in_which_something_happened(log: SealedLog) -> None:
    await log.write(1)
    await log.sealer.seal()
    await log.write(1)
    log.kept.clock.advance(timedelta(minutes=4, seconds=59))
    await log.sealer.seal()
    assert heads(log.file) == [1]
    log.kept.clock.advance(timedelta(seconds=1))
    await log.sealer.seal()
    assert heads(log.file) == [1, 2]
    log.kept.clock.advance(timedelta(hours=1))
    await log.sealer.seal()
    assert heads(log.file) == [1, 2], "nothing happened, so there is nothing to sign"


async def test_a_checkpoint_comes_after_a_thousand_lines(log: SealedLog) -> None:
    await log.write(1)
    await log.sealer.seal()
    await log.write(999)
    await log.sealer.seal()
    assert heads(log.file) == [1]
    await log.write(1)
    await log.sealer.seal()
    assert heads(log.file) == [1, 1001]


async def test_at_the_end_all_there_is_gets_a_checkpoint(log: SealedLog) -> None:
    await log.write(1)
    await log.sealer.seal()
    await log.write(1)
    await log.sealer.close()
    assert heads(log.file) == [1, 2]
    await log.sealer.close()
    assert heads(log.file) == [1, 2]


async def test_the_file_is_for_its_owner_alone_and_only_grows(log: SealedLog) -> None:
    await log.sealed(3, 4)
    before = log.file.path.read_bytes()
    assert stat.S_IMODE(os.stat(log.file.path).st_mode) == 0o600
    await log.sealed(5)
    assert log.file.path.read_bytes().startswith(before)
    assert before.decode().startswith("watchword/")


async def test_the_stored_tree_has_the_roots_and_proofs_of_the_plain_one(log: SealedLog) -> None:
    """Across the edges of tiles, and with another number of lines each time."""
    for count in (1, 254, 1, 1, 255, 300):
        await log.write(count)
        await log.sealer.seal()
    leaves = [row.leaf for row in await log.rows()]
    plain = merkle.over(leaves)

    def look(conn: Connection) -> None:
        tree = Tiles(conn)
        assert tree.size() == len(leaves) == 812
        for size in (1, 2, 255, 256, 257, 511, 512, 513, 700, 812):
            assert tree.root(size) == merkle.root(plain, size)
            for index in {0, size // 3, size - 1}:
                assert merkle.inclusion(tree.node, index, size) == merkle.inclusion(plain, index, size)
            assert merkle.consistency(tree.node, size, 812) == merkle.consistency(plain, size, 812)

    await log.look(look)


async def test_a_proof_reads_few_tiles_of_a_long_log(on_file: SealedLog) -> None:
    """70 000 lines are 274 tiles; a proof needs the leaf's, the last ones, and those above."""
    leaves = [merkle.leaf_hash(n.to_bytes(4, "big")) for n in range(70_000)]

    def work(conn: Connection) -> None:
        for first in range(0, len(leaves), 9_999):
            tiles.append(conn, first, leaves[first : first + 9_999])

    await on_file.kept.database.write(Unscoped.OPERATOR, work)
    plain = merkle.over(leaves)

    def look(conn: Connection) -> tuple[int, int]:
        tree = Tiles(conn)
        assert merkle.inclusion(tree.node, 12_345, 69_999) == merkle.inclusion(plain, 12_345, 69_999)
        return len(tree._kept), conn.scalar(select(func.count()).select_from(audit_tiles)) or 0

    read, stored = await on_file.look(look)
    assert stored == 274 + 2 + 1
    assert read <= 5


async def test_two_sealers_at_once_make_one_tree_and_each_has_all_of_it_outside(log: SealedLog, tmp_path: Path) -> None:
    second = log.another_sealer(CheckpointFile(tmp_path / "second"))
    for _ in range(5):
        await log.write(200)
        log.kept.clock.advance(timedelta(minutes=6))
        await asyncio.gather(log.sealer.seal(), second.seal(), log.sealer.seal())
    await asyncio.gather(log.sealer.seal(), second.seal())
    assert (log.sealer.trouble, second.trouble) == ("", "")
    assert heads(log.file) == heads(CheckpointFile(tmp_path / "second")) == [200, 400, 600, 800, 1000]
    report = await log.check()
    assert report.whole, report.findings


async def test_whoever_comes_late_to_a_shared_file_adds_nothing(log: SealedLog) -> None:
    """Two replicas on one volume: one may have looked at the table before the other wrote what is newest."""
    await log.sealed(5, 5, 5)
    notes = [record.note for record in log.file.records()]
    assert len(notes) == 3
    for note in notes:
        log.file.append(note)
    assert heads(log.file) == [5, 10, 15]


async def test_a_server_whose_file_is_new_writes_every_checkpoint_into_it(log: SealedLog, tmp_path: Path) -> None:
    await log.sealed(1, 2, 3)
    late = CheckpointFile(tmp_path / "late")
    await log.another_sealer(late).seal()
    assert late.path.read_bytes() == log.file.path.read_bytes()


async def test_a_note_that_a_crash_cut_short_is_completed(log: SealedLog) -> None:
    await log.sealed(1, 2)
    whole = log.file.path.read_bytes()
    first = len(next(log.file.records()).text.encode())
    for cut in (first + 1, first + 100, len(whole) - 40, len(whole) - 1):
        log.file.path.write_bytes(whole[:cut])
        await log.sealer.seal()
        assert log.file.path.read_bytes() == whole
    log.file.path.write_bytes(whole[:50])
    await log.sealer.seal()
    assert log.file.path.read_bytes() == whole
    log.file.path.write_bytes(whole[: first + 60] + b"x")
    await log.sealer.seal()
    assert "ends in something that is not a checkpoint" in log.sealer.trouble
    assert log.file.path.read_bytes() == whole[: first + 60] + b"x"


async def test_a_file_that_cannot_be_written_is_told_and_sealing_goes_on(log: SealedLog, tmp_path: Path) -> None:
    sealer = log.another_sealer(CheckpointFile(tmp_path / "no such folder" / "file"))
    await log.write(2)
    await sealer.seal()
    assert sealer.trouble.startswith("Checkpoints cannot be kept outside the database")
    assert len(log.told) == 1
    await sealer.seal()
    assert len(log.told) == 1, "once is enough"
    assert await log.look(lambda conn: conn.scalar(select(func.count()).select_from(checkpoints))) == 1
    (tmp_path / "no such folder").mkdir()
    await sealer.seal()
    assert sealer.trouble == ""


async def test_a_database_that_does_not_answer_is_waited_for(log: SealedLog) -> None:
    class Gone:
        async def read(self, scope: object, work: object) -> object:
            raise Unavailable("gone")

        write = read

    sealer = log.another_sealer(log.file)
    sealer._database = Gone()  # type: ignore[assignment]  # it answers nothing whatever it is asked
    await sealer.seal()
    assert (sealer.trouble, log.told) == ("", [])


async def test_it_seals_when_it_is_called(log: SealedLog) -> None:
    signed: asyncio.Queue[str] = asyncio.Queue()
    sealer = log.another_sealer(None, look_every=60.0, rest=0.0, publish=signed.put_nowait)
    running = asyncio.create_task(sealer.run())
    for count in (1, 2):
        await log.write(1)
        log.kept.clock.advance(timedelta(minutes=6))
        sealer.wake()
        async with asyncio.timeout(10):
            assert notes.read(await signed.get()).size == count
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_many_lines_are_taken_in_block_by_block(on_file: SealedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.sealed.growing.BATCH", 100)
    await on_file.write(450)
    size, leaves = await on_file.look(waiting)
    assert (size, len(leaves)) == (0, 100)
    await on_file.seal()
    assert heads(on_file.file) == [450]
    assert (await on_file.check()).whole


@pytest.mark.feature("SEC-18")
async def test_the_signing_key_survives_a_new_master_key(log: SealedLog) -> None:
    await log.sealed(1)
    new = Keyring([bytes(range(7, 39)), MASTER_KEY])
    before = await log.look(lambda conn: existing_signer(conn, log.kept.keyring))
    write = log.kept.database.write
    assert await write(Unscoped.OPERATOR, lambda conn: rewrap_signing_key(conn, new)) is True
    assert await write(Unscoped.OPERATOR, lambda conn: rewrap_signing_key(conn, new)) is False
    alone = Keyring([bytes(range(7, 39))])
    after = await log.look(lambda conn: existing_signer(conn, alone))
    assert after.public == before.public
    stored = await log.look(lambda conn: [row.value for row in conn.execute(select(installation))])
    assert not any(before.private.private_bytes_raw().hex() in value for value in stored)


def test_a_file_with_something_else_in_it_is_not_written_to(tmp_path: Path) -> None:
    file = CheckpointFile(tmp_path / "file")
    file.path.write_text("something else\n")
    with pytest.raises(BadFile):
        file.append("a note\n")
    assert file.path.read_text() == "something else\n"
    assert list(CheckpointFile(tmp_path / "nothing").records()) == []


def test_notes_are_written_in_one_way_only() -> None:
    for text in ("", "a\n1\nx\n", "a\n01\nAAAA\nepoch 1\nat 2026-03-02T09:00:00.000000Z\n\n— a AAAA\n"):
        with pytest.raises(notes.BadNote):
            notes.read(text)
