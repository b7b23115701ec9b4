"""The demo: seeded data, every outside system simulated, an embedded database, and a clock that can be moved.

It listens on loopback only, says so on every page, and nothing leaves the computer.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import TypeAdapter

from bot.app import Demo, House, build, listen, until_told_to_stop
from bot.app import run as run_until_done
from bot.clock import SystemClock, SystemRandom
from bot.demo_files import write_whole
from bot.demo_microsoft import ENTRA_PATH, GRAPH_PATH, DemoMicrosoft
from bot.demo_notices import open_demo_notices
from bot.demo_world import DemoWorld, WatchedPsa
from bot.logs import configure
from bot.networks import read_networks
from bot.seeds import (
    CHANNEL_NUMBER,
    UNKNOWN_MOBILE,
    VERIFICATION_NUMBER,
    VOICE_NUMBER,
    Seeded,
    seed,
)
from bot.settings import LOOPBACK, BadSetting, Settings
from identity.passwords import Passwords
from identity.sessions import address_block, token_digest
from psa.base import Psa
from simulator.carrier import Carrier
from simulator.carrier_http import CarrierApi
from simulator.carrier_records import CarrierAccount
from simulator.lookups import Lookups
from storage.migrations import migrate

CARRIER_PATH = "/simulator/carrier"
LOOKUPS_PATH = "/simulator/lookups"
#: The demo's own API token lasts as long as anybody plays with the clock.
TOKEN_LASTS = timedelta(days=3650)
_SEEDED = TypeAdapter(Seeded)


def run(host: str, port: int, state: Path | None, facts: Path | None) -> None:
    """Run the demo until told to stop. Raises BadSetting before anything listens."""
    if host not in LOOPBACK:
        raise BadSetting(f"The demo listens on this computer only; --host {host} is refused. Use 127.0.0.1.")
    configure(readable=True)
    with StateFolder(state) as folder:
        run_until_done(_demo(host, port, folder, facts))


class StateFolder:
    """The folder of the demo: the one that was named, or one that goes away with the process."""

    def __init__(self, state: Path | None) -> None:
        self._state = state
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Path:
        if self._state is not None:
            self._state.mkdir(parents=True, exist_ok=True)
            return self._state
        self._temporary = tempfile.TemporaryDirectory(prefix="watchword-demo-")
        return Path(self._temporary.name)

    def __exit__(self, *error: object) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()


async def _demo(host: str, port: int, folder: Path, facts: Path | None) -> None:
    listening = listen(host, port)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        house, world = await open_demo(listening, folder, stack)
        await house.start(listening)
        found = await facts_of(house, world)
        if facts is not None:
            write_whole(facts, json.dumps(found, indent=1))
        _greet(house.settings.public_url, world)
        await until_told_to_stop()


async def open_demo(
    listening: socket.socket,
    folder: Path,
    stack: AsyncExitStack,
    *,
    clock: SystemClock | None = None,
    passwords: Passwords | None = None,
    carrier_answers: bool = True,
    database_url: str = "",
) -> tuple[House, DemoWorld]:
    """A demo on a bound socket, filled and ready to start; `stack` closes it. Also what scenario tests run against.

    `passwords`: what hashes them, where the usual cost is too dear. `carrier_answers`: whether the carrier keeps the
    STOP list and answers such words, or leaves that to us. `database_url`: a database that is there and migrated,
    instead of a file in the folder.
    """
    host, port = listening.getsockname()[:2]
    base_url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    keys = _keys(folder)
    settings = Settings(
        database_url=database_url or f"sqlite:///{folder / 'watchword.db'}",
        checkpoints_file=folder / "watchword.checkpoints",
        public_url=base_url,
        master_key=base64.b64decode(keys["master_key"]),
        twilio_url=base_url + CARRIER_PATH,
        twilio_lookups_url=base_url + LOOKUPS_PATH,
        graph_url=base_url + GRAPH_PATH,
        entra_url=base_url + ENTRA_PATH,
        # What tenants enter in a demo may lead to its stand-ins, which are on this computer.
        private_targets=read_networks("127.0.0.0/8,::1/128"),
        workflow_hosts=tuple(sorted(LOOPBACK)),
        host=host,
        port=port,
        demo=True,
    )
    if settings.is_sqlite:
        settings.database_path.touch(mode=0o600)
        await asyncio.to_thread(migrate, settings.database_url)
    clock, random = clock or SystemClock(), SystemRandom()
    account = CarrierAccount(
        keys["account_sid"], keys["auth_token"], frozenset({VERIFICATION_NUMBER, CHANNEL_NUMBER, VOICE_NUMBER})
    )
    carrier = Carrier([account], clock=clock, randomness=random, public_url=base_url, answers_opt_out=carrier_answers)
    notices = await open_demo_notices(clock, stack)
    microsoft = DemoMicrosoft(clock, random, file=folder / "demo-microsoft.json", base_url=base_url)
    world = DemoWorld(clock, carrier, Lookups(carrier, clock), notices, microsoft)
    world.base_url = base_url

    def watch(psa: Callable[[str], Psa]) -> Callable[[str], Psa]:
        return lambda tenant_id: WatchedPsa(psa(tenant_id), world, clock)

    demo = Demo(
        simulator=world,
        routes=[
            *_under(CARRIER_PATH, CarrierApi(carrier).routes()),
            *_under(LOOKUPS_PATH, world.lookups.routes()),
            *_under(ENTRA_PATH, microsoft.entra_routes()),
            *_under(GRAPH_PATH, microsoft.graph_routes()),
            *notices.workflow.routes(),
            *world.tool.routes(),
        ],
        psa=watch,
        mail_tls=notices.certificate.client,
    )
    house = await build(settings, clock=clock, random=random, demo=demo, passwords=passwords, synchronous="NORMAL")
    house.app.middlewares.insert(0, _loopback_names_only)
    await carrier.start()
    # Stopping runs backwards: first the carrier falls silent, then the house closes.
    stack.push_async_callback(house.stop)
    stack.push_async_callback(carrier.stop)
    world.seeded = await _seeded(house, folder, keys)
    await notices.lead_here(house, world.seeded.tenant_id)
    world.webhooks = partial(house.services.webhooks.opened, world.seeded.tenant_id)
    world.written.clear()
    return house, world


@web.middleware
async def _loopback_names_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A page elsewhere may have its own name lead to this computer; only names of this computer are answered."""
    if urlsplit("//" + request.headers.get("Host", "")).hostname not in LOOPBACK:
        return web.Response(status=421, text="The demo answers to 127.0.0.1 and localhost only.")
    return await handler(request)


def _under(prefix: str, routes: Sequence[web.RouteDef]) -> list[web.AbstractRouteDef]:
    return [web.route(r.method, prefix + r.path, r.handler, **r.kwargs) for r in routes]


async def facts_of(house: House, world: DemoWorld) -> dict[str, object]:
    """What a program needs to try the demo: addresses, log-ins, numbers, contacts."""
    seeded = world.seeded
    assert seeded is not None, "open_demo fills the demo"
    return {
        "base_url": house.settings.public_url,
        "api_token": await _token(house, seeded),
        "technicians": [
            {"login": t.login, "password": t.password, "role": t.role, "totp_secret": t.totp_secret}
            for t in seeded.technicians
        ],
        "twilio": {
            "account_sid": seeded.account_sid,
            "auth_token": seeded.auth_token,
            "verification_number": VERIFICATION_NUMBER,
            "channel_number": CHANNEL_NUMBER,
            "voice_number": VOICE_NUMBER,
        },
        "contacts": [
            {
                "id": c.id,
                "name": c.name,
                "mobile": c.mobile,
                "email": c.email,
                "client": c.client,
                "open_ticket": c.open_ticket,
            }
            for c in seeded.contacts
        ],
        "unknown_mobile": UNKNOWN_MOBILE,
        "webchat": {"profile": ""},
        "teams": {"app_id": None},
    }


async def _token(house: House, seeded: Seeded) -> str:
    """A technician's log-in as a bearer token. It outlives every move of the clock, which is for the demo alone."""
    now, token = house.clock.now(), house.random.token()
    await house.services.accounts.create_log_in(
        tenant_id=seeded.tenant_id,
        log_in_id=house.random.new_id(now),
        technician_id=seeded.technicians[0].id,
        digest=token_digest(token),
        kind="bearer",
        now=now + TOKEN_LASTS,
        expires_at=now + 2 * TOKEN_LASTS,
        address_block=address_block("127.0.0.1"),
        browser="",
    )
    return token


def _keys(folder: Path) -> dict[str, str]:
    """The demo's own secrets, made on the first start and kept beside its database."""
    path = folder / "demo-keys.json"
    if path.is_file():
        kept: dict[str, str] = json.loads(path.read_text())
        return kept
    made = {
        "master_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "account_sid": "AC" + secrets.token_hex(16),
        "auth_token": secrets.token_hex(16),
    }
    write_whole(path, json.dumps(made))
    return made


async def _seeded(house: House, folder: Path, keys: dict[str, str]) -> Seeded:
    path = folder / "demo-seeds.json"
    if path.is_file():
        return _SEEDED.validate_json(path.read_bytes())
    seeded = await seed(house, keys["account_sid"], keys["auth_token"])
    write_whole(path, _SEEDED.dump_json(seeded).decode())
    return seeded


def _greet(base_url: str, world: DemoWorld) -> None:
    """What a person needs to begin, on the standard output."""
    lines = [
        "",
        "Watchword demo. Nothing leaves this computer.",
        "",
        f"  Console    {base_url}/codes",
        f"  Simulator  {base_url}/simulator   (phones, outbox, clock)",
        f"  API        {base_url}/docs",
        "",
        "Sign in as",
    ]
    for account in world.accounts():
        lines.append(f"  {account.login:<22} {account.password}   {account.role}")
    lines += [
        "The six-digit code for each is on the simulator page.",
        "",
        "Try it: sign in as Dana, announce a call to Ada Bishop, text #verify from her phone in the simulator,",
        "read the code in the console, text #confirm, and find the story in her ticket.  Ctrl-C stops.",
        "",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
