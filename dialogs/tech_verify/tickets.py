"""How a check and its result find their way into a ticket, before and after the check has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from dialogs.effects import Effect, NoteTicket
from dialogs.machine import Step
from dialogs.tech_verify.declared import machine
from dialogs.tech_verify.events import NoteApproved, TicketCreated, TicketFailed, TicketLinked
from dialogs.tech_verify.records import (
    Claim,
    Claimed,
    D,
    Ended,
    Expired,
    Later,
    Logged,
    NewTicket,
    Story,
    Ticket,
)
from dialogs.tech_verify.rules import Env
from dialogs.tech_verify.steps import happened, is_late, run_out
from dialogs.tech_verify.words import (
    about,
    ask_for_ticket,
    assurance_of,
    log_result,
    number_of,
    outcome_of,
    remark_of,
    ticket_note,
    ticket_wanted,
)

C = TypeVar("C", bound=Claimed | Ended)


@machine.on
def link_ticket(state: Claimed, event: TicketLinked, env: Env) -> Step[Claimed | Expired]:
    """Link a ticket, or another one; the note is written when the check ends."""
    if is_late(state, env):
        return run_out(state, env, refused="expired")
    if event.technician.id != state.claim.technician.id:
        return Step(state, refused="not_yours")
    if event.ticket == state.claim.ticket:
        return Step(state)
    linked = replace(
        state,
        story=linked_story(state.story, event.ticket, env),
        claim=replace(state.claim, ticket=event.ticket),
    )
    return Step(linked, ticket_wanted(linked))


@machine.on
def link_ticket_afterwards(state: D, event: TicketLinked, env: Env) -> Step[D]:
    """The record moves to the ticket it belongs to: a note there, and a line in the ticket it has left."""
    claim = state.claim
    if claim is None:
        return Step(state, refused="not_claimed")
    if claim.ticket == event.ticket:
        return Step(state)
    moved = replace(claim, ticket=event.ticket)
    story = linked_story(state.story, event.ticket, env)
    left: tuple[Effect, ...] = ()
    if isinstance(claim.ticket, Ticket) and state.logged is Logged.WRITTEN:
        left = (NoteTicket(claim.ticket.id, "note.tv_moved", {"ticket": about(event.ticket)}),)
    if isinstance(event.ticket, NewTicket):
        after = replace(state, story=story, claim=moved, logged=Logged.WAITS_FOR_TICKET)
        return Step(after, (*left, ask_for_ticket(story, claim)))
    logged, note = log_ended(state, moved, story, env)
    return Step(replace(state, story=story, claim=moved, logged=logged), (*left, *note))


@machine.on
def keep_new_ticket(state: Claimed, event: TicketCreated, env: Env) -> Step[Claimed]:
    """The number of the new ticket is known now."""
    if not isinstance(state.claim.ticket, NewTicket):
        return Step(state)
    story = happened(state.story, env.now, "ticket_created", event.ticket.number)
    return Step(replace(state, story=story, claim=replace(state.claim, ticket=event.ticket)))


@machine.on
def note_new_ticket(state: D, event: TicketCreated, env: Env) -> Step[D]:
    """The check ended before its ticket was made; the note follows now."""
    if state.claim is None or not isinstance(state.claim.ticket, NewTicket):
        return Step(state)
    claim = replace(state.claim, ticket=event.ticket)
    story = happened(state.story, env.now, "ticket_created", event.ticket.number)
    logged, note = log_ended(state, claim, story, env)
    return Step(replace(state, story=story, claim=claim, logged=logged), note)


@machine.on
def drop_new_ticket(state: C, event: TicketFailed, env: Env) -> Step[C]:
    """The PSA refused; the record is flagged until somebody links a ticket."""
    if state.claim is None or not isinstance(state.claim.ticket, NewTicket):
        return Step(state)
    story = happened(state.story, env.now, "ticket_failed")
    return Step(replace(state, story=story, claim=replace(state.claim, ticket=Later())))


@machine.on
def write_note(state: D, event: NoteApproved, env: Env) -> Step[D]:
    """The tenant wants to be asked before a ticket is written to, and has been."""
    if state.logged is not Logged.WAITS_FOR_APPROVAL or state.claim is None:
        return Step(state, refused="no_note_due")
    note = ticket_note(state.claim, state.story, outcome_of(state), assurance_of(state), remark_of(state))
    return Step(replace(state, logged=Logged.WRITTEN), note)


def linked_story(story: Story, ticket: Ticket | NewTicket, env: Env) -> Story:
    what = "ticket_asked" if isinstance(ticket, NewTicket) else "ticket_linked"
    return happened(story, env.now, what, number_of(ticket))


def log_ended(state: Ended, claim: Claim, story: Story, env: Env) -> tuple[Logged, tuple[Effect, ...]]:
    """The note of a check that has ended before, for the ticket it has now."""
    return log_result(claim, story, env, outcome_of(state), assurance=assurance_of(state), remark=remark_of(state))
