"""`watchword migrate`: makes the database, or brings its tables up to this version."""

from __future__ import annotations

import os

from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from bot.commands.operator import Mistake, say
from bot.settings import Settings
from storage import migrations


def migrate(settings: Settings) -> None:
    """All missing revisions. Raises `Mistake` for a place that cannot be written and for a database of the future."""
    path = settings.database_path
    is_new = not path.exists()
    try:
        if is_new:
            # Only its owner may read it; the files that SQLite puts beside it take its rights over.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        missing = migrations.pending(settings.database_url)
        migrations.migrate(settings.database_url)
    except OSError as why:
        raise Mistake(f"The database cannot be made at {path}: {why.strerror}. Does the folder exist?") from None
    except CommandError:
        raise Mistake(f"{path} comes from a newer version of Watchword. Install that version, or a backup.") from None
    except DBAPIError as why:
        raise Mistake(
            f"{path} cannot be used: {why.orig}. Is it a Watchword database, and is the server stopped?"
        ) from None
    if is_new:
        say(f"Made {path}. Next: watchword tenant add SLUG --name NAME")
    else:
        say(f"{len(missing)} changes applied to {path}." if missing else "The database is up to date already.")
