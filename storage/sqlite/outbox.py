"""The outbox on SQLite: leases, outcomes, delivery reports. Runs in the writer's transaction like a turn."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from dialogs.messages import DeliveryReport
from dialogs.turns import Alert, AuditEvent, Barred, Leased, OutboxItem, Settled, Timer
from storage.codec import load_texts
from storage.digests import report_digest
from storage.keys import CannotOpen, place
from storage.outbox_rules import EARLY_REPORTS_KEPT, carries_code, is_text
from storage.sqlite import outbox_sql as sql
from storage.sqlite import read_sql
from storage.sqlite.decisions import DecisionWriter
from storage.sqlite.facts import FactLoader
from storage.sqlite.verification_sql import IS_LIVE
from storage.times import id_from, maybe_moment, micros, moment
from storage.turn_keys import TurnKeys

#: Where these stand in a row of `DUE`.
_ID, _DUE_AT = 1, 17


class OutboxWriter:
    """Works with the writer's cursor. `rank` orders the provider's delivery states; a higher one never goes back."""

    def __init__(
        self, cursor: sqlite3.Cursor, loader: FactLoader, decisions: DecisionWriter, rank: Callable[[str], int]
    ) -> None:
        self._cursor = cursor
        self._run = cursor.execute
        self._loader = loader
        self._decisions = decisions
        self._rank = rank

    def put_aside(self, timer: Timer, audit: AuditEvent, alert: Alert) -> None:
        self._run(sql.END_THIS_TIMER, (timer.tenant_id, timer.check_id, timer.name, micros(timer.at)))
        if self._cursor.rowcount:
            self._decisions.events((audit,), (alert,), (), self._keys_of(timer.tenant_id, {}), audit.at)

    def next_due(self) -> datetime | None:
        """When the next head is due, or is due again. Reads no further than the first that is free."""
        soonest: int | None = None
        heads = self._cursor.connection.execute(sql.NEXT_OUTBOX)
        for due_at, held_until in heads:
            at = due_at if held_until is None else max(due_at, held_until)
            soonest = at if soonest is None else min(soonest, at)
            if held_until is None:
                break
        heads.close()
        return maybe_moment(soonest)

    def lease(self, worker: str, now: datetime, limit: int, lasts: timedelta, full: Collection[str]) -> list[Leased]:
        at, until = micros(now), micros(now + lasts)
        keys: dict[str, TurnKeys] = {}
        leased = []
        for row in self._shared_out(at, limit, full):
            found = self._lease_one(row, worker, at, until, self._keys_of(row[0], keys))
            if found is not None:
                leased.append(found)
        return leased

    def renew(self, leased: Sequence[Leased], now: datetime, lasts: timedelta) -> None:
        at, until = micros(now), micros(now + lasts)
        for held in leased:
            self._run(sql.RENEW, (until, held.tenant_id, held.item.id, held.fence, at))

    def release(self, worker: str) -> None:
        self._run(sql.DROP_HELD, (worker,))
        self._run(sql.RELEASE, (worker,))

    def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        keys: dict[str, TurnKeys] = {}
        for settled in outcomes:
            self._settle_one(settled, now, self._keys_of(settled.leased.tenant_id, keys))

    def report(self, report: DeliveryReport, now: datetime) -> bool:
        """True when the state moved. An unknown id is kept: the report may have overtaken our own note of the send."""
        row = self._run(sql.BY_PROVIDER, (report.provider, report.provider_id)).fetchone()
        if row is None:
            self._run(sql.END_STALE_EARLY, (micros(now - EARLY_REPORTS_KEPT),))
            self._run(
                sql.KEEP_EARLY, (report.provider, report.provider_id, report.status, report.error_code, micros(now))
            )
            return False
        return self._move(row, report, now)

    def _shared_out(self, now: int, limit: int, full: Collection[str]) -> list[Any]:
        """Rows of `DUE` by rounds: the oldest of each tenant, then the second of each, and so on."""
        # A cursor for each tenant: a tenant's rows are found one at a time, however many wait behind them.
        lines = [
            self._cursor.connection.execute(sql.DUE, (tenant_id, now, now))
            for tenant_id in self._tenants()
            if tenant_id not in full
        ]
        chosen: list[Any] = []
        waiting = lines
        while waiting and len(chosen) < limit:
            found = [(line, line.fetchone()) for line in waiting]
            waiting = [line for line, row in found if row is not None]
            chosen += sorted((row for _, row in found if row is not None), key=lambda row: (row[_DUE_AT], row[_ID]))
        # Closed before anything is written: what an open cursor makes of that is undefined.
        for line in lines:
            line.close()
        return chosen[:limit]

    def _tenants(self) -> Iterator[str]:
        """All that have something unfinished."""
        tenant_id = ""
        while (tenant_id := self._run(sql.NEXT_TENANT, (tenant_id,)).fetchone()[0]) is not None:
            yield tenant_id

    def _lease_one(self, row: Any, worker: str, now: int, until: int, keys: TurnKeys) -> Leased | None:
        tenant_id, item_id, kind, lane, sealed, template, check_id, talk_id, contact_id, technician_id = row[:10]
        segments, after_stop, status, attempt, unclear, fence, held_until, due_at, drop_at, first, challenge = row[10:]
        fence += 1
        attempt += 1
        # A lease that ran out: its worker died, perhaps between the send and our note of it (REL-04).
        ran_out = held_until is not None
        unclear += ran_out
        unknown = status == "unknown" or ran_out
        began = first if first is not None else now
        self._run(
            sql.TAKE_LEASE,
            ("unknown" if unknown else "waiting", attempt, unclear, fence, worker, until, began, tenant_id, item_id),
        )
        if carries_code(template) and self._is_over(tenant_id, check_id):
            self._finish(tenant_id, item_id, fence, "dropped", now, template, error="the check has ended")
            return None
        try:
            opened = keys.of(contact_id).open(sealed, place("outbox", "payload", tenant_id, item_id))
        except CannotOpen as why:
            self._finish(tenant_id, item_id, fence, "dead", now, template, error=str(why))
            return None
        payload = load_texts(opened)
        suppressed: Barred = ""
        if is_text(kind) and not after_stop:
            ask = (tenant_id, payload["to"], now, tenant_id, payload["to"], payload["from"])
            barred = self._run(read_sql.SUPPRESSED, ask).fetchone()
            suppressed = barred[0] if barred is not None else ""
        item = OutboxItem(
            item_id,
            kind,
            lane,
            payload,
            moment(due_at),
            maybe_moment(drop_at),
            check_id,
            talk_id,
            contact_id,
            technician_id,
            template,
            bool(challenge),
            bool(after_stop),
            segments,
        )
        return Leased(tenant_id, item, attempt, fence, suppressed, unknown, maybe_moment(first), unclear)

    def _settle_one(self, settled: Settled, now: datetime, keys: TurnKeys) -> None:
        held, item, at = settled.leased, settled.leased.item, micros(now)
        tenant_id, outcome = held.tenant_id, settled.outcome
        if outcome in ("retry", "unknown") and carries_code(item.template) and self._is_over(tenant_id, item.check_id):
            outcome = "dropped"
        match outcome:
            case "retry" | "unknown" if not settled.tried:
                due = micros(settled.retry_at or now)
                self._run(sql.PUT_OFF, (due, settled.error, tenant_id, item.id, held.fence))
                known = self._cursor.rowcount == 1
            case "retry" | "unknown":
                status = "waiting" if outcome == "retry" else "unknown"
                due = micros(settled.retry_at or now)
                more = int(outcome == "unknown")
                self._run(sql.AGAIN, (status, more, due, settled.error, tenant_id, item.id, held.fence))
                known = self._cursor.rowcount == 1
            case _:
                sent = (settled.provider, settled.provider_id)
                known = self._finish(tenant_id, item.id, held.fence, outcome, at, item.template, *sent, settled.error)
        if not known:
            return
        self._decisions.events(settled.audit, settled.alerts, settled.suppressions, keys, now)
        if outcome == "sent" and settled.provider_id:
            self._apply_early(settled.provider, settled.provider_id, now)

    def _finish(
        self,
        tenant_id: str,
        item_id: str,
        fence: int,
        status: str,
        now: int,
        template: str,
        provider: str = "",
        provider_id: str = "",
        error: str = "",
    ) -> bool:
        """False when the fence is stale: somebody else has it, or it is done."""
        self._run(sql.FINISH, (status, now, provider, provider_id, error, tenant_id, item_id, fence))
        if self._cursor.rowcount == 0:
            return False
        if carries_code(template):
            self._run(sql.WIPE, (tenant_id, item_id))
        return True

    def _is_over(self, tenant_id: str, check_id: str) -> bool:
        row = self._run(IS_LIVE, (tenant_id, check_id, tenant_id, check_id)).fetchone()
        return row is not None and not row[0]

    def _apply_early(self, provider: str, provider_id: str, now: datetime) -> None:
        for status, code in self._run(sql.EARLY, (provider, provider_id)).fetchall():
            row = self._run(sql.BY_PROVIDER, (provider, provider_id)).fetchone()
            self._move(row, DeliveryReport(provider, provider_id, status, code), now)
        self._run(sql.END_EARLY, (provider, provider_id))

    def _move(self, row: Any, report: DeliveryReport, now: datetime) -> bool:
        tenant_id, item_id, had, check_id, contact_id, technician_id, talk_id = row
        rank = self._rank(report.status)
        if rank <= had:
            return False
        self._run(sql.DELIVERED, (report.status, rank, report.error_code, tenant_id, item_id))
        event = AuditEvent(
            id_from(micros(now), report_digest(report)),
            now,
            "text.delivery",
            check_id,
            contact_id,
            technician_id,
            conversation_id=talk_id,
            public={"status": report.status, "error_code": report.error_code, "outbox_id": item_id},
        )
        self._decisions.events((event,), (), (), self._keys_of(tenant_id, {}), now)
        return True

    def _keys_of(self, tenant_id: str, known: dict[str, TurnKeys]) -> TurnKeys:
        if tenant_id not in known:
            tenant = self._loader.tenant(tenant_id)
            assert tenant is not None, "an outbox row has a tenant"
            known[tenant_id] = self._loader.keys_of(tenant)
        return known[tenant_id]
