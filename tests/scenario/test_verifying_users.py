"""A technician verifies a caller over the API, by every method: from being asked to the shield and the ticket."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from dialogs.user_verify import Action, Assurance, Method, Policy
from storage import tables
from storage.database import Unscoped
from tests.fixtures.demo_house import DemoHouse, wrong
from tests.fixtures.verifying import (
    EUV,
    KIND_OF,
    METHODS,
    act,
    ask,
    asked,
    check,
    code_in,
    mails_to,
    said_to,
    shield,
    shown,
    steps,
    token_in,
)

WORTH = {"sms_code": "code", "sms_link": "tap", "email_code": "email", "email_link": "email", "voice_call": "code"}


async def policy(demo: DemoHouse, **changed: Any) -> None:
    """Change the tenant's policy."""
    await demo.settings(lambda s: replace(s, policy=replace(s.policy, **changed)))


@pytest.mark.feature("EV-01", "EV-02", "EV-03", "EV-04", "EV-05", "EV-39", "EV-44", "EV-45", "SEC-09", "SEC-20")
@pytest.mark.parametrize("method", METHODS)
async def test_every_method_from_the_request_to_the_ticket(demo: DemoHouse, method: str) -> None:
    ada = demo.contact("ada")
    kind = KIND_OF[method.partition("_")[0]]
    assert (await shield(demo, ada, kind))["state"] == "red"
    id = await asked(demo, ada, method, ticket=ada.open_ticket, action="info")
    said = said_to(demo, ada)[-1]
    live = await shown(demo, id)
    assert (live["state"], live["assurance"], live["good_for"]) == ("sent", None, [])
    if method.endswith("link"):
        secret = token_in(said)
        assert live["tries_left"] == 0
        assert (await demo.house.services.verifying.confirm_link(secret)) is not None
        await demo.idle()
    else:
        secret = code_in(said)
        assert live["tries_left"] == 5
        assert (await check(demo, id, f" {secret[:3]}-{secret[3:]} ")).status == 200
    done = await shown(demo, id)
    assert (done["state"], done["assurance"], done["enough"]) == ("verified", WORTH[method], True)
    assert (done["technician"]["name"], done["ticket"]) == ("Dana Reyes", ada.open_ticket)
    green = await shield(demo, ada, kind)
    assert (green["state"], green["verification_id"], green["ticket"]) == ("green", id, ada.open_ticket)
    (note,) = await demo.notes(ada.open_ticket)
    assert "VERIFIED" in note
    assert "Dana" in note
    assert ada.mobile not in note
    assert ada.email not in note
    for told in (note, (await demo.api("GET", f"{EUV}?contact_id={ada.id}")).text, str(await demo.audit("kind=euv."))):
        assert secret not in told
    assert secret.encode() not in await demo.contents(), "nothing that was sent stays anywhere (SEC-17)"


@pytest.mark.feature("EV-41")
@pytest.mark.parametrize("method", METHODS)
async def test_none_of_the_thirty_seconds_is_spent_waiting_for_us(demo: DemoHouse, method: str) -> None:
    """From the request to the note in the ticket everything is due the moment it is decided, and goes at the first
    try."""
    ada = demo.contact("ada")
    id = await asked(demo, ada, method, ticket=ada.open_ticket, action="info")
    said = said_to(demo, ada)[-1]
    if method.endswith("link"):
        await demo.house.services.verifying.confirm_link(token_in(said))
        await demo.idle()
    else:
        await check(demo, id, code_in(said))
    assert (await shown(demo, id))["state"] == "verified"
    assert len(await demo.notes(ada.open_ticket)) == 1
    o = tables.outbox.c
    waits = select(o.kind, o.due_at - o.created_at, o.attempt, o.status).where(o.check_id == id)
    rows = await demo.house.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(waits).all())
    assert {row[0] for row in rows} >= {"ticket.note"}
    assert {tuple(row[1:]) for row in rows} == {(0, 1, "sent")}


@pytest.mark.feature("EV-06", "SEC-11", "SEC-17")
async def test_five_wrong_codes_and_it_is_over(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada, ticket=ada.open_ticket)
    code = code_in(demo.texts_to(ada)[0])
    for left in (4, 3, 2, 1, 0):
        answer = await check(demo, id, wrong(code))
        assert (answer.status, answer.json["error"], answer.json["tries_left"]) == (422, "wrong_code", left)
    dead = await shown(demo, id)
    assert (dead["state"], dead["reason"], dead["tries_left"]) == ("failed", "wrong_codes", 0)
    late = await check(demo, id, code)
    assert (late.status, late.json["error"]) == (409, "verification_over")
    assert (await shield(demo, ada))["state"] == "red"
    assert "NOT verified" in (await demo.notes(ada.open_ticket))[0]


@pytest.mark.feature("EV-06")
@pytest.mark.parametrize("typed", ["12345", "12345678901", "12a456", "one two", "", "123 456 78 90 11 2", "٣٤٥"])
async def test_what_is_no_code_is_no_try(demo: DemoHouse, typed: str) -> None:
    id = await asked(demo, demo.contact("ada"))
    answer = await check(demo, id, typed)
    assert (answer.status, answer.json["error"]) in [(422, "not_a_code"), (422, "invalid")]
    assert (await shown(demo, id))["tries_left"] == 5


@pytest.mark.feature("EV-21", "EV-22", "SEC-15", "EV-28")
@pytest.mark.parametrize("method", ["sms_code", "sms_link"])
async def test_it_lives_five_minutes_and_a_new_setting_is_for_new_ones(demo: DemoHouse, method: str) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    first = await asked(demo, ada, method)
    await policy(demo, code_lifetime=timedelta(minutes=2), link_lifetime=timedelta(minutes=2))
    second = await asked(demo, ben, method)
    await demo.advance(121)
    assert ((await shown(demo, first))["state"], (await shown(demo, second))["state"]) == ("sent", "expired")
    # Time goes on by itself too: what is left of it is more than any of this takes.
    await demo.advance(270 - 121)
    assert (await shown(demo, first))["state"] == "sent"
    await demo.advance(31)
    ended = await shown(demo, first)
    assert (ended["state"], ended["reason"]) == ("expired", "deadline")


@pytest.mark.feature("EV-21", "REL-08")
async def test_a_code_that_comes_at_the_deadline_does_not_count(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada)
    code = code_in(demo.texts_to(ada)[0])
    await demo.advance(5 * 60)
    assert (await check(demo, id, code)).json["error"] == "verification_over"
    again = await asked(demo, ada)
    await demo.advance(4 * 60 + 59)
    assert (await check(demo, again, code_in(demo.texts_to(ada)[1]))).status == 200


@pytest.mark.feature("SEC-15", "EV-27", "EV-28")
async def test_green_ends_when_the_policy_says(demo: DemoHouse) -> None:
    await policy(demo, green_for=timedelta(minutes=7))
    ada = demo.contact("ada")
    id = await asked(demo, ada)
    await check(demo, id, code_in(demo.texts_to(ada)[0]))
    contact = (await demo.api("GET", f"/api/v1/contacts/{ada.id}")).json
    assert contact["verified"] is True
    await demo.advance(7 * 60 - 5)
    assert (await shield(demo, ada))["state"] == "green"
    await demo.advance(6)
    assert (await shield(demo, ada)) == {
        "state": "red",
        "until": None,
        "at": None,
        "verification_id": None,
        "method": None,
        "assurance": None,
        "technician": None,
        "ticket": None,
        "ticket_number": None,
    }
    assert (await demo.api("GET", f"/api/v1/contacts/{ada.id}")).json["verified"] is False
    assert (await shown(demo, id))["green_until"] is None
    assert (await shown(demo, id))["state"] == "verified"


async def test_the_same_code_again_and_no_sooner_than_the_limits_allow(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada)
    until = (await shown(demo, id))["expires_at"]
    early = await act(demo, id, "resend")
    assert (early.status, early.json["error"]) == (429, "too_many_sends")
    assert early.json["not_before"].endswith("Z")
    await demo.advance(30)
    assert (await act(demo, id, "resend")).json["expires_at"] == until
    first, second = demo.texts_to(ada)
    assert code_in(first) == code_in(second)
    assert (await act(demo, id, "resend", who="theo")).json["error"] == "not_your_verification"
    link = await asked(demo, demo.contact("ben"), "sms_link")
    await demo.advance(30)
    assert (await act(demo, link, "resend")).json["error"] == "nothing_to_resend"


@pytest.mark.feature("SEC-39")
async def test_what_is_never_answered_is_not_sent_for_ever(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    for _ in range(3):
        await asked(demo, ada)
        await demo.advance(31)
    refused = await ask(demo, ada)
    assert (refused.status, refused.json["error"]) == (429, "too_many_sends")
    assert len(demo.texts_to(ada)) == 3
    ways = (await demo.api("GET", f"/api/v1/contacts/{ada.id}/methods")).json["items"]
    by_text = next(way for way in ways if way["method"] == "sms_code")
    assert (by_text["state"], by_text["why"]) == ("not_possible", "too_many_sends")
    assert by_text["not_before"] == refused.json["not_before"]
    assert (await ask(demo, ada, "email_code")).status == 201, "the mailbox is another destination"


async def test_an_answered_one_is_given_back(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    for round_ in range(5):
        id = await asked(demo, ada)
        assert (await check(demo, id, code_in(demo.texts_to(ada)[round_]))).status == 200


async def test_a_newer_one_takes_the_place_of_the_older(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    first = await asked(demo, ada, who="theo")
    second = await asked(demo, ada, "email_code")
    old = await shown(demo, first)
    assert (old["state"], old["reason"]) == ("expired", "superseded")
    assert (await check(demo, first, code_in(demo.texts_to(ada)[0]), who="theo")).json["error"] == "verification_over"
    assert (await check(demo, second, code_in(demo.texts_to(ada)[0]))).json["error"] == "wrong_code"
    assert (await check(demo, second, code_in(mails_to(demo, ada)[0]))).status == 200


async def test_taken_back(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada, ticket=ada.open_ticket)
    assert (await act(demo, id, "cancel", who="theo")).json["error"] == "not_your_verification"
    over = await act(demo, id, "cancel")
    assert (over.json["state"], over.json["reason"]) == ("expired", "cancelled")
    assert (await check(demo, id, code_in(demo.texts_to(ada)[0]))).json["error"] == "verification_over"
    assert await steps(demo, id) == ["euv.ask", "euv.cancel", "euv.cancel", "euv.refuse_when_over"]


async def test_a_ticket_is_linked_afterwards(demo: DemoHouse) -> None:
    ada, ben, eve = demo.contact("ada"), demo.contact("ben"), demo.contact("eve")
    id = await asked(demo, ada)
    await check(demo, id, code_in(demo.texts_to(ada)[0]))
    assert (await shown(demo, id))["logged"] == "waits_for_ticket"
    assert (await act(demo, id, "ticket", {"ticket": eve.open_ticket})).json["error"] == "ticket_of_other_client"
    assert (await act(demo, id, "ticket", {"ticket": ben.open_ticket})).json["error"] == "address_note_required"
    assert (await act(demo, id, "ticket", {"ticket": "none such"})).json["error"] == "ticket_not_found"
    linked = await act(demo, id, "ticket", {"ticket": ada.open_ticket})
    assert (linked.status, linked.json["ticket"], linked.json["logged"]) == (200, ada.open_ticket, "written")
    assert "VERIFIED" in (await demo.notes(ada.open_ticket))[0]
    assert (await shield(demo, ada))["ticket"] == ada.open_ticket


@pytest.mark.feature("EV-32", "EV-33", "SEC-12")
async def test_another_persons_ticket_needs_a_note_where_the_policy_says_so(demo: DemoHouse) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    bare = await ask(demo, ada, ticket=ben.open_ticket)
    assert (bare.status, bare.json["error"]) == (422, "address_note_required")
    assert (await ask(demo, ada, ticket=ben.open_ticket, note="  ok   ")).status == 422
    assert demo.texts_to(ada) == []
    id = await asked(demo, ada, ticket=ben.open_ticket, note="Ada stands in for Ben this week")
    made = await shown(demo, id)
    assert (made["other_contact"], made["note"]) == (True, "Ada stands in for Ben this week")
    await check(demo, id, code_in(demo.texts_to(ada)[0]))
    assert "Ada stands in for Ben this week" in (await demo.notes(ben.open_ticket))[0]
    await policy(demo, note_required=False)
    assert (await ask(demo, ada, ticket=ben.open_ticket)).status == 201


@pytest.mark.feature("VP-01")
async def test_each_client_has_its_own_policy(demo: DemoHouse) -> None:
    ada, eve = demo.contact("ada"), demo.contact("eve")
    acme = (await demo.api("GET", f"/api/v1/contacts/{ada.id}")).json["client_id"]
    strict = Policy(methods=(Method.EMAIL_CODE,))
    await demo.settings(lambda s: replace(s, client_policies={acme: strict}))
    assert (await ask(demo, ada)).json["error"] == "method_not_allowed"
    assert (await ask(demo, ada, "email_code")).status == 201
    assert (await ask(demo, eve)).status == 201
    ways = (await demo.api("GET", f"/api/v1/contacts/{ada.id}/methods")).json["items"]
    assert [way["method"] for way in ways] == ["email_code"]


@pytest.mark.feature("SEC-09")
async def test_risky_work_by_a_weak_method_is_written_down_or_refused(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada, action="high", ticket=ada.open_ticket)
    await check(demo, id, code_in(demo.texts_to(ada)[0]))
    done = await shown(demo, id)
    assert (done["state"], done["action"], done["enough"], done["good_for"]) == (
        "verified",
        "high",
        False,
        [Action.INFO, Action.STANDARD],
    )
    assert "NOT ENOUGH" in (await demo.notes(ada.open_ticket))[0].upper()
    await policy(demo, high_is="enforced")
    refused = await ask(demo, ada, action="high")
    assert (refused.status, refused.json["error"]) == (409, "assurance_too_low")
    assert (await ask(demo, ada, action="standard")).status == 201
    await policy(demo, info_needs=Assurance.CODE)
    id = await asked(demo, demo.contact("ben"), "email_code", action="info")
    await check(demo, id, code_in(mails_to(demo, demo.contact("ben"))[0]))
    assert (await shown(demo, id))["good_for"] == []
