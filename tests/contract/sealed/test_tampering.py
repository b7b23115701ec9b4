"""Every way to change the log that docs/explanation/the-sealed-log.md lists, and what `audit verify` says to it."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, delete, insert, select

from storage.database import Unscoped
from storage.keys import Keyring
from storage.sealed import growing, tiles
from storage.sealed.checkpoint_file import CheckpointFile
from storage.sealed.notes import Checkpoint, Signer
from storage.sealed.signing import existing_signer
from storage.sealed.tiles import Tiles
from storage.tables import audit_tiles, checkpoints
from tests.fixtures.sealed_log import SealedLog
from tests.fixtures.world import MASTER_KEY

pytestmark = pytest.mark.feature("SEC-54")


async def first_bad(log: SealedLog, *, file: bool = True) -> tuple[int, str]:
    report = await log.check(file=file)
    assert not report.whole
    assert report.first is not None
    return report.first.seq, report.first.what


@pytest.mark.feature("SEC-55", "SEC-56")
async def test_a_log_that_nobody_touched_is_whole(sealed: SealedLog) -> None:
    report = await sealed.check()
    assert report.whole, report.findings
    assert (report.lines, report.tree, report.covered, report.unplaced) == (1205, 1205, 1200, 0)
    assert (report.heads, report.outside) == (3, 3)
    assert report.notes == []


async def test_a_line_that_was_deleted_is_named(sealed: SealedLog) -> None:
    await sealed.tamper("DELETE FROM audit WHERE seq = 700")
    assert await first_bad(sealed, file=False) == (700, "is missing: it was taken out")
    report = await sealed.check()
    assert (report.bad_lines, len(report.findings)) == (1, 1), "the tree still shows what was there"


@pytest.mark.parametrize(
    "change", ["technician_id = 'somebody else'", "at = at + 1", "public = '{}'", "ticket_id = ''", "kind = 'tv.deny'"]
)
async def test_a_line_whose_column_was_changed_is_named(sealed: SealedLog, change: str) -> None:
    await sealed.tamper(f"{_CHANGE} {change} WHERE seq = 1")
    seq, what = await first_bad(sealed, file=False)
    assert (seq, what[:16]) == (1, "has been changed")


async def test_a_changed_ciphertext_is_named(sealed: SealedLog) -> None:
    cell = (await sealed.rows())[511].sealed
    await sealed.tamper(f"{_CHANGE} sealed = {sealed.blob(cell[:-1] + bytes([cell[-1] ^ 1]))} WHERE seq = 512")
    seq, what = await first_bad(sealed, file=False)
    assert (seq, what[:16]) == (512, "has been changed")


async def test_a_changed_line_is_named_also_when_its_hash_was_made_to_fit(sealed: SealedLog) -> None:
    await sealed.tamper("UPDATE audit SET technician_id = 'somebody else' WHERE seq = 257")
    await sealed.rehash(257)
    seq, what = await first_bad(sealed, file=False)
    assert (seq, what[:42]) == (257, "is not the line that was sealed in this pl")


async def test_a_line_with_its_hash_and_its_tile_changed_is_caught_by_the_checkpoint(sealed: SealedLog) -> None:
    await sealed.tamper("UPDATE audit SET technician_id = 'somebody else' WHERE seq = 400")
    await sealed.rehash(400)
    await _rebuild_tiles(sealed)
    _, what = await first_bad(sealed, file=False)
    assert what.startswith("Lines 301 to 900 are not those that the checkpoint in the database of 2026-03-02 09:40 UTC")


async def test_two_lines_that_changed_places_are_named(sealed: SealedLog) -> None:
    await sealed.tamper(
        "UPDATE audit SET seq = -1 WHERE seq = 30",
        "UPDATE audit SET seq = 30 WHERE seq = 31",
        "UPDATE audit SET seq = 31 WHERE seq = -1",
    )
    report = await sealed.check(file=False)
    assert [finding.seq for finding in report.findings] == [30, 31]


async def test_a_line_that_was_put_in_is_named(sealed: SealedLog) -> None:
    """Everything behind it moves up by one, as it must."""
    rows = await sealed.rows()
    for row in reversed(rows[799:]):
        await sealed.tamper(f"{_CHANGE} seq = {row.seq + 1} WHERE seq = {row.seq}")
    await sealed.write(1)
    await sealed.tamper("UPDATE audit SET seq = 800 WHERE seq = (SELECT max(seq) FROM audit)")
    seq, what = await first_bad(sealed, file=False)
    assert (seq, what[:30]) == (800, "is not the line that was seale")


async def test_a_line_hidden_before_the_first_is_seen(sealed: SealedLog) -> None:
    await sealed.write(1)
    await sealed.tamper("UPDATE audit SET seq = -3 WHERE seq = 1206")
    assert (await first_bad(sealed))[1] == "There is a line with the number -3, which no line ever gets"
    await sealed.tamper("UPDATE audit SET seq = 0 WHERE seq = -3")
    assert (await first_bad(sealed))[1] == "There is a line with the number 0, which no line ever gets"


async def test_an_end_that_was_cut_off_is_named(sealed: SealedLog) -> None:
    await sealed.tamper("DELETE FROM audit WHERE seq > 1000")
    seq, what = await first_bad(sealed, file=False)
    assert seq == 1001
    assert what == (
        "and those up to 1205 are missing: the end of the log was cut off, as the checkpoints in the database and "
        "the stored tree can show"
    )


@pytest.mark.feature("SEC-55")
async def test_an_end_cut_off_everywhere_is_seen_only_with_and_always_with_the_file(sealed: SealedLog) -> None:
    await sealed.tamper("DELETE FROM audit WHERE seq > 950", "DELETE FROM checkpoints WHERE size > 950")
    await _rebuild_tiles(sealed)
    assert (await sealed.check(file=False)).whole
    seq, what = await first_bad(sealed)
    assert seq == 951
    assert what.endswith("as the checkpoints outside can show")
    await sealed.sealer.seal(now=True)
    assert "covers more than the log has now" in sealed.sealer.trouble
    # Lines that come later do not hide it.
    await sealed.write(400)
    await sealed.sealer.seal(now=True)
    assert not (await sealed.check()).whole


@pytest.mark.feature("SEC-55")
async def test_a_log_rebuilt_with_the_key_is_seen_only_with_and_always_with_the_file(sealed: SealedLog) -> None:
    """Everything in the database agrees, signatures too: whoever did this has the master key."""
    await sealed.tamper("UPDATE audit SET technician_id = 'somebody else' WHERE seq = 400")
    await sealed.rehash(400)
    await _rebuild_tiles(sealed)
    await _sign_anew(sealed, [300, 900, 1200])
    assert (await sealed.check(file=False)).whole
    report = await sealed.check()
    assert [str(finding)[:63] for finding in report.findings] == [
        "Lines 301 to 900 are not those that the checkpoint outside of 2"
    ]
    saved = sealed.file.path.read_bytes()
    await sealed.sealer.seal(now=True)
    assert "was made over other lines" in sealed.sealer.trouble
    assert sealed.file.path.read_bytes() == saved, "nothing is written over what the file has seen"


async def test_a_log_rebuilt_without_the_master_key_is_seen_by_its_signatures(sealed: SealedLog) -> None:
    await sealed.tamper("UPDATE audit SET technician_id = 'somebody else' WHERE seq = 400")
    await sealed.rehash(400)
    await _rebuild_tiles(sealed)
    real = await sealed.look(lambda conn: existing_signer(conn, Keyring([MASTER_KEY])))
    await _sign_anew(sealed, [300, 900, 1200], Signer(real.origin, Ed25519PrivateKey.generate()))
    report = await sealed.check(file=False)
    assert [finding.what for finding in report.findings] == [
        f"The checkpoint in the database over {size} lines: it is signed with another key" for size in (300, 900, 1200)
    ]


async def test_a_signing_key_of_the_forgers_own_does_not_open(sealed: SealedLog) -> None:
    await sealed.tamper("DELETE FROM installation WHERE name LIKE 'signing_key%'", "DELETE FROM checkpoints")
    forger = sealed.another_sealer(None)
    forger._keyring = Keyring([bytes(range(1, 33))])
    await forger.seal(now=True)
    assert forger.trouble == ""
    assert "does not open with the master keys given" in (await first_bad(sealed, file=False))[1]
    restarted = sealed.another_sealer(sealed.file)
    await restarted.seal(now=True)
    assert restarted.trouble.startswith("The key that signs checkpoints was sealed under another master key")


async def test_a_checkpoint_that_was_taken_out_of_the_table_is_missed(sealed: SealedLog) -> None:
    await sealed.tamper("DELETE FROM checkpoints WHERE size = 900")
    assert (await sealed.check(file=False)).whole
    assert (await first_bad(sealed))[1] == "The checkpoint over 900 lines is in the file but no longer in the database"


@pytest.mark.parametrize("change", ["size = 901", "epoch = 2", "note = note || 'x'"])
async def test_a_checkpoint_changed_in_the_table_is_seen(sealed: SealedLog, change: str) -> None:
    await sealed.tamper(" ".join(("UPDATE checkpoints SET", change, "WHERE size = 900")))
    seq, what = await first_bad(sealed, file=False)
    assert (seq, what[:31]) == (0, "The checkpoint in the database ")


async def test_another_public_key_in_the_table_is_seen(sealed: SealedLog) -> None:
    value = base64.b64encode(bytes(32)).decode()
    await sealed.tamper(f"{_PUBLIC_KEY} '{value}' WHERE name = 'signing_key_public'")
    assert (await first_bad(sealed))[1].startswith("The public key in the database is not that")


@pytest.mark.parametrize("which", ["level = 0 AND idx = 1", "level = 0 AND idx = 4", "level = 1"])
async def test_a_damaged_tree_is_seen(sealed: SealedLog, which: str) -> None:
    await sealed.tamper(f"{_TILES} {sealed.blob(bytes(64))} WHERE {which}")
    report = await sealed.check()
    assert not report.whole
    await sealed.tamper(" ".join(("DELETE FROM audit_tiles WHERE", which)))
    report = await sealed.check()
    said = (
        "The stored tree ends at line 1024 and had 1200" if which.endswith("4") else "The stored tree has been damaged"
    )
    assert [f.what[: len(said)] for f in report.findings] == [said]
    await sealed.sealer.seal()
    assert (await sealed.check()).whole is which.endswith("4"), "what is only shorter grows again, out of the lines"


async def test_checkpoint_file_cut_in_the_middle_at_its_end_or_inside_a_note(sealed: SealedLog, tmp_path: Path) -> None:
    notes = _notes(sealed.file)
    assert len(notes) == 3
    sealed.file.path.write_text(notes[0] + notes[2])
    assert (await first_bad(sealed))[1].endswith("is in the database but not in the file; it was taken out")
    sealed.file.path.write_text(notes[0] + notes[1])
    report = await sealed.check()
    assert report.whole, "the server may be about to write the last one"
    sealed.file.path.write_text(notes[0])
    assert (await first_bad(sealed))[1].startswith("The checkpoint file ends at line 300; the database has 2 newer")
    assert (await sealed.check(is_copy=True)).whole, "a copy may be old"
    sealed.file.path.write_text(notes[0] + notes[1] + notes[2][:100])
    assert "is no whole checkpoint" in (await first_bad(sealed))[1]


async def test_every_changed_byte_of_the_checkpoint_file_is_seen(sealed: SealedLog) -> None:
    whole = sealed.file.path.read_bytes()
    for at in range(0, len(whole), 7):
        sealed.file.path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert not (await sealed.check()).whole, (at, whole[at : at + 20])


async def test_checkpoints_in_another_order_are_seen(sealed: SealedLog) -> None:
    notes = _notes(sealed.file)
    sealed.file.path.write_text(notes[1] + notes[0] + notes[2])
    assert "not in order" in (await first_bad(sealed))[1]


async def test_the_file_of_another_installation_is_not_taken(sealed: SealedLog, tmp_path: Path) -> None:
    await sealed.tamper("UPDATE installation SET value = 'another' WHERE name = 'installation_id'")
    assert "belongs to another installation" in (await first_bad(sealed))[1]
    other = sealed.another_sealer(sealed.file)
    before = sealed.file.path.read_bytes()
    await other.seal(now=True)
    assert "is not ours" in other.trouble
    assert sealed.file.path.read_bytes() == before


async def test_without_any_file_that_is_said(sealed: SealedLog, tmp_path: Path) -> None:
    shutil.move(sealed.file.path, tmp_path / "elsewhere")
    report = await sealed.check()
    assert report.whole
    assert "nobody can tell whether the end was cut off" in report.notes[0]


async def test_a_line_taken_out_before_it_was_sealed_is_told_at_once_and_stays_seen(log: SealedLog) -> None:
    await log.write(10)
    await log.tamper("DELETE FROM audit WHERE seq = 4")
    await log.seal()
    told = "The audit log has been changed: line 4 was taken out before it was sealed."
    assert log.told == [told]
    assert log.sealer.trouble == told, "for the metrics, until somebody has looked"
    assert await first_bad(log) == (4, "is missing: it was taken out")


@pytest.mark.feature("SEC-56")
async def test_erasing_a_contact_leaves_the_log_whole(sealed: SealedLog) -> None:
    tenant, contact = sealed.kept.world.tenant_id, sealed.kept.world.people[0].id
    await sealed.tamper(f"DELETE FROM contacts WHERE tenant_id = '{tenant}' AND id = '{contact}'")  # noqa: S608
    report = await sealed.check()
    assert report.whole, report.findings


@pytest.mark.feature("REL-13")
async def test_what_a_restore_has_lost_is_told_and_is_no_tampering(sealed: SealedLog) -> None:
    """The database of 1000 lines ago comes back, the restore is put on record, and work goes on."""
    await sealed.tamper("DELETE FROM audit WHERE seq > 1000", "DELETE FROM checkpoints WHERE size > 1000")
    await _rebuild_tiles(sealed)
    assert not (await sealed.check()).whole
    await sealed.tamper("INSERT INTO fences (epoch, at, size, seen) VALUES (2, 1772442000000000, 1000, 1200)")
    report = await sealed.check()
    assert report.whole, report.findings
    assert report.notes == ["Lost in the restore of 2026-03-02 09:00 UTC: lines 1001 to 1200 as they were then."]
    await sealed.sealed(500)
    assert sealed.sealer.trouble == ""
    report = await sealed.check()
    assert report.whole, report.findings
    assert (report.covered, report.outside) == (1500, 4)
    await sealed.tamper("DELETE FROM audit WHERE seq > 1400")
    assert (await first_bad(sealed))[0] == 1401


#: What comes before the new values.
_CHANGE = "UPDATE audit SET"
_TILES = "UPDATE audit_tiles SET hashes ="
_PUBLIC_KEY = "UPDATE installation SET value ="


def _notes(file: CheckpointFile) -> Sequence[str]:
    return [record.text for record in file.records()]


async def _rebuild_tiles(log: SealedLog) -> None:
    """The whole tree anew, over the lines as they are now."""

    def work(conn: Connection) -> None:
        conn.execute(delete(audit_tiles))
        while True:
            size, leaves = growing.waiting(conn)
            if not leaves:
                return
            tiles.append(conn, size, leaves)

    await log.kept.database.write(Unscoped.OPERATOR, work)


async def _sign_anew(log: SealedLog, sizes: Sequence[int], forger: Signer | None = None) -> None:
    def work(conn: Connection) -> None:
        by = forger or existing_signer(conn, Keyring([MASTER_KEY]))
        assert by is not None
        times = dict(conn.execute(select(checkpoints.c.size, checkpoints.c.at)).all())
        conn.execute(delete(checkpoints))
        tree = Tiles(conn)
        for n, size in enumerate(sizes):
            at = log.kept.clock.now() + timedelta(minutes=n)
            head = Checkpoint(by.origin, 1, size, tree.root(size), at)
            values = {"size": size, "epoch": 1, "root": head.root, "note": by.sign(head), "at": times[size]}
            conn.execute(insert(checkpoints).values(values))

    await log.kept.database.write(Unscoped.OPERATOR, work)
