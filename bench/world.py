"""The house that is measured, as `serve` builds it: real routes, real store, everything sealed, durable commits, and
whatever else `serve` has running beside it."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice

from aiohttp import web
from sqlalchemy import Connection

from bench.texts import mobiles
from bot.app import HEADER_SECONDS, House, build
from bot.clock import SystemClock, SystemRandom
from bot.logs import AccessLog
from bot.seeds import VERIFICATION_NUMBER, seed
from bot.settings import Settings
from dialogs.settings import Limits, TenantSettings
from identity.passwords import Cost, Passwords
from identity.sessions import ABSOLUTE, address_block, browser_family, token_digest
from storage.directory import NewAddress, NewContact, put_client, put_contacts
from web.headers import of_every_answer
from web.slow import listen_on

SMS_PATH = "/webhooks/twilio/sms"
MANY = 10**9
#: No bound is reached: what a turn costs is measured, not what it costs to refuse one.
FREE = Limits(
    verify_per_10_min=MANY,
    verify_per_24_h=MANY,
    destination_per_10_min=MANY,
    destination_per_hour=MANY,
    destination_per_24_h=MANY,
    prefix_per_hour=MANY,
    prefix_answered_percent=0,
    technician_per_hour=MANY,
    tenant_per_hour=MANY,
    tenant_segments_per_day=MANY,
)


@dataclass(frozen=True, slots=True)
class Filled:
    """What the load generator must know. `contacts` have the numbers `mobiles()` yields first."""

    tenant_id: str
    account_sid: str
    auth_token: str = field(repr=False)
    number: str
    contacts: int
    bearer: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A house to be opened on migrated tables, as it is sent to its process. Addresses as in `bot.settings.Settings`.

    `contacts`: how many to fill it with. `filled`: what another house on this database has filled it with; then nothing
    is filled, and `master_key` (hex) is that one's. `background` off: nothing runs beside the turns, which tells what
    the rest costs.
    """

    database_url: str
    owner_url: str = ""
    contacts: int = 0
    carrier_url: str = ""
    redis_url: str = ""
    master_key: str = field(default="", repr=False)
    filled: Filled | None = None
    background: bool = True


@dataclass(frozen=True, slots=True)
class World:
    """A house on a bound socket, with its people, and the clock the benchmark moves."""

    house: House
    clock: SystemClock
    filled: Filled


async def open_world(listening: socket.socket, wanted: Wanted, stack: AsyncExitStack) -> World:
    """Build the house, fill it, and serve on `listening` with all that `serve` has running but the dispatcher."""
    host, port = listening.getsockname()[:2]
    base_url = f"http://{host}:{port}"
    settings = Settings(
        database_url=wanted.database_url,
        owner_database_url=wanted.owner_url,
        redis_url=wanted.redis_url,
        public_url=base_url,
        master_key=bytes.fromhex(wanted.master_key) if wanted.master_key else secrets.token_bytes(32),
        twilio_url=wanted.carrier_url or base_url,
        host=host,
        port=port,
    )
    if settings.is_sqlite:
        settings = replace(settings, checkpoints_file=settings.database_path.with_suffix(".checkpoints"))
    clock = SystemClock()
    house = await build(settings, clock=clock, random=SystemRandom(), passwords=Passwords(Cost(64, 1)))
    stack.push_async_callback(house.stop)
    filled = wanted.filled or await _fill(house, wanted.contacts)
    runner = web.AppRunner(house.app)
    stack.push_async_callback(runner.cleanup)
    server = await listen_on(
        runner, listening, header_seconds=HEADER_SECONDS, fixed=of_every_answer(base_url), access_log_class=AccessLog
    )
    stack.callback(server.close)
    if wanted.background:
        house.background.start()
        stack.push_async_callback(house.background.stop)
    return World(house, clock, filled)


async def sign_in(world: World, browser: str) -> str:
    """A cookie of a technician who has just signed in from this machine with this browser."""
    house = world.house
    now, token = house.clock.now(), house.random.token()
    first = (await house.services.people.technicians(world.filled.tenant_id))[0]
    await house.services.accounts.create_log_in(
        tenant_id=world.filled.tenant_id,
        log_in_id=house.random.new_id(now),
        technician_id=first.id,
        digest=token_digest(token),
        kind="cookie",
        now=now,
        expires_at=now + ABSOLUTE,
        address_block=address_block("127.0.0.1"),
        browser=browser_family(browser),
    )
    return token


async def _fill(house: House, contacts: int) -> Filled:
    sid, token = "AC" + secrets.token_hex(16), secrets.token_hex(16)
    seeded = await seed(house, sid, token)
    tenant_id, now = seeded.tenant_id, house.clock.now()

    def without_limits(settings: TenantSettings) -> TenantSettings:
        return replace(settings, limits=FREE)

    await house.services.tenants.change_settings(tenant_id, without_limits)
    client_id = house.random.new_id(now)
    await house.database.write(tenant_id, lambda conn: put_client(conn, tenant_id, client_id, "Bench", now))
    numbers = list(islice(mobiles(), contacts))
    for at in range(0, contacts, 1000):
        new = [
            NewContact(
                house.random.new_id(now),
                client_id,
                f"Person {at + n}",
                (NewAddress(house.random.new_id(now), "mobile", number, is_default=True),),
            )
            for n, number in enumerate(numbers[at : at + 1000])
        ]

        def put(conn: Connection, new: Sequence[NewContact] = new) -> None:
            put_contacts(conn, house.keyring, tenant_id, new, now)

        await house.database.write(tenant_id, put)
    bearer = house.random.token()
    far = now + timedelta(days=3650)
    await house.services.accounts.create_log_in(
        tenant_id=tenant_id,
        log_in_id=house.random.new_id(now),
        technician_id=seeded.technicians[0].id,
        digest=token_digest(bearer),
        kind="bearer",
        now=far,
        expires_at=far + timedelta(days=3650),
        address_block=address_block("127.0.0.1"),
        browser="",
    )
    return Filled(tenant_id, sid, token, VERIFICATION_NUMBER, contacts, bearer)
