"""What somebody would try who means harm: a technician whose log-in was stolen, a phone that is not what it seems, a
page of another site. Each of these has worked once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from bot.strangers import MOST
from dialogs.tech_verify import MAX_HANDOVERS
from identity.totp import code_at
from storage.directory import NewAddress, NewContact
from storage.tables import outbox
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.web_house import PASSWORD, House, OpenWeb

PROOF = "/api/v1/sessions/current/proof"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    """The API alone, on a clock that stands still."""
    async with open_web() as opened:
        yield opened


# --- texts at our expense -------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-39")
async def test_asking_and_denying_in_turns_comes_to_an_end(demo: DemoHouse) -> None:
    """A denial that nobody of ours had a hand in is no answer to us: its code goes on counting."""
    gita = demo.contact("gita")
    for _ in range(8):
        await demo.text(gita, "#verify")
        await demo.text(gita, "#deny")
    codes = [text for text in demo.texts_to(gita) if "Code: " in text]
    assert len(codes) == 3
    assert len(await demo.alerts()) == 3
    assert len(demo.texts_to(gita)) <= 8


@pytest.mark.feature("SEC-39")
async def test_a_denial_of_a_claimed_check_is_given_back(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    for _ in range(4):
        assert (await demo.claim(await demo.verify(ada))).status == 200
        await demo.text(ada, "#deny")
    assert len([text for text in demo.texts_to(ada) if "Code: " in text]) == 4


@pytest.mark.feature("SEC-39", "TV-33")
async def test_announcements_cannot_flood_a_phone(demo: DemoHouse) -> None:
    dev = demo.contact("dev")
    answers = [await demo.announce(dev, notify=True) for _ in range(6)]
    assert [answer.status for answer in answers] == [201, 201, 201, 429, 429, 429]
    assert (answers[-1].json["error"], "not_before" in answers[-1].json) == ("too_many_sends", True)
    assert len(demo.texts_to(dev)) == 3
    assert (await demo.announce(dev)).status == 201, "without a text there is nothing to bound"
    await demo.advance(601)
    assert (await demo.announce(dev, notify=True)).status == 201


@pytest.mark.feature("TV-33")
async def test_announcing_again_takes_the_place_of_the_first_time(demo: DemoHouse) -> None:
    """However often it is said, one row; another technician's own stays beside it."""
    dev = demo.contact("dev")
    ids = [(await demo.announce(dev)).json["id"] for _ in range(5)]
    theirs = (await demo.announce(dev, who="theo")).json["id"]
    live = (await demo.api("GET", f"/api/v1/announced-calls?contact_id={dev.id}")).json["items"]
    assert {row["id"] for row in live} == {ids[-1], theirs}


@pytest.mark.feature("SEC-39", "SEC-04")
async def test_a_check_changes_hands_only_so_often(demo: DemoHouse) -> None:
    """Each time the user is told a name, so passing it to and fro would be a way to flood their phone."""
    eve = demo.contact("eve")
    check_id = await demo.verify(eve)
    statuses = []
    for _ in range(MAX_HANDOVERS + 3):
        claimed = await demo.claim(check_id)
        statuses.append(claimed.status)
        await demo.act(check_id, "release")
    assert statuses == [200] * MAX_HANDOVERS + [409] * 3
    assert claimed.json["error"] == "too_many_handovers"
    assert len(demo.texts_to(eve)) <= MAX_HANDOVERS + 1
    assert (await demo.claim(await demo.verify(eve))).status == 200, "the next check begins anew"


@pytest.mark.feature("SEC-39", "SEC-04")
async def test_taking_over_to_and_fro_comes_to_an_end(demo: DemoHouse) -> None:
    eve = demo.contact("eve")
    check_id = await demo.verify(eve)
    await demo.claim(check_id)
    for turn in range(MAX_HANDOVERS):
        assert (await demo.act(check_id, "take-over", who=("theo", "dana")[turn % 2])).status == 200
    refused = await demo.act(check_id, "take-over", who="theo")
    assert (refused.status, refused.json["error"]) == (409, "too_many_handovers")
    assert (await demo.check(check_id))["code"], "whoever has it keeps it"


@pytest.mark.feature("SEC-39", "SEC-25")
async def test_made_up_senders_cannot_run_up_the_bill(house: House) -> None:
    """One answer for each number in a day is no bound for somebody who makes the numbers up."""
    tenant_id = house.world.tenant_id

    async def answers() -> int:
        query = select(func.count()).where(outbox.c.tenant_id == tenant_id, outbox.c.template == "desk.unknown")
        return await house.database.read(tenant_id, lambda conn: int(conn.execute(query).scalar_one()))

    for n in range(MOST + 20):
        await house.text(f"+1303555{n:04}", "#verify")
    assert await answers() == MOST
    house.clock.advance(timedelta(minutes=61))
    await house.text("+13035559999", "#verify")
    assert await answers() == MOST + 1


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-52", "SEC-08")
@pytest.mark.parametrize("name", ["phrase.ticket", "phrase.nothing", "{msp} {code}", "phrase.several_contacts"])
async def test_a_contact_may_be_called_like_a_phrase_of_ours(demo: DemoHouse, name: str) -> None:
    """Names come out of other people's lists; one that reads like the name of a phrase kept `#deny` from counting."""
    mobile, services = "+12065550143", demo.house.services
    known = await services.directory.contact(demo.seeded.tenant_id, demo.contact("ada").id)
    assert known is not None
    now = demo.house.clock.now()
    address = NewAddress(demo.house.random.new_id(now), "mobile", mobile, True)
    new = NewContact(demo.house.random.new_id(now), known.client_id, name, (address,))
    await services.directory.add_contact(demo.seeded.tenant_id, new, now)
    assert await demo.text(mobile, "#verify") == 200
    assert await demo.text(mobile, "#deny") == 200
    assert await demo.alerts() == ["denied"]


# --- tokens ---------------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-29", "SEC-17")
async def test_a_new_token_is_never_kept_for_an_idempotency_key(house: House) -> None:
    """The answer of a fresh proof is a log-in: kept for a repeat, it would lie in the database for a day."""
    person, bearer = house.people["technician"], await house.log_in("technician")
    body = {"password": PASSWORD, "totp": code_at(person.secret, house.clock.now())}
    key = {"Idempotency-Key": "proof-1"}
    proven = await house.ask("POST", PROOF, body=body, bearer=bearer, headers=key)
    assert proven.status == 200, proven.text
    token = proven.json["token"]
    assert token.encode() not in await house.contents()
    again = await house.ask("POST", PROOF, body=body, bearer=token, headers=key)
    assert (again.status, token in again.text) == (401, False), "a proof is used up, also under the same key"


@pytest.mark.feature("SEC-30")
@pytest.mark.parametrize("credentials", ["", "Basic eDp5", "Bearer nobody"])
async def test_a_header_of_the_browsers_own_is_no_pass(house: House, credentials: str) -> None:
    """A form of another site can be made to carry `Authorization`; only a token of ours says that it is none."""
    person = house.people["technician"]
    body = {"login": person.login, "password": PASSWORD, "totp": code_at(person.secret, house.clock.now())}
    foreign = {"Authorization": credentials, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    forged = await house.ask("POST", "/api/v1/sessions", body=body, headers=foreign)
    assert (forged.status, forged.json["error"]) == (403, "forged_request")


@pytest.mark.feature("SEC-19")
async def test_the_demo_answers_to_names_of_this_computer_only(demo: DemoHouse) -> None:
    """A foreign page whose name is made to lead to 127.0.0.1 must not read the demo's log-ins."""
    url = demo.house.settings.public_url + "/simulator"
    async with ClientSession() as http:
        for host, status in (("evil.example", 421), ("127.0.0.1.evil.example:80", 421), ("localhost:9", 200)):
            async with http.get(url, headers={"Host": host}) as response:
                assert response.status == status, host
    if demo.house.settings.is_sqlite:
        assert (demo.folder / "watchword.db").stat().st_mode & 0o077 == 0
