"""The desk of a conversation: what a text that belongs to no check is answered, and how often.

Replies are bounded here, so that a machine at the other end is never answered for ever, and so that nobody known is
left without an answer. One record per conversation (one address of theirs, one of ours).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from dialogs.effects import Effect, TellUser, Value


@dataclass(frozen=True, slots=True)
class Desk:
    """When each standing answer was last given, and when any was given in the last 24 hours."""

    answered: Mapping[str, datetime] = field(default_factory=dict)
    lately: tuple[datetime, ...] = ()


Ask: TypeAlias = Literal["stranger", "plain", "nothing_open", "help", "stopped", "started", "too_many"]

#: Two machines that answer each other would go on at the pace of the pauses; a person never needs this many in a day.
MAX_PER_DAY = 12
_DAY = timedelta(hours=24)
#: Texts that come together are worked through in any order, and the clocks of two replicas differ a little: what was
#: answered so far in the future was answered just now. More than that is a clock that has jumped.
_TOGETHER = -timedelta(minutes=1)
#: The law wants these answered whenever they are asked.
ALWAYS: frozenset[Ask] = frozenset({"help", "stopped", "started"})
#: What makes another answer due again at once: whoever has come back may leave again.
REOPENS: Mapping[Ask, Ask] = {"started": "stopped", "stopped": "started"}

#: Ask -> (template, how long before the same answer is given again). 24 h for strangers is DESIGN's number.
ANSWERS: Mapping[str, tuple[str, timedelta]] = {
    "stranger": ("desk.unknown", timedelta(hours=24)),
    "plain": ("desk.plain", timedelta(minutes=10)),
    "nothing_open": ("desk.nothing_open", timedelta(minutes=1)),
    "help": ("desk.help", timedelta(minutes=1)),
    "stopped": ("desk.stopped", timedelta(hours=24)),
    "started": ("desk.started", timedelta(minutes=1)),
    "too_many": ("desk.too_many", timedelta(minutes=10)),
}


def answer(
    desk: Desk, ask: Ask, now: datetime, values: Mapping[str, Value] | None = None
) -> tuple[Desk, tuple[Effect, ...]]:
    """The standing answer to `ask`, unless it was given a short while ago. A clock that has jumped back answers."""
    template, pause = ANSWERS[ask]
    last = desk.answered.get(ask)
    if last is not None and _TOGETHER < now - last < pause:
        return desk, ()
    lately = tuple([t for t in desk.lately if _TOGETHER < now - t < _DAY])
    if len(lately) >= MAX_PER_DAY and ask not in ALWAYS:
        return desk, ()
    answered = {k: at for k, at in desk.answered.items() if k != REOPENS.get(ask)} | {ask: now}
    told = TellUser(template, dict(values or {}), after_stop=ask == "stopped")
    return Desk(answered, (*lately[-MAX_PER_DAY:], now)), (told,)
