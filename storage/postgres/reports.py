"""Delivery reports on PostgreSQL: forward, never back, and none lost that overtakes our own note of the send."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

from dialogs.messages import DeliveryReport
from dialogs.turns import AuditEvent, Settled
from storage.digests import report_digest
from storage.outbox_rules import EARLY_REPORTS_KEPT
from storage.postgres import outbox_sql as sql
from storage.postgres.facts import FactLoader
from storage.postgres.line import seeing
from storage.postgres.locks import lock_of
from storage.postgres.row_security import Reason
from storage.postgres.sheet import Sheet, events_of
from storage.times import id_from, micros


def locks_of(reports: Collection[DeliveryReport], outcomes: Collection[Settled] = ()) -> list[int]:
    """One for each message. A report and our note of the send wait for one another: the report finds the note, or the
    note finds the report."""
    ids = {(r.provider, r.provider_id) for r in reports}
    ids |= {(s.provider, s.provider_id) for s in outcomes if s.outcome == "sent" and s.provider_id}
    return [lock_of(f"report {provider} {provider_id}") for provider, provider_id in ids]


class Reports:
    """Works inside a transaction that somebody else opens and commits, and that has the locks of `locks_of`."""

    def __init__(self, loader: FactLoader, rank: Callable[[str], int]) -> None:
        self._loader = loader
        self._rank = rank

    async def take(self, connection: Any, reports: Sequence[DeliveryReport], now: datetime) -> list[bool]:
        """Which of them moved something. Sees the queues at first. A report on a message that nobody knows is kept: it
        may have overtaken our own note of the send."""
        known = await self._sent(connection, {(r.provider, r.provider_id) for r in reports})
        strangers = [r for r in reports if (r.provider, r.provider_id) not in known]
        if strangers:
            at = micros(now)
            await connection.execute(sql.END_STALE_EARLY, micros(now - EARLY_REPORTS_KEPT))
            columns = zip(*((r.provider, r.provider_id, r.status, r.error_code, at) for r in strangers), strict=True)
            await connection.execute(sql.KEEP_EARLY, *columns)
        if known:
            await connection.execute(seeing(Reason.TENANTS, {row[2] for row in known.values()}))
        return await self._move(connection, reports, known, now)

    async def catch_up(self, connection: Any, sent: Collection[tuple[str, str]], now: datetime) -> None:
        """Apply what was reported before these were noted as sent. Sees their tenants."""
        columns = list(zip(*sorted(sent), strict=True))
        rows = await connection.fetch(sql.EARLY, *columns)
        if rows:
            known = await self._sent(connection, sent)
            await self._move(connection, [DeliveryReport(*row) for row in rows], known, now)
            await connection.execute(sql.END_EARLY, *columns)

    async def _sent(self, connection: Any, ids: Collection[tuple[str, str]]) -> dict[tuple[str, str], Any]:
        rows = await connection.fetch(sql.BY_PROVIDER, *zip(*sorted(ids), strict=True))
        return {(row[0], row[1]): row for row in rows}

    async def _move(
        self, connection: Any, reports: Sequence[DeliveryReport], known: dict[tuple[str, str], Any], now: datetime
    ) -> list[bool]:
        ranks = {key: row[4] for key, row in known.items()}
        moved: dict[tuple[str, str], tuple[Any, ...]] = {}
        events: list[tuple[str, AuditEvent]] = []
        answers = []
        for report in reports:
            key = (report.provider, report.provider_id)
            rank = self._rank(report.status)
            answers.append(key in known and rank > ranks[key])
            if not answers[-1]:
                continue
            _, _, tenant_id, item_id, _, check_id, contact_id, technician_id, talk_id = known[key]
            ranks[key] = rank
            moved[key] = (tenant_id, item_id, report.status, rank, report.error_code)
            events.append(
                (
                    tenant_id,
                    AuditEvent(
                        id_from(micros(now), report_digest(report)),
                        now,
                        "text.delivery",
                        check_id,
                        contact_id,
                        technician_id,
                        conversation_id=talk_id,
                        public={"status": report.status, "error_code": report.error_code, "outbox_id": item_id},
                    ),
                )
            )
        if moved:
            await connection.execute(sql.DELIVERED, *zip(*sorted(moved.values()), strict=True))
            versions = dict(await connection.fetch(sql.VERSIONS, list({tenant_id for tenant_id, _ in events})))
            tenants = await self._loader.tenants(connection, versions)
            sheet = Sheet()
            for tenant_id, event in events:
                # Nothing of it is sealed, so no contact's key is needed.
                keys = self._loader.keys_of(tenants[tenant_id])
                keys.wrapped[event.contact_id] = None
                sheet.add(0, list(events_of((event,), (), (), keys, now)))
            await sheet.write(connection)
        return answers
