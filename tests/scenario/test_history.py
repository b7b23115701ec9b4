"""What is kept of every check, whatever became of it, and who may read what of it."""

from __future__ import annotations

import json

import pytest

from bot.seeds import SHARED_MOBILE, VERIFICATION_NUMBER
from tests.fixtures.demo_house import TV, DemoHouse, code_in

ENDINGS = {
    "ada": "confirmed",
    "ben": "denied",
    "cleo": "rejected",
    "dev": "superseded",
    "eve": "alarm",
    "finn": "expired",
}


@pytest.mark.feature("TV-16", "SEC-56", "TV-22", "TV-23", "TV-24")
async def test_every_check_is_kept_with_its_end(demo: DemoHouse) -> None:
    ids, codes = {}, []
    for name in ENDINGS:
        contact = demo.contact(name)
        ids[name] = await demo.verify(contact)
        if name != "eve":
            codes.append((await demo.claim(ids[name], ticket=contact.open_ticket or "later")).json["code"])
    await demo.text(demo.contact("ada"), "#confirm")
    await demo.text(demo.contact("ben"), "#deny")
    await demo.act(ids["cleo"], "reject", {"reason": "Meant somebody else"})
    await demo.text(demo.contact("dev"), "#verify")
    await demo.text(demo.contact("eve"), "#confirm")
    await demo.text(demo.contact("eve"), "#confirm")
    await demo.advance(601)

    for name, state in ENDINGS.items():
        contact = demo.contact(name)
        path = f"/api/v1/contacts/{contact.id}/verifications"
        of_contact = (await demo.api("GET", path, who="theo")).json["items"]
        assert state in [row["state"] for row in of_contact]
        of_state = (await demo.api("GET", f"{TV}?state={state}", who="theo")).json["items"]
        assert ids[name] in [row["id"] for row in of_state]
        rows = await demo.audit(f"check_id={ids[name]}&kind=tv.")
        assert rows[0]["kind"] == "tv.issue_code"
        assert rows[0]["facts"]["after"] == "open"
        assert state in [row["facts"].get("after") for row in rows]
        assert all(row["contact_id"] == contact.id and row["seq"] and row["at"] for row in rows)
    kept = json.dumps(await demo.audit(""))
    assert "Meant somebody else" not in kept, "what people wrote stays sealed"
    assert not any(code in kept for code in codes)
    assert not any(demo.contact(name).mobile[-8:] in kept for name in ENDINGS)
    outcomes = {
        "ada": "confirmed by the user",
        "ben": "DENIED by the user",
        "dev": "replaced by a newer check",
        "finn": "not confirmed in time",
    }
    for name, outcome in outcomes.items():
        notes = await demo.notes(demo.contact(name).open_ticket)
        assert [outcome in note for note in notes] == [True], name


@pytest.mark.feature("TV-33", "TV-23")
async def test_asking_again_on_an_announced_call_claims_itself_again(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await demo.announce(ada)
    first = await demo.check(await demo.verify(ada))
    second = await demo.check(await demo.verify(ada))
    assert (second["state"], second["announced"]) == ("claimed", True)
    assert second["id"] != first["id"]
    text = demo.texts_to(ada)[1]
    assert "NEW code" in text
    assert "Dana" in text
    assert code_in(text) == second["code"]


@pytest.mark.feature("TV-33", "TV-09")
async def test_an_announcement_picks_one_of_several_contacts(demo: DemoHouse) -> None:
    found = (await demo.api("GET", "/api/v1/contacts?q=Jon Kerr")).json["items"]
    body = {"contact_id": found[0]["id"], "direction": "remote_session", "ticket": "new", "notify": False}
    assert (await demo.api("POST", "/api/v1/announced-calls", body)).status == 201
    await demo.text(SHARED_MOBILE, "#verify")
    (text,) = demo.texts_to(SHARED_MOBILE)
    assert "REMOTE SESSION" in text
    (row,) = (await demo.api("GET", f"{TV}?live=true")).json["items"]
    assert (row["state"], row["contact_name"], row["code"]) == ("claimed", "Jon Kerr", code_in(text))
    await demo.text(SHARED_MOBILE, "#confirm")
    made = (await demo.check(row["id"]))["ticket"]
    assert ["confirmed by the user" in note for note in await demo.notes(made)] == [True]


@pytest.mark.feature("SEC-33", "Y-04")
async def test_a_technician_signs_in_by_api_and_claims(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    signed_in = await demo.login("theo")
    assert signed_in.status == 201, signed_in.text
    claimed = await demo.ask(
        "POST",
        f"{TV}/{id}/claim",
        {"direction": "on_site", "ticket": ada.open_ticket},
        bearer=signed_in.json["token"],
    )
    assert (claimed.status, claimed.json["code"]) == (200, code_in(demo.texts_to(ada)[0]))
    assert (await demo.login("theo")).status == 401, "a code of the authenticator works once"
    unsigned = await demo.ask("GET", f"{TV}/{id}")
    assert (unsigned.status, unsigned.json["error"]) == (401, "sign_in_required")


@pytest.mark.feature("TV-30")
async def test_the_self_test_runs_in_the_simulator(demo: DemoHouse) -> None:
    """Text #verify from one of the phones and see the code come back on it, without any account."""
    ada = demo.contact("ada")
    phone = {"from": ada.mobile, "to": VERIFICATION_NUMBER}
    for words in ("#verify", "#deny"):
        sent = await demo.ask("POST", "/simulator/text", {**phone, "text": words})
        assert (sent.status, sent.json["webhook_status"]) == (200, 200)
        await demo.idle()
    shown = await demo.ask("GET", f"/simulator/state?phone={ada.mobile.replace('+', '%2B')}")
    own, code, deny, ended = [bubble["text"] for bubble in shown.json["talk"]]
    assert (own, deny) == ("#verify", "#deny")
    assert code == demo.texts_to(ada)[0]
    assert len(code_in(code)) == 6
    assert "HANG UP now" in ended
