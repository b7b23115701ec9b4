"""The ticket it is about: linked by a technician, or opened for it, before and after the verification has ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from dialogs.effects import Effect, NoteTicket
from dialogs.machine import Step
from dialogs.tech_verify.records import Logged, Ticket
from dialogs.user_verify.declared import machine
from dialogs.user_verify.events import TicketCreated, TicketFailed, TicketLinked
from dialogs.user_verify.records import D, Ended, Env, Expired, Request, Sent, Verified
from dialogs.user_verify.steps import grown, is_late, noted, run_out
from dialogs.user_verify.words import assurance_of, log_result, outcome_of, why_of

S = TypeVar("S", bound=Sent | Ended)


@machine.on
def link_ticket(state: Sent, event: TicketLinked, env: Env) -> Step[Sent | Expired]:
    """It is about this ticket; the note goes there when it ends."""
    if is_late(state, env):
        return run_out(state, env, refused="verification_over")
    if event.technician.id != state.request.technician.id:
        return Step(state, refused="not_your_verification")
    if event.ticket == state.request.ticket:
        return Step(state)
    linked = noted(state, env, "ticket_linked", event.ticket.number)
    return Step(replace(linked, request=_about(state.request, event.ticket, other_contact=event.other_contact)))


@machine.on
def link_ticket_afterwards(state: D, event: TicketLinked, env: Env) -> Step[D]:
    """The record moves to the ticket it belongs to: a note there, and a line in the ticket it has left. Who was proven
    weeks ago, or on a phone that was stolen since, is not proven for what is asked today: such a link closes no
    ticket."""
    left = state.request.ticket
    if event.ticket == left:
        return Step(state)
    gone: tuple[Effect, ...] = ()
    if left is not None and state.logged is Logged.WRITTEN:
        gone = (NoteTicket(left.id, "note.euv_moved", {"ticket": event.ticket.number}),)
    late = isinstance(state, Verified) and (event.ended or env.now >= state.green_until)
    request = _about(state.request, event.ticket, other_contact=event.other_contact, late=late)
    step = _put_into(state, request, env, "ticket_linked", event.ticket)
    return Step(step.state, (*gone, *step.effects))


@machine.on
def keep_new_ticket(state: Sent, event: TicketCreated, env: Env) -> Step[Sent]:
    """The number of the new ticket is known now, also when time has run out meanwhile and nobody has noticed."""
    if not state.request.ticket_asked:
        return Step(state)
    told = noted(state, env, "ticket_created", event.ticket.number)
    return Step(replace(told, request=_about(state.request, event.ticket)))


@machine.on
def note_new_ticket(state: D, event: TicketCreated, env: Env) -> Step[D]:
    """It ended before its ticket was made; the note follows now."""
    if not state.request.ticket_asked:
        return Step(state)
    return _put_into(state, _about(state.request, event.ticket), env, "ticket_created", event.ticket)


@machine.on
def drop_new_ticket(state: S, event: TicketFailed, env: Env) -> Step[S]:
    """The ticket system refused; what is owed to a ticket waits until somebody links one."""
    if not state.request.ticket_asked:
        return Step(state)
    request = replace(state.request, ticket_asked=False)
    return Step(replace(state, request=request, trail=grown(state.trail, env, "ticket_failed")))


def _about(request: Request, ticket: Ticket, *, other_contact: bool = False, late: bool = False) -> Request:
    return replace(request, ticket=ticket, other_contact=other_contact, ticket_asked=False, linked_late=late)


def _put_into(state: D, request: Request, env: Env, what: str, ticket: Ticket) -> Step[D]:
    """An ended one goes into this ticket, with its note unless it is to leave none anywhere."""
    trail = grown(state.trail, env, what, ticket.number)
    if state.logged is Logged.NOT_DUE:
        return Step(replace(state, request=request, trail=trail))
    logged, note = log_result(
        request, trail, env.policy, outcome_of(state), assurance=assurance_of(state), why=why_of(state)
    )
    return Step(replace(state, request=request, trail=trail, logged=logged), note)
