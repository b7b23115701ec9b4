"""The tenant's own wording. What a template must say stays locked, so that no wording can be turned against a user
(SEC-05)."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from dialogs.settings import TenantSettings
from dialogs.texts import TextError, check_override, find_template
from web.answers import answer
from web.api.shapes import OwnText, TextQuery, TextWith
from web.noting import line
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface


async def read(call: Call) -> web.StreamResponse:
    """The wording in use: the tenant's own where there is one, ours else."""
    template, locale = _which(call, call.query.locale)
    tenant = await call.services.tenants.get(call.who.tenant_id)
    if tenant is None:
        raise not_found()
    return answer(_shown(template, locale, tenant.settings))


async def write(call: Call) -> web.StreamResponse:
    """Checked as a whole: nothing is kept while anything is wrong. The change is used from the next text on."""
    given: TextWith = call.body
    template, locale = _which(call, given.locale)
    key = _key(template, locale)
    problems = check_override(key, given.text) if given.text else ()
    if problems:
        raise Problem(
            422,
            "text_refused",
            f"This wording cannot be used. {problems[0]}",
            {"problems": [{"field": "text", "problem": problem} for problem in problems]},
        )

    def change(settings: TenantSettings) -> TenantSettings:
        texts = {name: text for name, text in settings.texts.items() if name != key}
        return replace(settings, texts=texts | ({key: given.text} if given.text else {}))

    noted = line(call, "settings.text_changed", template=key, own=int(bool(given.text)))
    tenants = call.services.tenants.noting(call.who.tenant_id, noted)
    changed = await tenants.change_settings(call.who.tenant_id, change)
    return answer(_shown(template, locale, changed.settings))


def _which(call: Call, locale: str) -> tuple[str, str]:
    """The template and language that are meant. 404 for a template that does not exist."""
    template = call.request.match_info["template"]
    try:
        find_template(template, locale)
    except TextError:
        raise not_found() from None
    return template, locale


def _key(template: str, locale: str) -> str:
    return f"{template}@{locale}" if locale else template


def _shown(template: str, locale: str, settings: TenantSettings) -> OwnText:
    own = settings.texts.get(_key(template, locale))
    ours = find_template(template, locale).body
    return OwnText(template=template, locale=locale, text=ours if own is None else own, own=own is not None)


_PATH = "/api/v1/settings/texts/{template}"
ROUTES = (
    Route(
        "GET",
        _PATH,
        read,
        Access.ADMIN,
        Surface.API,
        "Read the wording of a template",
        query=TextQuery,
        answers={200: OwnText},
    ),
    Route(
        "PUT",
        _PATH,
        write,
        Access.ADMIN,
        Surface.API,
        "Set or take back own wording",
        body=TextWith,
        answers={200: OwnText},
        step_up=True,
    ),
)
