"""What an admin sets for the verification of end users: for everybody, and for single clients."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from dialogs.settings import TenantSettings
from dialogs.user_verify import Assurance, Method, Policy
from tests.fixtures.forms import send, words
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem

PATH = "/settings/policies"
FORM = {
    "sms_code_used": "yes",
    "sms_code_place": "2",
    "email_link_used": "yes",
    "email_link_place": "1",
    "code_lifetime": "4",
    "code_lifetime_unit": "m",
    "link_lifetime": "7",
    "link_lifetime_unit": "m",
    "wrong_codes_read_out": "3",
    "green_for": "2",
    "green_for_unit": "h",
    "history_length": "5",
    "note_required": "yes",
    "closing": "verified_or_waived",
    "info_needs": "email",
    "standard_needs": "code",
    "high_needs": "passkey",
    "high_is": "enforced",
    "second_person": "yes",
    "high_by_two": "yes",
    "approver": "supervisor",
    "banner": "VIP: ring the front desk first",
}
SET = Policy(
    methods=(Method.EMAIL_LINK, Method.SMS_CODE),
    code_lifetime=timedelta(minutes=4),
    link_lifetime=timedelta(minutes=7),
    max_wrong_codes=3,
    green_for=timedelta(hours=2),
    history_length=5,
    note_required=True,
    spoken_number=False,
    banner="VIP: ring the front desk first",
    show_on_load=False,
    closing="verified_or_waived",
    info_needs=Assurance.EMAIL,
    standard_needs=Assurance.CODE,
    high_needs=Assurance.PASSKEY,
    high_is="enforced",
    second_person=True,
    high_by_two=True,
    approver="supervisor",
)


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def settings_of(house: House) -> TenantSettings:
    tenant = await house.services.tenants.get(house.world.tenant_id)
    assert tenant is not None
    return tenant.settings


async def clients_of(house: House) -> list[tuple[str, str]]:
    return [(c.id, c.name) for c in await house.services.directory.clients(house.world.tenant_id)]


@pytest.mark.feature("EV-22", "EV-28", "EV-30", "EV-33", "VP-02", "VP-03")
async def test_everything_in_the_form_is_what_is_set(house: House) -> None:
    cookie = await house.log_in("admin", "cookie")
    saved = await send(house, cookie, PATH, **FORM)
    assert saved.status == 303, words(saved)
    assert (await settings_of(house)).policy == SET
    drawn = await house.ask("GET", PATH, cookie=cookie)
    assert 'name="banner" value="VIP: ring the front desk first"' in drawn.text
    order = re.findall(r'name="(\w+)_place"[^>]*value="(\d+)"', drawn.text)
    assert order[:2] == [("email_link", "1"), ("sms_code", "2")], "what is used comes first, in its order"
    assert len(order) == len(Method)


@pytest.mark.feature("VP-06")
async def test_nobody_is_trusted_by_default(house: House) -> None:
    """Before anybody has set anything: no shield is green, the note is asked for, and nothing below a tap is enough
    for help."""
    policy = (await settings_of(house)).policy
    contact = house.world.people[0].id
    assert await house.services.verifications.shields(house.world.tenant_id, contact, house.clock.now()) == ()
    assert policy.note_required
    assert policy.standard_needs is Assurance.TAP
    assert policy.high_needs is Assurance.APP


@pytest.mark.feature("VP-01")
async def test_a_client_has_its_own_until_it_is_taken_back(house: House) -> None:
    cookie = await house.log_in("admin", "cookie")
    (one, _name), (other, _other) = (await clients_of(house))[:2]
    assert "as for everybody" in words(await house.ask("GET", f"{PATH}/{one}", cookie=cookie))
    assert (await send(house, cookie, f"{PATH}/{one}", **FORM)).status == 303
    settings = await settings_of(house)
    assert settings.policy_of(one) == SET
    assert settings.policy_of(other) == Policy() == settings.policy, "nothing reaches another client"
    assert "its own policy" in words(await house.ask("GET", f"{PATH}/{one}", cookie=cookie))
    everybody = {**FORM, "history_length": "77"}
    assert (await send(house, cookie, PATH, **everybody)).status == 303
    settings = await settings_of(house)
    assert settings.policy_of(one) == SET, "what changes for everybody does not reach it"
    assert settings.policy_of(other) == replace(SET, history_length=77)
    assert (await send(house, cookie, f"{PATH}/{one}/reset")).status == 303
    assert (await settings_of(house)).policy_of(one) == replace(SET, history_length=77)


@pytest.mark.feature("VP-01")
async def test_a_client_is_found_by_name_and_an_unknown_one_is_said_to_be(house: House) -> None:
    cookie = await house.log_in("admin", "cookie")
    client_id, name = (await clients_of(house))[0]
    found = await house.ask("GET", f"{PATH}?{urlencode({'client': name.upper()})}", cookie=cookie)
    assert (found.status, found.headers["Location"]) == (303, f"{PATH}/{client_id}")
    none = await house.ask("GET", f"{PATH}?client=Nobody+Inc", cookie=cookie)
    assert none.status == 404
    assert "There is no client of that name." in words(none)
    foreign = await house.services.directory.clients(house.other.tenant_id)
    for path in (f"{PATH}/{foreign[0].id}", f"{PATH}/no-id"):
        assert (await house.ask("GET", path, cookie=cookie)).status == 404
        assert (await send(house, cookie, path, **FORM)).status == 404
    assert foreign[0].id not in (await settings_of(house)).client_policies


@pytest.mark.feature("VP-01")
@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("code_lifetime", "11", "Choose 1 to 10 minutes."),
        ("link_lifetime", "0", "Choose 1 to 10 minutes."),
        ("wrong_codes_read_out", "6", "Choose 3 to 5."),
        ("green_for", "25", "Choose 1 minute to 24 hours."),
        ("history_length", "0", "Choose 1 to 200."),
        ("standard_needs", "verbal", "Choose email or tap or code or app or passkey."),
        ("high_needs", "code", "Choose app or passkey."),
        ("banner", "x" * 301, "Choose one line, 300 characters."),
        ("sms_code_used", "", "Choose one at least."),
    ],
)
@pytest.mark.parametrize("whose", ["everybody", "a client"])
async def test_what_will_not_do_is_said_where_it_stands_and_nothing_is_saved(
    house: House, whose: str, field: str, typed: str, said: str
) -> None:
    cookie = await house.log_in("admin", "cookie")
    path = PATH if whose == "everybody" else f"{PATH}/{(await clients_of(house))[0][0]}"
    fields = {**FORM, field: typed}
    if field == "sms_code_used":
        del fields["email_link_used"]
    answer = await send(house, cookie, path, **{name: value for name, value in fields.items() if value})
    assert answer.status == 422
    assert said in words(answer)
    assert "VIP: ring" in answer.text or field == "banner", "what they had typed is still there"
    settings = await settings_of(house)
    assert (settings.policy, dict(settings.client_policies)) == (Policy(), {})


@pytest.mark.feature("VP-01")
async def test_policies_are_for_admins_with_a_fresh_sign_in(house: House) -> None:
    for who in ("technician", "supervisor"):
        cookie = await house.log_in(who, "cookie")
        assert (await house.ask("GET", PATH, cookie=cookie)).status == 403
        assert (await send(house, cookie, PATH, **FORM)).status == 403
    cookie = await house.log_in("admin", "cookie")
    house.clock.advance(timedelta(minutes=6))
    asked = await send(house, cookie, PATH, **FORM)
    assert asked.status == 401
    assert "VIP: ring" in asked.text, "the form waits for the proof"
    assert (await settings_of(house)).policy == Policy()
