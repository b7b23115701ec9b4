"""Which template says it and with which values: texts to the user, tickets and the note that tells the whole story."""

from __future__ import annotations

from dialogs.effects import CreateTicket, Effect, NoteTicket, TellUser, Value
from dialogs.tech_verify.records import (
    Alarm,
    Asker,
    Claim,
    Claimed,
    Confirmed,
    Denied,
    Ended,
    Expired,
    Known,
    Later,
    Live,
    Logged,
    NewTicket,
    Rejected,
    Story,
    Superseded,
    Ticket,
    TicketChoice,
)
from dialogs.tech_verify.rules import Env, Mode


def code_text(state: Live, *, again: bool) -> TellUser:
    """The one text of the thirty-second check. In `transfer` it carries no code."""
    values: dict[str, Value] = {"again": "phrase.again" if again else ""}
    template = "tv.code" if state.challenge.mode is Mode.COMPARE else "tv.code_transfer"
    if isinstance(state, Claimed):
        template += "_announced"
        values |= claimer(state.claim)
    if state.challenge.mode is Mode.COMPARE:
        values["code"] = state.challenge.code
    return TellUser(template, values, drop_at=state.challenge.expires_at, challenge=True)


def claimer(claim: Claim) -> dict[str, Value]:
    """Technician, what they say they are doing, and the ticket, in words the renderer knows."""
    return {
        "tech": claim.technician.first_name,
        "doing": "phrase." + claim.direction.value,
        "about": about(claim.ticket),
    }


def about(ticket: TicketChoice) -> str:
    """The ticket's number, or the phrase that stands for one."""
    match ticket:
        case Ticket():
            return ticket.number
        case NewTicket():
            return "phrase.new_ticket"
        case Later():
            return "phrase.no_ticket"


def number_of(ticket: TicketChoice) -> str:
    return ticket.number if isinstance(ticket, Ticket) else ""


def names(story: Story, claim: Claim | None) -> dict[str, Value]:
    named: dict[str, Value] = {
        "contact": story.asker.name if isinstance(story.asker, Known) else "phrase.several_contacts"
    }
    return named if claim is None else named | {"tech": claim.technician.first_name}


def picked(asker: Asker, pick: Known | None) -> Known | None:
    if isinstance(asker, Known):
        return asker if pick is None or pick.contact_id == asker.contact_id else None
    return pick if pick is not None and pick.contact_id in asker.contact_ids else None


def ticket_wanted(state: Claimed) -> tuple[Effect, ...]:
    return (ask_for_ticket(state.story, state.claim),) if isinstance(state.claim.ticket, NewTicket) else ()


def ask_for_ticket(story: Story, claim: Claim) -> CreateTicket:
    contact = story.asker.contact_id if isinstance(story.asker, Known) else ""
    return CreateTicket("ticket.tv", contact, names(story, None), claim.technician.id)


def log_result(
    claim: Claim | None, story: Story, env: Env, outcome: str, *, assurance: str = "", remark: str = ""
) -> tuple[Logged, tuple[Effect, ...]]:
    """Whether the result can go into a ticket now, and the note if it can."""
    if claim is None:
        return Logged.NOT_DUE, ()
    if not isinstance(claim.ticket, Ticket):
        return Logged.WAITS_FOR_TICKET, ()
    if env.rules.ticket_logging == "ask":
        return Logged.WAITS_FOR_APPROVAL, ()
    return Logged.WRITTEN, ticket_note(claim, story, outcome, assurance, remark)


def ticket_note(claim: Claim, story: Story, outcome: str, assurance: str, remark: str) -> tuple[Effect, ...]:
    """The whole story for the ticket: what came of it, who, how sure, and every step with its time. Never a code."""
    if not isinstance(claim.ticket, Ticket):
        return ()
    # White space in a name must not start a line of its own in the story.
    lines = "\n".join(f"{h.at.isoformat()}|{h.what}|{' '.join(h.who.split())}" for h in story.trail)
    values: dict[str, Value] = names(story, claim) | {
        "outcome": "phrase.outcome_" + outcome,
        "assurance": "phrase.assurance_" + assurance if assurance else "",
        "direction": "phrase.note_" + claim.direction.value,
        "remark": remark,
        "trail": lines,
    }
    return (NoteTicket(claim.ticket.id, "note.tv", values),)


def outcome_of(state: Ended) -> str:
    match state:
        case Confirmed():
            return "confirmed"
        case Denied():
            return "denied"
        case Rejected():
            return "rejected"
        case Superseded():
            return "superseded"
        case Expired():
            return "opted_out" if state.reason == "opted_out" else "expired"
        case Alarm():
            return "alarm"


def assurance_of(state: Ended) -> str:
    return state.assurance if isinstance(state, Confirmed) else ""


def remark_of(state: Ended) -> str:
    match state:
        case Confirmed():
            return state.note
        case Rejected():
            return state.reason
        case _:
            return ""
