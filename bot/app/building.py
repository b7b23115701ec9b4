"""From settings to a house: every part built upon the one below, nothing running yet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack

from aiohttp import web

from bot.app.desks import open_desks
from bot.app.ground import Ground, open_ground
from bot.app.house import Demo, House
from bot.app.outward import open_outward
from bot.app.workers import open_workers
from bot.carriers import Carriers
from bot.clock import DatabaseClock, SystemClock, SystemRandom
from bot.opening import check_migrated
from bot.readiness import Readiness
from bot.settings import Settings
from channels.twilio.call_webhooks import TwilioCallWebhooks
from channels.twilio.webhooks import TwilioWebhooks
from dialogs.ports import Clock, Randomness
from identity.passwords import Passwords
from web.app import build_web
from web.pages import page_problem, page_routes


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
    await asyncio.to_thread(check_migrated, settings)
    try:
        ground = await open_ground(settings, clock, random, stack, durable=synchronous != "NORMAL")
        return _built(ground, passwords or Passwords(), demo)
    except BaseException:
        await stack.aclose()
        raise


def _built(ground: Ground, passwords: Passwords, demo: Demo | None) -> House:
    outward = open_outward(ground, demo)
    workers = open_workers(ground, outward)
    readiness = Readiness(ground.database, ground.keyring)
    services = open_desks(ground, outward, workers, passwords, readiness, demo)
    house = House(
        settings=ground.settings,
        clock=ground.clock,
        random=ground.random,
        database=ground.database,
        keyring=ground.keyring,
        store=ground.store,
        engine=ground.engine,
        dispatcher=workers.dispatcher,
        services=services,
        app=build_web(services, pages=page_routes(), show_problem=page_problem(services)),
        passwords=passwords,
        readiness=readiness,
        background=ground.background,
        counts=ground.counts,
        _stack=ground.stack,
    )
    house.app.add_routes(_carrier_routes(house, outward.carriers))
    if demo is not None:
        house.app.add_routes(demo.routes)
    return house


def _carrier_routes(house: House, carriers: Carriers) -> Iterable[web.AbstractRouteDef]:
    """Where the carrier tells of texts and calls."""
    texts = TwilioWebhooks(
        receive=house.engine.receive,
        report=house.engine.report_delivery,
        account=carriers.by_sid,
        public_url=house.settings.public_url,
        count=house.count,
    )
    calls = TwilioCallWebhooks(
        acts=house.services.verifying,
        report=house.engine.report_delivery,
        account=carriers.by_sid,
        public_url=house.settings.public_url,
        count=house.count,
    )
    return [*texts.routes(), *calls.routes()]
