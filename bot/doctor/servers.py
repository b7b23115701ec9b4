"""The servers we are set up with: PostgreSQL, and Redis where there is one. Their rooms are imported where needed."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from bot.doctor.findings import Finding
from bot.settings import LOOPBACK, Settings
from storage.database import Database, Unscoped

OLDEST_POSTGRES = 14
#: Connections of one replica: the pool, the turn store, the listener, and one for commands.
OF_A_REPLICA = 12


async def look_at_postgres(settings: Settings, database: Database) -> list[Finding]:
    """Nothing for SQLite. Raises `Unavailable`."""
    if settings.is_sqlite:
        return []
    from storage.postgres.health import ServerHealth, read_server

    def found(server: ServerHealth) -> Iterator[Finding]:
        old = server.version // 10000 < OLDEST_POSTGRES
        text = f"version {server.version // 10000}; {OLDEST_POSTGRES} or newer is needed. Upgrade the server."
        yield Finding("postgresql", "fail" if old else "ok", text if old else f"version {server.version // 10000}")
        yield Finding("database role", "fail" if server.unfit else "ok", server.unfit or "sees only what it asks for")
        unsafe = [name for name in ("fsync", "full_page_writes", "synchronous_commit") if server.switched_off(name)]
        text = f"{', '.join(unsafe)} is off: a crash loses what people were told had happened. Switch it on."
        yield Finding("durability", "warn" if unsafe else "ok", text if unsafe else "commits are on the disk")
        free = server.max_connections - server.reserved - server.connected
        tight = free < OF_A_REPLICA
        text = f"{free} connections are free of {server.max_connections}; one copy of Watchword needs {OF_A_REPLICA}"
        more = ". Raise max_connections, or run fewer copies." if tight else ""
        yield Finding("connections", "warn" if tight else "ok", text + more)
        if urlsplit(settings.database_url).hostname not in LOOPBACK:
            text = "names and numbers travel to the database in clear. Add ?sslmode=verify-full to the database's URL."
            yield Finding("database tls", "ok" if server.encrypted else "warn", "on" if server.encrypted else text)

    return list(found(await database.read(Unscoped.OPERATOR, read_server)))


async def look_at_redis(settings: Settings) -> list[Finding]:
    """Nothing where none is set. Redis is a help, so it never fails."""
    if not settings.redis_url:
        return []
    from storage.redis.check import check

    found = await check(settings.redis_url)
    return [Finding("redis", "ok" if found.state == "ok" else "warn", found.text)]
