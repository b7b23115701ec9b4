"""`watchword doctor --live` against the simulated carrier: a text, our numbers there, a ticket from open to closed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.commands.operator import Mistake, Operator
from bot.doctor.findings import Finding
from bot.doctor.live import Live, live
from bot.seeds import VERIFICATION_NUMBER
from bot.settings import Settings
from channels.twilio.webhooks import SMS_PATH
from psa.base import TicketMissing
from psa.builtin import BuiltinPsa
from simulator.carrier import Carrier
from simulator.carrier_http import CarrierApi
from simulator.carrier_records import CarrierAccount, Fault, Step, TextRoute
from storage.keys import Keyring
from storage.migrations import migrate
from storage.sqlite import SqliteDatabase
from storage.tenants import CarrierAccount as StoredAccount
from storage.tickets import Tickets
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.stand_ins import SeededRandomness, StandingClock
from tests.fixtures.world import MASTER_KEY, make_world, seed_database
from tests.scenario.test_commands import ROOT, shell_for

MINE = "+12125550143"
WORLD = make_world(1)
OURS = WORLD.number.address
ACCOUNT, TOKEN = "AC" + "a" * 32, "0123456789abcdef0123456789abcdef"


@dataclass(slots=True)
class Stage:
    """The live checks over a carrier. `waits`: seconds that were to be waited, which nobody does."""

    checks: Live
    carrier: Carrier
    public: str
    waits: list[float] = field(default_factory=list)

    async def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        await self.carrier.settled()

    async def text(self) -> Finding:
        return await self.checks.text(self.pause)

    async def numbers(self) -> dict[str, str]:
        return {finding.check: finding.state for finding in await self.checks.numbers()}

    def route(self, fallback: str = "https://static.example/down.xml", *, url: str = "", method: str = "POST") -> None:
        """Set our number up at the carrier."""
        self.carrier.routes[OURS] = TextRoute(url or self.public + SMS_PATH, method, fallback)


@asynccontextmanager
async def on_stage(folder: Path, *, to: str = MINE, known: bool = True) -> AsyncIterator[Stage]:
    path = folder / "watchword.db"
    migrate(f"sqlite:///{path}")
    database, keyring, clock = SqliteDatabase(path), Keyring([MASTER_KEY]), StandingClock()
    await seed_database(database, keyring, WORLD)
    token = TOKEN if known else "f" * 32
    carrier = Carrier([CarrierAccount(ACCOUNT, token, frozenset({OURS}))], clock=clock, randomness=SeededRandomness(2))

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application()
    app.add_routes([*CarrierApi(carrier).routes(), web.get("/healthz", healthz)])
    async with TestServer(app) as server:
        base = str(server.make_url("/")).rstrip("/")
        settings = Settings(database_url=f"sqlite:///{path}", public_url=base, master_key=MASTER_KEY, twilio_url=base)
        operator = Operator(settings, database, keyring, clock, SeededRandomness(3))
        await operator.tenants.put_carrier_account(StoredAccount(WORLD.tenant_id, ACCOUNT, TOKEN, ""), clock.now())
        await carrier.start()
        try:
            async with live(operator, await operator.tenant(""), to) as checks:
                yield Stage(checks, carrier, base)
        finally:
            await carrier.stop()
            await database.close()


async def test_a_text_is_delivered(tmp_path: Path) -> None:
    async with on_stage(tmp_path) as stage:
        assert MINE in stage.checks.question()
        found = await stage.text()
        assert (found.state, "delivered" in found.text) == ("ok", True), found
        (sent,) = stage.carrier.outbox()
        assert (sent["to"], sent["from"]) == (MINE, OURS)
        assert "This is a test" in str(sent["text"])


@pytest.mark.parametrize(
    ("script", "state", "says"),
    [
        ((Step("sent"), Step("undelivered", 30005)), "fail", "30005"),
        ((Step("failed", 30008),), "fail", "30008"),
        ((Step("sent"),), "warn", "still sent after 60 s"),
    ],
)
async def test_a_text_that_does_not_arrive(tmp_path: Path, script: tuple[Step, ...], state: str, says: str) -> None:
    async with on_stage(tmp_path) as stage:
        stage.carrier.travel_next(script)
        found = await stage.text()
        assert (found.state, says in found.text) == (state, True), found
        assert sum(stage.waits) <= 60


@pytest.mark.parametrize(
    ("fault", "state", "says"),
    [
        (Fault(status=400, code=21610), "fail", "21610"),
        (Fault(status=503), "fail", "http_503"),
        (Fault(drop=True), "warn", "may have gone out"),
    ],
)
async def test_a_text_that_cannot_be_sent(tmp_path: Path, fault: Fault, state: str, says: str) -> None:
    async with on_stage(tmp_path) as stage:
        stage.carrier.fail_next(fault)
        found = await stage.text()
        assert (found.state, says in found.text) == (state, True), found


async def test_a_wrong_token_is_said_by_every_check(tmp_path: Path) -> None:
    async with on_stage(tmp_path, known=False) as stage:
        assert (await stage.text()).state == "fail"
        assert await stage.numbers() == {"numbers at the carrier": "fail"}


async def test_where_our_numbers_point(tmp_path: Path) -> None:
    async with on_stage(tmp_path) as stage:
        other, fallback = WORLD.second.address, OURS + " fall-back"
        assert await stage.numbers() == {OURS: "fail", fallback: "warn", other: "fail"}
        stage.route(url=stage.public + SMS_PATH + "#rc=3&rp=5xx,ct,rt")
        assert await stage.numbers() == {OURS: "ok", fallback: "ok", other: "fail"}
        stage.route(fallback=stage.public + SMS_PATH)
        assert (await stage.numbers())[fallback] == "warn", "we are down when it is asked"
        stage.route(method="GET")
        assert (await stage.numbers())[OURS] == "fail"
        stage.route(url="https://elsewhere.example" + SMS_PATH)
        assert (await stage.numbers())[OURS] == "fail"


async def test_the_public_address(tmp_path: Path) -> None:
    async with on_stage(tmp_path) as stage:
        assert (await stage.checks.address()).state == "ok"
        for base in (
            "http://127.0.0.1:1",
            stage.public + "/nothing",
            "https://" + stage.public.removeprefix("http://"),
        ):
            settings = replace(stage.checks.operator.settings, public_url=base)
            elsewhere = replace(stage.checks, operator=replace(stage.checks.operator, settings=settings))
            assert (await elsewhere.address()).state == "fail", base


async def test_a_ticket_is_opened_noted_and_closed(tmp_path: Path) -> None:
    async with on_stage(tmp_path) as stage:
        operator = stage.checks.operator
        (client, *_) = await operator.directory.clients(WORLD.tenant_id)
        assert (await stage.checks.ticket(client.id)).state == "ok"
        psa = BuiltinPsa(WORLD.tenant_id, Tickets(operator.database), operator.clock, operator.random)
        (made,) = (await psa.search_tickets(client_id=client.id, open_only=False)).items
        assert not made.is_open
        assert len(await psa.notes(made.id)) == 1
        assert (await stage.checks.ticket("no-such-client")).state == "fail"
        with pytest.raises(TicketMissing):
            await psa.get_ticket("no-such-ticket")


@pytest.mark.feature("SEC-39")
async def test_nothing_goes_where_texts_must_not_go(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="switched off"):
        async with on_stage(tmp_path, to="+447400123456"):
            raise AssertionError("a text abroad was not refused")


def test_it_asks_before_it_sends(tmp_path: Path) -> None:
    shell = shell_for(tmp_path / "watchword.db")
    shell.well("migrate")
    shell.well("tenant", "add", "acme", "--name", "A & B {{From}}", "--set", "phone=+12125550100")
    for words in (("--live",), ("--to", MINE), ("--yes",), ("--live", "--to", "nobody")):
        assert shell("doctor", *words).code == 2, words
    none = shell("doctor", "--live", "--to", MINE, "--yes")
    assert (none.code, "no number with a carrier account" in none.err) == (2, True)
    shell.well("number", "add", OURS)
    shell.well("carrier", "add", ACCOUNT, typed=TOKEN + "\n")
    asked = shell("doctor", "--live", "--to", MINE, typed="n\n")
    assert (asked.code, "Nothing was sent" in asked.err) == (2, True), asked
    assert "Send one real text" in asked.err
    said = ElementTree.fromstring(shell.well("number", "fallback"))  # noqa: S314  it is our own
    assert said.findtext("Message") == (
        "A & B { {From} } cannot check callers right now. HANG UP and call +1 212-555-0100."
    )


@pytest.mark.feature("REL-17")
async def test_the_whole_command(demo: DemoHouse) -> None:
    """As an operator types it, beside the running server."""
    keys = json.loads((demo.folder / "demo-keys.json").read_text())
    base = demo.house.settings.public_url
    demo.world.carrier.routes[VERIFICATION_NUMBER] = TextRoute(base + SMS_PATH)
    (client, *_) = await demo.house.services.directory.clients(demo.seeded.tenant_id)
    environment = {
        **os.environ,
        "WATCHWORD_DATABASE_URL": demo.house.settings.database_url,
        "WATCHWORD_MASTER_KEY": keys["master_key"],
        "WATCHWORD_PUBLIC_URL": base,
        "WATCHWORD_TWILIO_URL": demo.house.settings.twilio_url,
    }
    words = ("doctor", "--live", "--to", MINE, "--yes", "--ticket-client", client.id, "--json")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "watchword", *words),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    found = {check["check"]: check["state"] for check in json.loads(out)["checks"]}
    assert err == b""
    assert found["live text"] == found["live ticket"] == found["database"] == found[VERIFICATION_NUMBER] == "ok"
    assert found[VERIFICATION_NUMBER + " fall-back"] == "warn"
    assert demo.texts_to(MINE)
