"""Two things that happen to the verifications of one person at once, of which the graver decides."""

from __future__ import annotations

import pytest

from dialogs.user_verify import Method
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.pages import hidden, words
from tests.fixtures.second_person import OTHER, WHY, ask_for, grant, policy, second_number
from tests.fixtures.verifying import act, address_of, ask, asked, check, code_in, shield, shown, steps
from tests.fixtures.verifying_users import Desk
from web.nonces import make_nonce

LOCKED = "denied_lately"


@pytest.mark.feature("SEC-08")
async def test_not_me_on_a_page_whose_place_a_code_has_taken_ends_the_code_as_well(demo: DemoHouse) -> None:
    """The caller asks for a text instead; the person still has the page of the mail before them."""
    ada, desk = demo.contact("ada"), Desk(demo)
    first = await desk.asked(ada, "email_link")
    link = desk.link_by_mail(ada)
    nonce = hidden((await desk.open(link)).text, "nonce")
    later = await asked(demo, ada)
    code = code_in(demo.texts_to(ada)[-1])
    assert (await desk.press(link, "not_me", nonce=nonce)).status == 303
    assert (await check(demo, later, code)).json["error"] == "verification_over"
    assert [(await shown(demo, id))["state"] for id in (first, later)] == ["expired", "denied"]
    assert "nothing was confirmed" in words((await desk.open(link)).text)
    assert (await ask(demo, ada, "email_code")).json["error"] == LOCKED


@pytest.mark.feature("SEC-08", "EV-24")
async def test_not_me_counts_where_somebody_else_was_faster_with_the_same_link(demo: DemoHouse) -> None:
    """Whoever reads the person's mail presses Validate; the person has the same page open, and says no."""
    ada, desk = demo.contact("ada"), Desk(demo)
    id = await desk.asked(ada, "email_link")
    link = desk.link_by_mail(ada)
    nonce = hidden((await desk.open(link)).text, "nonce")
    assert (await desk.press(link, "validate")).status == 303
    assert (await shield(demo, ada, "email"))["state"] == "green"
    assert (await desk.press(link, "not_me", nonce="1.made-up.0")).status == 200, "a program that has seen no page"
    assert (await shield(demo, ada, "email"))["state"] == "green"
    assert (await desk.press(link, "not_me", nonce=nonce)).status == 303
    assert (await shield(demo, ada, "email"))["state"] == "red"
    assert (await steps(demo, id))[-1] == "euv.disown_afterwards"
    assert "counts no longer" in words((await desk.open(link)).text)
    assert (await ask(demo, ada)).json["error"] == LOCKED
    assert (await desk.press(link, "not_me", nonce=nonce)).status == 200
    assert (await steps(demo, id)).count("euv.disown_afterwards") == 1, "once, however often it is said"


@pytest.mark.feature("SEC-08", "EV-21")
async def test_a_link_of_yesterday_locks_nobody_out(demo: DemoHouse) -> None:
    """Old links lie in mailboxes, and whoever holds one can make the mark of its page."""
    ada, desk = demo.contact("ada"), Desk(demo)
    await desk.asked(ada, "email_link")
    link = desk.link_by_mail(ada)
    await demo.advance(301)
    await demo.advance(24 * 3600)
    now = demo.house.services.clock.now()
    assert (await desk.press(link, "not_me", nonce=make_nonce(link, "x", now))).status == 410
    assert (await ask(demo, ada)).status == 201


@pytest.mark.feature("SEC-12", "SEC-13")
async def test_taking_the_usual_number_away_makes_no_other_one_usual_without_a_word(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    other = await second_number(demo, ada)
    assert (await ask(demo, ada, address_id=other)).json["error"] == "address_note_required"
    await policy(demo, second_person=True)
    assert (await ask(demo, ada, address_id=other, note=WHY)).json["error"] == "approval_required"
    gone = await demo.api("DELETE", f"/api/v1/contacts/{ada.id}/addresses/{await address_of(demo, ada)}")
    assert gone.status == 200, gone.text
    assert await address_of(demo, ada) == other, f"{OTHER} is the one to use now"
    assert (await ask(demo, ada, address_id=other, note=WHY)).json["error"] == "approval_required"
    await policy(demo, second_person=False)
    assert (await ask(demo, ada, address_id=other)).json["error"] == "address_note_required"
    await demo.advance(7 * 24 * 3600 + 1)
    assert (await ask(demo, ada, address_id=other)).status == 201


@pytest.mark.feature("SEC-12", "SEC-07")
async def test_what_a_colleague_has_agreed_to_for_one_ticket_counts_for_no_other(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    other = await second_number(demo, ada)
    await policy(demo, second_person=True)
    yes = await ask_for(demo, ada, address_id=other, ticket=ada.open_ticket)
    assert await grant(demo, yes.id) == ""
    id = await asked(demo, ada, address_id=other, ticket=ada.open_ticket)
    code = code_in(next(left.text for left in demo.world.outbox() if left.to == OTHER))
    made = await demo.api("POST", "/api/v1/tickets", {"title": "Another matter", "contact_id": ada.id})
    move = {"ticket": made.json["id"]}
    assert (await act(demo, id, "ticket", move)).json["error"] == "approval_for_other"
    assert (await check(demo, id, code)).status == 200
    assert (await act(demo, id, "ticket", move, who="theo")).json["error"] == "approval_for_other"
    await demo.advance(30 * 60 + 1)
    assert (await act(demo, id, "ticket", move)).status == 200, "its record may go where it belongs"
    assert await demo.house.services.verifications.needs_closing(demo.seeded.tenant_id, move["ticket"])


@pytest.mark.feature("SEC-14")
async def test_a_method_that_was_switched_off_is_sent_no_second_time(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada)
    await demo.advance(31)
    await policy(demo, methods=(Method.EMAIL_CODE,))
    again = await act(demo, id, "resend")
    assert (again.status, again.json["error"]) == (409, "method_not_allowed"), again.text
    assert len(demo.texts_to(ada)) == 1


@pytest.mark.feature("SEC-15", "EV-40")
async def test_what_a_stolen_phone_has_proven_closes_no_other_ticket(demo: DemoHouse) -> None:
    """Its shield would be green still, had nobody blocked the number."""
    ada, tenant_id = demo.contact("ada"), demo.seeded.tenant_id
    id = await asked(demo, ada, ticket=ada.open_ticket)
    assert (await check(demo, id, code_in(demo.texts_to(ada)[-1]))).status == 200
    blocked = {"address": ada.mobile, "reason": "Her phone was stolen", "hours": 24}
    assert (await demo.api("POST", "/api/v1/blocks", blocked)).status == 201
    made = await demo.api("POST", "/api/v1/tickets", {"title": "Another matter", "contact_id": ada.id})
    ticket_id = made.json["id"]
    assert (await act(demo, id, "ticket", {"ticket": ticket_id}, who="theo")).status == 200
    assert (await shown(demo, id))["ticket"] == ticket_id, "the record belongs there all the same"
    assert await demo.house.services.verifications.needs_closing(tenant_id, ticket_id)


@pytest.mark.feature("SEC-33")
async def test_an_account_that_is_switched_off_asks_nobody_anything_any_more(demo: DemoHouse) -> None:
    """Whoever had taken the account over has sent links, and they would still be answered."""
    ada, ben, desk = demo.contact("ada"), demo.contact("ben"), Desk(demo)
    id = await desk.asked(ada, "sms_link")
    proven = await asked(demo, ben)
    assert (await check(demo, proven, code_in(demo.texts_to(ben)[-1]))).status == 200
    link = desk.link_by_text(ada)
    nonce = hidden((await desk.open(link)).text, "nonce")
    services, dana = demo.house.services, demo.technician("dana")
    assert await services.people.disable(demo.seeded.tenant_id, dana.id, services.clock.now())
    assert (await desk.press(link, "validate", nonce=nonce)).status == 410
    row = await services.verifications.get(demo.seeded.tenant_id, id)
    assert row is not None
    assert (row.word, row.reason) == ("expired", "asker_off")
    green = await services.verifications.shields(demo.seeded.tenant_id, ben.id, services.clock.now())
    assert [one.verification_id for one in green] == [proven], "what was answered before stands"
