"""A console in which somebody can be asked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from storage.mail_servers import MailServer
from storage.tenants import CarrierAccount
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    """With a carrier and a mail server on record, so that texts, calls and mails can be sent; nothing delivers them."""
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        tenant_id, services, now = opened.world.tenant_id, opened.services, opened.clock.now()
        await services.tenants.put_carrier_account(CarrierAccount(tenant_id, "AC" + "0" * 32, "0" * 32), now)
        server = MailServer("smtp.acme.example", 587, "starttls", "", "", "desk@acme.example", "Acme")
        await services.mail_servers.put(tenant_id, server, now)
        yield opened
