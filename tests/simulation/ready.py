"""What verifying end users needs beside the turn store, over the memory store: links, who is on duty, ways out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from storage.database import Database
from storage.duty import OnCall, Roll
from storage.keys import Keyring
from storage.memory import MemoryTurnStore
from storage.verifications import LinkTarget, Verifications
from tests.fixtures.world import MASTER_KEY


class LinksInMemory(Verifications):
    """Finds links in the memory store; there are no pages that would read the rest."""

    def __init__(self, store: MemoryTurnStore, database: Database) -> None:
        super().__init__(database, Keyring([MASTER_KEY]))
        self._store = store

    async def by_link(self, digest: str) -> LinkTarget | None:
        found = self._store.rows.links.get(digest)
        return None if found is None else LinkTarget(*found)


class AloneOnDuty(Roll):
    """One technician of each tenant is on duty, by tenant."""

    def __init__(self, who: Mapping[str, str], database: Database) -> None:
        super().__init__(database)
        self._who = who

    async def active(self, tenant_id: str) -> tuple[OnCall, ...]:
        return (OnCall(self._who[tenant_id], True, "", "", frozenset()),)


class AllWaysOut:
    """A `web.ports.Post`: every tenant can mail and text; nobody here writes to technicians."""

    async def can_mail(self, tenant_id: str) -> bool:
        return True

    async def can_text(self, tenant_id: str) -> bool:
        return True

    async def mail(
        self,
        tenant_id: str,
        *,
        to: str,
        subject: str,
        text: str,
        technician_id: str = "",
        until: datetime | None = None,
    ) -> None:
        raise AssertionError("nobody here is written to")

    async def text(
        self, tenant_id: str, *, to: str, text: str, technician_id: str = "", until: datetime | None = None
    ) -> None:
        raise AssertionError("nobody here is texted")
