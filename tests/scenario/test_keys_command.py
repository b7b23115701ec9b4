"""The master key: rotated under load, printed, typed in again."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from pathlib import Path

import pytest

from dialogs.settings import TenantSettings
from storage.database import OpenDatabase, Unscoped
from storage.escrow import to_lines
from storage.keys import CannotOpen, Keyring, key_id
from storage.migrations import migrate
from storage.rotation import Rotated, rotate
from storage.sealed.signing import existing_signer, signer
from storage.sqlite import SqliteDatabase
from storage.tenants import CarrierAccount, Tenants
from tests.fixtures.world import START, row_id
from tests.scenario.test_commands import Shell, shell_for

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
TENANTS = 40


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()


async def filled(path: Path, keyring: Keyring) -> OpenDatabase:
    """Tenants that have something sealed: the secrets of their account at the carrier."""
    await asyncio.to_thread(migrate, f"sqlite:///{path}")
    database = SqliteDatabase(path, synchronous="NORMAL")
    tenants = Tenants(database, keyring)
    for n in range(TENANTS):
        await tenants.create(row_id(n), f"tenant-{n}", f"Tenant {n}", TenantSettings(), START)
        await tenants.put_carrier_account(CarrierAccount(row_id(n), sid(n), f"token {n}"), START)
    return database


def sid(n: int) -> str:
    return f"AC{n:032x}"


@pytest.mark.feature("SEC-18")
async def test_servers_read_on_while_the_key_is_rotated(tmp_path: Path) -> None:
    """A server that was started with the old key alone, then with both: nothing that it reads fails meanwhile."""
    database = await filled(tmp_path / "w.db", Keyring([OLD]))
    await database.write(Unscoped.OPERATOR, lambda conn: signer(conn, Keyring([OLD]), row_id(1)))
    # A keyring that keeps nothing at hand opens every wrapping anew.
    both = Keyring([NEW, OLD], tenants=1, contacts=1)
    reads, done = 0, asyncio.Event()

    async def read_on(start: int) -> None:
        nonlocal reads
        n = start
        while not done.is_set():
            account = await Tenants(database, both).find_carrier_account(sid(n % TENANTS))
            assert account is not None
            assert account.auth_token == f"token {n % TENANTS}"
            reads, n = reads + 1, n + 7

    seen = list[tuple[int, int]]()
    async with asyncio.TaskGroup() as servers:
        for start in range(4):
            servers.create_task(read_on(start))
        rotated = await rotate(database, Keyring([NEW, OLD]), lambda at, of: seen.append((at, of)))
        done.set()
    assert rotated == Rotated(TENANTS, 0, True)
    assert seen[-1] == (TENANTS, TENANTS)
    assert reads > TENANTS
    assert await rotate(database, Keyring([NEW, OLD]), lambda at, of: None) == Rotated(0, TENANTS, False)
    # The old key opens nothing any more, and nothing needs it.
    new = Tenants(database, Keyring([NEW]))
    assert all([await new.find_carrier_account(sid(n)) for n in range(TENANTS)])
    assert await database.read(Unscoped.OPERATOR, lambda conn: existing_signer(conn, Keyring([NEW]))) is not None
    with pytest.raises(CannotOpen):
        await Tenants(database, Keyring([OLD])).find_carrier_account(sid(0))
    await database.close()


@pytest.mark.feature("SEC-18")
async def test_a_rotation_that_stopped_goes_on(tmp_path: Path) -> None:
    database = await filled(tmp_path / "w.db", Keyring([OLD]))

    class Stopped(Exception):
        pass

    def stop(at: int, of: int) -> None:
        if at == 10:
            raise Stopped

    with pytest.raises(Stopped):
        await rotate(database, Keyring([NEW, OLD]), stop)
    assert await rotate(database, Keyring([NEW, OLD]), lambda at, of: None) == Rotated(TENANTS - 10, 10, False)
    await database.close()


@pytest.fixture
def acme(tmp_path: Path) -> Shell:
    shell = shell_for(tmp_path / "watchword.db")
    shell.well("migrate")
    shell.well("tenant", "add", "acme", "--name", "Acme Support")
    return shell


@pytest.mark.feature("SEC-18")
def test_rotating_step_by_step(acme: Shell) -> None:
    both = Shell(acme.environment | {"WATCHWORD_MASTER_KEY": text(NEW), "WATCHWORD_PREVIOUS_MASTER_KEYS": text(OLD)})
    assert "still need the previous key" in both("doctor").out
    told = both.well("keys", "rotate")
    assert "1 tenant." in told
    assert key_id(NEW) in told
    assert "Keep the old key as long as you keep backups from before" in told
    again = both.well("keys", "rotate")
    assert f"Already under the master key {key_id(NEW)}: 1 tenant." in again
    assert "Now under" not in again
    assert "nothing needs the previous key any more" in both("doctor").out
    alone = Shell(acme.environment | {"WATCHWORD_MASTER_KEY": text(NEW)})
    assert "acme" in alone.well("tenant", "list")
    assert [row.kind for row in alone.log()][1:] == ["installation.key_rotated"]
    assert acme("tenant", "list").code == 2


@pytest.mark.feature("SEC-18")
def test_rotating_without_the_old_key_changes_nothing(acme: Shell) -> None:
    alone = Shell(acme.environment | {"WATCHWORD_MASTER_KEY": text(NEW)})
    done = alone("keys", "rotate")
    assert done.code == 2
    assert "WATCHWORD_PREVIOUS_MASTER_KEYS" in done.err
    assert "acme" in acme.well("tenant", "list")


def test_the_sheet_is_written_once_and_only_for_its_owner(acme: Shell, tmp_path: Path) -> None:
    sheet = tmp_path / "key.html"
    told = acme.well("keys", "escrow", "--output", str(sheet))
    assert sheet.stat().st_mode & 0o777 == 0o600
    html = sheet.read_text()
    lines = to_lines(OLD)
    assert all(line in html for line in lines)
    assert not any(line in told for line in lines), "not on the screen"
    assert key_id(OLD) in html
    assert re.search(r"watchword/[0-9a-f-]{36}", html)
    assert "<svg" in html
    assert acme.log()[-1].kind == "installation.key_printed"
    again = acme("keys", "escrow", "--output", str(sheet))
    assert again.code == 2
    assert "not written over" in again.err
    assert acme("keys", "escrow", "--output", str(tmp_path / "none" / "x.html")).code == 2


def test_a_typed_key_is_tried_on_the_database(acme: Shell, tmp_path: Path) -> None:
    typed = "\n".join(to_lines(OLD)) + "\n"
    lost = Shell({name: value for name, value in acme.environment.items() if name != "WATCHWORD_MASTER_KEY"})
    lost.environment["WATCHWORD_MASTER_KEY"] = ""
    told = lost.well("keys", "check", typed=typed.lower())
    assert key_id(OLD) in told
    assert "It opens" in told
    assert not any(line in told for line in to_lines(OLD)), "what is typed is not shown"
    assert "It opens" in lost.well("keys", "check", typed=text(OLD) + "\n")
    wrong = lost("keys", "check", typed="\n".join(to_lines(NEW)) + "\n")
    assert wrong.code == 1
    assert "does not open acme" in wrong.err
    path = tmp_path / "master.key"
    lost.well("keys", "check", "--output", str(path), typed=typed)
    assert path.stat().st_mode & 0o777 == 0o600
    by_file = Shell(lost.environment | {"WATCHWORD_MASTER_KEY_FILE": str(path)})
    assert "acme" in by_file.well("tenant", "list")


def test_a_typing_error_costs_one_line_not_the_whole_key(acme: Shell) -> None:
    first, *rest = to_lines(OLD)
    slipped = first[:-1] + ("0" if first[-1] != "0" else "1")
    told = acme("keys", "check", typed="\n".join([slipped, first, *rest]) + "\n")
    assert told.code == 0
    assert "Line 1 holds a typing error" in told.err
    for _ in range(3):
        nonsense = "\n".join(secrets.token_hex(4) for _ in range(9)) + "\n"
        done = acme("keys", "check", typed=nonsense)
        assert done.code == 2
        assert "Line 1" in done.err
