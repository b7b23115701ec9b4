"""Which template says it and with which values: what the user gets, and the note that tells the ticket about it."""

from __future__ import annotations

from dialogs.effects import Code, CreateTicket, Effect, Link, NoteTicket, PlaceCall, SayOnCall, TellUser, Value
from dialogs.tech_verify.records import Happened, Logged
from dialogs.user_verify.methods import METHODS, Action, Assurance
from dialogs.user_verify.policy import Policy
from dialogs.user_verify.records import (
    Challenge,
    Denied,
    Ended,
    Expired,
    Failed,
    Request,
    Sent,
    Undelivered,
    Verified,
    Wording,
)

#: The template of a ticket that is opened for a verification.
NEW_TICKET = "ticket.euv"
#: The endings of the templates by wording.
_ENDINGS: dict[Wording, str] = {"usual": "", "conflict": "_conflict", "introduced": "_introduced"}
#: Reasons of ours for which there are words; a provider's error code stands for itself.
_REASONS = frozenset({"machine", "busy", "no_answer", "failed", "canceled", "not_heard", "opted_out", "blocked"})


def send(request: Request, challenge: Challenge, link: Link | None = None) -> Effect:
    """What goes out: the text or mail with code or link, or the call that will read the code. A mail's template has a
    `.subject` and a `.body`."""
    if METHODS[request.method].channel == "phone":
        return PlaceCall(challenge.expires_at)
    template = f"euv.send_{request.method.value}{_ENDINGS[challenge.wording]}"
    values = asking(request) | {"until": challenge.expires_at} | _secret(challenge.code, link)
    return TellUser(template, values, drop_at=challenge.expires_at, challenge=True)


def say(state: Sent, call_id: str, code: Code, *, last: bool) -> SayOnCall:
    """The code, read twice. After the last time the call ends."""
    return SayOnCall(
        call_id,
        "euv.send_voice_code" + _ENDINGS[state.challenge.wording] + ("_last" if last else ""),
        asking(state.request) | {"code": code},
        drop_at=state.challenge.expires_at,
        then="hang_up" if last else "again",
    )


def asking(request: Request) -> dict[str, Value]:
    """Who asks, and about what, in words the renderer knows."""
    return {
        "tech": request.technician.first_name,
        "about": _about(request),
    }


def ticket_wanted(request: Request) -> tuple[Effect, ...]:
    """A new one is opened after the code has left: whoever waits, waits for that."""
    if not request.ticket_asked:
        return ()
    return (CreateTicket(NEW_TICKET, request.contact_id, names(request), request.technician.id),)


def names(request: Request) -> dict[str, Value]:
    return {"contact": request.contact_name, "tech": request.technician.first_name}


def log_result(
    request: Request,
    trail: tuple[Happened, ...],
    policy: Policy,
    outcome: str,
    *,
    assurance: Assurance | None = None,
    why: str = "",
) -> tuple[Logged, tuple[Effect, ...]]:
    """Whether the result can go into a ticket now, and the note if it can. `outcome` names the phrase."""
    if request.ticket is None:
        return Logged.WAITS_FOR_TICKET, ()
    return Logged.WRITTEN, (ticket_note(request, request.ticket.id, trail, policy, outcome, assurance, why),)


def ticket_note(
    request: Request,
    ticket_id: str,
    trail: tuple[Happened, ...],
    policy: Policy,
    outcome: str,
    assurance: Assurance | None,
    why: str,
) -> NoteTicket:
    """The whole story for the ticket: what came of it, how, how sure, who asked, and every step. Never a code."""
    override = request.override
    enough = assurance is None or request.action in policy.good_for(assurance)
    # White space in a name must not start a line of its own in the story.
    lines = "\n".join(f"{h.at.isoformat()}|{h.what}|{' '.join(h.who.split())}" for h in trail)
    word = why.replace("-", "_")
    values: dict[str, Value] = names(request) | {
        "outcome": "phrase.outcome_euv_" + outcome,
        "why": "phrase.why_" + word if word in _REASONS else why,
        "whose": "phrase.other_contact" if request.other_contact else "",
        "method": "phrase.method_" + request.method.value,
        "destination": request.destination.shown,
        "unusual": _unusual(request),
        **_of_number(request),
        "assurance": "phrase.strength_" + assurance.value if assurance is not None else "",
        "action": "phrase.action_" + request.action.value,
        "enough": "" if enough else _short_of(request.action, policy),
        "remark": request.note,
        "approver": request.approved_by,
        "reason": override.reason if override is not None else "",
        "alone": "phrase.override_alone" if override is not None and override.alone else "",
        "trail": lines,
    }
    return NoteTicket(ticket_id, "note.euv", values)


def outcome_of(state: Ended) -> str:
    """The end of the name of the phrase that says how it ended."""
    match state:
        case Verified():
            return "verified"
        case Failed() | Expired():
            return state.reason
        case Denied():
            return "denied"
        case Undelivered():
            return "undelivered"


def assurance_of(state: Ended) -> Assurance | None:
    return state.assurance if isinstance(state, Verified) else None


def why_of(state: Ended) -> str:
    return state.reason if isinstance(state, Undelivered) else ""


def _secret(code: Code | None, link: Link | None) -> dict[str, Value]:
    if link is not None:
        return {"link": link}
    return {} if code is None else {"code": code}


def _short_of(action: Action, policy: Policy) -> str:
    """What such a result lacks for what was wanted of it."""
    return "phrase.one_of_two" if action is Action.HIGH and policy.high_by_two else "phrase.not_enough"


def _of_number(request: Request) -> dict[str, Value]:
    """What the carrier knew of the number, where it was asked."""
    signals = request.signals
    return {
        "line": "phrase.line_" + signals.line if signals is not None else "",
        "sim": "phrase.sim_" + signals.sim if signals is not None and signals.sim else "",
    }


def _about(request: Request) -> str:
    """The ticket's number, or the phrase that stands for one."""
    if request.ticket is not None:
        return request.ticket.number
    return "phrase.new_ticket" if request.ticket_asked else "phrase.no_ticket"


def _unusual(request: Request) -> str:
    if request.destination.is_new:
        return "phrase.new_address"
    return "" if request.destination.is_default else "phrase.other_address"
