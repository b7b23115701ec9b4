"""The task that seals the log: it takes placed lines into the tree, signs a checkpoint every 5 minutes or 1000 lines,
and writes each checkpoint to the file outside the database (SEC-55).

Every server runs one; they take turns at the tree, and each keeps its own file whole from the table. Nothing is signed
or written that does not continue what the file outside has seen: then the log has been changed, and people are told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from dialogs.messages import Unavailable
from dialogs.ports import Clock, Randomness
from storage.database import Database, Unscoped
from storage.keys import CannotOpen, Keyring
from storage.sealed import growing, heads, notes
from storage.sealed.checkpoint_file import BadFile, CheckpointFile
from storage.sealed.heads import Agreement
from storage.sealed.notes import BadNote, Checkpoint, Signer
from storage.sealed.signing import existing_signer, signer
from storage.sealed.tiles import BrokenTree, Tiles

#: Notes to a look at the table, for a server whose file is new.
_NOTES = 200
_AGAIN = timedelta(minutes=5)
#: Seconds for the last checkpoint of a server that stops.
_CLOSES_WITHIN_S = 5.0

log = structlog.get_logger("sealer")


class Tampered(Exception):
    """The log is not what it was when a checkpoint was signed; the message says how that shows."""


@dataclass(frozen=True, slots=True)
class Look:
    """`size`: leaves in the tree; `last`: the newest head of this epoch in the table; `new`: notes the file lacks."""

    size: int
    last: Checkpoint | None
    new: list[str]


class Sealer:
    """`trouble` is empty while all is well; `sealed` and `sealed_at` tell of the newest checkpoint, for metrics."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Clock,
        random: Randomness,
        *,
        file: CheckpointFile | None = None,
        publish: Callable[[str], None] = lambda note: None,
        alarm: Callable[[str], None] = lambda what: None,
        look_every: float = 5.0,
        rest: float = 1.0,
    ) -> None:
        """`file`: None where there is none outside. `publish` takes each note signed here and must not wait. `alarm` is
        told once, in plain words, when the log turns out to be changed or cannot be sealed. `look_every`: seconds until
        it looks without a call; `rest`: seconds between two looks, however often it is called."""
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._random = random
        self._file = file
        self._publish = publish
        self._alarm = alarm
        self._look_every = look_every
        self._rest = rest
        self._woken = asyncio.Event()
        self._signer: Signer | None = None
        self._told_at: datetime | None = None
        self._gone = ""
        self.trouble = ""
        self.sealed = 0
        self.sealed_at: datetime | None = None

    def wake(self) -> None:
        """Lines may have been placed. On the event loop."""
        self._woken.set()

    async def run(self) -> None:
        """Seal until cancelled."""
        while True:
            await self.seal()
            await asyncio.sleep(self._rest)
            # Not `wait_for`: before Python 3.12 it may swallow a cancellation.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_every):
                    await self._woken.wait()
            self._woken.clear()

    async def close(self) -> None:
        """One more checkpoint over all there is. Call it when `run` has ended and the database is still open.

        A database that says nothing is not waited for: the next server to start seals what is left."""
        try:
            async with asyncio.timeout(_CLOSES_WITHIN_S):
                await self.seal(now=True)
        except TimeoutError:
            log.warning("not_sealed", why="the database does not answer")

    async def seal(self, *, now: bool = False) -> None:
        """Take in what waits, and sign a checkpoint where one is due; `now`: also where none is. Never raises for what
        may go wrong outside: it is logged, and the next look tries again."""
        try:
            await self._seal(now)
        except Unavailable as why:
            log.warning("not_sealed", why=str(why))
        except (Tampered, BrokenTree, BadFile) as why:
            self._tell(f"The audit log has been changed: {why}. Nothing more is sealed. Run: watchword audit verify")
        except CannotOpen:
            self._tell("The key that signs checkpoints was sealed under another master key; give it as a previous one.")
        except OSError as why:
            self._tell(f"Checkpoints cannot be kept outside the database: {why}. Make the file writable.")
        else:
            self.trouble = self._gone

    async def _seal(self, now: bool) -> None:
        by = await self._who()
        # The tree may grow over anything; what it became is looked at before it is signed.
        while await self._grow():
            pass
        look = await self._look(by)
        if heads.is_due(look.last, look.size, self._clock.now()) or (now and look.size):
            note = await self._database.write(Unscoped.OPERATOR, lambda conn: self._sign(conn, by))
            if note:
                self._publish(note)
                log.info("checkpoint", lines=notes.read(note).size)
            look = await self._look(by)
        if look.last is not None:
            self.sealed, self.sealed_at = look.last.size, look.last.at
        while self._file is not None and look.new:
            for note in look.new:
                await asyncio.to_thread(self._file.append, note)
            look = await self._look(by)

    async def _grow(self) -> bool:
        """Take in the next lines; False when there are none, or another server is at it."""
        size, leaves = await self._database.read(Unscoped.OPERATOR, growing.waiting)
        if growing.GONE in leaves:
            missing = size + 1 + leaves.index(growing.GONE)
            # Sealing goes on over it, and it stays true.
            self._gone = f"The audit log has been changed: line {missing} was taken out before it was sealed."
            self._tell(self._gone)
        if not leaves:
            return False
        return await self._database.write(Unscoped.OPERATOR, lambda conn: growing.grow(conn, size, leaves))

    async def _look(self, by: Signer) -> Look:
        """Raises Tampered when the log does not continue what was signed."""
        seen = await self._outside(by)
        wanted = _NOTES if self._file is not None else 0
        return await self._database.read(Unscoped.OPERATOR, lambda conn: _look(conn, by, seen, wanted))

    def _sign(self, conn: Connection, by: Signer) -> str:
        return heads.sign_head(conn, by, self._clock.now()) if growing.alone(conn) else ""

    async def _who(self) -> Signer:
        if self._signer is not None:
            return self._signer
        found = await self._database.read(Unscoped.OPERATOR, lambda conn: existing_signer(conn, self._keyring))
        if found is None:
            new_id = self._random.new_id(self._clock.now())
            found = await self._database.write(Unscoped.OPERATOR, lambda conn: signer(conn, self._keyring, new_id))
        self._signer = found
        return found

    async def _outside(self, by: Signer) -> Checkpoint | None:
        """The last checkpoint in the file, None when there is none. Raises Tampered."""
        if self._file is None:
            return None
        note = await asyncio.to_thread(self._file.last)
        try:
            return notes.check(note, by.origin, by.public) if note else None
        except BadNote as why:
            raise Tampered(f"the last checkpoint in {self._file.path} is not ours: {why}") from why

    def _tell(self, trouble: str) -> None:
        """Loudly: once when it begins, and in the program's log again and again while it lasts."""
        now = self._clock.now()
        is_new = trouble != self.trouble
        if is_new or self._told_at is None or not self._told_at <= now < self._told_at + _AGAIN:
            log.error("log_not_sealed", what=trouble)
            self._told_at = now
        self.trouble = trouble
        if is_new:
            self._alarm(trouble)


def _look(conn: Connection, by: Signer, seen: Checkpoint | None, wanted: int) -> Look:
    """Raises Tampered when the tree does not continue `seen`, or a head in the table."""
    tree, known = Tiles(conn), heads.restores(conn)
    if seen is not None:
        _expect(heads.compare(tree, known, seen), seen, "outside")
    last = heads.newest(conn, heads.epoch_of(conn))
    if last is not None:
        _expect(heads.compare(tree, known, last), last, "in the database")
    new = heads.notes_after(conn, seen, wanted)
    for note in new:
        try:
            head = notes.check(note, by.origin, by.public)
        except BadNote as why:
            raise Tampered(f"a checkpoint in the database is not ours: {why}") from why
        _expect(heads.compare(tree, known, head), head, "in the database")
    return Look(tree.size(), last, new)


def _expect(found: Agreement, seen: Checkpoint, where: str) -> None:
    made = f"the checkpoint {where} of {seen.at:%Y-%m-%d %H:%M:%S} UTC over {seen.size} lines"
    if found is Agreement.OLDER:
        raise Tampered(f"{made} covers more than the log has now")
    if found is Agreement.OTHER:
        raise Tampered(f"{made} was made over other lines")
