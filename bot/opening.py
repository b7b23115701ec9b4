"""Opening the database that the settings name, whichever it is: a file for one process, PostgreSQL for several.

PostgreSQL's room is imported only where it is used: its driver costs a start of the demo more than all else together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bot.settings import BadSetting, Settings
from dialogs.ports import TurnStore
from storage import upkeep
from storage.counting import counted
from storage.database import OpenDatabase, Unscoped
from storage.epochs import unfinished_restore
from storage.health import read_standing
from storage.keys import Keyring
from storage.sealed.checkpoint_file import CheckpointFile
from storage.sealed.starting import log_is_older_than_outside
from storage.sqlite import AlreadyRunning, SqliteDatabase, SqliteTurnStore


class OpenStore(TurnStore, Protocol):
    """A turn store that this process holds open."""

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the event loop after each commit that others may want to know of."""
        ...

    async def close(self) -> None:
        """Finish what waits, and let go of the database."""
        ...


def check_migrated(settings: Settings) -> None:
    """Opening a file that is not there would make an empty one; tables of another version would be misread.

    Not to be called on an event loop. Raises BadSetting with what to do.
    """
    if settings.is_sqlite and not settings.database_path.is_file():
        raise BadSetting(f"There is no database at {settings.database_name}. Make it with: watchword migrate")
    try:
        missing = upkeep.missing(settings.database_url)
    except upkeep.BadDatabase as why:
        raise BadSetting(f"The database {settings.database_name} cannot be used: {why}") from why
    if missing:
        raise BadSetting(
            f"The database {settings.database_name} lacks {counted(len(missing), 'migration')}. Run: watchword migrate"
        )


async def refuse_unfinished(settings: Settings, database: OpenDatabase) -> None:
    """A database that a restore has filled by half looks whole and is not. Raises BadSetting."""
    if await database.read(Unscoped.OPERATOR, unfinished_restore):
        raise BadSetting(
            f"The restore into {settings.database_name} did not finish. Make an empty database and run restore again: "
            "docs/how-to/back-up-and-restore.md"
        )


async def check_database(settings: Settings, database: OpenDatabase, keyring: Keyring) -> None:
    """What must hold before anything is served from this database. Raises BadSetting with what to do."""
    await refuse_unfinished(settings, database)
    standing = await database.read(Unscoped.OPERATOR, lambda conn: read_standing(conn, keyring))
    if standing.locked:
        raise BadSetting(
            f"The master key does not open the data of {', '.join(standing.locked)}. Use the key this database was "
            "made with; without it nothing sealed can be read."
        )
    if not settings.is_sqlite:
        from storage.postgres.row_security import why_unfit

        if unfit := await database.read(Unscoped.OPERATOR, why_unfit):
            raise BadSetting(unfit)
    if settings.demo or settings.checkpoints_file is None:
        # The demo's commits may be lost in a power cut, and its file then knows of more than there is.
        return
    file = CheckpointFile(settings.checkpoints_file)
    if older := await log_is_older_than_outside(database, keyring, file):
        raise BadSetting(older)


def open_database(settings: Settings, *, durable: bool = True, busy_seconds: float = 5.0) -> OpenDatabase:
    """The database for everything but turns. `durable` off: a power cut may cost a file's last commits, for demos.
    `busy_seconds`: how long to wait for another process that writes the same file."""
    if settings.is_sqlite:
        return SqliteDatabase(
            settings.database_path, synchronous="FULL" if durable else "NORMAL", busy_timeout=busy_seconds
        )
    from storage.postgres import PostgresDatabase

    return PostgresDatabase(settings.database_url)


def open_store(settings: Settings, database: OpenDatabase, keyring: Keyring, rank: Callable[[str], int]) -> OpenStore:
    """The turn store beside it. `rank` orders a provider's delivery states. Raises BadSetting when it is in use."""
    if isinstance(database, SqliteDatabase):
        try:
            return SqliteTurnStore(database, keyring, rank)
        except AlreadyRunning as cause:
            raise BadSetting(str(cause)) from cause
    from storage.postgres.store import PostgresTurnStore

    return PostgresTurnStore(settings.database_url, keyring, rank)
