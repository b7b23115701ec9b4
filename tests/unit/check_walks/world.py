"""The people, tickets, states and helpers that the walks are written with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from dialogs.effects import (
    AlertTenant,
    Code,
    EndAnnouncement,
    NoteTicket,
    TellUser,
    Value,
    WakeAt,
)
from dialogs.machine import Step
from dialogs.tech_verify import (
    DEADLINE,
    Challenge,
    Claim,
    Claimed,
    Direction,
    Event,
    Expired,
    Happened,
    Known,
    Logged,
    Mode,
    Open,
    Rules,
    State,
    Story,
    Technician,
    Ticket,
)

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
ASKED = NOW - timedelta(seconds=30)
UNTIL = ASKED + timedelta(minutes=10)
CODE = Code("482913")
PAT = Known("c-1", "Pat Reyes")
DANA = Technician("t-1", "Dana")
LEE = Technician("t-2", "Lee")
T42 = Ticket("42", "1042")
T77 = Ticket("77", "1077")

STORY = Story(PAT, ASKED, (Happened(ASKED, "requested"),))
LIVE = Challenge(CODE, "right", Mode.COMPARE, UNTIL)
DUE = replace(LIVE, expires_at=NOW)
CLAIM = Claim(DANA, Direction.WE_CALLED_USER, T42, ASKED)
NO_CLAIM = Rules(require_claim=False)

OPEN = Open(STORY, LIVE)
OPEN_DUE = Open(STORY, DUE)
CLAIMED = Claimed(STORY, LIVE, CLAIM, told=True)
CLAIMED_DUE = Claimed(STORY, DUE, CLAIM, told=True)
UNTOLD = replace(CLAIMED, told=False)
TRANSFER = replace(CLAIMED, challenge=replace(LIVE, mode=Mode.TRANSFER))

WHO: dict[str, Value] = {"tech": "Dana", "doing": "phrase.we_called_user", "about": "1042"}
FOLDED: dict[str, Value] = {"notice": "phrase.notice", **WHO}
BOTH: dict[str, Value] = {"contact": "Pat Reyes", "tech": "Dana"}
CODE_TEXT = TellUser("tv.code", {"again": "", "code": CODE}, drop_at=UNTIL, challenge=True)
NAMED_TEXT = TellUser("tv.code_announced", {"again": "", "code": CODE, **WHO}, drop_at=UNTIL, challenge=True)
DAY_END = WakeAt(DEADLINE, NOW + timedelta(minutes=10))


def after(what: str, who: str = "", story: Story = STORY) -> Story:
    """The story with one more line, told now."""
    return replace(story, trail=(*story.trail, Happened(NOW, what, who)))


def told(template: str, **values: Value) -> TellUser:
    return TellUser(template, values)


def note(story: Story, outcome: str, assurance: str = "", remark: str = "", ticket: str = "42") -> NoteTicket:
    values: dict[str, Value] = {
        **BOTH,
        "outcome": "phrase.outcome_" + outcome,
        "assurance": "phrase.assurance_" + assurance if assurance else "",
        "direction": "phrase.note_we_called_user",
        "remark": remark,
        "trail": "\n".join(f"{line.at.isoformat()}|{line.what}|{line.who}" for line in story.trail),
    }
    return NoteTicket(ticket, "note.tv", values)


@dataclass(frozen=True, slots=True)
class Walk:
    """In `state`, under `rules`, `event` at NOW gives exactly `step`."""

    state: State
    event: Event
    step: Step[State]
    rules: Rules = field(default_factory=Rules)

    def __str__(self) -> str:
        return f"{type(self.state).__name__}-{type(self.event).__name__}-{type(self.step.state).__name__}"


def expired_unclaimed(refused: str = "") -> Step[State]:
    story = after("expired")
    effects = (told("tv.nobody_claimed"), AlertTenant("nobody_claimed", {"contact": "Pat Reyes"}), EndAnnouncement())
    return Step(Expired(story, NOW, None, "deadline", Logged.NOT_DUE), effects, refused)


def expired_claimed(refused: str = "") -> Step[State]:
    story = after("expired")
    effects = (told("tv.expired"), note(story, "expired"), EndAnnouncement())
    return Step(Expired(story, NOW, CLAIM, "deadline", Logged.WRITTEN), effects, refused)
