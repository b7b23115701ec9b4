"""A row that changed, read and drawn once for all consoles of a tenant: fifty of them that each asked again for two
hundred rows at every event would keep the server busy with nothing else.

Only what everybody may see is shared. The claimer of a live check is told that it changed, and asks for it with its
code.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass

from aiohttp import web

from dialogs.messages import Unavailable
from web.pages.check_cards import has_just_confirmed
from web.pages.rows import row_for_all
from web.pages.tickets_of import Shelf
from web.pages.views import as_json
from web.services import Services

#: Rows in memory, of all tenants together.
KEPT = 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """A check as it stood when the log had got at least to `seq`. `text`: its card as JSON, without a code.
    `claimer_id`: whose live claim it is, or who was confirmed just now and sees more of it, empty for nobody's.
    `pending`: its tickets are still asked for."""

    seq: int
    text: str
    claimer_id: str
    pending: bool


class SharedRows:
    """One for the whole process."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self._kept: OrderedDict[tuple[str, str], Shown] = OrderedDict()
        self._reading: dict[tuple[str, str], tuple[int, asyncio.Task[Shown | None]]] = {}

    async def row(self, services: Services, tenant_id: str, check_id: str, seq: int) -> Shown | None:
        """The check as it stands at `seq` or later; None when there is none, or it cannot be read just now."""
        key = (tenant_id, check_id)
        kept = self._kept.get(key)
        if kept is not None and kept.seq >= seq:
            return kept
        reads, task = self._reading.get(key, (0, None))
        if task is None or reads < seq:
            # What the stream has handed out so far was committed before this read begins.
            reads = max(seq, services.stream.standing(tenant_id))
            task = asyncio.create_task(self._read(services, key, reads), name="a row for all consoles")
            self._reading[key] = (reads, task)
        return await asyncio.shield(task)

    def forget(self, tenant_id: str) -> None:
        """The log stands elsewhere than it did: a database was restored, and what is kept may never have been."""
        for key in [k for k in self._kept if k[0] == tenant_id]:
            del self._kept[key]

    async def _read(self, services: Services, key: tuple[str, str], seq: int) -> Shown | None:
        tenant_id, check_id = key
        try:
            found = await services.checks.get(tenant_id, check_id)
            if found is None:
                return None
            card, pending = await row_for_all(services, self.shelf, tenant_id, found)
        except Unavailable:
            return None
        finally:
            if self._reading.get(key, (0, None))[0] == seq:
                del self._reading[key]
        sees_more = card.kind == "theirs" or has_just_confirmed(found, card.technician_id, services.clock.now())
        claimer = card.technician_id if sees_more else ""
        shown = Shown(seq, json.dumps(as_json(card), separators=(",", ":")), claimer, pending)
        if (kept := self._kept.get(key)) is None or kept.seq <= seq:
            self._kept[key] = shown
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return shown


SHARED: web.AppKey[SharedRows] = web.AppKey("shared_rows", SharedRows)
