"""Loads the facts that an ask names. Runs inside the writer's transaction, so nothing it has read can change."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from dialogs.limits import SendCounts
from dialogs.tech_verify import Claimed, Open
from dialogs.turns import (
    AnnounceAsk,
    AnnouncedCall,
    AnnounceFacts,
    Ask,
    CheckAsk,
    CheckFacts,
    ContactFacts,
    Duplicate,
    Facts,
    InboundAsk,
    InboundFacts,
    NumberFacts,
    StoredCheck,
    StoredDesk,
    TenantFacts,
    Unroutable,
)
from storage.codec import load_desk, load_state
from storage.digests import once_key, once_only, prefix_of, replay_key
from storage.keys import Keyring, RowKeys, TenantKey, place
from storage.settings_json import load_settings
from storage.sqlite import read_sql as sql
from storage.times import micros, moment

_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)
#: States of ended checks kept decoded; a plain text reads one, and reading it anew would cost more than the rest.
_KEPT = 4096


@dataclass(slots=True)
class TurnKeys:
    """The keys of one turn: the tenant's, and the wrapped ones of the contacts that came up so far."""

    tenant: TenantKey
    wrapped: dict[str, bytes | None] = field(default_factory=dict)
    rows: dict[str, RowKeys] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Facts, and the keys that what follows from them is sealed under."""

    facts: Facts
    keys: TurnKeys


Found: TypeAlias = Loaded | Duplicate | Unroutable


class FactLoader:
    """Reads with the writer's cursor. Keeps tenants by version and ended checks by version."""

    def __init__(self, cursor: sqlite3.Cursor, keyring: Keyring) -> None:
        self._run = cursor.execute
        self._keyring = keyring
        self._tenants: dict[str, tuple[int, TenantFacts, TenantKey]] = {}
        self._ended: OrderedDict[tuple[str, str], StoredCheck] = OrderedDict()

    def forget(self) -> None:
        """After a rollback: what was read may have been undone with it."""
        self._ended.clear()
        self._tenants.clear()

    def load(self, ask: Ask, now: datetime) -> Found:
        match ask:
            case InboundAsk():
                return self._inbound(ask, now)
            case CheckAsk():
                return self._check_facts(ask, now)
            case AnnounceAsk():
                return self._announce(ask, now)

    def row_keys(self, keys: TurnKeys, contact_id: str) -> RowKeys:
        """The contact's key where there is such a contact, else the tenant's."""
        known = keys.rows.get(contact_id)
        if known is not None:
            return known
        if not contact_id:
            found = RowKeys(keys.tenant)
        else:
            if contact_id not in keys.wrapped:
                row = self._run(sql.CONTACT_KEY, (keys.tenant.tenant_id, contact_id)).fetchone()
                keys.wrapped[contact_id] = row[0] if row else None
            found = self._keyring.row_keys(keys.tenant, contact_id, keys.wrapped[contact_id])
        keys.rows[contact_id] = found
        return found

    def tenant(self, tenant_id: str, version: int | None = None) -> tuple[TenantFacts, TenantKey] | None:
        """The tenant as of its current version, which is read where the caller has not."""
        if version is None:
            row = self._run(sql.TENANT_VERSION, (tenant_id,)).fetchone()
            if row is None:
                return None
            version = row[0]
        kept = self._tenants.get(tenant_id)
        if kept is not None and kept[0] == version:
            return kept[1], kept[2]
        name, settings, wrapped = self._run(sql.TENANT, (tenant_id,)).fetchone()
        key = self._keyring.tenant(tenant_id, wrapped)
        facts = TenantFacts(tenant_id, name, load_settings(settings), key.digest_key)
        self._tenants[tenant_id] = (version, facts, key)
        return facts, key

    # --- the three asks ---------------------------------------------------------------------------------------------

    def _inbound(self, ask: InboundAsk, now: datetime) -> Found:
        said = ask.inbound
        their, ours, channel, at = said.their_address, said.our_address, said.channel, micros(now)
        keys_of_it = (once_key(said), replay_key(said))
        rows = self._run(
            sql.ROUTE, (*keys_of_it, their, their, channel, at, channel, their, their, channel, ours)
        ).fetchall()
        if not rows:
            return Unroutable()
        tenant_id, number_id, purpose, primary, opt_out_by, version, seen, replayed, suppressed, *talk = rows[0][:12]
        if seen or replayed:
            return Duplicate()
        known = self.tenant(tenant_id, version)
        assert known is not None, "the tenant was joined to its number in this transaction"
        keys = TurnKeys(known[1])
        contacts = _contacts_in(rows, keys)
        announced = [call for c in contacts for call in self._announced(tenant_id, c.id, at)] if _any(rows, 14) else []
        facts = InboundFacts(
            known[0],
            NumberFacts(number_id, ours, purpose, bool(primary), opt_out_by),
            contacts,
            StoredDesk(talk[0], talk[1], load_desk(talk[2])) if talk[0] is not None else None,
            self._checks_around(keys, channel, their, contacts) if _any(rows, 12) or _any(rows, 13) else (),
            tuple(announced),
            bool(suppressed),
            self._counts(tenant_id, their, "", now) if ask.with_limits else _NO_SENDS,
        )
        return Loaded(facts, keys)

    def _check_facts(self, ask: CheckAsk, now: datetime) -> Found:
        known = self.tenant(ask.tenant_id)
        if known is None:
            return Unroutable()
        if ask.timer and not self._run(sql.TIMER, (ask.tenant_id, ask.check_id, ask.timer)).fetchone():
            return Duplicate()
        if ask.once and self._run(sql.ONCE, (ask.tenant_id, once_only(ask.once))).fetchone():
            return Duplicate()
        keys = TurnKeys(known[1])
        row = self._run(sql.CHECK, (ask.tenant_id, ask.check_id)).fetchone()
        check = self._stored(keys, row) if row else None
        contact = self._contact(keys, check.contact_id) if check is not None else None
        suppressed, sends = False, _NO_SENDS
        if check is not None:
            suppressed = self._suppressed(ask.tenant_id, check.their_address, check.our_address)
            if ask.with_limits:
                sends = self._counts(ask.tenant_id, check.their_address, ask.technician_id, now)
        picked = self._contact(keys, ask.pick)
        facts = CheckFacts(known[0], check, contact, picked, suppressed, sends)
        return Loaded(facts, keys)

    def _announce(self, ask: AnnounceAsk, now: datetime) -> Found:
        known = self.tenant(ask.tenant_id)
        if known is None:
            return Unroutable()
        keys = TurnKeys(known[1])
        contact = self._contact(keys, ask.contact_id)
        mobiles = self._run(sql.MOBILES, (ask.tenant_id, ask.contact_id)).fetchall() if contact else []
        mobile = mobiles[0][0] if mobiles and (mobiles[0][1] or len(mobiles) == 1) else ""
        primary = self._run(sql.PRIMARY_NUMBER, (ask.tenant_id,)).fetchone()
        ours = primary[0] if primary else ""
        facts = AnnounceFacts(
            known[0],
            contact,
            mobile,
            ours,
            bool(mobile) and self._suppressed(ask.tenant_id, mobile, ours),
            tuple(self._announced(ask.tenant_id, ask.contact_id, micros(now))),
            self._counts(ask.tenant_id, mobile, ask.technician_id, now) if ask.with_limits and mobile else _NO_SENDS,
        )
        return Loaded(facts, keys)

    # --- parts ------------------------------------------------------------------------------------------------------

    def _contact(self, keys: TurnKeys, contact_id: str) -> ContactFacts | None:
        if not contact_id:
            return None
        row = self._run(sql.CONTACT, (keys.tenant.tenant_id, contact_id)).fetchone()
        if row is None:
            return None
        keys.wrapped[contact_id] = row[5]
        return ContactFacts(row[0], row[1], row[2], row[3], row[4])

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
        if not rows:
            return ()
        by_id = {row[0]: row for row in rows}
        checks = [self._stored(keys, row) for row in by_id.values()]
        return tuple(sorted(checks, key=lambda c: (c.created_at, c.id), reverse=True))

    def _stored(self, keys: TurnKeys, row: Any) -> StoredCheck:
        tenant_id = keys.tenant.tenant_id
        check_id, version, body, channel, ours, their, conversation_id, contact_id, created_at = row
        kept = self._ended.get((tenant_id, check_id))
        if kept is not None and kept.version == version:
            return kept
        row_keys = self.row_keys(keys, contact_id)
        bound_to = place("dialogs", "body", tenant_id, check_id)
        state = load_state(body, lambda cell: row_keys.open(cell, bound_to))
        check = StoredCheck(
            check_id, version, state, channel, ours, their, conversation_id, contact_id, moment(created_at)
        )
        if not isinstance(state, Open | Claimed):
            self._ended[tenant_id, check_id] = check
            if len(self._ended) > _KEPT:
                self._ended.popitem(last=False)
        return check

    def _announced(self, tenant_id: str, contact_id: str, now: int) -> list[AnnouncedCall]:
        rows = self._run(sql.ANNOUNCED, (tenant_id, contact_id, now)).fetchall()
        return [AnnouncedCall(*(*row[:8], moment(row[8]))) for row in rows]

    def _suppressed(self, tenant_id: str, their: str, ours: str) -> bool:
        return self._run(sql.SUPPRESSED, (tenant_id, their, ours)).fetchone() is not None

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
        )


def _contacts_in(rows: Sequence[Any], keys: TurnKeys) -> tuple[ContactFacts, ...]:
    """The contacts of `sql.ROUTE`, by name, each once however often the number stands on it."""
    contacts: dict[str, ContactFacts] = {}
    for *_, contact_id, name, client_id, client, locale, wrapped in rows:
        if contact_id is not None:
            contacts[contact_id] = ContactFacts(contact_id, name, client_id, client, locale)
            keys.wrapped[contact_id] = wrapped
    if len(contacts) < 2:
        return tuple(contacts.values())
    return tuple(sorted(contacts.values(), key=lambda c: (c.name, c.id)))


def _any(rows: Sequence[Any], column: int) -> bool:
    return any(row[column] for row in rows)


_NO_SENDS = SendCounts()
