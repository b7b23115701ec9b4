"""What one turn is to write, gathered piece by piece, each with an id of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bot.wording import Wording
from dialogs.ports import Randomness
from dialogs.turns import Alert, Announcement, AuditEvent, OutboxItem, TenantFacts, Timer


class Gathered:
    """One turn's audit events, outbox items, timers, alerts and endings, so far."""

    def __init__(self, tenant: TenantFacts, now: datetime, random: Randomness, wording: Wording) -> None:
        self.tenant = tenant
        self.now = now
        self._random = random
        self._wording = wording
        self._audit: list[AuditEvent] = []
        self._outbox: list[OutboxItem] = []
        self._timers: list[Timer] = []
        self._alerts: list[Alert] = []
        self._give_back: list[str] = []
        self._announcements: list[Announcement] = []
        self._end_shields: list[str] = []

    def new_id(self) -> str:
        return self._random.new_id(self.now)

    def audit(
        self,
        kind: str,
        *,
        check_id: str = "",
        contact_id: str = "",
        technician_id: str = "",
        ticket_id: str = "",
        conversation_id: str = "",
        channel: str = "",
        public: Mapping[str, str | int] | None = None,
        sealed: Mapping[str, str] | None = None,
    ) -> None:
        self._audit.append(
            AuditEvent(
                id=self.new_id(),
                at=self.now,
                kind=kind,
                check_id=check_id,
                contact_id=contact_id,
                technician_id=technician_id,
                ticket_id=ticket_id,
                conversation_id=conversation_id,
                channel=channel,
                public=public or {},
                sealed=sealed or {},
            )
        )

    def enqueue(self, item: OutboxItem) -> None:
        self._outbox.append(item)

    def end_shields(self, contact_id: str) -> None:
        """What was verified of this contact counts no longer (SEC-15)."""
        if contact_id and contact_id not in self._end_shields:
            self._end_shields.append(contact_id)
