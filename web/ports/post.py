"""Mail and texts to technicians."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Post(Protocol):
    """Mail and texts to technicians, by the tenant's own mail server and number; all of it goes by the outbox, so it
    survives a crash and is tried again. What is written may hold a link that lets somebody in: it is never logged."""

    async def can_mail(self, tenant_id: str) -> bool:
        """Whether the tenant has a mail server set up."""
        ...

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
        """Send a plain mail; not after `until`. Raises LookupError when no mail server is set up."""
        ...

    async def can_text(self, tenant_id: str) -> bool:
        """Whether the tenant has a number and a carrier account to text from."""
        ...

    async def text(
        self, tenant_id: str, *, to: str, text: str, technician_id: str = "", until: datetime | None = None
    ) -> None:
        """Text a technician from the primary verification number; not after `until`. Raises LookupError without one."""
        ...
