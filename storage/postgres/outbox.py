"""The outbox on PostgreSQL: leases, outcomes, delivery reports. Many items at a time, a few statements each time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from dialogs.turns import Alert, AuditEvent, Leased, OutboxItem, Settled, Timer
from storage.codec import load_texts
from storage.keys import CannotOpen, place
from storage.outbox_rules import carries_code, is_text
from storage.postgres import outbox_sql as sql
from storage.postgres.facts import FactLoader
from storage.postgres.line import seeing
from storage.postgres.reports import Reports
from storage.postgres.row_security import Reason
from storage.postgres.sheet import Sheet, events_of
from storage.times import maybe_moment, micros, moment
from storage.turn_keys import TurnKeys

#: What the columns hold; SQLite takes more, and the provider may say more.
_ERROR_LENGTH, _PROVIDER_ID_LENGTH = 200, 100
_OVER: Final = "the check has ended"


class Outbox:
    """Works inside a transaction that somebody else opens and commits. `rank` orders delivery states."""

    def __init__(self, loader: FactLoader, rank: Callable[[str], int]) -> None:
        self._loader = loader
        self.reports = Reports(loader, rank)

    # --- leases -----------------------------------------------------------------------------------------------------

    async def lease(
        self, connection: Any, worker: str, now: datetime, limit: int, lasts: timedelta, full: Collection[str]
    ) -> list[Leased]:
        """Sees the queues at first, then the tenants whose items it has found."""
        at, until = micros(now), micros(now + lasts)
        rows = await connection.fetch(sql.DUE, at, limit, list(full))
        if not rows:
            return []
        await connection.execute(seeing(Reason.TENANTS, {row[0] for row in rows}))
        about = await self._about(connection, rows)
        await connection.execute(
            sql.TAKE,
            *(worker, until, at),
            [row[0] for row in rows],
            [row[1] for row in rows],
            [row[14] + (row[16] is not None) for row in rows],
            [_unknown(row) for row in rows],
        )
        leased, over = [], []
        for n, row in enumerate(rows):
            keys, is_challenge, is_over = about[n]
            if carries_code(row[5]) and is_over:
                over.append((row, "dropped", _OVER))
                continue
            try:
                payload = keys.of(row[8]).open(row[4], place("outbox", "payload", row[0], row[1]))
            except CannotOpen as why:
                over.append((row, "dead", str(why)))
                continue
            leased.append(_leased(row, load_texts(payload), is_challenge))
        if over:
            await _write_outcomes(
                connection, [(n, *_ending(row, what, why, at)) for n, (row, what, why) in enumerate(over)]
            )
        return await _with_opt_outs(connection, leased, now)

    async def renew(self, connection: Any, leased: Sequence[Leased], now: datetime, lasts: timedelta) -> None:
        held = sorted((one.tenant_id, one.item.id, one.fence) for one in leased)
        await connection.execute(sql.RENEW, micros(now + lasts), micros(now), *_columns(held))

    async def release(self, connection: Any, worker: str) -> None:
        held = await connection.fetch(sql.HELD, worker)
        if held:
            await connection.execute(seeing(Reason.TENANTS, {row[0] for row in held}))
            over = await _over(connection, {(row[0], row[1]) for row in held})
            await connection.execute(sql.RELEASE, worker, [t for t, _ in over], [id_ for _, id_ in over])

    # --- outcomes ---------------------------------------------------------------------------------------------------

    async def settle(self, connection: Any, outcomes: Sequence[Settled], now: datetime) -> None:
        """Sees the tenants of the outcomes and has the locks of `locks_of`."""
        at = micros(now)
        codes = {
            (s.leased.tenant_id, s.leased.item.check_id)
            for s in outcomes
            if s.outcome in ("retry", "unknown") and carries_code(s.leased.item.template)
        }
        over = await _over(connection, codes)
        rows = [(n, *_outcome(settled, over, at)) for n, settled in enumerate(outcomes)]
        known = await _write_outcomes(connection, rows)
        written = [settled for n, settled in enumerate(outcomes) if n in known]
        keys = await self._keys(
            connection, {s.leased.tenant_id for s in written if s.audit or s.alerts or s.suppressions}
        )
        wanted = [(keys[s.leased.tenant_id], event.contact_id) for s in written for event in s.audit]
        wanted += [(keys[s.leased.tenant_id], alert.contact_id) for s in written for alert in s.alerts]
        await self._loader.fetch_keys(connection, wanted)
        sheet = Sheet()
        for settled in written:
            if settled.leased.tenant_id in keys:
                of = keys[settled.leased.tenant_id]
                sheet.add(0, list(events_of(settled.audit, settled.alerts, settled.suppressions, of, now)))
        await sheet.write(connection)
        sent = {(s.provider, _provider_id(s)) for s in written if s.outcome == "sent" and s.provider_id}
        if sent:
            await self.reports.catch_up(connection, sent, now)

    async def put_aside(self, connection: Any, timer: Timer, audit: AuditEvent, alert: Alert) -> None:
        """Sees the timer's tenant."""
        this = (timer.tenant_id, timer.check_id, timer.name, micros(timer.at))
        if await connection.fetchval(sql.END_THIS_TIMER, *this) is None:
            return
        keys = (await self._keys(connection, {timer.tenant_id}))[timer.tenant_id]
        await self._loader.fetch_keys(connection, [(keys, audit.contact_id), (keys, alert.contact_id)])
        sheet = Sheet()
        sheet.add(0, list(events_of((audit,), (alert,), (), keys, audit.at)))
        await sheet.write(connection)

    # --- parts ------------------------------------------------------------------------------------------------------

    async def _about(self, connection: Any, rows: Sequence[Any]) -> list[tuple[TurnKeys, bool, bool]]:
        """Of each item: its keys, whether it is a challenge, whether its check has ended."""
        found = {
            row[0]: row
            for row in await connection.fetch(
                sql.ABOUT,
                list(range(len(rows))),
                [row[0] for row in rows],
                [row[1] for row in rows],
                [row[6] for row in rows],
                [row[8] for row in rows],
            )
        }
        versions = {row[0]: found[n][1] for n, row in enumerate(rows)}
        tenants = await self._loader.tenants(connection, versions)
        about = []
        for n, row in enumerate(rows):
            keys = self._loader.keys_of(tenants[row[0]])
            keys.wrapped[row[8]] = found[n][2]
            about.append((keys, found[n][3], found[n][4]))
        return about

    async def _keys(self, connection: Any, tenant_ids: Collection[str]) -> dict[str, TurnKeys]:
        if not tenant_ids:
            return {}
        versions = dict(await connection.fetch(sql.VERSIONS, list(tenant_ids)))
        tenants = await self._loader.tenants(connection, versions)
        return {id_: self._loader.keys_of(tenant) for id_, tenant in tenants.items()}


async def _over(connection: Any, checks: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Those of these checks that have ended. None of the others can, until the transaction is over."""
    wanted = sorted(check for check in checks if check[1])
    if not wanted:
        return []
    return [(row[0], row[1]) for row in await connection.fetch(sql.OVER, *_columns(wanted))]


async def _write_outcomes(connection: Any, rows: Sequence[tuple[Any, ...]]) -> set[int]:
    """Which of them still counted."""
    if not rows:
        return set()
    in_order = sorted(rows, key=lambda row: row[1:3])
    return {row[0] for row in await connection.fetch(sql.SETTLE, *_columns(in_order))}


def _outcome(settled: Settled, over: Collection[tuple[str, str]], now: int) -> tuple[Any, ...]:
    """A row of `SETTLE`, without its number."""
    held, item, outcome = settled.leased, settled.leased.item, settled.outcome
    if outcome in ("retry", "unknown") and carries_code(item.template) and (held.tenant_id, item.check_id) in over:
        outcome = "dropped"
    again = outcome in ("retry", "unknown")
    untried = again and not settled.tried
    at = micros(settled.retry_at) if again and settled.retry_at is not None else now
    return (
        *(held.tenant_id, item.id, held.fence),
        "waiting" if outcome == "retry" else outcome,
        *(again, untried),
        int(outcome == "unknown" and not untried),
        at,
        *(settled.provider, _provider_id(settled), settled.error[:_ERROR_LENGTH]),
        not again and carries_code(item.template),
    )


def _ending(row: Any, status: str, why: str, now: int) -> tuple[Any, ...]:
    """The same for an item that ends as it is leased."""
    return (
        row[0],
        row[1],
        row[15] + 1,
        status,
        False,
        False,
        0,
        now,
        "",
        "",
        why[:_ERROR_LENGTH],
        carries_code(row[5]),
    )


async def _with_opt_outs(connection: Any, leased: list[Leased], now: datetime) -> list[Leased]:
    """Marks those whose destination has opted out or been blocked since."""
    asking = [
        (n, one.tenant_id, one.item.payload["to"], one.item.payload["from"])
        for n, one in enumerate(leased)
        if is_text(one.item.kind) and not one.item.after_stop
    ]
    if asking:
        for row in await connection.fetch(sql.SUPPRESSED, micros(now), *_columns(asking)):
            one = leased[row[0]]
            leased[row[0]] = Leased(
                one.tenant_id, one.item, one.attempt, one.fence, row[1], one.unknown, one.first_attempt_at, one.unclear
            )
    return leased


def _unknown(row: Any) -> bool:
    """Also when a lease ran out: its worker died, perhaps between the send and our note of it (REL-04)."""
    return row[12] == "unknown" or row[16] is not None


def _leased(row: Any, payload: dict[str, str], is_challenge: bool) -> Leased:
    item = OutboxItem(
        row[1],
        row[2],
        row[3],
        payload,
        moment(row[17]),
        maybe_moment(row[18]),
        check_id=row[6],
        conversation_id=row[7],
        contact_id=row[8],
        technician_id=row[9],
        template=row[5],
        challenge=is_challenge,
        after_stop=row[11],
        segments=row[10],
    )
    unclear = row[14] + (row[16] is not None)
    return Leased(row[0], item, row[13] + 1, row[15] + 1, "", _unknown(row), maybe_moment(row[19]), unclear)


def _provider_id(settled: Settled) -> str:
    return settled.provider_id[:_PROVIDER_ID_LENGTH]


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True))
