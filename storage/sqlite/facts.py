"""Loads the facts that an ask names. Runs inside the writer's transaction, so nothing it has read can change."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from dialogs.limits import PrefixDay, SendCounts
from dialogs.turns import (
    AnnounceAsk,
    AnnouncedCall,
    AnnounceFacts,
    Ask,
    Barred,
    CheckAsk,
    CheckFacts,
    ContactFacts,
    Duplicate,
    InboundAsk,
    InboundFacts,
    NumberFacts,
    StoredCheck,
    StoredDesk,
    Unroutable,
    VerificationAsk,
)
from storage.codec import load_desk
from storage.digests import once_key, once_only, prefix_of, replay_key
from storage.keys import Keyring
from storage.sqlite import read_sql as sql
from storage.sqlite.verification_facts import VerificationReader
from storage.times import micros, moment
from storage.turn_facts import CheckReader, Found, Loaded, announced_in, contact_in, contacts_in
from storage.turn_keys import Tenant, Tenants, TurnKeys

_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)


class FactLoader:
    """Reads with the writer's cursor. Keeps tenants by version and ended checks by version."""

    def __init__(self, cursor: sqlite3.Cursor, keyring: Keyring) -> None:
        self._run = cursor.execute
        self._keyring = keyring
        self._tenants = Tenants(keyring)
        self._checks = CheckReader()
        self._verifications = VerificationReader(cursor, self._checks, self.suppressed, self._counts)

    def forget(self) -> None:
        """After a rollback: what was read may have been undone with it."""
        self._checks.forget()
        self._tenants.forget()

    def load(self, ask: Ask, now: datetime) -> Found:
        match ask:
            case InboundAsk():
                return self._inbound(ask, now)
            case CheckAsk():
                return self._check_facts(ask, now)
            case AnnounceAsk():
                return self._announce(ask, now)
            case VerificationAsk():
                return self._verification(ask, now)

    def keys_of(self, tenant: Tenant) -> TurnKeys:
        """For one turn, or one outcome."""
        return TurnKeys(tenant.key, self._keyring, self._wrapped)

    def tenant(self, tenant_id: str, version: int | None = None) -> Tenant | None:
        """The tenant as of its current version, which is read where the caller has not."""
        if version is None:
            row = self._run(sql.TENANT_VERSION, (tenant_id,)).fetchone()
            if row is None:
                return None
            version = row[0]
        kept = self._tenants.kept(tenant_id, version)
        if kept is not None:
            return kept
        return self._tenants.keep(tenant_id, version, *self._run(sql.TENANT, (tenant_id,)).fetchone())

    def _wrapped(self, tenant_id: str, contact_id: str) -> bytes | None:
        row = self._run(sql.CONTACT_KEY, (tenant_id, contact_id)).fetchone()
        return row[0] if row else None

    # --- the four asks ----------------------------------------------------------------------------------------------

    def _inbound(self, ask: InboundAsk, now: datetime) -> Found:
        said = ask.inbound
        their, ours, channel, at = said.their_address, said.our_address, said.channel, micros(now)
        keys_of_it = (once_key(said), replay_key(said))
        rows = self._run(
            sql.ROUTE, (*keys_of_it, their, at, their, their, channel, at, channel, their, their, channel, ours)
        ).fetchall()
        if not rows:
            return Unroutable()
        tenant_id, number_id, purpose, primary, opt_out_by, version, seen, replayed, suppressed, *talk = rows[0][:12]
        if seen or replayed:
            return Duplicate()
        known = self.tenant(tenant_id, version)
        assert known is not None, "the tenant was joined to its number in this transaction"
        keys = self.keys_of(known)
        contacts = contacts_in(rows, keys)
        announced = [call for c in contacts for call in self._announced(tenant_id, c.id, at)] if _any(rows, 14) else []
        facts = InboundFacts(
            known.facts,
            NumberFacts(number_id, ours, purpose, bool(primary), opt_out_by),
            contacts,
            StoredDesk(talk[0], talk[1], load_desk(talk[2])) if talk[0] is not None else None,
            self._checks_around(keys, channel, their, contacts) if _any(rows, 12) or _any(rows, 13) else (),
            tuple(announced),
            suppressed,
            self._counts(tenant_id, their, "", now) if ask.with_limits else _NO_SENDS,
            self._verifications.live(keys, [c.id for c in contacts]) if _any(rows, 15) else (),
        )
        return Loaded(facts, keys)

    def _check_facts(self, ask: CheckAsk, now: datetime) -> Found:
        known = self.tenant(ask.tenant_id)
        if known is None:
            return Unroutable()
        if self._is_taken(ask.tenant_id, ask.check_id, ask.timer, ask.once):
            return Duplicate()
        keys = self.keys_of(known)
        row = self._run(sql.CHECK, (ask.tenant_id, ask.check_id)).fetchone()
        check = self._checks.stored(keys, row) if row else None
        contact = self._contact(keys, check.contact_id) if check is not None else None
        suppressed: Barred = ""
        sends = _NO_SENDS
        if check is not None:
            suppressed = self.suppressed(ask.tenant_id, check.their_address, check.our_address, now)
            if ask.with_limits:
                sends = self._counts(ask.tenant_id, check.their_address, ask.technician_id, now)
        picked = self._contact(keys, ask.pick)
        facts = CheckFacts(known.facts, check, contact, picked, suppressed, sends)
        return Loaded(facts, keys)

    def _announce(self, ask: AnnounceAsk, now: datetime) -> Found:
        known = self.tenant(ask.tenant_id)
        if known is None:
            return Unroutable()
        keys = self.keys_of(known)
        contact = self._contact(keys, ask.contact_id)
        mobiles = self._run(sql.MOBILES, (ask.tenant_id, ask.contact_id)).fetchall() if contact else []
        mobile = mobiles[0][0] if mobiles and (mobiles[0][1] or len(mobiles) == 1) else ""
        primary = self._run(sql.PRIMARY_NUMBER, (ask.tenant_id,)).fetchone()
        ours = primary[0] if primary else ""
        facts = AnnounceFacts(
            known.facts,
            contact,
            mobile,
            ours,
            self.suppressed(ask.tenant_id, mobile, ours, now) if mobile else "",
            tuple(self._announced(ask.tenant_id, ask.contact_id, micros(now))),
            self._counts(ask.tenant_id, mobile, ask.technician_id, now) if ask.with_limits and mobile else _NO_SENDS,
        )
        return Loaded(facts, keys)

    def _verification(self, ask: VerificationAsk, now: datetime) -> Found:
        known = self.tenant(ask.tenant_id)
        if known is None:
            return Unroutable()
        if self._is_taken(ask.tenant_id, ask.about, ask.timer, ask.once):
            return Duplicate()
        keys = self.keys_of(known)
        return Loaded(self._verifications.facts(ask, known.facts, keys, now), keys)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _is_taken(self, tenant_id: str, about: str, timer: str, once: str) -> bool:
        """Whether the timer that rings has gone, or what may happen once has happened."""
        if timer and not self._run(sql.TIMER, (tenant_id, about, timer)).fetchone():
            return True
        return bool(once and self._run(sql.ONCE, (tenant_id, once_only(once))).fetchone())

    def _contact(self, keys: TurnKeys, contact_id: str) -> ContactFacts | None:
        if not contact_id:
            return None
        row = self._run(sql.CONTACT, (keys.tenant.tenant_id, contact_id)).fetchone()
        return None if row is None else contact_in(row, keys)

    def _checks_around(
        self, keys: TurnKeys, channel: str, their: str, contacts: tuple[ContactFacts, ...]
    ) -> tuple[StoredCheck, ...]:
        tenant_id = keys.tenant.tenant_id
        first = contacts[0].id if contacts else ""
        rows = self._run(
            sql.CHECKS_AROUND, (tenant_id, channel, their, tenant_id, first, tenant_id, their, channel)
        ).fetchall()
        for contact in contacts[1:]:
            rows += self._run(sql.LIVE_OF_CONTACT, (tenant_id, contact.id)).fetchall()
        return self._checks.newest_first(keys, rows)

    def _announced(self, tenant_id: str, contact_id: str, now: int) -> list[AnnouncedCall]:
        rows = self._run(sql.ANNOUNCED, (tenant_id, contact_id, now)).fetchall()
        return [announced_in(row) for row in rows]

    def suppressed(self, tenant_id: str, their: str, ours: str, now: datetime) -> Barred:
        """Why no text may go there."""
        row = self._run(sql.SUPPRESSED, (tenant_id, their, micros(now), tenant_id, their, ours)).fetchone()
        return "" if row is None else row[0]

    def _counts(self, tenant_id: str, to: str, technician_id: str, now: datetime) -> SendCounts:
        day, hour = micros(now - _DAY), micros(now - _HOUR)

        def times(statement: str, *values: str | int) -> tuple[datetime, ...]:
            return tuple(moment(row[0]) for row in self._run(statement, values).fetchall())

        return SendCounts(
            times(sql.SENDS_TO, tenant_id, day, to),
            times(sql.SENDS_PREFIX, tenant_id, hour, prefix_of(to)),
            times(sql.SENDS_BY, tenant_id, hour, technician_id) if technician_id else (),
            times(sql.SENDS_ALL, tenant_id, hour),
            self._run(sql.SEGMENTS, (tenant_id, day)).fetchone()[0],
            self._prefix_day(tenant_id, prefix_of(to), day),
        )

    def _prefix_day(self, tenant_id: str, prefix: str, day: int) -> PrefixDay:
        of_it = (tenant_id, prefix, day)
        sent, answered = self._run(sql.PREFIX_DAY, of_it).fetchone()
        if not sent:
            return PrefixDay()
        last_at, last_id, told = self._run(sql.PREFIX_LAST, of_it).fetchone()
        return PrefixDay(sent, answered, moment(last_at), last_id, bool(told))


def _any(rows: Sequence[Any], column: int) -> bool:
    return any(row[column] for row in rows)


_NO_SENDS = SendCounts()
