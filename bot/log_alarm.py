"""Tells every tenant's console when the audit log does not fit its seals, or cannot be sealed (SEC-55)."""

from __future__ import annotations

import asyncio

from dialogs.messages import Unavailable
from dialogs.ports import Clock, Randomness
from dialogs.turns import Alert, AuditEvent
from storage.alerts import raise_for_all
from storage.database import Database, Unscoped
from storage.keys import Keyring

KIND = "log_not_sealed"
TEXT = (
    "The audit log does not fit its seals, or cannot be sealed. Checks go on, but what happens now is not protected "
    "against being changed later. Tell whoever runs Watchword today; their next step is: watchword audit verify"
)
_AGAIN_S = 30.0


class LogAlarm:
    """`raise_it` may be called at any time on the event loop; `run` is a task of the program."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, random: Randomness) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._random = random
        self._raised = asyncio.Event()

    def raise_it(self, what: str) -> None:
        """`what` is for the operator and is logged by whoever calls; consoles get words of their own."""
        self._raised.set()

    async def run(self) -> None:
        """Write alerts until cancelled. One that nobody has acknowledged yet is not raised again."""
        while True:
            await self._raised.wait()
            self._raised.clear()
            try:
                await self._database.write(
                    Unscoped.OPERATOR, lambda conn: raise_for_all(conn, self._keyring, KIND, self._alert)
                )
            except Unavailable:
                self._raised.set()
                await asyncio.sleep(_AGAIN_S)

    def _alert(self) -> tuple[Alert, AuditEvent]:
        """A new one for each tenant, since ids are used once."""
        now = self._clock.now()
        event = AuditEvent(id=self._random.new_id(now), at=now, kind="installation.log_not_sealed")
        return Alert(self._random.new_id(now), KIND, now, "", "", TEXT), event
