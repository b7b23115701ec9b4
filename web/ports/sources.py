"""Organisations whose people become contacts: proving them, and who reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dialogs.turns import AuditEvent

if TYPE_CHECKING:
    from storage.sources.contact_sources import ContactSource


@dataclass(frozen=True, slots=True)
class Connected:
    """What came of connecting an organisation. `refused`: empty when it is connected, else a word of
    `dialogs.people_source.REFUSALS`, `later` (no answer), `not_found` (no such source), `too_many`,
    `connected_elsewhere` (another source of the tenant has it) or `cannot_open` (the kept secret); `remedy` says what
    to do, `detail` the provider's own word. `again`: it was connected before, and is read at once."""

    organisation_id: str = ""
    refused: str = ""
    remedy: str = ""
    detail: str = ""
    again: bool = False


class SourceActs(Protocol):
    """What needs the directory outside, or whoever reads it."""

    def redirect_uri(self, source_id: str) -> str:
        """Where the browser comes back to after the consent; to be entered in the app registration."""
        ...

    def consent_url(self, source: ContactSource, word: str) -> str:
        """Where an organisation's administrator is asked; `word` comes back. Raises `SourceRefused` where the
        application id is none."""
        ...

    async def connect(self, tenant_id: str, source_id: str, organisation: str, event: AuditEvent) -> Connected:
        """Prove an organisation, by its directory id or a domain, with a token for it, and keep it. `event` goes into
        the log if it is connected."""
        ...

    def wake(self) -> None:
        """There is something to read, or a change to carry out."""
        ...
