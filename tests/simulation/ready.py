"""What verifying end users needs beside the turn store, over the memory store: links, who is on duty, ways out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from bot.acts import Acts
from bot.engine import Engine
from dialogs import user_verify as uv
from dialogs.number_signals import NOTHING_KNOWN, KnownNumbers
from dialogs.ports import Clock, Randomness
from dialogs.settings import TenantSettings
from dialogs.tech_verify import Open
from dialogs.turns import AddressFacts
from psa.base import Psa
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


class ActsInMemory(Acts):
    """Finds in the memory store who waits for a call."""

    def __init__(
        self,
        engine: Engine,
        psa: Callable[[str], Psa],
        database: Database,
        clock: Clock,
        random: Randomness,
        store: MemoryTurnStore,
    ) -> None:
        super().__init__(engine, psa, database, clock, random)
        self._store = store

    async def _waiting(self, tenant_id: str, contact_id: str) -> str:
        checks = self._store.rows.checks.items()
        waiting = (
            id for (t, id), c in checks if (t, c.contact_id) == (tenant_id, contact_id) and isinstance(c.state, Open)
        )
        return next(waiting, "")


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


class NobodyLooksUp:
    """A `bot.number_lookups.KnowsNumbers`: no tenant has the carrier asked."""

    def known(self, tenant_id: str, settings: TenantSettings, addresses: Iterable[AddressFacts]) -> KnownNumbers:
        return NOTHING_KNOWN

    async def before(self, tenant_id: str, contact_id: str, address_id: str, method: uv.Method) -> KnownNumbers:
        return NOTHING_KNOWN
