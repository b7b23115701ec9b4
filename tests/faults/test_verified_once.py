"""Fifty answers to one code from two replicas at once, right and wrong ones, and what else may end it: whatever anybody
is told is what some order of it would have told them (TST-06, SEC-11)."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.faults.conftest import Opening
from tests.faults.end_users import EUV, HAS_CODE, user_code_in
from tests.faults.filled import Person
from tests.faults.installation import Installation
from tests.faults.linear import UNSEEN, Call, explain
from tests.faults.one_verification import Act, Verification, What, step
from tests.faults.traffic import AGAIN_S, Traffic
from tests.faults.verdict import NOTHING_WRONG, at_rest
from tests.fixtures.running_demo import wrong

#: Codes that are answered at once by `MANY`, and by fewer in all manner of ways.
FIFTY, MIXED = 3, 10
MANY = 50
_MIX: Sequence[What] = ("right", "wrong", "wrong", "wrong", "other", "cancel", "deny", "look", "look")


@dataclass
class Answers:
    """One verification, and the history of what was done to it."""

    traffic: Traffic
    person: Person
    id: str = ""
    code: str = ""
    calls: list[Call[Act]] = field(default_factory=list)

    @property
    def installation(self) -> Installation:
        return self.traffic.installation

    async def begin(self) -> None:
        status, made = await self.traffic.try_api("POST", EUV, {"contact_id": self.person.id, "method": "sms_code"})
        assert status == 201, made
        self.id = made["id"]
        self.code = user_code_in(await self.installation.carrier.carrier.text_with(self.person.mobile, HAS_CODE))

    async def do(self, what: What, replica: int) -> None:
        """Straight to one replica; who is told that others were faster tries again, as they are told to."""
        while True:
            began = time.monotonic()
            answer = await self._deny(replica) if what == "deny" else await self._ask(what, replica)
            if answer != "contended":
                self.calls.append(Call(began, time.monotonic(), Act(what), answer))
                return
            await asyncio.sleep(AGAIN_S)

    async def _deny(self, replica: int) -> object:
        await self.traffic.say(self.person, "#deny", through=self.installation.replicas[replica])
        return UNSEEN

    async def _ask(self, what: What, replica: int) -> str:
        filled, base = self.installation.filled, f"{self.installation.replicas[replica].url}{EUV}/{self.id}"
        headers = {"Authorization": f"Bearer {filled.bearers[1 if what == 'other' else 0]}"}
        digits = wrong(self.code) if what == "wrong" else self.code
        method, url, body = ("GET", base, None) if what == "look" else ("POST", f"{base}/check", {"code": digits})
        if what == "cancel":
            url, body = f"{base}/cancel", None
        async with self.installation.http.request(method, url, json=body, headers=headers) as response:
            found: Any = await response.json()
        if response.status == 200:
            return str(found["state"]) if what == "look" else ""
        left = f", {found['tries_left']} left" if found["error"] == "wrong_code" else ""
        return f"{found['error']}{left}"

    def judge(self) -> None:
        if explain(self.calls, Verification(), step) is None:
            history = "\n".join(map(str, sorted(self.calls, key=lambda call: call.began)))
            raise AssertionError(f"no order of these explains what was answered:\n{history}")


@pytest.mark.feature("TST-06", "SEC-11", "REL-09")
async def test_of_fifty_right_answers_one_is_right(on_servers: Opening) -> None:
    async def answer(one: Answers) -> None:
        await asyncio.gather(*(one.do("right", n % 2) for n in range(MANY)))
        assert [call.answer for call in one.calls].count("") == 1
        assert {call.answer for call in one.calls} == {"", "verification_over"}

    await _answered(on_servers, FIFTY, answer)


@pytest.mark.feature("TST-06", "SEC-11", "SEC-10")
async def test_fifty_guesses_are_five(on_servers: Opening) -> None:
    """And the right code among them counts only where it came in time."""

    async def guess(one: Answers) -> None:
        lots = random.Random(one.person.id)
        wrong_ones: list[What] = ["wrong"] * (MANY - 5)
        right_ones: list[What] = ["right"] * 5
        acts = wrong_ones + right_ones
        lots.shuffle(acts)
        await asyncio.gather(*(one.do(what, n % 2) for n, what in enumerate(acts)))
        told = [str(call.answer) for call in one.calls]
        assert sum(answer.startswith("wrong_code") for answer in told) <= 5
        assert told.count("") <= 1

    await _answered(on_servers, FIFTY, guess)


@pytest.mark.feature("TST-06", "SEC-08", "SEC-11")
async def test_whatever_ends_it_ends_it_once(on_servers: Opening) -> None:
    async def do_anything(one: Answers) -> None:
        lots = random.Random(one.person.id)
        await asyncio.gather(*(one.do(lots.choice(_MIX), lots.randrange(2)) for _ in range(12)))

    await _answered(on_servers, MIXED, do_anything)


async def _answered(opening: Opening, count: int, how: Callable[[Answers], Awaitable[None]]) -> None:
    async with opening() as installation:
        traffic = Traffic(installation)
        every = [Answers(traffic, person) for person in installation.filled.people[:count]]
        try:
            await asyncio.gather(*(one.begin() for one in every))
            await asyncio.gather(*(how(one) for one in every))
            await traffic.ended()
            database = installation.open_database()
            try:
                assert await at_rest(installation, database, NOTHING_WRONG, 20) == []
            finally:
                await database.close()
            for one in every:
                await one.do("look", 0)
                one.judge()
        except BaseException as why:
            why.add_note(installation.said())
            raise
        finally:
            await traffic.close()
