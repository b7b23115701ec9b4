"""The demo's own Microsoft 365: asked over its server as the real one is, changed on its page, kept over a restart."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest

from dialogs.people_source import DirectoryAccess, SourceExpired, SourceRefused
from identity.microsoft.consent import Agreed, consent_address, read_return, redirect_address
from identity.microsoft.graph import MicrosoftDirectory
from identity.microsoft.tokens import Tokens
from tests.fixtures.demo_house import DemoHouse

PAGE = "/simulator/microsoft"
STATE = "a" * 43


def _client(demo: DemoHouse) -> tuple[MicrosoftDirectory, DirectoryAccess]:
    """Our client with what the simulator's page shows."""
    settings, microsoft = demo.house.settings, demo.world.microsoft
    application, (organisation,) = microsoft.application(), microsoft.organisations()
    tokens = Tokens(demo.http, demo.house.clock, base_url=settings.entra_url)
    directory = MicrosoftDirectory(demo.http, tokens, base_url=settings.graph_url)
    return directory, DirectoryAccess(application.id, application.secret, organisation.id)


async def _press(demo: DemoHouse, **fields: str) -> int:
    form = urlencode(fields).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    url = demo.house.settings.public_url + PAGE
    async with demo.http.post(url, data=form, headers=headers, allow_redirects=False) as answer:
        return answer.status


@pytest.mark.feature("CO-02", "CO-05", "CO-12")
async def test_the_demos_organisation_is_connected_read_changed_and_kept(demo: DemoHouse) -> None:
    directory, access = _client(demo)
    with pytest.raises(SourceRefused, match="no_consent"):
        await directory.organisation(access)

    # As its administrator, on the stand-in's consent page.
    settings = demo.house.settings
    back = redirect_address(settings.public_url, "some-source")
    asked = consent_address(access.application_id, back, STATE, base_url=settings.entra_url)
    async with demo.http.get(asked) as shown:
        assert "Northwind Traders" in await shown.text()
    form = {"answer": "accept", "organisation": access.organisation_id}
    async with demo.http.post(asked, data=form, allow_redirects=False) as answer:
        location = answer.headers["Location"]
    assert location.startswith(back + "?")
    returned = read_return(dict(re.findall(r"[?&]([a-z_]+)=([^&]*)", location)))
    assert returned == Agreed(STATE, access.organisation_id)
    assert (await directory.organisation(access)).name == "Northwind Traders"

    pages = [await directory.people(access, "")]
    while not pages[-1].whole:
        pages.append(await directory.people(access, pages[-1].cursor))
    people = [person for page in pages for person in page.people]
    kinds = [person.kind for person in people]
    assert len(pages) > 1
    assert (kinds.count("member"), kinds.count("guest"), kinds.count("disabled")) == (5, 1, 1)

    nora, omar = people[0], people[1]
    assert await _press(demo, act="change", id=nora.external_id, mobile="+1 253-555-0199", email=nora.email) == 303
    assert await _press(demo, act="remove", id=omar.external_id) == 303
    assert await _press(demo, act="remove", id=omar.external_id) == 404
    assert await _press(demo, act="sell", id=omar.external_id) == 422
    page = await directory.people(access, pages[-1].cursor)
    assert [(person.name, person.mobile) for person in page.people] == [("Nora Quist", "+1 253-555-0199")]
    assert page.gone == (omar.external_id,)

    # What was changed and agreed to is there after a restart; cursors are not, as if they had grown too old.
    before = demo.world.microsoft.organisations()
    await demo.start_again()
    assert demo.world.microsoft.organisations() == before
    directory, access = _client(demo)
    with pytest.raises(SourceExpired):
        await directory.people(access, page.cursor)
    shown_page = await demo.ask("GET", PAGE)
    assert access.secret in shown_page.text
    assert "Omar Reed" not in shown_page.text
    assert "Nora Quist, Northwind Traders" in (await demo.ask("GET", "/simulator?phone=%2B12535550199")).text
    assert await _press(demo, act="withdraw", id=access.organisation_id) == 303
    with pytest.raises(SourceRefused, match="no_consent"):
        await directory.people(access, "")
