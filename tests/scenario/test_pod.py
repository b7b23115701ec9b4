"""The pod's page: hints choose and never authorise, codes take a second press, and each tenant's frame is its own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from dialogs.messages import Unavailable
from dialogs.settings import TenantSettings
from dialogs.user_verify.policy import Policy
from psa.base import NewTicketFields
from storage.keys import Keyring
from storage.tenants import CarrierAccount, StoredTenant, Tenants
from tests.fixtures.pages import words
from tests.fixtures.pod import Frame, is_in, sign_in
from tests.fixtures.web_house import Answer, House, OpenWeb, Who
from tests.fixtures.world import MASTER_KEY
from web.app import build_web
from web.headers import POLICY
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Surface

UNKNOWN = "01900000-0000-7000-8000-00000000dead"
CODE = re.compile(r'<p class="code"[^>]*>([\d ]+)</p>')


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def pod_of(house: House, who: Who = "technician") -> Frame:
    """A frame in which `who` is signed in."""
    person = house.people[who]
    frame = Frame.of_house(house, other=who == "other_admin")
    return await sign_in(frame, house.services, person.tenant_id, person.id, house.clock)


async def new_ticket(house: House, contact_id: str, title: str = "Printer offline") -> str:
    psa = house.services.psa(house.world.tenant_id)
    return (await psa.create_ticket(NewTicketFields(title, "", contact_id=contact_id), key=title + contact_id)).id


async def change(house: House, **values: Any) -> None:
    """Change settings of the first tenant."""

    def work(settings: TenantSettings) -> TenantSettings:
        return replace(settings, **values)

    await house.services.tenants.change_settings(house.world.tenant_id, work)


def policy(answer: Answer) -> Mapping[str, str]:
    """The content security policy, by directive."""
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return {name: value for name, _space, value in (part.partition(" ") for part in parts)}


# --- who may frame it -------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-31", "PS-72")
async def test_only_this_tenants_ticket_systems_may_frame_its_pod(house: House) -> None:
    ours, theirs = "https://na.psa.example", "https://eu.psa.example:8443"
    await change(house, pod_origins=(ours,))
    await house.services.tenants.change_settings(
        house.other.tenant_id, lambda settings: replace(settings, pod_origins=(theirs,))
    )
    mine, others = await pod_of(house), await pod_of(house, "other_admin")
    for frame, origin in ((mine, ours), (others, theirs)):
        for pod in (frame, frame.twin()):
            for answer in (
                await pod.open(),
                await pod.open(contact=UNKNOWN),
                await pod.open("/pod/events/nothing"),
                await pod.post("/pod/session", verifier="x" * 43),
                await pod.post("/pod/announce", contact_id=UNKNOWN),
                await pod.post("/pod/announce", nonsense="1"),
            ):
                if answer.status == 404 and "/pod/events/nothing" in answer.text:
                    continue
                framed = policy(answer)["frame-ancestors"]
                assert framed in (origin, "'none'"), answer.text
                assert ("X-Frame-Options" in answer.headers) == (framed == "'none'")
        # Without its name the frame goes by the log-in it holds, also by one that is over.
        nameless = await frame.ask("GET", "/pod")
        assert policy(nameless)["frame-ancestors"] == origin
        house.clock.advance(timedelta(minutes=61))
        over = await frame.ask("GET", "/pod")
        assert (over.status, policy(over)["frame-ancestors"]) == (401, origin)
    nobody = await house.ask("GET", "/pod")
    assert policy(nobody)["frame-ancestors"] == "'none'"


@pytest.mark.feature("SEC-31", "SEC-32")
async def test_everything_but_the_frame_stays_out_of_frames(house: House) -> None:
    await change(house, pod_origins=("https://na.psa.example",))
    frame = await pod_of(house)
    for route in page_routes():
        if route.method != "GET" or route.demo_only or "{" in route.path or route.path.endswith("/events"):
            continue
        answer = await frame.ask("GET", f"{route.path}?tenant={frame.tenant}")
        framed = policy(answer)["frame-ancestors"]
        assert framed == ("https://na.psa.example" if route.surface is Surface.POD else "'none'"), route.path
        assert "*" not in framed
        opener = answer.headers["Cross-Origin-Opener-Policy"]
        assert (opener == "unsafe-none") == (route.surface in (Surface.POD, Surface.POPUP)), route.path
        assert {**policy(answer), "frame-ancestors": "'none'"} == POLICY, route.path


class Away(Tenants):
    """Tenants that cannot be read once the database is away."""

    away = False

    async def by_slug(self, slug: str) -> StoredTenant | None:
        if self.away:
            raise Unavailable("the database is restarting")
        return await super().by_slug(slug)


@pytest.mark.feature("SEC-31")
async def test_while_the_database_is_away_the_frame_says_so(house: House) -> None:
    """A page that nobody may frame would be a blank one."""
    await change(house, pod_origins=("https://na.psa.example",))
    tenants = Away(house.database, Keyring([MASTER_KEY]))
    services = replace(house.services, tenants=tenants)
    server = TestServer(build_web(services, pages=page_routes(), show_problem=show_problem))
    await server.start_server()
    try:
        frame = Frame(house.http, str(server.make_url("")).rstrip("/"), Frame.of_house(house).tenant)
        tenants.away = True
        unseen = await frame.open()
        assert (unseen.status, policy(unseen)["frame-ancestors"]) == (503, "'none'")
        tenants.away = False
        assert (await frame.open()).status == 401
        tenants.away = True
        answer = await frame.open()
        assert (answer.status, policy(answer)["frame-ancestors"]) == (503, "https://na.psa.example")
        assert "cannot be done right now" in words(answer.text)
    finally:
        await server.close()


# --- hints ------------------------------------------------------------------------------------------------------------


@pytest.mark.feature("EV-35", "PS-71", "CO-14", "PS-76")
async def test_hints_choose_the_person(house: House) -> None:
    frame, ada = await pod_of(house), house.world.people[0]
    ticket = await new_ticket(house, ada.id)
    for hints in (
        {"contact": ada.id},
        {"ticket": ticket},
        {"contact": ada.id, "ticket": ticket},
        {"email": ada.email.upper()},
        {"phone": ada.mobile},
        {"email": "nobody@nowhere.example", "phone": ada.mobile},
        {"q": "ada"},
    ):
        answer = await frame.open(**hints)
        assert is_in(answer), hints
        head = words(answer.text).partition("You check them")[0]
        assert ada.name in head, hints
        assert ("Printer offline" in head) == ("ticket" in hints), hints
    several = await frame.open(q="acme")
    assert "Several people fit" in several.text
    nobody = await frame.open(email="nobody@nowhere.example")
    assert (nobody.status, "Nobody here fits" in nobody.text) == (200, True)
    assert (await frame.open()).status == 200


@pytest.mark.feature("SEC-36", "SEC-37", "EV-35")
async def test_an_id_of_another_tenant_is_like_one_that_never_was(house: House) -> None:
    frame, other = await pod_of(house), await pod_of(house, "other_admin")
    ada = house.world.people[0]
    ticket = await new_ticket(house, ada.id)
    shown = []
    for hints in (
        {"contact": ada.id},
        {"contact": UNKNOWN},
        {"contact": "' OR 1=1 --"},
        {"contact": "x" * 2000},
        {"ticket": ticket},
        {"ticket": UNKNOWN},
        {"ticket": "../../settings"},
        {"ticket": "ünïcode"},
        {"contact": house.other.people[0].id, "ticket": ticket},
    ):
        answer = await other.open(**hints)
        assert answer.status == 404, hints
        assert ada.name not in answer.text
        shown.append(words(answer.text))
    assert len(set(shown)) == 1
    assert "Look the person up" in shown[0]
    assert (await frame.open(ticket=ticket)).status == 200
    assert (await frame.open(contact="a\0b")).status == 422


@pytest.mark.feature("EV-35", "SEC-36")
async def test_ids_in_the_address_let_nobody_in(house: House) -> None:
    ada = house.world.people[0]
    frame = Frame.of_house(house)
    for answer in (
        await frame.open(contact=ada.id),
        await frame.open(f"/pod/contacts/{ada.id}/verify"),
        await frame.post(f"/pod/contacts/{ada.id}/verify", way=f"sms_code.{UNKNOWN}"),
        await frame.post("/pod/announce", contact_id=ada.id),
        await frame.post(f"/pod/codes/{UNKNOWN}/claim", sure="yes"),
        await frame.ask("GET", f"/pod/events?tenant={frame.tenant}&about={ada.id}"),
    ):
        assert answer.status == 401
        assert ada.name not in answer.text
        assert ada.mobile[-4:] not in answer.text


@pytest.mark.feature("EV-35")
async def test_hostile_hints_are_shown_as_text(house: House) -> None:
    frame = await pod_of(house)
    answer = await frame.open(q='"><script>alert(1)</script>', email="<img src=x>", phone="' onfocus=")
    assert answer.status == 200
    assert "<script>alert" not in answer.text
    assert "<img" not in answer.text


# --- codes ------------------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-31", "TV-14", "TV-32", "SEC-02")
async def test_a_code_shows_after_a_second_press_in_the_frame(house: House) -> None:
    frame, ada = await pod_of(house), house.world.people[0]
    ticket = await new_ticket(house, ada.id)
    where = f"contact={ada.id}&ticket={ticket}"
    await house.text(ada.mobile, "#verify")
    (check,) = (await house.services.checks.page(house.world.tenant_id, live=True)).items
    listed = await frame.open(contact=ada.id, ticket=ticket)
    assert "show code" in listed.text
    assert not CODE.search(listed.text)
    assert f'value="{ticket}" selected' in listed.text

    asked = await frame.post(f"/pod/codes/{check.id}/claim?{where}", ticket=ticket)
    assert "Did YOU call Ada Bishop" in words(asked.text)
    assert not CODE.search(asked.text)
    found = await house.services.checks.get(house.world.tenant_id, check.id)
    assert found is not None
    assert found.word == "open", "the first press claims nothing"

    sure = await frame.post(f"/pod/codes/{check.id}/claim?{where}", ticket=ticket, sure="yes")
    code = CODE.search(sure.text)
    assert code is not None
    assert "Read this only if YOU called them" in sure.text
    # A look does not show it again, and neither does anybody's address: a press does.
    for hints in ({}, {"show": check.id}, {"sure": "yes"}):
        again = await frame.open(contact=ada.id, ticket=ticket, **hints)
        assert not CODE.search(again.text)
        assert "Show the code" in again.text
    assert (await frame.ask("GET", f"/pod/codes/{check.id}/code?tenant={frame.tenant}")).status == 405
    shown = await frame.post(f"/pod/codes/{check.id}/code?{where}")
    assert CODE.findall(shown.text) == [code[1]]
    await house.text(ada.mobile, "#confirm")
    over = await frame.post(f"/pod/codes/{check.id}/code?{where}")
    assert not CODE.search(over.text)
    assert "Confirmed" in over.text


@pytest.mark.feature("SEC-02", "TV-32")
async def test_a_code_is_for_its_claimer_alone_in_the_pod_too(house: House) -> None:
    mine, theirs = await pod_of(house), await pod_of(house, "other_technician")
    ada = house.world.people[0]
    await house.text(ada.mobile, "#verify")
    (check,) = (await house.services.checks.page(house.world.tenant_id, live=True)).items
    await mine.post(f"/pod/codes/{check.id}/claim?contact={ada.id}", sure="yes")
    for answer in (
        await theirs.open(contact=ada.id),
        await theirs.post(f"/pod/codes/{check.id}/code?contact={ada.id}"),
    ):
        assert "has this one" in answer.text
        assert not CODE.search(answer.text)
    refused = await theirs.post(f"/pod/codes/{check.id}/claim?contact={ada.id}", sure="yes")
    assert not CODE.search(refused.text)


@pytest.mark.feature("SEC-02")
async def test_they_called_us_never_shows_a_code_in_the_pod(house: House) -> None:
    frame, ada = await pod_of(house), house.world.people[0]
    await house.text(ada.mobile, "#verify")
    (check,) = (await house.services.checks.page(house.world.tenant_id, live=True)).items
    answer = await frame.post(f"/pod/codes/{check.id}/claim?contact={ada.id}", direction="user_called_us", sure="yes")
    assert not CODE.search(answer.text)
    assert "do not read a code to them" in words(answer.text)


@pytest.mark.feature("SEC-36")
async def test_checks_and_calls_of_another_tenant_are_not_found(house: House) -> None:
    other, ada = await pod_of(house, "other_admin"), house.world.people[0]
    await house.text(ada.mobile, "#verify")
    (check,) = (await house.services.checks.page(house.world.tenant_id, live=True)).items
    own = house.other.people[0].id
    for path, fields in (
        (f"/pod/codes/{check.id}/claim", {"sure": "yes"}),
        (f"/pod/codes/{UNKNOWN}/claim", {"sure": "yes"}),
        ("/pod/announce", {"contact_id": ada.id}),
        ("/pod/announce", {"contact_id": UNKNOWN}),
        (f"/pod/announced/{UNKNOWN}/withdraw", {}),
        (f"/pod/contacts/{ada.id}/verify", {"way": f"sms_code.{UNKNOWN}"}),
        (f"/pod/verifications/{UNKNOWN}/check", {"code": "123456"}),
    ):
        answer = await other.post(f"{path}?contact={own}", **fields)
        assert answer.status == 404, path
    shown = await other.post(f"/pod/codes/{check.id}/code?contact={own}")
    assert not CODE.search(shown.text)


@pytest.mark.feature("TV-34", "TV-32")
async def test_a_call_is_announced_and_taken_back_in_the_pod(house: House) -> None:
    frame, ada = await pod_of(house), house.world.people[0]
    announced = await frame.post(f"/pod/announce?contact={ada.id}", contact_id=ada.id)
    shown = await frame.follow(announced)
    assert "You said you are calling" in shown.text
    assert "Announced." in shown.text
    await house.text(ada.mobile, "#verify")
    (check,) = (await house.services.checks.page(house.world.tenant_id, live=True)).items
    mine = await frame.open(contact=ada.id)
    assert "Show the code" in mine.text
    assert CODE.search((await frame.post(f"/pod/codes/{check.id}/code?contact={ada.id}")).text)

    ben = house.world.people[1]
    await frame.post(f"/pod/announce?contact={ben.id}", contact_id=ben.id)
    (call,) = [
        c
        for c in await house.services.announced.live(house.world.tenant_id, house.clock.now())
        if c.contact_id == ben.id
    ]
    back = await frame.follow(await frame.post(f"/pod/announced/{call.id}/withdraw?contact={ben.id}"))
    assert "Taken back" in back.text
    assert "You said you are calling" not in back.text


# --- the policy -------------------------------------------------------------------------------------------------------


@pytest.mark.feature("VP-02", "VP-05", "VP-01")
async def test_each_client_has_its_own_banner(house: House) -> None:
    ada, dev = house.world.people[0], house.world.people[3]
    banner = "Verify everybody who asks for a <password>"
    await change(house, client_policies={ada.client_id: Policy(banner=banner)})
    frame = await pod_of(house)
    for ticket in (await new_ticket(house, ada.id), ""):
        shown = await frame.open(**({"ticket": ticket} if ticket else {"contact": ada.id}))
        assert banner in words(shown.text)
        assert "<password>" not in shown.text
    assert banner not in words((await frame.open(contact=dev.id)).text)
    assert "data-banner" not in (await frame.open(contact=dev.id)).text


@pytest.mark.feature("VP-03", "VP-04")
async def test_the_panel_opens_the_first_time_a_ticket_is_opened(house: House) -> None:
    ada, dev = house.world.people[0], house.world.people[3]
    await change(house, client_policies={ada.client_id: Policy(show_on_load=True)})
    account = CarrierAccount(house.world.tenant_id, "AC" + "5e" * 16, "0123456789abcdef" * 2)
    await house.services.tenants.put_carrier_account(account, house.clock.now())
    frame, colleague = await pod_of(house), await pod_of(house, "other_technician")
    first, second = await new_ticket(house, ada.id, "One"), await new_ticket(house, ada.id, "Two")
    theirs = await new_ticket(house, dev.id)
    opened = {
        name: is_open(await pod.open(**hints))
        for name, pod, hints in (
            ("first look", frame, {"ticket": first}),
            ("second look", frame, {"ticket": first}),
            ("a colleague's look", colleague, {"ticket": first}),
            ("another ticket", colleague, {"ticket": second}),
            ("a contact without a ticket", frame, {"contact": ada.id}),
            ("a client without that policy", frame, {"ticket": theirs}),
        )
    }
    assert opened == {
        "first look": True,
        "second look": False,
        "a colleague's look": False,
        "another ticket": True,
        "a contact without a ticket": False,
        "a client without that policy": False,
    }


def is_open(answer: Answer) -> bool:
    """Whether the panel stands there unfolded; folded, it has one button to begin."""
    assert answer.status == 200
    return "Another way, or more to say" not in answer.text
