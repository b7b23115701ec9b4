"""Bounds that all replicas keep together. Each counts for itself, tells Redis, and hears what all have come to.

To ask is to look at what is known here: nobody waits for Redis inside a turn. So all together may go over a bound by
about one for each replica. Without Redis each replica keeps the same bound for itself alone, so that R replicas allow
at most R times as much; this guards the bill of answers to strangers, while challenges are counted in the database.
Moments are told again with each count, so a Redis that was emptied knows them all after the next one.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from dialogs.ports import Clock
from storage.bounds import LocalBound
from storage.redis.connection import Connection, NotNow
from storage.redis.names import of_tenant
from storage.times import micros, moment


class RedisBound:
    """Keeps `storage.bounds.Bound`'s promise, over all replicas. `run` is one task of the program."""

    def __init__(
        self, connection: Connection, clock: Clock, me: str, *, name: str, most: int, within: timedelta
    ) -> None:
        """`me`: a name no other replica has. `name`: one word, the bound's name in Redis."""
        self._connection = connection
        self._clock = clock
        self._me = me
        self._name = name
        self._local = LocalBound(most, within)
        #: The oldest of the newest `most` moments of all replicas: until it is over, the bound is full.
        self._full_since: dict[str, datetime] = {}
        self._due: set[str] = set()
        self._woken = asyncio.Event()

    def has_room(self, tenant_id: str, now: datetime) -> bool:
        since = self._full_since.get(tenant_id)
        return self._local.has_room(tenant_id, now) and (since is None or self._local.over(since, now))

    def count(self, tenant_id: str, now: datetime) -> None:
        self._local.count(tenant_id, now)
        self._due.add(tenant_id)
        self._woken.set()

    async def run(self) -> None:
        """Tell and hear until cancelled, one tenant at a time."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._due:
                await self.mirror(self._due.pop())

    async def mirror(self, tenant_id: str) -> None:
        """Tell Redis this replica's moments and hear whether the bound is full. Once, and no more if Redis is away."""
        now = self._clock.now()
        key = of_tenant(tenant_id, f"bound:{self._name}")
        mine = [micros(then) for then in self._local.lately(tenant_id, now)]
        # Two at the same moment are two: numbered, so that telling them again does not make them more.
        told = [part for n, at in _numbered(mine) for part in (at, f"{at}.{n}@{self._me}")]
        answers = await self._connection.run(
            *([("ZADD", key, *told)] if told else []),
            ("ZREMRANGEBYSCORE", key, "-inf", micros(now - self._local.within)),
            ("ZREMRANGEBYRANK", key, 0, -self._local.most - 1),
            ("EXPIRE", key, int(self._local.within.total_seconds()) + 60),
            ("ZCARD", key),
            ("ZRANGE", key, 0, 0, "WITHSCORES"),
        )
        if isinstance(answers, NotNow):
            return
        count, oldest = answers[-2:]
        since = _score(oldest) if int(count) >= self._local.most and oldest else None
        if since is not None:
            self._full_since[tenant_id] = moment(since)
        else:
            self._full_since.pop(tenant_id, None)


#: Microseconds since 1970 that no clock of ours will ever show.
_NO_MOMENT = 2**53


def _numbered(moments: list[int]) -> list[tuple[int, int]]:
    seen: dict[int, int] = {}
    numbered = []
    for at in moments:
        seen[at] = seen.get(at, -1) + 1
        numbered.append((seen[at], at))
    return numbered


def _score(oldest: list[Any]) -> int | None:
    """The score of the one member, however the client's version has put the two together; None for one that is no
    moment, which none of us has written."""
    last = oldest[-1]
    score = float(last[1] if isinstance(last, tuple | list) else last)
    return int(score) if 0 <= score < _NO_MOMENT else None
