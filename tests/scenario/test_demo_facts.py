"""The facts file: what a program that tries the demo is promised, and that it goes on working as the clock moves."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import phonenumbers
from pydantic import BaseModel, ConfigDict

from bot.demo import facts_of
from identity.totp import code_at
from tests.fixtures.demo_house import TV, DemoHouse, demo_house
from tests.fixtures.postgres import Cluster

#: 31 days and six hours: longer than anything but the audit log is kept alive by use.
FAR = 2_700_000


class Part(BaseModel):
    """Every field as promised, and no other."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Technician(Part):
    login: str
    password: str
    role: str
    totp_secret: str


class Twilio(Part):
    account_sid: str
    auth_token: str
    verification_number: str
    channel_number: str
    voice_number: str


class Contact(Part):
    id: str
    name: str
    mobile: str
    email: str
    client: str
    open_ticket: str | None


class Webchat(Part):
    profile: str


class Teams(Part):
    app_id: str | None


class FactsFile(Part):
    """One JSON object (DESIGN, fixed interfaces)."""

    base_url: str
    api_token: str
    technicians: list[Technician]
    twilio: Twilio
    contacts: list[Contact]
    unknown_mobile: str
    webchat: Webchat
    teams: Teams


async def read_facts(demo: DemoHouse) -> FactsFile:
    """The facts as a program reads them from the file."""
    return FactsFile.model_validate_json(json.dumps(await facts_of(demo.house, demo.world)))


def in_file(number: str) -> phonenumbers.PhoneNumber:
    """A number from the file, which must be valid and in E.164."""
    parsed = phonenumbers.parse(number, None)
    assert phonenumbers.is_valid_number(parsed), number
    assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number
    return parsed


async def test_the_file_has_what_is_promised(demo: DemoHouse) -> None:
    facts = await read_facts(demo)
    assert facts.base_url == demo.house.settings.public_url
    assert {person.role for person in facts.technicians} == {"technician", "supervisor", "admin"}
    assert re.fullmatch(r"AC[0-9a-f]{32}", facts.twilio.account_sid)
    assert len(facts.contacts) >= 6
    assert len({contact.client for contact in facts.contacts}) == 2
    assert sum(contact.open_ticket is not None for contact in facts.contacts) >= 4
    assert len({contact.id for contact in facts.contacts}) == len(facts.contacts)


async def test_its_numbers_are_valid_all_different_and_spread_over_prefixes(demo: DemoHouse) -> None:
    facts = await read_facts(demo)
    mobiles = [contact.mobile for contact in facts.contacts]
    ours = [facts.twilio.verification_number, facts.twilio.channel_number, facts.twilio.voice_number]
    everything = [*mobiles, *ours, facts.unknown_mobile]
    assert len(set(everything)) == len(everything)
    for number in everything:
        in_file(number)
        assert re.fullmatch(r"\+1[2-9]\d\d55501\d\d", number), number
    # Limits count by prefix: two contacts with one would run into each other's.
    assert len({mobile[:5] for mobile in mobiles}) == len(mobiles)


async def test_its_contacts_tickets_and_log_ins_are_real(demo: DemoHouse) -> None:
    facts = await read_facts(demo)
    for contact in facts.contacts:
        found = await demo.ask("GET", f"/api/v1/contacts/{contact.id}", bearer=facts.api_token)
        assert found.status == 200, contact
        assert found.json["name"] == contact.name
        if contact.open_ticket is not None:
            ticket = await demo.ask("GET", f"/api/v1/tickets/{contact.open_ticket}", bearer=facts.api_token)
            assert ticket.status == 200, contact
            assert ticket.json["contact_id"] == contact.id
    unknown = facts.unknown_mobile.replace("+", "%2B")
    nobody = await demo.ask("GET", f"/api/v1/contacts?phone={unknown}", bearer=facts.api_token)
    assert nobody.json["items"] == []


async def test_a_month_later_the_token_claims_and_everybody_signs_in(demo: DemoHouse) -> None:
    facts = await read_facts(demo)
    await demo.advance(FAR)
    assert (await demo.ask("GET", TV, bearer=facts.api_token)).status == 200
    await demo.text(facts.contacts[0].mobile, "#verify")
    (check,) = (await demo.ask("GET", TV, bearer=facts.api_token)).json["items"]
    body = {"direction": "we_called_user", "ticket": facts.contacts[0].open_ticket}
    claimed = await demo.ask("POST", f"{TV}/{check['id']}/claim", body, bearer=facts.api_token)
    assert (claimed.status, claimed.json["state"]) == (200, "claimed"), claimed.text
    assert re.fullmatch(r"\d{6,10}", claimed.json["code"])
    for person in facts.technicians:
        signed_in = await sign_in(demo, person)
        assert signed_in.status == 201, (person.login, signed_in.text)
        assert (await demo.ask("GET", TV, bearer=signed_in.json["token"])).status == 200
    await demo.advance(FAR)
    assert (await demo.ask("GET", TV, bearer=facts.api_token)).status == 200
    assert (await demo.ask("GET", TV, bearer=signed_in.json["token"])).status == 401, "others end as they should"


async def sign_in(demo: DemoHouse, person: Technician) -> Any:
    """As a program does that knows the file and the real time."""
    body = {
        "login": person.login,
        "password": person.password,
        "totp": code_at(person.totp_secret, datetime.now(UTC)),
    }
    return await demo.ask("POST", "/api/v1/sessions", body)


async def test_a_demo_that_is_started_again_writes_facts_that_work(
    demo_template: Path, tmp_path: Path, cluster: Cluster | None
) -> None:
    async with demo_house(demo_template, tmp_path / "again", cluster=cluster) as demo:
        before = await read_facts(demo)
        await demo.start_again()
        after = await read_facts(demo)
        assert after.contacts == before.contacts
        assert after.technicians == before.technicians
        assert (await demo.ask("GET", TV, bearer=after.api_token)).status == 200
