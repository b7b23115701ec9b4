"""What somebody looks for in the history: read from the page's address, looked up, and said back in the form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import urlencode

from psa.base import PsaError
from storage.audit_kinds import ABOUT
from storage.directory import StoredContact
from storage.log import Filters
from storage.months import begins, ends, read_day
from web.look import _
from web.pages.views import Choice
from web.routing import Call

#: People of a name that are offered when there are several.
OFFERED = 12
LAST_SEQ = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Sought:
    """What was typed and chosen. `person`: a name, a number or an e-mail address; `contact` an id, which goes before.
    Days are those of the tenant's clocks, both included."""

    about: str = ""
    technician: str = ""
    client: str = ""
    person: str = ""
    contact: str = ""
    ticket: str = ""
    since: str = ""
    until: str = ""

    @property
    def is_all(self) -> bool:
        return self == Sought()

    def address(self, **changed: str) -> str:
        """The address of the same search, with something changed."""
        found = replace(self, **changed) if changed else self
        given = {name: value for name in Sought.__slots__ if (value := getattr(found, name))}
        return "/history" + (f"?{urlencode(given)}" if given else "")


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What the log is asked. `nobody`: nobody fits the name. `people`: several do, and one is to be chosen.
    `problems`: field -> what is wrong with it."""

    filters: Filters
    problems: dict[str, str]
    people: Sequence[StoredContact] = ()
    person: StoredContact | None = None
    nobody: bool = False

    @property
    def may_look(self) -> bool:
        return not self.problems and not self.people and not self.nobody


def sought_in(call: Call) -> Sought:
    """From the page's address; too long is cut."""
    query = call.request.query
    return Sought(**{name: query.get(name, "").strip()[:120] for name in Sought.__slots__})


def before_in(call: Call) -> int | None:
    """Where the page before ended."""
    text = call.request.query.get("before", "")
    if text.isascii() and text.isdecimal() and len(text) < 20 and 0 < int(text) <= LAST_SEQ:
        return int(text)
    return None


async def narrowed(call: Call, sought: Sought, zone: str) -> Narrowed:
    """Names, numbers and days as the log knows them."""
    who, services = call.who, call.services
    problems: dict[str, str] = {}
    since, until = (_day(problems, name, getattr(sought, name)) for name in ("since", "until"))
    if since is not None and until is not None and since > until:
        problems["until"] = _("The last day lies before the first one. Change one of them.")
    person: StoredContact | None = None
    people: Sequence[StoredContact] = ()
    if sought.contact:
        person = await services.directory.contact(who.tenant_id, sought.contact)
    elif sought.person:
        people = await _people(call, sought.person)
        if len(people) == 1:
            person, people = people[0], ()
    nobody = bool(sought.person or sought.contact) and person is None and not people
    filters = Filters(
        kind=sought.about if sought.about in ABOUT else "",
        technician_id=sought.technician,
        contact_id=person.id if person is not None else "",
        client_id=sought.client,
        ticket_id=await _ticket_id(call, sought.ticket) if sought.ticket else "",
        since=begins(since, zone) if since is not None else None,
        until=ends(until, zone) if until is not None else None,
    )
    return Narrowed(filters, problems, people, person, nobody)


async def choices(call: Call, sought: Sought) -> dict[str, tuple[Choice, ...]]:
    """The entries of the selects, by field."""
    who, services = call.who, call.services
    technicians = await services.people.technicians(who.tenant_id)
    clients = await services.directory.clients(who.tenant_id)
    return {
        "about": _with_all(_("Everything"), [(begin, heading) for begin, heading in ABOUT.items()], sought.about),
        "technician": _with_all(_("Everybody"), [(t.id, t.name) for t in technicians], sought.technician),
        "client": _with_all(_("All clients"), [(c.id, c.name) for c in clients], sought.client),
    }


def _with_all(everything: str, entries: Sequence[tuple[str, str]], chosen: str) -> tuple[Choice, ...]:
    return (Choice("", everything), *(Choice(value, text, value == chosen) for value, text in entries))


def _day(problems: dict[str, str], field: str, text: str) -> date | None:
    found = read_day(text) if text else None
    if text and found is None:
        problems[field] = _("This is no day. Write it as 2026-03-01.")
    return found


async def _people(call: Call, typed: str) -> tuple[StoredContact, ...]:
    tenant_id, directory = call.who.tenant_id, call.services.directory
    found = await directory.find(tenant_id, q=typed, limit=OFFERED)
    if not found.items and any(c.isdigit() for c in typed):
        found = await directory.find(tenant_id, phone=typed, limit=OFFERED)
    return found.items


async def _ticket_id(call: Call, typed: str) -> str:
    """The id behind the number that people read; an id is one already."""
    number = typed.lstrip("#").strip()
    try:
        found = await call.services.psa(call.who.tenant_id).search_tickets(query=number, open_only=False)
    except PsaError:
        return number
    return next((ticket.id for ticket in found.items if ticket.number.lstrip("#") == number), number)
