"""Once a day, on one replica: count what reports need, and take away words whose time is over. Woken by nothing; it
looks every few minutes whether the day's work is still to be done."""

from __future__ import annotations

import asyncio

import structlog

from dialogs.messages import Unavailable
from dialogs.ports import Clock
from storage.database import Database
from storage.reports import settle_all
from storage.retention import Swept, sweep
from storage.slots import claim_slot, finish_slot

log = structlog.get_logger("upkeep")

JOB = "upkeep"
LOOK_EVERY_S = 600.0


class Upkeep:
    """One per process. Its work is transactions of a batch each, so it may be cancelled at any time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run_if_due(self) -> Swept | None:
        """Do today's work unless it is done or another replica is at it; then None. A day is one in UTC."""
        now = self._clock.now()
        slot = f"{now:%Y-%m-%d}"
        if not await claim_slot(self._database, JOB, slot, now):
            return None
        # Counted first, as reports go by what is then taken away.
        await settle_all(self._database, now)
        swept = await sweep(self._database, now)
        await finish_slot(self._database, JOB, slot, self._clock.now())
        for tenant, counts in swept.tenants.items():
            if any(counts.values()):
                log.info("retention", tenant=tenant, rows=sum(counts.values()))
        return swept

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.run_if_due()
            except Unavailable:
                log.warning("upkeep_put_off")
            except Exception as error:
                # Nothing hangs on it today; a loop that ended would let words pile up unseen.
                log.error("upkeep_failed", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY_S)
