"""Verification policies by API (VP-01): for everybody and for single clients, the same ones that the pages show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from dialogs.settings import TenantSettings
from dialogs.user_verify import Method, Policy
from storage.policy_settings import POLICY_SETTINGS
from tests.fixtures.web_house import House, OpenWeb
from tests.scenario.route_ground import new_integration_key
from web.routing import Scope

ALL = "/api/v1/verification-policy"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web() as opened:
        yield opened


async def settings_of(house: House) -> TenantSettings:
    tenant = await house.services.tenants.get(house.world.tenant_id)
    assert tenant is not None
    return tenant.settings


async def client_of(house: House, tenant_id: str = "", nth: int = 0) -> str:
    return (await house.services.directory.clients(tenant_id or house.world.tenant_id))[nth].id


def of(client_id: str) -> str:
    return f"/api/v1/clients/{client_id}/verification-policy"


@pytest.mark.feature("VP-01", "GE-04")
async def test_what_holds_for_everybody_is_read_and_set_by_name(house: House) -> None:
    admin = await house.log_in("admin")
    before = await house.ask("GET", ALL, bearer=admin)
    assert before.status == 200, before.text
    assert set(before.json) == {"client_id", "own", *(setting.name for setting in POLICY_SETTINGS)}
    assert (before.json["client_id"], before.json["own"]) == (None, True)
    wanted = {"methods": "email_link,sms_code", "green_for": "2h", "wrong_codes_read_out": "3"}
    after = await house.ask("PUT", ALL, bearer=admin, body=wanted)
    assert (after.status, after.json) == (200, before.json | wanted)
    policy = (await settings_of(house)).policy
    assert policy.methods == (Method.EMAIL_LINK, Method.SMS_CODE)
    assert (policy.green_for, policy.max_wrong_codes) == (timedelta(hours=2), 3)
    assert policy.history_length == Policy().history_length, "what was not named stays as it was"


@pytest.mark.feature("VP-01")
async def test_a_client_has_its_own_until_it_is_taken_back(house: House) -> None:
    admin, one, other = await house.log_in("admin"), await client_of(house), await client_of(house, nth=1)
    everybody = (await house.ask("GET", ALL, bearer=admin)).json
    assert (await house.ask("GET", of(one), bearer=admin)).json == everybody | {"client_id": one, "own": False}
    made = await house.ask("PUT", of(one), bearer=admin, body={"spoken_number": "yes"})
    assert (made.status, made.json["own"], made.json["spoken_number"]) == (200, True, "yes")
    assert (await house.ask("PUT", ALL, bearer=admin, body={"history_length": "77"})).status == 200
    mine, theirs = [(await house.ask("GET", of(id), bearer=admin)).json for id in (one, other)]
    assert (mine["history_length"], mine["own"]) == (everybody["history_length"], True), "it has its own"
    assert (theirs["history_length"], theirs["own"], theirs["spoken_number"]) == ("77", False, "no")
    assert (await settings_of(house)).policy_of(one).spoken_number
    # What is its own already stays its own, changed where it is named.
    again = await house.ask("PUT", of(one), bearer=admin, body={"green_for": "1h"})
    assert (again.json["green_for"], again.json["spoken_number"]) == ("1h", "yes")
    for _ in range(2):
        assert (await house.ask("DELETE", of(one), bearer=admin)).status == 204
    assert (await house.ask("GET", of(one), bearer=admin)).json == {**theirs, "client_id": one}


@pytest.mark.feature("VP-01")
async def test_what_will_not_do_is_named_and_nothing_is_saved(house: House) -> None:
    admin, one, before = await house.log_in("admin"), await client_of(house), await settings_of(house)
    for path in (ALL, of(one)):
        body = {"code_lifetime": "11m", "high_needs": "code", "green_for": "1h"}
        refused = await house.ask("PUT", path, bearer=admin, body=body)
        assert (refused.status, refused.json["error"]) == (422, "invalid")
        assert {p["field"] for p in refused.json["problems"]} == {"code_lifetime", "high_needs"}
        assert (await house.ask("PUT", path, bearer=admin, body={"methods": ""})).status == 422
        assert (await house.ask("PUT", path, bearer=admin, body={"lifetime": "5m"})).status == 422, "no policy's"
    assert await settings_of(house) == before


@pytest.mark.feature("VP-01", "SEC-34", "SEC-35", "SEC-36")
async def test_they_are_for_admins_of_the_tenant_with_a_fresh_proof_and_for_no_program(house: House) -> None:
    one, foreign = await client_of(house), await client_of(house, house.other.tenant_id)
    key, _ = await new_integration_key(house, set(Scope))
    bearers = [await house.log_in("technician"), await house.log_in("supervisor"), key]
    admin = await house.log_in("admin")
    for path in (ALL, of(one)):
        for bearer in bearers:
            assert (await house.ask("GET", path, bearer=bearer)).status == 403
            assert (await house.ask("PUT", path, bearer=bearer, body={"green_for": "1h"})).status == 403
    for bearer in bearers:
        assert (await house.ask("DELETE", of(one), bearer=bearer)).status == 403
    for client_id in (foreign, "01900000-0000-7000-8000-00000000dead"):
        assert (await house.ask("GET", of(client_id), bearer=admin)).status == 404
        assert (await house.ask("PUT", of(client_id), bearer=admin, body={"green_for": "1h"})).status == 404
        assert (await house.ask("DELETE", of(client_id), bearer=admin)).status == 404
    house.clock.advance(timedelta(seconds=301))
    for method, path in (("PUT", ALL), ("PUT", of(one)), ("DELETE", of(one))):
        body = {"green_for": "1h"} if method == "PUT" else None
        stale = await house.ask(method, path, bearer=admin, body=body)
        assert (stale.status, stale.json["error"]) == (401, "step_up_required")
    settings = await settings_of(house)
    assert (settings.policy, dict(settings.client_policies)) == (Policy(), {})


@pytest.mark.feature("SEC-56")
async def test_the_log_tells_who_changed_whose(house: House) -> None:
    admin, one = await house.log_in("admin"), await client_of(house)
    await house.ask("PUT", ALL, bearer=admin, body={"green_for": "1h", "history_length": "5"})
    await house.ask("PUT", of(one), bearer=admin, body={"green_for": "2h"})
    await house.ask("DELETE", of(one), bearer=admin)
    assert (await house.ask("DELETE", of(one), bearer=admin)).status == 204, "and nothing happens"
    await house.place_lines()
    log = await house.services.log.after(house.world.tenant_id)
    lines = [dict(row.public) for row in log.items if row.kind == "settings.changed"]
    assert [line["settings"] for line in lines] == ["green_for,history_length", "client_policies", "client_policies"]
    assert [line.get("client") for line in lines] == [None, one, one]
