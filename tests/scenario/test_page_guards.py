"""The guards over every declared page: roles, forged forms and headers, from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fixtures.web_house import House, OpenWeb, Who
from web import headers
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Access, Route, Surface

NOBODY = "01900000-0000-7000-8000-00000000dead"
SHOWN = [route for route in page_routes() if not route.demo_only]
GUARDED = [route for route in SHOWN if route.access is not Access.PUBLIC]


@pytest.fixture
def cluster() -> None:
    """On one database: all of this is decided before storage is asked for more than the log-in."""


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


def _path(route: Route) -> str:
    """The route's path with an id in it that nobody has."""
    return re.sub(r"\{[^}]*\}", NOBODY, route.path)


async def _signed_in(house: House, route: Route, who: Who) -> dict[str, Any]:
    """The log-in that this route would know, as `House.ask` takes it."""
    if route.in_frame:
        return {"pod": await house.log_in(who, "pod")}
    return {"cookie": await house.log_in(who, "cookie")}


@pytest.mark.feature("SEC-36")
async def test_nobody_gets_past_a_guarded_page(house: House) -> None:
    assert len(GUARDED) > 5
    for route in GUARDED:
        answer = await house.ask(route.method, _path(route))
        case = f"{route.method} {route.path} -> {answer.status}"
        if route.surface is Surface.PAGE and answer.status != 401:
            assert answer.status == 303, case
            assert answer.headers["Location"].startswith("/sign-in"), case
        else:
            assert answer.status == 401, case


@pytest.mark.feature("SEC-36")
async def test_roles_on_pages(house: House) -> None:
    ranks: tuple[tuple[Who, frozenset[Access]], ...] = (
        ("technician", frozenset({Access.SUPERVISOR, Access.ADMIN})),
        ("supervisor", frozenset({Access.ADMIN})),
        ("admin", frozenset()),
    )
    for route in GUARDED:
        if route.surface is Surface.STREAM:
            continue
        for who, closed in ranks:
            answer = await house.ask(
                route.method,
                _path(route),
                **await _signed_in(house, route, who),
                headers={"Content-Type": "application/x-www-form-urlencoded"} if route.method != "GET" else {},
            )
            case = f"{who}: {route.method} {route.path} -> {answer.status}"
            assert answer.status < 500, case
            assert (answer.status == 403) == (route.access in closed), case


@pytest.mark.feature("SEC-30")
async def test_forged_forms_of_every_page(house: House) -> None:
    for route in SHOWN:
        if route.method == "GET" or route.surface is Surface.ASSET:
            continue
        for sent in (
            {"Sec-Fetch-Site": "same-origin"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "https://evil.example"},
            {},
        ):
            answer = await house.ask(
                route.method,
                _path(route),
                **await _signed_in(house, route, "admin"),
                csrf=False,
                headers={**sent, "Content-Type": "application/x-www-form-urlencoded"},
            )
            assert answer.status == 403, (route.method, route.path, sent)


@pytest.mark.feature("SEC-32")
async def test_headers_on_every_page(house: House) -> None:
    for route in SHOWN:
        if route.surface is Surface.STREAM:
            continue
        nobody: dict[str, Any] = {}
        for signed_in in (nobody, await _signed_in(house, route, "technician")):
            answer = await house.ask(route.method, _path(route), **signed_in)
            assert headers.missing(answer.headers) == [], route.path
            if signed_in and route.surface.takes_forms:
                assert answer.headers["Cache-Control"] == "no-store", route.path


@pytest.mark.feature("SEC-36")
async def test_no_route_is_declared_twice_and_none_changes_by_get() -> None:
    seen = [(route.method, route.path) for route in page_routes()]
    assert len(seen) == len(set(seen))
    assert {route.method for route in page_routes()} <= {"GET", "POST"}
