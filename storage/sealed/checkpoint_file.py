"""The checkpoints outside the database: a file that only grows, each note followed by an empty line.

Kept where whoever can change the database cannot: what is in it can never be taken back. Each server keeps one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from storage.sealed.notes import SIGNED_BY, BadNote, Checkpoint, read

try:
    import fcntl
except ImportError:  # Windows: one server, and nobody else writes the file
    fcntl = None  # type: ignore[assignment]

#: More than two checkpoints take.
_TAIL_BYTES = 4096


class BadFile(Exception):
    """The file does not hold what we wrote; the message says where. Nothing was written to it."""


@dataclass(frozen=True, slots=True)
class Record:
    """What stands in the file from `line` on (1 is the first). `note` is empty where something else stands."""

    line: int
    note: str
    text: str


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """The file; it need not exist yet."""

    path: Path

    def records(self) -> Iterator[Record]:
        """Everything in it, from the beginning; a file that is not there is empty. Raises BadFile for what is none."""
        self._must_be_a_file()
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            yield from _records(file)

    def checkpoints(self) -> Iterator[Checkpoint]:
        """The checkpoints that can be read; whether they are ours is for the caller to check."""
        for record in self.records():
            if record.note:
                yield read(record.note)

    def last(self) -> str:
        """The newest whole note, empty when there is none. Raises BadFile when something else stands at the end."""
        self._must_be_a_file()
        try:
            with self.path.open("rb") as file:
                return _end(self.path, file)[0]
        except FileNotFoundError:
            return ""

    def append(self, note: str) -> None:
        """Add a note; when this returns it is on the disk. One that a crash cut short is completed if it is this one.

        Raises BadFile when something else stands at the end, OSError when the disk says no.
        """
        self._must_be_a_file()
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file, _alone(descriptor):
            last, begun = _end(self.path, file)
            if last and not begun and _has_seen(last, note):
                return  # another process has been here
            whole = f"{note}\n".encode()
            if not whole.startswith(begun):
                raise BadFile(f"{self.path} ends in something that is not a checkpoint of this log")
            rest = whole[len(begun) :]
            if os.write(descriptor, rest) != len(rest):
                raise OSError(f"only a part of the checkpoint could be written to {self.path}")
            os.fsync(descriptor)
        if is_new:
            _sync_folder(self.path.parent)

    def _must_be_a_file(self) -> None:
        """A pipe would be waited on for ever, without a word."""
        if self.path.exists() and not self.path.is_file():
            raise BadFile(f"{self.path} is no ordinary file; name another one in WATCHWORD_CHECKPOINTS_FILE")


def _records(file: BinaryIO) -> Iterator[Record]:
    """Each note ends with its signature line and an empty one."""
    begun: list[str] = []
    line = first = 1
    for raw in file:
        text = raw.decode("utf-8", "replace")
        if not begun:
            first = line
        line += 1
        begun.append(text)
        if text == "\n" and len(begun) > 1 and begun[-2].startswith(SIGNED_BY):
            yield _record(first, "".join(begun))
            begun = []
    if begun:
        yield Record(first, "", "".join(begun))


def _record(line: int, text: str) -> Record:
    note = text[:-1]
    try:
        read(note)
    except BadNote:
        note = ""
    return Record(line, note, text)


def _end(path: Path, file: BinaryIO) -> tuple[str, bytes]:
    """The last whole note, and the bytes behind it that are not a whole one."""
    length = file.seek(0, os.SEEK_END)
    at = file.seek(max(0, length - _TAIL_BYTES))
    tail = file.read()
    mark = f"\n{SIGNED_BY}".encode()
    signed = tail.rfind(mark)
    end = tail.find(b"\n\n", signed + 1)
    if signed >= 0 and end < 0:  # the last note lacks its end: the one before counts
        signed = tail.rfind(mark, 0, signed)
        end = tail.find(b"\n\n", signed + 1)
    if signed < 0:
        if at:
            raise BadFile(f"{path} ends in something that is not a checkpoint of this log")
        return "", tail
    before = tail.rfind(mark, 0, signed)
    start = tail.find(b"\n\n", before + 1) + 2 if before >= 0 else 0
    note = tail[start : end + 1].decode("utf-8", "replace")
    try:
        read(note)
    except BadNote as why:
        raise BadFile(f"{path} ends in something that is not a checkpoint of this log: {why}") from why
    return note, tail[end + 2 :]


def _has_seen(last: str, note: str) -> bool:
    """Whether the file's last note is this one or a later one: whoever else writes here was quicker."""
    seen, new = read(last), read(note)
    return seen.origin == new.origin and (seen.epoch, seen.size) >= (new.epoch, new.size)


@contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """Commands and the server may write at the same moment; the lock ends when the file is closed."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield


def _sync_folder(folder: Path) -> None:
    """So that a new file's name survives a power cut as well."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
