"""Addresses of pages and of the API with something in them that no browser of ours sends: refused, never our fault
(SEC-57)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.fixtures.postgres import Cluster
from tests.fixtures.web_house import House, OpenWeb
from tests.scenario.route_ground import UNKNOWN
from web.app import described
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Surface

#: Everything that any page reads from its address without declaring it.
NAMES = (
    *("q", "person", "contact", "client", "ticket", "technician", "about", "since", "until", "before", "after", "next"),
    *("from", "which", "month", "state", "said", "login", "region", "locale", "back", "check_id", "line_id"),
    *("address_id", "contact_id", "client_id", "phone", "page", "try", "words", "kind", "day", "mine", "for"),
)
#: U+0000, half a pair, no UTF-8, an id of nobody's shape, far too long, no number, out of every calendar.
VALUES = (
    *("%00", "a%00b", "%ed%a0%80", "%ff", quote("é" * 30), "9" * 400, "x" * 3000, "-1", "2026-02-30", "9999-99"),
    *("0001-01", "9999-12", "0001-01-01", "9999-12-31", "%C2%B2", "0"),
)
#: What the two databases may take differently; the rest is decided before any of them is asked.
FOR_THE_SERVER = ("a%00b", "%ed%a0%80", quote("é" * 30), "9" * 400, "9999-12-31", "%C2%B2")


@pytest.fixture
def values(cluster: Cluster | None) -> tuple[str, ...]:
    assert set(FOR_THE_SERVER) <= set(VALUES)
    return VALUES if cluster is None else FOR_THE_SERVER


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


@pytest.mark.feature("SEC-57")
async def test_no_query_of_a_page_is_our_fault(house: House, values: tuple[str, ...]) -> None:
    cookie = await house.log_in("admin", "cookie")
    shown = [r for r in page_routes() if r.method == "GET" and r.surface.takes_forms and not r.demo_only]
    assert len(shown) > 30
    pod = await house.log_in("admin", "pod")
    faults = []
    for route in shown:
        held: dict[str, Any] = {"pod": pod} if route.in_frame else {"cookie": cookie}
        path = re.sub(r"\{[^}]*\}", UNKNOWN, route.path)
        # Those that refuse the whole address first come one by one, or they would hide one another.
        hidden = [f"{path}?{name}={value}" for value in VALUES[:3] for name in ("q", "after", "contact")]
        for asked in (*hidden, *(f"{path}?" + "&".join(f"{name}={value}" for name in NAMES) for value in values)):
            answer = await house.ask("GET", asked, validate=False, **held)
            if answer.status >= 500:
                faults.append(asked[:80])
    assert faults == []


@pytest.mark.feature("SEC-57")
async def test_no_place_in_a_path_is_our_fault(house: House, values: tuple[str, ...]) -> None:
    cookie, pod = await house.log_in("admin", "cookie"), await house.log_in("admin", "pod")
    faults = []
    for route in (*page_routes(), *described()):
        if "{" not in route.path or route.surface is Surface.STREAM or route.demo_only:
            continue
        for value in (*values, "%2e%2e%2f", "%0d%0aX:%20y", "'", "%25"):
            path = re.sub(r"\{[^}]*\}", value, route.path)
            body: object = {} if route.surface is Surface.API and route.method != "GET" else None
            held: dict[str, Any] = {"pod": pod} if route.in_frame else {"cookie": cookie}
            answer = await house.ask(route.method, path, body=body, validate=False, **held)
            if answer.status >= 500:
                faults.append(f"{route.method} {path[:80]}")
    assert faults == []


@pytest.mark.feature("SEC-57", "SEC-36")
async def test_what_no_text_may_hold_is_refused_in_words(house: House) -> None:
    """And only to whoever may use the route at all."""
    cookie = await house.log_in("technician", "cookie")
    answer = await house.ask("GET", "/contacts?q=Ada%00", cookie=cookie)
    assert answer.status == 422
    assert "Type it anew" in answer.text
    assert (await house.ask("GET", "/contacts?q=%00")).status == 303, "first the sign-in"
    blocked = await house.ask("DELETE", "/api/v1/blocks/%00", bearer=await house.log_in("technician"), validate=False)
    assert (blocked.status, blocked.json["error"]) == (404, "not_found")
