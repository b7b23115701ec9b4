"""Backups: one encrypted file that either database can be restored from, whichever one it came from."""

from storage.backup.archive import BadArchive, Header, WrongKey
from storage.backup.dump import back_up
from storage.backup.files import BackupFile, keep_newest, name_for
from storage.backup.records import Contents, Manifest, read_contents
from storage.backup.restore import NotEmpty, RestoreFailed, restore_into

__all__ = [
    "BackupFile",
    "BadArchive",
    "Contents",
    "Header",
    "Manifest",
    "NotEmpty",
    "RestoreFailed",
    "WrongKey",
    "back_up",
    "keep_newest",
    "name_for",
    "read_contents",
    "restore_into",
]
