"""Who may read the page for monitors, and that probes answer when nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from bot.clock import SystemClock
from bot.metrics import Metrics, MetricsPage
from bot.readiness import Readiness
from dialogs.messages import Unavailable
from storage.accounts import Accounts
from storage.database import Unscoped
from storage.health import read_load
from storage.keys import Keyring
from storage.migrations import migrate
from storage.postgres import PostgresDatabase
from tests.fixtures.servers import APP, IN_A_HURRY, OWNER, need, start_postgres, why_no_postgres
from tests.fixtures.web_house import Answer as Heard
from tests.fixtures.web_house import House, OpenWeb, check_against_contract
from tests.fixtures.world import MASTER_KEY
from web.app import build_web
from web.csrf import COOKIE
from web.services import Services

TOKEN = "a-token-for-monitors-0123456789"
PAGE = b"watchword_database_up 1.0\n"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web() as opened:
        yield opened


class NobodyIsFound(Accounts):
    """Log-ins in a database that is away."""

    def __init__(self) -> None:
        return

    async def find_log_in(self, *_: object) -> NoReturn:
        raise Unavailable("gone")


@dataclass(frozen=True, slots=True)
class Served:
    http: ClientSession
    base: str

    async def ask(self, path: str = "/metrics", **headers: str) -> Heard:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.http.get(self.base + path, headers=sent) as response:
            answer = Heard(response.status, dict(response.headers), await response.read())
        check_against_contract("GET", path, answer)
        return answer


async def _page() -> bytes:
    return PAGE


@asynccontextmanager
async def served(services: Services, *, host: str = "127.0.0.1", token: str = "") -> AsyncIterator[Served]:
    app = build_web(replace(services, metrics=_page, metrics_token=token))
    async with TestServer(app, host=host) as server, ClientSession() as http:
        yield Served(http, str(server.make_url("/")).rstrip("/"))


@pytest.mark.feature("REL-17", "SEC-36")
async def test_without_a_token_it_is_for_this_machine_alone(house: House) -> None:
    async with served(house.services) as site:
        page = await site.ask()
        assert (page.status, page.raw) == (200, PAGE)
        assert page.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert page.headers["Cache-Control"] == "no-store"
        for passed_on in ("X_Forwarded_For", "Forwarded", "X_Real_IP", "Via", "X_Forwarded_Host"):
            assert (await site.ask(**{passed_on: "203.0.113.7"})).status == 404, passed_on


@pytest.mark.feature("REL-17", "SEC-36")
async def test_behind_a_proxy_nobody_gets_it_without_a_token(house: House) -> None:
    """nginx, as it comes, adds nothing to what it passes on, and then whoever asks looks like this machine."""
    behind = replace(house.services, behind_proxy=True)
    async with served(behind) as site:
        assert (await site.ask()).status == 404
    async with served(behind, token=TOKEN) as site:
        assert (await site.ask(Authorization=f"Bearer {TOKEN}")).raw == PAGE


@pytest.mark.feature("REL-17", "SEC-36")
async def test_with_a_token_it_is_for_whoever_has_it(house: House) -> None:
    log_in = await house.log_in("admin")
    async with served(house.services, token=TOKEN) as site:
        for wrong in (
            "",
            "Bearer",
            "Bearer x",
            f"Basic {TOKEN}",
            f"Bearer {TOKEN}x",
            "Bearer \u00e9",
            f"Bearer {log_in}",
        ):
            refused = await (site.ask(Authorization=wrong) if wrong else site.ask())
            assert (refused.status, refused.json["error"]) == (401, "token_required"), wrong
            assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert (await site.ask(Cookie=f"{COOKIE}={TOKEN}")).status == 401
        assert (await site.ask(f"/metrics?token={TOKEN}")).status == 401, "never in the address"
        assert (await site.ask(Authorization=f"Bearer {TOKEN}", X_Forwarded_For="203.0.113.7")).raw == PAGE


@pytest.mark.feature("REL-17", "REL-10")
async def test_probes_recognise_nobody_so_they_answer_without_the_database(house: House) -> None:
    """A cookie or a bearer token would be looked up, and the probe would die with the database."""
    async with served(replace(house.services, accounts=NobodyIsFound()), token=TOKEN) as site:
        for path in ("/healthz", "/readyz", "/metrics"):
            for headers in ({"Authorization": f"Bearer {TOKEN}"}, {"Cookie": f"{COOKIE}={'x' * 43}"}):
                expected = 401 if path == "/metrics" and "Cookie" in headers else 200
                assert (await site.ask(path, **headers)).status == expected, path
        assert (await site.ask("/api/v1/alerts", Authorization=f"Bearer {'x' * 43}")).status == 503


async def test_without_a_page_there_is_none(house: House) -> None:
    app = build_web(replace(house.services, metrics=None))
    async with TestServer(app) as server, ClientSession() as http, http.get(server.make_url("/metrics")) as response:
        assert response.status == 404


@pytest.mark.feature("REL-10", "REL-17")
async def test_a_frozen_a_killed_and_a_returned_server(tmp_path: Path) -> None:
    """Probe and page answer in time whatever PostgreSQL does, and are well again by themselves."""
    need(why_no_postgres())
    server = await asyncio.to_thread(start_postgres, tmp_path / "postgres", IN_A_HURRY)
    await server.arun(server.creating("w"))
    await asyncio.to_thread(migrate, server.url("w", OWNER), APP)
    database, clock = PostgresDatabase(server.url("w", APP), statement_timeout=1), SystemClock()
    ready = Readiness(database, Keyring([MASTER_KEY]), patience=0.5)
    page = MetricsPage(
        Metrics(),
        load=lambda: database.read(Unscoped.OPERATOR, lambda conn: read_load(conn, clock.now)),
        now=lambda: clock.now().timestamp(),
        webhooks={},
        readers=lambda: 0,
        look_every=0,
        patience=0.5,
    )

    async def up() -> tuple[bool, bool]:
        async with asyncio.timeout(5):
            return not any((await ready()).values()), b"watchword_database_up 1.0" in await page()

    async def until(well: bool) -> None:
        """The probe's last answer stands for a second, so it may be late by that."""
        async with asyncio.timeout(10):
            while await up() != (well, well):
                continue

    try:
        assert await up() == (True, True)
        server.pause()
        await until(False)
        server.resume()
        await until(True)
        await asyncio.to_thread(server.kill)
        await until(False)
        await asyncio.to_thread(server.start)
        await until(True)
    finally:
        await database.close()
        await asyncio.to_thread(server.kill)
