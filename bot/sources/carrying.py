"""Carrying out changes of addresses that a directory wants and nobody has to decide any more: by the same act as one by
hand, so the old address is told, what runs on it ends, and the new one is new for a week (SEC-13)."""

from __future__ import annotations

from functools import partial
from typing import Final

import structlog

from bot.contact_acts import ContactActs
from dialogs.ports import Clock, Randomness
from dialogs.turns import AuditEvent
from storage.contact_changes import AddressEdit
from storage.database import Database
from storage.keys import CannotOpen, Keyring
from storage.sources.changes import Approved, Overtaken, approved, give_up, read_approved, settle
from storage.sources.rules import Proposal
from web.ports import AddressChanged

log = structlog.get_logger("source_carrying")

#: Read at once; each is carried out in a transaction of its own.
LOT: Final = 100


class Carrying:
    """One per process; two at the same change carry it out once."""

    def __init__(
        self, database: Database, keyring: Keyring, acts: ContactActs, clock: Clock, random: Randomness
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._acts = acts
        self._clock = clock
        self._random = random

    async def work(self) -> int:
        """Everything there is to carry out now; how many there were."""
        done, behind = 0, ""
        while lot := await approved(self._database, LOT, behind):
            for tenant_id, change_id in lot:
                await self._one(tenant_id, change_id)
            done, behind = done + len(lot), lot[-1][1]
        return done

    async def _one(self, tenant_id: str, change_id: str) -> None:
        read = partial(read_approved, keyring=self._keyring, tenant_id=tenant_id, change_id=change_id)
        change = await self._database.read(tenant_id, read)
        try:
            if change is not None and await self._carried_out(tenant_id, change):
                return
        except Overtaken:
            return
        except CannotOpen:
            log.error("source_change_given_up", tenant_id=tenant_id)
        now = self._clock.now()
        await self._database.write(tenant_id, lambda conn: give_up(conn, tenant_id, change_id, now))

    async def _carried_out(self, tenant_id: str, change: Approved) -> bool:
        wanted = change.proposal
        done = await self._edit(tenant_id, change, wanted)
        if done.refused == "address_taken" and wanted.what == "changed":
            # Somebody has added the new one by hand meanwhile: what is left to do is to take the old one away.
            gone = Proposal("removed", wanted.place, wanted.address_id, wanted.before, "")
            done = await self._edit(tenant_id, change, gone)
        return not done.refused

    async def _edit(self, tenant_id: str, change: Approved, wanted: Proposal) -> AddressChanged:
        now = self._clock.now()
        edit = AddressEdit(wanted.what, wanted.address_id, wanted.kind, wanted.before, wanted.after)
        event = AuditEvent(
            id=self._random.new_id(now),
            at=now,
            kind=f"contact.address_{wanted.what}",
            technician_id=change.decided_by,
            contact_id=change.contact_id,
            public={"source": change.source_id, "organisation": change.organisation_id},
        )
        also = partial(settle, keyring=self._keyring, tenant_id=tenant_id, change=change, came=wanted, now=now)
        return await self._acts.edit_address(tenant_id, change.contact_id, edit, event, also)
