"""The page that tells users beforehand from where codes come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from storage.mail_servers import MailServer
from tests.fixtures.forms import words
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def path_of(house: House) -> str:
    tenant = await house.services.tenants.get(house.world.tenant_id)
    assert tenant is not None
    return f"/for-users/{tenant.slug}"


@pytest.mark.feature("EV-42", "EV-45")
async def test_anybody_may_read_from_where_codes_come(house: House) -> None:
    tenant_id, now, path = house.world.tenant_id, house.clock.now(), await path_of(house)
    server = MailServer("smtp.acme.example", 587, "starttls", "", "", "desk@acme.example", "Acme")
    await house.services.mail_servers.put(tenant_id, server, now)
    await house.services.tenants.change_settings(tenant_id, lambda s: replace(s, phone="+12125550190"))
    id = house.services.random.new_id(now)
    await house.services.tenants.add_number(tenant_id, id, "+12125550191", "voice", now)
    page = await house.ask("GET", path)
    assert page.status == 200
    said = words(page)
    assert "Texts +1 212-555-0100 Mails desk@acme.example" in said, "the number that texts go out from"
    assert "Calls that say a code +1 212-555-0191" in said
    assert "If unsure, call +1 212-555-0190" in said
    assert 'href="sms:+12125550100?body=%23verify"' in page.text
    assert "We never ask for your password, and never for the answer to a secret question." in said
    for secret in (*(p.mobile for p in house.world.people), "ada@acme.example", "Acme Dental"):
        assert secret not in page.text, "nothing but what is published"
    assert page.headers["Content-Security-Policy"].find("frame-ancestors 'none'") > 0


@pytest.mark.feature("EV-42")
async def test_each_publishes_its_own_and_a_name_nobody_has_leads_nowhere(house: House) -> None:
    number = house.world.number
    tenant = await house.services.tenants.get(house.other.tenant_id)
    assert tenant is not None
    other = words(await house.ask("GET", f"/for-users/{tenant.slug}"))
    assert "+1 212-555-0101" in other
    assert "+1 212-555-0100" not in other, f"{number.address} is another tenant's"
    for slug in ("nobody", "NOBODY", "..%2f", "a" * 70):
        lost = await house.ask("GET", f"/for-users/{slug}")
        assert lost.status == 404
        assert "There is no such page here." in words(lost)


@pytest.mark.feature("EV-42")
async def test_an_admin_finds_its_address_beside_the_numbers(house: House) -> None:
    page = await house.ask("GET", "/settings/numbers", cookie=await house.log_in("admin", "cookie"))
    assert f"{house.services.public_url}{await path_of(house)}" in page.text
