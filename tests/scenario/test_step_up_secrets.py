"""A sensitive form that asks for a new proof on the way gives no secret back in a page (SEC-20, SEC-34)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from identity import totp
from tests.fixtures.web_house import PASSWORD, Answer, House, OpenWeb
from web.csrf import token_for
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Surface

TOKEN, SECOND = "5ec2e7" + "a" * 26, "5ec2e7" + "b" * 26
ACCOUNT = {"account_sid": "AC" + "1" * 32, "auth_token": TOKEN, "second_token": SECOND}
MAIL = {
    "host": "192.0.2.7",
    "port": "587",
    "security": "starttls",
    "login": "desk",
    "password": "mail-secret-of-ours",
    "sender": "desk@northwind.example",
    "sender_name": "Desk",
}


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def _send(house: House, path: str, cookie: str, fields: dict[str, str]) -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    raw = urlencode({"csrf": token_for(cookie), **fields}).encode()
    return await house.ask("POST", path, raw=raw, cookie=cookie, csrf=False, headers=headers)


def _proof(house: House, password: str = PASSWORD) -> dict[str, str]:
    code = totp.code_at(house.people["admin"].secret, house.clock.now())
    return {"proof_password": password, "proof_code": code}


@pytest.mark.feature("SEC-34", "SEC-20")
@pytest.mark.parametrize(
    ("path", "fields", "secret"),
    [
        ("/settings/carrier", ACCOUNT, ("auth_token", "second_token")),
        ("/settings/carrier", ACCOUNT | {"second_token": ""}, ("auth_token",)),
        ("/settings/mail", MAIL, ("password",)),
        ("/settings/teams", {"name": "Desk", "url": "https://flows.example/w?sig=s3cr3t", "events": "alarm"}, ("url",)),
    ],
)
async def test_secrets_are_typed_again_and_everything_else_is_kept(
    house: House, path: str, fields: dict[str, str], secret: tuple[str, ...]
) -> None:
    cookie = await house.log_in("admin", "cookie")
    house.clock.advance(timedelta(seconds=301))
    for proof in ({}, _proof(house, "not it")):
        asked = await _send(house, path, cookie, fields | proof)
        assert asked.status == 401
        assert not [name for name in secret if fields[name] in asked.text]
        again = re.findall(r'<input type="password" name="(\w+)"', asked.text)
        assert sorted(again) == sorted((*secret, "proof_password"))
        kept = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
        assert {name: value for name, value in kept.items() if name != "csrf"} == {
            name: value for name, value in fields.items() if name not in secret
        }


@pytest.mark.feature("SEC-34", "SI-08")
async def test_typed_again_it_goes_through(house: House) -> None:
    cookie = await house.log_in("admin", "cookie")
    house.clock.advance(timedelta(seconds=301))
    await _send(house, "/settings/carrier", cookie, ACCOUNT)
    went = await _send(house, "/settings/carrier", cookie, ACCOUNT | _proof(house))
    assert went.status == 303, went.text
    accounts = await house.services.own_numbers.accounts(house.world.tenant_id)
    assert ACCOUNT["account_sid"] in [one.account_sid for one in accounts]


@pytest.mark.feature("SEC-20", "SEC-34")
def test_every_secret_of_a_sensitive_form_is_marked() -> None:
    """By the names that secrets have here, so that a new one is not forgotten."""
    unmarked = [
        (route.path, name)
        for route in page_routes()
        if route.step_up and route.surface is Surface.PAGE and route.body is not None
        for name, field in route.body.model_fields.items()
        if re.search(r"password|secret|token|code$", name) and field.repr
    ]
    assert unmarked == []
