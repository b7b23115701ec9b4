"""What must hold when a fault is over: nothing lost, nothing doubled, no second different message, no code left."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from bot.seeds import VERIFICATION_NUMBER
from dialogs.messages import Inbound
from storage import tables
from storage.database import OpenDatabase, Unscoped
from storage.digests import once_key
from storage.outbox_rules import carries_code
from storage.sealed.report import Report
from tests.faults.installation import Installation
from tests.faults.traffic import Said, Traffic
from tests.faults.verdict_users import tokens, users

LIVE = ("open", "claimed", "sent")
_CODE = re.compile(r"(?:Code|YOU CALLED US): ([0-9]{6})\.")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a fault may cost. `repeats`: a text may have left twice, with the same words. `dead`: a replica is gone for
    good, and what it had leased waits until the lease ends. `ends`: how checks may end that were under way. `ahead`: a
    clock was so many seconds ahead, and what it put down then to be done at once waits until the others are there."""

    repeats: bool = False
    dead: bool = False
    ends: frozenset[str] = frozenset({"confirmed"})
    ahead: int = 0


#: A fault that costs nothing but time.
NOTHING_WRONG = Cost()
#: Seconds; a replica looks every five.
COPIED_WITHIN_S = 12


@dataclass
class Rows:
    """The database after everything has come to rest."""

    inbound: list[Any] = field(default_factory=list)
    checks: list[Any] = field(default_factory=list)
    outbox: list[Any] = field(default_factory=list)
    audit: list[Any] = field(default_factory=list)
    alerts: list[Any] = field(default_factory=list)
    tickets: list[Any] = field(default_factory=list)
    notes: list[Any] = field(default_factory=list)
    conversations: list[Any] = field(default_factory=list)
    verifications: list[Any] = field(default_factory=list)


def _rows(conn: Connection) -> Rows:
    def all_of(table: Any) -> list[Any]:
        return list(conn.execute(select(table)))

    return Rows(
        *map(
            all_of,
            (
                tables.inbound,
                tables.dialogs,
                tables.outbox,
                tables.audit,
                tables.alerts,
                tables.tickets,
                tables.ticket_notes,
                tables.conversations,
                tables.verifications,
            ),
        )
    )


async def held_phones(installation: Installation, cost: Cost) -> set[str]:
    """Phones of the people for whom something waits, as it may: for the end of a lease that a replica which is gone
    had, or for a time that a clock which was ahead has put down; or for a deadline minutes away, because such a clock
    has thrown the code away as too late."""
    if not cost.dead and not cost.ahead:
        return set()
    o, d, c, v = tables.outbox.c, tables.dialogs.c, tables.conversations.c, tables.verifications.c
    waits = and_(o.done_at.is_(None), or_(o.worker != "", o.due_at > (time.time() + 60) * 1_000_000))
    if cost.ahead:
        waits = or_(waits, and_(o.status == "dropped", o.error == "expired"))
    checks = select(d.their_address).where(d.id == o.check_id, waits)
    others = select(c.their_address).where(c.id == o.conversation_id, waits)
    asked = select(v.their_address).where(v.id == o.check_id, waits)
    database = installation.open_database()
    try:
        return await database.read(
            Unscoped.OPERATOR, lambda conn: {row[0] for query in (checks, others, asked) for row in conn.execute(query)}
        )
    finally:
        await database.close()


async def orphaned(installation: Installation) -> set[str]:
    """Process ids that hold leases and do not run."""
    running = {str(replica.process.pid) for replica in installation.replicas if replica.process and replica.alive}
    o = tables.outbox.c
    query = select(o.worker).where(o.done_at.is_(None), o.worker != "")
    database = installation.open_database()
    try:
        workers = await database.read(Unscoped.OPERATOR, lambda conn: {row[0] for row in conn.execute(query)})
    finally:
        await database.close()
    return {worker.split(":")[1] for worker in workers} - running


async def at_rest(installation: Installation, database: OpenDatabase, cost: Cost, within: float) -> list[str]:
    """Wait until nothing is due and every line has its place; what did not come to rest in time."""
    until = time.monotonic() + within
    while True:
        await installation.carrier.carrier.settled()
        left = await database.read(Unscoped.OPERATOR, lambda conn: list(_unfinished(conn, cost)))
        if not left or time.monotonic() > until:
            return left
        await asyncio.sleep(0.1)


def _unfinished(conn: Connection, cost: Cost) -> Iterator[str]:
    o = tables.outbox.c
    undone = select(o.kind, o.template, o.status, o.attempt, o.error, o.worker, o.lane, o.id, o.due_at).where(
        o.done_at.is_(None)
    )
    rows = conn.execute(undone.order_by(o.lane, o.id)).all()
    # Behind what a dead replica has leased the rest of its lane waits.
    held = {row.lane for row in rows if row.worker} if cost.dead else set()
    if cost.ahead:
        now = time.time() * 1_000_000
        held |= {row.lane for row in rows if now < row.due_at < now + cost.ahead * 1_000_000}
    for row in rows:
        if row.lane not in held:
            yield f"waits in the outbox: {row.kind} {row.template} {row.status}, try {row.attempt}, {row.error}"
    unplaced = conn.execute(select(tables.audit.c.id).where(tables.audit.c.seq.is_(None))).all()
    if unplaced:
        yield f"{len(unplaced)} lines of the log have no place"


async def _verified(installation: Installation, database: OpenDatabase) -> Report:
    """Once each replica has had the time to copy the newest checkpoint, which another may have signed, into its file:
    by a clock that has jumped meanwhile a file may seem to lag far behind."""
    for _ in range(COPIED_WITHIN_S):
        report = await installation.verified(database)
        if report.whole:
            return report
        await asyncio.sleep(1)
    return await installation.verified(database)


async def verdict(traffic: Traffic, cost: Cost, *, within: float = 30.0) -> list[str]:
    """Everything that is wrong, in words. Reads the database beside the replicas."""
    installation = traffic.installation
    database = installation.open_database()
    try:
        wrong = await at_rest(installation, database, cost, within)
        rows = await database.read(Unscoped.OPERATOR, _rows)
        report = await _verified(installation, database)
        everything = await database.read(Unscoped.OPERATOR, _cells)
    finally:
        await database.close()
    wrong += [f"audit verify: {finding}" for finding in report.findings]
    # It was asked last: a late report of the carrier's may have added a line.
    if report.lines < len(rows.audit):
        wrong.append(f"audit verify saw {report.lines} lines of {len(rows.audit)}")
    # Such a line may have had no place yet when the rows were read; `audit verify` has counted it with one.
    placed = sorted(row.seq for row in rows.audit if row.seq is not None)
    if placed != list(range(1, len(placed) + 1)):
        wrong.append("the log's numbers have gaps")
    held = _held(rows, cost) if cost.dead or cost.ahead else set()
    wrong += _turns(traffic, rows)
    wrong += _checks(traffic, rows, cost, held)
    wrong += users(traffic, rows.verifications, rows.audit, cost.ends, held)
    wrong += _texts(traffic, rows, cost)
    wrong += _outbox(rows)
    wrong += _tickets(traffic, rows, held)
    wrong += _codes(traffic, rows, cost, everything)
    return wrong


def _held(rows: Rows, cost: Cost) -> set[str]:
    """Checks of which something waits for the end of a dead replica's lease, or whose code a clock that was ahead has
    thrown away as too late."""
    thrown = {row.check_id for row in rows.outbox if cost.ahead and (row.status, row.error) == ("dropped", "expired")}
    return thrown | {row.check_id for row in rows.outbox if row.done_at is None}


def _turns(traffic: Traffic, rows: Rows) -> Iterator[str]:
    """Each text that was answered 200 is there once, any other at most once, and each made one turn."""
    kept = Counter(row.once_key for row in rows.inbound)
    keys = {_key(said): said for said in traffic.said}
    for key, said in keys.items():
        if said.taken and kept[key] != 1:
            yield f"{said.words!r} was answered {said.statuses} and is there {kept[key]} times"
        elif kept[key] > 1:
            yield f"{said.words!r} is there {kept[key]} times"
    if unknown := kept.keys() - keys.keys():
        yield f"{len(unknown)} texts are there that nobody sent"
    there = Counter(_what(keys[key]) for key in kept if key in keys)
    lines = Counter(row.kind for row in rows.audit)
    if there["words"] != lines["desk.plain"]:
        yield f"{there['words']} plain texts made {lines['desk.plain']} turns"
    if there["verify"] != lines["tv.issue_code"] or there["verify"] != len(rows.checks):
        yield f"{there['verify']} #verify made {lines['tv.issue_code']} turns and {len(rows.checks)} checks"
    ended = ("tv.confirm", "tv.confirm_unclaimed", "desk.nothing_open", "tv.confirmed_already")
    if there["confirm"] != sum(lines[kind] for kind in ended):
        yield f"{there['confirm']} #confirm made {sum(lines[kind] for kind in ended)} turns"


def _what(said: Said) -> str:
    return said.words[1:].split()[0] if said.words.startswith("#") else "words"


def _key(said: Said) -> bytes:
    return once_key(Inbound("sms", "twilio", said.sid, VERIFICATION_NUMBER, said.sender.mobile, said.words, ""))


def _checks(traffic: Traffic, rows: Rows, cost: Cost, held: set[str]) -> Iterator[str]:
    """At most one live check for each contact; told stories ended as they may."""
    live = Counter(row.contact_id for row in rows.checks if row.is_live)
    if live and max(live.values()) > 1:
        yield f"a contact has {max(live.values())} live checks"
    states = {row.id: row.state for row in rows.checks}
    for story in traffic.stories:
        state = states.get(story.check_id, "gone")
        if story.step == "told" and state not in cost.ends:
            yield f"a check that was told to its end is {state}"
        if story.step != "told" and story.check_id not in held and state not in cost.ends:
            yield f"a check stands still at {story.step!r}: {state}"
    confirmed = Counter(row.check_id for row in rows.audit if row.kind == "tv.confirm" and '"confirmed"' in row.public)
    if confirmed and max(confirmed.values()) > 1:
        yield "a check was confirmed twice"


def _texts(traffic: Traffic, rows: Rows, cost: Cost) -> Iterator[str]:
    """No phone got two codes, or the same words more often than it may; what is `sent` was sent."""
    phones = traffic.installation.carrier.carrier.phones
    most = 2 if cost.repeats else 1
    for phone, bodies in phones.items():
        codes = {code for body in bodies for code in _CODE.findall(body)}
        asked = sum(said.sender.mobile == phone and said.words == "#verify" for said in traffic.said)
        asked += sum(story.asked for story in traffic.users if story.person.mobile == phone)
        if len(codes) > asked:
            yield f"a phone got {len(codes)} codes for {asked} requests"
        times = max(Counter(bodies).values())
        if times > most:
            yield f"a phone got the same text {times} times: {_CODE.sub('Code: ......', max(bodies, key=bodies.count))}"
    phone_of = {row.id: row.their_address for row in (*rows.conversations, *rows.verifications)}
    texts = [row for row in rows.outbox if row.kind == "text"]
    sent = Counter(phone_of[row.conversation_id or row.check_id] for row in texts if row.status == "sent")
    every = Counter(phone_of[row.conversation_id or row.check_id] for row in texts)
    for phone in every.keys() | phones.keys():
        different = len(set(phones.get(phone, ())))
        if not sent[phone] <= different <= every[phone]:
            yield f"{sent[phone]} of {every[phone]} texts to a phone are sent, and it got {different}"


def _outbox(rows: Rows) -> Iterator[str]:
    """Given up only with an alert, and never with the code still there."""
    told = Counter(row.check_id for row in rows.alerts if row.kind == "not_delivered")
    for row in rows.outbox:
        if row.status == "dead" and not told[row.check_id]:
            yield f"given up without an alert: {row.kind} {row.template} {row.error}"
        if row.done_at is not None and carries_code(row.template) and row.payload is not None:
            yield f"a text with a code was kept after it was {row.status}"


def _tickets(traffic: Traffic, rows: Rows, held: set[str]) -> Iterator[str]:
    """One ticket and one note for each check that was confirmed."""
    tickets = Counter(row.contact_id for row in rows.tickets)
    notes = Counter(row.ticket_id for row in rows.notes)
    ids = {row.contact_id: row.id for row in rows.tickets}
    people = {story.person.id for story in traffic.stories}
    for row in rows.checks:
        if row.state != "confirmed" or row.id in held or row.contact_id not in people:
            continue
        noted = notes[ids.get(row.contact_id, "")]
        if (tickets[row.contact_id], noted) != (1, 1):
            yield f"a confirmed check has {tickets[row.contact_id]} tickets with {noted} notes"


def _codes(traffic: Traffic, rows: Rows, cost: Cost, everything: Sequence[str]) -> Iterator[str]:
    """No code stands anywhere in plain, and none in any form where its check is over."""
    codes = {
        code
        for bodies in traffic.installation.carrier.carrier.phones.values()
        for body in bodies
        for code in _CODE.findall(body)
    }
    if not codes:
        yield "no code was ever sent"
        return
    # Six digits are found by chance within longer numbers, ids and times; a code in plain stands by itself.
    found = re.compile(r"(?<![\w.+:-])(" + "|".join(sorted(codes)) + r")(?![\w:-])")
    links = tokens(traffic.installation.carrier.carrier.phones.values())
    if any(link in cell for cell in everything for link in links):
        yield "a link stands in plain"
    for cell in everything:
        if found.search(cell):
            yield f"a code stands in plain in {cell[:40]!r}"
    over = {row.id for row in (*rows.checks, *rows.verifications) if row.state not in LIVE}
    for row in rows.outbox:
        # What a dead replica has leased is wiped when its lease ends.
        leased = cost.dead and row.worker and row.done_at is None
        if row.check_id in over and carries_code(row.template) and row.payload is not None and not leased:
            yield f"the code of a check that is over still waits to be sent ({row.status})"
    for row in rows.checks:
        if row.id in over and re.search(r'"code":\s*[^n\s]', row.body):
            yield f"a check that is {row.state} still has its code"


def _cells(conn: Connection) -> list[str]:
    """Every text and blob of every table."""
    return [
        cell.decode("latin-1") if isinstance(cell, bytes) else cell
        for table in tables.metadata.sorted_tables
        for row in conn.execute(select(table))
        for cell in row
        if isinstance(cell, str | bytes)
    ]
