"""Claims without an announcement: one tap, its ticket, the names the user is told, and who may see the code."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.seeds import SHARED_MOBILE
from tests.fixtures.demo_house import TV, DemoHouse, Who, code_in

OTHERS: tuple[Who, ...] = ("theo", "sam", "alex")


@pytest.mark.feature("TV-08", "TV-09", "SEC-02", "SEC-04", "Y-04")
async def test_one_tap_shows_the_code_and_the_success_text_names_the_claimer(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    (text,) = demo.texts_to(ada)
    claimed = await demo.claim(id, ticket=str(ada.open_ticket))
    assert (claimed.status, claimed.json["state"], claimed.json["code"]) == (200, "claimed", code_in(text))
    assert claimed.json["needs_ticket"] is False
    assert demo.texts_to(ada) == [text], "claimed within a minute: the notice waits for the next text"

    await demo.text(ada, "#confirm")
    success = demo.texts_to(ada)[1]
    assert "Confirmed." in success
    assert "Dana says they CALLED YOU" in success
    assert await demo.number_of(ada.open_ticket) in success
    assert len(await demo.notes(ada.open_ticket)) == 1


@pytest.mark.feature("SEC-04")
async def test_a_claim_after_a_minute_is_told_in_a_text_of_its_own(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.advance(61)
    claimed = await demo.claim(id, ticket=str(ada.open_ticket))
    (_, notice) = demo.texts_to(ada)
    assert "Dana at Harbor IT says they CALLED YOU" in notice
    assert await demo.number_of(ada.open_ticket) in notice
    assert claimed.json["code"] not in notice
    again = await demo.claim(id, ticket=str(ada.open_ticket))
    assert again.status == 200
    assert len(demo.texts_to(ada)) == 2, "the same tap twice is told once"


@pytest.mark.feature("SEC-02", "SEC-56")
async def test_nobody_but_the_claimer_ever_sees_the_code(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    code = code_in(demo.texts_to(ada)[0])
    places = (
        f"{TV}/{id}",
        TV,
        f"{TV}?state=claimed",
        f"{TV}?live=true&contact_id={ada.id}",
        f"/api/v1/contacts/{ada.id}/verifications",
        f"/api/v1/contacts/{ada.id}",
        "/api/v1/contacts?q=ada",
        "/api/v1/announced-calls",
        "/api/v1/alerts",
        "/api/v1/audit",
        f"/api/v1/audit?check_id={id}",
        f"/api/v1/tickets/{ada.open_ticket}",
        "/api/v1/tickets",
    )

    async def seen(who: Who) -> str:
        return "".join([(await demo.api("GET", place, who=who)).text for place in places])

    assert code not in "".join([await seen(who) for who in ("dana", *OTHERS)]), "before the claim: nobody"
    assert (await demo.claim(id, ticket=str(ada.open_ticket))).json["code"] == code
    assert code in await seen("dana")
    assert code not in "".join([await seen(who) for who in OTHERS])
    assert code not in await _stream(demo, "theo", until="tv.code_shown")
    for who in OTHERS:
        late = await demo.claim(id, who=who)
        assert (late.status, late.json["error"]) == (409, "already_claimed")
        assert code not in late.text
    assert await demo.kinds(id) == ["tv.issue_code", "tv.claim_check", "tv.code_shown", *["tv.refuse_second_claim"] * 3]
    await demo.text(ada, "#confirm")
    assert code not in "".join([await seen(who) for who in ("dana", *OTHERS)]), "after the end: nobody"


async def _stream(demo: DemoHouse, who: Who, *, until: str) -> str:
    """What the event stream says to this technician from the beginning up to the first event of this kind."""
    said = ""
    headers = {"Authorization": f"Bearer {await demo.token(who)}", "Last-Event-ID": "0"}
    async with asyncio.timeout(10), demo.http.get(f"{demo.house.settings.public_url}/events", headers=headers) as got:
        assert got.status == 200
        async for line in got.content:
            said += line.decode()
            if until in said:
                return said
    raise AssertionError(f"the stream ended without {until}")


@pytest.mark.feature("TV-09", "TV-13")
async def test_a_claim_with_a_new_ticket_shows_the_code_at_once(demo: DemoHouse) -> None:
    cleo = demo.contact("cleo")
    id = await demo.verify(cleo)
    claimed = await demo.claim(id, ticket="new")
    assert claimed.json["code"] == code_in(demo.texts_to(cleo)[0])
    made = (await demo.check(id))["ticket"]
    assert made is not None
    ticket = (await demo.api("GET", f"/api/v1/tickets/{made}")).json
    assert (ticket["contact_id"], ticket["open"]) == (cleo.id, True)
    await demo.text(cleo, "#confirm")
    assert ["confirmed by the user" in note for note in await demo.notes(made)] == [True]


@pytest.mark.feature("TV-09", "TV-13")
async def test_later_stays_flagged_until_there_is_a_ticket(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    assert (await demo.claim(id)).json["needs_ticket"] is True
    await demo.text(ada, "#confirm")
    ended = await demo.check(id)
    assert (ended["state"], ended["needs_ticket"], ended["ticket"]) == ("confirmed", True, None)
    assert await demo.notes(ada.open_ticket) == []

    linked = await demo.act(id, "ticket", {"ticket": ada.open_ticket})
    assert (linked.status, linked.json["needs_ticket"], linked.json["ticket"]) == (200, False, ada.open_ticket)
    (note,) = await demo.notes(ada.open_ticket)
    assert "confirmed by the user" in note
    again = await demo.act(id, "ticket", {"ticket": ada.open_ticket})
    assert again.status == 200
    assert len(await demo.notes(ada.open_ticket)) == 1


@pytest.mark.feature("TV-09")
async def test_linking_another_ticket_after_the_end_moves_the_record(demo: DemoHouse) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    await demo.text(ada, "#confirm")
    moved = await demo.act(id, "ticket", {"ticket": ben.open_ticket})
    assert (moved.status, moved.json["ticket"]) == (200, ben.open_ticket)
    (_, left) = await demo.notes(ada.open_ticket)
    assert "was moved to" in left
    assert await demo.number_of(ben.open_ticket) in left
    (arrived,) = await demo.notes(ben.open_ticket)
    assert "confirmed by the user" in arrived
    assert "tv.link_ticket_afterwards" in await demo.kinds(id)


@pytest.mark.feature("TV-09")
async def test_a_ticket_of_another_client_is_refused(demo: DemoHouse) -> None:
    ada, eve = demo.contact("ada"), demo.contact("eve")
    id = await demo.verify(ada)
    refused = await demo.claim(id, ticket=str(eve.open_ticket))
    assert (refused.status, refused.json["error"]) == (409, "ticket_of_other_client")
    assert (await demo.check(id))["code"] is None


@pytest.mark.feature("TV-09")
async def test_a_closed_ticket_is_refused_and_a_team_may_insist_on_one(demo: DemoHouse) -> None:
    ada, dev = demo.contact("ada"), demo.contact("dev")
    psa = demo.house.services.psa(demo.seeded.tenant_id)
    await psa.set_status(str(ada.open_ticket), "closed")
    await demo.settings(lambda s: replace(s, rules=replace(s.rules, ticket_at_claim="required")))
    id = await demo.verify(ada)
    for ticket, error in ((str(ada.open_ticket), "ticket_closed"), ("later", "ticket_required")):
        refused = await demo.claim(id, ticket=ticket)
        assert (refused.status, refused.json["error"]) == (409, error)
    assert (await demo.announce(ada, ticket="later")).json["error"] == "ticket_required"
    assert (await demo.claim(id, ticket=str(dev.open_ticket))).json["code"] == code_in(demo.texts_to(ada)[0])


@pytest.mark.feature("SEC-04", "TV-16")
async def test_release_and_take_over_are_told_and_kept(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    code = (await demo.claim(id)).json["code"]
    assert (await demo.act(id, "release", who="theo")).json["error"] == "not_yours"
    released = await demo.act(id, "release")
    assert (released.json["state"], released.json["code"], released.json["technician"]) == ("open", None, None)
    assert (await demo.claim(id, who="theo")).json["code"] == code
    assert "Theo at Harbor IT" in demo.texts_to(ada)[-1], "after a release the new name is told at once"

    taken = await demo.act(id, "take-over", who="sam")
    assert (taken.json["technician"]["name"], taken.json["code"]) == ("Sam Okafor", code)
    assert "Sam at Harbor IT now has your check" in demo.texts_to(ada)[-1]
    assert (await demo.check(id, who="theo"))["code"] is None
    assert [code in text for text in demo.texts_to(ada)] == [True, False, False]
    kinds = await demo.kinds(id)
    assert {"tv.release", "tv.take_over"} <= set(kinds)
    people = {row["kind"]: row["technician_id"] for row in await demo.audit(f"check_id={id}&kind=tv.")}
    assert people["tv.release"] == demo.technician("dana").id
    assert people["tv.take_over"] == demo.technician("sam").id


@pytest.mark.feature("SEC-02", "Y-04", "REL-09")
async def test_of_two_who_race_for_a_claim_one_wins(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    racers: tuple[Who, ...] = ("dana", "theo", "sam")
    answers = await asyncio.gather(*(demo.claim(id, who=who) for who in racers))
    assert sorted(answer.status for answer in answers) == [200, 409, 409]
    code = code_in(demo.texts_to(ada)[0])
    for answer in answers:
        assert (code in answer.text) == (answer.status == 200)
        assert answer.status == 200 or answer.json["error"] == "already_claimed"


@pytest.mark.feature("SEC-02")
async def test_a_number_of_several_contacts_is_started_and_the_claimer_picks(demo: DemoHouse) -> None:
    assert await demo.text(SHARED_MOBILE, "#verify") == 200
    (text,) = demo.texts_to(SHARED_MOBILE)
    assert "Ina" not in text
    assert "Jon" not in text
    (row,) = (await demo.api("GET", f"{TV}?live=true")).json["items"]
    assert row["contact_id"] is None
    assert sorted(c["name"] for c in row["candidates"]) == ["Ina Jones", "Jon Kerr"]

    unpicked = await demo.claim(row["id"])
    assert (unpicked.status, unpicked.json["error"]) == (409, "pick_contact")
    wrongly = await demo.claim(row["id"], contact_id=demo.contact("ada").id)
    assert (wrongly.status, wrongly.json["error"]) == (409, "pick_contact")
    jon = next(c["id"] for c in row["candidates"] if c["name"] == "Jon Kerr")
    picked = await demo.claim(row["id"], contact_id=jon)
    assert (picked.json["contact_id"], picked.json["code"]) == (jon, code_in(text))
    await demo.text(SHARED_MOBILE, "#confirm")
    assert (await demo.check(row["id"]))["state"] == "confirmed"


@pytest.mark.feature("TV-09")
async def test_while_the_ticket_system_is_down_later_works(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    demo.world.tickets_down = True
    refused = await demo.claim(id, ticket=str(ada.open_ticket))
    assert (refused.status, refused.json["error"]) == (503, "ticket_system_down")
    assert (await demo.check(id))["code"] is None
    assert (await demo.claim(id)).json["code"] == code_in(demo.texts_to(ada)[0])
    await demo.text(ada, "#confirm")
    assert "Confirmed." in demo.texts_to(ada)[-1]
    demo.world.tickets_down = False
    await demo.act(id, "ticket", {"ticket": ada.open_ticket})
    assert len(await demo.notes(ada.open_ticket)) == 1


@pytest.mark.feature("TV-13", "REL-03")
async def test_a_note_waits_for_a_ticket_system_that_is_down(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    demo.world.tickets_down = True
    await demo.text(ada, "#confirm")
    assert "Confirmed." in demo.texts_to(ada)[-1], "a dead ticket system never holds up a text"
    await demo.advance(5)
    demo.world.tickets_down = False
    assert await demo.notes(ada.open_ticket) == []
    await demo.advance(600)
    assert len(await demo.notes(ada.open_ticket)) == 1


@pytest.mark.feature("TV-22", "Y-04", "TV-16")
async def test_nobody_claims(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    code = code_in(demo.texts_to(ada)[0])
    on_duty = ("+12015550151", "+19175550152", "+15165550153")
    assert [demo.texts_to(mobile) for mobile in on_duty] == [[], [], []]
    await demo.advance(21)
    for mobile in on_duty:
        (alert,) = demo.texts_to(mobile)
        assert f"{demo.house.settings.public_url}/codes/{id}" in alert
        assert "Ada Bishop" in alert
        assert code not in alert
    await demo.advance(30)
    assert len(demo.texts_to(on_duty[0])) == 1, "alerted once"

    await demo.advance(600)
    last = demo.texts_to(ada)[-1]
    assert "HANG UP" in last
    assert "no technician of ours has opened this check" in last
    ended = await demo.check(id)
    assert (ended["state"], ended["code"]) == ("expired", None)
    assert await demo.alerts() == ["nobody_claimed"]
    assert (await demo.claim(id)).json["error"] == "ended"
