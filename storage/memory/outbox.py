"""The outbox in dicts: leases, outcomes, delivery reports, as on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dialogs.messages import DeliveryReport
from dialogs.turns import AuditEvent, Barred, Leased, Settled
from storage.digests import report_digest
from storage.memory.rows import Key, Queued, Rows
from storage.memory.writes import apply_events, check_events
from storage.outbox_rules import EARLY_REPORTS_KEPT, carries_code, is_text
from storage.times import id_from, micros


class MemoryOutbox:
    """`rank` orders the provider's delivery states; a higher one never goes back."""

    def __init__(self, rows: Rows, rank: Callable[[str], int]) -> None:
        self._rows = rows
        self._rank = rank

    def heads(self) -> list[Queued]:
        """The oldest unfinished item of each lane."""
        heads: dict[Key, Queued] = {}
        for row in sorted((r for r in self._rows.outbox.values() if r.done_at is None), key=lambda r: r.item.id):
            heads.setdefault((row.tenant_id, row.item.lane), row)
        return sorted(heads.values(), key=lambda r: (r.due_at, r.item.id))

    def next_due(self) -> datetime | None:
        times = [max(row.due_at, row.lease_until or row.due_at) for row in self.heads()]
        return min(times, default=None)

    def lease(self, worker: str, now: datetime, limit: int, lasts: timedelta, full: Collection[str]) -> list[Leased]:
        free = [r for r in self.heads() if r.due_at <= now and (r.lease_until is None or r.lease_until <= now)]
        nth: Counter[str] = Counter()
        turns = []
        for row in free:
            nth[row.tenant_id] += 1
            turns.append((nth[row.tenant_id], row.due_at, row.item.id, row))
        fair = [row for *_, row in sorted(turns, key=lambda t: t[:3]) if row.tenant_id not in full]
        return [leased for row in fair[:limit] if (leased := self._lease_one(row, worker, now, now + lasts))]

    def renew(self, leased: Sequence[Leased], now: datetime, lasts: timedelta) -> None:
        for held in leased:
            row = self._held(held)
            if row is not None and row.lease_until is not None and row.lease_until > now:
                self._put(replace(row, lease_until=now + lasts))

    def release(self, worker: str) -> None:
        for row in list(self._rows.outbox.values()):
            if row.done_at is None and row.worker == worker and row.lease_until is not None:
                if carries_code(row.item.template) and self._rows.is_over(row.tenant_id, row.item.check_id):
                    gone = replace(row, worker="", lease_until=None, status="dropped", done_at=row.due_at)
                    self._put(self._wiped(gone))
                    continue
                self._put(replace(_untried(row), worker="", lease_until=None))

    def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        for settled in outcomes:
            check_events(self._rows, settled.leased.tenant_id, settled.audit, settled.alerts)
        for settled in outcomes:
            self._settle_one(settled, now)

    def report(self, report: DeliveryReport, now: datetime) -> bool:
        early = self._rows.early
        for row in self._rows.outbox.values():
            if row.provider_id and (row.provider, row.provider_id) == (report.provider, report.provider_id):
                return self._move(row, report, now)
        for name, kept in list(early.items()):
            early[name] = {s: (c, at) for s, (c, at) in kept.items() if at >= now - EARLY_REPORTS_KEPT}
        early.setdefault((report.provider, report.provider_id), {}).setdefault(report.status, (report.error_code, now))
        return False

    def _lease_one(self, row: Queued, worker: str, now: datetime, until: datetime) -> Leased | None:
        item = row.item
        if carries_code(item.template) and self._rows.is_over(row.tenant_id, item.check_id):
            self._put(self._wiped(replace(row, fence=row.fence + 1, status="dropped", done_at=now)))
            return None
        suppressed: Barred = ""
        if is_text(item.kind) and not item.after_stop:
            suppressed = self._rows.suppressed(row.tenant_id, item.payload["to"], item.payload["from"], now)
        ran_out = row.lease_until is not None
        unknown = row.status == "unknown" or ran_out
        taken = replace(
            row,
            status="unknown" if unknown else "waiting",
            attempt=row.attempt + 1,
            unclear=row.unclear + ran_out,
            fence=row.fence + 1,
            worker=worker,
            lease_until=until,
            first_attempt_at=row.first_attempt_at or now,
        )
        self._put(taken)
        due = replace(item, due_at=row.due_at)
        return Leased(
            row.tenant_id, due, taken.attempt, taken.fence, suppressed, unknown, row.first_attempt_at, taken.unclear
        )

    def _settle_one(self, settled: Settled, now: datetime) -> None:
        held = settled.leased
        row = self._held(held)
        if row is None:
            return
        row = replace(row, worker="", lease_until=None, error=settled.error)
        again = settled.outcome in ("retry", "unknown")
        if again and carries_code(row.item.template) and self._rows.is_over(held.tenant_id, row.item.check_id):
            self._put(self._wiped(replace(row, status="dropped", done_at=now)))
        elif again and not settled.tried:
            self._put(replace(_untried(row), due_at=settled.retry_at or now))
        elif settled.outcome == "retry":
            self._put(replace(row, status="waiting", due_at=settled.retry_at or now))
        elif settled.outcome == "unknown":
            self._put(replace(row, status="unknown", unclear=row.unclear + 1, due_at=settled.retry_at or now))
        else:
            done = replace(row, status=settled.outcome, done_at=now)
            self._put(self._wiped(replace(done, provider=settled.provider, provider_id=settled.provider_id)))
        apply_events(self._rows, held.tenant_id, settled.audit, settled.alerts, settled.suppressions)
        if settled.outcome == "sent" and settled.provider_id:
            self._apply_early(settled.provider, settled.provider_id, held, now)

    def _apply_early(self, provider: str, provider_id: str, held: Leased, now: datetime) -> None:
        kept = self._rows.early.pop((provider, provider_id), {})
        for status, (code, _) in sorted(kept.items(), key=lambda one: (one[1][1], one[0])):
            row = self._rows.outbox[held.tenant_id, held.item.id]
            self._move(row, DeliveryReport(provider, provider_id, status, code), now)

    def _move(self, row: Queued, report: DeliveryReport, now: datetime) -> bool:
        rank = self._rank(report.status)
        if rank <= row.delivery_rank:
            return False
        item = row.item
        self._put(replace(row, delivery=report.status, delivery_rank=rank, error=report.error_code))
        event = AuditEvent(
            id_from(micros(now), report_digest(report)),
            now,
            "text.delivery",
            item.check_id,
            item.contact_id,
            item.technician_id,
            conversation_id=item.conversation_id,
            public={"status": report.status, "error_code": report.error_code, "outbox_id": item.id},
        )
        apply_events(self._rows, row.tenant_id, (event,), (), ())
        return True

    def _held(self, held: Leased) -> Queued | None:
        """The row while the lease's fence is still the newest."""
        row = self._rows.outbox.get((held.tenant_id, held.item.id))
        return row if row is not None and row.done_at is None and row.fence == held.fence else None

    def _wiped(self, row: Queued) -> Queued:
        """What carried a code keeps none once it is done with."""
        return replace(row, item=replace(row.item, payload={})) if carries_code(row.item.template) else row

    def _put(self, row: Queued) -> None:
        self._rows.outbox[row.tenant_id, row.item.id] = row


def _untried(row: Queued) -> Queued:
    """The attempt under this lease does not count: nothing was sent."""
    first = row.first_attempt_at if row.attempt > 1 else None
    return replace(row, attempt=row.attempt - 1, first_attempt_at=first)
