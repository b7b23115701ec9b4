"""Where `crash_driver` has its databases: in files, or on a PostgreSQL server that outlives every crash of ours."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from bot.opening import OpenStore
from storage.database import OpenDatabase
from storage.keys import Keyring
from storage.postgres import PostgresDatabase, PostgresTurnStore
from storage.sealed.sequencer import Sequencer
from storage.sqlite import SqliteDatabase, SqliteTurnStore
from tests.fixtures.servers import APP, PostgresServer
from tests.fixtures.turn_stores import rank
from tests.fixtures.world import MASTER_KEY
from tests.scenario.crash_steps import SteppingLine
from tests.simulation.outside import Point


class Ground(Protocol):
    """Where the database of each run is."""

    def prepare(self, run: Path) -> None:
        """A fresh database for this run, with two tenants in it."""
        ...

    def open(self, run: Path, at: Point) -> tuple[OpenDatabase, OpenStore, Sequencer | None]: ...

    def forget(self, run: Path) -> None:
        """The database is not needed any more."""
        ...


@dataclass(frozen=True, slots=True)
class OnFile:
    """A copy of a file beside what else the run keeps."""

    template: Path

    def prepare(self, run: Path) -> None:
        shutil.copy(self.template, run / "watchword.db")

    def open(self, run: Path, at: Point) -> tuple[OpenDatabase, OpenStore, Sequencer | None]:
        database = SqliteDatabase(run / "watchword.db")
        return database, SqliteTurnStore(database, Keyring([MASTER_KEY]), rank), None

    def forget(self, run: Path) -> None:
        (run / "watchword.db").unlink()


@dataclass(frozen=True, slots=True)
class OnServer:
    """A copy of a database on a server that does not die with us."""

    server: PostgresServer
    template: str

    def prepare(self, run: Path) -> None:
        self.server.make_database(self._name(run), self.template)

    def open(self, run: Path, at: Point) -> tuple[OpenDatabase, OpenStore, Sequencer | None]:
        url, keyring = self.server.url(self._name(run), APP), Keyring([MASTER_KEY])
        store = PostgresTurnStore(url, keyring, rank, line=partial(SteppingLine, at=at))
        return PostgresDatabase(url, size=1), store, Sequencer(url)

    def forget(self, run: Path) -> None:
        self.server.run(f'DROP DATABASE "{self._name(run)}"')

    def _name(self, run: Path) -> str:
        return f"{self.template}_{run.name}"
