"""Cards: what each state says, who sees the code, and what a select offers."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, cast

import pytest

from dialogs import tech_verify as tv
from dialogs.effects import Code
from psa.base import Can, Psa, PsaUnavailable, TicketPage, TicketRef
from storage.checks import CheckRow, ContactName, TechnicianName
from storage.delivery import delivery
from web.pages.check_cards import card
from web.pages.tickets_of import GOOD_FOR, Shelf, choices
from web.pages.views import Card, as_json

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MARIA = ContactName("c1", "Maria Lindqvist", "k1", "Brightwater Dental")
OLA = ContactName("c2", "Ola Lindqvist", "k1", "Brightwater Dental")
DANA = tv.Technician("t1", "Dana")
TICKET = tv.Ticket("id-1042", "1042")
KNOWN = tv.Story(tv.Known("c1", "Maria Lindqvist"), NOW)
CHALLENGE = tv.Challenge(Code("870421"), "digest", tv.Mode.COMPARE, NOW + timedelta(minutes=10))
CLAIM = tv.Claim(DANA, tv.Direction.WE_CALLED_USER, TICKET, NOW)
CLAIMED = tv.Claimed(KNOWN, CHALLENGE, CLAIM, told=True)


def row(state: tv.State, **changes: object) -> CheckRow:
    """A stored check of Maria's in this state."""
    made = CheckRow(
        id="check-1",
        word=type(state).__name__.lower(),
        state=state,
        channel="sms",
        contact=MARIA,
        candidates=(),
        number="…01",
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=10),
        ended_at=None,
        technician=TechnicianName("t1", "Dana Whitfield", "Dana"),
        direction="we_called_user",
        announced=False,
        ticket="ticket",
        ticket_id="id-1042",
        ticket_number="1042",
        needs_ticket=False,
        assurance="",
        reason="",
        note="",
        logged="",
        delivery=delivery("sent", "delivered", "", NOW),
        trail=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def ended(state: type[tv.Ended], *more: object, claim: tv.Claim | None = CLAIM) -> tv.Ended:
    build = cast("type", state)
    return cast("tv.Ended", build(KNOWN, NOW, claim, *more))


ENDED: list[tuple[tv.Ended, str, str]] = [
    (ended(tv.Confirmed, "compare", tv.Logged.WRITTEN), "Confirmed", "good"),
    (ended(tv.Confirmed, "transfer", tv.Logged.WRITTEN), "Confirmed", "good"),
    (ended(tv.Confirmed, "verbal", tv.Logged.WRITTEN), "Spoken yes", "quiet"),
    (ended(tv.Confirmed, "unclaimed", tv.Logged.NOT_DUE, claim=None), "Confirmed without a technician", "quiet"),
    (ended(tv.Denied, tv.Logged.WRITTEN), "They say it was not us", "bad"),
    (ended(tv.Rejected, "A test", tv.Logged.WRITTEN), "Ended by a technician", "quiet"),
    (ended(tv.Superseded, "check-2", tv.Logged.WRITTEN), "They asked again: a newer check took its place", "quiet"),
    (ended(tv.Expired, "deadline", tv.Logged.WRITTEN), "Ran out without an answer", "quiet"),
    (ended(tv.Expired, "deadline", tv.Logged.NOT_DUE, claim=None), "Ran out: nobody claimed it", "bad"),
    (ended(tv.Expired, "opted_out", tv.Logged.WRITTEN), "Ended: they texted STOP", "quiet"),
    (ended(tv.Expired, "restored", tv.Logged.NOT_DUE), "Ended: the database was restored from a backup", "quiet"),
    (ended(tv.Expired, "erased", tv.Logged.NOT_DUE), "Ended: the person's data was erased", "quiet"),
    (ended(tv.Expired, "number_changed", tv.Logged.NOT_DUE), "Ended: their number was changed", "quiet"),
    (ended(tv.Alarm, "wrong_codes", tv.Logged.WRITTEN), "Alarm: too many wrong codes", "bad"),
    (
        ended(tv.Alarm, "confirmed_unclaimed", tv.Logged.NOT_DUE, claim=None),
        "Alarm: confirmed, and nobody had claimed it",
        "bad",
    ),
]


@pytest.mark.feature("TV-16", "TV-21")
@pytest.mark.parametrize(("state", "words", "tone"), ENDED, ids=lambda v: v if isinstance(v, str) else type(v).__name__)
def test_every_end_has_words_and_only_a_real_confirmation_is_green(state: tv.Ended, words: str, tone: str) -> None:
    shown = card(row(state), "t1")
    assert (shown.kind, shown.state, shown.tone) == ("ended", words, tone)


@pytest.mark.feature("SEC-02")
def test_the_claimer_sees_the_code_in_groups_and_digit_by_digit() -> None:
    shown = card(row(CLAIMED), "t1", "870421")
    assert (shown.kind, shown.code, shown.code_shown, shown.code_spelled) == (
        "mine",
        "870421",
        "870 421",
        "8 7 0 4 2 1",
    )


@pytest.mark.feature("SEC-02")
@pytest.mark.parametrize(
    ("state", "viewer"),
    [(CLAIMED, "t2"), (tv.Open(KNOWN, CHALLENGE), "t1"), *((state, "t1") for state, _, _ in ENDED)],
    ids=lambda v: v if isinstance(v, str) else type(v).__name__,
)
def test_no_other_card_holds_the_code_even_when_it_is_handed_one(state: tv.State, viewer: str) -> None:
    shown = card(row(state), viewer, "870421")
    said = str([getattr(shown, f.name) for f in fields(Card)])
    assert "870421" not in said
    assert "870 421" not in said
    assert "8 7 0 4 2 1" not in said


def test_a_number_of_several_people_has_no_name_before_the_claim() -> None:
    asker = tv.Story(tv.Several(("c1", "c2")), NOW)
    shown = card(row(tv.Open(asker, CHALLENGE), contact=None, candidates=(MARIA, OLA)), "t1")
    assert (shown.name, shown.company, shown.contact_id) == ("One of 2 people", "Brightwater Dental", "")


@pytest.mark.feature("TV-09")
def test_a_claim_without_a_ticket_stays_flagged_until_one_is_linked() -> None:
    later = replace(CLAIM, ticket=tv.Later())
    over = ended(tv.Confirmed, "compare", tv.Logged.WAITS_FOR_TICKET, claim=later)
    live = replace(CLAIMED, claim=later)
    assert [card(row(s), "t1").needs_ticket for s in (live, over, CLAIMED)] == [True, True, False]
    assert card(row(over), "t1").can_link


@pytest.mark.feature("TV-26")
def test_a_note_that_waits_for_approval_can_be_approved() -> None:
    waits = ended(tv.Denied, tv.Logged.WAITS_FOR_APPROVAL)
    assert card(row(waits), "t1").asks_for_note
    assert not card(row(ended(tv.Denied, tv.Logged.WRITTEN)), "t1").asks_for_note


def test_times_go_to_scripts_in_milliseconds() -> None:
    assert as_json({"at": NOW, "rows": (card(row(CLAIMED), "t2"),)})["at"] == NOW.timestamp() * 1000  # type: ignore[index]


# --- tickets in a select --------------------------------------------------------------------------------------------

MINE = TicketRef("a", "1042", "Printer", "open", True, "k1", "c1")
THEIRS = TicketRef("b", "1038", "Laptop", "open", True, "k1", "c2")


@pytest.mark.feature("TV-09")
def test_the_contacts_own_ticket_is_preselected_else_later() -> None:
    def chosen(contact_id: str, wish: str = "") -> str:
        offered = choices((MINE, THEIRS), contact_id=contact_id, chosen=wish)
        return next(c.value for c in offered if c.chosen)

    assert chosen("c1") == "a"
    assert chosen("c3") == "later"
    assert chosen("") == "later"
    assert chosen("c1", "b") == "b"
    assert [c.text for c in choices((MINE,), contact_id="c1")] == ["#1042 Printer", "New ticket", "Link a ticket later"]


class SlowPsa:
    """A ticket system that answers when it is told to."""

    can: ClassVar[Can] = Can.SEARCH_BY_CONTACT

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.asked = 0
        self.down = False

    async def search_tickets(self, *, contact_id: str = "", **_: object) -> TicketPage:
        self.asked += 1
        await self.may_answer.wait()
        if self.down:
            raise PsaUnavailable("The ticket system does not answer.")
        return TicketPage((MINE,), None)


async def test_a_slow_ticket_system_holds_up_no_row() -> None:
    slow, shelf = SlowPsa(), Shelf()
    psa, key = cast("Psa", slow), ("tenant", "k1", "c1")
    first = await shelf.offer(psa, key, NOW)
    assert first.pending
    assert [c.value for c in first.choices] == ["new", "later"]
    slow.may_answer.set()
    second = await shelf.offer(psa, key, NOW)
    assert [c.value for c in second.choices] == ["a", "new", "later"]
    assert slow.asked == 1


async def test_a_ticket_system_that_is_down_leaves_new_and_later() -> None:
    down, shelf = SlowPsa(), Shelf()
    down.down = True
    down.may_answer.set()
    offered = await shelf.offer(cast("Psa", down), ("tenant", "k1", "c1"), NOW)
    assert ([c.value for c in offered.choices], offered.pending) == (["new", "later"], False)
    await shelf.offer(cast("Psa", down), ("tenant", "k1", "c1"), NOW + GOOD_FOR + timedelta(seconds=1))
    assert down.asked == 2
