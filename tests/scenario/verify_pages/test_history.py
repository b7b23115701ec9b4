"""What was asked before: in the panel, as many as the policy says, and in the history, in sentences."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from dialogs.user_verify import Policy
from tests.fixtures.forms import send, words
from tests.fixtures.verify_desk import code_of, other_than, read, set_policy, start
from tests.fixtures.web_house import House


@pytest.mark.feature("EV-29", "EV-30", "EV-31")
async def test_the_history_is_as_long_as_the_policy_says_newest_first(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    await set_policy(house, Policy(history_length=2))
    for method in ("sms_code", "sms_link", "email_code"):
        row = await start(house, cookie, ada, method)
        await send(house, cookie, f"/verifications/{row.id}/cancel")
        house.clock.advance(timedelta(minutes=5))
    page = await read(house, cookie, f"/contacts/{ada.id}")
    panel = re.search(r'<details class="history" id="verifications"><summary>(.*?)</details>', page.text, re.DOTALL)
    assert panel is not None, "a panel that opens and closes, closed at first"
    said = unescape(re.sub(r"<[^>]+>", " ", panel[1]))
    assert "Verifications (2)" in said
    assert said.index("Code by mail") < said.index("Link by text")
    assert "Code by text" not in said, "the oldest is beyond the length"
    assert said.count("Taken back") == 2
    assert said.count("by Technician") == 2
    opened = await read(house, cookie, f"/contacts/{ada.id}/verify")
    assert '<details class="history" id="verifications" open>' in opened.text


@pytest.mark.feature("EV-44")
async def test_the_history_tells_it_in_sentences_and_leads_to_the_panel(house: House) -> None:
    cookie, ada = await house.log_in("technician", "cookie"), house.world.people[0]
    row = await start(house, cookie, ada)
    code = await code_of(house, row.id)
    for typed in (other_than(code), code):
        await send(house, cookie, f"/verifications/{row.id}/check", code=typed)
    await house.place_lines()
    page = await read(house, cookie, "/history")
    for said in (
        "Technician asked Ada Bishop to show who they are",
        "by: Code by text",
        "for: usual help",
        "Technician typed a wrong code of Ada Bishop",
        "Ada Bishop is verified: Technician typed the right code",
    ):
        assert said in words(page), said
    assert code not in page.text
    story = await house.ask("GET", f"/history/checks/{row.id}", cookie=cookie)
    assert (story.status, story.headers["Location"]) == (303, f"/verifications/{row.id}")
    there = await house.ask("GET", f"/verifications/{row.id}", cookie=cookie)
    assert (there.status, there.headers["Location"]) == (303, f"/contacts/{ada.id}/verify")
    other = await house.log_in("other_admin", "cookie")
    assert (await house.ask("GET", f"/history/checks/{row.id}", cookie=other)).status == 404
