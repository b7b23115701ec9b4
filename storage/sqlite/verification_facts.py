"""Loads the facts of a verification. Runs inside the writer's transaction, so nothing it has read can change."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from dialogs.approvals import GreenShield
from dialogs.limits import SendCounts
from dialogs.turns import (
    AddressFacts,
    Barred,
    ContactFacts,
    StoredApproval,
    StoredCheck,
    StoredVerification,
    TenantFacts,
    VerificationAsk,
    VerificationFacts,
)
from storage.sqlite import approval_sql
from storage.sqlite import verification_sql as sql
from storage.sqlite.read_sql import CONTACT, PRIMARY_NUMBER
from storage.times import maybe_moment, micros, moment
from storage.turn_facts import (
    LATELY,
    MOST_TRIES,
    CheckReader,
    address_in,
    approval_in,
    contact_in,
    shields_in,
    try_in,
    verification_in,
)
from storage.turn_keys import TurnKeys

_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)


class VerificationReader:
    """Reads with the writer's cursor. `suppressed` and `counts` are the loader's, for addresses."""

    def __init__(
        self,
        cursor: sqlite3.Cursor,
        checks: CheckReader,
        suppressed: Callable[[str, str, str, datetime], Barred],
        counts: Callable[[str, str, str, datetime], SendCounts],
    ) -> None:
        self._run = cursor.execute
        self._checks = checks
        self._suppressed = suppressed
        self._counts = counts

    def live(self, keys: TurnKeys, contact_ids: Iterable[str]) -> tuple[StoredVerification, ...]:
        """Live ones of these contacts, newest first."""
        tenant_id = keys.tenant.tenant_id
        rows = [row for id_ in contact_ids for row in self._run(sql.LIVE_OF_CONTACT, (tenant_id, id_)).fetchall()]
        found = (verification_in(row, keys) for row in rows)
        return tuple(sorted(found, key=lambda v: (v.created_at, v.id), reverse=True))

    def facts(self, ask: VerificationAsk, tenant: TenantFacts, keys: TurnKeys, now: datetime) -> VerificationFacts:
        tenant_id, contact_id = ask.tenant_id, ask.contact_id
        found: StoredVerification | None = None
        if ask.verification_id:
            row = self._run(sql.VERIFICATION, (tenant_id, ask.verification_id)).fetchone()
            found = verification_in(row, keys) if row is not None else None
            contact_id = found.contact_id if found is not None else ""
        approval = self._approval(ask, keys)
        if ask.approval_id:
            contact_id = approval.contact_id if approval is not None else ""
        number = self._run(PRIMARY_NUMBER, (tenant_id,)).fetchone()
        ours = number[0] if number else ""
        denied = self._run(sql.DENIED_AT, (tenant_id, contact_id, micros(now - LATELY))).fetchone()[0]
        by = (tenant_id, ask.technician_id)
        addresses = self._addresses(ask, contact_id, ours, now)
        return VerificationFacts(
            tenant,
            self._contact(keys, contact_id),
            addresses,
            ours,
            found,
            self.live(keys, (contact_id,)),
            self._checks_lately(keys, contact_id, addresses, now),
            maybe_moment(denied),
            tuple(try_in(row) for row in self._run(sql.TRIES, (tenant_id, contact_id, MOST_TRIES)).fetchall()),
            self._run(sql.WRONG_BY, (*by, micros(now - _HOUR))).fetchone()[0] if ask.technician_id else 0,
            self._run(sql.OVERRIDES_BY, (*by, micros(now - _DAY))).fetchone()[0] if ask.technician_id else 0,
            approval,
            () if ask.verification_id else self._approvals(keys, contact_id),
            () if ask.verification_id else self._green(keys, contact_id, now),
            () if ask.verification_id else self._asked_by(ask, now),
        )

    def _approval(self, ask: VerificationAsk, keys: TurnKeys) -> StoredApproval | None:
        if not ask.approval_id:
            return None
        row = self._run(approval_sql.APPROVAL, (ask.tenant_id, ask.approval_id)).fetchone()
        return approval_in(row, keys) if row is not None else None

    def _approvals(self, keys: TurnKeys, contact_id: str) -> tuple[StoredApproval, ...]:
        rows = self._run(approval_sql.LIVE_OF_CONTACT, (keys.tenant.tenant_id, contact_id)).fetchall()
        return tuple(sorted((approval_in(row, keys) for row in rows), key=lambda a: (a.created_at, a.id), reverse=True))

    def _green(self, keys: TurnKeys, contact_id: str, now: datetime) -> tuple[GreenShield, ...]:
        values = (keys.tenant.tenant_id, contact_id, micros(now))
        return shields_in(self._run(approval_sql.GREEN_OF_CONTACT, values).fetchall(), keys)

    def _asked_by(self, ask: VerificationAsk, now: datetime) -> tuple[datetime, ...]:
        if not ask.technician_id:
            return ()
        values = (ask.tenant_id, ask.technician_id, micros(now - _HOUR))
        return tuple(moment(row[0]) for row in self._run(approval_sql.ASKED_BY, values).fetchall())

    def _contact(self, keys: TurnKeys, contact_id: str) -> ContactFacts | None:
        row = self._run(CONTACT, (keys.tenant.tenant_id, contact_id)).fetchone()
        return None if row is None else contact_in(row, keys)

    def _addresses(self, ask: VerificationAsk, contact_id: str, ours: str, now: datetime) -> tuple[AddressFacts, ...]:
        tenant_id = ask.tenant_id
        addresses = []
        for row in self._run(sql.ADDRESSES, (tenant_id, contact_id)).fetchall():
            one = address_in(row)
            if one.kind != "email":
                one = replace(one, suppressed=self._suppressed(tenant_id, one.value, ours, now))
            if ask.with_limits and ask.address_id in ("", one.id):
                one = replace(one, sends=self._counts(tenant_id, one.value, ask.technician_id, now))
            addresses.append(one)
        return tuple(addresses)

    def _checks_lately(
        self, keys: TurnKeys, contact_id: str, addresses: Iterable[AddressFacts], now: datetime
    ) -> tuple[StoredCheck, ...]:
        tenant_id, lately = keys.tenant.tenant_id, (micros(now - _DAY), micros(now - LATELY))
        rows = self._run(sql.CHECKS_LATELY, (tenant_id, contact_id, tenant_id, *lately, contact_id)).fetchall()
        for number in {a.value for a in addresses if a.kind != "email"}:
            rows += self._run(sql.CHECKS_OF_NUMBER, (tenant_id, number, tenant_id, *lately, number)).fetchall()
        return self._checks.newest_first(keys, rows)
