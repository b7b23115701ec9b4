"""Loads the facts of the verifications of a batch: five statements, however many there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from dialogs.turns import (
    AddressFacts,
    ContactFacts,
    StoredApproval,
    StoredVerification,
    TenantFacts,
    Try,
    Turn,
    VerificationAsk,
    VerificationFacts,
)
from storage.digests import once_only
from storage.postgres import approval_sql
from storage.postgres import verification_sql as sql
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

#: Where columns stand in a row of `sql.VERIFY`.
TIMER, ONCE = 2, 3
_OURS, _DENIED_AT, _WRONG, _OVERRIDES, _ASKED, _ID, _WHOSE, _CONTACT = 4, 5, 6, 7, 8, 9, 12, 17
#: Where the id stands in a row of `approval_sql.APPROVALS`, without its `n`.
_APPROVAL = 2
_HOUR, _DAY = timedelta(hours=1), timedelta(hours=24)


@dataclass(slots=True)
class Around:
    """What hangs on the contacts of a batch, by turn."""

    live: defaultdict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    addresses: defaultdict[int, list[AddressFacts]] = field(default_factory=lambda: defaultdict(list))
    checks: defaultdict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    tries: defaultdict[int, list[Try]] = field(default_factory=lambda: defaultdict(list))
    approvals: defaultdict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    green: defaultdict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))


async def first(connection: Any, asks: Sequence[tuple[int, VerificationAsk, Turn[Any]]]) -> list[Any]:
    """A row of `sql.VERIFY` for each whose tenant is to be seen."""
    if not asks:
        return []
    rows: list[Any] = await connection.fetch(
        sql.VERIFY,
        [n for n, _, _ in asks],
        [ask.tenant_id for _, ask, _ in asks],
        [ask.contact_id for _, ask, _ in asks],
        [ask.verification_id for _, ask, _ in asks],
        [ask.timer for _, ask, _ in asks],
        [once_only(ask.once) for _, ask, _ in asks],
        [ask.technician_id for _, ask, _ in asks],
        [ask.approval_id for _, ask, _ in asks],
        *([micros(turn.now - window) for _, _, turn in asks] for window in (LATELY, _HOUR, _DAY)),
    )
    return rows


async def live(connection: Any, around: Around, wanted: Sequence[tuple[int, str, str]]) -> None:
    """Live ones of contacts. `wanted`: turn, tenant, contact."""
    if wanted:
        for n, *row in await connection.fetch(sql.LIVE, *zip(*wanted, strict=True)):
            around.live[n].append(row)


async def around_contacts(
    connection: Any, around: Around, asks: Sequence[tuple[Turn[Any], Any]], keys: dict[int, TurnKeys]
) -> None:
    """`asks`: turns and their rows of `sql.VERIFY`; those without a contact have nothing around them."""
    known = [(turn, row) for turn, row in asks if row[_CONTACT] is not None]
    if not known:
        return
    of = [(row[0], keys[row[0]].tenant.tenant_id, row[_CONTACT]) for _, row in known]
    await live(connection, around, of)
    ours_and_now = ([row[_OURS] for _, row in known], [micros(turn.now) for turn, _ in known])
    columns = list(zip(*of, strict=True))
    for n, *address, suppressed in await connection.fetch(sql.ADDRESSES, *columns, *ours_and_now):
        around.addresses[n].append(replace(address_in(address), suppressed=suppressed))
    windows = ([micros(turn.now - window) for turn, _ in known] for window in (_DAY, LATELY))
    for n, *check, wrapped in await connection.fetch(sql.CHECKS_LATELY, *columns, *windows):
        around.checks[n].append(check)
        if check[7]:
            keys[n].wrapped[check[7]] = wrapped
    for n, *tried in await connection.fetch(sql.TRIES, *columns, MOST_TRIES):
        around.tries[n].append(try_in(tried))
    await _approving(connection, around, known)


async def _approving(connection: Any, around: Around, known: Sequence[tuple[Turn[Any], Any]]) -> None:
    """Approvals of contacts, and what is green of theirs; not for turns about one verification."""
    wanted = [
        (row[0], turn.ask.tenant_id, row[_CONTACT], turn.ask.approval_id, micros(turn.now))
        for turn, row in known
        if isinstance(turn.ask, VerificationAsk) and not turn.ask.verification_id
    ]
    if not wanted:
        return
    *columns, asked_for, now = zip(*wanted, strict=True)
    for n, *approval in await connection.fetch(approval_sql.APPROVALS, *columns, asked_for):
        around.approvals[n].append(approval)
    for n, *green in await connection.fetch(approval_sql.GREEN, *columns, now):
        around.green[n].append(green)


def live_in(around: Around, n: int, keys: TurnKeys) -> tuple[StoredVerification, ...]:
    """Newest first. Expects the keys of their contacts to be at hand."""
    found = (verification_in(row, keys) for row in around.live[n])
    return tuple(sorted(found, key=lambda v: (v.created_at, v.id), reverse=True))


def _approvals(around: Around, n: int, keys: TurnKeys) -> tuple[StoredApproval | None, tuple[StoredApproval, ...]]:
    """The one asked for, and the live ones, newest first."""
    found = [(row[0], row[1], approval_in(row[_APPROVAL:], keys)) for row in around.approvals[n]]
    live = (approval for _, is_live, approval in found if is_live)
    asked_for = next((approval for is_it, _, approval in found if is_it), None)
    return asked_for, tuple(sorted(live, key=lambda a: (a.created_at, a.id), reverse=True))


def facts_of(row: Any, around: Around, tenant: TenantFacts, keys: TurnKeys, checks: CheckReader) -> VerificationFacts:
    """Without the counts of sends, which grow within the batch."""
    n = row[0]
    contact: ContactFacts | None = contact_in(row[_CONTACT:], keys) if row[_CONTACT] is not None else None
    found: StoredVerification | None = None
    if row[_ID] is not None:
        if contact is None:
            keys.wrapped[row[_WHOSE]] = None
        found = verification_in(row[_ID:_CONTACT], keys)
    approval, approvals = _approvals(around, n, keys)
    return VerificationFacts(
        tenant,
        contact,
        tuple(sorted(around.addresses[n], key=lambda a: (a.kind, not a.is_default, a.value))),
        row[_OURS],
        found,
        live_in(around, n, keys),
        checks.newest_first(keys, around.checks[n]),
        maybe_moment(row[_DENIED_AT]),
        tuple(around.tries[n]),
        row[_WRONG],
        row[_OVERRIDES],
        approval,
        approvals,
        shields_in(around.green[n], keys),
        tuple(moment(at) for at in row[_ASKED]),
    )
