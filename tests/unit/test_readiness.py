"""One look at the house serves everybody who asks at about the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from bot.readiness import shared


class House:
    """Counts how often it was looked at; each look takes until `let` is set."""

    def __init__(self) -> None:
        self.looks = 0
        self.let = asyncio.Event()

    async def look(self) -> Mapping[str, str]:
        self.looks += 1
        await self.let.wait()
        if self.looks == 3:
            raise LookupError("away")
        return {"database": str(self.looks)}


@pytest.mark.feature("REL-16", "REL-17")
async def test_many_who_ask_cost_one_look() -> None:
    house = House()
    ask = shared(house.look, stands_for=3600)
    waiting = [asyncio.ensure_future(ask()) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    house.let.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [{"database": "1"}] * 49
    assert (await ask(), house.looks) == ({"database": "1"}, 1)


@pytest.mark.feature("REL-17")
async def test_an_answer_does_not_stand_for_ever() -> None:
    house = House()
    house.let.set()
    ask = shared(house.look, stands_for=0)
    assert [await ask(), await ask()] == [{"database": "1"}, {"database": "2"}]
    with pytest.raises(LookupError):
        await ask()
    assert await ask() == {"database": "4"}
