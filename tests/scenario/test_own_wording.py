"""The tenant's own wording by screen: read back, counted, refused with the line and the reason, and used (SEC-05)."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from dialogs.texts import language_for
from tests.fixtures.pages import press
from tests.fixtures.pages import see as seen
from tests.fixtures.web_house import House, OpenWeb, Who
from web.pages import page_routes
from web.pages.errors import show_problem
from web.pages.settings.texts import MEANINGS

PATH = "/settings/texts/tv.code"
OURS = language_for("en").templates["tv.code"]


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def see(house: House, path: str, who: Who = "admin") -> str:
    """What stands on a page."""
    answer = await seen(house, path, who)
    assert answer.status == 200, answer.text
    return html.unescape(answer.text)


async def read_back(house: House, text: str) -> Any:
    """What the script of the page is told about a wording."""
    cookie = await house.log_in("admin", "cookie")
    raw = urlencode({"text": text}).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return (await house.ask("POST", f"{PATH}/preview", raw=raw, cookie=cookie, headers=headers)).json


async def own(house: House) -> dict[str, str]:
    tenant = await house.services.tenants.get(house.world.tenant_id)
    assert tenant is not None
    return dict(tenant.settings.texts)


def test_every_variable_of_every_text_is_explained() -> None:
    used = {name for template in language_for("en").templates.values() for name in template.variables}
    assert used == set(MEANINGS)


async def test_every_text_is_listed_and_opens(house: House) -> None:
    listed = await see(house, "/settings/texts")
    for template in language_for("en").templates.values():
        assert f"/settings/texts/{template.id}" in listed
        page = await see(house, f"/settings/texts/{template.id}")
        assert template.about in page
        for sentence in template.locked:
            assert sentence in page


async def test_own_wording_is_read_back_kept_used_and_taken_back(house: House) -> None:
    wording = OURS.body.replace("Same code?", "Is it the same?")
    read = await read_back(house, wording)
    assert "Is it the same?" in read["text"]
    assert house.world.name in read["text"], "with their own name"
    assert "482913" in read["text"]
    assert read["problems"] == []
    assert await own(house) == {}, "nothing is kept by looking"

    saved = await press(house, PATH, "admin", text=wording)
    assert saved.headers["Location"] == f"{PATH}?said=saved"
    assert await own(house) == {"tv.code": wording}
    assert "your wording" in await see(house, "/settings/texts")
    back = await press(house, f"{PATH}/restore", "admin", text=wording)
    assert back.status == 303
    assert await own(house) == {}
    await press(house, PATH, "admin", text=OURS.body)
    assert await own(house) == {}, "our own words are not kept as theirs: they would stay when ours get better"


@pytest.mark.feature("SEC-05")
@pytest.mark.parametrize(
    ("wording", "why"),
    [
        ("Your code is {code}", f'Keep this sentence word for word: "{OURS.locked[0]}"'),
        ("{msp}: " + "x" * 170 + " ".join(OURS.locked) + " {code}", "Move this sentence into the first 160"),
        (OURS.body + "\n{password}", "Line 2: {password} is not known in this text."),
        (OURS.body + "\n\n{{7*7}} {% x %}", "Line 3: Curly brackets may only stand around a name"),
        (OURS.body.replace("{code}", "123456"), "{code} is missing and must be in this text."),
        (OURS.body + "\nNot you? Reply STOP", "Line 2: Do not tell people to send STOP"),
        (OURS.body + "\nhidden\u200bwords", 'Line 2: There is a character nobody sees (U+200B) behind "hidden".'),
        (OURS.body + "\n\u202eturned", "Line 2: There is a character nobody sees (U+202E) at the beginning."),
        (OURS.body + " long" * 120, "Too long:"),
    ],
)
async def test_hostile_wording_is_refused_with_the_line_and_the_reason(house: House, wording: str, why: str) -> None:
    refused = await press(house, PATH, "admin", text=wording)
    assert refused.status == 422
    said = html.unescape(refused.text)
    assert why in said
    assert wording.split("\n")[0] in said, "what was typed stays"
    assert await own(house) == {}
    problems = (await read_back(house, wording))["problems"]
    assert any(why in problem for problem in problems)


async def test_what_makes_a_text_dear_is_named(house: House) -> None:
    read = await read_back(house, OURS.body + " – “done”")
    assert "(UCS-2)" in read["cost"]
    assert "– “ ”" in read["cost"]
    plain = await read_back(house, OURS.body)
    assert "(GSM-7)" in plain["cost"]
    assert "dear" not in plain["cost"]


async def test_a_language_of_its_own(house: House) -> None:
    await press(house, PATH, "admin", text=OURS.body.replace("Same code?", "Really?"), locale="en")
    assert list(await own(house)) == ["tv.code@en"]
    assert "Really?" in await see(house, f"{PATH}?locale=en")
    assert (await press(house, PATH, "admin", text="x", locale="xx")).status == 404
    assert (await press(house, "/settings/texts/no.such", "admin", text="x")).status == 404
