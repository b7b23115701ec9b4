"""Working through imports in the background: a piece, a breath, the next piece. Any replica may do it, and one that
begins goes on where the last piece ended; see `storage/import_pieces.py`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial

import structlog

from dialogs.messages import Unavailable
from dialogs.ports import Clock, Randomness
from storage.contact_import import people_here
from storage.database import Database
from storage.import_pieces import PIECE, Again, Work, bring_in, take_back
from storage.imports import Imports, State, StoredImport, forget_left_lying, waiting
from storage.keys import CannotOpen, Keyring

log = structlog.get_logger("importing")

#: How often to look for an import that another replica has left behind; the own ones wake us.
LOOK_EVERY_S = 15.0
FORGET_EVERY = timedelta(minutes=10)


class Importing:
    """One per process."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock, random: Randomness) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._random = random
        self._imports = Imports(database, keyring)
        self._wake = asyncio.Event()
        self._forgot_at = clock.now() - FORGET_EVERY

    def wake(self) -> None:
        """There is one to begin with."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. Pieces are transactions, so that may happen at any time."""
        while True:
            self._wake.clear()
            try:
                await self.work()
            except Unavailable:
                log.warning("imports_put_off")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), LOOK_EVERY_S)

    async def work(self) -> None:
        """Everything there is to do now."""
        now = self._clock.now()
        if now - self._forgot_at >= FORGET_EVERY:
            await forget_left_lying(self._database, now)
            self._forgot_at = now
        for tenant_id, import_id, state in await waiting(self._database):
            found = await self._imports.get(tenant_id, import_id)
            if found is None or found.state != state:
                continue
            try:
                await self._one(tenant_id, found, state)
            except (Again, CannotOpen) as why:
                # It waits for the next look, and nobody else's import waits behind it.
                log.error("import_put_off", tenant_id=tenant_id, why=type(why).__name__)

    async def _one(self, tenant_id: str, found: StoredImport, state: State) -> None:
        if state == "undoing":
            await self._take_back(tenant_id, found)
        else:
            await self._bring_in(tenant_id, found)

    def _piece(self, tenant_id: str, found: StoredImport) -> Work:
        now = self._clock.now()
        return Work(self._keyring, tenant_id, found.id, found.technician_id, now, lambda: self._random.new_id(now))

    async def _bring_in(self, tenant_id: str, found: StoredImport) -> None:
        read = await self._imports.content(tenant_id, found.id)
        if read is None:
            return
        here = await self._database.read(tenant_id, lambda conn: people_here(conn, tenant_id))
        done, failed = found.done, 0
        while done < len(read.rows):
            rows = read.rows[done : done + PIECE]
            last = done + len(rows) == len(read.rows)
            piece = partial(bring_in, work=self._piece(tenant_id, found), rows=rows, before=done, here=here, last=last)
            try:
                mine = await self._database.write(tenant_id, piece)
            except Again:
                # Somebody has added the same company at this moment; it is there the next time.
                failed += 1
                if failed > 3:
                    raise
                continue
            if not mine:
                return
            done += len(rows)

    async def _take_back(self, tenant_id: str, found: StoredImport) -> None:
        behind: str | None = ""
        done = found.done
        while behind is not None:
            piece = partial(take_back, work=self._piece(tenant_id, found), behind=behind, before=done)
            behind, done = await self._database.write(tenant_id, piece)
