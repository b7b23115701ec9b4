"""One check as a sequential machine: what each act makes of it, and which texts the person gets. The model of the
histories; written from DESIGN, and sharing nothing with the dialog."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

MOST_WRONG, MOST_HANDOVERS = 5, 10

#: `who` is 0 or 1, a technician; acts of the person have none. `look` is a read of the check by the API; `phone` looks
#: at the texts that came, when all is over.
What = Literal["claim", "release", "take-over", "verbal", "reject", "right", "wrong", "bare", "deny", "look", "phone"]


@dataclass(frozen=True, slots=True)
class Act:
    what: What
    who: int = -1


@dataclass(frozen=True, slots=True)
class Check:
    """`texts`: names of the texts so far, sorted. `told`: the person knows who has claimed."""

    state: str = "open"
    who: int = -1
    wrong: int = 0
    early: bool = False
    handovers: int = 0
    given_back: bool = False
    told: bool = True
    nothing_said: bool = False
    late_denied: bool = False
    texts: tuple[str, ...] = ("code",)

    def say(self, *texts: str) -> Check:
        return replace(self, texts=tuple(sorted((*self.texts, *texts))))

    def nothing_open(self) -> Check:
        """Said once a minute at most, and a history takes seconds."""
        return self if self.nothing_said else replace(self.say("nothing open"), nothing_said=True)

    @property
    def live(self) -> bool:
        return self.state in ("open", "claimed")


def step(check: Check, act: Act) -> tuple[Check, object]:
    """What it becomes, and the refusal, empty when it happened; of a look what is seen."""
    match act.what:
        case "look":
            return check, (check.state, check.who if check.state == "claimed" else -1)
        case "phone":
            return check, check.texts
        case "right" | "wrong" | "bare":
            return _confirm(check, act.what), ""
        case "deny":
            return _deny(check), ""
        case _:
            return _technician(check, act)


def _confirm(check: Check, what: str) -> Check:
    if check.state == "confirmed":
        return check
    if not check.live:
        return check.nothing_open()
    if check.state == "open":
        if check.early:
            return replace(check, state="alarm").say("alarm, nobody claimed")
        return replace(check, early=True).say("early")
    if what != "wrong":
        return replace(check, state="confirmed").say("confirmed")
    wrong = check.wrong + 1
    if wrong >= MOST_WRONG:
        return replace(check, state="alarm", wrong=wrong).say("alarm, wrong codes")
    return replace(check, wrong=wrong, told=True).say(f"wrong, {MOST_WRONG - wrong} left")


def _deny(check: Check) -> Check:
    if check.live:
        return replace(check, state="denied").say("denied")
    if check.state == "denied" or check.late_denied:
        return check.nothing_open()
    return replace(check, late_denied=True).say("late deny")


def _technician(check: Check, act: Act) -> tuple[Check, str]:
    if not check.live:
        return check, "ended"
    mine = check.state == "claimed" and check.who == act.who
    match act.what:
        case "claim" if check.state == "claimed":
            return check, "" if mine else "already_claimed"
        case "claim" if check.handovers >= MOST_HANDOVERS:
            return check, "too_many_handovers"
        case "claim":
            folded = not check.given_back and not check.early
            claimed = replace(check, state="claimed", who=act.who, told=not folded)
            return (claimed if folded else claimed.say("claimed")), ""
        case "reject" if check.state == "claimed" and not mine:
            return check, "not_yours"
        case "reject":
            return replace(check, state="rejected").say("rejected"), ""
        case _ if check.state == "open":
            return check, "not_claimed"
        case "take-over" if mine:
            return check, ""
        case "take-over" if check.handovers >= MOST_HANDOVERS:
            return check, "too_many_handovers"
        case "take-over":
            taken = replace(check, who=act.who, handovers=check.handovers + 1, told=True)
            return taken.say("taken over"), ""
        case _ if not mine:
            return check, "not_yours"
        case "release":
            return replace(check, state="open", who=-1, given_back=True, handovers=check.handovers + 1, told=True), ""
        case "verbal":
            done = replace(check, state="confirmed")
            return (done if check.told else done.say("claimed")), ""
    raise AssertionError(act)


_NAMES = (
    ("confirmed", r"\bConfirmed\."),
    ("code", r"\bCode: [0-9]{6}\."),
    ("early", r"No technician has opened this check yet"),
    ("alarm, nobody claimed", r"WARNING\. No "),
    ("alarm, wrong codes", r"Too many wrong codes"),
    ("taken over", r"now has your check"),
    ("denied", r"We have been alerted and the check is closed"),
    ("late deny", r"Thank you, we have been alerted"),
    ("rejected", r"Our team has closed this check"),
    ("nothing open", r"No check is open"),
)


def name_of(text: str) -> str:
    """How the model calls a text that came to a phone."""
    if left := re.search(r"Tries left: ([0-9])", text):
        return f"wrong, {left[1]} left"
    for name, pattern in _NAMES:
        if re.search(pattern, text):
            return name
    return "claimed" if "says they CALLED YOU" in text else text
