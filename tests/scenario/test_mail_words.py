"""The tenant's own words in mails to end users, by screen and by API: kept, looked at, refused with the reason."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fixtures.pages import press, see, words
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem

PATH = "/settings/mail/words"
OWN = {
    "mail_text": "We never ask for your password.\r\nNever.",
    "mail_signature": "Your help desk",
    "mail_footer": "Pier 4",
}


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def kept(house: House) -> tuple[str, str, str]:
    tenant = await house.services.tenants.get(house.world.tenant_id)
    assert tenant is not None
    settings = tenant.settings
    return settings.mail_text, settings.mail_signature, settings.mail_footer


@pytest.mark.feature("EV-25", "BR-03")
async def test_words_are_kept_and_shown_in_a_mail(house: House) -> None:
    saved = await press(house, PATH, "admin", **OWN)
    assert saved.headers["Location"] == f"{PATH}?said=saved"
    assert await kept(house) == ("We never ask for your password.\nNever.", "Your help desk", "Pier 4")
    page = words((await see(house, PATH, "admin")).text)
    assert "HANG UP. 482913" in page
    assert "We never ask for your password. Never. -- Your help desk Pier 4" in page
    assert words((await see(house, PATH, "other_admin")).text).count("Pier 4") == 0
    again = await press(house, PATH, "admin", mail_text="", mail_signature="", mail_footer="")
    assert again.status == 303
    assert await kept(house) == ("", "", "")


@pytest.mark.feature("EV-25")
async def test_a_mail_is_looked_at_before_the_words_are_kept(house: House) -> None:
    looked = await press(house, PATH + "/preview", "admin", **OWN)
    assert looked.status == 200
    assert "Never. -- Your help desk Pier 4" in words(looked.text)
    assert ">\nWe never ask for your password.\r\nNever.</textarea>" in looked.text, "a first line break is dropped"
    assert await kept(house) == ("", "", "")


@pytest.mark.feature("EV-25", "SEC-52")
async def test_too_long_or_strange_words_are_refused_and_stay_in_the_form(house: House) -> None:
    for field, bad in (
        ("mail_text", "x" * 1001),
        ("mail_footer", "a\u202eb"),
        ("mail_signature", "</textarea><script>"),
    ):
        answer = await press(house, PATH, "admin", **{**OWN, field: bad})
        if field == "mail_signature":
            assert answer.status == 303, "it is words like any other"
            page = (await see(house, PATH, "admin")).text
            assert "&lt;/textarea&gt;&lt;script&gt;" in page
            continue
        assert answer.status == 422
        assert f'id="wrong-{field}"' in answer.text
        assert "Your help desk</textarea>" in answer.text
        assert await kept(house) == ("", "", "")


@pytest.mark.feature("EV-25", "GE-04")
async def test_the_api_knows_them_by_the_same_names(house: House) -> None:
    token = await house.log_in("admin")
    changed = await house.ask("PATCH", "/api/v1/settings", body={"mail_footer": "Pier 4\nOakland"}, bearer=token)
    assert changed.status == 200, changed.text
    assert changed.json["mail_footer"] == "Pier 4\nOakland"
    refused = await house.ask("PATCH", "/api/v1/settings", body={"mail_text": "x" * 1001}, bearer=token)
    assert refused.status == 422
    assert refused.json["problems"][0]["field"] == "mail_text"
