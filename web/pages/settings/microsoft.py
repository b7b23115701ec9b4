"""Contacts from Microsoft 365: the app registrations they are read by, added, changed, taken away (CO-02, CO-03,
CO-10).

A client secret opens whatever the organisations have agreed to, so it is kept encrypted and never shown again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated

from aiohttp import web
from pydantic import Field

from dialogs.people_source import SourceRefused
from identity.microsoft.addresses import is_guid, read_application
from storage.sources.contact_sources import MOST, ContactSource, NameTaken, NewSource, TooMany
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.microsoft_views import PATH, organisation_view, source_view
from web.pages.settings.parts import settings_page
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

ONE = PATH + "/{source_id}"
PART = "microsoft-365"
#: Secrets there are about 40 signs; nothing of Microsoft's is longer than this.
LONGEST_SECRET = 256
#: Microsoft lets a secret live two years; a later year is a slip of the finger.
LATEST_YEARS = 10


class SourceForm(Form):
    """A source, new or changed; what is wrong is said at the field. `secret` empty keeps the one it has."""

    name: Annotated[str, Field(max_length=300)] = ""
    application_id: Annotated[str, Field(max_length=300)] = ""
    secret: Annotated[str, Field(max_length=1024, repr=False, title=_("the client secret"))] = ""
    expires_on: Annotated[str, Field(max_length=40)] = ""


@dataclass(frozen=True, slots=True)
class Read:
    """What was typed, as it is kept, and what is wrong with it by field."""

    name: str
    application_id: str
    secret: str
    secret_ends_at: datetime | None
    problems: Mapping[str, str]


async def show_sources(call: Call) -> web.StreamResponse:
    """The sources, and the form for another."""
    return await _list(call, SourceForm(), {})


async def add(call: Call) -> web.StreamResponse:
    """Add one; its page says what to enter at Microsoft."""
    given: SourceForm = call.body
    who, services, now = call.who, call.services, call.services.clock.now()
    read = _read(given, now)
    if read.problems:
        return await _list(call, given, read.problems)
    new = NewSource(
        services.random.new_id(now), read.name, read.application_id, read.secret, read.secret_ends_at, who.technician_id
    )
    noted = services.contact_sources.noting(who.tenant_id, line(call, "source.added", source=new.id))
    try:
        await noted.add(who.tenant_id, new, now)
    except NameTaken:
        return await _list(call, given, {"name": _TAKEN})
    except TooMany:
        return await _list(call, given, {"name": _("There are %s of them, as many as there may be.") % MOST})
    return see_other(f"{PATH}/{new.id}", said="source_added")


async def show_source(call: Call) -> web.StreamResponse:
    """One: what is to be entered at Microsoft, its organisations, and what can be done with it."""
    return await source_page(call, await source_of(call))


async def change(call: Call) -> web.StreamResponse:
    """Another name, another application, a new secret."""
    given: SourceForm = call.body
    who, services, now = call.who, call.services, call.services.clock.now()
    source = await source_of(call)
    read = _read(given, now, source)
    if read.problems:
        return await source_page(call, source, typed=given, problems=read.problems)
    noted = services.contact_sources.noting(
        who.tenant_id, line(call, "source.changed", source=source.id, secret=int(bool(read.secret)))
    )
    try:
        changed = await noted.change(
            who.tenant_id,
            source.id,
            now,
            name=read.name,
            application_id=read.application_id,
            secret=read.secret,
            secret_ends_at=read.secret_ends_at,
        )
    except NameTaken:
        return await source_page(call, source, typed=given, problems={"name": _TAKEN})
    if not changed:
        raise not_found()
    # What was stuck because of the old secret is tried again.
    services.source_acts.wake()
    return see_other(f"{PATH}/{source.id}", said="saved")


async def remove(call: Call) -> web.StreamResponse:
    """Away with it and its secret; the contacts stay."""
    id = our_id(call, "source_id")
    noted = call.services.contact_sources.noting(call.who.tenant_id, line(call, "source.removed", source=id))
    if not await noted.remove(call.who.tenant_id, id, call.services.clock.now()):
        raise not_found()
    return see_other(PATH, said="source_removed")


async def source_of(call: Call) -> ContactSource:
    """The source in the path. Raises the 404 of a page."""
    found = await call.services.contact_sources.get(call.who.tenant_id, our_id(call, "source_id"))
    if found is None:
        raise not_found()
    return found


async def source_page(
    call: Call,
    source: ContactSource,
    *,
    typed: SourceForm | None = None,
    problems: Mapping[str, str] | None = None,
    organisation: str = "",
    refused: str = "",
    detail: str = "",
) -> web.Response:
    """The page of a source. `organisation`: what was typed as one, and `refused` why it was not connected, with the
    provider's word for it in `detail`."""
    services, now = call.services, call.services.clock.now()
    found = await services.contact_sources.organisations(call.who.tenant_id, source.id)
    shown = source_view(source, found, now)
    values: dict[str, object] = {
        "source": shown,
        "organisations": [organisation_view(one, now) for one in found],
        "redirect": services.source_acts.redirect_uri(source.id),
        "typed": typed or SourceForm(name=source.name, application_id=source.application_id, expires_on=shown.ends),
        "problems": problems or {},
        "organisation": organisation,
        "refused": refused,
        "detail": detail,
        "changing": bool(problems),
    }
    problem = _("Not saved. Correct what is marked below.") if problems else ""
    status = 422 if problems or refused else 200
    return settings_page(call, PART, "settings_microsoft_source.html", values, status=status, problem=problem)


_TAKEN = _("Another one has this name. Choose a different one.")


def _read(given: SourceForm, now: datetime, before: ContactSource | None = None) -> Read:
    """`before`: the source that is changed, None for a new one."""
    problems: dict[str, str] = {}
    name = " ".join(given.name.split())
    if not name:
        problems["name"] = _("Give it a name, so that you know it later.")
    elif len(name) > 120:
        problems["name"] = _("Use a shorter name, at most 120 characters.")
    application_id = ""
    try:
        application_id = read_application(given.application_id)
    except SourceRefused:
        problems["application_id"] = _("Copy the application (client) ID from the overview of the app registration.")
    secret = given.secret.strip()
    if not secret and before is None:
        problems["secret"] = _("Copy the value of the client secret; Microsoft shows it only once.")
    elif is_guid(secret.lower()):
        problems["secret"] = _("This is the ID of the secret. Copy its value, which stands in the column beside it.")
    elif len(secret) > LONGEST_SECRET or not re.fullmatch(r"[!-~]*", secret):
        problems["secret"] = _("This is no client secret: it has a space or an unusual sign in it, or is too long.")
    ends = _day(given.expires_on)
    if before is not None and not secret and not given.expires_on.strip():
        ends = before.secret_ends_at
    elif ends is None and (given.expires_on.strip() or before is None or secret):
        problems["expires_on"] = _("Enter the day on which Microsoft says that the secret expires.")
    elif ends is not None and ends.year > now.year + LATEST_YEARS:
        problems["expires_on"] = _("Look at the year again.")
    elif ends is not None and ends <= now and (before is None or secret or ends != before.secret_ends_at):
        problems["expires_on"] = _("That day is over. Enter the day on which the new secret expires.")
    return Read(name, application_id, secret, ends, problems)


def _day(typed: str) -> datetime | None:
    """The beginning of a day in UTC: from then on the secret may not work any more."""
    try:
        return datetime.combine(date.fromisoformat(typed.strip()), time(), UTC)
    except ValueError:
        return None


async def _list(call: Call, typed: SourceForm, problems: Mapping[str, str]) -> web.Response:
    services, tenant_id, now = call.services, call.who.tenant_id, call.services.clock.now()
    organisations = await services.contact_sources.organisations(tenant_id)
    sources = [source_view(one, organisations, now) for one in await services.contact_sources.all(tenant_id)]
    values: dict[str, object] = {"sources": sources, "typed": typed, "problems": problems}
    problem = _("It was not added. Look at what is marked below.") if problems else ""
    status = 422 if problems else 200
    return settings_page(call, PART, "settings_microsoft.html", values, status=status, problem=problem)


ROUTES = (
    Route("GET", PATH, show_sources, Access.ADMIN, Surface.PAGE, "Contacts from Microsoft 365"),
    Route("POST", PATH, add, Access.ADMIN, Surface.PAGE, "Add a source of contacts", body=SourceForm, step_up=True),
    Route("GET", ONE, show_source, Access.ADMIN, Surface.PAGE, "A source of contacts"),
    Route("POST", ONE, change, Access.ADMIN, Surface.PAGE, "Change it", body=SourceForm, step_up=True),
    Route("POST", ONE + "/remove", remove, Access.ADMIN, Surface.PAGE, "Remove it", body=Form, step_up=True),
)
