"""Trying mail and Teams out, for whoever sets them up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a try. `said`: a sentence; `answer`: what the other side said, word for word, empty where it said
    nothing."""

    ok: bool
    said: str
    answer: str = ""


class Trials(Protocol):
    """Trying mail and Teams out, at once and not by the outbox, for whoever sets them up."""

    async def has_common_mail(self) -> bool:
        """Whether the operator has set a mail server for tenants without one of their own."""
        ...

    async def mail(self, tenant_id: str, *, to: str) -> Tried:
        """A test mail by the server that the tenant's mail goes by."""
        ...

    async def check_post(self, url: str) -> str:
        """Why nothing would be posted to that address of a workflow, empty when it would."""
        ...

    async def post(self, tenant_id: str, connection_id: str) -> Tried:
        """Post "Hello, World"."""
        ...
