"""Adding a contact, during the call where that must be, and correcting name, company and language. Numbers and e-mail
addresses of those who are here already are `contact_addresses.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from storage.directory import Kind, NameTaken, NewAddress, NewContact
from storage.namesakes import Sharer, namesakes, sharing
from storage.phones import readable
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.contacts import KINDS, contact_of, is_number
from web.pages.context import frame, page, see_other
from web.pages.forms import Form
from web.pages.views import Choice
from web.people_input import LOCALES, Checked
from web.policies import refuse_move, typed_in_is_new
from web.problems import not_found
from web.regions import own_region
from web.routing import Access, Call, Route, Surface

LANGUAGE_NAMES: Mapping[str, str] = {"": _("Your company's language"), "en": _("English")}
#: Companies that the field offers while somebody types; any other may be typed all the same.
MOST_OFFERED = 500
_Text = Annotated[str, Field(max_length=400)]


class ContactForm(Form):
    """A new contact. `new_client`: the company is new, add it. `sure`: they have seen who else has the number."""

    name: _Text = ""
    client: _Text = ""
    locale: Annotated[str, Field(max_length=16)] = ""
    mobile: _Text = ""
    phone: _Text = ""
    email: _Text = ""
    new_client: Literal["", "yes"] = ""
    sure: Literal["", "yes"] = ""


class DetailsForm(Form):
    """What may be corrected without a fresh sign-in."""

    name: _Text = ""
    client: _Text = ""
    locale: Annotated[str, Field(max_length=16)] = ""
    new_client: Literal["", "yes"] = ""
    sure: Literal["", "yes"] = ""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who has the same number, address or name; `what` says which."""

    id: str
    name: str
    company: str
    what: str


async def new_contact(call: Call) -> web.StreamResponse:
    """The empty form; what was searched for stands in it already."""
    q = call.request.query.get("q", "").strip()[:120]
    typed = {"mobile": q} if is_number(q) else {"email": q} if "@" in q else {"name": q}
    client_id = call.request.query.get("client", "")
    if client_id:
        client = await call.services.clients.get(call.who.tenant_id, client_id[:36])
        typed["client"] = client.name if client else ""
    return await _draw(call, typed, {})


async def add_contact(call: Call) -> web.StreamResponse:
    """Somebody new, at once when nothing is wrong with it."""
    given: ContactForm = call.body
    services, tenant_id = call.services, call.who.tenant_id
    checked, region = Checked(), await own_region(call)
    name = checked.name("name", given.name)
    fields: tuple[tuple[Kind, str], ...] = (("mobile", given.mobile), ("phone", given.phone), ("email", given.email))
    addresses: dict[str, Kind] = {}
    for kind, typed in fields:
        value = checked.address(kind, kind, typed, region)
        if value:
            addresses.setdefault(value, kind)
    locale = checked.locale("locale", given.locale)
    client_id, client_name = await client_of(call, given.client, checked, may_add=given.new_client == "yes")
    if not addresses and not checked.problems:
        checked.problems["mobile"] = _("Give at least one: nobody can be checked without.")
    known = await same_as(call, tuple(addresses), client_id, name) if not checked.problems else ()
    if checked.problems or (known and given.sure != "yes"):
        return await _draw(call, given.model_dump(), checked.problems, known)
    if not client_id:
        client_id = await _add_client(call, client_name)
    now, is_new = services.clock.now(), await typed_in_is_new(call, client_id)
    new = NewContact(
        services.random.new_id(now),
        client_id,
        name,
        tuple(
            NewAddress(services.random.new_id(now), kind, value, is_default=True, is_new=is_new)
            for value, kind in addresses.items()
        ),
        locale,
    )
    if await services.contact_changes.add_contact(tenant_id, new, line(call, "contact.added")):
        raise not_found()
    return see_other(f"/contacts/{new.id}", said="contact_added")


async def change_details(call: Call) -> web.StreamResponse:
    """Name, company and language."""
    given: DetailsForm = call.body
    contact = await contact_of(call, our_id(call, "contact_id"))
    checked = Checked()
    name = checked.name("name", given.name)
    locale = checked.locale("locale", given.locale, before=contact.locale)
    client_id, client_name = await client_of(call, given.client, checked, may_add=given.new_client == "yes")
    known = await same_as(call, (), client_id, name, but=contact.id) if not checked.problems else ()
    if checked.problems or (known and given.sure != "yes"):
        return await draw_edit(call, contact.id, given.model_dump(), checked.problems, known)
    await refuse_move(call, contact.client_id, client_id)
    if not client_id:
        client_id = await _add_client(call, client_name)
    before = {"name": contact.name, "client": contact.client_id, "locale": contact.locale}
    after = {"name": name, "client": client_id, "locale": locale}
    changed = " ".join(what for what in before if before[what] != after[what])
    said = "saved"
    if changed:
        event = line(call, "contact.changed", changed=changed)
        edited = await call.services.contact_changes.change_contact(
            call.who.tenant_id, contact.id, event, name=name, client_id=client_id, locale=locale
        )
        if edited.refused:
            raise not_found()
        said = "renamed" if edited.as_new else said
    return see_other(f"/contacts/{contact.id}", said=said)


async def edit_contact(call: Call) -> web.StreamResponse:
    """The page on which one contact is changed."""
    return await draw_edit(call, our_id(call, "contact_id"), None, {})


async def draw_edit(
    call: Call,
    contact_id: str,
    typed: Mapping[str, str] | None,
    problems: Mapping[str, str],
    known: Sequence[Known] = (),
    *,
    at: str = "details",
) -> web.Response:
    """The page, with what they had typed. `at`: which of its forms was sent: `details`, `new`, or an address's id."""
    contact = await contact_of(call, contact_id)
    details = {"name": contact.name, "client": contact.company, "locale": contact.locale, "new_client": "", "sure": ""}
    shown = {**details, **typed} if typed is not None and at == "details" else details
    values = {
        "contact": contact,
        "origin": await call.services.contact_sources.origin(call.who.tenant_id, contact.id),
        "several": {a.word for a in contact.addresses if a.may_use},
        "typed": shown,
        "sent": typed or {},
        "at": at,
        "problems": problems,
        "known": known,
        "clients": await _offered(call),
        "locales": _locales(shown["locale"]),
        "kinds": [Choice(kind, text, (typed or {}).get("kind") == kind) for kind, text in KINDS.items()],
    }
    status = 422 if problems or known else 200
    title = _("Change %s") % contact.name
    return page(call, "contact_edit.html", frame(call, title, "contacts"), values, status=status)


async def client_of(call: Call, typed: str, checked: Checked, *, may_add: bool) -> tuple[str, str]:
    """Id and name of the company that was typed; the id is empty for a new one that may be added."""
    name = checked.name("client", typed, "company")
    if not name:
        return "", ""
    found = await call.services.clients.named(call.who.tenant_id, name)
    if found is not None:
        return found.id, found.name
    if not may_add:
        checked.problems["client"] = _("There is no client of that name. Correct it, or tick that it is a new one.")
    return "", name


async def same_as(call: Call, values: Sequence[str], client_id: str, name: str, *, but: str = "") -> tuple[Known, ...]:
    """Who else has one of these addresses, and who has the same name at the same company."""
    tenant_id = call.who.tenant_id
    found = await call.services.db.read(
        tenant_id,
        lambda conn: sharing(conn, tenant_id, values, but=but) + namesakes(conn, tenant_id, client_id, name, but=but),
    )
    return tuple(known_of(one) for one in found)


def known_of(one: Sharer) -> Known:
    """As pages show it."""
    return Known(one.contact_id, one.name, one.client_name, readable(one.value) if one.value else "")


async def _add_client(call: Call, name: str) -> str:
    client_id = call.services.random.new_id(call.services.clock.now())
    try:
        await call.services.clients.add(call.who.tenant_id, client_id, name, line(call, "client.added"))
    except NameTaken:
        # Somebody was faster: then it is there.
        found = await call.services.clients.named(call.who.tenant_id, name)
        if found is None:
            raise
        return found.id
    return client_id


async def _draw(
    call: Call, typed: Mapping[str, str], problems: Mapping[str, str], known: Sequence[Known] = ()
) -> web.Response:
    empty = dict.fromkeys(ContactForm.model_fields, "")
    values = {
        "typed": {**empty, **typed},
        "problems": problems,
        "known": known,
        "clients": await _offered(call),
        "locales": _locales(typed.get("locale", "")),
    }
    status = 422 if problems or known else 200
    return page(call, "contact_new.html", frame(call, _("Add a contact"), "contacts"), values, status=status)


async def _offered(call: Call) -> list[str]:
    return [client.name for client in await call.services.directory.clients(call.who.tenant_id)][:MOST_OFFERED]


def _locales(chosen: str) -> list[Choice]:
    tags = LOCALES if chosen in LOCALES else (*LOCALES, chosen)
    return [Choice(tag, LANGUAGE_NAMES.get(tag, tag), tag == chosen) for tag in tags]


ROUTES = (
    Route("GET", "/contacts/new", new_contact, Access.TECHNICIAN, Surface.PAGE, "Add a contact"),
    Route("POST", "/contacts/new", add_contact, Access.TECHNICIAN, Surface.PAGE, "Add a contact", body=ContactForm),
    Route("GET", "/contacts/{contact_id}/edit", edit_contact, Access.TECHNICIAN, Surface.PAGE, "Change a contact"),
    Route(
        "POST",
        "/contacts/{contact_id}/edit",
        change_details,
        Access.TECHNICIAN,
        Surface.PAGE,
        "Change name, company and language",
        body=DetailsForm,
    ),
)
