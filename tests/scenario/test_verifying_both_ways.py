"""While somebody checks a caller, nobody asks them for a code: the interlock, what lifts it, and who may set it aside
(SEC-06)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.seeds import VERIFICATION_NUMBER
from storage.tenants import CarrierAccount
from tests.fixtures.demo_house import DemoHouse, Who, wrong
from tests.fixtures.verifying import EUV, ask, asked, check, code_in, mails_to, said_to, shield, shown, steps
from tests.fixtures.web_house import House, OpenWeb

REASON = "Her phone was stolen, the check was mine"
INTERLOCKED = ("sms_code", "sms_link", "email_code", "email_link", "voice_call")


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web() as opened:
        yield opened


async def off_duty(demo: DemoHouse, *who: Who) -> None:
    """These go off duty."""
    for one in who:
        assert (await demo.api("PATCH", "/api/v1/profile", {"on_duty": False}, who=one)).status == 200


async def reasons(demo: DemoHouse, id: str) -> list[str]:
    """Why each way to verify the contact cannot be used now, by those that are set up."""
    ways = (await demo.api("GET", f"/api/v1/contacts/{id}/methods")).json["items"]
    return [way["why"] for way in ways if way["state"] != "not_set_up"]


@pytest.mark.feature("SEC-06", "EV-01")
@pytest.mark.parametrize("method", INTERLOCKED)
@pytest.mark.parametrize("state", ["open", "claimed"])
async def test_nobody_is_asked_who_is_checking_a_caller(demo: DemoHouse, method: str, state: str) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    if state == "claimed":
        await demo.claim(id, who="theo")
    before = len(demo.world.outbox())
    refused = await ask(demo, ada, method)
    assert (refused.status, refused.json["error"]) == (409, "direction_conflict")
    assert "not_before" not in refused.json, "nobody knows when an open check ends"
    assert len(demo.world.outbox()) == before
    assert set(await reasons(demo, ada.id)) == {"direction_conflict"}
    (line,) = await demo.audit("kind=euv.")
    assert (line["kind"], line["facts"]["refused"]) == ("euv.act_refused", "direction_conflict")


@pytest.mark.feature("SEC-06")
@pytest.mark.parametrize("how", ["denied", "alarm", "rejected", "expired"])
async def test_ten_minutes_after_a_check_went_wrong(demo: DemoHouse, how: str) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    if how == "denied":
        await demo.text(ada, "#deny")
    elif how == "alarm":
        await demo.text(ada, "#confirm")
        await demo.text(ada, "#confirm")
    elif how == "rejected":
        await demo.claim(id)
        await demo.act(id, "reject", {"reason": "Wrong person"})
    else:
        await demo.advance(600)
    assert (await demo.check(id))["state"] == how
    refused = await ask(demo, ada)
    assert (refused.json["error"], refused.json["not_before"][-1]) == ("direction_conflict", "Z")
    await demo.advance(595)
    assert (await ask(demo, ada)).json["error"] == "direction_conflict"
    await demo.advance(6)
    assert (await ask(demo, ada)).status == 201


@pytest.mark.feature("SEC-06", "SEC-05")
async def test_who_was_just_checked_may_ask_and_is_named(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    await demo.text(ada, "#confirm")
    assert (await demo.check(id))["assurance"] == "compare"
    assert (await ask(demo, ada, ticket=ada.open_ticket, who="theo")).json["error"] == "direction_conflict"
    assert (await ask(demo, ada)).json["error"] == "direction_conflict", "another ticket is another matter"
    mine = await asked(demo, ada, ticket=ada.open_ticket)
    assert (await shown(demo, mine))["lifted_by"] == id
    text = demo.texts_to(ada)[-1]
    assert "Dana, whom you just checked, asks for this code" in text
    assert (await check(demo, mine, code_in(text))).status == 200
    await demo.advance(601)
    assert (await shown(demo, await asked(demo, ada, ticket=ada.open_ticket)))["lifted_by"] is None
    assert "whom you just checked" not in demo.texts_to(ada)[-1]


@pytest.mark.feature("SEC-06")
async def test_a_spoken_yes_lifts_nothing(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id)
    await demo.act(id, "verbal", {"note": "She said yes out loud"})
    assert (await ask(demo, ada)).json["error"] == "direction_conflict"


@pytest.mark.feature("SEC-06")
async def test_a_check_that_begins_while_we_are_asking(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    mine = await asked(demo, ada)
    id = await demo.verify(ada)
    warned = demo.texts_to(ada)[-1]
    assert "We ALSO just sent you a code" in warned
    assert ((await demo.check(id))["state"], (await shown(demo, mine))["state"]) == ("open", "sent"), "both are shown"
    both = (await demo.api("GET", f"/api/v1/contacts/{ada.id}/verifications")).json["items"]
    assert {item["kind"]: item["id"] for item in both} == {"technician": id, "end_user": mine}
    await demo.advance(31)
    again = await demo.api("POST", f"{EUV}/{mine}/resend")
    assert again.json["error"] == "direction_conflict"
    assert (await check(demo, mine, code_in(demo.texts_to(ada)[0]))).status == 200, "what is out may be answered"


@pytest.mark.feature("SEC-07", "SEC-08")
async def test_the_code_of_a_check_never_counts_here(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    mine = await asked(demo, ada)
    id = await demo.verify(ada)
    theirs = (await demo.claim(id, who="theo")).json["code"]
    tried = await check(demo, mine, theirs)
    assert (tried.status, tried.json["error"], tried.json["tries_left"]) == (422, "cross_purpose_code", 4)
    assert "cross_purpose" in await demo.alerts()
    assert (await demo.audit(f"check_id={mine}&kind=euv."))[-1]["facts"]["refused"] == "cross_purpose_code"
    assert (await demo.check(id))["state"] == "claimed"
    # And the other way round: the code that we have sent is none for the check.
    await demo.text(ada, f"#confirm {code_in(demo.texts_to(ada)[0])}")
    assert (await demo.check(id))["state"] == "claimed"
    assert (await check(demo, mine, code_in(demo.texts_to(ada)[0]))).status == 200


@pytest.mark.feature("SEC-06", "EV-44")
async def test_a_supervisor_sets_it_aside_with_a_reason(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await demo.verify(ada)
    refusals: tuple[tuple[Who, str, str], ...] = (
        ("dana", REASON, "override_not_allowed"),
        ("sam", "because", "override_reason_short"),
        ("sam", "  because  ", "override_reason_short"),
    )
    for who, reason, error in refusals:
        refused = await ask(demo, ada, who=who, override=reason)
        assert refused.json["error"] == error
    await demo.advance(31)
    mine = await asked(demo, ada, who="sam", override=REASON, ticket=ada.open_ticket)
    made = await shown(demo, mine, who="sam")
    assert made["override"] == {"reason": REASON, "alone": False}
    text = demo.texts_to(ada)[-1]
    assert "You ALSO asked to check a caller" in text
    assert "euv.override" in await steps(demo, mine)
    assert REASON not in str(await demo.audit("kind=euv.")), "what people wrote stays sealed"
    assert "override_to_review" not in await demo.alerts()
    assert (await check(demo, mine, code_in(text), who="sam")).status == 200
    assert REASON in (await demo.notes(ada.open_ticket))[0]


@pytest.mark.feature("SEC-06", "SEC-14")
async def test_the_only_one_on_duty_may_and_it_is_looked_at(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await demo.verify(ada)
    await off_duty(demo, "theo", "sam")
    assert (await ask(demo, ada, override=REASON)).json["error"] == "override_not_allowed", "Alex is there too"
    await off_duty(demo, "alex")
    await demo.advance(31)
    mine = await asked(demo, ada, override=REASON)
    assert (await shown(demo, mine))["override"] == {"reason": REASON, "alone": True}
    assert "override_to_review" in await demo.alerts()


async def test_a_reason_where_nothing_is_in_the_way_is_no_override(demo: DemoHouse) -> None:
    mine = await asked(demo, demo.contact("ada"), override=REASON)
    assert (await shown(demo, mine))["override"] is None


@pytest.mark.feature("SEC-14")
async def test_who_overrides_all_day_is_told_of(demo: DemoHouse) -> None:
    people = ("ada", "ben", "cleo", "dev", "eve", "finn")
    for name in people:
        await demo.verify(demo.contact(name))
        await demo.advance(31)
        assert "many_overrides" not in await demo.alerts()
        await asked(demo, demo.contact(name), who="sam", override=REASON)
    assert (await demo.alerts()).count("many_overrides") == 1


@pytest.mark.feature("SEC-34", "SEC-06")
async def test_an_override_takes_a_fresh_proof(house: House) -> None:
    ada, token = house.world.people[0], await house.log_in("supervisor")
    account = CarrierAccount(house.world.tenant_id, "AC" + "0" * 32, "a secret")
    await house.services.tenants.put_carrier_account(account, house.clock.now())
    await house.text(ada.mobile, "#verify")
    body = {"contact_id": ada.id, "method": "sms_code", "override": REASON}
    house.clock.advance(timedelta(seconds=301))
    stale = await house.ask("POST", EUV, bearer=token, body=body)
    assert (stale.status, stale.json["error"]) == (401, "step_up_required")
    fresh = await house.log_in("supervisor")
    assert (await house.ask("POST", EUV, bearer=fresh, body=body)).status == 201


@pytest.mark.feature("SEC-08", "SEC-15")
@pytest.mark.parametrize("method", INTERLOCKED)
async def test_deny_by_text_ends_it_and_everything_that_was_green(demo: DemoHouse, method: str) -> None:
    ada = demo.contact("ada")
    before = await asked(demo, ada, "voice_call" if method == "email_code" else "email_code")
    first = mails_to(demo, ada)[-1] if method != "email_code" else str(demo.world.outbox()[0].text)
    await check(demo, before, code_in(first))
    await demo.advance(31)
    mine = await asked(demo, ada, method, ticket=ada.open_ticket)
    await demo.text(ada, "#deny")
    over = await shown(demo, mine)
    assert (over["state"], over["reason"]) == ("denied", "text")
    assert "that code or link is dead" in demo.texts_to(ada)[-1]
    assert await demo.alerts() == ["euv_denied"]
    assert (await shield(demo, ada))["state"] == (await shield(demo, ada, "email"))["state"] == "red"
    assert "DENIED" in (await demo.notes(ada.open_ticket))[0]
    if method.endswith("code"):
        said = mails_to(demo, ada)[-1] if method == "email_code" else demo.texts_to(ada)[-2]
        assert (await check(demo, mine, code_in(said))).json["error"] == "verification_over"
    for other in INTERLOCKED:
        refused = await ask(demo, ada, other)
        assert (refused.status, refused.json["error"]) == (409, "denied_lately")
        assert refused.json["not_before"].endswith("Z")
    await demo.advance(1790)
    assert (await ask(demo, ada)).json["error"] == "denied_lately"
    await demo.advance(15)
    assert (await ask(demo, ada)).status == 201


@pytest.mark.feature("SEC-08")
async def test_deny_of_both_at_once(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    mine = await asked(demo, ada)
    id = await demo.verify(ada)
    said = len(demo.texts_to(ada))
    await demo.text(ada, "#deny")
    assert ((await demo.check(id))["state"], (await shown(demo, mine))["state"]) == ("denied", "denied")
    assert len(demo.texts_to(ada)) == said + 1, "one answer and not two"
    assert sorted(await demo.alerts()) == ["denied", "euv_denied"]


@pytest.mark.feature("SEC-15")
@pytest.mark.parametrize("how", ["denied", "alarm"])
async def test_green_ends_with_a_denied_check_or_an_alarm(demo: DemoHouse, how: str) -> None:
    ada = demo.contact("ada")
    mine = await asked(demo, ada)
    await check(demo, mine, code_in(demo.texts_to(ada)[0]))
    assert (await shield(demo, ada))["state"] == "green"
    id = await demo.verify(ada)
    assert (await shield(demo, ada))["state"] == "green"
    for words in ("#deny",) if how == "denied" else ("#confirm", "#confirm"):
        await demo.text(ada, words)
    assert (await demo.check(id))["state"] == how
    assert (await shield(demo, ada))["state"] == "red"
    assert (await shown(demo, mine))["state"] == "verified", "that it was shown stays on record"


@pytest.mark.feature("SEC-40")
async def test_stop_ends_what_went_to_that_number(demo: DemoHouse) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    by_text, by_mail = await asked(demo, ada), await asked(demo, ben, "email_code")
    await demo.text(ada, "STOP")
    await demo.text(ben, "STOP")
    over = await shown(demo, by_text)
    assert (over["state"], over["reason"]) == ("expired", "opted_out")
    assert (await shown(demo, by_mail))["state"] == "sent", "a mailbox has nothing to do with it"
    refused = await ask(demo, ada)
    assert (refused.status, refused.json["error"]) == (409, "opted_out")
    assert (await ask(demo, ada, "email_code")).status == 201


@pytest.mark.feature("SEC-07")
async def test_no_text_of_theirs_verifies_anybody(demo: DemoHouse) -> None:
    """The code is said to a person; a text that holds it proves nothing about who is on the phone."""
    ada = demo.contact("ada")
    mine = await asked(demo, ada)
    code = code_in(demo.texts_to(ada)[0])
    for words in (code, f"#confirm {code}", f"#verify {code}", f"my code is {code}"):
        await demo.text(ada, words)
    assert (await shown(demo, mine))["state"] == "sent"
    assert (await check(demo, mine, wrong(code))).json["tries_left"] == 4


@pytest.mark.feature("SEC-08", "SEC-15")
@pytest.mark.parametrize("method", ["sms_code", "email_code", "voice_call"])
async def test_deny_by_text_after_somebody_was_verified(demo: DemoHouse, method: str) -> None:
    """They read the code to whoever had called them, and then it dawned on them."""
    ada = demo.contact("ada")
    mine = await asked(demo, ada, method, ticket=ada.open_ticket)
    await check(demo, mine, code_in(said_to(demo, ada)[-1]))
    await demo.advance(3600)
    before = len(demo.texts_to(ada))
    await demo.text(ada, "#deny")
    assert await demo.alerts() == ["euv_denied"]
    assert "WARNING" in (await demo.notes(ada.open_ticket))[-1]
    (told,) = demo.texts_to(ada)[before:]
    assert "we have been alerted" in told
    assert (await shown(demo, mine))["state"] == "verified"
    assert (await steps(demo, mine))[-1] == "euv.disown_afterwards"
    await demo.text(ada, "#deny")
    assert await demo.alerts() == ["euv_denied"], "the alarm is raised once"
    assert (await ask(demo, ada)).json["error"] == "denied_lately"
    await demo.advance(1801)
    assert (await ask(demo, ada)).status == 201


async def test_deny_a_day_later_is_about_nothing(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    mine = await asked(demo, ada)
    await check(demo, mine, code_in(demo.texts_to(ada)[0]))
    await demo.advance(24 * 3600)
    await demo.text(ada, "#deny")
    assert await demo.alerts() == []
    assert "No check is open" in demo.texts_to(ada)[-1]


@pytest.mark.feature("SEC-15")
async def test_a_check_that_is_denied_late_ends_what_is_green(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    await demo.text(ada, "#confirm")
    mine = await asked(demo, ada, ticket=ada.open_ticket)
    await check(demo, mine, code_in(demo.texts_to(ada)[-1]))
    assert (await shield(demo, ada))["state"] == "green"
    await demo.text(ada, "#deny")
    assert (await shield(demo, ada))["state"] == "red"
    assert sorted(await demo.alerts()) == ["euv_denied", "late_deny"]
    assert (await demo.check(id))["state"] == "confirmed"


@pytest.mark.feature("SEC-06")
async def test_both_directions_at_the_same_moment(demo: DemoHouse) -> None:
    """Whichever is first: the code is not sent, or they are warned."""
    token = await demo.token("dana")
    for contact in demo.seeded.contacts:
        body = {"contact_id": contact.id, "method": "sms_code"}
        answer, _ = await asyncio.gather(
            demo.ask("POST", EUV, body, bearer=token),
            demo.world.carrier.text(contact.mobile, VERIFICATION_NUMBER, "#verify"),
        )
        await demo.idle()
        texts = demo.texts_to(contact)
        if answer.status == 201:
            assert any("We ALSO just sent you a code" in text for text in texts), contact.name
        else:
            assert answer.json["error"] in ("direction_conflict", "too_many_sends")
            assert len(texts) == 1
