"""Connecting an organisation of Microsoft 365 (CO-05): with an administrator's consent that is asked for now, or by its
domain where it has been given. Either way the organisation proves itself to us; what an address says proves nothing.

Coming back from Microsoft changes nothing by itself (SEC-43): the page that opens asks for one more press.
"""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from dialogs.people_source import SourceRefused
from identity.microsoft.addresses import is_guid
from identity.microsoft.consent import Declined, read_return
from storage.sources.contact_sources import ContactSource
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.microsoft import ONE, PART, source_of, source_page
from web.pages.settings.microsoft_views import PATH
from web.pages.settings.parts import settings_page
from web.problems import Problem, not_found
from web.routing import Access, Call, Route, Surface

#: No secret of whoever is asked for a fresh proof on the way: the page that asks carries it along.
_WORD = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_-]*$")]


class ConnectForm(Form):
    """An organisation that has agreed already, by its directory id or one of its domains."""

    organisation: Annotated[str, Field(max_length=400)] = ""


class ReturnForm(Form):
    """What Microsoft sent the browser back with. `word`: what was given along. `declined`: why nobody agreed, empty
    where somebody is said to have."""

    word: _WORD = ""
    organisation: Annotated[str, Field(max_length=64)] = ""
    declined: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_]*$")] = ""


async def connect(call: Call) -> web.StreamResponse:
    """By what was typed."""
    given: ConnectForm = call.body
    source, typed = await source_of(call), given.organisation.strip()
    if not typed:
        said = _("Type the organisation's domain, for example contoso.com, or its directory id.")
        return await source_page(call, source, refused=said)
    return await _connect(call, source, typed, typed)


async def ask_for_consent(call: Call) -> web.StreamResponse:
    """A page with the way to Microsoft. It is a link and no redirect, because our pages let no form lead elsewhere."""
    services, who, now = call.services, call.who, call.services.clock.now()
    source = await source_of(call)
    word = services.random.token()
    try:
        address = services.source_acts.consent_url(source, word)
    except SourceRefused as why:
        return await source_page(call, source, refused=why.remedy)
    noted = services.contact_sources.noting(who.tenant_id, line(call, "source.consent_begun", source=source.id))
    new_id = services.random.new_id(now)
    if not await noted.begin_consent(who.tenant_id, source.id, who.log_in_id, who.technician_id, word, now, new_id):
        raise not_found()
    values = {"source": source, "address": address, "redirect": services.source_acts.redirect_uri(source.id)}
    return settings_page(call, PART, "settings_microsoft_consent.html", values)


async def come_back(call: Call) -> web.StreamResponse:
    """Where Microsoft sends the browser. Nothing has happened yet: anybody can write such an address."""
    source = await source_of(call)
    try:
        back = read_return(call.request.query)
    except SourceRefused:
        return _back(call, source, ReturnForm(), strange=True, status=400)
    if isinstance(back, Declined):
        return _back(
            call, source, ReturnForm(word=back.state, declined=back.code or "unknown"), by_choice=back.by_choice
        )
    return _back(call, source, ReturnForm(word=back.state, organisation=back.organisation_id))


async def take_consent(call: Call) -> web.StreamResponse:
    """Use the word up, which must be of this very log-in, and have the organisation prove itself."""
    given: ReturnForm = call.body
    services, who, now = call.services, call.who, call.services.clock.now()
    source = await source_of(call)
    known = await services.contact_sources.take_consent(who.tenant_id, source.id, who.log_in_id, given.word, now)
    if not known or given.declined or not is_guid(given.organisation):
        reason = "not_as_sent" if not known else given.declined or "bad_answer"
        about = line(call, "source.consent_refused", source=source.id, reason=reason)
        await services.contact_sources.note(who.tenant_id, about)
    if given.declined:
        return see_other(f"{PATH}/{source.id}", said="consent_put_away")
    if not known:
        raise Problem(
            409,
            "consent_over",
            "This consent was not begun in this log-in, was used already, or is more than ten minutes old. "
            "Begin it again from the source's page; what the organisation has agreed to is not lost.",
        )
    if not is_guid(given.organisation):
        raise not_found()
    return await _connect(call, source, given.organisation, "")


async def _connect(call: Call, source: ContactSource, organisation: str, typed: str) -> web.StreamResponse:
    about = line(call, "source.organisation_connected", source=source.id)
    done = await call.services.source_acts.connect(call.who.tenant_id, source.id, organisation, about)
    if done.refused == "not_found":
        raise not_found()
    if done.refused:
        detail = "" if done.refused == "later" else done.detail
        return await source_page(call, source, organisation=typed, refused=done.remedy, detail=detail)
    said = "organisation_again" if done.again else "organisation_connected"
    return see_other(f"{PATH}/{source.id}/organisations/{done.organisation_id}", said=said)


def _back(
    call: Call,
    source: ContactSource,
    given: ReturnForm,
    *,
    by_choice: bool = False,
    strange: bool = False,
    status: int = 200,
) -> web.Response:
    values = {"source": source, "given": given, "by_choice": by_choice, "strange": strange}
    return settings_page(call, PART, "settings_microsoft_return.html", values, status=status)


ROUTES = (
    Route(
        "POST",
        ONE + "/organisations",
        connect,
        Access.ADMIN,
        Surface.PAGE,
        "Connect an organisation",
        body=ConnectForm,
        step_up=True,
    ),
    Route(
        "POST",
        ONE + "/consent",
        ask_for_consent,
        Access.ADMIN,
        Surface.PAGE,
        "Ask an administrator for consent",
        body=Form,
        step_up=True,
    ),
    Route("GET", ONE + "/connected", come_back, Access.ADMIN, Surface.PAGE, "Back from Microsoft"),
    Route(
        "POST",
        ONE + "/connected",
        take_consent,
        Access.ADMIN,
        Surface.PAGE,
        "Connect who has agreed",
        body=ReturnForm,
        step_up=True,
    ),
)
