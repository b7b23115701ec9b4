"""Putting the house together: storage, engine, dispatcher, channels and pages, started and stopped in order."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import aiohttp
import structlog
from aiohttp import web

from bot.acts import Acts
from bot.carriers import Carriers
from bot.clock import SystemClock, SystemRandom
from bot.delivery import Delivery, Outside
from bot.dispatcher import Dispatcher
from bot.engine import Engine
from bot.logs import AccessLog, FaultLog
from bot.readiness import shared
from bot.settings import BadSetting, Settings, check_for_serving
from bot.wording import Wording
from channels.twilio.sender import TwilioTexts
from channels.twilio.texts import DELIVERY_RANK
from channels.twilio.webhooks import TwilioWebhooks
from dialogs.messages import Unavailable
from dialogs.ports import Clock, Randomness, TurnStore
from identity.passwords import Passwords
from identity.sign_in import SignIn
from psa.base import Psa
from psa.builtin import BuiltinPsa
from storage.accounts import Accounts
from storage.alerts import Alerts
from storage.announced import AnnouncedCalls
from storage.checks import Checks
from storage.csp_reports import CspReports
from storage.database import Unscoped
from storage.directory import Directory
from storage.health import read_health
from storage.idempotency import Idempotency
from storage.keys import Keyring
from storage.log import Log
from storage.migrations import pending
from storage.people import People
from storage.sqlite import AlreadyRunning, SqliteDatabase, SqliteTurnStore
from storage.stream import EventStream
from storage.tenants import Tenants
from storage.tickets import Tickets
from web.app import build_web
from web.headers import of_every_answer
from web.pages import page_problem, page_routes
from web.ports import Simulator
from web.services import Services
from web.slow import listen_on

log = structlog.get_logger("app")

#: New objects until the collector looks for rings among them. What a turn makes is nearly all gone by itself, and with
#: Python's 700 the looking took 8 % of the processor time under load (docs/explanation/performance.md).
COLLECT_AFTER = 20_000
#: A request may trickle in no longer than this before its headers are whole (REL-16).
HEADER_SECONDS = 10


def installed_version() -> str:
    """The version of this installation."""
    try:
        return version("watchword")
    except PackageNotFoundError:
        return "0"


@dataclass
class House:
    """Everything that runs, for the demo, the tests and the benchmark to reach."""

    settings: Settings
    clock: Clock
    random: Randomness
    database: SqliteDatabase
    keyring: Keyring
    store: TurnStore
    engine: Engine
    dispatcher: Dispatcher
    services: Services
    app: web.Application
    passwords: Passwords
    counts: dict[str, int] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, listening: socket.socket) -> None:
        """Serve on a socket that is bound already."""
        runner = web.AppRunner(self.app)
        self._stack.push_async_callback(runner.cleanup)
        server = await listen_on(
            runner,
            listening,
            header_seconds=HEADER_SECONDS,
            fixed=of_every_answer(self.settings.public_url),
            access_log_class=FaultLog if self.settings.demo else AccessLog,
        )
        self._stack.callback(server.close)
        stream = asyncio.create_task(self.services.stream.run(), name="event stream")
        self._stack.push_async_callback(_cancelled, stream)
        self.dispatcher.start()
        self._stack.push_async_callback(self.dispatcher.stop)

    async def stop(self) -> None:
        """Take nothing new, finish what is under way, close everything, in the reverse order of starting."""
        await self._stack.aclose()


@dataclass(frozen=True)
class Demo:
    """What the demo adds: stand-ins, their routes, and a clock that can be moved."""

    simulator: Simulator
    routes: Sequence[web.AbstractRouteDef]
    psa: Callable[[Callable[[str], Psa]], Callable[[str], Psa]]


async def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    random: Randomness | None = None,
    demo: Demo | None = None,
    passwords: Passwords | None = None,
    synchronous: str = "FULL",
) -> House:
    """Open the database and wire everything; nothing runs until `House.start`.

    Raises BadSetting when the database is not ready: not migrated, in use, or not opened by the master key.
    """
    clock, random = clock or SystemClock(), random or SystemRandom()
    stack = AsyncExitStack()
    keyring = Keyring((settings.master_key, *settings.previous_master_keys))
    await _check_database(settings)
    database = SqliteDatabase(settings.database_path, synchronous="NORMAL" if synchronous == "NORMAL" else "FULL")
    stack.push_async_callback(database.close)
    await _check_keys(database, keyring, clock)
    try:
        store = SqliteTurnStore(database, keyring, lambda status: DELIVERY_RANK.get(status, 0))
    except AlreadyRunning as cause:
        await stack.aclose()
        raise BadSetting(str(cause)) from cause
    stack.push_async_callback(store.close)

    engine = Engine(store, clock, random, Wording(settings.public_url))
    people, tenants = People(database, keyring), Tenants(database, keyring)
    tickets = Tickets(database)

    def connector(tenant_id: str) -> Psa:
        return BuiltinPsa(tenant_id, tickets, clock, random, public_url=settings.public_url)

    psa: Callable[[str], Psa] = demo.psa(connector) if demo is not None else connector
    carriers = Carriers(tenants, people, clock)
    session = aiohttp.ClientSession()
    stack.push_async_callback(session.close)
    texts = TwilioTexts(
        session, account_for=carriers.for_number, public_url=settings.public_url, base_url=settings.twilio_url
    )
    outside = Outside(texts=texts, psa=psa, refuse_destination=carriers.refuse_destination, mobiles=carriers.mobiles)
    delivery = Delivery(engine, outside, clock, random)
    dispatcher = Dispatcher(store, engine, delivery, clock, worker=f"{socket.gethostname()}:{os.getpid()}")
    stream = EventStream(database)
    store.on_commit(dispatcher.wake)
    store.on_commit(stream.wake)
    if isinstance(clock, SystemClock):
        clock.on_advance(dispatcher.wake)

    async def readiness() -> Mapping[str, str]:
        return await _readiness(settings, database, keyring, clock)

    accounts = Accounts(database, keyring)
    passwords = passwords or Passwords()
    services = Services(
        db=database,
        accounts=accounts,
        people=people,
        tenants=tenants,
        directory=Directory(database, keyring),
        checks=Checks(database, keyring),
        announced=AnnouncedCalls(database),
        alerts=Alerts(database, keyring),
        log=Log(database),
        idempotency=Idempotency(database),
        csp_reports=CspReports(database),
        acts=Acts(engine, psa, database, clock, random),
        psa=psa,
        # Authenticator apps go by the real time, also where the demo has moved ours.
        sign_in=SignIn(accounts, passwords, clock, random, authenticators=SystemClock() if demo is not None else clock),
        stream=stream,
        clock=clock,
        random=random,
        public_url=settings.public_url,
        version=installed_version(),
        readiness=shared(readiness),
        demo=demo.simulator if demo is not None else None,
        behind_proxy=settings.behind_tls_proxy,
    )
    app = build_web(services, pages=page_routes(), show_problem=page_problem(services))
    house = House(
        settings, clock, random, database, keyring, store, engine, dispatcher, services, app, passwords, _stack=stack
    )
    app.add_routes(_webhooks(house, carriers).routes())
    if demo is not None:
        app.add_routes(demo.routes)
    return house


def _webhooks(house: House, carriers: Carriers) -> TwilioWebhooks:
    def count(name: str) -> None:
        house.counts[name] = house.counts.get(name, 0) + 1

    return TwilioWebhooks(
        receive=house.engine.receive,
        report=house.engine.report_delivery,
        account=carriers.by_sid,
        public_url=house.settings.public_url,
        count=count,
    )


def serve(settings: Settings) -> None:
    """Serve until told to stop. Raises BadSetting before anything listens."""
    check_for_serving(settings)
    run(_serve(settings))


async def _serve(settings: Settings) -> None:
    house = await build(settings)
    try:
        with listen(settings.host, settings.port) as listening:
            await house.start(listening)
            log.info("serving", host=settings.host, port=settings.port, public_url=settings.public_url)
            await until_told_to_stop()
            log.info("stopping")
    finally:
        await house.stop()


def run(main: Coroutine[object, object, None]) -> None:
    """Run the main coroutine on the fastest event loop there is."""
    gc.set_threshold(COLLECT_AFTER, 20, 20)
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises BadSetting when the port is taken."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=512)
    except OSError as cause:
        raise BadSetting(
            f"Port {port} on {host} cannot be used ({cause.strerror}). Stop what runs there, or choose another --port."
        ) from cause
    listening.setblocking(False)
    return listening


async def until_told_to_stop() -> None:
    """Return on SIGINT or SIGTERM."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(name, told.set)
    await told.wait()


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _check_database(settings: Settings) -> None:
    path = settings.database_path
    if not path.is_file():
        raise BadSetting(f"There is no database at {path}. Make it with: watchword migrate")
    missing = await asyncio.to_thread(pending, settings.database_url)
    if missing:
        raise BadSetting(
            f"The database at {path} lacks {len(missing)} migration(s). Apply them with: watchword migrate"
        )


async def _check_keys(database: SqliteDatabase, keyring: Keyring, clock: Clock) -> None:
    health = await database.read(Unscoped.OPERATOR, lambda c: read_health(c, keyring, clock.now()))
    if health.locked:
        raise BadSetting(
            f"The master key does not open the data of {', '.join(health.locked)}. Use the key this database was made "
            "with; without it nothing sealed can be read."
        )


async def _readiness(settings: Settings, database: SqliteDatabase, keyring: Keyring, clock: Clock) -> Mapping[str, str]:
    try:
        health = await database.read(Unscoped.OPERATOR, lambda c: read_health(c, keyring, clock.now()))
        missing = await asyncio.to_thread(pending, settings.database_url)
    except Unavailable:
        return {"database": "does not answer", "migrations": "unknown", "keys": "unknown"}
    return {
        "database": "",
        "migrations": "behind" if missing else "",
        "keys": "do not open every tenant" if health.locked else "",
    }
