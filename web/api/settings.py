"""The tenant's settings (GE-04): the same names and the same spelling as on the command line and in the reference."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, create_model

from dialogs.settings import SettingsError, TenantSettings, check_settings
from storage.phones import BadNumber, to_e164
from storage.tenant_settings import BY_NAME, SETTINGS, change, check_name
from storage.tenants import StoredTenant
from web.answers import Reply, answer
from web.bodies import Strict
from web.noting import line
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface

ABOUT = {
    "name": "The name that texts and pages show.",
    "verification_number": "The primary verification number, E.164. Only a number that is yours already can become it.",
    **{setting.name: f"{setting.about}. Allowed: {setting.allowed}." for setting in SETTINGS},
}


def _fields(kind: Any, default: Any) -> dict[str, Any]:
    return {
        name: (Annotated[kind, Field(max_length=4000, description=about)], default) for name, about in ABOUT.items()
    }


#: All settings of the tenant, each spelled as in docs/reference/settings.md.
Settings: type[Reply] = create_model("Settings", __base__=Reply, **_fields(str, ...))
#: Those that are to change.
ChangeSettings: type[Strict] = create_model("ChangeSettings", __base__=Strict, **_fields(str, ""))


async def read(call: Call) -> web.StreamResponse:
    """All settings, spelled as in docs/reference/settings.md: `20s`, `10m`, `1h`, `90d`, `yes`, `no`."""
    return answer(await _shown(call, await tenant_of(call)))


async def change_some(call: Call) -> web.StreamResponse:
    """Change those that are given, all of them or none; answers with all settings. `problems` names each that is
    refused, with what is allowed."""
    given: dict[str, str] = call.body.model_dump(exclude_unset=True)
    tenant = await tenant_of(call)
    wanted = {name: value for name, value in given.items() if name in BY_NAME}
    wrong = faults_in(tenant.settings, wanted)
    name, number_id = tenant.name, ""
    try:
        name = check_name(given.get("name", tenant.name))
    except SettingsError as bad:
        wrong["name"] = str(bad)
    if "verification_number" in given:
        number_id = await _own_number(call, given["verification_number"])
        if not number_id:
            wrong["verification_number"] = "it is none of your verification numbers; add it to your numbers first"
    refuse_faults(wrong)
    tenants = call.services.tenants
    if wanted:
        about = line(call, "settings.changed", settings=",".join(sorted(wanted)))
        await tenants.noting(tenant.id, about).change_settings(tenant.id, lambda now: change(now, wanted))
    if name != tenant.name:
        await tenants.noting(tenant.id, line(call, "settings.renamed")).rename(tenant.id, name)
    if number_id:
        about = line(call, "settings.number_primary", number=number_id)
        await tenants.noting(tenant.id, about).set_primary(tenant.id, number_id)
    return answer(await _shown(call, await tenant_of(call)))


def faults_in(settings: TenantSettings, wanted: dict[str, str]) -> dict[str, str]:
    """What is wrong, by setting."""
    wrong = dict[str, str]()
    for name, typed in wanted.items():
        try:
            settings = BY_NAME[name].put(settings, typed)
        except SettingsError as bad:
            wrong[name] = str(bad)
    try:
        check_settings(settings)
    except SettingsError as bad:
        first = str(bad).partition(" ")[0].rstrip(":")
        wrong.setdefault(first if first in wanted else next(iter(wanted), "settings"), str(bad))
    return wrong


def refuse_faults(wrong: dict[str, str]) -> None:
    """Raises the 422 that names each of them, if there are any."""
    if wrong:
        problems = [{"field": field, "problem": said} for field, said in wrong.items()]
        first = problems[0]
        said = f"Nothing was changed. {first['field']}: {first['problem']}."
        raise Problem(422, "invalid", said, {"problems": problems})


async def _own_number(call: Call, typed: str) -> str:
    """The id of this verification number of the tenant's, empty for any other."""
    try:
        address = to_e164(typed, "")
    except BadNumber:
        return ""
    own = await call.services.tenants.numbers(call.who.tenant_id)
    found = (n.facts.id for n in own if n.facts.purpose == "verification" and n.facts.address == address)
    return next(found, "")


async def tenant_of(call: Call) -> StoredTenant:
    """The tenant of whoever is signed in."""
    tenant = await call.services.tenants.get(call.who.tenant_id)
    if tenant is None:
        raise not_found()
    return tenant


async def _shown(call: Call, tenant: StoredTenant) -> Reply:
    own = [n.facts for n in await call.services.tenants.numbers(tenant.id)]
    number = next((n.address for n in own if n.purpose == "verification" and n.primary), "")
    values = {setting.name: setting.show(setting.value_in(tenant.settings)) for setting in SETTINGS}
    return Settings.model_validate({"name": tenant.name, "verification_number": number, **values})


ROUTES = (
    Route("GET", "/api/v1/settings", read, Access.ADMIN, Surface.API, "Read the settings", answers={200: Settings}),
    Route(
        "PATCH",
        "/api/v1/settings",
        change_some,
        Access.ADMIN,
        Surface.API,
        "Change settings",
        body=ChangeSettings,
        answers={200: Settings},
        step_up=True,
    ),
)
