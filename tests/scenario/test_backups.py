"""An operator backs up and restores from the command line, gets things wrong, and is told what to do each time."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from bot.app import build
from bot.settings import BadSetting, read_settings
from storage.backup import back_up
from storage.backup.archive import ArchiveWriter, Header, read_header, read_pieces
from storage.backup.files import keep_newest
from storage.keys import key_id
from storage.migrations import migrate
from storage.sqlite import SqliteDatabase
from storage.sqlite.store import hold
from tests.scenario.test_commands import Shell, shell_for

ROOT = Path(__file__).parents[2]
KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))


def elsewhere(shell: Shell, path: Path, key: bytes = KEY) -> Shell:
    """The same operator on another database."""
    more = {"WATCHWORD_DATABASE_URL": f"sqlite:///{path}", "WATCHWORD_MASTER_KEY": base64.b64encode(key).decode()}
    return Shell(shell.environment | more)


@pytest.fixture
def acme(tmp_path: Path) -> Shell:
    """An installation with a tenant and a contact."""
    shell = shell_for(tmp_path / "watchword.db")
    shell.well("migrate")
    shell.well("tenant", "add", "acme", "--name", "Acme Support", "--set", "phone=+12125550100")
    shell.well("contact", "add", "Ada Bishop", "--client", "Acme Dental", "--mobile", "+12125550111")
    return shell


@pytest.fixture
def archive(acme: Shell, tmp_path: Path) -> Path:
    """A backup of it."""
    path = tmp_path / "acme.backup"
    acme.well("backup", "--output", str(path))
    return path


@pytest.mark.feature("REL-13")
def test_from_a_backup_to_a_working_installation(acme: Shell, archive: Path, tmp_path: Path) -> None:
    assert archive.stat().st_mode & 0o777 == 0o600
    assert "The backup is whole" in acme.well("backup", "--verify", str(archive))
    new = elsewhere(acme, tmp_path / "new.db")
    told = new.well("restore", str(archive))
    assert "Epoch 2 has begun" in told
    assert (tmp_path / "new.db").stat().st_mode & 0o777 == 0o600
    assert "Ada Bishop" in new.well("contact", "list")
    assert new.well("contact", "list") == acme.well("contact", "list")
    before = [row.kind for row in acme.log()]
    assert before[-1] == "installation.backed_up"
    assert [row.kind for row in new.log()] == [*before[:-1], "installation.restored"]
    assert "Epoch 3" in new.well("restore-fence", "--reason", "a disk snapshot was put back")


def test_an_empty_database_may_be_there_already(acme: Shell, archive: Path, tmp_path: Path) -> None:
    new = elsewhere(acme, tmp_path / "new.db")
    new.well("migrate")
    told = new.well("restore", str(archive), "--no-fence")
    assert "Epoch" not in told.split("Restored")[1]
    assert "watchword restore-fence" in told
    assert [row.kind for row in new.log()] == [row.kind for row in acme.log()][:-1]


def test_a_folder_keeps_the_newest(acme: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "nightly"
    folder.mkdir()
    (folder / "watchword-20260101-020000.backup").write_bytes(b"old")
    (folder / "watchword-20260102-020000.backup").write_bytes(b"newer")
    (folder / "something else").write_bytes(b"not ours to take away")
    told = acme.well("backup", "--output", str(folder), "--keep", "2")
    assert "Took away watchword-20260101-020000.backup" in told
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "something else"
    assert names[1] == "watchword-20260102-020000.backup"
    assert len(names) == 3
    assert keep_newest(folder, 5, folder / names[2]) == []


@pytest.mark.feature("REL-13")
def test_what_was_just_made_stays_whatever_else_lies_in_the_folder(acme: Shell, tmp_path: Path) -> None:
    """Names of a day on which the clock was wrong sort behind today's, and others only look like ours."""
    folder = tmp_path / "nightly"
    folder.mkdir()
    foreign = {"watchword-meetings-agenda.backup", "watchword-acmecorp-laptop.backup", "watchword-20990101-000000.txt"}
    for name in (*foreign, "watchword-20990101-000000.backup", "watchword-20250101-000000.backup"):
        (folder / name).write_bytes(b"x")
    (folder / "watchword-20240101-000000.backup").mkdir()
    acme.well("backup", "--output", str(folder), "--keep", "1")
    left = {path.name for path in folder.iterdir()} - foreign - {"watchword-20240101-000000.backup"}
    assert len(left) == 1
    acme.well("backup", "--verify", str(folder / left.pop()))
    assert foreign <= {path.name for path in folder.iterdir()}


@pytest.mark.feature("REL-13")
def test_what_a_killed_backup_left_goes_after_a_day(acme: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "nightly"
    folder.mkdir()
    killed, busy = (folder / f".watchword-2026010{n}-020000.backup.77{n}.partial" for n in (1, 2))
    for partial in (killed, busy):
        partial.write_bytes(b"x")
    two_days_ago = killed.stat().st_mtime - 2 * 86_400
    os.utime(killed, (two_days_ago, two_days_ago))
    acme.well("backup", "--output", str(folder), "--keep", "3")
    assert busy.exists(), "somebody may be writing it"
    assert not killed.exists()


def test_what_cannot_be_backed_up_is_said(acme: Shell, archive: Path, tmp_path: Path) -> None:
    for words, says in (
        (("backup",), "Say where to"),
        (("backup", "--output", "x", "--verify", "y"), "Say where to"),
        (("backup", "--output", str(archive)), "there already"),
        (("backup", "--output", str(tmp_path / "none" / "x.backup")), "is not there. Make it"),
        (("backup", "--verify", str(tmp_path / "none")), "cannot be read"),
    ):
        done = acme(*words)
        assert done.code == 2
        assert says in done.err
    assert not list(tmp_path.glob(".*partial")), "nothing is left behind"


@pytest.mark.feature("REL-13", "SEC-18")
def test_a_bad_backup_is_refused_before_anything_is_changed(acme: Shell, archive: Path, tmp_path: Path) -> None:
    whole = archive.read_bytes()
    flipped = bytearray(whole)
    flipped[-40] ^= 1
    for content, says in (
        (whole[:-10], "cut off"),
        (bytes(flipped), "changed or damaged"),
        (b"PK\x03\x04", "no backup of Watchword"),
        (with_revision(whole, "9999"), "made by a newer one"),
    ):
        bad = tmp_path / "bad.backup"
        bad.write_bytes(content)
        new = elsewhere(acme, tmp_path / "new.db")
        done = new("restore", str(bad))
        assert done.code == 2
        assert says in done.err
        assert "Nothing was changed" in done.err
        assert not (tmp_path / "new.db").exists()
    assert acme("backup", "--verify", str(bad)).code == 0, "it is whole, only too new"
    (tmp_path / "cut.backup").write_bytes(whole[:-10])
    assert acme("backup", "--verify", str(tmp_path / "cut.backup")).code == 1


def with_revision(archive: bytes, revision: str) -> bytes:
    """The same rows, said to be of another schema."""
    header = read_header(BytesIO(archive))
    out = BytesIO()
    writer = ArchiveWriter(out, replace(header, revision=revision), KEY)
    for piece in read_pieces(BytesIO(archive), (KEY,)):
        writer.write(piece)
    writer.finish()
    return out.getvalue()


@pytest.mark.feature("SEC-18")
def test_a_backup_names_the_key_that_it_needs(acme: Shell, archive: Path, tmp_path: Path) -> None:
    stranger = elsewhere(acme, tmp_path / "new.db", OTHER_KEY)
    done = stranger("restore", str(archive))
    assert done.code == 2
    assert key_id(KEY) in done.err
    assert not (tmp_path / "new.db").exists()
    both = Shell(stranger.environment | {"WATCHWORD_PREVIOUS_MASTER_KEYS": acme.environment["WATCHWORD_MASTER_KEY"]})
    assert "Restored" in both.well("restore", str(archive))


def test_another_installation_is_not_written_over(acme: Shell, archive: Path, tmp_path: Path) -> None:
    other = elsewhere(acme, tmp_path / "other.db")
    other.well("migrate")
    other.well("tenant", "add", "bolt", "--name", "Bolt")
    before = other.log()
    done = other("restore", str(archive))
    assert done.code == 2
    assert "is not empty" in done.err
    assert "docs/how-to/back-up-and-restore.md" in done.err
    assert other.log() == before
    assert "bolt" in other.well("tenant", "list")


def test_a_running_server_is_not_restored_under(acme: Shell, archive: Path, tmp_path: Path) -> None:
    new = elsewhere(acme, tmp_path / "new.db")
    new.well("migrate")
    with closing(hold(tmp_path / "new.db")):
        done = new("restore", str(archive))
    assert done.code == 2
    assert "in use by another Watchword" in done.err


@pytest.mark.feature("REL-13")
def test_a_database_that_was_filled_by_half_is_refused_by_everything(
    acme: Shell, archive: Path, tmp_path: Path
) -> None:
    half = elsewhere(acme, tmp_path / "half.db")
    torn = tmp_path / "torn.backup"
    torn.write_bytes(without_clients(archive.read_bytes()))
    done = half("restore", str(torn))
    assert done.code == 2
    assert "did not finish" in done.err
    for words in (
        ("tenant", "list"),
        ("backup", "--output", str(tmp_path / "again.backup")),
        ("restore-fence",),
        ("keys", "rotate"),
        ("restore", str(archive)),
    ):
        refused = half(*words)
        assert refused.code == 2, words
        assert "did not finish" in refused.err
        assert "empty database" in refused.err
    doctor = half("doctor")
    assert doctor.code != 0
    assert "did not finish" in doctor.out + doctor.err
    with pytest.raises(BadSetting, match="did not finish"):
        asyncio.run(build(read_settings(half.environment)))


def without_clients(archive: bytes) -> bytes:
    """A backup, whole as a file, in which contacts point to clients that are not there."""
    lines = b"".join(read_pieces(BytesIO(archive), (KEY,))).splitlines()
    kept, table = list[bytes](), ""
    for line in lines:
        told = json.loads(line)
        if isinstance(told, dict) and "table" in told:
            table = told["table"]
        if isinstance(told, dict) and "manifest" in told:
            told["manifest"]["tables"]["clients"] = 0
            line = json.dumps(told).encode()
        if isinstance(told, dict) and "end" in told:
            line = json.dumps({"end": told["end"] - 1}).encode()
        if isinstance(told, dict) or table != "clients":
            kept.append(line)
    out = BytesIO()
    writer = ArchiveWriter(out, read_header(BytesIO(archive)), KEY)
    writer.write(b"".join(line + b"\n" for line in kept))
    writer.finish()
    return out.getvalue()


def test_a_backup_of_an_older_version_is_brought_up(acme: Shell, tmp_path: Path) -> None:
    """It is restored at its own schema, and then migrated like any database of that version."""
    old = tmp_path / "old.backup"
    database = tmp_path / "old.db"
    migrate(f"sqlite:///{database}", to="0001")
    with closing(sqlite3.connect(database)) as conn, conn:
        conn.execute("ATTACH ? AS new", (str(tmp_path / "watchword.db"),))
        for table in ("tenants", "clients", "contacts", "addresses", "audit"):
            columns = ", ".join(row[1] for row in conn.execute(f"PRAGMA main.table_info({table})"))
            conn.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")  # noqa: S608
        lane = ("t", "o1", "text", "sms:1", "sent", 1, 1, 1)
        tenant = conn.execute("SELECT id FROM tenants").fetchone()
        names = "tenant_id, id, kind, lane, status, created_at, due_at, done_at"
        conn.execute(f"INSERT INTO outbox ({names}) VALUES (?,?,?,?,?,?,?,?)", (*tenant, *lane[1:]))  # noqa: S608
    take_raw(database, old)
    new = elsewhere(acme, tmp_path / "new.db")
    assert "schema 0001" in new.well("restore", str(old))
    assert new.well("contact", "list") == acme.well("contact", "list")
    with closing(sqlite3.connect(tmp_path / "new.db")) as conn:
        assert conn.execute("SELECT id, unclear FROM outbox").fetchall() == [("o1", 0)]
    migrated = elsewhere(acme, tmp_path / "migrated.db")
    migrated.well("migrate")
    refused = migrated("restore", str(old))
    assert refused.code == 2
    assert "make it anew without `migrate`" in refused.err


def take_raw(database: Path, path: Path) -> None:
    """A backup of a database of an older version, as that version would have made it."""

    async def work() -> None:
        opened = SqliteDatabase(database)
        try:
            with path.open("w+b") as out:
                header = Header("0001", datetime(2026, 3, 2, tzinfo=UTC), key_id(KEY), b"s" * 32)
                await back_up(opened, out, header, KEY)
        finally:
            await opened.close()

    asyncio.run(work())


@pytest.mark.skipif(sys.platform == "win32", reason="limits on the size of a file are Unix'")
def test_a_full_disk_leaves_no_half_backup(acme: Shell, tmp_path: Path) -> None:
    people = "name,client,mobile\n" + "".join(f"Person {n},Acme,+1212555{n:04d}\n" for n in range(1000, 4000))
    (tmp_path / "people.csv").write_text(people)
    acme("contact", "import", str(tmp_path / "people.csv"), "--apply")
    folder = tmp_path / "full"
    folder.mkdir()
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (131072, 131072)); "
        "sys.argv[1:] = ['backup', '--output', sys.argv[1]]; from bot.cli import main; main()"
    )
    with closing(sqlite3.connect(tmp_path / "watchword.db")) as held:
        held.execute("SELECT count(*) FROM tenants").fetchone()  # keeps the shared memory file as large as it is
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder / "x.backup")],
            env={**os.environ, **acme.environment},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
    assert "Nothing was left behind" in done.stderr
    assert list(folder.iterdir()) == []
    acme.well("backup", "--output", str(folder / "x.backup"))
    assert (folder / "x.backup").stat().st_size > 131072, "else the limit proved nothing"
    shutil.rmtree(folder)
