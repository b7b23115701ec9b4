"""Two replicas, two technicians and a person at one check at once: whatever they are told is what some order of their
acts would have told them (TST-06)."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import aiohttp
import pytest

from storage.database import OpenDatabase
from tests.faults.conftest import Opening
from tests.faults.filled import Person
from tests.faults.installation import Installation
from tests.faults.linear import UNSEEN, Call, explain
from tests.faults.one_check import Act, Check, What, name_of, step
from tests.faults.traffic import Said, Traffic
from tests.faults.verdict import NOTHING_WRONG, at_rest
from tests.fixtures.running_demo import TV, code_in, wrong

#: Checks that are fought over at once, and acts of each technician and of the person.
CHECKS, ACTS = 12, 5
_BY_TECHNICIAN: Sequence[What] = ("claim", "claim", "claim", "release", "take-over", "verbal", "reject", "look", "look")
_BY_PERSON: Sequence[What] = ("right", "wrong", "wrong", "wrong", "bare", "deny")
_FOUR_RIGHT: Sequence[What] = ("right",) * 4
_SIX_WRONG: Sequence[What] = ("wrong",) * 6
_BODIES: dict[str, object] = {
    "claim": {"direction": "we_called_user", "ticket": "later"},
    "verbal": {"note": "said yes"},
    "reject": {"reason": "a test"},
}
Doing: TypeAlias = Callable[[], Awaitable[None]]


@dataclass
class Fight:
    """One check, and the history of what was done to it."""

    traffic: Traffic
    person: Person
    check_id: str = ""
    code: str = ""
    calls: list[Call[Act]] = field(default_factory=list)

    @property
    def installation(self) -> Installation:
        return self.traffic.installation

    async def begin(self) -> None:
        await self.traffic.say(self.person, "#verify")
        found = await self.traffic.api("GET", f"{TV}?contact_id={self.person.id}")
        self.check_id = found["items"][0]["id"]
        self.code = code_in(await self.installation.carrier.carrier.text_with(self.person.mobile, "Code: "))

    async def done(self, act: Act, doing: Callable[[], Awaitable[object]]) -> None:
        began = time.monotonic()
        answer = await doing()
        # An act that lost too many races has not happened, and says so.
        if answer != "contended":
            self.calls.append(Call(began, time.monotonic(), act, answer))

    async def by_technician(self, what: What, who: int, replica: int) -> None:
        await self.done(Act(what, who if what != "look" else -1), lambda: self._ask(what, who, replica))

    async def by_person(self, what: What, replica: int, *, twice: bool) -> None:
        words = {
            "right": f"#confirm {self.code}",
            "wrong": f"#confirm {wrong(self.code)}",
            "bare": "#confirm",
            "deny": "#deny",
        }[what]
        await self.done(Act(what), lambda: self._say(words, replica, twice=twice))

    async def _say(self, words: str, replica: int, *, twice: bool) -> object:
        """It is taken when the first 200 comes; `twice` to both replicas at once."""
        replicas = self.installation.replicas
        said = Said(self.traffic.new_sid(), self.person, words)
        self.traffic.said.append(said)
        to = [replicas[replica], replicas[1 - replica]] if twice else [replicas[replica]]
        while True:
            delivering = [asyncio.create_task(self.traffic.deliver(said, one)) for one in to]
            for first in asyncio.as_completed(delivering):
                if await first == 200:
                    # The other delivery changes nothing any more; it is waited for at the end.
                    self.traffic.also(delivering)
                    return UNSEEN

    async def _ask(self, what: What, who: int, replica: int) -> object:
        url = f"{self.installation.replicas[replica].url}{TV}/{self.check_id}"
        headers = {"Authorization": f"Bearer {self.installation.filled.bearers[who]}"}
        method, url = ("GET", url) if what == "look" else ("POST", f"{url}/{what}")
        timeout = aiohttp.ClientTimeout(total=15)
        body = _BODIES.get(what)
        async with self.installation.http.request(method, url, json=body, headers=headers, timeout=timeout) as answer:
            found: Any = await answer.json()
        assert answer.status in (200, 409, 503), found
        if answer.status != 200:
            return found["error"]
        if what != "look":
            return ""
        technicians = self.installation.filled.technicians
        by = technicians.index(found["technician"]["id"]) if found["state"] == "claimed" else -1
        return (found["state"], by)

    async def end(self) -> None:
        """What the check and the phone show when all is over."""
        await self.by_technician("look", 0, 0)
        now = time.monotonic()
        texts = tuple(sorted(map(name_of, self.installation.carrier.carrier.phones[self.person.mobile])))
        self.calls.append(Call(now, now, Act("phone"), texts))

    def judge(self) -> None:
        if explain(self.calls, Check(), step) is None:
            history = "\n".join(map(str, sorted(self.calls, key=lambda call: call.began)))
            raise AssertionError(f"no order of these explains what was answered:\n{history}")


async def _in_turn(acts: Sequence[Doing]) -> None:
    for act in acts:
        await act()


def _free_for_all(fight: Fight, lots: random.Random) -> list[Doing]:
    """Both technicians and twice the person, each one thing after the other, on either replica."""

    def technician(who: int) -> Doing:
        acts = [partial(fight.by_technician, lots.choice(_BY_TECHNICIAN), who, lots.randrange(2)) for _ in range(ACTS)]
        return partial(_in_turn, acts)

    def person() -> Doing:
        acts = [
            partial(fight.by_person, lots.choice(_BY_PERSON), lots.randrange(2), twice=lots.random() < 0.3)
            for _ in range(ACTS - 1)
        ]
        return partial(_in_turn, acts)

    return [technician(0), technician(1), person(), person()]


@pytest.mark.feature("TST-06", "SEC-11")
@pytest.mark.parametrize("seed", [1, 2])
async def test_claims_and_answers_have_an_order(seed: int, on_servers: Opening) -> None:
    lots = random.Random(seed)

    async def fight_it_out(fight: Fight) -> None:
        await asyncio.gather(*(one() for one in _free_for_all(fight, lots)))

    await _fight(on_servers, fight_it_out)


@pytest.mark.feature("TST-06", "SEC-11")
async def test_a_code_counts_once_and_guesses_are_counted(on_servers: Opening) -> None:
    """The right code four times at once, and six guesses beside it, half of them to each replica."""
    lots = random.Random(3)

    async def guess(fight: Fight) -> None:
        await fight.by_technician("claim", 0, 0)
        answers: list[What] = [*_FOUR_RIGHT, *_SIX_WRONG]
        lots.shuffle(answers)
        await asyncio.gather(*(fight.by_person(what, n % 2, twice=False) for n, what in enumerate(answers)))
        kinds = [name_of(text) for text in fight.installation.carrier.carrier.phones[fight.person.mobile]]
        assert kinds.count("confirmed") <= 1

    await _fight(on_servers, guess)


async def _fight(opening: Opening, how: Callable[[Fight], Awaitable[None]]) -> None:
    async with opening() as installation:
        traffic = Traffic(installation)
        fights = [Fight(traffic, person) for person in installation.filled.people[:CHECKS]]
        try:
            await asyncio.gather(*(fight.begin() for fight in fights))
            await asyncio.gather(*(how(fight) for fight in fights))
            await traffic.ended()
            database: OpenDatabase = installation.open_database()
            try:
                assert await at_rest(installation, database, NOTHING_WRONG, 20) == []
            finally:
                await database.close()
            for fight in fights:
                await fight.end()
                fight.judge()
        except BaseException as why:
            why.add_note(installation.said())
            raise
        finally:
            await traffic.close()
