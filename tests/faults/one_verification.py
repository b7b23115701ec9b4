"""One verification by a code as a sequential machine: what each act makes of it. The model of the histories; written
from DESIGN, and sharing nothing with the dialog."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

MOST_WRONG = 5

#: `right` and `wrong` are typed codes, `other` the right one typed by somebody else; `look` reads it by the API.
What = Literal["right", "wrong", "other", "cancel", "deny", "look"]


@dataclass(frozen=True, slots=True)
class Act:
    what: What


@dataclass(frozen=True, slots=True)
class Verification:
    state: str = "sent"
    wrong: int = 0


def step(one: Verification, act: Act) -> tuple[Verification, object]:
    """What it becomes, and the answer: empty when it happened, else the refusal with the tries that are left; of a look
    the state."""
    if act.what == "look":
        return one, one.state
    if act.what == "deny":
        return (replace(one, state="denied") if one.state == "sent" else one), ""
    if one.state != "sent":
        return one, "verification_over"
    match act.what:
        case "right":
            return replace(one, state="verified"), ""
        case "cancel":
            return replace(one, state="expired"), ""
        case "other":
            return one, "not_your_verification"
        case "wrong":
            wrong = one.wrong + 1
            state = "failed" if wrong >= MOST_WRONG else "sent"
            return Verification(state, wrong), f"wrong_code, {MOST_WRONG - wrong} left"
