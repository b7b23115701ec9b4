"""Challenges sent lately, counted for a whole batch: each turn also counts what those before it in the batch send."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from dialogs.limits import PrefixDay, SendCounts
from dialogs.turns import Alert, Facts, OutboxItem, VerificationFacts
from storage.digests import prefix_of
from storage.postgres import read_sql as sql
from storage.times import micros, moment

_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose sends turn `n` wants counted. `technician_id` may be empty, and so `address_id`, for a turn that asks for
    one destination only."""

    n: int
    tenant_id: str
    to: str
    technician_id: str
    now: datetime
    address_id: str = ""


@dataclass(frozen=True, slots=True)
class _Sent:
    at: datetime
    prefix: str
    technician_id: str


class Sends:
    """What is in the database, and what the batch adds. The tenants are locked, so nobody else adds anything."""

    def __init__(self) -> None:
        self._asked: defaultdict[int, list[Asked]] = defaultdict(list)
        self._tenants: defaultdict[str, list[_Sent]] = defaultdict(list)
        self._to: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
        self._segments: defaultdict[str, int] = defaultdict(int)
        self._days: defaultdict[tuple[str, str], PrefixDay] = defaultdict(PrefixDay)
        self._alerts: set[tuple[str, str]] = set()

    async def load(self, connection: Any, asked: Sequence[Asked]) -> None:
        if not asked:
            return
        for one in asked:
            self._asked[one.n].append(one)
        # Times differ by what the turns have waited; the widest window holds all of them.
        since: dict[str, datetime] = {}
        for one in asked:
            since[one.tenant_id] = min(one.now, since.get(one.tenant_id, one.now))
        ids = list(since)
        hours, days = ([micros(since[id_] - window) for id_ in ids] for window in (_HOUR, _DAY))
        to = list({(one.tenant_id, one.to): one for one in asked}.values())
        prefixes = list({(one.tenant_id, prefix_of(one.to)) for one in asked})
        rows = await connection.fetch(
            sql.SENDS,
            *(ids, hours),
            list(range(len(to))),
            [one.tenant_id for one in to],
            [micros(since[one.tenant_id] - _DAY) for one in to],
            [one.to for one in to],
            *(ids, days),
            [tenant_id for tenant_id, _ in prefixes],
            [micros(since[tenant_id] - _DAY) for tenant_id, _ in prefixes],
            [prefix for _, prefix in prefixes],
        )
        for which, n, tenant_id, value, prefix, id_, sent, answered, told in rows:
            if which == 0:
                self._tenants[tenant_id].append(_Sent(moment(value), prefix, id_))
            elif which == 1:
                self._to[tenant_id, to[n].to].append(moment(value))
            elif which == 2:
                self._segments[tenant_id] = value
            else:
                self._days[tenant_id, prefix] = PrefixDay(sent, answered, moment(value), id_, told)

    def filled(self, n: int, facts: Facts) -> Facts:
        """The facts of turn `n` with their counts, as they are now; the same where it has not asked."""
        asked = self._asked.get(n, [])
        if not asked:
            return facts
        if isinstance(facts, VerificationFacts):
            counts = {one.address_id: self._counts(one) for one in asked}
            addresses = (replace(a, sends=counts.get(a.id, a.sends)) for a in facts.addresses)
            return replace(facts, addresses=tuple(addresses))
        return replace(facts, sends=self._counts(asked[0]))

    def _counts(self, asked: Asked) -> SendCounts:
        hour, day = asked.now - _HOUR, asked.now - _DAY
        lately = [sent for sent in self._tenants[asked.tenant_id] if sent.at > hour]
        prefix = prefix_of(asked.to)
        return SendCounts(
            tuple(sorted(at for at in self._to[asked.tenant_id, asked.to] if at > day)),
            tuple(sorted(sent.at for sent in lately if sent.prefix == prefix)),
            tuple(sorted(sent.at for sent in lately if sent.technician_id == asked.technician_id))
            if asked.technician_id
            else (),
            tuple(sorted(sent.at for sent in lately)),
            self._segments[asked.tenant_id],
            self._prefix_day(asked.tenant_id, prefix),
        )

    def _prefix_day(self, tenant_id: str, prefix: str) -> PrefixDay:
        day = self._days[tenant_id, prefix]
        return replace(day, told=True) if (tenant_id, day.last_id) in self._alerts else day

    def add(self, tenant_id: str, items: Sequence[OutboxItem], alerts: Sequence[Alert], now: datetime) -> None:
        """What a turn of the batch sends and raises. What it gives back counts until the batch is through."""
        self._alerts.update((tenant_id, alert.id) for alert in alerts)
        for item in items:
            if item.challenge:
                to = item.payload["to"]
                self._tenants[tenant_id].append(_Sent(now, prefix_of(to), item.technician_id))
                self._to[tenant_id, to].append(now)
                self._segments[tenant_id] += item.segments
                if item.check_id:
                    self._add_code(tenant_id, prefix_of(to), now, item.id)

    def _add_code(self, tenant_id: str, prefix: str, now: datetime, id_: str) -> None:
        day = self._days[tenant_id, prefix]
        if day.last_at is not None and (day.last_at, day.last_id) > (now, id_):
            self._days[tenant_id, prefix] = replace(day, sent=day.sent + 1)
        else:
            self._days[tenant_id, prefix] = PrefixDay(day.sent + 1, day.answered, now, id_)
