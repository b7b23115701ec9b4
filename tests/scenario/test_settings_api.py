"""The settings by API (GE-04): read, changed, refused with the name of what is wrong, and only by an admin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from dialogs.settings import TenantSettings
from storage.tenant_settings import BY_NAME
from tests.fixtures.web_house import House, OpenWeb

PATH = "/api/v1/settings"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web() as opened:
        yield opened


async def _settings(house: House) -> TenantSettings:
    tenant = await house.services.tenants.get(house.world.tenant_id)
    assert tenant is not None
    return tenant.settings


@pytest.mark.feature("GE-04")
async def test_every_setting_is_read_and_changed_by_its_name(house: House) -> None:
    admin = await house.log_in("admin")
    before = await house.ask("GET", PATH, bearer=admin)
    assert before.status == 200, before.text
    assert set(before.json) == {"name", "verification_number", *BY_NAME}
    assert before.json["verification_number"] == house.world.number.address
    wanted = {
        "name": "  Harbor   IT ",
        "phone": "+1 (212) 555-0199",
        "lifetime": "5m",
        "words": "prove:verify",
        "keep_messages": "90d",
    }
    after = await house.ask("PATCH", PATH, bearer=admin, body=wanted)
    assert after.status == 200, after.text
    changed = {"name": "Harbor IT", "phone": "+12125550199", "lifetime": "5m", "words": "prove:verify"}
    assert after.json == {**before.json, **changed, "keep_messages": "90d"}
    assert (await house.ask("GET", PATH, bearer=admin)).json == after.json
    settings = await _settings(house)
    assert settings.rules.lifetime == timedelta(minutes=5)
    assert settings.words == {"prove": "verify"}
    other = await house.ask("GET", PATH, bearer=await house.log_in("other_admin"))
    assert other.json["name"] != "Harbor IT"


@pytest.mark.feature("GE-04", "TV-28")
async def test_the_verification_number_is_one_of_ours(house: House) -> None:
    admin, tenant_id = await house.log_in("admin"), house.world.tenant_id
    second = "+16465550199"
    await house.services.tenants.add_number(
        tenant_id, house.services.random.new_id(house.clock.now()), second, "verification", house.clock.now()
    )
    for wrong in (house.other.number.address, house.world.second.address + "9", "+12125559999", "nonsense", ""):
        refused = await house.ask("PATCH", PATH, bearer=admin, body={"verification_number": wrong, "name": "Nobody"})
        assert refused.status == 422, wrong
        assert [p["field"] for p in refused.json["problems"]] == ["verification_number"]
    assert (await house.ask("GET", PATH, bearer=admin)).json["name"] != "Nobody"
    done = await house.ask("PATCH", PATH, bearer=admin, body={"verification_number": "+1 646 555 0199"})
    assert done.json["verification_number"] == second


@pytest.mark.feature("GE-04", "TV-26")
async def test_what_is_refused_is_named_and_nothing_changes(house: House) -> None:
    admin, before = await house.log_in("admin"), await _settings(house)
    body = {"lifetime": "11m", "ticket_logging": "never", "timezone": "Nowhere/Land", "code_length": "7", "name": " "}
    refused = await house.ask("PATCH", PATH, bearer=admin, body=body)
    assert refused.status == 422
    found = {p["field"]: p["problem"] for p in refused.json["problems"]}
    assert set(found) >= {"ticket_logging", "name"}
    assert "auto or ask" in found["ticket_logging"]
    for one, says in (("lifetime", "1 to 10 minutes"), ("timezone", "Europe/Berlin")):
        alone = await house.ask("PATCH", PATH, bearer=admin, body={one: body[one]})
        assert [(p["field"], says in p["problem"]) for p in alone.json["problems"]] == [(one, True)]
    assert (await house.ask("PATCH", PATH, bearer=admin, body={"texts": "x"})).status == 422
    assert await _settings(house) == before


@pytest.mark.feature("GE-04", "SEC-34", "SEC-36")
async def test_only_an_admin_with_a_fresh_proof_changes_them(house: House) -> None:
    for who in ("technician", "supervisor"):
        token = await house.log_in(who)
        assert (await house.ask("GET", PATH, bearer=token)).status == 403
        assert (await house.ask("PATCH", PATH, bearer=token, body={"name": "X"})).status == 403
    admin = await house.log_in("admin")
    house.clock.advance(timedelta(seconds=301))
    stale = await house.ask("PATCH", PATH, bearer=admin, body={"name": "X"})
    assert (stale.status, stale.json["error"]) == (401, "step_up_required")


@pytest.mark.feature("SEC-56")
async def test_the_log_names_what_changed_and_not_to_what(house: House) -> None:
    admin = await house.log_in("admin")
    body = {"name": "Secret Squirrel", "phone": "+12125550177"}
    assert (await house.ask("PATCH", PATH, bearer=admin, body=body)).status == 200
    await house.place_lines()
    log = await house.services.log.after(house.world.tenant_id)
    lines = {row.kind: dict(row.public) for row in log.items if row.kind.startswith("settings.")}
    assert lines["settings.changed"]["settings"] == "phone"
    assert "settings.renamed" in lines
    assert "Squirrel" not in str(lines)
    assert "0177" not in str(lines)
