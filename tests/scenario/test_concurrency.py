"""Many things at once on the store on disk: whatever the order, the outcome is that of one after the other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import pytest

from bot.engine import Engine
from dialogs.ports import SendText, TurnStore
from dialogs.turns import CheckAsk, Leased, Turn, TurnResult
from storage.memory import MemoryTurnStore
from tests.fixtures.stand_ins import StandingClock
from tests.fixtures.turn_stores import StoredHouse, rank
from tests.fixtures.world import seed_memory
from tests.simulation.bent import Bent
from tests.simulation.desk import WORDING, Desk
from tests.simulation.house import Chance
from tests.simulation.outside import Carrier, Ledger

R = TypeVar("R")


@pytest.fixture
def house(kept_house: StoredHouse) -> StoredHouse:
    return kept_house


@pytest.mark.feature("REL-02", "SEC-23", "TV-12", "TV-13")
async def test_each_webhook_five_times_at_once_is_one_turn(house: StoredHouse) -> None:
    """One code text, one success text, one ticket, one note."""
    desk = Desk(house)
    for words in ("#verify", "claim", "#confirm"):
        if words == "claim":
            (check_id,) = await desk.check_ids()
            who = desk.technician(0)
            taps = [desk.acts.claim(who, check_id, direction="we_called_user", ticket="new") for _ in range(5)]
            assert {acted.refused for acted in await asyncio.gather(*taps)} == {""}
        else:
            outcomes = await desk.all_at_once(*[desk.said(words, words)] * 5)
            assert outcomes == {"taken": 1, "duplicate": 4}
        await desk.dispatcher.run_until_idle()
    assert [("Code: " in body, "Confirmed." in body) for body in desk.texts()] == [(True, False), (False, True)]
    assert len(desk.ledger.of_kind("ticket")) == 1
    (note,) = desk.ledger.of_kind("note")
    assert "confirmed by the user" in note.values["body"]
    assert await desk.states() == ["confirmed"]


@pytest.mark.feature("SEC-22", "REL-02")
async def test_one_signed_request_under_five_ids_at_once_is_one_turn(house: StoredHouse) -> None:
    """Re-split fields keep the signature valid, so the signature itself counts once."""
    desk = Desk(house)
    outcomes = await desk.all_at_once(*(desk.said("#verify", f"id-{n}", digest="one signature") for n in range(5)))
    assert outcomes == {"taken": 1, "duplicate": 4}
    assert await desk.states() == ["open"]


@pytest.mark.feature("SEC-11", "TV-12")
async def test_of_fifty_right_answers_at_once_one_counts(house: StoredHouse) -> None:
    desk = Desk(house)
    code = await desk.claimed()
    outcomes = await desk.all_at_once(*(desk.said(f"#confirm {code}", f"yes-{n}") for n in range(50)))
    await desk.dispatcher.run_until_idle()
    assert outcomes == {"taken": 50}
    happened = Counter(line.kind for line in await house.log())
    assert happened["tv.confirm"] == 1
    assert happened["tv.confirmed_already"] == 49
    assert sum("Confirmed." in body for body in desk.texts()) == 1
    assert len(desk.ledger.of_kind("note")) == 1


@pytest.mark.feature("SEC-11")
async def test_wrong_codes_at_once_are_all_counted_and_never_more_than_five(house: StoredHouse) -> None:
    """One right code among many wrong ones wins or loses by its place in the order, and nothing else."""
    desk = Desk(house)
    code = await desk.claimed()
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    said = [desk.said(f"#confirm {wrong}", f"no-{n}") for n in range(40)]
    said.insert(20, desk.said(f"#confirm {code}", "yes"))
    await desk.all_at_once(*said)
    counted = [line for line in await house.log() if line.kind == "tv.confirm"]
    assert [line.public["after"] for line in counted] == ["claimed"] * 4 + ["alarm"]
    assert await desk.states() == ["alarm"]
    assert await house.alerts()


@pytest.mark.feature("REL-09", "SEC-02")
async def test_of_two_technicians_who_tap_at_once_one_has_it(house: StoredHouse) -> None:
    desk = Desk(house)
    await desk.engine.receive(desk.said("#verify", "first"))
    (check_id,) = await desk.check_ids()
    taps = [
        desk.acts.claim(desk.technician(n % 2), check_id, direction="we_called_user", ticket="later") for n in range(10)
    ]
    refused = [acted.refused for acted in await asyncio.gather(*taps)]
    assert sorted(refused) == [""] * 5 + ["already_claimed"] * 5
    winners = {line.kind: line for line in await house.log()}
    assert winners["tv.claim_check"].public["after"] == "claimed"
    assert sum(line.kind == "tv.claim_check" for line in await house.log()) == 1


@pytest.mark.feature("REL-09", "REL-08", "TV-23")
@pytest.mark.parametrize("seed", range(6))
async def test_a_hundred_texts_of_one_sender_at_once_are_some_order_of_them(house: StoredHouse, seed: int) -> None:
    """Taken one by one in the order in which they were stored, they leave the same log, the same texts, the same
    checks."""
    desk = Desk(house)
    words = ("#verify", "#confirm", "#deny", "hello", "#confirm 000000", "STOP", "START", "#conferm", "HELP")
    dice = random.Random(seed)
    said = [desk.said(dice.choice(words), f"text-{n}") for n in range(100)]
    assert await desk.all_at_once(*said) == {"taken": 100}

    alone = MemoryTurnStore(rank)
    seed_memory(alone, desk.world)
    one_by_one = Engine(alone, StandingClock(), Chance("alone"), WORDING)
    for inbound in await desk.order_of(said):
        await one_by_one.receive(inbound)

    assert [line.kind for line in await house.log()] == [event.kind for event in alone.rows.audit.values()]
    queued = Counter(row.item.template for row in alone.rows.outbox.values())
    assert Counter(await desk.templates()) == queued
    assert Counter(await desk.states()) == Counter(type(c.state).__name__.lower() for c in alone.rows.checks.values())


class Held:
    """A carrier that keeps its first text waiting until it is let go."""

    def __init__(self, inner: SendText) -> None:
        self._inner = inner
        self.waiting = asyncio.Event()
        self.go = asyncio.Event()

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        self.waiting.set()
        await self.go.wait()
        return await self._inner.send(to=to, sender=sender, body=body, key=key)

    async def find(self, *, to: str, sender: str, body: str, since: object) -> str | None:
        return None


@pytest.mark.feature("SEC-40", "TST-02")
async def test_stop_overtakes_everything_that_is_still_queued(house: StoredHouse) -> None:
    """What is on its way cannot be called back; nothing else leaves."""
    ledger = Ledger()
    held = Held(Carrier(ledger, StandingClock()))
    desk = Desk(house, texts=held)
    for n, words in enumerate(("#verify", "#verify", "hm", "#confirm")):
        await desk.engine.receive(desk.said(words, f"queued-{n}"))
    running = asyncio.create_task(desk.dispatcher.run_until_idle())
    await held.waiting.wait()
    await asyncio.gather(*(desk.engine.receive(desk.said("STOP", f"stop-{n}")) for n in range(3)))
    held.go.set()
    await running
    left = [row.values["body"] for row in ledger.of_kind("text")]
    statuses = Counter(row.status for row in await house.outbox())
    assert len(left) == 1
    assert statuses["sent"] == 1
    assert statuses["dropped"] == sum(statuses.values()) - 1 >= 2
    assert set(await desk.states()) == {"superseded", "expired"}


class Poisoned:
    """A carrier adapter that breaks on one person's texts, as a programming error would."""

    def __init__(self, inner: SendText, to: str) -> None:
        self._inner = inner
        self._to = to
        self.tries = 0

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        if to == self._to:
            self.tries += 1
            raise ZeroDivisionError("a mistake of ours")
        return await self._inner.send(to=to, sender=sender, body=body, key=key)

    async def find(self, *, to: str, sender: str, body: str, since: object) -> str | None:
        return None


@pytest.mark.feature("REL-15")
async def test_a_text_that_always_fails_is_put_aside_after_five_tries(house: StoredHouse) -> None:
    """Somebody is told, and everybody else's texts go on meanwhile."""
    ledger = Ledger()
    poisoned = Poisoned(Carrier(ledger, StandingClock()), house.world.people[0].mobile)
    desk = Desk(house, texts=poisoned)
    await desk.engine.receive(desk.said("HELLO", "poison"))
    for n in range(8):
        await desk.engine.receive(desk.said("hello", f"other-{n}", person=1 + n % 5))
        await desk.dispatcher.run_until_idle()
        desk.clock.advance(timedelta(seconds=6))
    assert poisoned.tries == 5
    assert [row.error for row in await house.outbox() if row.status == "dead"] == ["internal"]
    assert any("internal" in alert for alert in await house.alerts())
    assert {row.values["to"] for row in ledger.of_kind("text")} == {p.mobile for p in house.world.people[1:]}


class BrokenCheck(Bent):
    """One check's timers cannot be rung, as if its stored state were damaged."""

    check_id = ""
    tries = 0

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        if isinstance(turn.ask, CheckAsk) and turn.ask.timer and turn.ask.check_id == self.check_id:
            self.tries += 1
            raise ZeroDivisionError("a damaged row")
        return await self.store.take(turn)


@pytest.mark.feature("REL-15", "REL-12")
async def test_a_timer_that_always_fails_does_not_silence_the_others(house: StoredHouse) -> None:
    """It is tried five times; meanwhile and afterwards everybody else's checks end as they should."""
    broken = BrokenCheck(house.store)
    desk = Desk(house, store=broken)
    await desk.engine.receive(desk.said("#verify", "poison"))
    (broken.check_id,) = await desk.check_ids()
    await desk.engine.receive(desk.said("#verify", "other", person=1))
    for _ in range(20):
        await desk.dispatcher.run_until_idle()
        desk.clock.advance(timedelta(minutes=1))
    # Two timers of this check: nobody has claimed it, and its deadline.
    assert broken.tries == 10
    kinds = [line.kind for line in await house.log()]
    assert kinds.count("timer.put_aside") == 2
    assert len([words for words in await house.alerts() if "by an error of ours" in words]) == 2
    assert [t for t in await house.store.due_timers(desk.clock.now()) if t.check_id == broken.check_id] == []
    assert await desk.states() == ["open", "expired"]
    assert sum("no technician of ours has opened this check" in body for body in desk.texts()) == 1


class FailsOnce(Bent):
    """The first look into the outbox breaks by a mistake of ours."""

    def __init__(self, store: TurnStore) -> None:
        super().__init__(store)
        self.failed = asyncio.Event()

    async def lease(
        self,
        worker: str,
        now: datetime,
        *,
        limit: int = 32,
        lasts: timedelta = timedelta(seconds=60),
        full: Collection[str] = (),
    ) -> Sequence[Leased]:
        if not self.failed.is_set():
            self.failed.set()
            raise ZeroDivisionError("a mistake of ours")
        return await self.store.lease(worker, now, limit=limit, lasts=lasts, full=full)


@pytest.mark.feature("REL-15")
async def test_a_mistake_in_one_round_does_not_end_the_dispatcher(house: StoredHouse) -> None:
    held = Held(Carrier(Ledger(), StandingClock()))
    fails = FailsOnce(house.store)
    desk = Desk(house, texts=held, store=fails)
    await desk.engine.receive(desk.said("hello", "one"))
    desk.dispatcher.start()
    await fails.failed.wait()
    async with asyncio.timeout(10):
        await held.waiting.wait()
    held.go.set()
    await desk.dispatcher.stop()
    assert [row.status for row in await house.outbox()] == ["sent"]
