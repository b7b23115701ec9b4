"""One promise for every ticket system. A new connector joins `CONNECTORS` and inherits all of it."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from psa.base import (
    Can,
    NewTicketFields,
    Psa,
    PsaRejected,
    TicketMissing,
    TicketNote,
    TicketPage,
    TicketRef,
)
from psa.builtin import BuiltinPsa, TicketStore
from psa.preselect import open_tickets
from storage.tickets import Tickets
from tests.fixtures.kept import Kept

HOSTILE = "<img src=x onerror=alert(1)> {{7*7}} '; DROP TABLE tickets;-- \u202egnp.exe ＃confirm 日本語 🎫"
ROOM = Path(__file__).parents[2] / "psa"


@dataclass(frozen=True)
class Two:
    """The same system for two tenants. `client`, `contact` and `other_client` are the first tenant's."""

    mine: Psa
    theirs: Psa
    client: str
    contact: str
    other_client: str
    their_client: str
    kept: Kept


async def builtin(kept: Kept) -> Two:
    store: TicketStore = Tickets(kept.database)
    world, other = kept.world, kept.other
    mine, theirs = (
        BuiltinPsa(w.tenant_id, store, kept.clock, kept.randomness, public_url="https://desk.example/")
        for w in (world, other)
    )
    ada, dev = world.people[0], world.people[3]
    return Two(mine, theirs, ada.client_id, ada.id, dev.client_id, other.people[0].client_id, kept)


CONNECTORS: dict[str, Callable[[Kept], Awaitable[Two]]] = {"builtin": builtin}


@pytest.fixture(params=sorted(CONNECTORS))
async def two(request: pytest.FixtureRequest, kept: Kept) -> Two:
    return await CONNECTORS[request.param](kept)


def printer(two: Two, title: str = "Printer on fire", body: str = "Smoke.") -> NewTicketFields:
    return NewTicketFields(title, body, contact_id=two.contact, client_id=two.client)


async def test_the_connection_can_be_checked(two: Two) -> None:
    await two.mine.check()


@pytest.mark.feature("REL-02")
async def test_the_same_key_twice_is_one_ticket(two: Two) -> None:
    first = await two.mine.create_ticket(printer(two), key="k1")
    again = await two.mine.create_ticket(printer(two, title="Other words"), key="k1")
    assert again == first
    other = await two.mine.create_ticket(printer(two), key="k2")
    assert other.id != first.id
    assert {t.id for t in (await two.mine.search_tickets(client_id=two.client)).items} == {first.id, other.id}


async def test_at_the_same_moment_too(two: Two) -> None:
    made = await asyncio.gather(*(two.mine.create_ticket(printer(two), key=f"k{i % 3}") for i in range(9)))
    assert len({t.id for t in made}) == len({t.number for t in made}) == 3


@pytest.mark.feature("REL-02")
async def test_the_same_key_twice_is_one_note(two: Two) -> None:
    ticket = await two.mine.create_ticket(printer(two), key="k1")
    for key in ("n1", "n1", "n2"):
        await two.mine.add_note(ticket.id, f"note {key}", internal=True, key=key)
        two.kept.clock.advance(timedelta(seconds=1))
    assert [n.body for n in await two.mine.notes(ticket.id)] == ["note n1", "note n2"]


async def test_a_ticket_reads_as_it_was_made(two: Two) -> None:
    made = await two.mine.create_ticket(printer(two), key="k1")
    assert await two.mine.get_ticket(made.id) == made
    assert (made.title, made.client_id, made.contact_id, made.is_open) == (
        "Printer on fire",
        two.client,
        two.contact,
        True,
    )
    assert made.number


async def test_a_contact_alone_says_the_client(two: Two) -> None:
    made = await two.mine.create_ticket(NewTicketFields("t", "b", contact_id=two.contact), key="k1")
    assert (made.client_id, made.contact_id) == (two.client, two.contact)


async def test_a_client_or_contact_that_does_not_fit_is_refused(two: Two) -> None:
    for fields in (
        NewTicketFields("t", "b", client_id="nobody"),
        NewTicketFields("t", "b", contact_id="nobody"),
        NewTicketFields("t", "b", contact_id=two.contact, client_id=two.other_client),
        NewTicketFields("t", "b", client_id=two.their_client),
        NewTicketFields("t", "b"),
    ):
        with pytest.raises(PsaRejected):
            await two.mine.create_ticket(fields, key="k1")
    assert (await two.mine.search_tickets()).items == ()


async def test_a_missing_ticket_says_so(two: Two) -> None:
    for call in calls_on(two.mine, "nothing"):
        with pytest.raises(TicketMissing):
            await call()


@pytest.mark.feature("SEC-37")
async def test_another_tenants_ticket_is_as_if_it_did_not_exist(two: Two) -> None:
    made = await two.mine.create_ticket(printer(two), key="k1")
    for call in calls_on(two.theirs, made.id):
        with pytest.raises(TicketMissing):
            await call()
    for page in (
        await two.theirs.search_tickets(open_only=False),
        await two.theirs.search_tickets(client_id=two.client),
        await two.theirs.search_tickets(contact_id=two.contact),
        await two.theirs.search_tickets(query=made.number),
    ):
        assert page == TicketPage((), None)
    fields = NewTicketFields("Their own", "b", client_id=two.their_client)
    theirs = await two.theirs.create_ticket(fields, key="k1")
    assert (theirs.id != made.id, theirs.title) == (True, "Their own"), "keys of two tenants do not meet"
    assert (await two.mine.get_ticket(made.id)).is_open
    assert await two.mine.notes(made.id) == ()


@pytest.mark.feature("SEC-52")
async def test_hostile_and_long_text_stays_data(two: Two) -> None:
    long = HOSTILE + " x" * 400
    made = await two.mine.create_ticket(printer(two, title=long + "\n\x00\ud800", body=HOSTILE), key="k1")
    assert made.title.startswith(HOSTILE)
    assert "\n" not in made.title
    assert len(made.title) <= 200
    await two.mine.add_note(made.id, HOSTILE + "\x00\nsecond line", internal=False, key="n1")
    (note,) = await two.mine.notes(made.id)
    assert (note.body, note.is_internal) == (HOSTILE + "\nsecond line", False)
    for query in ("%", "_", "'", HOSTILE[:20]):
        found = (await two.mine.search_tickets(query=query)).items
        assert [t.id for t in found] == ([made.id] if query in HOSTILE else [])
    untitled = await two.mine.create_ticket(printer(two, title=" \n "), key="k2")
    assert untitled.title


async def test_closed_tickets_are_found_take_notes_and_stay_closed(two: Two) -> None:
    made = await two.mine.create_ticket(printer(two), key="k1")
    opens, closes = await two.mine.statuses()
    closed = await two.mine.set_status(made.id, closes)
    assert not closed.is_open
    await two.mine.add_note(made.id, "afterwards", internal=True, key="n1")
    assert not (await two.mine.get_ticket(made.id)).is_open
    assert (await two.mine.search_tickets(client_id=two.client)).items == ()
    assert (await two.mine.search_tickets(client_id=two.client, open_only=False)).items == (closed,)
    assert (await two.mine.set_status(made.id, opens)).is_open
    with pytest.raises(PsaRejected, match="open or closed"):
        await two.mine.set_status(made.id, "on holiday")


@pytest.mark.feature("PS-113")
async def test_searches_narrow_and_come_in_pages(two: Two) -> None:
    made = [await two.mine.create_ticket(printer(two, title=f"Ticket {i:03}"), key=f"k{i}") for i in range(60)]
    other = NewTicketFields("Elsewhere", "b", client_id=two.other_client)
    await two.mine.create_ticket(other, key="other")
    first = await two.mine.search_tickets(contact_id=two.contact)
    assert first.next is not None
    rest = await two.mine.search_tickets(contact_id=two.contact, cursor=first.next)
    assert rest.next is None
    assert [t.id for t in (*first.items, *rest.items)] == [t.id for t in reversed(made)]
    assert [t.title for t in (await two.mine.search_tickets(query="ticket 007")).items] == ["Ticket 007"]
    assert [t.id for t in (await two.mine.search_tickets(query=f"#{made[7].number}")).items] == [made[7].id]
    with pytest.raises(PsaRejected):
        await two.mine.search_tickets(cursor="1; DROP")


async def test_what_is_offered_at_a_claim(two: Two) -> None:
    own = await two.mine.create_ticket(printer(two), key="own")
    client = await two.mine.create_ticket(NewTicketFields("c", "b", client_id=two.client), key="client")
    shut = await two.mine.create_ticket(printer(two), key="shut")
    await two.mine.set_status(shut.id, (await two.mine.statuses())[1])
    await two.mine.create_ticket(NewTicketFields("o", "b", client_id=two.other_client), key="foreign")
    offered = await open_tickets(two.mine, client_id=two.client, contact_id=two.contact)
    assert [t.id for t in offered] == [own.id, client.id]
    assert await open_tickets(two.mine, client_id="", contact_id="") == ()


async def test_a_ticket_belongs_to_whoever_opened_or_took_it(two: Two) -> None:
    dana, theo = (technician for technician, _ in two.kept.world.technicians)
    made = await two.mine.create_ticket(replace(printer(two), technician_id=dana), key="k1")
    nobodys = await two.mine.create_ticket(printer(two), key="k2")
    assert (made.technician_id, nobodys.technician_id) == (dana, "")
    assert [t.id for t in (await two.mine.search_tickets(technician_id=dana)).items] == [made.id]
    assert (await two.mine.assign(nobodys.id, theo)).technician_id == theo
    assert [t.id for t in (await two.mine.search_tickets(technician_id=theo)).items] == [nobodys.id]
    assert (await two.theirs.search_tickets(technician_id=dana)).items == ()


async def test_a_note_bears_the_name_of_its_author(two: Two) -> None:
    made = await two.mine.create_ticket(printer(two), key="k1")
    await two.mine.add_note(made.id, "mine", internal=True, key="n1", author="Dana Reyes")
    await two.mine.add_note(made.id, "its own", internal=True, key="n2")
    assert [n.author for n in await two.mine.notes(made.id)] == ["Dana Reyes", "Watchword"]


def calls_on(psa: Psa, ticket_id: str) -> tuple[Callable[[], Awaitable[object]], ...]:
    """Everything that names a ticket, as far as the system offers it."""
    offered: list[Callable[[], Awaitable[object]]] = [lambda: psa.get_ticket(ticket_id)]
    if Can.INTERNAL_NOTE in psa.can:
        offered.append(lambda: psa.add_note(ticket_id, "n", internal=True, key="n0"))
    if Can.ASSIGN in psa.can:
        offered.append(lambda: psa.assign(ticket_id, "somebody"))
    if Can.READ_NOTES in psa.can:
        offered.append(lambda: psa.notes(ticket_id))
    if Can.SET_STATUS in psa.can:
        offered.append(lambda: psa.set_status(ticket_id, "closed"))
    return tuple(offered)


# --- abilities ------------------------------------------------------------------------------------------------------


class Poor:
    """A system that can search by client and nothing else; every other call would be our fault."""

    can: ClassVar[Can] = Can.SEARCH_BY_CLIENT

    async def search_tickets(
        self,
        *,
        contact_id: str = "",
        client_id: str = "",
        technician_id: str = "",
        query: str = "",
        open_only: bool = True,
        cursor: str = "",
    ) -> TicketPage:
        assert not technician_id, "SEARCH_BY_TECHNICIAN was not declared"
        assert not contact_id, "SEARCH_BY_CONTACT was not declared"
        assert not query, "SEARCH_TEXT was not declared"
        theirs = TicketRef("1", "1", "t", "New", True, client_id="c", contact_id="someone")
        own = TicketRef("2", "2", "t", "New", True, client_id="c", contact_id="me")
        stray = TicketRef("3", "3", "t", "New", True, client_id="another")
        return TicketPage((theirs, own, stray), None)

    async def check(self) -> None:
        raise AssertionError

    async def get_ticket(self, ticket_id: str) -> TicketRef:
        raise AssertionError

    async def create_ticket(self, fields: NewTicketFields, *, key: str) -> TicketRef:
        raise AssertionError

    async def add_note(self, ticket_id: str, body: str, *, internal: bool, key: str, author: str = "") -> None:
        raise AssertionError

    async def notes(self, ticket_id: str) -> tuple[TicketNote, ...]:
        raise AssertionError

    async def statuses(self) -> tuple[str, ...]:
        raise AssertionError

    async def set_status(self, ticket_id: str, status: str) -> TicketRef:
        raise AssertionError

    async def assign(self, ticket_id: str, technician_id: str) -> TicketRef:
        raise AssertionError


async def test_an_ability_that_is_not_declared_is_never_used() -> None:
    psa: Psa = Poor()
    offered = await open_tickets(psa, client_id="c", contact_id="me")
    assert [t.id for t in offered] == ["2", "1"], "own first, another client's never"


# --- the built-in one -----------------------------------------------------------------------------------------------


async def test_builtin_numbers_start_at_1001_in_each_tenant(kept: Kept) -> None:
    two = await builtin(kept)
    first = await two.mine.create_ticket(printer(two), key="k1")
    second = await two.mine.create_ticket(printer(two), key="k2")
    theirs = await two.theirs.create_ticket(NewTicketFields("t", "b", client_id=two.their_client), key="k1")
    assert (first.number, second.number, theirs.number) == ("1001", "1002", "1001")
    assert first.url == f"https://desk.example/tickets/{first.id}"


# --- checklists -----------------------------------------------------------------------------------------------------

RULES = frozenset(
    {
        "check-proves-the-credentials",
        "same-key-one-ticket",
        "same-key-one-note",
        "missing-ticket-says-so",
        "other-tenants-invisible",
        "abilities-declared",
        "long-titles-kept-whole",
        "hostile-text-stays-data",
        "closed-tickets-take-notes",
        "errors-mapped",
        "retry-after-honoured",
        "unclear-writes-looked-up",
    }
)


@pytest.mark.parametrize("connector", sorted(CONNECTORS))
def test_every_connector_says_which_rules_it_keeps(connector: str) -> None:
    listed: dict[str, Any] = tomllib.loads((ROOM / f"{connector}.toml").read_text("utf-8"))
    assert listed["connector"] == connector
    assert listed["recorded-against"]
    assert set(listed["rules"]) == RULES
    for rule, kept in listed["rules"].items():
        assert kept == "done" or len(kept["exempt"]) > 10, f"{rule}: done, or exempt with a reason"
