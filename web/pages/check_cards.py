"""A stored check as the card one technician sees: states in words, the code for its claimer only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from dialogs.interlock import INTERLOCK
from dialogs.tech_verify import (
    Alarm,
    Blank,
    Claim,
    Claimed,
    Confirmed,
    Denied,
    Direction,
    Ended,
    Expired,
    Later,
    Logged,
    NewTicket,
    Open,
    Rejected,
    Superseded,
    Ticket,
    TicketChoice,
)
from storage.checks import CheckRow
from web.look import _, grouped, spelled
from web.pages.tickets_of import ticket_text
from web.pages.views import Card, Tone

TIME_IS_UP = _("Time is up")
#: Above every time of day in `Card.order`: a code that is being read out is never lost among two hundred rows.
FIRST = 10**14
CHANNELS: Mapping[str, str] = {
    "sms": _("by text from"),
    "email": _("by e-mail from"),
    "teams": _("in Teams"),
    "slack": _("in Slack"),
    "phone": _("by phone from"),
    "portal": _("in the portal"),
}
DOING: Mapping[Direction, str] = {
    Direction.WE_CALLED_USER: _("Yours: you are calling them"),
    Direction.ON_SITE: _("Yours: you are with them on site"),
    Direction.REMOTE_SESSION: _("Yours: you are in a remote session"),
}
ASSURANCES: Mapping[str, str] = {
    "compare": _("They compared the code with their text"),
    "transfer": _("They typed the code they heard"),
    "verbal": _("Written down by the technician; they sent no reply"),
    "unclaimed": _("Nobody had claimed it, so it proves nothing about a caller"),
}


def card(row: CheckRow, viewer_id: str, code: str = "", *, now: datetime | None = None) -> Card:
    """The card of `row` for the technician `viewer_id`. `code` is what `web.views.reveal` lets them see. Selects are
    filled by whoever knows the tickets. With `now`, a check whose time is up is shown as over."""
    name, company = name_of(row)
    base = Card(
        id=row.id,
        kind="ended",
        state="",
        name=name,
        company=company,
        channel=CHANNELS.get(row.channel, row.channel),
        address=row.number,
        contact_id=row.contact.id if row.contact else "",
        created_at=row.created_at,
        order=round(row.created_at.timestamp() * 1000),
        technician_id=row.technician.id if row.technician else "",
    )
    if isinstance(row.state, Open | Claimed) and now is not None and now >= row.state.challenge.expires_at:
        return _lapsed(base, row)
    match row.state:
        case Open() as state:
            return _waiting(base, state, row)
        case Claimed() as state:
            return _claimed(base, state, row, viewer_id, code)
        case Blank():
            return replace(base, state=_("Starting"))
        case _:
            return replace(_ended(base, row.state), check_back=_may_check_back(row, viewer_id, now))


def name_of(row: CheckRow) -> tuple[str, str]:
    """Name and company; a number on several contacts has no name before somebody says whose call it is."""
    if row.contact is not None:
        return row.contact.name, row.contact.client
    if not row.candidates:
        return _("A contact that was removed"), ""
    return _("One of %s people") % len(row.candidates), " / ".join(sorted({c.client for c in row.candidates}))


def delivery_words(row: CheckRow) -> str:
    """How the text with the code fares, in one line."""
    if row.delivery is None:
        return ""
    return _("Their code text: %s") % row.delivery.words


def _is_undelivered(row: CheckRow) -> bool:
    return row.delivery is not None and row.delivery.state in ("failed", "dropped")


def ticket_words(ticket: TicketChoice) -> str:
    """The ticket of a claim, as text."""
    match ticket:
        case Ticket():
            return ticket_text(ticket.number, "")
        case NewTicket():
            return _("a new ticket (being made)")
        case Later():
            return _("no ticket yet")
        case _:
            assert_never(ticket)


def _lapsed(base: Card, row: CheckRow) -> Card:
    """Its time is up, though nobody has written that down yet: seconds at most, but no code may stand there."""
    claim = row.state.claim if isinstance(row.state, Claimed) else None
    return replace(
        base,
        state=TIME_IS_UP,
        assurance=_("The code is no longer good."),
        technician=claim.technician.first_name if claim else "",
        needs_ticket=claim is not None and isinstance(claim.ticket, Later),
    )


def _waiting(base: Card, state: Open, row: CheckRow) -> Card:
    words = _("Waiting for a technician")
    if state.challenge.confirmed_early:
        words = _("Confirmed too early. Not your call? Ring them now.")
    elif state.given_back:
        words = _("Let go: waiting for a technician again")
    return replace(
        base,
        kind="waiting",
        state=words,
        expires_at=state.challenge.expires_at,
        delivery=delivery_words(row),
        undelivered=_is_undelivered(row),
        can_resend=True,
    )


def _claimed(base: Card, state: Claimed, row: CheckRow, viewer_id: str, code: str) -> Card:
    claim = state.claim
    common = replace(
        base,
        order=base.order + (FIRST if claim.technician.id == viewer_id else 0),
        expires_at=state.challenge.expires_at,
        technician=claim.technician.first_name,
        delivery=delivery_words(row),
        undelivered=_is_undelivered(row),
        direction=claim.direction.value,
        ticket_id=claim.ticket.id if isinstance(claim.ticket, Ticket) else "",
        ticket=ticket_words(claim.ticket),
    )
    if claim.technician.id != viewer_id:
        return replace(common, kind="theirs", state=_("%s has this one") % claim.technician.first_name)
    return replace(
        common,
        kind="mine",
        state=DOING[claim.direction],
        code=code,
        code_shown=grouped(code),
        code_spelled=spelled(code),
        needs_ticket=isinstance(claim.ticket, Later),
        can_resend=True,
    )


def has_just_confirmed(row: CheckRow, viewer_id: str, now: datetime) -> bool:
    """Whether its contact has confirmed this very technician, so recently that the other direction is open."""
    mine = viewer_id != "" and row.technician is not None and row.technician.id == viewer_id
    sure = row.word == "confirmed" and row.assurance in ("compare", "transfer")
    return mine and sure and row.ended_at is not None and now - row.ended_at < INTERLOCK


def _may_check_back(row: CheckRow, viewer_id: str, now: datetime | None) -> bool:
    return now is not None and row.contact is not None and has_just_confirmed(row, viewer_id, now)


def _ended(base: Card, state: Ended) -> Card:
    words, tone, more = outcome(state)
    claim: Claim | None = state.claim
    return replace(
        base,
        state=words,
        tone=tone,
        assurance=more,
        created_at=state.at,
        technician=claim.technician.first_name if claim else "",
        ticket_id=claim.ticket.id if claim and isinstance(claim.ticket, Ticket) else "",
        ticket=ticket_words(claim.ticket) if claim and isinstance(claim.ticket, Ticket) else "",
        needs_ticket=claim is not None and isinstance(claim.ticket, Later),
        can_link=claim is not None,
        asks_for_note=state.logged is Logged.WAITS_FOR_APPROVAL,
    )


def outcome(state: Ended) -> tuple[str, Tone, str]:
    """How a check ended: in words, good or bad, and what that is worth."""
    match state:
        case Confirmed():
            sure = state.assurance in ("compare", "transfer")
            words = {"verbal": _("Spoken yes"), "unclaimed": _("Confirmed without a technician")}
            return words.get(state.assurance, _("Confirmed")), "good" if sure else "quiet", ASSURANCES[state.assurance]
        case Denied():
            return _("They say it was not us"), "bad", ""
        case Rejected():
            return _("Ended by a technician"), "quiet", state.reason
        case Superseded():
            return _("They asked again: a newer check took its place"), "quiet", ""
        case Expired():
            if state.reason == "opted_out":
                return _("Ended: they texted STOP"), "quiet", ""
            if state.reason == "restored":
                return _("Ended: the database was restored from a backup"), "quiet", _("Start a new check.")
            if state.reason == "erased":
                return _("Ended: the person's data was erased"), "quiet", ""
            if state.reason == "number_changed":
                return _("Ended: their number was changed"), "quiet", _("Ask them to text #verify from the new one.")
            if state.claim is None:
                return _("Ran out: nobody claimed it"), "bad", _("They were told to hang up.")
            return _("Ran out without an answer"), "quiet", ""
        case Alarm():
            if state.reason == "wrong_codes":
                return _("Alarm: too many wrong codes"), "bad", _("Somebody may be posing as one of you.")
            return _("Alarm: confirmed, and nobody had claimed it"), "bad", _("Somebody may be posing as one of you.")
        case _:
            assert_never(state)
