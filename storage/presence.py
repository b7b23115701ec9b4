"""Who has a console open. Told to colleagues as a courtesy; nothing is decided by it."""

from __future__ import annotations

from collections import Counter
from typing import Protocol


class Presence(Protocol):
    """A technician may have several consoles open; each arrives and leaves once."""

    def arrive(self, tenant_id: str, technician_id: str) -> None:
        """A console of theirs has opened its event stream. On the event loop; does not wait."""
        ...

    def leave(self, tenant_id: str, technician_id: str) -> None:
        """That console is gone. On the event loop; does not wait."""
        ...

    async def present(self, tenant_id: str) -> frozenset[str]:
        """Ids of the technicians with a console open now, as far as is known; never an error."""
        ...


class LocalPresence:
    """The consoles of this process."""

    def __init__(self) -> None:
        self._open: dict[str, Counter[str]] = {}

    def arrive(self, tenant_id: str, technician_id: str) -> None:
        self._open.setdefault(tenant_id, Counter())[technician_id] += 1

    def leave(self, tenant_id: str, technician_id: str) -> None:
        here = self._open.get(tenant_id, Counter())
        here[technician_id] -= 1
        if here[technician_id] <= 0:
            del here[technician_id]
        if not here:
            self._open.pop(tenant_id, None)

    async def present(self, tenant_id: str) -> frozenset[str]:
        return self.here(tenant_id)

    def here(self, tenant_id: str) -> frozenset[str]:
        """Those of one tenant."""
        return frozenset(self._open.get(tenant_id, ()))

    def tenants(self) -> frozenset[str]:
        """Tenants with a console open here."""
        return frozenset(self._open)
