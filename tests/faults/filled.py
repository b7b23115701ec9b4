"""An installation that is filled once and copied for each test: one tenant, a few hundred people, two technicians."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import islice

from bench.texts import mobiles
from bench.world import FREE
from bot.app import House, build
from bot.clock import SystemClock, SystemRandom
from bot.seeds import seed
from bot.settings import Settings
from dialogs.settings import TenantSettings
from identity.passwords import Cost, Passwords
from identity.sessions import address_block, token_digest
from storage.directory import NewAddress, NewContact, put_client, put_contacts

#: More people than any test sends texts from.
PEOPLE = 1500
#: A log-in that outlives every jump of a clock.
_LASTS = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    mobile: str


@dataclass(frozen=True, slots=True)
class Filled:
    """`bearers`: two technicians' log-ins; `technicians`: their ids."""

    tenant_id: str
    account_sid: str
    auth_token: str = field(repr=False)
    master_key: bytes = field(repr=False)
    technicians: tuple[str, str]
    bearers: tuple[str, str] = field(repr=False)
    people: tuple[Person, ...] = field(repr=False)


async def fill(database_url: str) -> Filled:
    """Fill a migrated database. What is seeded has no lines in the log, so there is no checkpoint yet."""
    sid, token, key = "AC" + secrets.token_hex(16), secrets.token_hex(16), secrets.token_bytes(32)
    settings = Settings(database_url=database_url, public_url="http://127.0.0.1", master_key=key)
    house = await build(settings, clock=SystemClock(), random=SystemRandom(), passwords=Passwords(Cost(64, 1)))
    try:
        seeded = await seed(house, sid, token)
        await house.services.tenants.change_settings(seeded.tenant_id, _unhurried)
        people = await _people(house, seeded.tenant_id)
        who = (seeded.technicians[0].id, seeded.technicians[1].id)
        bearers = (await _bearer(house, seeded.tenant_id, who[0]), await _bearer(house, seeded.tenant_id, who[1]))
    finally:
        await house.stop()
    return Filled(seeded.tenant_id, sid, token, key, who, bearers, people)


def _unhurried(settings: TenantSettings) -> TenantSettings:
    """No bound on texts is reached, and nobody on duty is alerted: both would hide what a fault has done."""
    rules = replace(settings.rules, alert_after=settings.rules.lifetime)
    return replace(settings, limits=FREE, rules=rules)


async def _people(house: House, tenant_id: str) -> tuple[Person, ...]:
    now, new_id = house.clock.now(), _ids(house)
    client_id = new_id()
    await house.database.write(tenant_id, lambda conn: put_client(conn, tenant_id, client_id, "Many", now))
    people = tuple(Person(new_id(), mobile) for mobile in islice(mobiles(), PEOPLE))
    new = [
        NewContact(
            person.id, client_id, f"Person {n}", (NewAddress(new_id(), "mobile", person.mobile, is_default=True),)
        )
        for n, person in enumerate(people)
    ]
    await house.database.write(tenant_id, lambda conn: put_contacts(conn, house.keyring, tenant_id, new, now))
    return people


def _ids(house: House) -> Callable[[], str]:
    return lambda: house.random.new_id(house.clock.now())


async def _bearer(house: House, tenant_id: str, technician_id: str) -> str:
    now, token = house.clock.now() + _LASTS, house.random.token()
    await house.services.accounts.create_log_in(
        tenant_id=tenant_id,
        log_in_id=house.random.new_id(house.clock.now()),
        technician_id=technician_id,
        digest=token_digest(token),
        kind="bearer",
        now=now,
        expires_at=now + _LASTS,
        address_block=address_block("127.0.0.1"),
        browser="",
    )
    return token
