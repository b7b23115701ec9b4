"""The one way to Redis: answers within a quarter of a second, or "not now", and then a second of rest.

Whoever asks is never held up for longer and never sees an error. While Redis is away only one question a second is put
to it, so a frozen Redis costs one caller a quarter of a second, once a second, and the others nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

log = structlog.get_logger("redis")

#: Seconds that one question may take, connecting included.
ANSWERS_WITHIN = 0.25
#: Seconds without questions after one that failed.
RESTS = 1.0
#: Connections of one process, besides the one that listens.
CONNECTIONS = 8

#: A command in Redis's own words.
Command: TypeAlias = tuple[str | int | bytes, ...]

#: What the client raises when Redis is away. RuntimeError: event loops raise it for a connection that broke off
#: between two writes, and the client passes it on.
AWAY = (RedisError, OSError, RuntimeError)


class NotNow(Enum):
    """Redis did not answer, or was not asked because it did not answer a moment ago."""

    NOT_NOW = "not now"


NOT_NOW: Final[Literal[NotNow.NOT_NOW]] = NotNow.NOT_NOW


class BadRedisUrl(ValueError):
    """The address of the Redis cannot be understood. The message does not repeat it: it may hold a password."""


class Connection:
    """The clients of one process. `rediss://` is TLS with the certificate checked."""

    def __init__(self, url: str, *, answers_within: float = ANSWERS_WITHIN, rests: float = RESTS) -> None:
        """Connects to nothing yet. Raises `BadRedisUrl`."""
        self._within = answers_within
        self._rests = rests
        self._away = False
        self._rests_until = 0.0
        self._client = _client(url, answers_within, CONNECTIONS)
        self._ears = _client(url, answers_within, 2)

    async def run(self, *commands: Command) -> Sequence[Any] | Literal[NotNow.NOT_NOW]:
        """The answers to all commands, in one round trip; one that is refused fails them all."""
        now = asyncio.get_running_loop().time()
        if self._away:
            if now < self._rests_until:
                return NOT_NOW
            self._rests_until = now + self._rests  # this one tries; until it is back the others need not
        try:
            async with asyncio.timeout(self._within), self._client.pipeline(transaction=False) as pipe:
                for command in commands:
                    pipe.execute_command(*command)
                answers: Sequence[Any] = await pipe.execute()
        except AWAY as why:
            self.failed(why)
            return NOT_NOW
        self.answered()
        return answers

    def ear(self) -> PubSub:
        """A connection that listens; whoever asks for it handles `AWAY` and closes it."""
        return self._ears.pubsub(ignore_subscribe_messages=False)

    def answered(self) -> None:
        """Redis is there: ask away."""
        if self._away:
            log.info("redis_back")
        self._away = False

    def failed(self, why: BaseException) -> None:
        """Redis is not there: leave it alone for a while. Said once, by kind: a message might repeat the address."""
        if not self._away:
            log.warning("redis_away", error=type(why).__name__)
        self._away = True
        self._rests_until = asyncio.get_running_loop().time() + self._rests

    async def close(self) -> None:
        """Close every connection."""
        for client in (self._client, self._ears):
            try:
                async with asyncio.timeout(self._within):
                    await client.aclose()
            except AWAY:
                continue  # it was closed from the other side already


def _client(url: str, within: float, connections: int) -> Redis:
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections,
            timeout=within,
            socket_timeout=within,
            socket_connect_timeout=within,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            client_name="watchword",
        )
    except (ValueError, TypeError):
        raise BadRedisUrl(
            "The address of the Redis must look like redis://host:6379/0, or rediss:// for TLS, with :password@ before "
            "the host where it has one."
        ) from None
    return Redis.from_pool(pool)
