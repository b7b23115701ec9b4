"""What the demo is filled with: one MSP, two clients, people with phones, and a few open tickets. All made up."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Literal

from bot.app import House
from dialogs.settings import TenantSettings
from identity.enrolment import enrol
from psa.base import NewTicketFields
from storage.directory import NewAddress, NewContact
from storage.people import NewTechnician
from storage.tenants import CarrierAccount

VERIFICATION_NUMBER = "+12125550100"
CHANNEL_NUMBER = "+16465550101"
VOICE_NUMBER = "+13325550102"
UNKNOWN_MOBILE = "+13035550199"
PUBLISHED_PHONE = "+12125550180"
#: Its short name, which stands in the address of its pod.
DEMO_SLUG = "harbor"
TENANT_NAME = "Harbor IT"

_STAFF: tuple[tuple[str, str, Literal["technician", "supervisor", "admin"], str], ...] = (
    ("dana@harbor.example", "Dana Reyes", "technician", "+12015550151"),
    ("theo@harbor.example", "Theo Lund", "technician", "+19175550152"),
    ("sam@harbor.example", "Sam Okafor", "supervisor", "+15165550153"),
    ("alex@harbor.example", "Alex Meyer", "admin", ""),
)

#: Client, name, mobile, e-mail, title of an open ticket or empty. Area codes differ, since limits count by prefix.
_PEOPLE: tuple[tuple[str, str, str, str, str], ...] = (
    ("Acme Dental", "Ada Bishop", "+13105550111", "ada@acme.example", "Outlook keeps asking for the password"),
    ("Acme Dental", "Ben Cole", "+14155550112", "ben@acme.example", "New laptop for the front desk"),
    ("Acme Dental", "Cleo Diaz", "+16175550113", "cleo@acme.example", ""),
    ("Acme Dental", "Dev Eder", "+17735550114", "dev@acme.example", "X-ray viewer does not start"),
    ("Bolt Freight", "Eve Fox", "+12065550115", "eve@bolt.example", "VPN drops every few minutes"),
    ("Bolt Freight", "Finn Gray", "+15125550116", "finn@bolt.example", "Reset multi-factor sign-in"),
    ("Bolt Freight", "Gita Hale", "+13055550117", "gita@bolt.example", ""),
    ("Bolt Freight", "Hugo Iver", "+14045550118", "hugo@bolt.example", ""),
)
#: Who has a phone on the desk as well, which takes calls and no texts.
LANDLINES = {"Gita Hale": "+13055550127"}
#: Two who share one mobile, so that the demo can show how the claimer picks.
_SHARED = (("Bolt Freight", "Ina Jones"), ("Bolt Freight", "Jon Kerr"))
SHARED_MOBILE = "+17205550119"


@dataclass(frozen=True, slots=True)
class SeededTechnician:
    """A log-in of the demo, with everything it takes."""

    id: str
    login: str
    name: str
    role: str
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SeededContact:
    """A contact of the demo. `open_ticket` is None where there is none."""

    id: str
    name: str
    mobile: str
    email: str
    client: str
    open_ticket: str | None


@dataclass(frozen=True, slots=True)
class Seeded:
    """What a demo was filled with; kept beside its database so that it can be started again."""

    tenant_id: str
    account_sid: str
    auth_token: str = field(repr=False)
    technicians: tuple[SeededTechnician, ...]
    contacts: tuple[SeededContact, ...]


async def seed(house: House, account_sid: str, auth_token: str) -> Seeded:
    """Fill an empty database."""
    now = house.clock.now()
    tenant_id = house.random.new_id(now)
    tenants = house.services.tenants
    settings = TenantSettings(phone=PUBLISHED_PHONE, timezone="America/New_York")
    await tenants.create(tenant_id, DEMO_SLUG, TENANT_NAME, settings, now)
    numbers: tuple[tuple[str, Literal["verification", "channel", "voice"]], ...] = (
        (VERIFICATION_NUMBER, "verification"),
        (CHANNEL_NUMBER, "channel"),
        (VOICE_NUMBER, "voice"),
    )
    for address, purpose in numbers:
        await tenants.add_number(tenant_id, house.random.new_id(now), address, purpose, now)
    await tenants.put_carrier_account(CarrierAccount(tenant_id, account_sid, auth_token), now)
    technicians = tuple([await _employ(house, tenant_id, *person) for person in _STAFF])
    return Seeded(tenant_id, account_sid, auth_token, technicians, await _people(house, tenant_id))


async def _employ(
    house: House, tenant_id: str, login: str, name: str, role: Literal["technician", "supervisor", "admin"], mobile: str
) -> SeededTechnician:
    now = house.clock.now()
    technician_id, password = house.random.new_id(now), "-".join(secrets.token_hex(3) for _ in range(4))
    enrolled = await enrol(
        house.passwords,
        house.random,
        technician_id=technician_id,
        login=login,
        name=name,
        password=password,
        issuer=TENANT_NAME,
    )
    await house.services.people.add(
        tenant_id,
        NewTechnician(
            id=technician_id,
            login=login,
            name=name,
            role="admin" if role == "admin" else "technician",
            password_hash=enrolled.password_hash,
            totp_secret=enrolled.totp_secret,
            recovery_digests=enrolled.recovery_digests,
            supervisor=role == "supervisor",
            mobile=mobile,
        ),
        now,
    )
    return SeededTechnician(technician_id, login, name, role, password, enrolled.totp_secret)


async def _people(house: House, tenant_id: str) -> tuple[SeededContact, ...]:
    now, directory, psa = house.clock.now(), house.services.directory, house.services.psa(tenant_id)
    clients: dict[str, str] = {}
    for name in dict.fromkeys(person[0] for person in _PEOPLE):
        clients[name] = house.random.new_id(now)
        await directory.add_client(tenant_id, clients[name], name, now)
    seeded = []
    for client, name, mobile, email, title in _PEOPLE:
        contact_id = house.random.new_id(now)
        addresses = (
            NewAddress(house.random.new_id(now), "mobile", mobile, is_default=True),
            NewAddress(house.random.new_id(now), "email", email, is_default=True),
            *(
                NewAddress(house.random.new_id(now), "phone", number, is_default=True)
                for owner, number in LANDLINES.items()
                if owner == name
            ),
        )
        await directory.add_contact(tenant_id, NewContact(contact_id, clients[client], name, addresses), now)
        ticket = None
        if title:
            fields = NewTicketFields(title, f"{name} wrote in.", contact_id=contact_id)
            ticket = (await psa.create_ticket(fields, key="seed:" + contact_id)).id
        seeded.append(SeededContact(contact_id, name, mobile, email, client, ticket))
    for client, name in _SHARED:
        shared = NewAddress(house.random.new_id(now), "mobile", SHARED_MOBILE, is_default=True)
        await directory.add_contact(
            tenant_id, NewContact(house.random.new_id(now), clients[client], name, (shared,)), now
        )
    return tuple(seeded)
