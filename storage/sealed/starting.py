"""What is looked at before a server starts: is the database older than what the file outside has seen (REL-13)?"""

from __future__ import annotations

from sqlalchemy import Connection

from storage.database import Database, Unscoped
from storage.keys import CannotOpen, Keyring
from storage.sealed import heads, notes
from storage.sealed.checkpoint_file import BadFile, CheckpointFile
from storage.sealed.heads import Agreement
from storage.sealed.notes import BadNote
from storage.sealed.signing import existing_signer
from storage.sealed.tiles import Tiles

_AFTER_A_RESTORE = (
    "If you restored a backup, run: watchword restore-fence (it makes old codes and log-ins void). If you did not, "
    "somebody has changed the database: run watchword audit verify and keep the file safe."
)


async def log_is_older_than_outside(database: Database, keyring: Keyring, file: CheckpointFile | None) -> str:
    """Why the server must not start, with what to do; empty when it may. Reads only."""
    if file is None:
        return ""
    try:
        note = file.last()
    except BadFile as why:
        return f"{why}. Run: watchword audit verify"
    except OSError as why:
        return f"The checkpoint file {file.path} cannot be read: {why.strerror}. Check its path and rights."
    if not note:
        return ""
    return await database.read(Unscoped.OPERATOR, lambda conn: _judge(conn, keyring, file, note))


def _judge(conn: Connection, keyring: Keyring, file: CheckpointFile, note: str) -> str:
    head, tree, known = notes.read(note), Tiles(conn), heads.restores(conn)
    size = tree.size()
    saw = f"The checkpoint file {file.path} has seen {head.size} lines of the log on {head.at:%Y-%m-%d %H:%M} UTC"
    try:
        by = existing_signer(conn, keyring)
    except CannotOpen:
        return (
            "The key that signs the log's checkpoints was sealed under another master key. Put the previous one into "
            "WATCHWORD_PREVIOUS_MASTER_KEYS, then run: watchword keys rotate"
        )
    if by is None:
        return f"{saw}, and this database has never signed one. {_AFTER_A_RESTORE}"
    try:
        notes.check(note, by.origin, by.public)
    except BadNote as why:
        return (
            f"The last checkpoint in {file.path} is not this installation's: {why}. Set WATCHWORD_CHECKPOINTS_FILE to "
            "this installation's own file; if it is, run: watchword audit verify"
        )
    match heads.compare(tree, known, head):
        case Agreement.OLDER:
            return f"{saw}, and this database has sealed {size}: it is older. {_AFTER_A_RESTORE}"
        case Agreement.OTHER:
            return f"{saw}, and the lines in this database are others. Run: watchword audit verify"
        case _:
            return ""
