"""What a request may carry: size, depth, type, and no field that nobody declared."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from web import bodies
from web.api import shapes
from web.bodies import Strict
from web.problems import Problem


def _nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.feature("REL-16")
def test_depth_is_bounded() -> None:
    assert bodies.read_json(_nested(32), "application/json")
    with pytest.raises(Problem) as refused:
        bodies.read_json(_nested(33), "application/json")
    assert refused.value.error == "too_deep"


@pytest.mark.feature("REL-16")
def test_a_million_levels_are_refused_without_parsing() -> None:
    with pytest.raises(Problem) as refused:
        bodies.read_json(b'{"a":' * 200_000, "application/json")
    assert refused.value.error == "too_deep"


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


def _depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth_of(part) for part in value.values()), default=0)
    return 1 + max((_depth_of(part) for part in value), default=0) if isinstance(value, list) else 0


@given(_values)
def test_depth_is_what_a_parser_would_find(value: object) -> None:
    """Brackets inside of texts do not count, whatever is escaped there."""
    for raw in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert bodies.depth(raw.encode("utf-8", "replace")) == _depth_of(value)


@pytest.mark.parametrize("raw", [b"{", b"NaN", b'{"a": Infinity}', b"\xff\xfe", b"'a'", b'"\\u0000"', b'"\\ud800"'])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(Problem) as refused:
        bodies.read_json(raw, "application/json")
    assert (refused.value.status, refused.value.error) == (400, "bad_json")


@pytest.mark.feature("SEC-30")
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_only_json_is_json(kind: str) -> None:
    """These are what a form of another site can send."""
    with pytest.raises(Problem) as refused:
        bodies.read_json(b"{}", kind)
    assert refused.value.status == 415


def test_a_form_keeps_every_value() -> None:
    assert bodies.read_form(b"a=1&b=&a=2", "application/x-www-form-urlencoded") == {"a": ["1", "2"], "b": [""]}
    with pytest.raises(Problem) as refused:
        bodies.read_form(b"&".join(b"f%d=1" % n for n in range(1001)), "application/x-www-form-urlencoded")
    assert refused.value.error == "bad_form"


@pytest.mark.feature("SEC-14")
@given(name=st.text(min_size=1, max_size=20))
def test_a_field_nobody_declared_is_refused(name: str) -> None:
    """On every model that comes in, so that no `verified=true` is ever taken along."""
    for model in _incoming():
        if name in model.model_fields:
            continue
        with pytest.raises(Problem) as refused:
            bodies.check(model, {name: True})
        assert refused.value.error == "invalid"
        said = [p["field"] for p in refused.value.details["problems"]]  # type: ignore[attr-defined]  # a list of dicts
        assert name in said


def _incoming() -> list[type[Strict]]:
    found = [c for c in vars(shapes).values() if isinstance(c, type) and issubclass(c, Strict) and c is not Strict]
    assert len(found) > 10
    return [*found, bodies.Nothing]


def test_what_was_sent_is_not_repeated() -> None:
    with pytest.raises(Problem) as refused:
        bodies.check(shapes.SignInWith, {"login": "dana", "password": ["hunter2hunter2"], "totp": 870421})
    assert "hunter2" not in str(refused.value.details) + refused.value.message
    assert "870421" not in str(refused.value.details) + refused.value.message


def test_a_field_twice_is_no_single_value() -> None:
    with pytest.raises(Problem):
        bodies.check_fields(shapes.TicketWith, {"ticket": ["1", "2"]})
    assert bodies.check_fields(shapes.TicketWith, {"ticket": ["1"]}).ticket == "1"


@pytest.mark.feature("REL-16")
async def test_a_body_that_never_comes_is_given_up() -> None:
    protocol = BaseProtocol(asyncio.get_running_loop())
    protocol.connection_made(asyncio.Transport())
    stream = StreamReader(protocol, 2**16)
    stream.feed_data(b"{")
    request = make_mocked_request("POST", "/", payload=stream)
    with pytest.raises(Problem) as refused:
        await bodies.read_body(request, 1024, seconds=0.01)
    assert refused.value.status == 408


@pytest.mark.feature("REL-16")
async def test_an_announced_length_is_refused_unread() -> None:
    stream = StreamReader(BaseProtocol(asyncio.get_running_loop()), 2**16)
    request = make_mocked_request("POST", "/", headers={"Content-Length": "1025"}, payload=stream)
    with pytest.raises(Problem) as refused:
        await bodies.read_body(request, 1024)
    assert refused.value.status == 413
