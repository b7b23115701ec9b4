"""Reports: a tenant's figures by month and day. What is settled is kept as it was counted, the rest counted anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from storage.codec import KIND
from storage.database import Database, Unscoped
from storage.months import Month, begins, day_of, ends, month_of
from storage.report_counting import count_day
from storage.settings_json import load_settings
from storage.tables import dialogs, report_days, tenants
from storage.tallies import Figures, Line, dump_figures, line_of, load_figures
from storage.times import moment

#: Goes up when anything is counted in another way.
SHAPE = 1
#: After this nothing changes a day any more: a denial may come a day late, and carriers report for some days.
SETTLED_AFTER = timedelta(days=3)
MONTHS = 12
#: Days that are kept in one transaction.
_KEPT_AT_ONCE = 31
_r = report_days.c


@dataclass(frozen=True, slots=True)
class MonthReport:
    """Everything of a month up to now, and its days so far."""

    month: Month
    zone: str
    figures: Figures
    days: tuple[tuple[date, Line], ...]


class Reports:
    """Counts, and keeps what it has counted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def month(self, tenant_id: str, zone: str, month: Month, now: datetime) -> MonthReport:
        """The month in the zone's time; a month that has not begun has no days."""
        days = [day for day in month.days() if begins(day, zone) <= now]
        kept = await self._kept(tenant_id, zone, days)
        figures, lines = Figures(), []
        missing = await self._counted(tenant_id, zone, [day for day in days if day not in kept], now)
        for day in days:
            found = kept.get(day) or missing[day]
            figures.add(found)
            lines.append((day, line_of(found)))
        return MonthReport(month, zone, figures, tuple(lines))

    async def year(self, tenant_id: str, zone: str, last: Month, now: datetime) -> tuple[tuple[Month, Line], ...]:
        """The twelve months up to `last`, oldest first, those without anything included."""
        months = [last.moved(back) for back in range(1 - MONTHS, 1)]
        days = [day for month in months for day in month.days() if begins(day, zone) <= now]
        lines = await self._lines(tenant_id, zone, days)
        missing = await self._counted(tenant_id, zone, [day for day in days if day not in lines], now)
        by_month = {month: Line() for month in months}
        for day in days:
            by_month[month_of(day)] += lines[day] if day in lines else line_of(missing[day])
        return tuple(by_month.items())

    async def first_month(self, tenant_id: str, zone: str) -> Month:
        """The month in which the tenant's figures begin."""
        return month_of(day_of(await self._since(tenant_id), zone))

    async def settle(self, tenant_id: str, zone: str, now: datetime) -> int:
        """Count every settled day that was not counted yet, and keep it; how many."""
        first, last = day_of(await self._since(tenant_id), zone), day_of(now - SETTLED_AFTER, zone)
        days = [date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1)]
        settled = [day for day in days if _is_settled(day, zone, now)]
        lines = await self._lines(tenant_id, zone, settled)
        missing = [day for day in settled if day not in lines]
        await self._counted(tenant_id, zone, missing, now)
        return len(missing)

    async def _since(self, tenant_id: str) -> datetime:
        """Since when there can be anything to count."""

        def work(conn: Connection) -> int:
            made = conn.scalar(select(tenants.c.created_at).where(tenants.c.id == tenant_id)) or 0
            first = select(func.min(dialogs.c.created_at)).where(
                dialogs.c.tenant_id == tenant_id, dialogs.c.kind == KIND
            )
            return min(made, conn.scalar(first) or made)

        return moment(await self._database.read(tenant_id, work))

    async def _counted(self, tenant_id: str, zone: str, days: Sequence[date], now: datetime) -> dict[date, Figures]:
        """Each of the days, counted now. Those that are settled are kept."""
        found: dict[date, Figures] = {}
        if not days:
            return found
        since = await self._since(tenant_id)
        keep: list[date] = []
        for day in days:
            nothing_yet = ends(day, zone) <= since
            found[day] = Figures() if nothing_yet else await count_day(self._database, tenant_id, zone, day, now)
            if not nothing_yet and _is_settled(day, zone, now):
                keep.append(day)
            if len(keep) == _KEPT_AT_ONCE:
                await self._keep(tenant_id, zone, [(each, found[each]) for each in keep])
                keep = []
        if keep:
            await self._keep(tenant_id, zone, [(each, found[each]) for each in keep])
        return found

    async def _kept(self, tenant_id: str, zone: str, days: Sequence[date]) -> dict[date, Figures]:
        rows = await self._rows(tenant_id, zone, days, (_r.day, _r.body))
        return {date.fromisoformat(row.day): load_figures(row.body) for row in rows}

    async def _lines(self, tenant_id: str, zone: str, days: Sequence[date]) -> dict[date, Line]:
        names = [field.name for field in fields(Line)]
        rows = await self._rows(tenant_id, zone, days, (_r.day, *(_r[name] for name in names)))
        return {date.fromisoformat(row.day): Line(*row[1:]) for row in rows}

    async def _rows(self, tenant_id: str, zone: str, days: Sequence[date], columns: Sequence[Any]) -> Sequence[Any]:
        """Of days in order."""
        if not days:
            return ()
        query = select(*columns).where(
            _r.tenant_id == tenant_id,
            _r.zone == zone,
            _r.shape == SHAPE,
            _r.day.between(days[0].isoformat(), days[-1].isoformat()),
        )
        return await self._database.read(tenant_id, lambda conn: conn.execute(query).all())

    async def _keep(self, tenant_id: str, zone: str, counted: Sequence[tuple[date, Figures]]) -> None:
        """Whoever counted the same days at the same time has counted the same."""
        names = [field.name for field in fields(Line)]

        def work(conn: Connection) -> None:
            these = [day.isoformat() for day, _ in counted]
            # Also those of another zone: nobody asks for them again before all are counted anew.
            conn.execute(delete(report_days).where(_r.tenant_id == tenant_id, _r.zone != zone))
            conn.execute(delete(report_days).where(_r.tenant_id == tenant_id, _r.zone == zone, _r.day.in_(these)))
            conn.execute(
                insert(report_days),
                [
                    {
                        "tenant_id": tenant_id,
                        "zone": zone,
                        "day": day.isoformat(),
                        "shape": SHAPE,
                        "body": dump_figures(figures),
                        **{name: getattr(line_of(figures), name) for name in names},
                    }
                    for day, figures in counted
                ],
            )

        await self._database.write(tenant_id, work)


async def settle_all(database: Database, now: datetime) -> int:
    """Every tenant's settled days; how many were counted. For the day's upkeep."""
    query = select(tenants.c.id, tenants.c.settings).order_by(tenants.c.id)
    found = await database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).all())
    reports = Reports(database)
    return sum([await reports.settle(row.id, load_settings(row.settings).timezone, now) for row in found])


def _is_settled(day: date, zone: str, now: datetime) -> bool:
    return ends(day, zone) + SETTLED_AFTER <= now
