"""Contacts: added and changed. A number or e-mail address of somebody who is here is changed by people alone, with a
fresh sign-in (SEC-34): a key that leaks must not move anybody's verification to another phone."""

from __future__ import annotations

from aiohttp import web

from dialogs.turns import AuditEvent
from storage.contact_changes import AddressEdit
from storage.directory import Kind, NewAddress, NewContact, StoredAddress, StoredContact
from storage.namesakes import namesakes, sharing
from web.answers import answer
from web.api.contacts import shown
from web.api.directory_shapes import AddressChange, AddressWith, ContactPatch, ContactWith, ValueWith
from web.api.ids import checked, our_id
from web.api.shapes import Contact
from web.noting import line
from web.people_input import LOCALES, BadInput, read_address, read_name
from web.policies import refuse_move, typed_in_is_new
from web.problems import Problem, not_found
from web.regions import own_region
from web.routing import Access, Call, Handler, Route, Scope, Surface

_CONFLICTS = {
    "address_taken": "They have that very address already.",
    "changed_meanwhile": "Somebody else has changed it meanwhile. Read the contact again.",
}


async def add(call: Call) -> web.StreamResponse:
    """Somebody new, with at least one address. The first of a kind is its default where none is marked."""
    given: ContactWith = call.body
    name, locale = _name(given.name), _locale(given.locale)
    client = await call.services.clients.get(call.who.tenant_id, checked(given.client_id))
    if client is None:
        raise _no_client()
    region, now = await own_region(call), call.services.clock.now()
    is_new = await typed_in_is_new(call, client.id)
    new: dict[str, NewAddress] = {}
    for place, one in enumerate(given.addresses):
        value = _value(f"addresses.{place}.value", one.kind, one.value, region)
        if not one.shared:
            await _refuse_shared(call, value)
        default = one.default or not any(a.kind == one.kind for a in given.addresses if a.default)
        default = default and not any(a.kind == one.kind and a.is_default for a in new.values())
        new.setdefault(value, NewAddress(call.services.random.new_id(now), one.kind, value, default, is_new))
    if not given.same_name:
        await _refuse_namesake(call, client.id, name)
    contact = NewContact(call.services.random.new_id(now), client.id, name, tuple(new.values()), locale)
    if await call.services.contact_changes.add_contact(call.who.tenant_id, contact, line(call, "contact.added")):
        raise _no_client()
    return answer(await shown(call, await _contact(call, contact.id)), 201)


async def change(call: Call) -> web.StreamResponse:
    """Name, client and language. Addresses have calls of their own."""
    given: ContactPatch = call.body
    contact = await _contact(call, our_id(call))
    after = {
        "name": contact.name if given.name is None else _name(given.name),
        "client": contact.client_id if given.client_id is None else checked(given.client_id),
        "locale": contact.locale if given.locale in (None, contact.locale) else _locale(given.locale or ""),
    }
    before = {"name": contact.name, "client": contact.client_id, "locale": contact.locale}
    changed = " ".join(what for what in before if before[what] != after[what])
    await refuse_move(call, before["client"], after["client"])
    if changed:
        event = line(call, "contact.changed", changed=changed)
        edited = await call.services.contact_changes.change_contact(
            call.who.tenant_id,
            contact.id,
            event,
            name=after["name"],
            client_id=after["client"],
            locale=after["locale"],
        )
        if edited.refused == "no_client":
            raise _no_client()
        if edited.refused:
            raise not_found()
    return answer(await shown(call, await _contact(call, contact.id)))


async def add_address(call: Call) -> web.StreamResponse:
    """One more way to reach them; where they were reached so far is told."""
    given: AddressWith = call.body
    contact = await _contact(call, our_id(call))
    value = _value("value", given.kind, given.value, await own_region(call))
    if not given.shared:
        await _refuse_shared(call, value, but=contact.id)
    new_id = call.services.random.new_id(call.services.clock.now())
    edit = AddressEdit("added", new_id, given.kind, "", value, given.default)
    return await _do(call, contact.id, edit, line(call, "contact.address_added"), 201)


async def change_address(call: Call) -> web.StreamResponse:
    """Another value; the old one is told, and checks that run on it end."""
    given: ValueWith = call.body
    contact, address = await _address(call)
    kind: Kind = "mobile" if address.kind == "mobile" else "phone" if address.kind == "phone" else "email"
    value = _value("value", kind, given.value, await own_region(call))
    if value == address.value:
        return answer(AddressChange(contact=await shown(call, contact), ended_checks=0, told=False, untold=None))
    if not given.shared:
        await _refuse_shared(call, value, but=contact.id)
    edit = AddressEdit("changed", address.id, address.kind, address.value, value)
    return await _do(call, contact.id, edit, line(call, "contact.address_changed"))


async def remove_address(call: Call) -> web.StreamResponse:
    """It is theirs no longer; it is told, and checks that run on it end."""
    contact, address = await _address(call)
    edit = AddressEdit("removed", address.id, address.kind, address.value, "")
    return await _do(call, contact.id, edit, line(call, "contact.address_removed"))


async def use_address(call: Call) -> web.StreamResponse:
    """It is the one to use of its kind from now on."""
    contact, address = await _address(call)
    if address.is_default:
        return answer(AddressChange(contact=await shown(call, contact), ended_checks=0, told=False, untold=None))
    edit = AddressEdit("default", address.id, address.kind, address.value, address.value)
    return await _do(call, contact.id, edit, line(call, "contact.address_default"))


async def _do(
    call: Call, contact_id: str, edit: AddressEdit, event: AuditEvent, status: int = 200
) -> web.StreamResponse:
    done = await call.services.contact_acts.edit_address(call.who.tenant_id, contact_id, edit, event)
    if done.refused in _CONFLICTS:
        raise Problem(409, done.refused, _CONFLICTS[done.refused])
    if done.refused:
        raise not_found()
    after = await shown(call, await _contact(call, contact_id))
    outcome = AddressChange(contact=after, ended_checks=done.ended, told=done.told, untold=done.untold or None)
    return answer(outcome, status)


async def _contact(call: Call, contact_id: str) -> StoredContact:
    found = await call.services.directory.contact(call.who.tenant_id, contact_id)
    if found is None:
        raise not_found()
    return found


async def _address(call: Call) -> tuple[StoredContact, StoredAddress]:
    contact = await _contact(call, our_id(call))
    address_id = our_id(call, "address_id")
    found = next((a for a in contact.addresses if a.id == address_id), None)
    if found is None:
        raise not_found()
    return contact, found


async def _refuse_shared(call: Call, value: str, *, but: str = "") -> None:
    tenant_id = call.who.tenant_id
    if await call.services.db.read(tenant_id, lambda conn: sharing(conn, tenant_id, [value], but=but)):
        said = "Somebody else has that number or address too. Send `shared` as true if they really share it."
        raise Problem(409, "shared", said)


async def _refuse_namesake(call: Call, client_id: str, name: str) -> None:
    tenant_id = call.who.tenant_id
    if await call.services.db.read(tenant_id, lambda conn: namesakes(conn, tenant_id, client_id, name)):
        said = "There is somebody of that name at that client. Send `same_name` as true if they are two people."
        raise Problem(409, "same_name", said)


def _name(typed: str) -> str:
    try:
        return read_name(typed)
    except BadInput as wrong:
        raise _invalid("name", str(wrong)) from None


def _value(where: str, kind: Kind, typed: str, region: str) -> str:
    try:
        return read_address(kind, typed, region)
    except BadInput as wrong:
        raise _invalid(where, str(wrong)) from None


def _locale(given: str) -> str:
    if given not in LOCALES:
        raise _invalid("locale", f"There are no texts in that language. There are: {', '.join(filter(None, LOCALES))}.")
    return given


def _invalid(where: str, said: str) -> Problem:
    return Problem(422, "invalid", said, {"problems": [{"field": where, "problem": said}]})


def _no_client() -> Problem:
    return Problem(422, "no_client", "There is no client with that id. Find or add it under /api/v1/clients.")


def _on_address(method: str, path: str, handler: Handler, summary: str, body: type | None, status: int = 200) -> Route:
    return Route(
        method,
        "/api/v1/contacts/{id}/addresses" + path,
        handler,
        Access.TECHNICIAN,
        Surface.API,
        summary,
        body=body,
        answers={status: AddressChange},
        step_up=True,
    )


ROUTES = (
    Route(
        "POST",
        "/api/v1/contacts",
        add,
        Access.TECHNICIAN,
        Surface.API,
        "Add a contact",
        body=ContactWith,
        answers={201: Contact},
        scope=Scope.CONTACTS_WRITE,
    ),
    Route(
        "PATCH",
        "/api/v1/contacts/{id}",
        change,
        Access.TECHNICIAN,
        Surface.API,
        "Change a contact's name, client or language",
        body=ContactPatch,
        answers={200: Contact},
        scope=Scope.CONTACTS_WRITE,
    ),
    _on_address("POST", "", add_address, "Add a number or e-mail address", AddressWith, 201),
    _on_address("PATCH", "/{address_id}", change_address, "Change a number or e-mail address", ValueWith),
    _on_address("DELETE", "/{address_id}", remove_address, "Take a number or e-mail address away", None),
    _on_address("POST", "/{address_id}/use", use_address, "Use this one from now on", None),
)
