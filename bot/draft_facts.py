"""What the log and the locks learn from a step of an end-user verification."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from dialogs import user_verify as uv
from dialogs.turns import StoredVerification, Try


def request_of(state: uv.State) -> uv.Request | None:
    """Who is asked and how; None before anything was asked."""
    return None if isinstance(state, uv.Blank) else state.request


def ticket_id_of(request: uv.Request | None) -> str:
    """The ticket that a verification is about; empty for none."""
    return request.ticket.id if request is not None and request.ticket is not None else ""


def told_by(state: uv.State) -> dict[str, str]:
    """What the log says of a new state beyond its name: the method, what the result is worth, why it ended."""
    match state:
        case uv.Blank():
            return {}
        case uv.Sent(request=request):
            return {"method": request.method.value}
        case uv.Verified(request=request, assurance=assurance):
            return {"method": request.method.value, "assurance": assurance.value}
        case uv.Denied(request=request, way=way):
            return {"method": request.method.value, "reason": way}
        case uv.Failed(request=request) | uv.Expired(request=request) | uv.Undelivered(request=request):
            return {"method": request.method.value, "reason": state.reason}


def tried(
    one: StoredVerification, event: uv.Event, after: uv.State, new_id: Callable[[], str], now: datetime
) -> tuple[Try, ...]:
    """The answer that this step was, for the locks: right, wrong, or none at all."""
    before = one.state
    if not isinstance(event, uv.CodeTyped | uv.LinkConfirmed) or not isinstance(before, uv.Live):
        return ()
    outcome: Literal["right", "wrong"]
    if isinstance(after, uv.Verified):
        outcome = "right"
    elif isinstance(after, uv.Failed) or (
        isinstance(after, uv.Live) and after.challenge.wrong > before.challenge.wrong
    ):
        outcome = "wrong"
    else:
        return ()
    typed_by = event.technician.id if isinstance(event, uv.CodeTyped) else ""
    return (Try(new_id(), one.id, one.contact_id, before.request.method, typed_by, now, outcome),)
