"""SQLite: one file, one writer thread with group commit, readers beside it."""

from storage.sqlite.database import SqliteDatabase
from storage.sqlite.store import AlreadyRunning, SqliteTurnStore

__all__ = ["AlreadyRunning", "SqliteDatabase", "SqliteTurnStore"]
