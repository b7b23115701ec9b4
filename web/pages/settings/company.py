"""The company as texts and pages show it: name, published number, language, time zone, countries, how long words are
kept."""

from __future__ import annotations

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from aiohttp import web
from pydantic import Field

from dialogs.settings import SettingsError
from storage.tenant_settings import check_name
from storage.tenants import StoredTenant
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.settings.fields import Ask, Group, faults, form_of, save, sentence, shown, typed_in
from web.pages.settings.parts import settings_page
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

PATH = "/settings/company"
GROUPS = (
    Group(
        _("What texts say"),
        "",
        (
            Ask(
                "phone",
                _("Published phone number"),
                "tel",
                about=_(
                    "The number people know from your contract or website. Texts tell them to call it when unsure."
                ),
            ),
            Ask("locale", _("Language"), "choice", {"en": _("English")}, _("The language of texts and notes.")),
            Ask("timezone", _("Time zone"), "zone"),
            Ask(
                "countries",
                _("Countries texts may go to"),
                "text",
                about=_(
                    "Two-letter codes with commas. Empty: the country of your primary number only. Each country you "
                    "add is one more where somebody could run up your bill."
                ),
            ),
        ),
    ),
    Group(
        _("How long words are kept"),
        _("The log of who checked whom, and how it ended, stays."),
        (
            Ask("keep_messages", _("Texts and notes to tickets"), "days"),
            Ask("keep_checks", _("Stories of checks"), "days"),
            Ask("keep_alerts", _("Alerts somebody has seen"), "days"),
        ),
    ),
)
CompanyForm = form_of("CompanyForm", GROUPS, {"name": (Annotated[str, Field(max_length=200)], "")})


async def show_company(call: Call) -> web.StreamResponse:
    """Name, number, language."""
    return _page(call, await tenant_of(call), {}, {})


async def change_company(call: Call) -> web.StreamResponse:
    """All of it at once, or nothing."""
    tenant = await tenant_of(call)
    typed = typed_in(GROUPS, call.body)
    wrong = faults(tenant.settings, typed)
    name = call.body.model_dump()["name"]
    try:
        tidy = check_name(name)
    except SettingsError as bad:
        wrong["name"] = sentence(bad)
    if wrong:
        return _page(call, tenant, {**typed, "name": name}, wrong)
    await save(call, typed)
    if tidy != tenant.name:
        await call.services.tenants.noting(tenant.id, line(call, "settings.renamed")).rename(tenant.id, tidy)
    return see_other(PATH, said="saved")


async def tenant_of(call: Call) -> StoredTenant:
    """The tenant of whoever is signed in."""
    tenant = await call.services.tenants.get(call.who.tenant_id)
    if tenant is None:
        raise not_found()
    return tenant


def _page(call: Call, tenant: StoredTenant, typed: dict[str, str], wrong: dict[str, str]) -> web.Response:
    values = {
        "name": typed.get("name", tenant.name),
        "groups": shown(GROUPS, tenant.settings, typed),
        "zones": _zones(),
        "problems": wrong,
        "action": PATH,
    }
    said = _("Not saved. Correct what is marked below.") if wrong else ""
    return settings_page(call, "company", "settings_form.html", values, status=422 if wrong else 200, problem=said)


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")))


ROUTES = (
    Route("GET", PATH, show_company, Access.ADMIN, Surface.PAGE, "The company"),
    Route(
        "POST", PATH, change_company, Access.ADMIN, Surface.PAGE, "Change the company", body=CompanyForm, step_up=True
    ),
)
