"""A help desk on its first day: every page answers, and says what to do first instead of showing nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from dialogs.settings import TenantSettings
from identity.sessions import ABSOLUTE, address_block, token_digest
from storage.people import NewTechnician
from tests.fixtures.forms import words
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Access, Surface

#: Pages that list something, and what they say while there is nothing.
LISTS = {
    "/codes": "Nobody is waiting",
    "/contacts": "",
    "/clients": "",
    "/tickets": "",
    "/blocks": "",
    "/history": "",
    "/reports": "",
}
#: Pages about something that their query names.
ABOUT_SOMETHING = ("/blocks/new",)


@dataclass(frozen=True, slots=True)
class Beginner:
    """The one admin of a tenant with nothing in it."""

    house: House
    token: str


@pytest.fixture
async def beginner(open_web: OpenWeb) -> AsyncIterator[Beginner]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as house:
        services, now = house.services, house.clock.now()
        tenant_id, person_id = services.random.new_id(now), services.random.new_id(now)
        await services.tenants.create(tenant_id, "new", "New Desk", TenantSettings(), now)
        new = NewTechnician(
            id=person_id,
            login="first@new.example",
            name="First Admin",
            role="admin",
            password_hash="x",
            totp_secret="A" * 32,
            recovery_digests=(),
        )
        await services.people.add(tenant_id, new, now)
        token = services.random.token()
        await services.accounts.create_log_in(
            tenant_id=tenant_id,
            log_in_id=services.random.new_id(now),
            technician_id=person_id,
            digest=token_digest(token),
            kind="bearer",
            now=now,
            expires_at=now + ABSOLUTE,
            address_block=address_block("127.0.0.1"),
            browser="",
        )
        yield Beginner(house, token)


async def test_every_page_answers_on_the_first_day(beginner: Beginner) -> None:
    paths = [
        r.path
        for r in page_routes()
        if r.method == "GET"
        and r.surface is Surface.PAGE
        and r.access is not Access.PUBLIC
        and "{" not in r.path
        and not r.demo_only
    ]
    assert len(paths) > 20
    for path in paths:
        answer = await beginner.house.ask("GET", path, bearer=beginner.token)
        expected = (404,) if path in ABOUT_SOMETHING else (200, 303)
        assert answer.status in expected, (path, answer.status)


@pytest.mark.parametrize(("path", "says"), LISTS.items())
async def test_an_empty_list_says_what_to_do_first(beginner: Beginner, path: str, says: str) -> None:
    page = (await beginner.house.ask("GET", path, bearer=beginner.token)).text
    # What is hidden is for another kind of empty: a search that found nothing.
    empty = re.search(r'class="empty"(?![^>]* hidden)[^>]*>(.*?)</(?:p|div|section)>', page, re.DOTALL)
    assert empty is not None
    told = words(empty[1])
    assert says in told
    assert len(told.split()) >= 5, f"too short to say what to do: {told}"


@pytest.mark.feature("TV-29")
async def test_the_first_page_shows_the_first_step_and_the_next_one_when_it_is_done(beginner: Beginner) -> None:
    house, token = beginner.house, beginner.token
    page = words((await house.ask("GET", "/codes", bearer=token)).text)
    assert "Next: The phone number people know 0 of 6 steps to the first check" in page
    patched = await house.ask("PATCH", "/api/v1/settings", bearer=token, body={"phone": "+12125550199"})
    assert patched.status == 200
    assert "Next: An account at Twilio 1 of 6" in words((await house.ask("GET", "/codes", bearer=token)).text)
    whole = words((await house.ask("GET", "/settings", bearer=token)).text)
    for said in ("A number that people text", "A second admin", "Somebody to alert", "The key and the backups"):
        assert said in whole, said


@pytest.mark.feature("SEC-37")
async def test_what_others_have_done_does_not_count(beginner: Beginner) -> None:
    """The other tenants of this house have numbers, contacts and texts."""
    house = beginner.house
    await house.text(house.world.people[0].mobile, "#verify")
    page = words((await house.ask("GET", "/codes", bearer=beginner.token)).text)
    assert "0 of 6 steps" in page
    theirs = words((await house.ask("GET", "/settings", bearer=await house.log_in("admin"))).text)
    assert "Texts that arrive here done" in theirs


async def test_technicians_hear_that_it_is_being_set_up_and_nothing_else(open_web: OpenWeb) -> None:
    async with open_web(pages=page_routes(), show_problem=show_problem) as house:
        page = words((await house.ask("GET", "/codes", bearer=await house.log_in("technician"))).text)
        assert "Watchword is still being set up." in page, "there is no account at the carrier"
        assert "Next:" not in page
