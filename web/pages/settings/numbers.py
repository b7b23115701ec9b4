"""The tenant's numbers and its account at the carrier: added, changed, removed, and tried with one text. How the page
looks is in `numbers_page`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiohttp import web

from channels.twilio.sender import SID
from storage.own_numbers import NumberInUse
from storage.phones import BadNumber, readable, region_of, to_e164
from storage.tenants import AccountTaken, CarrierAccount, NumberTaken
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.numbers_page import (
    AccountForm,
    FateForm,
    NumberForm,
    OptOutForm,
    RemoveAccountForm,
    Tried,
    TryForm,
    draw,
)
from web.problems import not_found
from web.routing import Access, Call, Handler, Route, Surface

PATH = "/settings/numbers"
_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_TOKEN = re.compile(r"[0-9a-f]{32}")

IN_USE: Mapping[str, str] = {
    "live": _("A check is running on it. Wait until it has ended, at most ten minutes."),
    "primary": _("It is the primary one. Make another number primary first."),
}


async def show_numbers(call: Call) -> web.StreamResponse:
    """Numbers, account, addresses for the carrier."""
    return await draw(call)


async def add_number(call: Call) -> web.StreamResponse:
    """A number becomes the tenant's; the first of its purpose is the primary one."""
    form: NumberForm = call.body
    who, services = call.who, call.services
    try:
        address = to_e164(form.number, await _region(call))
    except BadNumber as why:
        problem = _("%(number)s %(why)s. Write it like this: +1 212 555 0100.")
        return await draw(call, {"number": problem % {"number": form.number.strip() or _("This"), "why": why}})
    number_id = services.random.new_id(services.clock.now())
    about = line(call, "settings.number_added", number=number_id, purpose=form.purpose, opt_out=form.opt_out_by)
    try:
        await services.tenants.noting(who.tenant_id, about).add_number(
            who.tenant_id, number_id, address, form.purpose, services.clock.now(), opt_out_by=form.opt_out_by
        )
    except NumberTaken:
        mine = any(n.facts.address == address for n in await services.tenants.numbers(who.tenant_id))
        said = _("You have this number already.") if mine else _("This number belongs to somebody else here.")
        return await draw(call, {"number": said})
    return see_other(PATH, said="number_added")


async def make_primary(call: Call) -> web.StreamResponse:
    """Announcements and alerts go out from this number."""
    number_id = our_id(call, "number_id")
    noted = call.services.tenants.noting(call.who.tenant_id, line(call, "settings.number_primary", number=number_id))
    if not await noted.set_primary(call.who.tenant_id, number_id):
        raise not_found()
    return see_other(PATH, said="number_primary")


async def change_opt_out(call: Call) -> web.StreamResponse:
    """Who answers STOP, START and HELP on this number."""
    form: OptOutForm = call.body
    number_id = our_id(call, "number_id")
    about = line(call, "settings.number_opt_out", number=number_id, opt_out=form.opt_out_by)
    noted = call.services.own_numbers.noting(call.who.tenant_id, about)
    if not await noted.set_opt_out(call.who.tenant_id, number_id, form.opt_out_by):
        raise not_found()
    return see_other(PATH, said="saved")


async def remove_number(call: Call) -> web.StreamResponse:
    """The number is the tenant's no longer: texts to it are refused."""
    number_id = our_id(call, "number_id")
    noted = call.services.own_numbers.noting(
        call.who.tenant_id, line(call, "settings.number_removed", number=number_id)
    )
    try:
        if not await noted.remove_number(call.who.tenant_id, number_id):
            raise not_found()
    except NumberInUse as used:
        return await draw(call, {number_id: IN_USE[used.why]})
    return see_other(PATH, said="number_removed")


async def set_account(call: Call) -> web.StreamResponse:
    """Enter the account, or give it new tokens. What is stored is never shown again."""
    form: AccountForm = call.body
    who, services = call.who, call.services
    sid, token, second = form.account_sid.strip(), form.auth_token.strip(), form.second_token.strip()
    problems = {}
    if not _ACCOUNT.fullmatch(sid):
        problems["account_sid"] = _("An account SID begins with AC and has 32 hex digits after it (0-9, a-f).")
    if not _TOKEN.fullmatch(token):
        problems["auth_token"] = _("An auth token has 32 hex digits (0-9, a-f). This is something else.")
    if second and not _TOKEN.fullmatch(second):
        problems["second_token"] = _("The second token has 32 hex digits too. Leave it empty if you have none.")
    if problems:
        return await draw(call, problems)
    noted = services.tenants.noting(who.tenant_id, line(call, "settings.carrier_set", account=sid))
    try:
        await noted.put_carrier_account(CarrierAccount(who.tenant_id, sid, token, second), services.clock.now())
    except AccountTaken:
        return await draw(call, {"account_sid": _("This account belongs to somebody else here.")})
    return see_other(PATH, said="carrier_set")


async def remove_account(call: Call) -> web.StreamResponse:
    """Forget the account and its tokens: texts neither come nor go until there is another."""
    form: RemoveAccountForm = call.body
    sid = form.account_sid if _ACCOUNT.fullmatch(form.account_sid) else ""
    about = line(call, "settings.carrier_removed", account=sid)
    if not await call.services.own_numbers.noting(call.who.tenant_id, about).remove_account(call.who.tenant_id, sid):
        raise not_found()
    return see_other(PATH, said="carrier_removed")


async def ask_carrier(call: Call) -> web.StreamResponse:
    """What the carrier has on record about our numbers. Changes nothing."""
    return await draw(call, found=tuple(await call.services.carrier.look_at_numbers(call.who.tenant_id)))


async def try_text(call: Call) -> web.StreamResponse:
    """Send one text and show what the carrier answered, to the letter."""
    form: TryForm = call.body
    who, services = call.who, call.services
    sender = await _own(call, form.sender)
    try:
        to = to_e164(form.to, region_of(sender))
    except BadNumber as why:
        said = _("%(number)s %(why)s.") % {"number": form.to.strip() or _("This"), "why": why}
        return await draw(call, {"to": said})
    answer = await services.carrier.try_text(who.tenant_id, sender=sender, to=to)
    about = line(call, "settings.text_tried", status=answer.status, taken=int(not answer.problem))
    await services.own_numbers.note(who.tenant_id, about)
    return await draw(call, tried=Tried(_("Test to %s") % readable(to), answer, sender))


async def look_at_text(call: Call) -> web.StreamResponse:
    """How far that text has got."""
    form: FateForm = call.body
    sender = await _own(call, form.sender)
    if not SID.fullmatch(form.sid):
        raise not_found()
    answer = await call.services.carrier.look_at_text(call.who.tenant_id, sender=sender, sid=form.sid)
    return await draw(call, tried=Tried(_("The test text now"), answer, sender))


async def _own(call: Call, address: str) -> str:
    """A number of this tenant's; 404 for any other."""
    if not any(n.facts.address == address for n in await call.services.tenants.numbers(call.who.tenant_id)):
        raise not_found()
    return address


async def _region(call: Call) -> str:
    """Where a number without a country code is taken to be: where the others are."""
    numbers = await call.services.tenants.numbers(call.who.tenant_id)
    return next((region for n in numbers if (region := region_of(n.facts.address))), "")


def _change(path: str, handler: Handler, summary: str, body: type[Form] = Form) -> Route:
    return Route("POST", path, handler, Access.ADMIN, Surface.PAGE, summary, body=body, step_up=True)


def _ask(path: str, handler: Handler, summary: str, body: type[Form] = Form) -> Route:
    return Route("POST", path, handler, Access.ADMIN, Surface.PAGE, summary, body=body)


ROUTES = (
    Route("GET", PATH, show_numbers, Access.ADMIN, Surface.PAGE, "Numbers and carrier"),
    _change(PATH, add_number, "Add a number", NumberForm),
    _change(PATH + "/{number_id}/primary", make_primary, "Make a number primary"),
    _change(PATH + "/{number_id}/opt-out", change_opt_out, "Who answers STOP", OptOutForm),
    _change(PATH + "/{number_id}/remove", remove_number, "Remove a number"),
    _change("/settings/carrier", set_account, "Enter the carrier account", AccountForm),
    _change("/settings/carrier/remove", remove_account, "Remove the carrier account", RemoveAccountForm),
    _ask("/settings/carrier/look", ask_carrier, "Ask the carrier about our numbers"),
    _ask("/settings/carrier/try", try_text, "Send a test text", TryForm),
    _ask("/settings/carrier/fate", look_at_text, "Ask what became of the test text", FateForm),
)
