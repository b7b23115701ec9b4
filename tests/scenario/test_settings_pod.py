"""Who may show the pod: exact https origins that an admin enters, and the address that is pasted elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dialogs.settings import MOST_ORIGINS, SettingsError, TenantSettings, check_settings
from storage.settings_json import dump_settings, load_settings
from storage.tenant_settings import change
from tests.fixtures.forms import post, words
from tests.fixtures.pages import see
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem

PATH = "/settings/pod"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def origins(house: House) -> tuple[str, ...]:
    tenant = await house.services.tenants.get(house.world.tenant_id)
    assert tenant is not None
    return tenant.settings.pod_origins


@pytest.mark.feature("SEC-31", "PS-72")
async def test_what_is_pasted_is_cut_to_its_origin(house: House) -> None:
    admin = await house.log_in("admin")
    typed = "https://NA.psa.example/v4_6/services?a=b#c\n eu.psa.example:8443 \r\nhttps://na.psa.example:443\n\n"
    saved = await post(house, PATH, {"origins": typed}, bearer=admin)
    assert saved.status == 303
    assert await origins(house) == ("https://na.psa.example", "https://eu.psa.example:8443")
    shown = await see(house, PATH, "admin")
    assert "https://na.psa.example\nhttps://eu.psa.example:8443</textarea>" in shown.text
    assert f"/pod?tenant=tenant-{house.world.tenant_id[-4:]}" in shown.text
    assert (await post(house, PATH, {"origins": ""}, bearer=admin)).status == 303
    assert await origins(house) == ()


@pytest.mark.feature("SEC-31")
@pytest.mark.parametrize(
    "typed",
    [
        "*",
        "https://*",
        "https://*.psa.example",
        "http://psa.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https://psa",
        "https://psa.example;script-src *",
        "https://psa.example 'self'",
        "https://[::1",
        "https://psa..example",
        "https://psa.example:99999999",
        "https://-psa.example",
        "https://psä.example",
        "https://user:secret@psa.example ' https:",
        "\n".join(f"https://psa{n}.example" for n in range(MOST_ORIGINS + 1)),
    ],
)
async def test_what_is_no_exact_https_origin_is_refused_and_kept_in_the_form(house: House, typed: str) -> None:
    admin = await house.log_in("admin")
    answer = await post(house, PATH, {"origins": typed}, bearer=admin)
    assert answer.status == 422, await origins(house)
    assert await origins(house) == ()
    assert "Not saved" in words(answer.text)


@pytest.mark.feature("SEC-34", "SEC-36")
async def test_only_an_admin_with_a_fresh_proof_says_so(house: House) -> None:
    for who in ("technician", "supervisor"):
        refused = await post(house, PATH, {"origins": "psa.example"}, bearer=await house.log_in(who))
        assert refused.status == 403
    assert await origins(house) == ()


def test_a_list_that_did_not_come_by_the_page_is_checked_too() -> None:
    kept = change(TenantSettings(), {"pod_origins": "https://psa.example/tickets, other.example"})
    assert kept.pod_origins == ("https://psa.example", "https://other.example")
    assert load_settings(dump_settings(kept)) == kept
    for wrong in ("https://*.example", "https://psa.example/", "https://psa.example; img-src *", "http://psa.example"):
        with pytest.raises(SettingsError, match="pod_origins"):
            check_settings(TenantSettings(pod_origins=(wrong,)))
