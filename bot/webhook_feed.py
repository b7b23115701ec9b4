"""Tells other tools (SEC-47): makes deliveries out of what the log gains, and carries out those that are due.

Every replica runs one. They share the work by lease; what one leaves lying, another takes up. A delivery may arrive
twice, always with the same `webhook-id`; none is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import structlog

from bot import breakers
from bot.webhook_rules import headers_of, judged, works
from dialogs.messages import Unavailable
from dialogs.ports import Clock, Outbound, OutboundAnswer, OutboundFailed, OutboundRefused, Randomness
from dialogs.turns import Alert, AuditEvent
from storage.database import Database
from storage.keys import Keyring
from storage.times import micros
from storage.webhook_events import TEST
from storage.webhook_lines import make_out, tenants_with_webhooks
from storage.webhook_queue import Leased, Outcome, WebhookQueue

#: Tries under way at once, and of them to one webhook: one that hangs must not use up the places of all.
MOST, MOST_EACH = 32, 4
#: Commits come in crowds; what they leave is looked at together. Seldom where nobody has a webhook.
GATHER_S, GATHER_NONE_S = 0.2, 2.0
#: Tries that end together make room together.
PAUSE_S = 0.01
#: Looks without a call, for commits of others and leases that have run out.
LOOK_EVERY_S = 10.0

GONE_ALERT, GIVEN_UP_ALERT = "webhook_gone", "webhook_given_up"
_GONE = (
    "Another tool has answered that it wants no more events, so its webhook was switched off. An admin finds it under "
    "Settings, Other tools."
)
_GIVEN_UP = (
    "Another tool has not taken an event for three days, so that event was given up. An admin finds the last answers "
    "under Settings, Other tools."
)
_SPOILT = "Its address or secret cannot be read any more. Add the webhook anew."

log = structlog.get_logger("webhook_feed")


async def _set_or_after(event: asyncio.Event, seconds: float) -> None:
    # Not `wait_for`: before Python 3.12 it may swallow a cancellation.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class WebhookFeed:
    """`run` is one task of the program; `wake` tells it that something was committed or that the clock was moved."""

    def __init__(
        self, database: Database, keyring: Keyring, outbound: Outbound, clock: Clock, random: Randomness
    ) -> None:
        self._database = database
        self._queue = WebhookQueue(database, keyring)
        self._outbound = outbound
        self._clock = clock
        self._random = random
        self._woken = asyncio.Event()
        #: Something may be due: there are new deliveries, or a try has ended and left room.
        self._due = asyncio.Event()
        #: Tenant -> webhook -> the place up to which there was nothing for it.
        self._places: dict[str, dict[str, int]] = {}
        self._breakers: dict[str, breakers.State] = {}
        self._busy: Counter[str] = Counter()
        self._tries: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """On the event loop; does not wait."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. What is under way then is tried again by whoever finds its lease run out."""
        both = [asyncio.create_task(self._keep_making_out()), asyncio.create_task(self._keep_setting_out())]
        try:
            await asyncio.gather(*both)
        finally:
            for each in (*both, *self._tries):
                each.cancel()
            await asyncio.gather(*both, *self._tries, return_exceptions=True)

    async def make_out(self) -> bool:
        """Make deliveries out of what the log has gained; whether anybody has a webhook. Raises `Unavailable`."""
        tenants = await tenants_with_webhooks(self._database)
        self._places = {tenant_id: self._places.get(tenant_id, {}) for tenant_id in tenants}
        for tenant_id in tenants:
            await self._make_out(tenant_id)
        return bool(tenants)

    async def set_out(self) -> float:
        """Begin with what is due, as far as there is room; in how many seconds to look again when nothing ends before.

        Raises `Unavailable`.
        """
        while True:
            now = self._clock.now()
            full = {webhook_id for webhook_id in {*self._busy, *self._breakers} if self._room(webhook_id) <= 0}
            limit = MOST - len(self._tries)
            due = await self._queue.next_due(now, full) if limit > 0 else None
            if due is None or due > micros(now):
                seconds = LOOK_EVERY_S if due is None else (due - micros(now)) / 1_000_000
                return min(max(seconds, PAUSE_S), LOOK_EVERY_S)
            leased = await self._queue.lease(now, limit=limit, most_each=MOST_EACH, full=full, room=self._room)
            for one in leased:
                self._start(one)
            if not leased:
                # Another replica was faster, or has it in hand.
                return GATHER_S

    async def at_rest(self) -> None:
        """Return when no try is under way."""
        while self._tries:
            await asyncio.wait(self._tries)

    async def tell_now(self, tenant_id: str, delivery_id: str) -> None:
        """Try one now, and return when its outcome is written; at once when somebody else is at it.

        Raises `Unavailable`.
        """
        leased = await self._queue.lease_one(tenant_id, delivery_id, self._clock.now())
        if leased is not None:
            await self._tell(leased)

    async def _make_out(self, tenant_id: str) -> None:
        now = self._clock.now()
        while True:
            scanned = await make_out(
                self._database, tenant_id, self._places[tenant_id], now, lambda: self._random.new_id(now)
            )
            self._places[tenant_id] = dict(scanned.places)
            if not scanned.more:
                return

    async def _keep_making_out(self) -> None:
        while True:
            self._woken.clear()
            try:
                gather = GATHER_S if await self.make_out() else GATHER_NONE_S
            except Unavailable:
                gather = GATHER_NONE_S
            self._due.set()
            await asyncio.sleep(gather)
            await _set_or_after(self._woken, LOOK_EVERY_S)

    async def _keep_setting_out(self) -> None:
        while True:
            self._due.clear()
            try:
                pause = await self.set_out()
            except Unavailable:
                pause = GATHER_NONE_S
            await asyncio.sleep(PAUSE_S)
            await _set_or_after(self._due, pause)

    def _room(self, webhook_id: str) -> int:
        """How many more tries to it may set out: few, one for one that has failed again and again, none while that one
        is out or is given time."""
        state = self._breakers.get(webhook_id)
        if state is None or isinstance(state, breakers.Closed):
            return MOST_EACH - self._busy[webhook_id]
        return 0 if self._busy[webhook_id] or self._clock.now() < state.until else 1

    def _start(self, leased: Leased) -> None:
        state = self._breakers.get(leased.webhook_id)
        if state is not None:
            self._breakers[leased.webhook_id], _ = breakers.admit(state, self._clock.now())
        self._busy[leased.webhook_id] += 1
        task = asyncio.create_task(self._try(leased))
        self._tries.add(task)
        task.add_done_callback(lambda done: self._over(done, leased.webhook_id))

    def _over(self, task: asyncio.Task[None], webhook_id: str) -> None:
        self._tries.discard(task)
        self._busy[webhook_id] -= 1
        if not self._busy[webhook_id]:
            del self._busy[webhook_id]
        self._due.set()

    async def _try(self, leased: Leased) -> None:
        try:
            await self._tell(leased)
        except Unavailable:
            log.warning("webhook_not_settled", item_id=leased.id)
        except Exception as error:
            # Nobody waits for this task; the lease runs out, and it is tried again.
            log.error("webhook_failed", item_id=leased.id, error=type(error).__name__)

    async def _tell(self, leased: Leased) -> None:
        said = await self._said(leased)
        now = self._clock.now()
        state = self._breakers.get(leased.webhook_id, breakers.Closed())
        self._breakers[leased.webhook_id] = breakers.heard(state, works(said), now)
        outcome = judged(leased.event, leased.attempt, said, now, self._random.fraction())
        log.info("webhook", item_id=leased.id, attempt=leased.attempt, word=outcome.status, status=outcome.answer)
        note, alert = self._told_of(leased, outcome)
        await self._queue.settle(leased, outcome, now, note=note, alert=alert)

    async def _said(self, leased: Leased) -> OutboundAnswer | str:
        if not leased.url or not leased.secrets:
            return _SPOILT
        body = leased.body.encode()
        try:
            headers = headers_of(leased.audit_id, self._clock.now(), body, leased.secrets)
            return await self._outbound.post(leased.url, body, headers)
        except (OutboundRefused, OutboundFailed) as why:
            return str(why)

    def _told_of(self, leased: Leased, outcome: Outcome) -> tuple[AuditEvent | None, Alert | None]:
        """The line and the alert for an outcome that somebody has to hear of."""
        if outcome.status != "dead" or (leased.event == TEST and not outcome.gone):
            return None, None
        now = self._clock.now()
        public: dict[str, str | int] = {
            "webhook": leased.webhook_id,
            "event": leased.event,
            "answer": outcome.answer,
            "tries": leased.attempt,
        }
        if outcome.gone:
            note = AuditEvent(self._random.new_id(now), now, "webhook.gone", public=public)
            return note, Alert(self._random.new_id(now), GONE_ALERT, now, "", "", _GONE)
        note = AuditEvent(self._random.new_id(now), now, "webhook.given_up", public=public)
        return note, Alert(self._random.new_id(now), GIVEN_UP_ALERT, now, "", "", _GIVEN_UP)
