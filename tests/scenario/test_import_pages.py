"""Importing contacts on pages: every problem by its line before anybody is added, then in the background, then back."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.importing import Importing
from storage.keys import Keyring
from tests.fixtures.forms import words
from tests.fixtures.web_house import Answer, House, OpenWeb
from tests.fixtures.world import MASTER_KEY
from web.pages import page_routes
from web.pages.errors import show_problem
from web.pages.imports import LARGEST

FILE = """name,client,mobile,email,Notes
Gil Hart,Coda Design,212 555 0131,gil@coda.example,x
=HYPERLINK("x"),Coda Design,212 555 0132,,
Hope Ives,Coda Design,12,,
Ira Jung,Acme Dental,212 555 0111,,
Ada Bishop,Acme Dental,212 555 0111,,
Jo Kim,Acme Dental,212 555 0131,,
-Kai,+Corp,212 555 0134,,
"""


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def upload(house: House, cookie: str, content: bytes, *, name: str = "people.csv", region: str = "US") -> Answer:
    """As a browser sends the form."""
    edge = "----watchword"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="region"\r\n\r\n{region}\r\n'.encode(),
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'.encode(),
        b"Content-Type: text/csv\r\n\r\n" + content + f"\r\n--{edge}--\r\n".encode(),
    ]
    form = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    return await house.ask("POST", "/imports", cookie=cookie, raw=b"".join(parts), headers=form)


async def press(house: House, cookie: str, path: str) -> Answer:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return await house.ask("POST", path, cookie=cookie, headers=form)


async def looked_at(house: House, cookie: str, file: str = FILE) -> str:
    answer = await upload(house, cookie, file.encode())
    assert answer.status == 303, answer.text
    return answer.headers["Location"]


def importing(house: House) -> Importing:
    """What works beside the requests in a running house."""
    return Importing(house.database, Keyring([MASTER_KEY]), house.clock, house.services.random)


@pytest.mark.feature("CO-01", "SEC-52")
async def test_every_problem_stands_by_its_line_before_anybody_is_added(house: House) -> None:
    cookie = await house.log_in("admin", "cookie")
    page = await looked_at(house, cookie)
    shown = words(await house.ask("GET", page, cookie=cookie))
    assert "New contacts 3 New clients 1 There already 1 Left out 4 problems To look at 4 warnings" in shown
    for line in (
        "Line 1 look at it Not read: “Notes”.",
        "Line 3, name left out The name starts with “=”, which spreadsheets run as a formula. Take the sign away.",
        "Line 4, mobile left out “12” is not a number that exists in US.",
        "Line 5, mobile look at it +12125550111 also belongs to Ada Bishop, who is here already.",
        "Line 7, mobile look at it +12125550131 also belongs to Gil Hart (line 2).",
        "Line 8, client left out The client starts with “+”",
        "Line 8, name left out The name starts with “-”",
    ):
        assert line in shown, line
    assert "Import 3 contacts" in shown
    file = await house.ask("GET", page + "/problems.csv", cookie=cookie)
    rows = list(csv.reader(io.StringIO(file.raw.decode("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == ["1", "3", "4", "5", "6", "7", "8", "8"]
    assert all(cell[:1] not in set("=+-@") for row in rows for cell in row), "nothing in it runs in a spreadsheet"
    assert "'+12125550111 also belongs to Ada Bishop, who is here already." in [row[3] for row in rows]
    assert (await house.services.directory.find(house.world.tenant_id, q="Gil")).items == ()


@pytest.mark.feature("CO-01", "SEC-34")
async def test_it_is_brought_in_with_progress_and_taken_back(house: House) -> None:
    cookie = await house.log_in("admin", "cookie")
    page = await looked_at(house, cookie)
    begun = await press(house, cookie, page + "/run")
    assert begun.headers["Location"] == page + "?said=import_begun"
    under_way = await house.ask("GET", page, cookie=cookie)
    assert "0 of 4 done" in words(under_way)
    assert "js/progress.js" in under_way.text
    so_far = await house.ask("GET", page, cookie=cookie, headers={"Accept": "application/json"})
    assert so_far.json == {"state": "running", "done": 0, "total": 4}
    await importing(house).work()
    done = await house.ask("GET", page, cookie=cookie)
    assert "Contacts added 3 Clients added 1 There already 1" in words(done)
    assert "Lines left out: 3, 4, 8" in words(done)
    assert "js/progress.js" not in done.text
    assert "imported · 3 contacts" in words(await house.ask("GET", "/imports", cookie=cookie))
    (gil,) = (await house.services.directory.find(house.world.tenant_id, q="Gil")).items
    await house.text(gil.default("mobile"), "#verify")
    house.clock.advance(timedelta(seconds=301))
    assert (await press(house, cookie, page + "/undo")).status == 401
    fresh = await house.log_in("admin", "cookie")
    assert (await press(house, fresh, page + "/undo")).headers["Location"] == page + "?said=import_undoing"
    await importing(house).work()
    undone = words(await house.ask("GET", page, cookie=fresh))
    assert "Contacts removed 1 Clients removed 0 Contacts that stay 2" in undone
    assert "Gil Hart they have asked for a check Jo Kim they have asked for a check" in undone, "they share the number"
    assert (await house.services.directory.find(house.world.tenant_id, q="Ira")).items == ()
    again = await press(house, fresh, page + "/undo")
    assert again.status == 409


async def test_a_file_may_be_put_away(house: House) -> None:
    cookie = await house.log_in("admin", "cookie")
    page = await looked_at(house, cookie)
    assert (await press(house, cookie, page + "/discard")).headers["Location"] == "/imports?said=import_discarded"
    assert "Discarded. Nobody was added." in words(await house.ask("GET", page, cookie=cookie))
    assert (await press(house, cookie, page + "/run")).status == 409
    assert (await house.ask("GET", page + "/problems.csv", cookie=cookie)).status == 404


@pytest.mark.feature("SEC-52")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Choose a file first."),
        (b"x" * (LARGEST + 1), "The file is larger than 5 MiB. Split it."),
    ],
    ids=["empty", "large"],
)
async def test_a_file_that_cannot_be_read_at_all(house: House, content: bytes, said: str) -> None:
    answer = await upload(house, await house.log_in("admin", "cookie"), content)
    assert answer.status == 422
    assert said in words(answer)
    assert (await house.services.imports.page(house.world.tenant_id)).items == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "Line 1 left out The file is not in UTF-8. Save it as “CSV UTF-8” and try again."),
        (b"who,where\nAda,Acme\n", "Line 1, client left out No column is called client. Found: who, where."),
        (b"name,client,email\n", "Nobody in this file is new, so there is nothing to import."),
    ],
    ids=["not text", "headings", "no rows"],
)
async def test_what_is_wrong_with_a_whole_file_is_said_too(house: House, content: bytes, said: str) -> None:
    cookie = await house.log_in("admin", "cookie")
    answer = await upload(house, cookie, content)
    page = answer.headers["Location"]
    assert said in words(await house.ask("GET", page, cookie=cookie))
    assert (await press(house, cookie, page + "/run")).status == 409


async def test_the_name_of_a_file_is_data(house: House) -> None:
    cookie = await house.log_in("admin", "cookie")
    answer = await upload(house, cookie, FILE.encode(), name="..\\\\..\\\\<b>people.csv")
    page = await house.ask("GET", answer.headers["Location"], cookie=cookie)
    assert "<h1>&lt;b&gt;people.csv</h1>" in page.text


@pytest.mark.feature("SEC-36")
async def test_only_admins_import_and_only_their_own_tenants(house: House) -> None:
    page = await looked_at(house, await house.log_in("admin", "cookie"))
    for who, status in (("technician", 403), ("supervisor", 403), ("other_admin", 404)):
        cookie = await house.log_in(who, "cookie")  # type: ignore[arg-type]
        assert (await house.ask("GET", page, cookie=cookie)).status == status
        for act in ("run", "discard", "undo"):
            assert (await press(house, cookie, f"{page}/{act}")).status == status
