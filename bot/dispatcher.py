"""The dispatcher: takes what is due from the outbox and the timers, and has it carried out, now or when time comes.

Woken by every commit; a lost wake-up costs at most a second. Leases make a crash cost a minute, never an item.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.delivery import Delivery
from bot.engine import Engine
from bot.hold import LEASE, MARGIN, Hold, LeaseLost
from dialogs.messages import Unavailable
from dialogs.ports import Clock, Contended, TurnStore
from dialogs.turns import Leased, Settled, Timer

log = structlog.get_logger("dispatcher")

#: A lease is renewed when it is so old.
RENEW_AFTER = LEASE / 3
#: But not for ever: an attempt that takes longer hangs.
LONGEST_ATTEMPT = timedelta(minutes=5)
#: Never sleep longer than this, so that a lost wake-up or a moved clock is noticed.
LONGEST_NAP = 1.0
#: Attempts under way at once. A slow provider fills its own places; what is quick goes on in the others.
AT_ONCE = 64
#: Of these, what tenants that have something under way share evenly; the rest is for those who have nothing (SEC-38).
SHARED = 48
#: A share is never less than this.
LEAST_SHARE = 4
#: How long to wait for a place when something is due that may not have one yet. Whatever ends wakes us anyway.
NAP_WHEN_FULL = 0.25
#: Attempts that may fail by an error of our own before the item is put aside (REL-15).
POISON_AFTER = 5


@dataclass(slots=True)
class Attempt:
    """One item that is being carried out. `limit` cuts it off; it is None outside of that."""

    leased: Leased
    began: datetime
    renewed: datetime
    hold: Hold
    limit: asyncio.Timeout | None = field(default=None, repr=False)

    def prolong(self, now: datetime, loop_now: float) -> None:
        """The lease was renewed as of then, by the clock and by the event loop."""
        self.renewed = now
        self.hold.prolong(now)
        if self.limit is not None and not self.limit.expired():
            self.limit.reschedule(loop_now + (LEASE - MARGIN).total_seconds())


class Dispatcher:
    """One per process. `start` returns at once; `stop` lets what is under way end and gives leases back."""

    def __init__(self, store: TurnStore, engine: Engine, delivery: Delivery, clock: Clock, worker: str) -> None:
        self._store = store
        self._engine = engine
        self._delivery = delivery
        self._clock = clock
        self._worker = worker
        self._wake = asyncio.Event()
        self._stopping = False
        self._under_way: dict[asyncio.Task[Settled | None], Attempt] = {}
        self._outcomes: list[Settled] = []
        #: Storage went away while it was asked: it may have written leases down that we know nothing of.
        self._unsure = False
        #: How often ringing a timer failed by an error of our own.
        self._failed: dict[tuple[str, str, str], int] = {}
        self._loop_task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Something may be due. Cheap, and safe to call from the event loop at any time."""
        self._wake.set()

    def start(self) -> None:
        self._loop_task = asyncio.create_task(self._run(), name="dispatcher")

    async def stop(self, patience: float = 30.0) -> None:
        """Take nothing new, wait for what is under way, write down what became of it, give the rest back."""
        self._stopping = True
        self.wake()
        if self._loop_task is not None:
            await self._loop_task
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=patience)
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        try:
            await self._settle()
            await self._store.release_leases(self._worker)
        except Unavailable:
            log.warning("leases_kept", worker=self._worker)

    async def run_until_idle(self, *, most: int = 1000) -> None:
        """Carry out everything that is due now, and what follows from it. For tests and the simulation."""
        for _ in range(most):
            busy = await self._round()
            if self._under_way:
                await asyncio.wait(set(self._under_way), return_when=asyncio.FIRST_COMPLETED)
            elif not busy and not self._outcomes:
                return
        raise RuntimeError("the outbox does not come to rest")

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                busy = await self._round()
                pause = 0.0 if busy else await self._pause()
            except Unavailable:
                log.warning("storage_unavailable")
                pause = LONGEST_NAP
            except Exception as error:
                # Nothing would leave the house any more if this loop ended, and nobody would see it.
                log.error("round_failed", error=type(error).__name__)
                pause = LONGEST_NAP
            if pause:
                await self._nap(pause)

    async def _nap(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _pause(self) -> float:
        """Seconds until the next thing is due, at most a nap."""
        now = self._clock.now()
        due = await self._store.next_due(now)
        if due is None or self._failed:
            # A timer that fails stays due and says nothing about what is next.
            return LONGEST_NAP
        if due <= now and self._under_way:
            # Nothing was taken just now, so it waits for a place.
            return NAP_WHEN_FULL
        return min(max((due - now).total_seconds(), 0.005), LONGEST_NAP)

    async def _round(self) -> bool:
        """Write down what has finished, ring what is due, start what is due. True when any of it happened."""
        settled = await self._settle()
        await self._renew()
        if self._unsure and not self._under_way:
            await self._store.release_leases(self._worker)
            self._unsure = False
        timers = await self._store.due_timers(self._clock.now())
        due = {(timer.tenant_id, timer.check_id, timer.name) for timer in timers}
        self._failed = {key: count for key, count in self._failed.items() if key in due}
        rung = [await self._ring(timer) for timer in timers]
        begun = await self._begin()
        return bool(settled or any(rung) or begun)

    async def _renew(self) -> None:
        """Keep what is under way, and cut off what was lost, before somebody takes it up beside us."""
        now, loop_now = self._clock.now(), asyncio.get_running_loop().time()
        kept = []
        for task, attempt in self._under_way.items():
            if attempt.hold.is_over(now):
                task.cancel()
            elif now - attempt.renewed >= RENEW_AFTER and now - attempt.began < LONGEST_ATTEMPT:
                kept.append(attempt)
        if kept:
            await self._store.renew([attempt.leased for attempt in kept], now, lasts=LEASE)
            for attempt in kept:
                attempt.prolong(now, loop_now)

    async def _begin(self) -> int:
        """Start what is due and has a place, no tenant beyond its share; how many."""
        begun = 0
        while room := AT_ONCE - len(self._under_way):
            held = Counter(attempt.leased.tenant_id for attempt in self._under_way.values())
            share = max(LEAST_SHARE, SHARED // max(1, len(held)))
            full = {tenant_id for tenant_id, count in held.items() if count >= share}
            # All of them may be one tenant's, so no more than the one that has most may still have.
            most = max((count for tenant_id, count in held.items() if tenant_id not in full), default=0)
            limit = min(room, share - most)
            # What has just ended is written down first, or a lease that has run out would be taken anew over it.
            await self._settle()
            now = self._clock.now()
            try:
                leased = await self._store.lease(self._worker, now, limit=limit, lasts=LEASE, full=full)
            except Unavailable:
                self._unsure = True
                raise
            for one in leased:
                attempt = Attempt(one, now, now, Hold.taken(now))
                task = asyncio.create_task(self._one(attempt))
                self._under_way[task] = attempt
                task.add_done_callback(self._finished)
            begun += len(leased)
            if len(leased) < limit:
                break
        return begun

    async def _settle(self) -> bool:
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes:
            return False
        try:
            await self._store.settle(outcomes, self._clock.now())
        except Unavailable:
            # Kept for the next round: a text that went out must not go out again because a disk was full.
            self._outcomes = outcomes + self._outcomes
            raise
        return True

    def _finished(self, task: asyncio.Task[Settled | None]) -> None:
        self._under_way.pop(task, None)
        outcome = None if task.cancelled() else task.result()
        if outcome is not None:
            self._outcomes.append(outcome)
        self.wake()

    async def _ring(self, timer: Timer) -> bool:
        """True when it did not fail. One that fails again and again is put aside, so that the others still ring."""
        key = (timer.tenant_id, timer.check_id, timer.name)
        if self._failed.get(key, 0) >= POISON_AFTER:
            return await self._put_aside(timer)
        try:
            await self._engine.ring(timer)
        except Contended:
            log.warning("timer_contended", check_id=timer.check_id)
        except Unavailable:
            raise
        except Exception as error:
            self._failed[key] = self._failed.get(key, 0) + 1
            log.error("timer_failed", check_id=timer.check_id, timer=timer.name, error=type(error).__name__)
            return False
        self._failed.pop(key, None)
        return True

    async def _put_aside(self, timer: Timer) -> bool:
        """A line in the log and an alert take its place: the check's people look into it (REL-15)."""
        try:
            await self._store.put_aside(timer, *self._delivery.put_aside(timer, "internal"))
        except Unavailable:
            raise
        except Exception as error:
            log.error("timer_stays", check_id=timer.check_id, timer=timer.name, error=type(error).__name__)
            return False
        self._failed.pop((timer.tenant_id, timer.check_id, timer.name), None)
        log.error("timer_put_aside", check_id=timer.check_id, timer=timer.name)
        return True

    async def _one(self, attempt: Attempt) -> Settled | None:
        """One attempt. An error of our own must not take the others down: logged, tried again, put aside in the end."""
        leased = attempt.leased
        try:
            # Whoever takes longer than the lease may be doing it beside the next worker; the next one looks first.
            async with asyncio.timeout((LEASE - MARGIN).total_seconds()) as attempt.limit:
                return await self._delivery.carry_out(leased, attempt.hold)
        except LeaseLost:
            log.warning("lease_lost", item_id=leased.item.id, kind=leased.item.kind)
            return self._delivery.not_begun(leased)
        except TimeoutError:
            log.warning("delivery_too_long", item_id=leased.item.id, kind=leased.item.kind)
            # As long as we run and have storage, a lease is renewed until the longest attempt is over.
            return self._delivery.too_long(leased, hung=self._clock.now() - attempt.began >= LONGEST_ATTEMPT)
        except (Unavailable, Contended):
            # Nothing had left yet: storage is asked before, and again only about what may be done twice. Given back, or
            # it would wait out its lease although storage is there again in a second.
            return self._delivery.storage_away(leased)
        except Exception as error:
            log.error("delivery_failed", item_id=leased.item.id, kind=leased.item.kind, error=type(error).__name__)
            if leased.attempt >= POISON_AFTER:
                return self._delivery.give_up(leased, "internal")
            return Settled(leased, "retry", error="internal", retry_at=self._clock.now() + timedelta(seconds=5))
        finally:
            attempt.limit = None
