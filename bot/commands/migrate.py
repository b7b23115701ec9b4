"""`watchword migrate`: makes the database, or brings its tables up to this version."""

from __future__ import annotations

import os
from pathlib import Path

from bot.commands.backup import place, take
from bot.commands.operator import Mistake, Operator, run, say
from bot.settings import Settings
from storage import upkeep
from storage.counting import counted

#: The revision that makes the tables.
FIRST = "0001"


def migrate(settings: Settings, backup_into: Path | None = None) -> None:
    """All missing revisions; before them a backup into that folder, when something is missing from a database that
    holds something. Raises `Mistake` for a place that cannot be written and for a database of the future; nothing was
    changed then."""
    name, url = settings.database_name, settings.owner_database_url or settings.database_url
    is_new = settings.is_sqlite and not settings.database_path.exists()
    try:
        if is_new:
            # Only its owner may read it; the files that SQLite puts beside it take its rights over.
            os.close(os.open(settings.database_path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        missing = upkeep.missing(url)
        if backup_into is not None and missing and missing[0] != FIRST:
            _back_up(backup_into)
        upkeep.bring_up(url, settings.app_role)
    except OSError as why:
        raise Mistake(f"The database cannot be made at {name}: {why.strerror}. Does the folder exist?") from None
    except upkeep.BadDatabase as why:
        raise Mistake(f"{name} cannot be used: {why}") from None
    if missing and missing[0] == FIRST:
        say(f"Made {name}. Next: watchword tenant add SLUG --name NAME")
    else:
        said = f"Applied {counted(len(missing), 'migration')} to {name}."
        say(said if missing else "The database is up to date already.")


def _back_up(folder: Path) -> None:
    if not folder.is_dir():
        raise Mistake(f"The folder {folder} is not there, so there is no backup and nothing was changed. Make it.")

    async def work(operator: Operator) -> None:
        path = place(folder, operator.clock.now())
        manifest = await take(operator, path)
        say(f"Backed up {counted(manifest.rows, 'row')} into {path}")

    run(work, of_any_version=True)
