"""`watchword migrate`: makes the database, or brings its tables up to this version."""

from __future__ import annotations

import os

from bot.commands.operator import Mistake, say
from bot.settings import Settings
from storage import upkeep


def migrate(settings: Settings) -> None:
    """All missing revisions. Raises `Mistake` for a place that cannot be written and for a database of the future."""
    path = settings.database_path
    is_new = not path.exists()
    try:
        if is_new:
            # Only its owner may read it; the files that SQLite puts beside it take its rights over.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        missing = upkeep.missing(settings.database_url)
        upkeep.bring_up(settings.database_url)
    except OSError as why:
        raise Mistake(f"The database cannot be made at {path}: {why.strerror}. Does the folder exist?") from None
    except upkeep.BadDatabase as why:
        raise Mistake(f"{path} cannot be used: {why}") from None
    if is_new:
        say(f"Made {path}. Next: watchword tenant add SLUG --name NAME")
    else:
        say(f"{len(missing)} changes applied to {path}." if missing else "The database is up to date already.")
