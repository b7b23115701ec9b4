"""What every turn is made with, whatever it is about."""

from __future__ import annotations

from typing import TypeVar

from bot.wording import Wording
from dialogs.ports import Clock, Randomness, TurnStore
from dialogs.turns import Facts

F = TypeVar("F")


class Turns:
    """Makes turns of one kind; the engine is all of them together."""

    def __init__(self, store: TurnStore, clock: Clock, random: Randomness, wording: Wording) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._wording = wording


def expect(facts: Facts, kind: type[F]) -> F:
    """The facts that were asked for. Raises TypeError when the store answered with others."""
    if not isinstance(facts, kind):
        raise TypeError(f"the store answered with {type(facts).__name__} where {kind.__name__} was asked for")
    return facts
