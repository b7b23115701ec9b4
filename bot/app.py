"""Putting the house together: storage, engine, dispatcher, channels and pages, started and stopped in order."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version

import aiohttp
import structlog
from aiohttp import web

from bot.acts import Acts
from bot.approving import Approving
from bot.background import Background
from bot.carrier_desk import TwilioDesk
from bot.carriers import Carriers
from bot.clock import DatabaseClock, SystemClock, SystemRandom
from bot.contact_acts import ContactActs
from bot.delivery import Outside
from bot.dispatcher import Dispatcher
from bot.engine import Engine
from bot.importing import Importing
from bot.log_keeping import LogKeeping, keep_log
from bot.logs import AccessLog, FaultLog
from bot.metrics import Metrics, MetricsPage
from bot.metrics_measured import MeasuredDelivery, MeasuredStore
from bot.notices import open_notices
from bot.number_lookups import NumberLookups
from bot.opening import OpenStore, check_database, check_migrated, open_database, open_store
from bot.outbound import GuardedOutbound
from bot.post import OutboxPost
from bot.readiness import Readiness
from bot.settings import BadSetting, Settings, check_for_serving
from bot.skew import keep_time, look_at_time, watch_skew
from bot.sources.opening import microsoft_people, open_sources
from bot.trials import Trials
from bot.turning_back import turn_back
from bot.upkeep import Upkeep
from bot.verifying import Verifying
from bot.webhook_feed import WebhookFeed
from bot.wording import Wording
from channels.twilio.call_webhooks import TwilioCallWebhooks
from channels.twilio.calls import TwilioCalls
from channels.twilio.lookups import TwilioLookups
from channels.twilio.sender import TwilioTexts
from channels.twilio.texts import DELIVERY_RANK
from channels.twilio.webhooks import TwilioWebhooks
from dialogs.ports import Clock, Randomness, TurnStore
from identity.passwords import Passwords
from identity.sign_in import SignIn
from psa.base import Psa
from psa.builtin import BuiltinPsa
from storage.account_links import AccountLinks
from storage.accounts import Accounts
from storage.alerts import Alerts
from storage.announced import AnnouncedCalls
from storage.approvals import Approvals
from storage.blocks import Blocks
from storage.brands import Brands
from storage.checks import Checks
from storage.clients import Clients
from storage.contact_changes import ContactChanges
from storage.csp_reports import CspReports
from storage.database import OpenDatabase, Unscoped
from storage.directory import Directory
from storage.duty import Roll
from storage.feed import Feed
from storage.health import read_load
from storage.idempotency import Idempotency
from storage.imports import Imports
from storage.integration_keys import IntegrationKeys
from storage.keys import Keyring
from storage.known_browsers import KnownBrowsers
from storage.log import Log
from storage.own_numbers import OwnNumbers
from storage.people import People
from storage.pod_openings import PodOpenings
from storage.pod_sign_ins import PodSignIns
from storage.reports import Reports
from storage.shared import Shared, open_shared
from storage.stream import EventStream
from storage.tenants import Tenants
from storage.tickets import Tickets
from storage.verifications import Verifications
from storage.webhooks import Webhooks
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
#: Between "not ready" and closing, where there are others: proxies ask every second or two (REL-14).
NOTICE_SECONDS = 4.0


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
    database: OpenDatabase
    keyring: Keyring
    store: TurnStore
    engine: Engine
    dispatcher: Dispatcher
    services: Services
    app: web.Application
    passwords: Passwords
    readiness: Readiness
    background: Background
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
        self.background.start()
        self._stack.push_async_callback(self.background.stop)
        self.dispatcher.start()
        self._stack.push_async_callback(self.dispatcher.stop)

    def count(self, name: str) -> None:
        """One more webhook that was answered, by what became of it."""
        self.counts[name] = self.counts.get(name, 0) + 1

    async def stop(self) -> None:
        """Take nothing new, finish what is under way, close everything, in the reverse order of starting."""
        await self._stack.aclose()


@dataclass(frozen=True)
class Demo:
    """What the demo adds: stand-ins, their routes, and a clock that can be moved."""

    simulator: Simulator
    routes: Sequence[web.AbstractRouteDef]
    psa: Callable[[Callable[[str], Psa]], Callable[[str], Psa]]
    #: Trusts the simulated mail server's certificate.
    mail_tls: ssl.SSLContext | None = None


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
    clock, random = clock or (SystemClock() if settings.is_sqlite else DatabaseClock()), random or SystemRandom()
    stack = AsyncExitStack()
    keyring = Keyring((settings.master_key, *settings.previous_master_keys))
    await asyncio.to_thread(check_migrated, settings)
    try:
        return await _built(settings, clock, random, keyring, stack, demo, passwords or Passwords(), synchronous)
    except BaseException:
        await stack.aclose()
        raise


async def _built(
    settings: Settings,
    clock: Clock,
    random: Randomness,
    keyring: Keyring,
    stack: AsyncExitStack,
    demo: Demo | None,
    passwords: Passwords,
    synchronous: str,
) -> House:
    database = open_database(settings, durable=synchronous != "NORMAL")
    stack.push_async_callback(database.close)
    await check_database(settings, database, keyring)
    if isinstance(clock, DatabaseClock):
        await look_at_time(database, clock)
    # A file has one process, which has nobody to share with.
    redis_url = "" if settings.is_sqlite else settings.redis_url
    try:
        shared = await stack.enter_async_context(open_shared(redis_url, clock, me=random.new_id(clock.now())))
    except ValueError as bad:
        raise BadSetting(f"WATCHWORD_REDIS_URL: {bad}") from None
    metrics, background = Metrics(), Background()
    kept = open_store(settings, database, keyring, lambda status: DELIVERY_RANK.get(status, 0))
    stack.push_async_callback(kept.close)
    store = MeasuredStore(kept, metrics)

    engine = Engine(store, clock, random, Wording(settings.public_url), shared.limits)
    people, tenants = People(database, keyring), Tenants(database, keyring)
    tickets = Tickets(database)

    def connector(tenant_id: str) -> Psa:
        return BuiltinPsa(tenant_id, tickets, clock, random, public_url=settings.public_url)

    psa: Callable[[str], Psa] = demo.psa(connector) if demo is not None else connector
    carriers = Carriers(tenants, clock)
    session = aiohttp.ClientSession()
    stack.push_async_callback(session.close)
    outbound = GuardedOutbound(clock=clock, allowed=settings.private_targets)
    stack.push_async_callback(outbound.close)
    texts = TwilioTexts(
        session, account_for=carriers.for_number, public_url=settings.public_url, base_url=settings.twilio_url
    )
    calls = TwilioCalls(
        session, account_for=carriers.for_number, public_url=settings.public_url, base_url=settings.twilio_url
    )
    lookups = TwilioLookups(session, account_for=carriers.for_number, base_url=settings.twilio_lookups_url)
    mail_tls = demo.mail_tls if demo is not None else None
    brands = Brands(database, keyring)
    background.add("brands", brands.run)
    notices = open_notices(settings, database, keyring, outbound, mail_tls, brands)
    outside = Outside(
        texts=texts,
        psa=psa,
        refuse_destination=carriers.refuse_destination,
        audience=notices.desk.audience,
        mail=notices.mail,
        posts=notices.posts,
        calls=calls,
        refuse_call=carriers.refuse_call,
    )
    delivery = MeasuredDelivery(engine, outside, clock, random)
    delivery.measure(metrics)
    # A name that no other process has, here or elsewhere: leases are given back by it.
    worker = f"{socket.gethostname()}:{os.getpid()}:{random.new_id(clock.now())[-6:]}"
    dispatcher = Dispatcher(store, engine, delivery, clock, worker=worker)
    stream = EventStream(database, fan_out=shared.fan_out)
    background.add("event stream", stream.run)
    keeping = keep_log(settings, database, keyring, clock, random, session=session, background=background)
    if shared.fan_out is not None:
        feed = Feed(database, stream)
        background.add("feed", feed.run)
        keeping.placed(feed.placed)
    stack.push_async_callback(keeping.sealer.close)
    _wake_all(settings, (kept, database), shared, dispatcher, stream, keeping, background)
    telling = WebhookFeed(database, keyring, outbound, clock, random)
    background.add("webhook feed", telling.run)
    for gained in (kept.on_commit, database.on_commit, shared.wakeups.on_wake, keeping.placed):
        gained(telling.wake)
    background.add("upkeep", Upkeep(database, clock).run)
    background.add("shields", partial(turn_back, database, clock))
    importing = Importing(database, keyring, clock, random)
    background.add("imports", importing.run)
    post = OutboxPost(engine, notices.route, tenants)
    contact_acts = ContactActs(database, keyring, Wording(settings.public_url), post.can_mail, clock, random)
    asking = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    stack.push_async_callback(asking.close)
    sources = open_sources(
        settings,
        database,
        keyring,
        microsoft_people(asking, settings, clock),
        contact_acts,
        clock,
        random,
        worker=worker,
    )
    background.add("contact sync", sources.sync.run)
    if isinstance(clock, DatabaseClock):
        background.add("time", partial(keep_time, database, clock))
    # What this machine's own clock says is told too: its log goes by it, and so does every other program on it.
    machine = SystemClock() if isinstance(clock, DatabaseClock) else clock
    background.add("clock", partial(watch_skew, database, machine))
    if isinstance(clock, SystemClock):
        clock.on_advance(dispatcher.wake)
        clock.on_advance(keeping.sealer.wake)
        clock.on_advance(telling.wake)
        clock.on_advance(sources.sync.wake)

    accounts = Accounts(database, keyring)
    readiness = Readiness(database, keyring)
    counts: dict[str, int] = {}
    page = MetricsPage(
        metrics,
        load=lambda: database.read(Unscoped.OPERATOR, lambda conn: read_load(conn, clock.now, machine.now)),
        now=lambda: clock.now().timestamp(),
        webhooks=counts,
        readers=stream.readers,
        log_in_trouble=lambda: bool(keeping.sealer.trouble),
        degraded=lambda: [spared.provider for spared in delivery.breakers.degraded(clock.now())],
        redis=shared.answers,
    )
    verifications = Verifications(database, keyring)
    directory = Directory(database, keyring)
    services = Services(
        db=database,
        accounts=accounts,
        people=people,
        tenants=tenants,
        own_numbers=OwnNumbers(database, keyring),
        carrier=TwilioDesk(
            session, tenants, database, clock, public_url=settings.public_url, base_url=settings.twilio_url
        ),
        directory=directory,
        clients=Clients(database, keyring),
        contact_changes=ContactChanges(database, keyring, random.new_id),
        contact_acts=contact_acts,
        contact_sources=sources.sources,
        source_changes=sources.changes,
        source_acts=sources.acts,
        imports=Imports(database, keyring),
        begin_imports=importing.wake,
        checks=Checks(database, keyring),
        verifications=verifications,
        announced=AnnouncedCalls(database),
        alerts=Alerts(database, keyring),
        log=Log(database),
        integrity=keeping.integrity,
        reports=Reports(database),
        idempotency=Idempotency(database),
        integration_keys=IntegrationKeys(database, keyring),
        csp_reports=CspReports(database),
        blocks=Blocks(database, keyring),
        brands=brands,
        acts=Acts(engine, psa, database, clock, random),
        verifying=Verifying(
            engine,
            psa,
            verifications,
            Roll(database),
            post,
            Wording(settings.public_url),
            random,
            NumberLookups(lookups, tenants, directory, clock),
        ),
        approvals=Approvals(database, keyring, clock),
        approval_acts=Approving(engine, psa),
        psa=psa,
        # Authenticator apps go by the real time, also where the demo has moved ours.
        sign_in=SignIn(
            accounts,
            passwords,
            clock,
            random,
            authenticators=SystemClock() if demo is not None else clock,
            browsers=KnownBrowsers(database),
        ),
        passwords=passwords,
        account_links=AccountLinks(database, keyring),
        pod_sign_ins=PodSignIns(database, keyring),
        pod_openings=PodOpenings(database),
        stream=stream,
        clock=clock,
        random=random,
        public_url=settings.public_url,
        version=installed_version(),
        readiness=readiness,
        demo=demo.simulator if demo is not None else None,
        behind_proxy=settings.behind_tls_proxy,
        degraded=lambda tenant_id: delivery.breakers.degraded(clock.now(), tenant_id),
        presence=shared.presence,
        metrics=page,
        metrics_token=settings.metrics_token,
        outbound=outbound,
        webhooks=Webhooks(database, keyring),
        tell_now=telling.tell_now,
        post=post,
        trials=Trials(notices.route, notices.mail, notices.posts, clock, random),
        mail_servers=notices.servers,
        teams_connections=notices.connections,
    )
    app = build_web(services, pages=page_routes(), show_problem=page_problem(services))
    house = House(
        settings,
        clock,
        random,
        database,
        keyring,
        store,
        engine,
        dispatcher,
        services,
        app,
        passwords,
        readiness,
        background,
        counts,
        _stack=stack,
    )
    app.add_routes([*_webhooks(house, carriers).routes(), *_call_webhooks(house, carriers).routes()])
    if demo is not None:
        app.add_routes(demo.routes)
    return house


def _wake_all(
    settings: Settings,
    writers: Sequence[OpenStore | OpenDatabase],
    shared: Shared,
    dispatcher: Dispatcher,
    stream: EventStream,
    keeping: LogKeeping,
    background: Background,
) -> None:
    """Who hears of a commit: here at once, in other replicas by PostgreSQL and, where there is one, by Redis."""

    def wake() -> None:
        dispatcher.wake()
        stream.wake()
        keeping.wake()

    for writer in writers:
        writer.on_commit(wake)
        writer.on_commit(shared.wakeups.tell)
    keeping.placed(stream.wake)
    keeping.placed(shared.wakeups.tell)
    shared.wakeups.on_wake(wake)
    if not settings.is_sqlite:
        from storage.postgres import Listening

        background.add("listening", Listening(settings.database_url, wake).run)


def _webhooks(house: House, carriers: Carriers) -> TwilioWebhooks:
    return TwilioWebhooks(
        receive=house.engine.receive,
        report=house.engine.report_delivery,
        account=carriers.by_sid,
        public_url=house.settings.public_url,
        count=house.count,
    )


def _call_webhooks(house: House, carriers: Carriers) -> TwilioCallWebhooks:
    return TwilioCallWebhooks(
        acts=house.services.verifying,
        report=house.engine.report_delivery,
        account=carriers.by_sid,
        public_url=house.settings.public_url,
        count=house.count,
    )


def serve(settings: Settings, *, clock: Clock | None = None) -> None:
    """Serve until told to stop. Raises BadSetting before anything listens. `clock`: for tests."""
    check_for_serving(settings)
    run(_serve(settings, clock))


async def _serve(settings: Settings, clock: Clock | None) -> None:
    house = await build(settings, clock=clock)
    try:
        with listen(settings.host, settings.port) as listening:
            await house.start(listening)
            log.info("serving", host=settings.host, port=settings.port, public_url=settings.public_url)
            await until_told_to_stop()
            log.info("stopping")
            house.readiness.stopping = True
            if not settings.is_sqlite:
                # Other replicas take over: the proxy has time to hear that this one is going away.
                await asyncio.sleep(NOTICE_SECONDS)
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
            f"Port {port} on {host} cannot be used: {os.strerror(cause.errno or 0)}. Stop what runs there, or choose "
            "another --port."
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
