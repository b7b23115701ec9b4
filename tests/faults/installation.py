"""An installation of real processes: replicas on a database, perhaps a Redis, behind a proxy, opposite a carrier."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bot.opening import open_database
from bot.seeds import CHANNEL_NUMBER, VERIFICATION_NUMBER
from bot.settings import Settings
from simulator.carrier_records import CarrierAccount
from storage.database import OpenDatabase
from storage.keys import Keyring
from storage.sealed.checkpoint_file import CheckpointFile
from storage.sealed.report import Report
from storage.sealed.verify import verify
from tests.faults.carrier import CarrierHouse
from tests.faults.filled import Filled
from tests.faults.proxy import Proxy
from tests.faults.replica import Replica
from tests.faults.small_disk import SmallDisk
from tests.fixtures.servers import PostgresServer, RedisServer, free_port

MASTER_KEY, REDIS = "WATCHWORD_MASTER_KEY", "WATCHWORD_REDIS_URL"


@dataclass
class Installation:
    """`checkpoints`: the file outside. `postgres` and `redis` are None where there is none."""

    folder: Path
    filled: Filled
    database_url: str
    checkpoints: Path
    postgres: PostgresServer | None = None
    redis: RedisServer | None = None
    proxy: Proxy = field(init=False)
    carrier: CarrierHouse = field(init=False)
    http: aiohttp.ClientSession = field(init=False)
    jumps: bool = False
    disk: SmallDisk | None = None
    _count: int = 0

    @property
    def replicas(self) -> list[Replica]:
        return self.proxy.replicas

    @property
    def is_sqlite(self) -> bool:
        return self.postgres is None

    @property
    def settings(self) -> Settings:
        return Settings(
            database_url=self.database_url,
            public_url=self.proxy.url,
            master_key=self.filled.master_key,
            checkpoints_file=self.checkpoints,
        )

    def open_database(self) -> OpenDatabase:
        """One more process beside the replicas; close it."""
        return open_database(self.settings, busy_seconds=15)

    async def verified(self, database: OpenDatabase) -> Report:
        """What `watchword audit verify` says."""
        file = CheckpointFile(self.checkpoints)
        return await verify(database, Keyring([self.filled.master_key]), file)

    def new_replica(self) -> Replica:
        """One that is neither started nor behind the proxy yet."""
        self._count += 1
        name, port = f"replica {self._count}", free_port()
        environment = {
            "WATCHWORD_DATABASE_URL": self.database_url,
            "WATCHWORD_PUBLIC_URL": self.proxy.url,
            "WATCHWORD_TWILIO_URL": self.carrier.url,
            "WATCHWORD_CHECKPOINTS_FILE": str(self.checkpoints),
            MASTER_KEY: base64.b64encode(self.filled.master_key).decode(),
        }
        if self.redis is not None:
            environment[REDIS] = self.redis.url
        program = ("tests.faults.serving", str(port), str(self.offset_file(name))) if self.jumps else ()
        return Replica(name, port, environment, self.folder / f"{name}.log", program)

    def offset_file(self, name: str) -> Path:
        """Where a replica whose clock jumps finds by how much."""
        return self.folder / f"{name}.offset"

    async def start(self, count: int) -> None:
        """So many replicas, ready."""
        for _ in range(count):
            replica = self.new_replica()
            self.replicas.append(replica)
            replica.start()
        for replica in self.replicas:
            await replica.until_ready(self.http)
        self.proxy.watch()

    def said(self) -> str:
        """What everybody logged, for the message of a test that fails."""
        parts = [f"--- {replica.name}\n{replica.said()}" for replica in self.replicas]
        if self.postgres is not None:
            parts.append(f"--- PostgreSQL\n{self.postgres.said()[-2000:]}")
        return "\n".join(parts)


@asynccontextmanager
async def installed(installation: Installation, count: int) -> AsyncIterator[Installation]:
    """Open it with so many replicas; at the end everything of it is gone."""
    filled = installation.filled
    numbers = frozenset({VERIFICATION_NUMBER, CHANNEL_NUMBER})
    account = CarrierAccount(filled.account_sid, filled.auth_token, numbers)
    async with AsyncExitStack() as stack:
        installation.http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
        )
        installation.proxy = Proxy([])
        await installation.proxy.open()
        stack.push_async_callback(installation.proxy.close)
        installation.carrier = CarrierHouse(account, installation.proxy.url)
        await installation.carrier.open()
        stack.push_async_callback(installation.carrier.close)

        def end() -> None:
            for replica in installation.replicas:
                replica.kill()

        stack.callback(end)
        await installation.start(count)
        yield installation
