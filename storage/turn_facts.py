"""Rows that a turn has read, as facts: the same on every database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from dialogs.approvals import GreenShield
from dialogs.tech_verify import Claimed, Open
from dialogs.turns import (
    AddressFacts,
    AnnouncedCall,
    ContactFacts,
    Duplicate,
    Facts,
    StoredApproval,
    StoredCheck,
    StoredVerification,
    Try,
    Unroutable,
)
from dialogs.user_verify import Method, Verified
from storage.approval_codec import load_approval
from storage.codec import load_state, load_verification
from storage.keys import place
from storage.times import maybe_moment, moment
from storage.turn_keys import TurnKeys

#: How long ago a check of a caller may have ended, or a verification been denied, to count for a new verification.
LATELY = timedelta(minutes=30)
#: Tries are looked at this far back.
MOST_TRIES = 400

#: States of ended checks kept decoded; a plain text reads one, and reading it anew would cost more than the rest.
_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Loaded:
    """Facts, and the keys that what follows from them is sealed under."""

    facts: Facts
    keys: TurnKeys


Found: TypeAlias = Loaded | Duplicate | Unroutable


class CheckReader:
    """Decodes checks, and keeps ended ones by version: they hardly ever change again."""

    def __init__(self) -> None:
        self._ended: OrderedDict[tuple[str, str], StoredCheck] = OrderedDict()

    def forget(self) -> None:
        self._ended.clear()

    def stored(self, keys: TurnKeys, row: Any) -> StoredCheck:
        """`row`: id, version, body, channel, our and their address, conversation, contact, created."""
        tenant_id = keys.tenant.tenant_id
        check_id, version, body, channel, ours, their, conversation_id, contact_id, created_at = row
        kept = self._ended.get((tenant_id, check_id))
        if kept is not None and kept.version == version:
            return kept
        row_keys = keys.of(contact_id)
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

    def newest_first(self, keys: TurnKeys, rows: Sequence[Any]) -> tuple[StoredCheck, ...]:
        """Each check once, however often it was found."""
        if not rows:
            return ()
        by_id = {row[0]: row for row in rows}
        checks = [self.stored(keys, row) for row in by_id.values()]
        return tuple(sorted(checks, key=lambda c: (c.created_at, c.id), reverse=True))


def contacts_in(rows: Sequence[Any], keys: TurnKeys) -> tuple[ContactFacts, ...]:
    """The contacts in the last six columns (id, name, client, its name, locale, wrapped key), by name, each once
    however often the number stands on it."""
    contacts: dict[str, ContactFacts] = {}
    for *_, contact_id, name, client_id, client, locale, wrapped in rows:
        if contact_id is not None:
            contacts[contact_id] = ContactFacts(contact_id, name, client_id, client, locale)
            keys.wrapped[contact_id] = wrapped
    if len(contacts) < 2:
        return tuple(contacts.values())
    return tuple(sorted(contacts.values(), key=lambda c: (c.name, c.id)))


def contact_in(row: Sequence[Any], keys: TurnKeys) -> ContactFacts:
    """The same six columns, of one contact."""
    keys.wrapped[row[0]] = row[5]
    return ContactFacts(row[0], row[1], row[2], row[3], row[4])


def announced_in(row: Sequence[Any]) -> AnnouncedCall:
    """id, contact, technician and their name, direction, ticket, its id and number, expiry."""
    return AnnouncedCall(*(*row[:8], moment(row[8])))


def verification_in(row: Sequence[Any], keys: TurnKeys) -> StoredVerification:
    """id, version, body, contact, our and their address, created, shield ended. Raises `BadState` and `CannotOpen`."""
    verification_id, version, body, contact_id, ours, their, created_at, ended_at = row
    row_keys = keys.of(contact_id)
    bound_to = place("verifications", "body", keys.tenant.tenant_id, verification_id)
    state = load_verification(body, lambda cell: row_keys.open(cell, bound_to))
    where = (contact_id, ours, their, moment(created_at))
    return StoredVerification(verification_id, version, state, *where, shield_ended=ended_at is not None)


def approval_in(row: Sequence[Any], keys: TurnKeys) -> StoredApproval:
    """id, version, body, contact, their address, created. Raises `BadState` and `CannotOpen`."""
    approval_id, version, body, contact_id, their, created_at = row
    bound_to = place("approvals", "body", keys.tenant.tenant_id, approval_id)
    state = load_approval(keys.of(contact_id).open(body, bound_to))
    return StoredApproval(approval_id, version, state, contact_id, their, moment(created_at))


def shields_in(rows: Sequence[Sequence[Any]], keys: TurnKeys) -> tuple[GreenShield, ...]:
    """The columns of a verification that is green, and when its address was last changed; the older first."""
    read = ((verification_in((*row[:7], None), keys), maybe_moment(row[7])) for row in rows)
    found = sorted(read, key=lambda one: one[0].id)
    shields = (green_shield(one, changed_at) for one, changed_at in found)
    return tuple(shield for shield in shields if shield is not None)


def green_shield(one: StoredVerification, changed_at: datetime | None) -> GreenShield | None:
    """None for one that nobody has answered. `changed_at`: of its address."""
    state = one.state
    if not isinstance(state, Verified):
        return None
    request, signals = state.request, state.request.signals
    return GreenShield(
        one.id,
        request.method,
        state.assurance,
        request.ticket.id if request.ticket is not None else "",
        state.green_until,
        changed_at,
        overridden=request.override is not None,
        swapped=signals is not None and signals.sim == "swapped",
    )


def address_in(row: Sequence[Any]) -> AddressFacts:
    """id, kind, value, default, changed."""
    return AddressFacts(row[0], row[1], row[2], bool(row[3]), maybe_moment(row[4]))


def try_in(row: Sequence[Any]) -> Try:
    """id, verification, contact, method, technician, at, outcome."""
    return Try(row[0], row[1], row[2], Method(row[3]), row[4], moment(row[5]), row[6])
