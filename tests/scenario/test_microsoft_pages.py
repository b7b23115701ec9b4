"""Contacts from Microsoft 365 on the pages of settings: what is entered, what is said about it, and what comes back
from Microsoft, of which nothing is believed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp import ClientSession, DummyCookieJar
from sqlalchemy import select

from bot.contact_acts import ContactActs
from bot.settings import Settings
from bot.sources.opening import microsoft_people, open_sources
from dialogs.people_source import SourceOrganisation
from identity.sessions import address_block, browser_family, token_digest
from storage.database import Unscoped
from storage.keys import Keyring
from storage.tables import audit
from tests.fixtures.pages import Browser, hidden, words
from tests.fixtures.web_house import FIREFOX, House, OpenWeb
from tests.fixtures.world import MASTER_KEY
from web.csrf import COOKIE
from web.pages import page_routes
from web.pages.errors import show_problem

PATH = "/settings/microsoft-365"
APPLICATION = "6f1c1d2e-0000-4000-8000-00000000a001"
DIRECTORY = "11111111-2222-4333-8444-555555555555"
SECRET = "kX8~secret.value"
#: The house's clock stands in March 2026.
ENTRY = {"name": "Our clients", "application_id": APPLICATION, "secret": SECRET, "expires_on": "2026-09-01"}


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def admin(house: House) -> Browser:
    return Browser.holding(house, await house.log_in("admin", "cookie"))


async def added(browser: Browser, **other: str) -> str:
    """A source: the path of its page."""
    answer = await browser.post(PATH, **{**ENTRY, **other})
    assert answer.status == 303, words(answer.text)
    return answer.headers["Location"].partition("?")[0]


async def kinds(house: House) -> list[tuple[str, str]]:
    """Kind and reason of every line about sources, oldest first."""
    await house.place_lines()
    found = await house.services.log.after(house.world.tenant_id, kind="source.")
    return [(row.kind, str(row.public.get("reason", ""))) for row in found.items]


@pytest.mark.feature("CO-03", "CO-04", "CO-08", "CO-10", "CO-11", "SEC-20")
async def test_a_source_is_added_changed_and_removed_and_its_secret_is_never_seen(house: House) -> None:
    browser = await admin(house)
    path = await added(browser)
    shown = (await browser.get(path)).text
    assert f"{house.services.public_url}{path}/connected" in shown, "the redirect URI holds the source's id"
    assert all(name in shown for name in ("User.Read.All", "Organization.Read.All", "multi-tenant"))
    assert "no organisation yet" in words(shown)
    changed = {**ENTRY, "name": "Clients", "secret": "another~secret", "expires_on": "2027-01-01"}
    assert (await browser.post(path, **changed)).status == 303
    kept = await browser.post(path, **{**changed, "secret": "", "name": "All clients"})
    assert kept.status == 303, "an empty secret keeps the one there is"
    access = await house.services.contact_sources.access(house.world.tenant_id, path.rpartition("/")[2], DIRECTORY)
    assert access is not None
    assert (access.secret, access.application_id) == ("another~secret", APPLICATION)
    pages = [(await browser.get(page)).text for page in (PATH, path, "/settings", "/history/log")]
    assert not any(secret in page for page in pages for secret in (SECRET, "another~secret"))
    raw = await house.contents()
    assert SECRET.encode() not in raw
    assert b"another~secret" not in raw
    assert (await browser.post(path + "/remove")).headers["Location"] == f"{PATH}?said=source_removed"
    assert (await browser.get(path)).status == 404
    assert [kind for kind, _ in await kinds(house)] == ["source.added", *["source.changed"] * 2, "source.removed"]


@pytest.mark.feature("CO-11")
async def test_what_cannot_be_is_said_at_its_field(house: House) -> None:
    browser = await admin(house)
    for field, typed, said in (
        ("name", "  ", "Give it a name"),
        ("application_id", "my app", "Copy the application (client) ID"),
        ("secret", "", "Copy the value of the client secret"),
        ("secret", APPLICATION.upper(), "This is the ID of the secret."),
        ("secret", "two words", "This is no client secret"),
        ("expires_on", "soon", "Enter the day on which Microsoft says"),
        ("expires_on", "2026-01-01", "That day is over."),
        ("expires_on", "2206-09-01", "Look at the year again."),
    ):
        answer = await browser.post(PATH, **{**ENTRY, field: typed})
        assert answer.status == 422, (field, typed)
        at = re.search(rf'id="wrong-{field}">(.*?)</span>', answer.text, re.DOTALL)
        assert at is not None, words(answer.text)
        assert said in at[1]
        assert SECRET not in answer.text
    assert await house.services.contact_sources.all(house.world.tenant_id) == ()


async def test_two_of_the_same_name_would_be_mixed_up(house: House) -> None:
    browser = await admin(house)
    path = await added(browser)
    other = await added(browser, name="Others")
    for answer in (await browser.post(PATH, **ENTRY), await browser.post(other, **ENTRY)):
        assert answer.status == 422
        assert "Another one has this name." in words(answer.text)
        assert SECRET not in answer.text
    assert path != other


@pytest.mark.feature("CO-10")
async def test_who_looks_is_reminded_of_the_end_of_a_secret(house: House) -> None:
    # The house's clock stands at nine, and a secret is taken to end as its last day begins.
    until = timedelta(days=200)
    path = await added(await admin(house), expires_on=(house.clock.now() + until).date().isoformat())
    for left, said, tone in (
        (timedelta(days=31), "", ""),
        (timedelta(days=30), "The client secret ends in 29 days (", "care"),
        (timedelta(days=2), "The client secret ends in a day (", "care"),
        (timedelta(days=1), "The client secret ends within a day (", "care"),
        (timedelta(days=0), "The client secret has ended (", "bad"),
    ):
        house.clock.advance(until - left)
        until = left
        browser = await admin(house)
        shown, settings = await browser.get(path), await browser.get("/settings")
        assert ("Our clients : the client secret" in words(settings.text)) == bool(said), left
        assert ("The client secret" in words(shown.text)) == bool(said), left
        assert said in words(shown.text)
        assert not tone or f'class="note {tone}"' in shown.text


# --- an organisation --------------------------------------------------------------------------------------------------


@pytest.mark.feature("CO-12", "SEC-34", "SEC-36")
async def test_whose_people_they_are_is_said_before_anybody_is_read(house: House) -> None:
    browser, services, tenant_id = await admin(house), house.services, house.world.tenant_id
    path, other = await added(browser), await added(browser, name="Others")
    now, by = house.clock.now(), house.people["admin"].id
    proven = SourceOrganisation(DIRECTORY, "Acme <Dental>", ("acme.example",))
    source, new_id = path.rpartition("/")[2], services.random.new_id(now)
    id, again = await services.contact_sources.connect(tenant_id, source, new_id, proven, by, now)
    assert not again
    one = f"{path}/organisations/{id}"
    assert (await browser.get(f"{other}/organisations/{id}")).status == 404
    page = await browser.get(one)
    assert "Acme &lt;Dental&gt;" in page.text
    # What it calls itself is no name for a client beside the one there is.
    assert 'name="client" value="Acme Dental"' in page.text
    assert "Acme Dental is a suggestion" in words(page.text)
    assert not re.search(r'name="new_client"[^>]* checked', page.text)
    assert "acme.example" in words(page.text)
    assert "Sync now" not in words(page.text)
    assert (await browser.post(one + "/sync")).status == 422
    unknown = await browser.post(one, client="Acme Dentistry")
    assert unknown.status == 422
    assert "There is no client of that name." in words(unknown.text)
    assert (await browser.post(one, client="acme dental")).status == 303
    found = await services.contact_sources.organisation(tenant_id, id)
    assert found is not None
    assert (found.client_name, found.state) == ("Acme Dental", "queued")
    queued = await browser.get(one)
    assert "js/progress.js" in queued.text
    headers = {"Accept": "application/json", "Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    so_far = (await house.ask("GET", one, headers=headers)).json
    assert (so_far["done"], so_far["total"]) == (0, 0)
    assert f'data-state="{so_far["state"]}"' in queued.text, "the page is drawn anew only when this changes"
    assert (await browser.post(one, client="Nine", new_client="yes")).status == 303
    moved = await services.contact_sources.organisation(tenant_id, id)
    assert moved is not None
    assert moved.client_name == "Nine"
    house.clock.advance(timedelta(seconds=301))
    forms: tuple[tuple[str, dict[str, str]], ...] = (
        ("", {"client": "Nine"}),
        ("/changes", {"decision": "apply"}),
        ("/let-back", {}),
        ("/disconnect", {}),
    )
    for form, fields in forms:
        assert (await browser.post(one + form, **fields)).status == 401, form
    assert (await browser.post(one + "/sync")).status == 303, "it is done every hour anyway"
    browser = await admin(house)
    back_again = await browser.post(one + "/let-back")
    assert (back_again.status, back_again.headers["Location"]) == (303, f"{one}?said=erased_let_back")
    assert "Everybody there is read anew." in words((await browser.get(back_again.headers["Location"])).text)
    told = select(audit.c.public).where(audit.c.kind == "source.erased_let_back")
    kept = await house.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(told).scalars().all())
    assert [id in public for public in kept] == [True]
    assert (await browser.post(one + "/disconnect")).status == 303
    assert (await browser.get(one)).status == 404


# --- coming back from Microsoft ---------------------------------------------------------------------------------------


async def begun(browser: Browser, path: str) -> str:
    """Ask for consent; the word that goes along."""
    answer = await browser.post(path + "/consent")
    assert answer.status == 200, words(answer.text)
    link = re.search(r'href="(http[^"]*)" rel="noreferrer"', answer.text)
    assert link is not None, answer.text
    parts = urlsplit(link[1].replace("&amp;", "&"))
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert parts.path == "/organizations/v2.0/adminconsent"
    assert asked["client_id"] == APPLICATION
    assert asked["scope"] == "https://graph.microsoft.com/.default"
    assert asked["redirect_uri"].endswith(path + "/connected")
    return asked["state"]


def back(state: str, **other: str) -> str:
    return "/connected?" + urlencode({"admin_consent": "True", "tenant": DIRECTORY, "state": state, **other})


async def proven_again(house: House, browser: Browser) -> None:
    """The same log-in, with password and code given again just now."""
    who, now, token = house.people["admin"], house.clock.now(), browser.cookies[COOKIE]
    found = await house.services.accounts.find_log_in(token_digest(token), now)
    assert found is not None
    again = {"address_block": address_block("127.0.0.1"), "browser": browser_family(FIREFOX)}
    assert await house.services.accounts.rotate_log_in(
        tenant_id=who.tenant_id, log_in_id=found.id, digest=token_digest(token), now=now, **again
    )


@pytest.mark.feature("CO-05")
async def test_in_a_national_cloud_consent_is_asked_for_there(house: House) -> None:
    path = await added(await admin(house))
    source = await house.services.contact_sources.get(house.world.tenant_id, path.rpartition("/")[2])
    assert source is not None
    settings = Settings(
        database_url="sqlite:///none",
        public_url="https://verify.example.com",
        master_key=b"",
        entra_url="https://login.microsoftonline.us",
        graph_url="https://graph.microsoft.us",
    )
    acts = house.services.contact_acts
    assert isinstance(acts, ContactActs)
    async with ClientSession(cookie_jar=DummyCookieJar()) as session:
        desk = open_sources(
            settings,
            house.database,
            Keyring([MASTER_KEY]),
            microsoft_people(session, settings, house.clock),
            acts,
            house.clock,
            house.services.random,
            worker="one",
        )
    asked = desk.acts.consent_url(source, "a" * 43)
    assert asked.startswith("https://login.microsoftonline.us/organizations/v2.0/adminconsent?")
    assert parse_qs(urlsplit(asked).query)["scope"] == ["https://graph.microsoft.us/.default"]
    assert parse_qs(urlsplit(asked).query)["redirect_uri"] == [f"https://verify.example.com{path}/connected"]


@pytest.mark.feature("CO-05", "SEC-43")
async def test_what_comes_back_is_a_page_with_a_button_and_changes_nothing(house: House) -> None:
    browser = await admin(house)
    path = await added(browser)
    state = await begun(browser, path)
    before = await kinds(house)
    for _ in range(5):
        shown = await browser.get(path + back(state))
        assert shown.status == 200
        assert (hidden(shown.text, "word"), hidden(shown.text, "organisation")) == (state, DIRECTORY)
    assert await kinds(house) == before
    assert await house.services.contact_sources.organisations(house.world.tenant_id) == ()
    assert state not in (await house.contents()).decode("latin-1"), "only its digest is kept"
    who = house.people["admin"]
    (log_in,) = await house.services.accounts.log_ins(who.tenant_id, who.id, house.clock.now())
    source, now = path.rpartition("/")[2], house.clock.now()
    assert await house.services.contact_sources.take_consent(who.tenant_id, source, log_in.id, state, now)


@pytest.mark.feature("CO-05", "SEC-43")
async def test_a_word_counts_once_in_its_own_log_in_for_its_own_source(house: House) -> None:
    browser = await admin(house)
    path, other = await added(browser), await added(browser, name="Others")
    put_away = await begun(browser, path)
    assert (await browser.post(path + "/connected", word=put_away, declined="access_denied")).status == 303
    assert (await kinds(house))[-1] == ("source.consent_refused", "access_denied")
    late = await begun(browser, path)
    house.clock.advance(timedelta(seconds=301))
    stale = await browser.post(path + "/connected", word=late, organisation=DIRECTORY)
    assert stale.status == 401
    assert (hidden(stale.text, "word"), hidden(stale.text, "organisation")) == (late, DIRECTORY), "proven, it goes on"
    house.clock.advance(timedelta(seconds=299))
    await proven_again(house, browser)
    fresh = await begun(browser, path)
    for how, who, where, state in (
        ("made up", browser, path, "A" * len(fresh)),
        ("another log-in", await admin(house), path, fresh),
        ("another source", browser, other, fresh),
        ("too late", browser, path, late),
        ("used before", browser, path, put_away),
    ):
        answer = await who.post(where + "/connected", word=state, organisation=DIRECTORY)
        assert answer.status == 409, how
        assert "was not begun in this log-in" in words(answer.text)
        assert (await kinds(house))[-1] == ("source.consent_refused", "not_as_sent"), how
    assert await house.services.contact_sources.organisations(house.world.tenant_id) == ()
