"""One batch of turns, from their facts to the commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dialogs.messages import Unavailable
from dialogs.turns import (
    AnnounceAsk,
    AnnounceFacts,
    Ask,
    CheckFacts,
    Decision,
    Duplicate,
    Facts,
    InboundAsk,
    InboundFacts,
    Taken,
    Unroutable,
    VerificationAsk,
    VerificationFacts,
)
from storage.postgres import read_sql as sql
from storage.postgres.facts import FactLoader
from storage.postgres.failures import ERRORS
from storage.postgres.line import Line, is_id, seeing
from storage.postgres.listening import CHANNEL
from storage.postgres.locks import lock_of
from storage.postgres.row_security import Reason
from storage.postgres.sends import Sends
from storage.postgres.sheet import Sheet, contacts_named, entries_of
from storage.postgres.waiting import Waiting, named
from storage.turn_facts import Found, Loaded

#: After the commit, not within: a notice inside would hold up the commits of all other replicas until this one is on
#: disk. Both go to the server in one piece.
COMMIT = f"COMMIT; NOTIFY {CHANNEL}"


@dataclass(slots=True)
class Done:
    """What became of a batch. `lost`: raced and lost. `later`: has to do with another turn of the batch. `undone`:
    nothing is wrong with these, they go again without the losers."""

    answers: list[tuple[Waiting, object]] = field(default_factory=list)
    lost: list[Waiting] = field(default_factory=list)
    later: list[Waiting] = field(default_factory=list)
    undone: list[Waiting] = field(default_factory=list)
    wrote: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    waiting: Waiting
    decision: Decision[Any]
    found: Loaded


class Batches:
    """Runs batches on one connection. Keeps which tenant a number belongs to, as a hint: what is read says so too."""

    def __init__(self, line: Line, loader: FactLoader) -> None:
        self._line = line
        self._loader = loader
        self._numbers: dict[tuple[str, str], str] = {}

    async def run(self, batch: list[Waiting]) -> Done:
        """Raises Unavailable, also when nobody knows whether the commit arrived, and what the database raises."""
        try:
            return await self._run(batch)
        except _Lost:
            # The connection had died unnoticed, say, and nothing was committed on it.
            pass
        try:
            return await self._run(batch)
        except _Lost as why:
            raise Unavailable("the connection to the database was lost twice") from why

    async def _run(self, batch: list[Waiting]) -> Done:
        connection = await self._line.connection()
        try:
            done = await self._within(connection, batch)
        except ERRORS as why:
            if connection.is_closed():
                self._line.drop()
                raise _Lost from why
            await self._line.undo(why)
            raise
        except Exception:
            # A stored state that cannot be read, say: whose turn it was shows when they are done one by one.
            await self._line.undo()
            raise
        except BaseException:
            self._line.drop()
            raise
        if done.undone or not done.wrote:
            await self._line.undo()
            return done
        try:
            await connection.execute(COMMIT)
        except ERRORS as why:
            self._line.drop()
            raise Unavailable("the connection was lost during the commit") from why
        return done

    async def _within(self, connection: Any, batch: list[Waiting]) -> Done:
        """Everything but the commit. `undone` and `answers` are never both filled."""
        hinted = await self._begin(connection, batch)
        found, sends = await self._loader.load(connection, [waiting.turn for waiting in batch])
        done = Done()
        decided = self._decide(batch, found, sends, hinted, done)
        wanted = ((d.found.keys, id_) for d in decided for id_ in contacts_named(d.decision, d.found.facts))
        await self._loader.fetch_keys(connection, wanted)
        sheet, writing = _sheet(decided, done)
        losers = await sheet.write(connection)
        if losers:
            lost = [d.waiting for n, d in enumerate(writing) if n in losers]
            undone = [waiting for waiting in batch if all(waiting is not o for o in (*lost, *done.lost, *done.later))]
            return Done([], done.lost + lost, done.later, undone)
        done.answers += [(d.waiting, Taken(d.decision.reply)) for d in writing]
        done.wrote = bool(writing)
        return done

    async def _begin(self, connection: Any, batch: list[Waiting]) -> dict[int, str]:
        """Open the transaction so that it sees the tenants of the batch. Answers which turns' tenants are a guess."""
        written_to = {_number(w.turn.ask) for w in batch if isinstance(w.turn.ask, InboundAsk)}
        unknown = [number for number in written_to if number not in self._numbers]
        if unknown:
            await connection.execute(self._line.begin(seeing(Reason.ROUTING)))
            for channel, ours, tenant_id in await connection.fetch(sql.NUMBERS, *map(list, zip(*unknown, strict=True))):
                self._numbers[channel, ours] = tenant_id
        tenants: set[str] = set()
        limited: set[str] = set()
        hinted = {}
        for n, waiting in enumerate(batch):
            ask = waiting.turn.ask
            tenant_id = self._numbers.get(_number(ask), "") if isinstance(ask, InboundAsk) else ask.tenant_id
            if isinstance(ask, InboundAsk) and tenant_id and _number(ask) not in unknown:
                hinted[n] = tenant_id
            if tenant_id:
                tenants.add(tenant_id)
                # Two replicas must not both find room for the last challenge. An announcement and the text it is for
                # must see one another, whichever comes first; so must a check of a caller and a verification of the
                # same person, which stand in one another's way (SEC-06).
                begins = isinstance(ask, VerificationAsk) and not ask.verification_id
                if ask.with_limits or begins or isinstance(ask, AnnounceAsk):
                    limited.add(tenant_id)
        ids = [tenant_id for tenant_id in tenants if is_id(tenant_id)]
        seen = seeing(Reason.TENANTS, ids, [lock_of(f"limits {id_}") for id_ in limited])
        await connection.execute(seen if unknown else self._line.begin(seen))
        return hinted

    def _decide(
        self, batch: Sequence[Waiting], found: Sequence[Found], sends: Sends, hinted: dict[int, str], done: Done
    ) -> list[Decided]:
        """Decide in order. What has to do with an earlier turn of the batch waits, and what has to do with that."""
        decided = []
        busy: set[str] = set()
        for n, (waiting, one) in enumerate(zip(batch, found, strict=True)):
            turn = waiting.turn
            if n in hinted and (one == Unroutable() or (isinstance(one, Loaded) and one.facts.tenant.id != hinted[n])):
                # The number has moved to another tenant, or is gone: look again.
                assert isinstance(turn.ask, InboundAsk)
                self._numbers.pop(_number(turn.ask), None)
                done.lost.append(waiting)
                continue
            if isinstance(one, Duplicate | Unroutable):
                done.answers.append((waiting, one))
                continue
            touched = _touched(turn.ask, one.facts)
            if not busy.isdisjoint(touched):
                busy |= touched
                done.later.append(waiting)
                continue
            busy |= touched
            if turn.ask.with_limits:
                one = Loaded(sends.filled(n, one.facts), one.keys)
            try:
                decision = turn.decide(one.facts)
            # Whatever is wrong with it is its caller's to hear; nothing has been written.
            except Exception as why:
                done.answers.append((waiting, why))
                continue
            sends.add(one.facts.tenant.id, decision.outbox, decision.alerts, turn.now)
            decided.append(Decided(waiting, decision, one))
        return decided


class _Lost(Exception):
    """The connection was lost before the commit: the server has undone everything."""


def _sheet(decided: Sequence[Decided], done: Done) -> tuple[Sheet, list[Decided]]:
    """The rows of all, and those whose rows they are. What two of them want to write is for the next batch."""
    sheet = Sheet()
    writing: list[Decided] = []
    for d in decided:
        try:
            entries = entries_of(d.waiting.turn, d.decision, d.found.facts, d.found.keys)
        # As in `_decide`.
        except Exception as why:
            done.answers.append((d.waiting, why))
            continue
        if sheet.add(len(writing), entries):
            writing.append(d)
        else:
            done.lost.append(d.waiting)
    return sheet, writing


def _touched(ask: Ask, facts: Facts) -> set[str]:
    """Addresses, contacts and checks that a turn depends on or may change."""
    touched = {named(ask)}
    match facts:
        case InboundFacts(contacts=contacts, checks=checks, verifications=verifications):
            touched.update(contact.id for contact in contacts)
            touched.update(verification.id for verification in verifications)
            for check in checks:
                touched.update((check.id, check.their_address, check.contact_id))
        case CheckFacts(check=found, picked=picked):
            if found is not None:
                touched.update((found.their_address, found.contact_id))
            if picked is not None:
                touched.add(picked.id)
        case AnnounceFacts(mobile=mobile):
            touched.add(mobile)
        case VerificationFacts(contact=contact, addresses=addresses, live=live, checks=checks):
            touched.update(address.value for address in addresses)
            touched.update(one.id for one in live)
            touched.update(check.id for check in checks)
            if contact is not None:
                touched.add(contact.id)
            if isinstance(ask, VerificationAsk) and ask.technician_id:
                # Wrong codes and overrides of one technician are counted, and the one too many is told of (SEC-14).
                touched.add(f"by {ask.technician_id}")
    touched.discard("")
    return touched


def _number(ask: InboundAsk) -> tuple[str, str]:
    return ask.inbound.channel, ask.inbound.our_address
