"""Acts of and for a second person (SEC-09, SEC-12)."""

from __future__ import annotations

from typing import Protocol

from web.ports.acting import Acted, Acting


class ApprovalActs(Protocol):
    """Technicians ask a colleague to agree to something, and decide. `Acted.id` is the approval's. Integration keys may
    do nothing here."""

    async def ask(
        self, who: Acting, *, kind: str, contact_id: str, address_id: str = "", ticket: str = "", note: str
    ) -> Acted:
        """Ask: for one code or link to `address_id` (`kind` is `address`), or for high-risk work (`high`). `note`: why;
        the colleague decides by it. Asked again for the same thing, it is the same approval."""
        ...

    async def grant(self, who: Acting, approval_id: str) -> Acted:
        """Say yes to a colleague's. Whoever calls has seen to it that they have just proven who they are (SEC-34)."""
        ...

    async def refuse(self, who: Acting, approval_id: str, *, reason: str = "") -> Acted:
        """Say no to a colleague's."""
        ...

    async def withdraw(self, who: Acting, approval_id: str) -> Acted:
        """Take one's own back, also after the yes."""
        ...
