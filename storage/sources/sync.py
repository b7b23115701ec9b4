"""One step of reading an organisation, each in one transaction: the company itself, a page of its people, some of those
whom a round has not named, the end of the round. A crash between two of them loses nothing: the row says what comes
next, and the step that was under way is taken once more."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, func, select

from dialogs.people_source import SourceOrganisation, SourcePage
from dialogs.turns import AuditEvent
from storage.keys import Keyring
from storage.noting import append_audit
from storage.sources.lease import Lease, counted, give_back, move_on, seal_cursor
from storage.sources.page import Taking
from storage.sources.proposing import decide_round
from storage.sources.taking import take_missing, take_over
from storage.sources.telling import tell_waiting
from storage.tables import source_organisations
from storage.times import micros

#: Between two rounds.
EVERY: Final = timedelta(hours=1)
#: Contacts in one transaction where nobody else says how many.
PIECE: Final = 100
#: Pages of a round: with a hundred people each more than any company has. Whoever sends more never ends.
MOST_PAGES: Final = 10_000

#: The row as it is when nothing is wrong.
_WELL: Final[Mapping[str, Any]] = {"problem": "", "problem_detail": "", "problem_at": None, "failures": 0}


@dataclass(frozen=True, slots=True)
class Step:
    """What a step is taken with. `region` and `speaks` as in `Taking`."""

    keyring: Keyring
    lease: Lease
    region: str
    now: datetime
    new_id: Callable[[], str]
    speaks: Callable[[str], str]

    def taking(self) -> Taking:
        lease = self.lease
        return Taking(
            keyring=self.keyring,
            tenant_id=lease.tenant_id,
            source_id=lease.source_id,
            organisation_id=lease.organisation_id,
            client_id=lease.client_id,
            round=lease.round,
            is_first=lease.is_first,
            region=self.region,
            now=self.now,
            new_id=self.new_id,
            speaks=self.speaks,
        )


#: What is taken over in one transaction; the lease for the next one, None once the round is over.
Work: TypeAlias = Callable[[Connection, Step], Lease | None]


def keep_company(conn: Connection, step: Step, company: SourceOrganisation) -> Lease:
    """First the company: its name and domains as they are there now. Raises `Lost`."""
    told = {"name": company.name[:120], "domains": json.dumps(list(company.domains))}
    move_on(conn, step.lease, step.now, {**told, **_WELL, "step": "people"})
    return replace(step.lease, step="people")


def keep_page(conn: Connection, step: Step, page: SourcePage) -> Lease | None:
    """Then its people, a page at a time; None once the round is over. Raises `Lost`."""
    lease = step.lease
    cursor = seal_cursor(conn, step.keyring, lease, page.cursor) if page.cursor else None
    c = source_organisations.c
    values = {"cursor": cursor, "pages": lease.pages + 1, **_WELL}
    values |= {"people": c.people + len(page.people), "unreadable": c.unreadable + page.unreadable}
    move_on(conn, lease, step.now, values)
    more = take_over(conn, step.taking(), page.people, page.gone)
    after = replace(lease, pages=lease.pages + 1, cursor=page.cursor)
    counts = {"counts": json.dumps(counted(conn, after, more))}
    if not page.whole:
        move_on(conn, after, step.now, counts)
        return after
    if lease.is_anew and not _unreadable(conn, lease):
        move_on(conn, after, step.now, {**counts, "step": "missing"})
        return replace(after, step="missing")
    # Who is missing may be who could not be read: everybody once more, until that is clear.
    move_on(conn, after, step.now, {**counts, "cursor": None} if lease.is_anew else counts)
    _finish(conn, replace(step, lease=after))
    return None


def keep_missing(conn: Connection, step: Step) -> Lease | None:
    """Last, after a round that names everybody, whom it has not named; None once the round is over. Raises `Lost`."""
    seen, more = take_missing(conn, step.taking(), PIECE)
    move_on(conn, step.lease, step.now, {"counts": json.dumps(counted(conn, step.lease, more))})
    if seen:
        return step.lease
    _finish(conn, step)
    return None


def put_off(
    conn: Connection, step: Step, problem: str, detail: str, due_at: datetime, *, from_the_start: bool = False
) -> bool:
    """It could not be read: say why, and try again at `due_at`, `from_the_start` with everybody in a round of its own.
    False when it was not ours any more."""
    lease = step.lease
    c = source_organisations.c
    before = conn.scalar(select(c.problem).where(c.tenant_id == lease.tenant_id, c.id == lease.organisation_id))
    values: dict[str, Any] = {"problem": problem, "problem_detail": detail[:120], "problem_at": micros(step.now)}
    # Whoever asked for it sees why not.
    values["asked_by"] = ""
    if from_the_start:
        values |= {"step": "", "cursor": None}
    if not give_back(conn, lease, {**values, "due_at": micros(due_at), "failures": lease.failures + 1}):
        return False
    if before != problem:
        _note(conn, step, "source.problem", {"problem": problem, **({"detail": detail[:120]} if detail else {})})
    return True


def _finish(conn: Connection, step: Step) -> None:
    lease = step.lease
    many, wait = decide_round(conn, lease.tenant_id, lease.organisation_id, step.now)
    counts = counted(conn, lease, {})
    # Somebody may have changed back and forth within the round: what counts is what is left at its end.
    counts["changes"] = many
    ends = {"step": "", "round": lease.round, "last": json.dumps(counts), "finished_at": micros(step.now)}
    give_back(conn, lease, {**ends, **_WELL, "asked_by": "", "due_at": micros(step.now + EVERY)})
    told = {name: count for name, count in counts.items() if count}
    if told or lease.is_first or lease.asked_by:
        _note(conn, step, "source.synced", told, by=lease.asked_by)
    if wait:
        _note(conn, step, "source.changes_wait", {"changes": wait})
    tell_waiting(conn, step.keyring, lease.tenant_id, step.now, step.new_id if wait else None)


def _unreadable(conn: Connection, lease: Lease) -> int:
    c = source_organisations.c
    query = select(func.max(c.unreadable)).where(c.tenant_id == lease.tenant_id, c.id == lease.organisation_id)
    return conn.scalar(query) or 0


def _note(conn: Connection, step: Step, kind: str, facts: Mapping[str, str | int], by: str = "") -> None:
    lease = step.lease
    public: Mapping[str, str | int] = {"source": lease.source_id, "organisation": lease.organisation_id, **facts}
    event = AuditEvent(step.new_id(), step.now, kind, technician_id=by, public=public)
    append_audit(conn, step.keyring, lease.tenant_id, event)
