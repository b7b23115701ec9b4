"""How end users are verified: for everybody, and for single clients in place of that (VP-01)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from dialogs.settings import TenantSettings
from dialogs.user_verify import DEFAULT_ORDER, METHODS, Method
from storage.tenants import StoredTenant
from web.api.ids import our_id
from web.look import _
from web.pages.contact_forms import MOST_OFFERED
from web.pages.context import see_other
from web.pages.forms import Form, Press
from web.pages.settings.company import tenant_of
from web.pages.settings.fields import Ask, Group, faults, form_of, save, shown, typed_in
from web.pages.settings.parts import settings_page
from web.pages.verify_words import DO
from web.pages.views import Choice
from web.policies import as_of, give_own, take_own
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

PATH = "/settings/policies"
_WORTH = {
    "email": _("E-mail: a code or a link by mail"),
    "tap": _("A tap: a link or a push that is only confirmed"),
    "code": _("A code: by text or by a call"),
    "app": _("An app that shows a number to match"),
    "passkey": _("A passkey"),
}
_RESISTS = {word: _WORTH[word] for word in ("app", "passkey")}
GROUPS = (
    Group(
        _("Codes and links"),
        _("Changes hold for new ones; what has been sent keeps its time."),
        (
            Ask("code_lifetime", _("A code is good for"), "time"),
            Ask("link_lifetime", _("A link is good for"), "time"),
            Ask("wrong_codes_read_out", _("Wrong codes until it is over"), "whole"),
            Ask(
                "spoken_number",
                _("Who opens a link types two digits that the technician says"),
                "tick",
                about=_("A link alone proves a tap. With the digits, the person on the phone is the one who tapped."),
            ),
        ),
    ),
    Group(
        _("Shields and history"),
        _("Nobody is trusted before they are verified: every shield is red until then, and again afterwards."),
        (
            Ask("green_for", _("A shield stays green for"), "time"),
            Ask("history_length", _("Entries in the history"), "whole"),
        ),
    ),
    Group(
        _("Notes and closing"),
        "",
        (
            Ask(
                "note_required",
                _("An unusual choice needs a note"),
                "tick",
                about=_(
                    "Another person's ticket, another number or address than the usual one, or one changed in the last "
                    "seven days. Leave it on: this is how impostors get in."
                ),
            ),
            Ask(
                "closing",
                _("A ticket may be closed"),
                "choice",
                {
                    "free": _("Whether anybody was verified or not"),
                    "verified_or_waived": _("After its person was verified, or with a note that says why not"),
                },
            ),
        ),
    ),
    Group(
        _("What is enough for what"),
        _("Codes, taps and mail can be passed on by somebody who has both people on the line; apps and passkeys not."),
        (
            Ask("info_needs", _("To give information"), "choice", _WORTH),
            Ask("standard_needs", _("For usual help"), "choice", _WORTH),
            Ask("high_needs", _("For high-risk work: passwords, sign-in, rights, payments"), "choice", _RESISTS),
            Ask(
                "high_is",
                _("High-risk work by a weaker way"),
                "choice",
                {
                    "report_only": _("Are written down, and the technician is told it is not enough"),
                    "enforced": _("Are refused"),
                },
            ),
        ),
    ),
    Group(
        _("A second person"),
        _("A colleague looks at it and agrees before it happens. Nobody agrees to their own request."),
        (
            Ask(
                "second_person",
                _("Needed for a code or link to an unusual address"),
                "tick",
                about=_("Another number or mailbox than the usual one, or one changed in the last seven days."),
            ),
            Ask(
                "high_by_two",
                _("Two independent ways and a colleague are enough for high-risk work"),
                "tick",
                about=_(
                    "A code by text and one by e-mail, say, both still green. Without this, only an app or a passkey "
                    "is enough."
                ),
            ),
            Ask(
                "approver",
                _("Who may agree"),
                "choice",
                {
                    "any_technician": _("Every other technician"),
                    "supervisor": _("Supervisors and admins alone"),
                },
            ),
        ),
    ),
    Group(
        _("In your ticket system"),
        "",
        (
            Ask("banner", _("A line above every ticket"), "text", about=_("Shown in the pod. Empty: none.")),
            Ask("show_on_load", _("Open verification the first time a ticket is opened"), "tick"),
        ),
    ),
)
_More: dict[str, Any] = {f"{method}_used": (Literal["", "yes"], "") for method in Method}
_More |= {f"{method}_place": (Annotated[str, Field(max_length=4)], "") for method in Method}
PolicyForm = form_of("PolicyForm", GROUPS, _More)


class FindQuery(Form):
    """A client by name; the others are what a redirect carries."""

    client: Annotated[str, Field(max_length=120)] = ""
    said: Annotated[str, Field(max_length=32)] = ""
    refused: Annotated[str, Field(max_length=32)] = ""


@dataclass(frozen=True, slots=True)
class MethodRow:
    """One method in the form. `place`: where it stands in the order, from 1. `is_built`: it works in this version."""

    name: str
    text: str
    used: bool
    place: str
    is_built: bool


async def show_policies(call: Call) -> web.StreamResponse:
    """What holds for everybody, and which clients have their own; `client` leads to one by name."""
    asked: FindQuery = call.query
    name = asked.client.strip()
    if name:
        found = await call.services.clients.named(call.who.tenant_id, name)
        if found is not None:
            return see_other(f"{PATH}/{found.id}")
    problem = _("There is no client of that name.") if name else ""
    return await _page(call, await tenant_of(call), {}, {}, find=problem, sought=name)


async def change_policy(call: Call) -> web.StreamResponse:
    """What holds for everybody."""
    tenant = await tenant_of(call)
    typed = _typed(call.body)
    wrong = faults(tenant.settings, typed)
    if wrong:
        return await _page(call, tenant, typed, wrong)
    await save(call, typed)
    return see_other(PATH, said="saved")


async def show_policy_of_client(call: Call) -> web.StreamResponse:
    """One client's own, or what it inherits."""
    return await _page(call, await tenant_of(call), {}, {}, client=await _client(call))


async def change_policy_of_client(call: Call) -> web.StreamResponse:
    """From now on this client has its own policy, whatever changes for everybody."""
    client = await _client(call)
    tenant = await tenant_of(call)
    typed = _typed(call.body)
    wrong = faults(as_of(tenant.settings, client.value), typed)
    if wrong:
        return await _page(call, tenant, typed, wrong, client=client)
    await give_own(call, client.value, typed)
    return see_other(f"{PATH}/{client.value}", said="saved")


async def reset_policy_of_client(call: Call) -> web.StreamResponse:
    """What holds for everybody holds for this client again."""
    client = await _client(call)
    await take_own(call, client.value)
    return see_other(f"{PATH}/{client.value}", said="saved")


def _typed(form: Form) -> dict[str, str]:
    """What was typed, the methods spelled as on the command line: the ticked ones by their place."""
    given = form.model_dump()
    used = [method for method in DEFAULT_ORDER if given[f"{method}_used"]]
    ordered = sorted(used, key=lambda method: _place(given[f"{method}_place"]))
    return {"methods": ",".join(ordered), **typed_in(GROUPS, form)}


def _place(typed: str) -> int:
    typed = typed.strip()
    return int(typed) if typed.isascii() and typed.isdecimal() else len(DEFAULT_ORDER) + 1


async def _client(call: Call) -> Choice:
    """Id and name of the client in the path."""
    found = await call.services.clients.get(call.who.tenant_id, our_id(call, "client_id"))
    if found is None:
        raise not_found()
    return Choice(found.id, found.name)


def _methods(settings: TenantSettings, typed: Mapping[str, str]) -> Sequence[MethodRow]:
    chosen = typed["methods"].split(",") if "methods" in typed else list(settings.policy.methods)
    rest = [method for method in DEFAULT_ORDER if method.value not in chosen]
    ordered = [*(Method(word) for word in chosen if word in list(Method)), *rest]
    return [
        MethodRow(method.value, DO[method], method.value in chosen, str(place), METHODS[method].built)
        for place, method in enumerate(ordered, start=1)
    ]


async def _page(
    call: Call,
    tenant: StoredTenant,
    typed: Mapping[str, str],
    wrong: dict[str, str],
    *,
    client: Choice | None = None,
    find: str = "",
    sought: str = "",
) -> web.Response:
    settings = as_of(tenant.settings, client.value) if client else tenant.settings
    named = {c.id: c.name for c in await call.services.directory.clients(tenant.id)}
    own = [Choice(id, named[id]) for id in tenant.settings.client_policies if id in named]
    values = {
        "client": client,
        "inherits": client is not None and client.value not in tenant.settings.client_policies,
        "own": sorted(own, key=lambda c: c.text),
        "clients": sorted(named.values())[:MOST_OFFERED],
        "methods": _methods(settings, typed),
        "groups": shown(GROUPS, settings, typed),
        "problems": wrong,
        "find": find,
        "sought": sought,
        "action": f"{PATH}/{client.value}" if client else PATH,
    }
    said = _("Not saved. Correct what is marked below.") if wrong else ""
    status = 422 if wrong else 404 if find else 200
    return settings_page(call, "policies", "settings_policies.html", values, status=status, problem=said)


_ONE = PATH + "/{client_id}"
ROUTES = (
    Route("GET", PATH, show_policies, Access.ADMIN, Surface.PAGE, "How end users are verified", query=FindQuery),
    Route("POST", PATH, change_policy, Access.ADMIN, Surface.PAGE, "Change it", body=PolicyForm, step_up=True),
    Route("GET", _ONE, show_policy_of_client, Access.ADMIN, Surface.PAGE, "One client's policy"),
    Route(
        "POST", _ONE, change_policy_of_client, Access.ADMIN, Surface.PAGE, "Change it", body=PolicyForm, step_up=True
    ),
    Route(
        "POST", _ONE + "/reset", reset_policy_of_client, Access.ADMIN, Surface.PAGE, "Inherit", body=Press, step_up=True
    ),
)
