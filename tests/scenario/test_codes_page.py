"""The page of codes with many rows: what the stream brings to whom, what is asked of the database, and what a page
without script shows."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse
from sqlalchemy import Engine, event, update

from bench.world import FREE
from storage.tables import technicians
from tests.fixtures.web_house import FIREFOX, House, OpenWeb, Who
from web.csrf import COOKIE
from web.pages import page_routes
from web.pages.errors import show_problem

TV = "/api/v1/technician-verifications"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def verify(house: House, *people: int) -> list[str]:
    """These people of the tenant text `#verify`; the ids of their checks, in the same order."""
    for n in people:
        await house.text(house.world.people[n].mobile, "#verify")
    await house.place_lines()
    found = await house.services.checks.page(house.world.tenant_id, live=True, limit=200)
    of = {row.contact.id: row.id for row in found.items if row.contact is not None}
    return [of[house.world.people[n].id] for n in people]


async def claim(house: House, check_id: str, who: Who = "technician") -> None:
    answer = await house.ask(
        "POST",
        f"{TV}/{check_id}/claim",
        bearer=await house.log_in(who),
        body={"direction": "we_called_user", "ticket": "later"},
    )
    assert answer.status == 200
    await house.place_lines()


async def code_of(house: House, check_id: str, who: Who = "technician") -> str:
    found = await house.services.checks.get(
        house.world.tenant_id, check_id, for_technician=house.people[who].id, now=house.clock.now()
    )
    assert found is not None
    assert found.code
    return found.code


async def ask_rows(house: House, who: Who, query: str = "") -> Any:
    answer = await house.ask("GET", f"/codes/rows{query}", cookie=await house.log_in(who, "cookie"))
    assert answer.status == 200
    return answer.json


@asynccontextmanager
async def stream(house: House, who: Who, query: str = "?rows=1&after=0", *, bearer: bool = False) -> AsyncIterator[Any]:
    """Reads a stream's next events: a function that takes how many."""
    token = await house.log_in(who, "bearer" if bearer else "cookie")
    headers = {"Authorization": f"Bearer {token}"} if bearer else {"Cookie": f"{COOKIE}={token}"}
    async with house.http.get(house.server.make_url(f"/events{query}"), headers=headers) as response:
        assert response.status == 200

        async def events(many: int) -> list[Any]:
            async with asyncio.timeout(20):
                return [await _next(response) for _ in range(many)]

        yield events


async def _next(response: ClientResponse) -> Any:
    while True:
        said = (await response.content.readuntil(b"\n\n")).decode()
        if said.startswith("id: "):
            number, _, data = said.split("\n")[:3]
            return json.loads(data.removeprefix("data: ")) | {"seq": int(number.removeprefix("id: "))}


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that goes to a database meanwhile."""
    seen: list[str] = []

    def note(conn: object, cursor: object, statement: str, *more: object) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


# --- what the stream brings -----------------------------------------------------------------------------------------


@pytest.mark.feature("TV-07", "SEC-02")
async def test_the_stream_brings_the_row_to_everybody_and_the_code_to_nobody(house: House) -> None:
    ada, ben = await verify(house, 0, 1)
    await claim(house, ada)
    code = await code_of(house, ada)
    newest = await house.services.log.newest(house.world.tenant_id)
    for who in ("technician", "other_technician"):
        async with stream(house, who) as events:
            heard = await events(newest)
        assert [one["seq"] for one in heard] == list(range(1, newest + 1))
        assert code not in str(heard)
        rows = {one["row"]["id"]: one["row"] for one in heard if "row" in one}
        assert rows[ben]["name"] == "Ben Cole"
        assert rows[ben]["kind"] == "waiting"
        assert [t["value"] for t in rows[ben]["tickets"]] == ["new", "later"]
        if who == "technician":
            # The claimer is told that it changed, and fetches it with the code.
            assert ada not in rows
            own = await ask_rows(house, who, f"?check={ada}")
            assert (own["rows"][0]["kind"], own["rows"][0]["code"]) == ("mine", code)
        else:
            assert (rows[ada]["kind"], rows[ada]["state"]) == ("theirs", "Technician has this one")
            assert "code" not in rows[ada]
            assert all(one["row_seq"] >= one["seq"] for one in heard if "row" in one)


async def test_a_row_comes_once_for_everything_that_happened_to_it_before(house: House) -> None:
    (ada,) = await verify(house, 0)
    await claim(house, ada)
    newest = await house.services.log.newest(house.world.tenant_id)
    async with stream(house, "supervisor") as events:
        heard = await events(newest)
    of_ada = [one for one in heard if one["check_id"] == ada]
    assert len(of_ada) > 1
    with_row = [one for one in of_ada if "row" in one]
    assert len(with_row) < len(of_ada)
    covered = 0
    for one in of_ada:
        assert "row" in one or one["seq"] <= covered, "an event that is not covered must bring its row"
        covered = max(covered, one.get("row_seq", 0))
    assert with_row[-1]["row"]["kind"] == "theirs"


@pytest.mark.feature("SI-05", "SEC-02")
async def test_rows_go_only_where_the_console_is_open(house: House) -> None:
    await verify(house, 0)
    newest = await house.services.log.newest(house.world.tenant_id)
    pod_only = (
        update(technicians)
        .where(technicians.c.tenant_id == house.world.tenant_id, technicians.c.id == house.people["supervisor"].id)
        .values(ui_access=False)
    )
    await house.database.write(house.world.tenant_id, lambda conn: conn.execute(pod_only))
    async with (
        stream(house, "supervisor") as of_the_pod,
        stream(house, "technician", bearer=True) as of_a_program,
        stream(house, "technician", "?after=0") as unasked,
    ):
        for events in (of_the_pod, of_a_program, unasked):
            heard = await events(newest)
            assert "Ada" not in str(heard)
            assert {name for one in heard for name in one} == {"kind", "check_id", "seq"}


@pytest.mark.feature("SEC-36")
async def test_no_row_of_another_tenant_comes_by_any_way(house: House) -> None:
    (ada,) = await verify(house, 0)
    answer = await ask_rows(house, "other_admin", f"?check={ada}&check=nonsense&check=%20")
    assert answer["rows"] == []
    whole = await ask_rows(house, "other_admin")
    assert ada not in str(whole)


async def test_what_stands_beside_the_rows_is_marked_and_an_announcement_is_for_whoever_made_it(house: House) -> None:
    await house.text(house.world.stranger, "#verify")
    announced = {"contact_id": house.world.people[0].id, "direction": "we_called_user", "ticket": "new"}
    answer = await house.ask(
        "POST", "/api/v1/announced-calls", bearer=await house.log_in("technician"), body=announced | {"notify": False}
    )
    assert answer.status == 201
    await house.place_lines()
    newest = await house.services.log.newest(house.world.tenant_id)
    heard_by: dict[Who, set[str]] = {
        "technician": {"desk.stranger", "call.announced"},
        "other_technician": {"desk.stranger"},
    }
    for who, kinds in heard_by.items():
        async with stream(house, who) as events:
            heard = await events(newest)
        assert {one["kind"] for one in heard if one.get("beside")} == kinds
    beside = await ask_rows(house, "technician", "?part=beside")
    assert [one["name"] for one in beside["calling"]] == ["Ada Bishop"]
    assert len(beside["strangers"]) == 1
    assert "live" not in beside


# --- what is asked of the database ----------------------------------------------------------------------------------


async def test_more_rows_are_not_more_questions_to_the_database(house: House) -> None:
    cookie = await house.log_in("technician", "cookie")
    counted = []
    for more in ((0, 3), (1, 2, 4, 5)):
        await verify(house, *more)
        # The tickets of a list are good for ten seconds; every page asks anew here.
        house.clock.advance(timedelta(seconds=11))
        with statements() as seen:
            answer = await house.ask("GET", "/codes", cookie=cookie)
        assert answer.status == 200
        counted.append(len(seen))
        assert answer.text.count('data-kind="waiting"') == (3 if len(counted) == 1 else 7), "rows and the template"
    assert counted[1] == counted[0], "six rows of the same two clients"


# --- at the end of its time -----------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-02", "TV-08")
async def test_when_its_time_is_up_the_row_moves_to_today_and_the_code_is_gone(house: House) -> None:
    (ada,) = await verify(house, 0)
    await claim(house, ada)
    code = await code_of(house, ada)
    before = await ask_rows(house, "technician")
    assert [(row["kind"], row["code"]) for row in before["live"]] == [("mine", code)]
    # Nothing rings here: the row must not wait for the timer.
    house.clock.advance(timedelta(minutes=11))
    after = await ask_rows(house, "technician")
    assert after["live"] == []
    assert [(row["id"], row["kind"], row["state"]) for row in after["today"]] == [(ada, "ended", "Time is up")]
    assert after["ended"] == 1
    page = (await house.ask("GET", "/codes", cookie=await house.log_in("technician", "cookie"))).text
    for text in (json.dumps(after), page, str(await ask_rows(house, "technician", f"?check={ada}"))):
        assert code not in text
        assert code[:3] + " " + code[3:] not in text


# --- today ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("TV-16")
async def test_todays_list_goes_on_and_loses_and_repeats_nothing(house: House) -> None:
    tenant_id = house.world.tenant_id
    await house.services.tenants.change_settings(tenant_id, lambda settings: replace(settings, limits=FREE))
    at = []
    for n in range(80):
        house.clock.advance(timedelta(minutes=13))
        at.append(house.clock.now())
        await house.text(house.world.people[n % 2].mobile, "#verify")
        await house.text(house.world.people[n % 2].mobile, "#deny")
    await house.place_lines()
    now = house.clock.now()
    since = min(now.replace(hour=0, minute=0, second=0, microsecond=0), now - timedelta(hours=12))
    todays = sum(moment >= since for moment in at)
    assert 31 < todays < len(at), "more than one page, and less than everything"
    asked: list[str] = []
    seen: list[int] = []
    first = part = await ask_rows(house, "technician")
    while True:
        asked += [row["id"] for row in part["today"]]
        seen += [row["order"] for row in part["today"]]
        if not part["earlier"]:
            break
        part = await ask_rows(house, "technician", f"?part=today&earlier={part['earlier']}")
        assert set(part) == {"today", "ended", "earlier"}
    assert len(asked) == len(set(asked)) == first["ended"] == todays
    assert seen == sorted(seen, reverse=True)
    page = (await house.ask("GET", "/codes", cookie=await house.log_in("technician", "cookie"))).text
    link = re.search(r'href="(/codes\?earlier=[^"]+)#today"', page)
    assert link is not None
    more = (await house.ask("GET", link[1], cookie=await house.log_in("technician", "cookie"))).text
    shown = [n for n, check_id in enumerate(asked) if f'id="check-{check_id}"' in more]
    assert shown == list(range(30, min(60, todays)))


async def test_a_link_that_is_no_more_good_says_so(house: House) -> None:
    cookie = await house.log_in("technician", "cookie")
    for path in ("/codes?earlier=nonsense", "/codes/rows?earlier=nonsense", "/codes/rows?part=today&earlier=nonsense"):
        assert (await house.ask("GET", path, cookie=cookie)).status == 400


# --- finding, without script ----------------------------------------------------------------------------------------


async def test_a_search_in_the_address_hides_what_does_not_fit(house: House) -> None:
    await verify(house, 0, 1, 2, 3, 4, 5)
    cookie = await house.log_in("technician", "cookie")
    page = (await house.ask("GET", "/codes?q=acme&show=waiting", cookie=cookie)).text
    rows = re.findall(r'<li class="card waiting"[^>]*data-id="([^"]+)"[^>]*?( hidden)?>', page)
    assert len(rows) == 6
    assert sum(hidden == " hidden" for _, hidden in rows) == 3
    assert 'value="acme"' in page
    assert (
        '<a href="/codes?show=mine&amp;q=acme" data-only="mine">Mine <span class="num" data-many="mine">0</span>'
        in page
    )
    nothing = (await house.ask("GET", "/codes?q=%22%3E%3Cscript%3E", cookie=cookie)).text
    assert "<script>" not in nothing
    assert re.search(r"data-nothing><strong>Nothing fits", nothing)


@pytest.mark.feature("SEC-02")
async def test_what_was_typed_never_stands_beside_a_code_in_a_packed_page(house: House) -> None:
    (ada,) = await verify(house, 0)
    cookie, packs = await house.log_in("technician", "cookie"), {"Accept-Encoding": "br"}

    async def packed(path: str) -> bool:
        url = house.server.make_url(path)
        headers = {"Cookie": f"{COOKIE}={cookie}", "User-Agent": FIREFOX, **packs}
        async with house.http.get(url, headers=headers, allow_redirects=False) as response:
            assert response.status == 200
            return response.headers.get("Content-Encoding") == "br"

    assert await packed("/codes?q=ada")
    await claim(house, ada)
    assert await packed("/codes?show=mine")
    assert not await packed("/codes?q=ada")
