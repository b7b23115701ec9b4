"""Who has a console open, over all replicas: each says every few seconds who is at its consoles.

One sorted set for each tenant: "technician@replica", scored with the moment until which it counts by our clock. What a
crashed replica said fades away within `LASTS`. Without Redis each replica knows its own consoles.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

from dialogs.ports import Clock
from storage.presence import LocalPresence
from storage.redis.connection import Command, Connection, NotNow
from storage.redis.names import of_tenant
from storage.times import micros

#: Seconds between two words of a replica.
BEAT = 5.0
#: How long a word counts: two may be lost.
LASTS = timedelta(seconds=16)
#: Seconds that an answer of Redis serves all who ask; a page and its event stream ask often.
STANDS_FOR = 1.0


class RedisPresence:
    """Keeps `storage.presence.Presence`'s promise. `me`: a name no other replica has, without an `@`."""

    def __init__(self, connection: Connection, clock: Clock, me: str, *, beat: float = BEAT) -> None:
        self._connection = connection
        self._clock = clock
        self._me = me
        self._beat = beat
        self._local = LocalPresence()
        self._gone: set[tuple[str, str]] = set()
        self._changed = asyncio.Event()
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    def arrive(self, tenant_id: str, technician_id: str) -> None:
        self._local.arrive(tenant_id, technician_id)
        self._gone.discard((tenant_id, technician_id))
        self._known.pop(tenant_id, None)
        self._changed.set()

    def leave(self, tenant_id: str, technician_id: str) -> None:
        self._local.leave(tenant_id, technician_id)
        if technician_id not in self._local.here(tenant_id):
            self._gone.add((tenant_id, technician_id))
        self._known.pop(tenant_id, None)
        self._changed.set()

    async def present(self, tenant_id: str) -> frozenset[str]:
        """Those here, and those at other replicas as of a second ago at most."""
        loop = asyncio.get_running_loop()
        known = self._known.get(tenant_id)
        if known is None or loop.time() >= known[0]:
            known = (loop.time() + STANDS_FOR, await self._elsewhere(tenant_id))
            self._known[tenant_id] = known
        return known[1] | self._local.here(tenant_id)

    async def run(self) -> None:
        """Say who is here until cancelled: at every change, and at every beat."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._beat):
                    await self._changed.wait()
            self._changed.clear()
            await self.say()

    async def say(self) -> None:
        """Once: who is here, and who is here no more. What does not get through is said again at the next beat, or
        fades away by itself."""
        gone, self._gone = self._gone, set()
        self._forget_what_is_old()
        commands = [*self._here(), *(("ZREM", _key(t), f"{who}@{self._me}") for t, who in gone)]
        if commands:
            await self._connection.run(*commands)

    def _here(self) -> list[Command]:
        until = micros(self._clock.now() + LASTS)
        commands: list[Command] = []
        for tenant_id in sorted(self._local.tenants()):
            scored = [part for who in self._local.here(tenant_id) for part in (until, f"{who}@{self._me}")]
            commands += [
                ("ZADD", _key(tenant_id), *scored),
                ("EXPIRE", _key(tenant_id), int(LASTS.total_seconds()) * 4),
            ]
        return commands

    async def _elsewhere(self, tenant_id: str) -> frozenset[str]:
        now = micros(self._clock.now())
        answers = await self._connection.run(
            ("ZREMRANGEBYSCORE", _key(tenant_id), "-inf", now),
            ("ZRANGEBYSCORE", _key(tenant_id), now, "+inf"),
        )
        if isinstance(answers, NotNow):
            return frozenset()
        spoken = (bytes(member).decode("utf-8", "replace").rpartition("@") for member in answers[1])
        return frozenset(who for who, _, replica in spoken if replica != self._me)

    def _forget_what_is_old(self) -> None:
        now = asyncio.get_running_loop().time()
        self._known = {tenant: known for tenant, known in self._known.items() if known[0] > now}


def _key(tenant_id: str) -> str:
    return of_tenant(tenant_id, "consoles")
