"""Loads the facts of a whole batch: a few statements, however many turns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dialogs.limits import SendCounts
from dialogs.turns import (
    AnnounceAsk,
    AnnouncedCall,
    AnnounceFacts,
    CheckAsk,
    CheckFacts,
    Duplicate,
    Facts,
    InboundAsk,
    InboundFacts,
    NumberFacts,
    StoredDesk,
    Turn,
    Unroutable,
    VerificationAsk,
    VerificationFacts,
)
from storage.codec import load_desk
from storage.digests import once_key, once_only, replay_key
from storage.keys import Keyring
from storage.postgres import read_sql as sql
from storage.postgres import verification_facts as verifying
from storage.postgres.sends import Asked, Sends
from storage.times import micros
from storage.turn_facts import CheckReader, Found, Loaded, announced_in, contact_in, contacts_in
from storage.turn_keys import Tenant, Tenants, TurnKeys

#: Where columns stand in a row of `sql.ROUTE`, `sql.CHECK` and `sql.ANNOUNCE`.
_ROUTE_VERSION, _AROUND, _LIVE, _CALLED, _VERIFYING, _CONTACT = 6, 13, 14, 15, 16, 17
_CHECK_ID, _CHECK_CONTACT, _PICKED = 5, 14, 20
_ANNOUNCE_CONTACT = 5
_COUNTED_LATER = SendCounts()


@dataclass(slots=True)
class Reading:
    """What has been found for a batch so far."""

    turns: Sequence[Turn[Any]]
    sends: Sends = field(default_factory=Sends)
    #: Rows of the first statement, by turn.
    rows: defaultdict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    tenants: dict[str, Tenant] = field(default_factory=dict)
    keys: dict[int, TurnKeys] = field(default_factory=dict)
    checks: defaultdict[int, list[Any]] = field(default_factory=lambda: defaultdict(list))
    announced: defaultdict[int, list[AnnouncedCall]] = field(default_factory=lambda: defaultdict(list))
    verifying: verifying.Around = field(default_factory=verifying.Around)

    def asking(self, kind: type[Any]) -> list[tuple[int, Any, Turn[Any]]]:
        return [(n, turn.ask, turn) for n, turn in enumerate(self.turns) if isinstance(turn.ask, kind)]


class FactLoader:
    """Keeps tenants and ended checks by version. Expects a transaction that sees the turns' tenants."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._tenants = Tenants(keyring)
        self._checks = CheckReader()

    async def load(self, connection: Any, turns: Sequence[Turn[Any]]) -> tuple[list[Found], Sends]:
        """What each turn finds, in their order. Those whose number or tenant is not to be seen are Unroutable.

        Counts of sends are left out of the facts: they grow within the batch, so they come from `Sends`."""
        reading = Reading(turns)
        await self._first(connection, reading)
        versions = dict(_version(turns[n], rows[0]) for n, rows in reading.rows.items())
        reading.tenants = await self.tenants(connection, versions)
        found: list[Found | None] = [self._early(reading, n) for n in range(len(turns))]
        going_on = [n for n, early in enumerate(found) if early is None]
        for n in going_on:
            reading.keys[n] = self.keys_of(reading.tenants[_version(turns[n], reading.rows[n][0])[0]])
        await self._around(connection, reading, going_on)
        await self._announced(connection, reading, going_on)
        await self._verifying(connection, reading, going_on)
        facts = {n: self._facts(reading, n) for n in going_on}
        await reading.sends.load(connection, [one for n in going_on for one in _asked(n, turns[n], facts[n])])
        return [early or Loaded(facts[n], reading.keys[n]) for n, early in enumerate(found)], reading.sends

    def keys_of(self, tenant: Tenant) -> TurnKeys:
        """For one turn, or one outcome. Contacts that come up later must be fetched with `fetch_keys`."""
        return TurnKeys(tenant.key, self._keyring, _not_fetched)

    async def tenants(self, connection: Any, versions: dict[str, int]) -> dict[str, Tenant]:
        """Tenants by id, read where another version is at hand."""
        found = {id_: self._tenants.kept(id_, version) for id_, version in versions.items()}
        missing = [id_ for id_, tenant in found.items() if tenant is None]
        if missing:
            for row in await connection.fetch(sql.TENANTS, missing):
                found[row[0]] = self._tenants.keep(*row)
        return {id_: tenant for id_, tenant in found.items() if tenant is not None}

    async def fetch_keys(self, connection: Any, wanted: Iterable[tuple[TurnKeys, str]]) -> None:
        """Have the keys of these contacts at hand; of one that does not exist, that there is none."""
        missing = [(keys, id_) for keys, id_ in wanted if id_ and id_ not in keys.wrapped]
        if not missing:
            return
        pairs = {(keys.tenant.tenant_id, id_) for keys, id_ in missing}
        rows = await connection.fetch(sql.KEYS, *map(list, zip(*pairs, strict=True)))
        found = {(row[0], row[1]): row[2] for row in rows}
        for keys, id_ in missing:
            keys.wrapped[id_] = found.get((keys.tenant.tenant_id, id_))

    # --- what a batch reads -----------------------------------------------------------------------------------------

    async def _first(self, connection: Any, reading: Reading) -> None:
        """The statement each kind of ask begins with."""
        said = [(n, ask.inbound, turn.now) for n, ask, turn in reading.asking(InboundAsk)]
        acts, calls = reading.asking(CheckAsk), reading.asking(AnnounceAsk)
        rows: list[Any] = []
        if said:
            rows += await connection.fetch(
                sql.ROUTE,
                [n for n, _, _ in said],
                [s.channel for _, s, _ in said],
                [s.our_address for _, s, _ in said],
                [s.their_address for _, s, _ in said],
                [once_key(s) for _, s, _ in said],
                [replay_key(s) for _, s, _ in said],
                [micros(now) for _, _, now in said],
            )
        if acts:
            rows += await connection.fetch(
                sql.CHECK,
                [n for n, _, _ in acts],
                [ask.tenant_id for _, ask, _ in acts],
                [ask.check_id for _, ask, _ in acts],
                [ask.timer for _, ask, _ in acts],
                [once_only(ask.once) for _, ask, _ in acts],
                [ask.pick for _, ask, _ in acts],
                [micros(turn.now) for _, _, turn in acts],
            )
        if calls:
            rows += await connection.fetch(
                sql.ANNOUNCE,
                [n for n, _, _ in calls],
                [ask.tenant_id for _, ask, _ in calls],
                [ask.contact_id for _, ask, _ in calls],
                [micros(turn.now) for _, _, turn in calls],
            )
        rows += await verifying.first(connection, reading.asking(VerificationAsk))
        for row in rows:
            reading.rows[row[0]].append(row)

    async def _around(self, connection: Any, reading: Reading, going_on: Sequence[int]) -> None:
        """Checks of senders and of their contacts, where there are any."""
        senders, contacts = [], []
        for n in going_on:
            rows, ask = reading.rows[n], reading.turns[n].ask
            if isinstance(ask, InboundAsk):
                said, tenant_id = ask.inbound, rows[0][1]
                if rows[0][_AROUND]:
                    senders.append((n, tenant_id, said.channel, said.their_address))
                contacts += [(n, tenant_id, row[_CONTACT]) for row in rows if row[_LIVE]]
        if senders or contacts:
            for n, *check, wrapped in await connection.fetch(sql.AROUND, *_columns(senders, 4), *_columns(contacts, 3)):
                reading.checks[n].append(check)
                if check[7]:
                    reading.keys[n].wrapped[check[7]] = wrapped

    async def _announced(self, connection: Any, reading: Reading, going_on: Sequence[int]) -> None:
        wanted = []
        for n in going_on:
            turn, rows = reading.turns[n], reading.rows[n]
            at = micros(turn.now)
            match turn.ask:
                case InboundAsk():
                    wanted += [(n, row[1], row[_CONTACT], at) for row in rows if row[_CALLED]]
                case AnnounceAsk(tenant_id=tenant_id, contact_id=contact_id):
                    wanted.append((n, tenant_id, contact_id, at))
                case CheckAsk() | VerificationAsk():
                    pass
        if wanted:
            for n, *row in await connection.fetch(sql.ANNOUNCED, *_columns(wanted, 4)):
                reading.announced[n].append(announced_in(row))

    async def _verifying(self, connection: Any, reading: Reading, going_on: Sequence[int]) -> None:
        """Live verifications of senders, where there are any, and all that a verification itself depends on."""
        said = [n for n in going_on if isinstance(reading.turns[n].ask, InboundAsk)]
        of_senders = [(n, row[1], row[_CONTACT]) for n in said for row in reading.rows[n] if row[_VERIFYING]]
        await verifying.live(connection, reading.verifying, of_senders)
        asks = [
            (reading.turns[n], reading.rows[n][0])
            for n in going_on
            if isinstance(reading.turns[n].ask, VerificationAsk)
        ]
        await verifying.around_contacts(connection, reading.verifying, asks, reading.keys)

    # --- what it makes of it ----------------------------------------------------------------------------------------

    def _early(self, reading: Reading, n: int) -> Duplicate | Unroutable | None:
        rows, ask = reading.rows[n], reading.turns[n].ask
        if not rows or _version(reading.turns[n], rows[0])[0] not in reading.tenants:
            return Unroutable()
        match ask:
            case InboundAsk():
                taken = rows[0][7] or rows[0][8]
            case CheckAsk():
                taken = bool(ask.timer and not rows[0][2]) or bool(ask.once and rows[0][3])
            case VerificationAsk():
                first = rows[0]
                taken = bool(ask.timer and not first[verifying.TIMER]) or bool(ask.once and first[verifying.ONCE])
            case AnnounceAsk():
                taken = False
        return Duplicate() if taken else None

    def _facts(self, reading: Reading, n: int) -> Facts:
        rows, keys, ask = reading.rows[n], reading.keys[n], reading.turns[n].ask
        row, tenant = rows[0], reading.tenants[keys.tenant.tenant_id].facts
        match ask:
            case InboundAsk(inbound=said):
                contacts = contacts_in(rows, keys)
                order = {c.id: place for place, c in enumerate(contacts)}
                return InboundFacts(
                    tenant,
                    NumberFacts(row[2], said.our_address, row[3], row[4], row[5]),
                    contacts,
                    StoredDesk(row[10], row[11], load_desk(row[12])) if row[10] is not None else None,
                    self._checks.newest_first(keys, reading.checks[n]),
                    tuple(sorted(reading.announced[n], key=lambda call: order[call.contact_id])),
                    row[9],
                    _COUNTED_LATER,
                    verifying.live_in(reading.verifying, n, keys),
                )
            case CheckAsk():
                contact = contact_in(row[_CHECK_CONTACT:_PICKED], keys) if row[_CHECK_CONTACT] is not None else None
                picked = contact_in(row[_PICKED:], keys) if row[_PICKED] is not None else None
                check = None
                if row[_CHECK_ID] is not None:
                    if contact is None:
                        keys.wrapped[row[_CHECK_ID + 7]] = None
                    check = self._checks.stored(keys, row[_CHECK_ID:_CHECK_CONTACT])
                return CheckFacts(tenant, check, contact, picked, row[4], _COUNTED_LATER)
            case AnnounceAsk():
                known = contact_in(row[_ANNOUNCE_CONTACT:], keys) if row[_ANNOUNCE_CONTACT] is not None else None
                mobile, ours, calls = row[2] or "", row[3] or "", tuple(reading.announced[n])
                return AnnounceFacts(tenant, known, mobile, ours, row[4], calls, _COUNTED_LATER)
            case VerificationAsk():
                return verifying.facts_of(row, reading.verifying, tenant, keys, self._checks)


def _version(turn: Turn[Any], row: Any) -> tuple[str, int]:
    """The tenant of a turn and the version of its row."""
    if isinstance(turn.ask, InboundAsk):
        return row[1], row[_ROUTE_VERSION]
    return turn.ask.tenant_id, row[1]


def _asked(n: int, turn: Turn[Any], facts: Facts) -> Iterator[Asked]:
    """Whose sends are to be counted, where the ask wants it."""
    if not turn.ask.with_limits:
        return
    match turn.ask, facts:
        case InboundAsk(inbound=said), _:
            yield Asked(n, facts.tenant.id, said.their_address, "", turn.now)
        case CheckAsk(technician_id=technician_id), CheckFacts(check=check) if check is not None:
            yield Asked(n, facts.tenant.id, check.their_address, technician_id, turn.now)
        case AnnounceAsk(technician_id=technician_id), AnnounceFacts(mobile=mobile) if mobile:
            yield Asked(n, facts.tenant.id, mobile, technician_id, turn.now)
        case VerificationAsk(technician_id=technician_id, address_id=wanted), VerificationFacts(addresses=addresses):
            for a in addresses:
                if wanted in ("", a.id):
                    yield Asked(n, facts.tenant.id, a.value, technician_id, turn.now, a.id)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[tuple[Any, ...]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _not_fetched(tenant_id: str, contact_id: str) -> bytes | None:
    raise LookupError(f"the key of contact {contact_id} was not fetched with the batch")
