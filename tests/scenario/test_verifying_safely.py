"""What must never happen at a verification of an end user, however hard somebody tries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from dialogs.settings import TenantSettings
from dialogs.turns import AuditEvent
from dialogs.user_verify import Policy
from simulator.carrier_records import Fault
from storage.contact_changes import AddressEdit
from storage.directory import NewAddress
from storage.erasure import erase
from storage.keys import Keyring
from storage.tenants import CarrierAccount
from tests.fixtures.addresses import put_address
from tests.fixtures.contents import everything
from tests.fixtures.demo_house import DemoHouse, Who, wrong
from tests.fixtures.verifying import (
    EUV,
    address_of,
    ask,
    asked,
    check,
    code_in,
    mails_to,
    said_to,
    shield,
    shown,
    token_in,
)
from tests.fixtures.web_house import House, OpenWeb
from tests.fixtures.world import MASTER_KEY

AN_ID = "01900000-0000-7000-8000-00000000dead"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    """Two tenants that can both send texts."""
    async with open_web() as opened:
        for n, world in enumerate((opened.world, opened.other)):
            account = CarrierAccount(world.tenant_id, f"AC{n:032d}", "a secret")
            await opened.services.tenants.put_carrier_account(account, opened.clock.now())
        yield opened


@pytest.mark.feature("SEC-11", "EV-06")
async def test_of_fifty_right_answers_at_once_one_counts(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada, ticket=ada.open_ticket)
    code, token = code_in(demo.texts_to(ada)[0]), await demo.token("dana")
    path = f"{EUV}/{id}/check"
    answers = await asyncio.gather(*(demo.ask("POST", path, {"code": code}, bearer=token) for _ in range(50)))
    assert sorted(a.status for a in answers) == [200] + [409] * 49
    assert {a.json["error"] for a in answers if a.status == 409} <= {"verification_over"}
    await demo.idle()
    assert len(await demo.notes(ada.open_ticket)) == 1
    assert [r["facts"]["after"] for r in await demo.audit(f"check_id={id}&kind=euv.")].count("verified") == 50


@pytest.mark.feature("SEC-11")
async def test_of_fifty_wrong_answers_at_once_five_count(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada)
    code, token = code_in(demo.texts_to(ada)[0]), await demo.token("dana")
    path, body = f"{EUV}/{id}/check", {"code": wrong(code)}
    answers = await asyncio.gather(*(demo.ask("POST", path, body, bearer=token) for _ in range(50)))
    said = sorted((a.status, a.json["error"], a.json["tries_left"]) for a in answers)
    assert said == [(409, "verification_over", 0)] * 45 + [(422, "wrong_code", left) for left in range(5)]
    assert (await check(demo, id, code)).json["error"] == "verification_over"


@pytest.mark.feature("SEC-11", "EV-23")
async def test_a_link_pressed_fifty_times_at_once(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada, "sms_link")
    token, verifying = token_in(demo.texts_to(ada)[0]), demo.house.services.verifying
    pages = await asyncio.gather(
        *(verifying.confirm_link(token) for _ in range(25)), *(verifying.look_at_link(token) for _ in range(25))
    )
    assert {page.state for page in pages if page is not None} <= {"live", "verified"}
    assert (await shown(demo, id))["state"] == "verified"
    lines = [r for r in await demo.audit(f"check_id={id}&kind=euv.") if r["facts"]["after"] != r["facts"]["before"]]
    assert [line["kind"] for line in lines] == ["euv.ask", "euv.confirm_link"]


@pytest.mark.feature("SEC-07")
async def test_codes_count_for_what_they_were_sent_for_and_nothing_else(demo: DemoHouse) -> None:
    """Every code at every verification, and at every check of a caller."""
    names = ("ada", "ben", "cleo")
    made: dict[str, tuple[str, str]] = {}
    for name in names:
        contact = demo.contact(name)
        by = "email_code" if name == "cleo" else "sms_code"
        id = await asked(demo, contact, by, ticket=contact.open_ticket or "later")
        made[name] = (id, code_in(said_to(demo, contact)[-1]))
    checks = {}
    for name in ("dev", "eve"):
        id = await demo.verify(demo.contact(name))
        checks[name] = (id, str((await demo.claim(id)).json["code"]))
    for mine, other in permutations(names, 2):
        if made[other][1] != made[mine][1]:
            answer = await check(demo, made[mine][0], made[other][1])
            assert answer.json["error"] == "wrong_code"
    for _, code in checks.values():
        # Of another person, so it is just a wrong one.
        assert (await check(demo, made["ada"][0], code)).json["error"] == "wrong_code"
    for name, (id, code) in checks.items():
        for _, theirs in made.values():
            if theirs != code:
                await demo.text(demo.contact(name), f"#confirm {theirs}")
        assert (await demo.check(id))["state"] == "claimed"
    for id, code in made.values():
        for who in ("theo", "sam", "alex"):
            answer = await check(demo, id, code, who=who)
            assert answer.json["error"] == "not_your_verification"
        assert (await check(demo, id, code)).status == 200
        again = await asked(demo, demo.contact("finn"), "email_code") if id == made["ada"][0] else ""
        if again:
            assert (await check(demo, again, code)).json["error"] in ("wrong_code",)


@pytest.mark.feature("SEC-07", "SEC-36", "SEC-37")
async def test_another_tenants_verification_is_one_that_is_not_there(house: House) -> None:
    ada, mine, other = house.world.people[0], await house.log_in("technician"), await house.log_in("other_admin")
    made = await house.ask("POST", EUV, bearer=mine, body={"contact_id": ada.id, "method": "sms_code"})
    assert made.status == 201, made.text
    id = made.json["id"]
    said = set()
    for wanted in (id, AN_ID, "x", id.upper(), "..%2f" + id, id + "0", "%20"):
        for method, verb, body in (
            ("GET", "", None),
            ("POST", "/check", {"code": "123456"}),
            ("POST", "/resend", None),
            ("POST", "/cancel", None),
            ("POST", "/ticket", {"ticket": "1"}),
        ):
            answer = await house.ask(method, f"{EUV}/{wanted}{verb}", bearer=other, body=body)
            if verb == "/ticket":
                assert answer.status == 404
                continue
            assert answer.status == 404, (wanted, verb, answer.text)
            said.add(answer.json["error"])
    assert said == {"not_found", "verification_not_found"}
    assert (await house.ask("GET", EUV, bearer=other)).json["items"] == []
    assert (await house.ask("GET", f"{EUV}/{id}", bearer=mine)).json["state"] == "sent"


@pytest.mark.feature("SEC-12", "SEC-36")
async def test_only_an_address_of_that_very_contact_is_asked(house: House) -> None:
    ada, ben, mine = house.world.people[0], house.world.people[1], await house.log_in("technician")

    async def start(**body: object) -> tuple[int, str]:
        answer = await house.ask("POST", EUV, bearer=mine, body={"contact_id": ada.id, "method": "sms_code", **body})
        return answer.status, answer.json.get("error", "")

    theirs = (await house.ask("GET", f"/api/v1/contacts/{ben.id}", bearer=mine)).json["addresses"][0]["id"]
    own = {
        a["kind"]: a["id"]
        for a in (await house.ask("GET", f"/api/v1/contacts/{ada.id}", bearer=mine)).json["addresses"]
    }
    for address in (theirs, AN_ID, "+13105550199", "ada@evil.example", "' OR 1=1 --", "\u0661"):
        assert await start(address_id=address) == (422, "address_not_found"), address
    assert await start(contact_id=house.other.people[0].id) == (404, "contact_not_found")
    assert await start(contact_id=AN_ID) == (404, "contact_not_found")
    assert await start(contact_id="x") == (404, "contact_not_found")
    assert await start(method="carrier_pigeon") == (422, "method_unknown")
    assert await start(method="duo_push") == (409, "method_not_set_up")
    assert await start(method="email_code", address_id=own["mobile"]) in [
        (409, "no_mail_server"),
        (422, "method_needs_other_address"),
    ]
    assert await start(ticket="none such") == (404, "ticket_not_found")
    assert await start(action="root") == (422, "invalid")
    assert (await house.ask("GET", EUV, bearer=mine)).json["items"] == []


@pytest.mark.feature("SEC-12", "SEC-13", "EV-34")
async def test_another_number_of_theirs_or_a_new_one_needs_a_note(house: House) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    now = house.clock.now()
    second = NewAddress(house.services.random.new_id(now), "mobile", "+12135550177")
    await put_address(house.database, house.world.tenant_id, ada.id, second)
    body = {"contact_id": ada.id, "method": "sms_code", "address_id": second.id}
    bare = await house.ask("POST", EUV, bearer=mine, body=body)
    assert (bare.status, bare.json["error"]) == (422, "address_note_required")
    made = await house.ask("POST", EUV, bearer=mine, body={**body, "note": "She is abroad with the other phone"})
    assert (made.status, made.json["destination"], made.json["destination_is_default"]) == (201, "...0177", False)
    usual = {"contact_id": ada.id, "method": "sms_code"}
    house.clock.advance(timedelta(seconds=31))
    assert (await house.ask("POST", EUV, bearer=mine, body=usual)).status == 201

    first = (await house.ask("GET", f"/api/v1/contacts/{ada.id}", bearer=mine)).json["addresses"]
    own = next(a for a in first if a["kind"] == "mobile" and a["default"])
    event = AuditEvent(
        house.services.random.new_id(now), house.clock.now(), "contact.address_changed", contact_id=ada.id
    )
    edit = AddressEdit("changed", own["id"], "mobile", own["value"], "+12135550188")
    changed = await house.services.contact_acts.edit_address(house.world.tenant_id, ada.id, edit, event)
    assert changed.refused == ""
    ended = await house.ask("GET", EUV, bearer=mine)
    assert [row["state"] for row in ended.json["items"]] == ["expired", "expired"]
    house.clock.advance(timedelta(days=6, hours=23))
    token = await house.log_in("technician")
    new = await house.ask("POST", EUV, bearer=token, body=usual)
    assert (new.status, new.json["error"]) == (422, "address_note_required")
    house.clock.advance(timedelta(hours=2))
    token = await house.log_in("technician")
    assert (await house.ask("POST", EUV, bearer=token, body=usual)).status == 201


@pytest.mark.feature("SEC-11", "SEC-14")
async def test_a_method_locks_after_ten_wrong_codes_and_an_admin_opens_it(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    for _ in range(2):
        id = await asked(demo, ada)
        code = code_in(demo.texts_to(ada)[-1])
        for _ in range(5):
            await check(demo, id, wrong(code))
        await demo.advance(31)
    assert "many_wrong_codes" not in await demo.alerts(), "ten are thought nothing of"
    locked = await ask(demo, ada)
    assert (locked.status, locked.json["error"]) == (429, "method_locked")
    assert locked.json["not_before"].endswith("Z")
    by_mail = await asked(demo, ada, "email_code")
    await check(demo, by_mail, wrong(code_in(mails_to(demo, ada)[0])))
    assert (await demo.alerts()).count("many_wrong_codes") == 1
    await check(demo, by_mail, wrong(code_in(mails_to(demo, ada)[0])))
    assert (await demo.alerts()).count("many_wrong_codes") == 1, "told of once"
    path = f"/api/v1/contacts/{ada.id}/methods/sms_code/unlock"
    assert (await demo.api("POST", path, who="dana")).status == 403
    assert (await demo.api("POST", path, who="sam")).status == 403
    opened = await demo.api("POST", path, who="alex")
    assert next(w for w in opened.json["items"] if w["method"] == "sms_code")["why"] != "method_locked"
    assert (await ask(demo, ada)).status == 201
    (line,) = await demo.audit("kind=euv.unlocked")
    assert line["facts"] == {"method": "sms_code"}


@pytest.mark.feature("SEC-14")
@pytest.mark.parametrize(
    "field", ["verified", "state", "assurance", "technician_id", "tenant_id", "code", "digest", "green_until", "alone"]
)
async def test_no_field_more_than_declared_is_taken(house: House, field: str) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    wish = {"contact_id": ada.id, "method": "sms_code"}
    refused = await house.ask("POST", EUV, bearer=mine, body={**wish, field: True})
    assert (refused.status, refused.json["error"]) == (422, "invalid")
    id = (await house.ask("POST", EUV, bearer=mine, body=wish)).json["id"]
    for verb, body in (("check", {"code": "123456"}), ("resend", {}), ("cancel", {}), ("ticket", {"ticket": "1"})):
        if field not in body:
            answer = await house.ask("POST", f"{EUV}/{id}/{verb}", bearer=mine, body={**body, field: True})
            assert (answer.status, answer.json["error"]) == (422, "invalid")
    unchanged = (await house.ask("GET", f"{EUV}/{id}", bearer=mine)).json
    assert (unchanged["state"], unchanged["assurance"], unchanged["green_until"]) == ("sent", None, None)
    for verb in ("verify", "verified", "verbal", "approve"):
        assert (await house.ask("POST", f"{EUV}/{id}/{verb}", bearer=mine, body={}, validate=False)).status == 404


@pytest.mark.feature("REL-02")
async def test_the_same_request_again_is_the_same_verification(house: House) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    wish, key = {"contact_id": ada.id, "method": "sms_code"}, {"Idempotency-Key": "one"}
    first = await house.ask("POST", EUV, bearer=mine, body=wish, headers=key)
    again = await house.ask("POST", EUV, bearer=mine, body=wish, headers=key)
    assert (first.status, again.status, again.json["id"]) == (201, 201, first.json["id"])
    path, typed = f"{EUV}/{first.json['id']}/check", {"Idempotency-Key": "two"}
    for _ in range(3):
        answer = await house.ask("POST", path, bearer=mine, body={"code": "000000"}, headers=typed)
        assert (answer.status, answer.json["error"]) == (422, "wrong_code")
    assert (await house.ask("GET", f"{EUV}/{first.json['id']}", bearer=mine)).json["tries_left"] == 4


@pytest.mark.feature("REL-02", "SEC-43")
async def test_a_repeated_answer_tells_the_number_to_nobody_else(house: House) -> None:
    ada, mine = house.world.people[0], await house.log_in("technician")
    spoken = replace(TenantSettings(), policy=Policy(spoken_number=True))
    await house.services.tenants.change_settings(house.world.tenant_id, lambda _: spoken)
    wish, key = {"contact_id": ada.id, "method": "sms_link"}, {"Idempotency-Key": "one"}
    first = await house.ask("POST", EUV, bearer=mine, body=wish, headers=key)
    again = await house.ask("POST", EUV, bearer=mine, body=wish, headers=key)
    assert (first.status, again.json["id"]) == (201, first.json["id"])
    assert len(first.json["spoken_number"]) == 2
    assert again.json["spoken_number"] is None
    read = await house.ask("GET", f"{EUV}/{first.json['id']}", bearer=mine)
    assert read.json["spoken_number"] == first.json["spoken_number"]
    other = await house.log_in("supervisor")
    assert (await house.ask("GET", f"{EUV}/{first.json['id']}", bearer=other)).json["spoken_number"] is None


@pytest.mark.feature("SEC-39", "REL-04", "REL-05", "EV-44")
@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, code=20429, retry_after="2"),
        Fault(status=500, code=20500),
        Fault(status=503),
        Fault(status=504),
        Fault(drop=True),
        Fault(malformed=True),
    ],
    ids=["429", "500", "503", "504", "accepted then dropped", "malformed answer"],
)
async def test_a_carrier_in_trouble(demo: DemoHouse, fault: Fault) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(fault)
    id = await asked(demo, ada)
    accepted = fault.drop or fault.malformed
    seen = await shown(demo, id)
    assert (seen["state"], seen["delivery"]) == (
        "sent",
        "waiting" if not accepted and fault.status != 504 else "unclear",
    )
    await demo.advance(5)
    (text,) = demo.texts_to(ada)
    assert (await shown(demo, id))["delivery"] in ("delivered", "sent")
    assert (await check(demo, id, code_in(text))).status == 200


@pytest.mark.feature("EV-44", "REL-05")
@pytest.mark.parametrize(("code", "reason"), [(21610, "21610"), (21614, "21614"), (21408, "21408")])
async def test_what_the_carrier_will_never_send_is_an_error_at_once(demo: DemoHouse, code: int, reason: str) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(Fault(status=400, code=code))
    id = await asked(demo, ada, ticket=ada.open_ticket)
    over = await shown(demo, id)
    assert (over["state"], over["reason"], over["delivery"], over["delivery_error"]) == (
        "error",
        reason,
        "failed",
        reason,
    )
    assert "never arrived" in (await demo.notes(ada.open_ticket))[0]
    assert demo.texts_to(ada) == []
    assert (await ask(demo, ada, "email_code")).status == 201


@pytest.mark.feature("REL-05", "SEC-17")
async def test_a_code_whose_time_is_over_is_never_sent_late(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(*[Fault(status=503)] * 60)
    id = await asked(demo, ada)
    await demo.advance(301)
    over = await shown(demo, id)
    assert (over["state"], over["reason"]) == ("expired", "deadline")
    demo.world.carrier.fail_next()
    await demo.advance(3600)
    assert demo.texts_to(ada) == []


@pytest.mark.feature("REL-03")
async def test_what_was_replaced_is_not_sent_any_more(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(Fault(status=503, retry_after="20"))
    old = await asked(demo, ada)
    await demo.advance(10)
    by_mail = await asked(demo, ada, "email_code")
    await demo.advance(40)
    assert demo.texts_to(ada) == [], "the older one is dead, and so is its text"
    assert (await shown(demo, old))["reason"] == "superseded"
    assert (await check(demo, by_mail, code_in(mails_to(demo, ada)[0]))).status == 200


@pytest.mark.feature("EV-45", "SEC-20")
async def test_no_answer_ever_holds_the_code_or_the_link(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    who: tuple[Who, ...] = ("dana", "theo", "sam", "alex")
    for method in ("sms_code", "sms_link", "email_code", "email_link"):
        id = await asked(demo, ada, method, ticket=ada.open_ticket)
        said = said_to(demo, ada)[-1]
        secret = code_in(said) if method.endswith("code") else token_in(said)
        for one in who:
            for path in (
                f"{EUV}/{id}",
                EUV,
                f"/api/v1/contacts/{ada.id}",
                f"/api/v1/contacts/{ada.id}/verifications",
                f"/api/v1/contacts/{ada.id}/methods",
                f"/api/v1/tickets/{ada.open_ticket}",
                "/api/v1/audit?limit=200",
                "/api/v1/alerts",
            ):
                answer = await demo.api("GET", path, who=one)
                assert answer.status == 200
                assert secret not in answer.text
        assert secret.encode() not in await demo.contents()
        await demo.advance(31)


@pytest.mark.feature("SEC-43", "SEC-10")
async def test_the_two_digits_of_a_link(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await demo.settings(lambda s: replace(s, policy=replace(s.policy, spoken_number=True)))
    id = await asked(demo, ada, "sms_link")
    number = (await shown(demo, id))["spoken_number"]
    assert len(number) == 2
    assert (await shown(demo, id, who="theo"))["spoken_number"] is None
    assert number not in [item["spoken_number"] for item in (await demo.api("GET", EUV)).json["items"]]
    token, verifying = token_in(demo.texts_to(ada)[0]), demo.house.services.verifying
    bare = await verifying.confirm_link(token)
    assert bare is not None
    assert (bare.state, bare.types_number, bare.tries_left) == ("live", True, 3)
    for left in (2, 1):
        page = await verifying.confirm_link(token, number=wrong(number))
        assert page is not None
        assert (page.state, page.tries_left) == ("live", left)
    page = await verifying.confirm_link(token, number=f" {number} ")
    assert page is not None
    assert page.state == "verified"
    assert (await shown(demo, id))["assurance"] == "code"
    dead = await asked(demo, demo.contact("ben"), "sms_link")
    token = token_in(demo.texts_to(demo.contact("ben"))[0])
    number = (await shown(demo, dead))["spoken_number"]
    for typed in (wrong(number), "x", "1234567"):
        page = await verifying.confirm_link(token, number=typed)
    assert page is not None
    assert page.state == "failed"
    assert (await shown(demo, dead))["reason"] == "wrong_numbers"


@pytest.mark.feature("SEC-43")
@pytest.mark.parametrize("token", ["", "x", "A" * 42, "A" * 43, "A" * 44, "../../etc", "\x00" * 43, "é" * 43])
async def test_links_that_are_nobodys(demo: DemoHouse, token: str) -> None:
    verifying = demo.house.services.verifying
    assert await verifying.look_at_link(token) is None
    assert await verifying.confirm_link(token) is None
    assert await verifying.disown_link(token) is None


@pytest.mark.feature("SEC-08", "EV-24")
async def test_this_is_not_me_on_the_page(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await asked(demo, ada, "sms_link", ticket=ada.open_ticket)
    token, verifying = token_in(demo.texts_to(ada)[0]), demo.house.services.verifying
    page = await verifying.disown_link(token)
    await demo.idle()
    assert page is not None
    assert page.state == "denied"
    after = await verifying.confirm_link(token)
    assert after is not None
    assert after.state == "denied"
    assert ((await shown(demo, id))["state"], (await shown(demo, id))["reason"]) == ("denied", "page")
    assert await demo.alerts() == ["euv_denied"]
    assert (await ask(demo, ada)).json["error"] == "denied_lately"


@pytest.mark.feature("SEC-08", "SEC-15")
async def test_denied_after_it_was_verified(demo: DemoHouse) -> None:
    """Somebody else pressed Validate on their phone, and then they saw it."""
    ada = demo.contact("ada")
    id = await asked(demo, ada, "sms_link", ticket=ada.open_ticket)
    token, verifying = token_in(demo.texts_to(ada)[0]), demo.house.services.verifying
    await verifying.confirm_link(token)
    assert (await shield(demo, ada))["state"] == "green"
    await verifying.disown_link(token)
    await demo.idle()
    assert (await shield(demo, ada))["state"] == "red"
    assert await demo.alerts() == ["euv_denied"]
    assert (await shown(demo, id))["state"] == "verified"
    assert "WARNING" in (await demo.notes(ada.open_ticket))[-1]


@pytest.mark.feature("SEC-13", "SEC-15", "SEC-12")
async def test_whoever_is_given_another_name_has_shown_nothing_and_is_reached_on_new_numbers(demo: DemoHouse) -> None:
    """Somebody gives a record with a phone of theirs the name of a person whom technicians trust."""
    ada = demo.contact("ada")
    id = await asked(demo, ada, ticket=ada.open_ticket)
    assert (await check(demo, id, code_in(demo.texts_to(ada)[-1]))).status == 200
    path = f"/api/v1/contacts/{ada.id}"
    reordered = ", ".join(reversed(ada.name.split()))
    assert (await demo.api("PATCH", path, {"name": reordered})).status == 200
    assert (await shield(demo, ada))["state"] == "green", "the same name, written another way"
    running = await asked(demo, ada, "email_code")
    assert (await demo.api("PATCH", path, {"name": "Mal Mallory"})).status == 200
    assert (await shield(demo, ada))["state"] == "red"
    assert (await shown(demo, running))["state"] == "expired"
    assert (await ask(demo, ada)).json["error"] == "address_note_required"
    assert (await ask(demo, ada, note="Married, says HR")).status == 201, "nobody is locked out"
    (row,) = [row for row in await demo.audit("kind=contact.changed") if row["facts"].get("as_new")]
    assert (row["facts"]["ended"], row["facts"]["changed"]) == (1, "name")


async def test_lists_and_both_directions_of_a_contact_come_in_pages(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    made = []
    for round_ in range(3):
        made.append(await asked(demo, ada, "email_code"))
        await check(demo, made[-1], code_in(mails_to(demo, ada)[round_]))
        made.append(await demo.verify(ada))
        await demo.text(ada, "#deny")
        await demo.advance(1801)
    for path, wanted in (
        (f"/api/v1/contacts/{ada.id}/verifications?limit=4", made[::-1]),
        (f"/api/v1/contacts/{ada.id}/verifications?limit=1", made[::-1]),
        (f"{EUV}?limit=2", made[::2][::-1]),
        (f"{EUV}?limit=2&state=verified", made[::2][::-1]),
        (f"{EUV}?limit=2&state=failed", []),
    ):
        seen: list[str] = []
        following: str | None = ""
        while following is not None:
            page = (await demo.api("GET", f"{path}&after={following}")).json
            seen += [item["id"] for item in page["items"]]
            following = page["next"]
        assert seen == wanted, path
    bad = await demo.api("GET", f"{EUV}?after=nonsense")
    assert (bad.status, bad.json["error"]) == (422, "bad_cursor")


async def test_an_address_is_found_by_the_method_where_none_is_named(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    made = await demo.api("POST", EUV, {"contact_id": ada.id, "method": "email_code"})
    assert made.json["address_id"] == await address_of(demo, ada, "email")


@pytest.mark.feature("SEC-56", "REL-02")
async def test_answers_kept_for_repeats_are_forgotten_with_the_person(house: House) -> None:
    (ada, ben, *_), mine = house.world.people, await house.log_in("technician")
    for person, note in ((ada, "because of her broken leg"), (ben, "because of his new phone")):
        wish = {"contact_id": person.id, "method": "sms_code", "note": note}
        answer = await house.ask("POST", EUV, bearer=mine, body=wish, headers={"Idempotency-Key": person.id})
        assert answer.status == 201, answer.text
    assert "because of her broken leg" in repr(await everything(house.database))
    now, random = house.clock.now(), house.services.random
    tenant_id, keyring = house.world.tenant_id, Keyring([MASTER_KEY])
    await erase(house.database, keyring, tenant_id, ada.id, now, lambda: random.new_id(now))
    after = repr(await everything(house.database))
    assert "her broken leg" not in after
    assert "his new phone" in after
