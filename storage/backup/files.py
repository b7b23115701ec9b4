"""Where backups lie: written beside their name and renamed when whole, the oldest of a folder taken away."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

_PREFIX, _SUFFIX = "watchword-", ".backup"
_NAME = re.compile(r"watchword-[0-9]{8}-[0-9]{6}\.backup")
_PARTIAL = re.compile(r"\.watchword-[0-9]{8}-[0-9]{6}\.backup\.[0-9]+\.partial")
#: A backup takes minutes. What was begun so many seconds before one that is whole, and is not, was killed.
_ABANDONED_S = 86_400


def name_for(made_at: datetime) -> str:
    """`watchword-20260131-020000.backup`, in UTC: sorts by time."""
    return f"{_PREFIX}{made_at.astimezone(UTC):%Y%m%d-%H%M%S}{_SUFFIX}"


def keep_newest(folder: Path, keep: int, made: Path) -> list[Path]:
    """Take away all but the newest `keep` backups of a folder, going by their names; what was taken away.

    `made` is one of those that stay, whatever its name: others may lie there from days on which the clock was wrong.
    What a killed backup left behind a day ago goes as well.
    Files with names of another kind are somebody else's. Raises OSError.
    """
    there = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_file())
    others = [path for path in there if path != made]
    old = others[: max(0, len(others) - (keep - 1))]
    begun = [path for path in folder.iterdir() if _PARTIAL.fullmatch(path.name) and path.is_file()]
    old += [path for path in sorted(begun) if path.stat().st_mtime < made.stat().st_mtime - _ABANDONED_S]
    for path in old:
        path.unlink()
    return old


class BackupFile:
    """A file that appears under its name only when it is whole and on the disk. Only its owner may read it.

        with BackupFile(path) as out:
            out.write(...)

    An error leaves nothing behind. Raises FileExistsError for a name that is taken, and OSError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.{os.getpid()}.partial")

    def __enter__(self) -> BinaryIO:
        if self._path.exists():
            raise FileExistsError(17, "File exists", str(self._path))
        descriptor = os.open(self._partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        self._out = os.fdopen(descriptor, "wb")
        return self._out

    def __exit__(self, error: type[BaseException] | None, *rest: object) -> None:
        try:
            if error is None:
                self._out.flush()
                os.fsync(self._out.fileno())
        except OSError:
            self._give_up()
            raise
        if error is not None:
            self._give_up()
            return
        self._out.close()
        self._partial.rename(self._path)
        _sync_folder(self._path.parent)

    def _give_up(self) -> None:
        with suppress(OSError):  # what is still in the buffer may not fit either
            self._out.close()
        self._partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """The new name itself must be on the disk too. Systems without open folders write it at once."""
    with suppress(OSError, AttributeError):
        descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
