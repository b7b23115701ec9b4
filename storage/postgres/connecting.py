"""Connections to PostgreSQL. The driver itself reads the URL, so that it may say what libpq's may (`sslmode`, ...).

Set on every connection: the name that `pg_stat_activity` shows, UTC, and times after which the server gives up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from storage.compiled import SHARED

T = TypeVar("T")

SCHEMES = ("postgresql://", "postgres://")
#: Seconds for the whole of connecting: network, encryption, signing in. A server that is there answers in milliseconds,
#: and a webhook's sender waits 10 to 15 s in all.
CONNECT_TIMEOUT_S = 5.0


def is_postgres(url: str) -> bool:
    return url.startswith(SCHEMES)


async def connect(
    url: str, *, statement_timeout: float | None = None, settings: Mapping[str, str] | None = None
) -> Any:
    """An asyncpg connection; close it. `statement_timeout` in seconds, None for none.

    The server ends a statement after that time; the driver does a little later, in case the server is frozen or gone
    without a word. Raises what `storage.postgres.failures.why_down` knows.
    """
    chosen = {"application_name": "watchword", "timezone": "UTC", **(settings or {})}
    if statement_timeout is not None:
        chosen["statement_timeout"] = str(int(statement_timeout * 1000))
    return await asyncpg.connect(
        url,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=None if statement_timeout is None else statement_timeout + 1,
        server_settings=chosen,
    )


def make_engine(
    url: str, *, statement_timeout: float | None = None, settings: Mapping[str, str] | None = None, **options: Any
) -> AsyncEngine:
    """SQLAlchemy over such connections. `options` are those of `create_async_engine`."""

    async def creator() -> Any:
        return await connect(url, statement_timeout=statement_timeout, settings=settings)

    return create_async_engine("postgresql+asyncpg://", async_creator=creator, execution_options=SHARED, **options)


def run_once(url: str, work: Callable[[Connection], T]) -> T:
    """Run `work` in one transaction on a connection of its own, and commit. For threads without an event loop."""

    async def run() -> T:
        engine = make_engine(url, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    return asyncio.run(run())
