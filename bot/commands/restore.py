"""`watchword restore` and `watchword restore-fence`: back from a backup, and nothing of before counts a second time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, BinaryIO
from urllib.parse import unquote, urlsplit

import typer

from bot.commands import backup as backups
from bot.commands.operator import BUSY_SECONDS, Mistake, Operator, run, say
from bot.commands.progress import Shown
from bot.opening import open_database
from bot.settings import Settings, read_settings
from storage import upkeep
from storage.backup import BadArchive, Contents, NotEmpty, RestoreFailed, restore_into
from storage.backup.alone import others_connected
from storage.counting import counted
from storage.database import Database
from storage.epochs import fence as raise_fence
from storage.migrations import is_known
from storage.sealed.checkpoint_file import BadFile, CheckpointFile
from storage.sealed.notes import BadNote, Checkpoint, Signer, check
from storage.sqlite.store import AlreadyRunning, hold

EMPTY_ONE = "make an empty database and run restore again: docs/how-to/back-up-and-restore.md"


def restore(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    fence: Annotated[
        bool,
        typer.Option(help="Without the fence only for a planned move: the old server stopped before the backup."),
    ] = True,
) -> None:
    """Fill an empty database from a backup, which may come from the other kind of database. Stop every server first.

    Afterwards what was open when the backup was made is void (`restore-fence`), so that no code, log-in or text of
    before counts a second time.
    """
    settings = read_settings(os.environ)
    try:
        contents = backups.check(file, settings)
    except BadArchive as bad:
        raise Mistake(f"{file}: {bad} Nothing was changed.") from None
    backups.show(contents)
    if not is_known(contents.header.revision):
        raise Mistake(
            f"The backup has the schema {contents.header.revision}, which this version does not know: it was made by a "
            "newer one. Install that version. Nothing was changed."
        )
    _make_tables(settings, contents)
    with file.open("rb") as source:
        asyncio.run(_restore(settings, source, contents))
    say(f"Restored {counted(contents.manifest.rows, 'row')} into {settings.database_name}.")
    if fence:
        restore_fence(reason=f"restored {file.name}")
    else:
        say("Nothing of before was made void. If anything went on after the backup was made, run now, before serving:")
        say("  watchword restore-fence")


def restore_fence(
    reason: Annotated[str, typer.Option(help="Why, for the log.")] = "",
) -> None:
    """After a restore: begin a new epoch. Every open check, log-in, announced call and waiting text of before is void.

    `restore` does this by itself. Run it by hand when the database came back in another way, such as a disk snapshot,
    before any server starts. It does not ask: everybody signs in anew, and recovery codes are used up.
    """

    async def work(operator: Operator) -> None:
        done = await raise_fence(
            operator.database,
            operator.keyring,
            operator.clock.now(),
            operator.new_id,
            seen=lambda signer: _seen_outside(operator.settings, signer),
            reason=reason,
        )
        say(
            f"Epoch {done.epoch} has begun. Void: {counted(done.checks, 'check')}, "
            f"{counted(done.texts, 'text')} that waited, {counted(done.log_ins, 'log-in')}, "
            f"{counted(done.calls, 'announced call')}, {counted(done.recovery_codes, 'recovery code')}, "
            f"{counted(done.links, 'link')} into accounts."
        )
        if done.unclear:
            said = counted(done.unclear, "ticket or note", "tickets and notes")
            say(f"Looked up in the ticket system before they are made again: {said}.")
        if done.lost_lines:
            say(f"The log lost {counted(done.lost_lines, 'line')} signed after the backup: that is on record now.")
        say("Everybody signs in anew and makes new recovery codes. Passwords, second factors and switched-off accounts")
        say("are as they were when the backup was made: look through them with watchword user list.")

    run(work)


def _make_tables(settings: Settings, contents: Contents) -> None:
    """An absent or empty database gets the tables of the backup's revision. Raises `Mistake`."""
    revision, url = contents.header.revision, settings.owner_database_url or settings.database_url
    name = settings.database_name
    try:
        if settings.is_sqlite and not settings.database_path.exists():
            os.close(os.open(settings.database_path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        found = upkeep.current(url)
        if not found:
            upkeep.bring_up(url, settings.app_role, to=revision)
        elif found != revision:
            raise Mistake(
                f"The database {name} has the schema {found} and the backup {revision}. Restore makes the tables "
                "itself: remove the empty database, make it anew without `migrate`, and run restore again."
            )
    except OSError as why:
        raise Mistake(f"The database cannot be made at {name}: {why.strerror}. Does the folder exist?") from None
    except upkeep.BadDatabase as why:
        raise Mistake(f"{name} cannot be used: {why}") from None


async def _restore(settings: Settings, source: BinaryIO, contents: Contents) -> None:
    url = settings.owner_database_url or settings.database_url
    # As the owner of the tables: those of an older revision are not the serving role's yet.
    database = open_database(replace(settings, database_url=url), busy_seconds=BUSY_SECONDS)
    shown = Shown("Restoring")

    async def upgrade() -> None:
        await asyncio.to_thread(upkeep.bring_up, url, settings.app_role)
        await asyncio.to_thread(upkeep.gather_statistics, url)

    try:
        with _alone(settings):
            await _refuse_others(settings, database)
            await restore_into(database, source, backups.masters(settings), contents, upgrade=upgrade, progress=shown)
    except NotEmpty as why:
        raise Mistake(
            f"The database {settings.database_name} is not empty: {why}. Nothing was changed; {EMPTY_ONE}"
        ) from None
    except (RestoreFailed, upkeep.BadDatabase) as why:
        raise Mistake(
            f"The restore did not finish: {why}. Every command refuses this database now; {EMPTY_ONE}"
        ) from None
    finally:
        shown.done()
        await database.close()


async def _refuse_others(settings: Settings, database: Database) -> None:
    """Raises `Mistake` while anybody else is connected to the same PostgreSQL database."""
    urls = [url for url in (settings.database_url, settings.owner_database_url) if url]
    roles = sorted({unquote(urlsplit(url).username or "") for url in urls})
    others = await others_connected(database, roles)
    if others:
        raise Mistake(
            f"Somebody else is connected to {settings.database_name} ({counted(others, 'connection')}). Stop every "
            "server first: one that is running would send what comes back. Nothing was changed."
        )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """No server may start on the file meanwhile. Raises `Mistake` when one runs."""
    if not settings.is_sqlite:
        yield
        return
    try:
        held = hold(settings.database_path)
    except AlreadyRunning as why:
        raise Mistake(f"{why}. Nothing was changed.") from None
    with closing(held):
        yield


def _seen_outside(settings: Settings, signer: Signer | None) -> Checkpoint | None:
    """The newest checkpoint in the file outside, None where there is none of this installation."""
    if settings.checkpoints_file is None or signer is None:
        return None
    try:
        note = CheckpointFile(settings.checkpoints_file).last()
        return check(note, signer.origin, signer.public) if note else None
    except (BadFile, BadNote, OSError) as why:
        typer.echo(f"watchword: the checkpoints outside do not count: {why}", err=True)
        return None
