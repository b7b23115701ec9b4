"""States of approvals to JSON and back, and what lists know of one without opening it. The JSON is sealed as a whole:
there is hardly anything in it that nobody said or is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from dialogs import approvals as ap
from dialogs.machine import members
from storage.codec import BadState, dump_json


@dataclass(frozen=True, slots=True)
class ApprovalOutline:
    """What the row beside a state says, all of which follows from it. `until`: when it is over by itself."""

    kind: str
    state: str
    is_live: bool
    address_id: str
    technician_id: str
    ticket_id: str
    decided_by: str
    verification_id: str
    until: datetime | None


def approval_outline(state: ap.State) -> ApprovalOutline:
    """Raises ValueError for one that nobody has asked for, which is not stored."""
    if isinstance(state, ap.Unasked):
        raise ValueError("an approval that nobody has asked for is not stored")
    wanted = state.wanted
    agreed = state.agreed if isinstance(state, ap.Granted | ap.Used | ap.Expired) else None
    decided = agreed.by.id if agreed is not None else state.by.id if isinstance(state, ap.Refused) else ""
    return ApprovalOutline(
        wanted.kind,
        ap.WORDS[type(state)],
        isinstance(state, ap.Live),
        wanted.destination.address_id if wanted.destination is not None else "",
        wanted.technician.id,
        wanted.ticket.id if wanted.ticket is not None else "",
        decided,
        state.verification_id if isinstance(state, ap.Used) else "",
        ap.until_of(state),
    )


def dump_approval(state: ap.State) -> bytes:
    """`{"kind": ..., "state": {...}}`."""
    return dump_json(
        {"kind": type(state).__name__, "state": _SHAPES[type(state).__name__].dump_python(state, mode="json")}
    )


def load_approval(body: bytes) -> ap.State:
    """Fields that this version does not know are ignored. Raises `BadState`."""
    try:
        stored = from_json(body)
        state: ap.State = _SHAPES[stored["kind"]].validate_python(stored["state"])
        return state
    except (ValueError, KeyError, TypeError) as why:
        # No chaining: pydantic's message would quote the values.
        raise BadState(f"a stored approval cannot be read ({type(why).__name__})") from None


_SHAPES: dict[str, TypeAdapter[Any]] = {cls.__name__: TypeAdapter(cls) for cls in members(ap.State)}
