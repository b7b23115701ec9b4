"""Keys of other programs: made with a name, scopes and a time, shown once, listed, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from aiohttp import web
from pydantic import Field

from identity.integration_keys import LONGEST_DAYS, is_over
from storage.integration_keys import StoredKey
from web.api.ids import our_id
from web.look import _
from web.making_keys import MadeKey, make_key, revoke_key
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.parts import settings_page
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Scope, Surface

PATH = "/settings/keys"
USUAL_DAYS = 90
#: A key that ends sooner than this is pointed out: somebody has to make the next one and put it in.
SOON = timedelta(days=14)

#: What each scope lets a program do, in the order they are ticked.
SCOPES: Mapping[Scope, tuple[str, str]] = {
    Scope.CHECKS_READ: (_("Read checks"), _("State, assurance and ticket of a verification. Never a code.")),
    Scope.CONTACTS_READ: (_("Read contacts"), _("Names, numbers, e-mail addresses and clients.")),
    Scope.CONTACTS_WRITE: (_("Change contacts"), _("Add and change contacts and clients.")),
    Scope.TICKETS_READ: (_("Read tickets"), _("Tickets and their notes.")),
    Scope.TICKETS_WRITE: (_("Write tickets"), _("Open tickets and write to them.")),
    Scope.AUDIT_READ: (_("Read the history"), _("What happened and when; what people wrote stays sealed.")),
    Scope.REPORTS_READ: (_("Read reports"), _("Counts and medians of each month.")),
}


class KeyForm(Form):
    """A new key; what is wrong with it is said at the field."""

    name: Annotated[str, Field(max_length=200)] = ""
    scopes: Annotated[tuple[Scope, ...], Field(max_length=len(Scope))] = ()
    days: Annotated[str, Field(max_length=20)] = str(USUAL_DAYS)


@dataclass(frozen=True, slots=True)
class KeyView:
    """A key as the list shows it. `may` are its scopes in words; `soon`: it ends within two weeks."""

    id: str
    name: str
    begins: str
    may: str
    maker: str
    since: str
    until: str
    soon: bool
    used: datetime | None
    revoked: bool


async def show_keys(call: Call) -> web.StreamResponse:
    """The keys, and the form for another."""
    return await _page(call, KeyForm(), {})


async def make(call: Call) -> web.StreamResponse:
    """Make a key; this one answer shows it."""
    given: KeyForm = call.body
    name, days = given.name.strip(), _days(given.days)
    problems: dict[str, str] = {}
    if not name:
        problems["name"] = _("Say what the key is for, so that you know it later.")
    elif len(name) > 120:
        problems["name"] = _("Use a shorter name, at most 120 characters.")
    if not given.scopes:
        problems["scopes"] = _("Tick at least one thing that the key may do.")
    if days is None:
        problems["days"] = _("A key lasts from 1 to %s days.") % LONGEST_DAYS
    if days is None or problems:
        return await _page(call, given, problems)
    try:
        made = await make_key(call, name, frozenset(given.scopes), days)
    except Problem as refused:
        return await _page(call, given, {"name": refused.message})
    return await _page(call, KeyForm(), {}, made)


async def revoke(call: Call) -> web.StreamResponse:
    """The key works no more."""
    if not await revoke_key(call, our_id(call, "key_id")):
        raise not_found()
    return see_other(PATH, said="key_revoked")


def _days(typed: str) -> int | None:
    typed = typed.strip()
    if not (typed.isascii() and typed.isdecimal() and len(typed) < 5):
        return None
    return int(typed) if 1 <= int(typed) <= LONGEST_DAYS else None


async def _page(
    call: Call, typed: KeyForm, problems: Mapping[str, str], made: MadeKey | None = None
) -> web.StreamResponse:
    now = call.services.clock.now()
    keys = await call.services.integration_keys.all(call.who.tenant_id)
    values: dict[str, object] = {
        "keys": [_view(key, now) for key in keys if not is_over(key, now)],
        "ended": [_view(key, now) for key in keys if is_over(key, now)],
        "made": made,
        "scopes": [(scope.value, *words, scope in typed.scopes) for scope, words in SCOPES.items()],
        "typed": typed,
        "problems": problems,
        "longest": LONGEST_DAYS,
    }
    problem = _("The key was not made. Look at what is marked below.") if problems else ""
    return settings_page(call, "keys", "settings_keys.html", values, status=422 if problems else 200, problem=problem)


def _view(key: StoredKey, now: datetime) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        begins=key.begins,
        may=", ".join(words[0].lower() for scope, words in SCOPES.items() if scope.value in key.scopes),
        maker=key.maker,
        since=_day(key.created_at),
        until=_day(key.revoked_at or key.expires_at),
        soon=key.expires_at - now < SOON,
        used=key.last_used_at,
        revoked=key.revoked_at is not None,
    )


def _day(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y}"


ROUTES = (
    Route("GET", PATH, show_keys, Access.ADMIN, Surface.PAGE, "Integration keys"),
    Route("POST", PATH, make, Access.ADMIN, Surface.PAGE, "Make a key", body=KeyForm, step_up=True),
    Route(
        "POST",
        PATH + "/{key_id}/revoke",
        revoke,
        Access.ADMIN,
        Surface.PAGE,
        "Revoke a key",
        body=Form,
        step_up=True,
    ),
)
