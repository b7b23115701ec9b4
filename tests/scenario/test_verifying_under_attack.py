"""Ways around the rules of verifying end users that somebody has tried, and that are closed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.seeds import SHARED_MOBILE
from tests.fixtures.demo_house import TV, DemoHouse, wrong
from tests.fixtures.pages import words
from tests.fixtures.verifying import EUV, act, ask, asked, check, code_in, mails_to, shield, shown, steps
from tests.fixtures.verifying_users import Desk


@pytest.mark.feature("SEC-11", "SEC-14")
async def test_asking_anew_in_time_gives_no_tries_beyond_the_lock(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    for tries in (5, 4):
        id = await asked(demo, ada)
        bad = wrong(code_in(demo.texts_to(ada)[-1]))
        for _ in range(tries):
            assert (await check(demo, id, bad)).json["error"] == "wrong_code"
        await demo.advance(31)
    # Nine so far, so that one more may be sent; it takes the tenth, and then no code at all, not even the right one.
    last = await asked(demo, ada)
    code = code_in(demo.texts_to(ada)[-1])
    said = [(await check(demo, last, typed)).json["error"] for typed in (wrong(code), wrong(code), code)]
    assert said == ["wrong_code", "method_locked", "method_locked"]
    assert (await shield(demo, ada))["state"] == "red"
    assert (await steps(demo, last))[-2:] == ["euv.act_refused", "euv.act_refused"]
    # Another method has its own count, and the lock of this one ends by itself.
    other = await asked(demo, ada, "email_code")
    assert (await check(demo, other, code_in(mails_to(demo, ada)[-1]))).status == 200
    await demo.advance(15 * 60)
    again = await asked(demo, ada)
    assert (await check(demo, again, code_in(demo.texts_to(ada)[-1]))).status == 200


@pytest.mark.feature("SEC-10", "SEC-43")
async def test_links_with_a_number_take_ten_wrong_ones_an_hour_and_not_two_more(demo: DemoHouse) -> None:
    await demo.settings(lambda settings: replace(settings, policy=replace(settings.policy, spoken_number=True)))
    ada, desk = demo.contact("ada"), Desk(demo)

    async def guess(times: int) -> str:
        """On a link of its own; its id."""
        id = await desk.asked(ada, "sms_link")
        number = f"{(int((await desk.look(id))['spoken_number']) + 1) % 100:02d}"
        for _ in range(times):
            page = await desk.press(desk.link_by_text(ada), "validate", number=number)
            assert page.status in (410, 422)
        await demo.advance(301)
        return id

    for _ in range(3):
        assert (await desk.look(await guess(3)))["state"] == "failed"
    # Nine so far: the fourth link bears one, though by itself it would bear three.
    last = await guess(1)
    after = await desk.look(last)
    assert (after["state"], after["reason"]) == ("failed", "wrong_numbers")
    assert "The two digits were wrong too often" in words((await desk.open(desk.link_by_text(ada))).text)
    refused = await desk.ask(ada, "sms_link")
    assert (refused.status, refused.json["error"]) == (429, "method_locked")
    assert (await desk.ask(ada, "email_link")).status == 201, "another method has its own count"


@pytest.mark.feature("SEC-15", "REL-11")
async def test_somebody_writes_down_which_shields_have_turned_back(demo: DemoHouse) -> None:
    """Tests of the store tell what that does; here, that it is done at all."""
    assert "shields" in {task.get_name() for task in asyncio.all_tasks()}


@pytest.mark.feature("SEC-06", "SEC-15")
async def test_an_alarm_ends_what_was_asked_meanwhile(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada, ticket=ada.open_ticket)
    code = code_in(demo.texts_to(ada)[-1])
    await demo.verify(ada)
    await demo.text(ada, "#confirm")
    assert (await shown(demo, id))["state"] == "sent"
    await demo.text(ada, "#confirm")
    assert "confirmed_unclaimed" in await demo.alerts()
    after = await shown(demo, id)
    assert (after["state"], after["reason"]) == ("expired", "alarm")
    assert (await check(demo, id, code)).json["error"] == "verification_over"
    assert (await shield(demo, ada))["state"] == "red"
    assert "ended by an alarm" in (await demo.notes(ada.open_ticket))[0]


@pytest.mark.feature("SEC-08", "EV-40")
async def test_whoever_was_denied_afterwards_closes_no_ticket(demo: DemoHouse) -> None:
    ada, tenant_id = demo.contact("ada"), demo.seeded.tenant_id
    id = await asked(demo, ada, ticket=ada.open_ticket)
    assert (await check(demo, id, code_in(demo.texts_to(ada)[-1]))).status == 200
    verifications, ticket_id = demo.house.services.verifications, str(ada.open_ticket)
    assert not await verifications.needs_closing(tenant_id, ticket_id)
    await demo.text(ada, "#deny")
    assert await verifications.needs_closing(tenant_id, ticket_id)


@pytest.mark.feature("SEC-07", "EV-40")
@pytest.mark.parametrize(("later", "closes"), [(timedelta(minutes=20), True), (timedelta(days=40), False)])
async def test_what_was_proven_weeks_ago_closes_no_ticket_of_today(
    demo: DemoHouse, later: timedelta, closes: bool
) -> None:
    """Moved to another ticket while it is green it counts there; afterwards it is only on its record."""
    ada, tenant_id = demo.contact("ada"), demo.seeded.tenant_id
    id = await asked(demo, ada, ticket=ada.open_ticket)
    assert (await check(demo, id, code_in(demo.texts_to(ada)[-1]))).status == 200
    made = await demo.api("POST", "/api/v1/tickets", {"title": "Another matter", "contact_id": ada.id})
    ticket_id = made.json["id"]
    await demo.advance(later.total_seconds())
    assert (await act(demo, id, "ticket", {"ticket": ticket_id}, who="theo")).status == 200
    assert (await shown(demo, id))["ticket"] == ticket_id
    needs = demo.house.services.verifications.needs_closing
    assert (not await needs(tenant_id, ticket_id)) is closes
    assert await needs(tenant_id, str(ada.open_ticket)), "it is about that one no longer"


@pytest.mark.feature("SEC-08")
async def test_somebody_who_takes_no_texts_can_deny_what_came_by_mail(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await demo.text(ada, "STOP")
    texts = len(demo.texts_to(ada))
    id = await asked(demo, ada, "email_code")
    await demo.text(ada, "#deny")
    assert (await shown(demo, id))["state"] == "denied"
    assert "euv_denied" in await demo.alerts()
    assert len(demo.texts_to(ada)) == texts, "whoever said STOP is not texted"


@pytest.mark.feature("SEC-08", "SEC-15")
async def test_somebody_who_takes_no_texts_can_deny_afterwards(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await demo.text(ada, "STOP")
    texts = len(demo.texts_to(ada))
    id = await asked(demo, ada, "email_code")
    assert (await check(demo, id, code_in(mails_to(demo, ada)[-1]))).status == 200
    await demo.text(ada, "#deny")
    assert (await shield(demo, ada, "email"))["state"] == "red"
    assert "euv.disown_afterwards" in await steps(demo, id)
    assert len(demo.texts_to(ada)) == texts


@pytest.mark.feature("SEC-06", "SEC-12")
@pytest.mark.parametrize("reason", ["\u200b" * 12, "\u2063because\u2063\u2063", " \u00a0\u2003" * 5 + "ok"])
async def test_a_reason_that_nobody_can_read_is_none(demo: DemoHouse, reason: str) -> None:
    ada = demo.contact("ada")
    await demo.verify(ada)
    await demo.advance(31)
    refused = await ask(demo, ada, who="sam", override=reason)
    assert (refused.status, refused.json["error"]) == (422, "override_reason_short")


@pytest.mark.feature("EV-32", "SEC-12")
async def test_another_persons_ticket_is_called_that_also_when_it_is_linked_later(demo: DemoHouse) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    id = await asked(demo, ada, note="Ada works on this one for Ben")
    assert (await check(demo, id, code_in(demo.texts_to(ada)[-1]))).status == 200
    moved = await act(demo, id, "ticket", {"ticket": ben.open_ticket})
    assert (moved.status, moved.json["other_contact"]) == (200, True)
    assert "the ticket is another person's" in (await demo.notes(ben.open_ticket))[-1]
    back = await act(demo, id, "ticket", {"ticket": ada.open_ticket})
    assert (back.status, back.json["other_contact"]) == (200, False)


@pytest.mark.feature("SEC-06")
async def test_a_check_from_a_phone_stands_in_the_way_of_everybody_who_shares_it(demo: DemoHouse) -> None:
    people = {}
    for name in ("Ina Jones", "Jon Kerr"):
        found = (await demo.api("GET", f"/api/v1/contacts?q={name.partition(' ')[0]}&limit=100")).json["items"]
        people[name] = next(str(one["id"]) for one in found if one["name"] == name)
    await demo.text(SHARED_MOBILE, "#verify")
    check_id = (await demo.api("GET", TV)).json["items"][0]["id"]
    await demo.advance(31)
    wish = {"contact_id": people["Jon Kerr"], "method": "sms_code"}
    assert (await demo.api("POST", EUV, wish)).json["error"] == "direction_conflict"
    assert (await demo.claim(check_id, contact_id=people["Ina Jones"])).status == 200
    assert (await demo.api("POST", EUV, wish)).json["error"] == "direction_conflict"
    # Nor does it help that Ina has confirmed this very technician: Jon has not.
    await demo.text(SHARED_MOBILE, "#confirm")
    assert (await demo.check(check_id))["state"] == "confirmed"
    assert (await demo.api("POST", EUV, wish)).json["error"] == "direction_conflict"
    assert (await demo.api("POST", EUV, {**wish, "contact_id": people["Ina Jones"]})).status == 201


@pytest.mark.feature("SEC-14")
async def test_many_wrong_codes_are_told_of_however_fast_they_are_typed(demo: DemoHouse) -> None:
    waiting = []
    for person in [one for one in demo.seeded.contacts if one.mobile][:6]:
        answer = await ask(demo, person)
        if answer.status == 201:
            waiting.append((answer.json["id"], wrong(code_in(demo.texts_to(person)[-1]))))
    assert len(waiting) >= 4
    token = await demo.token("dana")
    typed = [
        demo.ask("POST", f"{EUV}/{id}/check", {"code": bad}, bearer=token) for id, bad in waiting for _ in range(4)
    ]
    answers = await asyncio.gather(*typed)
    assert {answer.json["error"] for answer in answers} == {"wrong_code"}
    await demo.idle()
    assert (await demo.alerts()).count("many_wrong_codes") == 1
