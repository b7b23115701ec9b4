"""What every command of the operator stands on: settings, an open database, the keys, and a note in the log.

The server may be running: commands open the database as a second process and wait their turn to write.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import typer

from bot import opening
from bot.clock import SystemClock, SystemRandom
from bot.opening import open_database, refuse_unfinished
from bot.settings import BadSetting, Settings, read_settings
from dialogs.ports import Clock, Randomness
from dialogs.turns import AuditEvent
from storage.database import Database, OpenDatabase, Unscoped
from storage.directory import Directory
from storage.health import read_keys
from storage.keys import CannotOpen, Keyring
from storage.noting import Noting, append_for_all
from storage.people import People
from storage.tenants import StoredTenant, Tenants

T = TypeVar("T")

#: A server that commits group after group lets others in between; this is plenty, and still an answer.
BUSY_SECONDS = 15.0


class Mistake(Exception):
    """What was asked for cannot be done. The message says why and what to do; nothing has been changed."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody with a shell on this machine and the master key: the one who may look past the tenant."""

    settings: Settings
    database: Database
    keyring: Keyring
    clock: Clock
    random: Randomness

    @property
    def tenants(self) -> Tenants:
        return Tenants(self.database, self.keyring)

    @property
    def people(self) -> People:
        return People(self.database, self.keyring)

    @property
    def directory(self) -> Directory:
        return Directory(self.database, self.keyring)

    def new_id(self) -> str:
        return self.random.new_id(self.clock.now())

    async def tenant(self, slug: str) -> StoredTenant:
        """The tenant that is meant: the one named, or the only one there is. Raises `Mistake`."""
        every = await self.tenants.all()
        if not every:
            raise Mistake("There is no tenant yet. Add one: watchword tenant add SLUG --name NAME")
        names = ", ".join(tenant.slug for tenant in every)
        if not slug and len(every) > 1:
            raise Mistake(f"There are several tenants. Say which one with --tenant: {names}")
        found = [tenant for tenant in every if slug in {"", tenant.slug}]
        if not found:
            raise Mistake(f"There is no tenant {slug!r}. There is: {names}")
        return found[0]

    async def note_for_all(self, kind: str, public: Mapping[str, str | int]) -> None:
        """Put a line into every tenant's log, about what concerns the whole installation."""
        now = self.clock.now()
        await self.database.write(
            Unscoped.OPERATOR, lambda conn: append_for_all(conn, self.keyring, now, self.new_id, kind, public)
        )

    def noting(self, tenant_id: str, kind: str, public: Mapping[str, str | int] | None = None) -> Database:
        """The database, but each write puts a line into the tenant's log, in the same transaction. A write that
        answers False has changed nothing and is not noted."""
        event = AuditEvent(
            id=self.new_id(), at=self.clock.now(), kind=kind, public={"who": "operator", **(public or {})}
        )
        return Noting(self.database, self.keyring, tenant_id, event)


def run(work: Callable[[Operator], Awaitable[T]], *, of_any_version: bool = False) -> T:
    """Read the settings, open the database, do the work, close. Raises `BadSetting`, `Mistake`, and `CannotOpen` for
    a master key that is not this database's. `of_any_version` as in `opened`."""
    settings = read_settings(os.environ)

    async def whole() -> T:
        async with opened(settings, of_any_version=of_any_version) as operator:
            locked, _ = await operator.database.read(Unscoped.OPERATOR, lambda c: read_keys(c, operator.keyring))
            if locked:
                # A tenant added under another key would split the installation in two.
                raise CannotOpen(", ".join(locked))
            return await work(operator)

    return asyncio.run(whole())


@asynccontextmanager
async def opened(settings: Settings, *, of_any_version: bool = False) -> AsyncIterator[Operator]:
    """The operator with an open database whose tables are there. Raises `Mistake`.

    `of_any_version`: also with those of a version before this one, for work that goes by what is there.
    """
    if not of_any_version:
        await asyncio.to_thread(check_migrated, settings)
    keyring = Keyring((settings.master_key, *settings.previous_master_keys))
    database = open_database(settings, busy_seconds=BUSY_SECONDS)
    try:
        await _refuse_unfinished(settings, database)
        yield Operator(settings, database, keyring, SystemClock(), SystemRandom())
    finally:
        await database.close()


async def _refuse_unfinished(settings: Settings, database: OpenDatabase) -> None:
    try:
        await refuse_unfinished(settings, database)
    except BadSetting as why:
        raise Mistake(str(why)) from None


def check_migrated(settings: Settings) -> None:
    """As `bot.opening.check_migrated`, for commands. Raises `Mistake`."""
    try:
        opening.check_migrated(settings)
    except BadSetting as why:
        raise Mistake(str(why)) from None


def say(text: str = "") -> None:
    """One line for a person, on the standard output."""
    typer.echo(text)


def say_rows(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Columns as wide as they need to be; nothing is cut, also not in a pipe."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
