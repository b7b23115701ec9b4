"""The carrier is asked about a number before a code goes there: what technicians see, and what they may still do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.seeds import DEMO_SLUG
from simulator.lookups import Manner
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.pages import words
from tests.fixtures.pod import Frame, sign_in
from tests.fixtures.verifying import ask, asked, check, code_in, shown

SIM, LINE = "sim_swap", "line_type_intelligence"
WARNING = "SIM swapped less than 7 days ago: not for high-risk work"


async def switch_on(demo: DemoHouse) -> None:
    await demo.settings(lambda now: replace(now, number_lookups="sim_swap"))


async def known(demo: DemoHouse, contact_id: str) -> dict[str, object]:
    """What the list of methods says of numbers, by method."""
    items = (await demo.api("GET", f"/api/v1/contacts/{contact_id}/methods")).json["items"]
    return {way["method"]: way["number_signals"] for way in items if way["number_signals"] is not None}


@pytest.mark.feature("SEC-42", "SEC-09")
async def test_a_swapped_sim_is_told_and_does_for_no_high_risk_work(demo: DemoHouse) -> None:
    ada, lookups = demo.contact("ada"), demo.world.lookups
    lookups.set_manner(ada.mobile, "swapped")
    await asked(demo, ada, action="high")
    assert not lookups.billed, "off by default"
    await switch_on(demo)
    await demo.advance(60)
    sent = demo.left()

    for method in ("sms_code", "sms_link", "voice_call"):
        refused = await ask(demo, ada, method, action="high", ticket=ada.open_ticket)
        assert (refused.status, refused.json["error"]) == (409, "sim_swapped")
    assert demo.left() == sent
    assert lookups.billed == {(ada.mobile, LINE): 1, (ada.mobile, SIM): 1}, "asked once, known for the rest of the day"
    swapped = {"line": "mobile", "sim": "swapped"}
    assert await known(demo, ada.id) == {"sms_code": swapped, "sms_link": swapped, "voice_call": swapped}
    assert (await ask(demo, ada, "email_link", action="high")).status == 201, "the mailbox is not that number"

    id = await asked(demo, ada, ticket=ada.open_ticket)
    assert (await check(demo, id, code_in(demo.texts_to(ada)[-1]))).status == 200
    assert (await shown(demo, id))["number_signals"] == swapped
    note = (await demo.notes(ada.open_ticket))[-1]
    assert "The carrier says: a mobile number; WARNING: its SIM was swapped less than 7 days ago\n" in note
    facts = [row["facts"] for row in await demo.audit(f"contact_id={ada.id}&kind=euv.")]
    assert [f for f in facts if f.get("refused") == "sim_swapped"] == [
        {"refused": "sim_swapped", "method": method} for method in ("sms_code", "sms_link", "voice_call")
    ]
    assert [(f["line"], f["sim"]) for f in facts if "sim" in f] == [("mobile", "swapped")]
    assert lookups.billed.total() == 2


@pytest.mark.feature("SEC-42")
async def test_what_nobody_knows_is_shown_and_stands_in_nobodys_way(demo: DemoHouse) -> None:
    await switch_on(demo)
    cases: tuple[tuple[str, Manner, str, str], ...] = (
        ("ada", "failing", "unknown", "unknown"),
        ("ben", "nothing", "unknown", "unknown"),
        ("cleo", "no_sim_data", "mobile", "unknown"),
        ("eve", "day_only", "mobile", "unknown"),
        ("finn", "voip", "voip", "unknown"),
        ("gita", "usual", "mobile", "unswapped"),
    )
    for name, manner, line, sim in cases:
        person = demo.contact(name)
        demo.world.lookups.set_manner(person.mobile, manner)
        id = await asked(demo, person, action="high", ticket=person.open_ticket)
        assert (await shown(demo, id))["number_signals"] == {"line": line, "sim": sim}, manner
        assert (await check(demo, id, code_in(demo.texts_to(person)[-1]))).status == 200
    finn = demo.contact("finn")
    assert await known(demo, finn.id), "internet numbers are marked, not banned"
    assert "kind of number is unknown; whether its SIM" in (await demo.notes(demo.contact("ada").open_ticket))[-1]
    assert await known(demo, demo.contact("ada").id) == {}, "a look-up that failed is tried again with the next code"


@pytest.mark.feature("SEC-42")
async def test_the_panel_says_it_before_and_after(demo: DemoHouse) -> None:
    ada, services = demo.contact("ada"), demo.house.services
    frame = Frame(demo.http, demo.house.settings.public_url, DEMO_SLUG)
    frame = await sign_in(frame, services, demo.seeded.tenant_id, demo.technician("dana").id, demo.house.clock)
    assert "SIM" not in words((await frame.open(ticket=ada.open_ticket or "")).text)
    set_line = {"phone": ada.mobile, "line": "swapped_undated"}
    assert (await demo.ask("POST", "/simulator/phone", set_line)).json["line"] == "swapped_undated"
    assert (await demo.ask("POST", "/simulator/phone", {**set_line, "line": "x"})).status == 422
    await switch_on(demo)
    await asked(demo, ada, ticket=ada.open_ticket)
    page = (await frame.open(ticket=ada.open_ticket or "")).text
    assert "data-number" in page
    assert words(page).count(WARNING) >= 2, "at what was sent, and at each way to that number"
    chosen = (await demo.ask("GET", f"/simulator?phone=%2B{ada.mobile[1:]}")).text
    assert '<option value="swapped_undated" selected>' in chosen
