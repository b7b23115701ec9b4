"""The settings pages: what is saved, what is refused beside which field, and what never comes back to a screen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from dialogs.settings import TenantSettings
from dialogs.tech_verify import Mode
from storage.tenant_settings import BY_NAME
from tests.fixtures.forms import post, words
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem
from web.pages.settings import company, mail_words, policies, verification
from web.pages.settings.fields import Group, in_words, shown

NUMBERS, CARRIER = "/settings/numbers", "/settings/carrier"
SID, TOKEN = "AC" + "5e" * 16, "c0ffee" * 5 + "00"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def settings_of(house: House) -> TenantSettings:
    tenant = await house.services.tenants.get(house.world.tenant_id)
    assert tenant is not None
    return tenant.settings


async def kinds(house: House) -> list[str]:
    await house.place_lines()
    log = await house.services.log.after(house.world.tenant_id)
    return [row.kind for row in log.items if row.kind.startswith("settings.")]


def as_drawn(groups: tuple[Group, ...], settings: TenantSettings) -> dict[str, str]:
    """The fields that a browser would send of a form nobody has touched."""
    fields: dict[str, str] = {}
    for _, asked in shown(groups, settings, {}):
        for field in asked:
            if field.kind != "tick" or field.value == "yes":
                fields[field.name] = field.value
            if field.units:
                fields[field.name + "_unit"] = field.unit
    return fields


@pytest.mark.feature("GE-04")
async def test_the_company_is_saved_and_its_faults_stand_beside_the_field(house: House) -> None:
    admin, before = await house.log_in("admin"), await settings_of(house)
    untouched = {"name": house.world.name, **as_drawn(company.GROUPS, before)}
    saved = await post(house, company.PATH, untouched, bearer=admin)
    assert (saved.status, await settings_of(house)) == (303, before)
    assert await kinds(house) == [], "what is as it was is not changed"
    change = {"name": "Harbor IT", "phone": "+1 212 555 0199", "timezone": "Europe/Berlin", "countries": "us, ca"}
    assert (await post(house, company.PATH, {**untouched, **change}, bearer=admin)).status == 303
    after = await settings_of(house)
    assert (after.phone, after.timezone, after.countries) == ("+12125550199", "Europe/Berlin", ("US", "CA"))
    wrong = {"name": " ", "phone": "12", "timezone": "Mars/Base", "countries": "US,XX", "keep_messages": "3"}
    refused = await post(house, company.PATH, {**untouched, **wrong}, bearer=admin)
    assert (refused.status, await settings_of(house)) == (422, after)
    for field in ("name", "phone", "countries"):
        assert f'id="wrong-{field}"' in refused.text, field
    assert 'value="US,XX"' in refused.text, "what was typed is still there"
    for one, says in (
        ("timezone", "Choose a name such as Europe/Berlin."),
        ("keep_messages", "Choose 7 to 3650 days."),
    ):
        alone = await post(house, company.PATH, {**untouched, one: wrong[one]}, bearer=admin)
        assert says in words(alone.text), one


@pytest.mark.feature("TV-04", "TV-26", "TV-28")
async def test_every_rule_of_a_check_is_changed_by_its_form(house: House) -> None:
    admin = await house.log_in("admin")
    fields = as_drawn(verification.CHECK, await settings_of(house))
    changed = {
        "mode": "transfer",
        "code_length": "8",
        "lifetime": "90",
        "lifetime_unit": "s",
        "ticket_at_claim": "required",
        "ticket_logging": "ask",
        "unknown_sender": "silent",
        "verification_number": house.world.number.id,
    }
    fields.pop("require_claim")  # a box that is not ticked sends nothing
    saved = await post(house, verification.CHECK_PATH, {**fields, **changed}, bearer=admin)
    assert saved.status == 303
    after = await settings_of(house)
    assert (after.rules.mode, after.code_length, after.rules.lifetime) == (Mode.TRANSFER, 8, timedelta(seconds=90))
    assert (after.rules.ticket_at_claim, after.rules.ticket_logging) == ("required", "ask")
    assert (after.rules.require_claim, after.unknown_sender) == (False, "silent")
    shown_again = await house.ask("GET", verification.CHECK_PATH, bearer=admin)
    assert re.search(r'name="lifetime"[^>]*value="90"', shown_again.text)
    for number in (house.other.number.id, house.world.second.id, "x"):
        strange = await post(house, verification.CHECK_PATH, {**fields, "verification_number": number}, bearer=admin)
        assert (strange.status, "none of your verification numbers" in strange.text) == (422, True)


@pytest.mark.feature("TV-04")
async def test_bounds_are_kept_by_every_form(house: House) -> None:
    admin, before = await house.log_in("admin"), await settings_of(house)
    for groups, path in (
        (verification.CHECK, verification.CHECK_PATH),
        (verification.LIMITS, verification.LIMITS_PATH),
    ):
        fields = as_drawn(groups, before)
        for ask in (ask for group in groups for ask in group.asks if ask.kind in ("whole", "time")):
            for typed in ("", "-1", "1e3", "99999999", "ten", "٣"):
                if typed == "99999999" and path == verification.LIMITS_PATH and ask.name != "prefix_answered_percent":
                    continue  # limits have no upper bound
                refused = await post(house, path, {**fields, ask.name: typed[:8]}, bearer=admin)
                assert refused.status == 422, (ask.name, typed)
                assert f'id="wrong-{ask.name}"' in refused.text, (ask.name, typed)
    assert await settings_of(house) == before


@pytest.mark.feature("SEC-34", "SEC-36")
async def test_only_an_admin_with_a_fresh_proof_changes_settings(house: House) -> None:
    changing = [
        r for r in page_routes() if r.path.startswith(("/settings/company", NUMBERS, CARRIER, "/settings/words"))
    ]
    assert all(r.step_up for r in changing if r.method == "POST" and not r.path.startswith(CARRIER + "/")), changing
    for path in (company.PATH, NUMBERS, verification.CHECK_PATH, verification.LIMITS_PATH, "/settings/words"):
        assert (await house.ask("GET", path, bearer=await house.log_in("supervisor"))).status == 403


@pytest.mark.feature("SEC-16", "TV-04")
async def test_own_words_count_and_the_forbidden_ones_are_named(house: House) -> None:
    admin, path = await house.log_in("admin"), "/settings/words"
    given = {"verify": "#Prüfen, vérifier ,", "confirm": "bestätigt", "deny": ""}
    assert (await post(house, path, given, bearer=admin)).status == 303
    assert (await settings_of(house)).words == {"prüfen": "verify", "vérifier": "verify", "bestätigt": "confirm"}
    for text, says in (
        ("PRÜFEN bitte", "Nearly a command"),
        ("prüfen", "A check starts"),
        ("#bestätigt", "They confirm"),
    ):
        read = await house.ask("GET", f"{path}?text={text.replace('#', '%23')}", bearer=admin)
        assert says in words(read.text), text
    for field, typed, says in (
        ("deny", "Stop", "kept for opting out"),
        ("confirm", "verify", "works already"),
        ("deny", "prüfen", "stands beside another command already"),
        ("verify", "x" * 31, "at most 30 letters"),
        ("verify", ",".join(f"w{i}" for i in range(41)), "more than 40 words"),
        ("verify", "<b>", "begin with a letter"),
    ):
        refused = await post(house, path, {**given, field: typed}, bearer=admin)
        assert (refused.status, says in words(refused.text)) == (422, True), (typed, words(refused.text))
        assert f'id="wrong-{field}"' in refused.text, typed
        assert "<b>" not in refused.text


@pytest.mark.feature("TV-28", "SM-10")
async def test_numbers_are_added_made_primary_and_removed(house: House) -> None:
    admin = await house.log_in("admin")
    for number, says in (
        ("+1 212 555", "is not a number that exists"),
        ("nonsense", "is not a phone number"),
        ("", "is not a phone number"),
        (house.world.number.address, "You have this number already."),
        (house.other.number.address, "belongs to somebody else here."),
    ):
        refused = await post(house, NUMBERS, {"number": number}, bearer=admin)
        assert (refused.status, says in words(refused.text)) == (422, True), words(refused.text)
    assert (await post(house, NUMBERS, {"number": "(646) 555-0199"}, bearer=admin)).status == 303
    own = {n.facts.address: n.facts for n in await house.services.tenants.numbers(house.world.tenant_id)}
    new, old = own["+16465550199"], own[house.world.number.address]
    assert not new.primary
    kept = await post(house, f"{NUMBERS}/{old.id}/remove", {}, bearer=admin)
    assert (kept.status, "Make another number primary first" in kept.text) == (422, True)
    assert (await post(house, f"{NUMBERS}/{new.id}/primary", {}, bearer=admin)).status == 303
    assert (await post(house, f"{NUMBERS}/{new.id}/opt-out", {"opt_out_by": "watchword"}, bearer=admin)).status == 303
    assert (await post(house, f"{NUMBERS}/{old.id}/remove", {}, bearer=admin)).status == 303
    left = {n.facts.address: n.facts for n in await house.services.tenants.numbers(house.world.tenant_id)}
    assert house.world.number.address not in left
    assert (left["+16465550199"].primary, left["+16465550199"].opt_out_by) == (True, "watchword")
    theirs = house.other.number.id
    for act, more in (("primary", {}), ("opt-out", {"opt_out_by": "carrier"}), ("remove", {})):
        assert (await post(house, f"{NUMBERS}/{theirs}/{act}", more, bearer=admin)).status == 404, act


@pytest.mark.feature("TV-28")
async def test_a_number_with_a_live_check_stays(house: House) -> None:
    admin = await house.log_in("admin")
    await house.text(house.world.people[0].mobile, "#verify")
    for number in await house.services.tenants.numbers(house.world.tenant_id):
        if number.facts.address == house.world.number.address:
            refused = await post(house, f"{NUMBERS}/{number.facts.id}/remove", {}, bearer=admin)
            assert (refused.status, "A check is running on it" in refused.text) == (422, True)
    page = await house.ask("GET", NUMBERS, bearer=admin)
    assert "The last text came in at" in words(page.text)


@pytest.mark.feature("SEC-18", "SEC-20")
async def test_a_token_goes_in_and_never_comes_out(house: House) -> None:
    admin = await house.log_in("admin")
    for fields, field in (
        ({"account_sid": "AC123", "auth_token": TOKEN}, "account_sid"),
        ({"account_sid": SID, "auth_token": "short"}, "auth_token"),
        ({"account_sid": SID, "auth_token": TOKEN, "second_token": "x"}, "second_token"),
    ):
        refused = await post(house, CARRIER, fields, bearer=admin)
        assert refused.status == 422
        assert f'id="wrong-{field}"' in refused.text
        assert TOKEN not in refused.text
    assert (await post(house, CARRIER, {"account_sid": SID, "auth_token": TOKEN}, bearer=admin)).status == 303
    page = await house.ask("GET", NUMBERS, bearer=admin)
    assert SID in page.text
    assert TOKEN not in page.text
    assert TOKEN.encode() not in await house.contents(), "it is stored sealed"
    found = await house.services.tenants.find_carrier_account(SID)
    assert found is not None
    assert found.auth_token == TOKEN
    theirs = await post(
        house, CARRIER, {"account_sid": SID, "auth_token": TOKEN}, bearer=await house.log_in("other_admin")
    )
    assert (theirs.status, "belongs to somebody else here" in theirs.text) == (422, True)
    gone = {"account_sid": SID}
    assert (await post(house, CARRIER + "/remove", gone, bearer=await house.log_in("other_admin"))).status == 404
    assert (await post(house, CARRIER + "/remove", gone, bearer=admin)).status == 303
    assert await house.services.tenants.find_carrier_account(SID) is None
    assert await kinds(house) == ["settings.carrier_set", "settings.carrier_removed"]


@pytest.mark.parametrize(
    ("spelled", "said"),
    [
        ("1m to 10m", "1 to 10 minutes"),
        ("1m to 1h", "1 minute to 1 hour"),
        ("5s up to the lifetime", "5 seconds up to the lifetime"),
        ("6 to 10", "6 to 10"),
    ],
)
def test_bounds_in_words(spelled: str, said: str) -> None:
    assert in_words(spelled) == said


async def test_registration_is_in_the_tenants_own_words(house: House) -> None:
    admin, tenant_id = await house.log_in("admin"), house.world.tenant_id
    page = words((await house.ask("GET", "/settings/registration", bearer=admin)).text)
    tenant = await house.services.tenants.get(tenant_id)
    assert tenant is not None
    assert f"{tenant.name} is the IT help desk" in page
    for must in (
        "Reply STOP to opt out",
        "Msg & data rates may apply",
        "#verify",
        "There is no marketing.",
        "HELP, INFO",
    ):
        assert must in page, must
    assert "Northwind" not in page, "the sample name is nobody's"


#: Settings that have a page of another kind.
ELSEWHERE = {"words", "invited_role", "methods", "pod_origins"}


@pytest.mark.feature("TV-04", "GE-04")
def test_every_setting_is_asked_for_on_exactly_one_page() -> None:
    asked = [
        ask.name
        for groups in (company.GROUPS, verification.CHECK, verification.LIMITS, policies.GROUPS, mail_words.GROUPS)
        for group in groups
        for ask in group.asks
    ]
    assert sorted(asked) == sorted(set(BY_NAME) - ELSEWHERE)


@pytest.mark.feature("GE-06", "TC-07")
@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("alert manager", "/settings/people"),
        ("Teams Channels", "/settings/teams"),
        ("outgoing mail", "/settings/mail"),
        ("Account Settings", "/settings/company"),
        ("templates", "/settings/texts"),
        ("api keys", "/settings/keys"),
    ],
)
async def test_settings_are_found_by_the_names_that_other_programs_use(house: House, q: str, found: str) -> None:
    cookie = await house.log_in("admin", "cookie")
    page = (await house.ask("GET", f"/settings?q={q.replace(' ', '+')}", cookie=cookie, validate=False)).text
    listed = page.split('role="search"')[1]
    assert f'href="{found}"' in listed
    assert "/settings/words" not in listed
