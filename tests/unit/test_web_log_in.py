"""Where a request comes from, and how a token is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from web.csrf import COOKIE
from web.log_in import origin_of, shown_token
from web.services import Services


@dataclass(frozen=True, slots=True)
class _Proxied:
    """The one setting that matters here."""

    behind_proxy: bool


def _address(behind_proxy: bool, *forwarded: str) -> str:
    headers = CIMultiDict(("X-Forwarded-For", value) for value in forwarded)
    request = make_mocked_request("GET", "/", headers=headers).clone(remote="192.0.2.9")
    return origin_of(request, cast(Services, _Proxied(behind_proxy))).address


@pytest.mark.feature("SEC-34")
def test_only_our_own_proxy_says_where_somebody_is() -> None:
    assert _address(False, "203.0.113.5") == "192.0.2.9", "anyone can write that header"
    assert _address(True, "203.0.113.5") == "203.0.113.5"
    assert _address(True, "10.0.0.1, 203.0.113.5") == "203.0.113.5", "the rest is what the sender made up"
    assert _address(True, "10.0.0.1", "203.0.113.5") == "203.0.113.5"
    assert _address(True) == "192.0.2.9"


def test_a_header_goes_before_the_cookie() -> None:
    cookie = {"Cookie": f"{COOKIE}=from-cookie"}
    assert shown_token(make_mocked_request("GET", "/", headers=cookie)) == ("cookie", "from-cookie")
    both = {**cookie, "Authorization": "Bearer from-header"}
    assert shown_token(make_mocked_request("GET", "/", headers=both)) == ("bearer", "from-header")
    basic = {**cookie, "Authorization": "Basic dXNlcg=="}
    assert shown_token(make_mocked_request("GET", "/", headers=basic)) == ("bearer", "")
    assert shown_token(make_mocked_request("GET", "/")) == ("cookie", "")
