"""Turns that wait, in lines: what is about the same sender, check or contact goes one after the other."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dialogs.turns import Ask, CheckAsk, InboundAsk, Turn, VerificationAsk


@dataclass(slots=True)
class Waiting:
    """A turn and who waits for it. `tries`: how often it has lost a race."""

    turn: Turn[Any]
    future: asyncio.Future[Any]
    tries: int = 0

    def answer(self, outcome: object) -> None:
        """An exception is raised there. A caller who has gone hears nothing; the turn may have been taken all the
        same, as when an answer is lost on its way."""
        if self.future.done():
            return
        if isinstance(outcome, Exception):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


def named(ask: Ask) -> str:
    """Who or what an ask is about, before anything is known of it."""
    match ask:
        case InboundAsk(inbound=said):
            return said.their_address
        case CheckAsk(check_id=check_id):
            return check_id
        case VerificationAsk(contact_id=contact_id):
            return ask.about or contact_id
        case _:
            return ask.contact_id


class Lines:
    """A line for each name, the longest waiting first. One who sends very much waits behind himself alone."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[Waiting]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, waiting: Waiting) -> None:
        self._lines.setdefault(named(waiting.turn.ask), deque()).append(waiting)
        self._count += 1

    def put_back(self, several: Sequence[Waiting]) -> None:
        """They have waited longest, and keep their order."""
        for waiting in reversed(several):
            name = named(waiting.turn.ask)
            self._lines.setdefault(name, deque()).appendleft(waiting)
            self._lines.move_to_end(name, last=False)
            self._count += 1

    def take(self, most: int) -> list[Waiting]:
        """The first of each line."""
        taken = []
        for _ in range(min(most, len(self._lines))):
            name, line = self._lines.popitem(last=False)
            taken.append(line.popleft())
            if line:
                self._lines[name] = line
        self._count -= len(taken)
        return taken
