"""Every form of the pages, with something hostile in one field after the other: refused in words or taken as it is,
never our fault, and shown again without becoming markup (SEC-52, SEC-57)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlencode

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tests.fixtures.postgres import Cluster
from tests.fixtures.web_house import House, OpenWeb
from tests.scenario.route_ground import Ground
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Route

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MARKUP = "'\"><script>alert(1)</script>"
VALUES = (
    MARKUP,
    "{{ 7*7 }} {tenant.__class__} {code!r} %(x)s %s ${x}",
    "line\r\nBcc: everybody@example.com\r\n\r\nline",
    "\u202egnp.exe\u2066 \u200b\ufeff \U000e0041",
    "é漢字🧪" * 12,
    "9" * 60,
    "-1",
    "0x7f.1",
    "https://[::ffff:127.0.0.1]:99999/..;/%00",
    " ",
    "\x01\x1b[31m\x7f\x85\u2028",
    "²³",
)
#: What the two databases may take differently: letters beyond ASCII and how long they get, numbers, control characters.
#: The rest is decided before any of them is asked, and costs the dearer one more than a minute.
FOR_THE_SERVER = ("é漢字🧪" * 12, "9" * 60, "-1", "\x01\x1b[31m\x7f\x85\u2028", "²³")
#: A route that ends the very log-in these calls come by.
ENDS_US = frozenset({"/sign-out", "/pod/sign-out"})


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


def free_fields(form: type[BaseModel]) -> Iterator[str]:
    """Fields in which anything may be typed; what has a few values only is refused by the model."""
    for name, field in form.model_fields.items():
        if not _is_choice(field):
            yield field.alias or name


def _is_choice(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is Literal or any(
        get_origin(part) is Literal for part in get_args(field.annotation)
    )


@pytest.mark.feature("SEC-57", "SEC-52")
async def test_no_field_of_a_form_is_our_fault(house: House, cluster: Cluster | None) -> None:
    values = VALUES if cluster is None else FOR_THE_SERVER
    assert set(values) <= set(VALUES)
    ground, faults = Ground(house), list[str]()
    came: Counter[int] = Counter()
    forms = [r for r in page_routes() if r.method == "POST" and r.surface.takes_forms and not r.demo_only]
    for route in forms:
        if route.body is None or route.upload or route.path in ENDS_US:
            continue
        asked = await ground.filled(route, "admin")
        cookie = await house.log_in("admin", "pod" if route.in_frame else "cookie")
        for field in free_fields(route.body):
            for value in values:
                fields = {**(asked.body or {}), field: value}
                status, fault = await _sent(house, route, asked.path, cookie, fields, field)
                came[status] += 1
                faults += fault
    assert came.total() > 500
    assert came[401] + came[403] == 0, "every one of them got as far as its form"
    assert faults == []


async def _sent(
    house: House, route: Route, path: str, cookie: str, fields: Mapping[str, Any], field: str
) -> tuple[int, list[str]]:
    raw = urlencode(fields, doseq=True).encode()
    held: dict[str, Any] = {"pod" if route.in_frame else "cookie": cookie}
    answer = await house.ask("POST", path, raw=raw, headers=FORM, validate=False, **held)
    where = f"{route.path} {field}={fields[field][:30]!r}"
    faults = [f"{where} -> {answer.status}"] * (answer.status >= 500)
    if "text/html" in answer.headers.get("Content-Type", "") and MARKUP in answer.text:
        faults.append(f"{where} became markup")
    return answer.status, faults
