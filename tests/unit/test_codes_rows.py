"""Rows of `/codes`: one reading for all consoles, one question to the ticket system for a client, and finding."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar, cast

import pytest

from dialogs import tech_verify as tv
from dialogs.messages import Unavailable
from psa.base import Can, Psa, TicketPage, TicketRef
from storage.checks import CheckRow
from storage.delivery import delivery
from tests.fixtures.replicas import eventually
from tests.unit.test_pages_cards import CLAIMED, NOW, row
from web.look import asked
from web.pages.check_cards import FIRST, card
from web.pages.finding import EVERYTHING, FEW, Sought, found_in, sought_in
from web.pages.rows import row_for_all
from web.pages.shared_rows import SharedRows
from web.pages.tickets_of import GOOD_FOR, Shelf
from web.pages.views import EPOCH, Board, Card, Choice, as_json
from web.services import Services

OPEN = tv.Open(CLAIMED.story, CLAIMED.challenge)


# --- what a row says ------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-02", "TV-08")
@pytest.mark.parametrize("state", [OPEN, CLAIMED], ids=["open", "claimed"])
def test_a_check_whose_time_is_up_is_over_and_holds_no_code(state: tv.State) -> None:
    at = CLAIMED.challenge.expires_at
    live = card(row(state), "t1", "870421", now=at - timedelta(seconds=1))
    assert live.kind in ("waiting", "mine")
    over = card(row(state), "t1", "870421", now=at)
    assert (over.kind, over.state, over.code, over.code_shown) == ("ended", "Time is up", "", "")
    assert "870" not in str(as_json(over))


@pytest.mark.feature("TV-07")
def test_ones_own_code_stands_above_newer_rows() -> None:
    mine = card(row(CLAIMED), "t1", "870421", now=NOW)
    newer = card(row(OPEN, created_at=NOW + timedelta(minutes=5)), "t1", now=NOW)
    theirs = card(row(CLAIMED), "t2", now=NOW)
    assert mine.order > newer.order > theirs.order
    assert mine.order < 2 * FIRST


@pytest.mark.feature("Y-06")
def test_every_live_row_says_how_its_text_fares() -> None:
    lost = delivery("sent", "undelivered", "30003", NOW)
    for state, viewer in ((OPEN, "t1"), (CLAIMED, "t1"), (CLAIMED, "t2")):
        shown = card(row(state, delivery=lost), viewer, now=NOW)
        assert "out of reach" in shown.delivery
        assert shown.undelivered
        assert not card(row(state), viewer, now=NOW).undelivered


def test_what_is_empty_is_left_out_of_the_json() -> None:
    sent = as_json(card(row(OPEN), "t1", now=NOW))
    assert isinstance(sent, dict)
    assert {"id", "kind", "state", "name", "order", "expires_at", "can_resend"} <= set(sent)
    assert not {"code", "technician", "tickets", "outcome", "needs_ticket"} & set(sent)


# --- one reading for all consoles -----------------------------------------------------------------------------------


class OneCheck:
    """A store with one check, which can be held up or away."""

    def __init__(self, found: CheckRow | None) -> None:
        self.found = found
        self.reads = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.away = False

    async def get(self, tenant_id: str, check_id: str) -> CheckRow | None:
        self.reads += 1
        found = self.found
        await self.may_answer.wait()
        if self.away:
            raise Unavailable("the database is away")
        return found


class Standing:
    """A stream that has handed out everything up to `at`."""

    at = 0

    def standing(self, tenant_id: str) -> int:
        return self.at


class NoTickets:
    """A ticket system that knows of none."""

    can: ClassVar[Can] = Can.SEARCH_BY_CLIENT

    async def search_tickets(self, **_: object) -> TicketPage:
        return TicketPage((), None)


class Few:
    """The services a shared row needs."""

    def __init__(self, checks: OneCheck, stream: Standing) -> None:
        self.checks = checks
        self.stream = stream
        self.clock = self

    def now(self) -> object:
        return NOW

    def psa(self, tenant_id: str) -> Psa:
        return cast("Psa", NoTickets())


def few(found: CheckRow | None) -> tuple[OneCheck, Standing, Services]:
    checks, stream = OneCheck(found), Standing()
    return checks, stream, cast("Services", Few(checks, stream))


@pytest.mark.feature("TV-07")
async def test_fifty_consoles_that_hear_of_a_check_read_it_once() -> None:
    checks, _, services = few(row(OPEN))
    shared = SharedRows()
    checks.may_answer.clear()
    asking = [asyncio.create_task(shared.row(services, "tenant", "check-1", 7)) for _ in range(50)]
    await asyncio.sleep(0)
    checks.may_answer.set()
    shown = await asyncio.gather(*asking)
    assert checks.reads == 1
    assert len({id(one) for one in shown}) == 1
    assert await shared.row(services, "tenant", "check-1", 6) is shown[0], "what is newer says what was before, too"
    assert checks.reads == 1
    await shared.row(services, "tenant", "check-1", 8)
    assert checks.reads == 2


async def test_a_row_that_is_being_read_is_too_old_for_what_happens_meanwhile() -> None:
    checks, _, services = few(row(OPEN))
    shared = SharedRows()
    checks.may_answer.clear()
    first = asyncio.create_task(shared.row(services, "tenant", "check-1", 7))
    await eventually(lambda: checks.reads == 1)
    checks.found = row(CLAIMED)
    second = asyncio.create_task(shared.row(services, "tenant", "check-1", 8))
    await eventually(lambda: checks.reads == 2)
    checks.may_answer.set()
    before, after = await asyncio.gather(first, second)
    assert before is not None
    assert after is not None
    assert (json.loads(before.text)["kind"], json.loads(after.text)["kind"]) == ("waiting", "theirs")
    assert await shared.row(services, "tenant", "check-1", 8) is after


async def test_one_reading_covers_a_burst_that_was_handed_out_before_it() -> None:
    checks, stream, services = few(row(OPEN))
    stream.at = 12
    shared = SharedRows()
    first = await shared.row(services, "tenant", "check-1", 9)
    assert first is not None
    assert first.seq == 12
    assert await shared.row(services, "tenant", "check-1", 12) is first
    assert checks.reads == 1


@pytest.mark.feature("SEC-02")
async def test_what_is_shared_never_holds_a_code_and_says_whose_it_is() -> None:
    _, _, services = few(row(CLAIMED, code="870421"))
    shown = await SharedRows().row(services, "tenant", "check-1", 1)
    assert shown is not None
    assert shown.claimer_id == "t1"
    assert "870421" not in shown.text
    assert json.loads(shown.text)["kind"] == "theirs"


async def test_what_cannot_be_read_is_said_to_be_missing_and_read_again() -> None:
    checks, _, services = few(row(OPEN))
    shared = SharedRows()
    checks.away = True
    assert await shared.row(services, "tenant", "check-1", 1) is None
    checks.away = False
    assert await shared.row(services, "tenant", "check-1", 1) is not None
    _, _, nothing = few(None)
    assert await SharedRows().row(nothing, "tenant", "check-1", 1) is None


async def test_after_a_restore_nothing_that_was_kept_is_believed() -> None:
    checks, _, services = few(row(OPEN))
    shared = SharedRows()
    await shared.row(services, "tenant", "check-1", 900)
    await shared.row(services, "other", "check-1", 900)
    shared.forget("tenant")
    await shared.row(services, "tenant", "check-1", 3)
    await shared.row(services, "other", "check-1", 3)
    assert checks.reads == 3


# --- tickets for a list ---------------------------------------------------------------------------------------------


class CountedPsa:
    """Tickets of one client, at most `fits` of them on a page."""

    can: ClassVar[Can] = Can.SEARCH_BY_CONTACT | Can.SEARCH_BY_CLIENT

    def __init__(self, tickets: int = 3, fits: int = 50) -> None:
        self._tickets = [TicketRef(f"id-{n}", f"{n}", "T", "open", True, "k1", f"c{n}") for n in range(tickets)]
        self._fits = fits
        self.asked: list[dict[str, str]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def search_tickets(self, **wanted: str) -> TicketPage:
        self.asked.append(wanted)
        await self.may_answer.wait()
        found = [t for t in self._tickets if all(getattr(t, name) == value for name, value in wanted.items())]
        return TicketPage(tuple(found[: self._fits]), "more" if len(found) > self._fits else None)


KEYS = [("tenant", "k1", f"c{n}") for n in range(3)]


@pytest.mark.feature("TV-09")
async def test_a_list_asks_once_for_each_client_and_everybody_gets_their_own_ticket() -> None:
    psa, shelf = CountedPsa(), Shelf()
    await shelf.prepare(cast("Psa", psa), KEYS, NOW)
    for _tenant, client, contact in KEYS:
        offered = await shelf.offer(cast("Psa", psa), ("tenant", client, contact), NOW)
        assert next(c.value for c in offered.choices if c.chosen) == f"id-{contact[1:]}"
    assert psa.asked == [{"client_id": "k1"}]
    await shelf.prepare(cast("Psa", psa), KEYS, NOW + GOOD_FOR)
    assert len(psa.asked) == 1
    await shelf.prepare(cast("Psa", psa), KEYS, NOW + GOOD_FOR + timedelta(seconds=1))
    assert len(psa.asked) == 2


@pytest.mark.feature("TV-09")
async def test_a_client_with_more_tickets_than_fit_on_a_page_is_asked_by_contact() -> None:
    psa, shelf = CountedPsa(tickets=4, fits=2), Shelf()
    await shelf.prepare(cast("Psa", psa), [*KEYS, ("tenant", "k1", "c3")], NOW)
    offered = await shelf.offer(cast("Psa", psa), ("tenant", "k1", "c3"), NOW)
    assert next(c.value for c in offered.choices if c.chosen) == "id-3", "it was not on the client's first page"


async def test_a_slow_ticket_system_holds_up_no_list_and_is_not_asked_for_each_row() -> None:
    psa, shelf = CountedPsa(), Shelf()
    psa.may_answer.clear()
    await shelf.prepare(cast("Psa", psa), KEYS, NOW)
    offers = [await shelf.offer(cast("Psa", psa), key, NOW) for key in KEYS]
    assert all(one.pending for one in offers)
    assert len(psa.asked) == 1
    psa.may_answer.set()
    await asyncio.sleep(0.01)
    assert not (await shelf.offer(cast("Psa", psa), KEYS[0], NOW)).pending


async def test_everybodys_row_offers_tickets_and_waits_for_none() -> None:
    _, _, services = few(row(OPEN))
    shown, pending = await row_for_all(services, Shelf(), "tenant", row(OPEN))
    assert ([c.value for c in shown.tickets], pending) == (["new", "later"], False)


# --- finding --------------------------------------------------------------------------------------------------------

LIVE = (
    Card("1", "waiting", "Waiting", name="Maria Lindqvist", company="Brightwater Dental", address="…01"),
    Card("2", "mine", "Yours", name="Ola Berg", company="Acme", technician_id="t1", needs_ticket=True, code="870421"),
    Card("3", "theirs", "Theo has this one", name="Pia Berg", company="Acme", technician="Theo", technician_id="t2"),
)
OVER = (
    Card("4", "ended", "Confirmed", name="Ola Nordmann", ticket="#1042", technician_id="t1"),
    replace(LIVE[0], id="5", tickets=(Choice("a", "#1038 Printer", chosen=True), Choice("b", "#77 Laptop"))),
)
BOARD = Board(LIVE, OVER, (), (), (), EPOCH)


@pytest.mark.parametrize(
    ("typed", "show", "ids"),
    [
        ("", "all", "12345"),
        ("  BERG ", "all", "23"),
        ("berg acme theo", "all", "3"),
        ("01", "all", "15"),
        ("1042", "all", "4"),
        ("printer", "all", "5"),
        ("laptop", "all", ""),
        ("confirmed", "all", "4"),
        ("870421", "all", ""),
        ("", "waiting", "15"),
        ("", "mine", "24"),
        ("", "needs_ticket", "2"),
        ("ola", "mine", "24"),
        ("nobody", "mine", ""),
    ],
)
def test_rows_are_found_by_what_stands_on_them(typed: str, show: str, ids: str) -> None:
    sought = sought_in({"q": typed, "show": show})
    assert found_in(BOARD, sought, "t1").ids == frozenset(ids)


def test_counts_follow_the_words_and_not_the_kind() -> None:
    found = found_in(BOARD, Sought("ola", "needs_ticket"), "t1")
    assert dict(found.counts) == {"all": 2, "waiting": 0, "mine": 2, "needs_ticket": 1}


def test_with_few_rows_there_is_nothing_to_search() -> None:
    assert len(LIVE) + len(OVER) <= FEW
    assert found_in(BOARD, EVERYTHING, "t1").few
    assert not found_in(BOARD, Sought("nobody"), "t1").few
    assert not found_in(replace(BOARD, live=LIVE * 2), EVERYTHING, "t1").few


@pytest.mark.parametrize("query", [{"show": "everything"}, {"show": ""}, {}])
def test_a_kind_that_does_not_exist_is_everything(query: dict[str, str]) -> None:
    assert sought_in(query) == EVERYTHING


def test_links_keep_what_is_sought_and_nothing_else() -> None:
    assert asked({"show": "all", "q": ""}) == ""
    assert asked({"show": "mine", "q": "a&b"}) == "?show=mine&q=a%26b"
