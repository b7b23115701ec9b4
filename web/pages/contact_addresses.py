"""Numbers and e-mail addresses of a contact who is here: whoever can change them can pass for that person, so each
change asks for a fresh sign-in (SEC-34), tells the old address and ends what runs on it (SEC-13)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from dialogs.turns import AuditEvent
from storage.contact_changes import AddressEdit
from storage.directory import Kind, StoredAddress
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.contact_forms import draw_edit, same_as
from web.pages.context import see_other
from web.pages.forms import Form
from web.people_input import Checked
from web.ports import AddressChanged
from web.problems import not_found
from web.regions import own_region
from web.routing import Access, Call, Handler, Route, Surface

_Text = Annotated[str, Field(max_length=400)]
#: What did not work -> what to do.
REFUSED: Mapping[str, str] = {
    "address_taken": _("They have that very one already."),
    "changed_meanwhile": _("Somebody else has changed it meanwhile. Look at it again."),
}


class AddressForm(Form):
    """Another number or e-mail address for them."""

    kind: Literal["mobile", "phone", "email"] = "mobile"
    value: _Text = ""
    default: Literal["", "yes"] = ""
    sure: Literal["", "yes"] = ""


class ValueForm(Form):
    """What it is from now on."""

    value: _Text = ""
    sure: Literal["", "yes"] = ""


async def add_address(call: Call) -> web.StreamResponse:
    """One more way to reach them."""
    given: AddressForm = call.body
    contact_id = our_id(call, "contact_id")
    new_id = call.services.random.new_id(call.services.clock.now())
    edit = AddressEdit("added", new_id, given.kind, "", "", is_default=given.default == "yes")
    event = line(call, "contact.address_added")
    return await _with_value(call, contact_id, edit, event, given.model_dump(), at="new")


async def change_address(call: Call) -> web.StreamResponse:
    """Another value in place of the one that stands there."""
    given: ValueForm = call.body
    contact_id, address = await _address(call)
    edit = AddressEdit("changed", address.id, address.kind, address.value, "")
    event = line(call, "contact.address_changed")
    return await _with_value(call, contact_id, edit, event, given.model_dump(), at=address.id)


async def remove_address(call: Call) -> web.StreamResponse:
    """It is theirs no longer."""
    contact_id, address = await _address(call)
    edit = AddressEdit("removed", address.id, address.kind, address.value, "")
    return await _do(call, contact_id, edit, line(call, "contact.address_removed"))


async def use_address(call: Call) -> web.StreamResponse:
    """It is the one to use of its kind from now on."""
    contact_id, address = await _address(call)
    if address.is_default:
        return see_other(f"/contacts/{contact_id}", said="saved")
    edit = AddressEdit("default", address.id, address.kind, address.value, address.value)
    return await _do(call, contact_id, edit, line(call, "contact.address_default"))


async def _address(call: Call) -> tuple[str, StoredAddress]:
    contact = await call.services.directory.contact(call.who.tenant_id, our_id(call, "contact_id"))
    address_id = our_id(call, "address_id")
    found = next((a for a in contact.addresses if a.id == address_id), None) if contact is not None else None
    if contact is None or found is None:
        raise not_found()
    return contact.id, found


async def _with_value(
    call: Call, contact_id: str, edit: AddressEdit, event: AuditEvent, typed: Mapping[str, str], *, at: str
) -> web.StreamResponse:
    """Read what was typed, ask about people who have it too, then do it."""
    checked = Checked()
    word: Kind = "mobile" if edit.kind == "mobile" else "phone" if edit.kind == "phone" else "email"
    value = checked.address("value", word, typed["value"], await own_region(call))
    if not value and not checked.problems:
        checked.problems["value"] = _("Type it in, or take it away instead.") if edit.before else _("Type it in.")
    if not checked.problems and value == edit.before:
        return see_other(f"/contacts/{contact_id}", said="saved")
    known = await same_as(call, (value,), "", "", but=contact_id) if not checked.problems else ()
    if checked.problems or (known and typed["sure"] != "yes"):
        return await draw_edit(call, contact_id, typed, checked.problems, known, at=at)
    return await _do(call, contact_id, replace(edit, after=value), event, typed, at=at)


async def _do(
    call: Call,
    contact_id: str,
    edit: AddressEdit,
    event: AuditEvent,
    typed: Mapping[str, str] | None = None,
    *,
    at: str = "",
) -> web.StreamResponse:
    done = await call.services.contact_acts.edit_address(call.who.tenant_id, contact_id, edit, event)
    if done.refused in REFUSED:
        return await draw_edit(call, contact_id, typed or {}, {"value": REFUSED[done.refused]}, at=at)
    if done.refused:
        raise not_found()
    return see_other(f"/contacts/{contact_id}", said=said_of(done))


def said_of(done: AddressChanged) -> str:
    """The word of what is said about it."""
    word = "address_told" if done.told else "address_untold" if done.untold else "address_saved"
    return word + ("_ended" if done.ended else "")


def _route(path: str, handler: Handler, summary: str, body: type[Form] | None = Form) -> Route:
    return Route(
        "POST",
        "/contacts/{contact_id}/addresses" + path,
        handler,
        Access.TECHNICIAN,
        Surface.PAGE,
        summary,
        body=body,
        step_up=True,
    )


ROUTES = (
    _route("", add_address, "Add a number or e-mail address", AddressForm),
    _route("/{address_id}", change_address, "Change a number or e-mail address", ValueForm),
    _route("/{address_id}/remove", remove_address, "Take a number or e-mail address away"),
    _route("/{address_id}/use", use_address, "Use this one from now on"),
)
