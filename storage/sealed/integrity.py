"""What admins may see and do about the log by screen: how far it is sealed, a check of its end, receipts, exports.

A check runs in the server that was asked; how it goes stands in the database, so that every replica can tell.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, delete, func, insert, select

from dialogs.messages import Unavailable
from dialogs.ports import Clock, Randomness
from dialogs.turns import AuditEvent
from storage.database import Database, Unscoped
from storage.keys import CannotOpen, Keyring
from storage.noting import append_audit
from storage.sealed import heads, notes
from storage.sealed.checkpoint_file import CheckpointFile
from storage.sealed.export import Format, Wanted, count, export
from storage.sealed.receipts import NoReceipt, NotSealedYet, make_receipt
from storage.sealed.report import Finding, Report
from storage.sealed.sealer import Sealer
from storage.sealed.signing import existing_signer, signer
from storage.sealed.verify import verify
from storage.tables import audit, installation
from storage.times import micros, moment

#: How many lines a check may look at, at the choice of whoever asks. All of them are the operator's to check.
CHOICES = (10_000, 100_000)
_MARK = "log_check"
#: A check that has not said anything for so long has ended with its server.
_LOST_AFTER = timedelta(seconds=60)
_TELL_EVERY_S = 1.0
_SHOWN = 10

log = structlog.get_logger("log_check")


@dataclass(frozen=True, slots=True)
class Status:
    """`lines` of the whole log; `sealed` of them under the newest checkpoint, of `sealed_at` (None: there is none).
    `key` and `fingerprint` of the key that signs, empty before the first checkpoint. `outside`: checkpoints are kept
    outside the database too. `trouble`: why nothing is sealed at the moment, empty while all is well."""

    lines: int
    sealed: int
    sealed_at: datetime | None
    key: str
    fingerprint: str
    outside: bool
    trouble: str

    @property
    def waiting(self) -> int:
        """Lines that nothing protects yet."""
        return max(0, self.lines - self.sealed)


@dataclass(frozen=True, slots=True)
class LogCheck:
    """The newest check: `running`, `done`, or `lost` with its server. `wanted` lines were asked for, `done` of `total`
    are looked at. `problems`: what speaks against the log, none when it is whole."""

    state: str
    wanted: int
    done: int
    total: int
    at: datetime
    problems: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        return self.state == "done" and not self.problems


class Integrity:
    """`run` is a task of the program."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Clock,
        random: Randomness,
        sealer: Sealer,
        *,
        file: CheckpointFile | None = None,
        alarm: Callable[[str], None] = lambda what: None,
    ) -> None:
        """`alarm` is told when a check finds something wrong, and must not wait."""
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._random = random
        self._sealer = sealer
        self._file = file
        self._alarm = alarm
        self._asked = asyncio.Event()
        self._wanted = 0
        self._sealing = asyncio.Lock()

    async def status(self) -> Status:
        """How the log stands. The numbers are those of the whole installation, whose log is one."""

        def work(conn: Connection) -> Status:
            newest = heads.newest(conn, heads.epoch_of(conn))
            lines = conn.scalar(select(func.max(audit.c.seq))) or 0
            try:
                by = existing_signer(conn, self._keyring)
            except CannotOpen:
                by = None
            return Status(
                lines,
                newest.size if newest is not None else 0,
                newest.at if newest is not None else None,
                notes.verifier_key(by.origin, by.public) if by is not None else "",
                notes.fingerprint(by.public) if by is not None else "",
                self._file is not None,
                self._without_path(self._sealer.trouble),
            )

        return await self._database.read(Unscoped.OPERATOR, work)

    async def receipt(self, check_id: str) -> str:
        """The receipt of a verification; see `receipts`. Seals what is not sealed yet. Whoever asks must have made sure
        that the check is their tenant's. Raises NoReceipt, and NotSealedYet while its newest lines have no place."""
        new_id = self._random.new_id(self._clock.now())
        by = await self._database.write(Unscoped.OPERATOR, lambda conn: signer(conn, self._keyring, new_id))

        async def make() -> str:
            return await self._database.read(Unscoped.OPERATOR, lambda conn: make_receipt(conn, by, check_id))

        try:
            return await make()
        except NotSealedYet:
            async with self._sealing:
                await self._sealer.seal(now=True)
            if self._sealer.trouble:
                raise NoReceipt(self._without_path(self._sealer.trouble)) from None
            return await make()

    async def note(self, tenant_id: str, event: AuditEvent) -> None:
        """Put a line about any of this into the tenant's log."""
        await self._database.write(tenant_id, lambda conn: append_audit(conn, self._keyring, tenant_id, event))

    async def count(self, wanted: Wanted) -> int:
        """How many lines an export would have now."""
        return await count(self._database, wanted)

    async def export(self, wanted: Wanted, how: Format) -> AsyncIterator[str]:
        """The export in pieces; see `export`."""
        by = await self._database.read(Unscoped.OPERATOR, lambda conn: existing_signer(conn, self._keyring))
        async for piece in export(self._database, self._keyring, by, wanted, how):
            yield piece

    async def last_check(self) -> LogCheck | None:
        """The newest check by screen, None before the first."""
        now = self._clock.now()
        return await self._database.read(Unscoped.OPERATOR, lambda conn: _read(conn, now))

    async def begin(self, wanted: int) -> bool:
        """Have the last `wanted` lines checked; False while a check is running."""
        now = self._clock.now()

        def work(conn: Connection) -> bool:
            running = _read(conn, now)
            if running is not None and running.state == "running":
                return False
            _write(conn, LogCheck("running", wanted, 0, 0, now))
            return True

        if not await self._database.write(Unscoped.OPERATOR, work):
            return False
        self._wanted = wanted
        self._asked.set()
        return True

    async def run(self) -> None:
        """Check when asked, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                await self._check(self._wanted)
            except Unavailable:
                # It then counts as lost, and may be asked for again.
                log.warning("log_check_broke_off")

    async def _check(self, wanted: int) -> None:
        told = asyncio.create_task(self._tell(wanted, seen := _Seen()), name="progress of a log check")
        try:
            report = await verify(self._database, self._keyring, self._file, seen.note, last=wanted)
        except OSError:
            report = Report()
            report.other("The checkpoints outside the database cannot be read")
        finally:
            told.cancel()
            await asyncio.gather(told, return_exceptions=True)
        problems = tuple(self._without_path(str(finding)) for finding in _first_first(report))
        ended = LogCheck("done", wanted, seen.total, seen.total, self._clock.now(), problems)
        await self._database.write(Unscoped.OPERATOR, lambda conn: _write(conn, ended))
        if problems:
            log.error("log_not_whole", why=problems[0])
            self._alarm(problems[0])

    async def _tell(self, wanted: int, seen: _Seen) -> None:
        """Write down how far it is, every second, until cancelled."""
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            now = LogCheck("running", wanted, seen.done, seen.total, self._clock.now())
            try:
                await self._database.write(Unscoped.OPERATOR, lambda conn: _write(conn, now))  # noqa: B023  awaited
            except Unavailable:
                continue

    def _without_path(self, said: str) -> str:
        """Where the file lies is the operator's to know."""
        return said if self._file is None else said.replace(str(self._file.path), "outside the database")


@dataclass(slots=True)
class _Seen:
    """How far a check is."""

    done: int = 0
    total: int = 0

    def note(self, done: int, total: int) -> None:
        self.done, self.total = done, total


def _first_first(report: Report) -> list[Finding]:
    """The first bad line, then what else was found, so many at most."""
    first = report.first
    return ([] if first is None else [first, *(f for f in report.findings if f is not first)])[:_SHOWN]


def _read(conn: Connection, now: datetime) -> LogCheck | None:
    value = conn.scalar(select(installation.c.value).where(installation.c.name == _MARK))
    if value is None:
        return None
    kept = json.loads(value)
    at, state = moment(kept["at"]), kept["state"]
    if state == "running" and now - at > _LOST_AFTER:
        state = "lost"
    return LogCheck(state, kept["wanted"], kept["done"], kept["total"], at, tuple(kept["problems"]))


def _write(conn: Connection, check: LogCheck) -> None:
    kept = {
        "state": check.state,
        "wanted": check.wanted,
        "done": check.done,
        "total": check.total,
        "at": micros(check.at),
        "problems": check.problems,
    }
    conn.execute(delete(installation).where(installation.c.name == _MARK))
    conn.execute(insert(installation).values(name=_MARK, value=json.dumps(kept)))
