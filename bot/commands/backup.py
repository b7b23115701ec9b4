"""`watchword backup`: one encrypted file with everything in it, taken while the server runs, and checked."""

from __future__ import annotations

import asyncio
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.operator import Mistake, Operator, run, say, say_rows
from bot.commands.progress import Shown
from bot.settings import Settings, read_settings
from storage import backup as archive
from storage import upkeep
from storage.backup import BackupFile, BadArchive, Contents, Header, Manifest, WrongKey, keep_newest, name_for
from storage.backup.archive import SALT_BYTES
from storage.counting import counted
from storage.database import Unscoped
from storage.health import note_backup
from storage.keys import key_id
from storage.migrations import is_known, newest

NOT_GOOD = 1


def backup(
    output: Annotated[
        Path | None, typer.Option(help="A file that is not there yet, or a folder: the name is then the time.")
    ] = None,
    keep: Annotated[
        int, typer.Option(min=0, help="In a folder: keep so many of the newest and take older ones away. 0 keeps all.")
    ] = 0,
    verify: Annotated[
        Path | None, typer.Option(help="Take no backup; read this one to its end and say what is in it.")
    ] = None,
) -> None:
    """Back up everything into one encrypted file, while the server runs. It needs the master key to be opened again.

    The exit code is 0 when the backup is whole and on the disk, 1 when `--verify` finds a bad one, 2 when nothing was
    made. How to restore it: docs/how-to/back-up-and-restore.md
    """
    if (output is None) == (verify is None):
        raise Mistake("Say where to with --output FILE or FOLDER, or which backup to read with --verify FILE.")
    if verify is not None:
        settings = read_settings(os.environ)
        try:
            show(check(verify, settings))
        except BadArchive as bad:
            typer.echo(f"watchword: {verify}: {bad}", err=True)
            raise typer.Exit(NOT_GOOD) from None
        say("The backup is whole.")
        return
    assert output is not None, "one of the two is given"
    where = output

    async def work(operator: Operator) -> None:
        path = place(where, operator.clock.now())
        manifest = await take(operator, path)
        # So that the doctor and the monitors know how old the newest one is.
        await operator.database.write(Unscoped.OPERATOR, lambda conn: note_backup(conn, operator.clock.now()))
        told: dict[str, str | int] = {"rows": manifest.rows, "key": key_id(operator.settings.master_key)}
        await operator.note_for_all("installation.backed_up", told)
        say(f"Backed up {counted(manifest.rows, 'row')}, the log to line {manifest.log_lines}, into {path}")
        say(f"It opens with the master key {key_id(operator.settings.master_key)} only. Keep that key elsewhere.")
        if keep and path.parent == where:
            try:
                for old in keep_newest(where, keep, path):
                    say(f"Took away {old.name}.")
            except OSError as why:
                typer.echo(f"watchword: older backups in {where} stay: {why.strerror}.", err=True)

    run(work)


def place(where: Path, now: datetime) -> Path:
    """The file to write: `where`, or one named by the time in it when it is a folder. Raises `Mistake`."""
    path = where / name_for(now) if where.is_dir() else where
    if not path.parent.is_dir():
        raise Mistake(f"The folder {path.parent} is not there. Make it, or name another one.")
    return path


async def take(operator: Operator, path: Path) -> Manifest:
    """Back up into a new file. Raises `Mistake`."""
    now, master = operator.clock.now(), operator.settings.master_key
    at = await asyncio.to_thread(upkeep.current, operator.settings.database_url)
    # What a newer version has added is not ours to take, so the backup is one of our own schema.
    header = Header(at if is_known(at) else newest(), now, key_id(master), secrets.token_bytes(SALT_BYTES))
    shown = Shown("Backing up")
    try:
        with BackupFile(path) as file:
            manifest = await archive.back_up(operator.database, file, header, master, shown)
    except FileExistsError:
        raise Mistake(f"{path} is there already and is not written over. Choose another name.") from None
    except OSError as why:
        raise Mistake(
            f"The backup cannot be written to {path}: {why.strerror or why}. Nothing was left behind; make room, or "
            "choose another disk."
        ) from None
    finally:
        shown.done()
    return manifest


def check(path: Path, settings: Settings) -> Contents:
    """Read a backup to its end. Raises `Mistake` for a file or a key that is not there, `BadArchive` for a bad one."""
    try:
        with path.open("rb") as file:
            return archive.read_contents(file, masters(settings))
    except WrongKey as why:
        raise Mistake(str(why)) from None
    except OSError as why:
        raise Mistake(f"{path} cannot be read: {why.strerror}.") from None


def masters(settings: Settings) -> tuple[bytes, ...]:
    """Every master key at hand; the backup names the one that it needs."""
    return (settings.master_key, *settings.previous_master_keys)


def show(contents: Contents) -> None:
    """What is in a backup, for a person."""
    header, manifest = contents.header, contents.manifest
    say(f"Made at {header.made_at:%Y-%m-%d %H:%M:%S} UTC, schema {header.revision}, master key {header.key_id}.")
    root = f", sealed to line {manifest.log_size} with the root {manifest.log_root}" if manifest.log_root else ""
    say(f"The log has {manifest.log_lines} lines{root}. Epoch {manifest.epoch}.")
    say_rows(("TABLE", "ROWS"), [(name, str(rows)) for name, rows in manifest.tables.items() if rows])
