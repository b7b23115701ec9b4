"""Technician verifications as pages and the API read them. A code is never part of it, but for its claimer (SEC-02)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from dialogs import tech_verify as tv
from storage.codec import KIND, load_state
from storage.database import Database
from storage.delivery import Delivery, delivery
from storage.keys import Keyring, place
from storage.outbox_rules import carries_code
from storage.paging import PAGE, Page, newest_first, page_of, page_size
from storage.phones import masked
from storage.sealing import row_keys
from storage.tables import clients, contacts, dialogs, outbox, technicians
from storage.times import maybe_moment, micros, moment


@dataclass(frozen=True, slots=True)
class ContactName:
    """A contact as far as a list of checks needs."""

    id: str
    name: str
    client_id: str
    client: str


@dataclass(frozen=True, slots=True)
class TechnicianName:
    """A technician as far as a list of checks needs."""

    id: str
    name: str
    first_name: str


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One technician verification.

    `word` is the state in small letters; `state` is the whole of it with the code blanked, unless the row was asked
    for by its claimer while it lives: then `code` holds the digits too. `contact` is None while the number stands on
    several contacts, which `candidates` then names. `number` shows the sender's last two digits. `ticket` is ticket,
    new, later, or empty before a claim; id and number go with `ticket`. `needs_ticket`: the record is flagged until a
    ticket is linked. `logged` is how far the result is on its way into the ticket, empty while live. `delivery` is
    that of the newest text with a code, None when none was sent. `reason` is why a check ended, where there are several
    ways to end so.
    """

    id: str
    word: str
    state: tv.State = field(repr=False)
    channel: str
    contact: ContactName | None
    candidates: tuple[ContactName, ...]
    number: str
    created_at: datetime
    expires_at: datetime | None
    ended_at: datetime | None
    technician: TechnicianName | None
    direction: str
    announced: bool
    ticket: str
    ticket_id: str
    ticket_number: str
    needs_ticket: bool
    assurance: str
    reason: str
    note: str
    logged: str
    delivery: Delivery | None
    trail: tuple[tv.Happened, ...]
    code: str = field(default="", repr=False)

    def is_live(self, now: datetime) -> bool:
        """Whether it can still be confirmed; a check past its end counts as over even before its timer rings."""
        return isinstance(self.state, tv.Open | tv.Claimed) and now < self.state.challenge.expires_at


class Checks:
    """Reads technician verifications; they are changed by turns."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def get(
        self, tenant_id: str, check_id: str, *, for_technician: str = "", now: datetime | None = None
    ) -> CheckRow | None:
        """One check. With `for_technician` and `now` the code is there if that technician has claimed it and it lives;
        whoever shows it records that it was shown."""
        query = _checks(tenant_id).where(dialogs.c.id == check_id)

        def work(conn: Connection) -> CheckRow | None:
            rows = conn.execute(query).mappings().all()
            if not rows:
                return None
            claimer = for_technician if now is not None and _may_see(rows[0], for_technician, now) else ""
            return self._rows(conn, tenant_id, rows, opened=bool(claimer))[0]

        return await self._database.read(tenant_id, work)

    async def page(
        self,
        tenant_id: str,
        *,
        live: bool | None = None,
        contact_id: str = "",
        ticket_id: str = "",
        technician_id: str = "",
        since: datetime | None = None,
        cursor: str = "",
        limit: int = PAGE,
    ) -> Page[CheckRow]:
        """Checks that fit everything given, newest first; `since`: asked for then or later. Raises `BadCursor`."""
        size = page_size(limit)
        query = newest_first(_checks(tenant_id), dialogs.c.created_at, dialogs.c.id, cursor, size)
        if live is not None:
            query = query.where(dialogs.c.is_live.is_(live))
        if since is not None:
            query = query.where(dialogs.c.created_at >= micros(since))
        for column, wanted in (
            (dialogs.c.contact_id, contact_id),
            (dialogs.c.ticket_id, ticket_id),
            (dialogs.c.technician_id, technician_id),
        ):
            query = query.where(column == wanted) if wanted else query
        found = await self._database.read(
            tenant_id, lambda conn: self._rows(conn, tenant_id, conn.execute(query).mappings().all(), opened=False)
        )
        return page_of(found, size, lambda row: (micros(row.created_at), row.id))

    async def some(self, tenant_id: str, check_ids: Sequence[str]) -> tuple[CheckRow, ...]:
        """Those of these checks that exist, in no order, without their codes."""
        query = _checks(tenant_id).where(dialogs.c.id.in_(check_ids))
        return await self._database.read(
            tenant_id, lambda conn: self._rows(conn, tenant_id, conn.execute(query).mappings().all(), opened=False)
        )

    async def count_ended(self, tenant_id: str, since: datetime) -> int:
        """How many checks that were asked for since then are over."""
        query = (
            select(func.count())
            .select_from(dialogs)
            .where(
                dialogs.c.tenant_id == tenant_id,
                dialogs.c.kind == KIND,
                dialogs.c.created_at >= micros(since),
                dialogs.c.is_live.is_(False),
            )
        )
        return await self._database.read(tenant_id, lambda conn: conn.scalar(query) or 0)

    def _rows(
        self, conn: Connection, tenant_id: str, rows: Sequence[RowMapping], *, opened: bool
    ) -> tuple[CheckRow, ...]:
        states = {row["id"]: self._state(conn, tenant_id, row, opened=opened) for row in rows}
        wanted = {row["contact_id"] for row in rows} | {c for s in states.values() for c in _candidate_ids(s)}
        names = contact_names(conn, tenant_id, wanted - {""})
        people = technician_names(conn, tenant_id, {row["technician_id"] for row in rows} - {""})
        sent = _deliveries(conn, tenant_id, [row["id"] for row in rows])
        return tuple(_row(row, states[row["id"]], names, people, sent, opened=opened) for row in rows)

    def _state(self, conn: Connection, tenant_id: str, row: RowMapping, *, opened: bool) -> tv.State:
        """The state, its code left sealed and shown as nothing unless `opened`."""
        if not opened:
            return load_state(row["body"], lambda cell: b"")
        keys = row_keys(conn, self._keyring, tenant_id, row["contact_id"])
        return load_state(row["body"], lambda cell: keys.open(cell, place("dialogs", "body", tenant_id, row["id"])))


def _checks(tenant_id: str) -> Select[Any]:
    return select(dialogs).where(dialogs.c.tenant_id == tenant_id, dialogs.c.kind == KIND)


def _may_see(row: RowMapping, technician_id: str, now: datetime) -> bool:
    """The claimer of a live claim, who did not say that the user called (that is refused at the claim already)."""
    state = load_state(row["body"], lambda cell: b"")
    return (
        isinstance(state, tv.Claimed)
        and state.claim.technician.id == technician_id
        and state.claim.direction is not tv.Direction.USER_CALLED_US
        and now < state.challenge.expires_at
    )


def _candidate_ids(state: tv.State) -> tuple[str, ...]:
    if isinstance(state, tv.Blank) or not isinstance(state.story.asker, tv.Several):
        return ()
    return state.story.asker.contact_ids


def contact_names(conn: Connection, tenant_id: str, ids: Iterable[str]) -> dict[str, ContactName]:
    """Those of these contacts that are there, by id."""
    at = (clients.c.tenant_id == contacts.c.tenant_id) & (clients.c.id == contacts.c.client_id)
    query = (
        select(contacts.c.id, contacts.c.name, contacts.c.client_id, clients.c.name)
        .join(clients, at)
        .where(contacts.c.tenant_id == tenant_id, contacts.c.id.in_(sorted(ids)))
    )
    return {row[0]: ContactName(*row) for row in conn.execute(query)}


def technician_names(conn: Connection, tenant_id: str, ids: Iterable[str]) -> dict[str, TechnicianName]:
    """The same for technicians."""
    query = select(technicians.c.id, technicians.c.name, technicians.c.first_name).where(
        technicians.c.tenant_id == tenant_id, technicians.c.id.in_(sorted(ids))
    )
    return {row[0]: TechnicianName(*row) for row in conn.execute(query)}


def _deliveries(conn: Connection, tenant_id: str, check_ids: Sequence[str]) -> dict[str, Delivery]:
    """The newest text with a code of each check."""
    # Not the bodies: they are sealed, large, and none of a list's business.
    told = ("check_id", "template", "status", "delivery", "error", "done_at", "created_at")
    query = (
        select(*(outbox.c[name] for name in told))
        .where(outbox.c.tenant_id == tenant_id, outbox.c.check_id.in_(check_ids), outbox.c.check_id != "")
        .order_by(outbox.c.created_at, outbox.c.id)
    )
    return {
        row["check_id"]: delivery(
            row["status"], row["delivery"], row["error"], moment(row["done_at"] or row["created_at"])
        )
        for row in conn.execute(query).mappings()
        if carries_code(row["template"])
    }


def _row(
    row: RowMapping,
    state: tv.State,
    names: Mapping[str, ContactName],
    people: Mapping[str, TechnicianName],
    sent: Mapping[str, Delivery],
    *,
    opened: bool,
) -> CheckRow:
    claim = None if isinstance(state, tv.Blank | tv.Open) else state.claim
    ticket, ticket_id, number = _ticket(claim)
    ended = state if isinstance(state, tv.Ended) else None
    return CheckRow(
        id=row["id"],
        word=row["state"],
        state=state,
        channel=row["channel"],
        contact=names.get(row["contact_id"]),
        candidates=tuple(names[c] for c in _candidate_ids(state) if c in names),
        number=masked(row["their_address"]),
        created_at=moment(row["created_at"]),
        expires_at=maybe_moment(row["expires_at"]),
        ended_at=ended.at if ended is not None else None,
        technician=people.get(row["technician_id"]),
        direction=claim.direction.value if claim is not None else "",
        announced=claim.announced if claim is not None else False,
        ticket=ticket,
        ticket_id=ticket_id,
        ticket_number=number,
        needs_ticket=ticket == "later",
        assurance=state.assurance if isinstance(state, tv.Confirmed) else "",
        reason=state.reason if isinstance(state, tv.Rejected | tv.Expired | tv.Alarm) else "",
        note=state.note if isinstance(state, tv.Confirmed) else "",
        logged=ended.logged.value if ended is not None else "",
        delivery=sent.get(row["id"]),
        trail=() if isinstance(state, tv.Blank) else state.story.trail,
        code=state.challenge.code.digits if opened and isinstance(state, tv.Claimed) else "",
    )


def _ticket(claim: tv.Claim | None) -> tuple[str, str, str]:
    match claim.ticket if claim is not None else None:
        case tv.Ticket(id=ticket_id, number=number):
            return "ticket", ticket_id, number
        case tv.NewTicket():
            return "new", "", ""
        case tv.Later():
            return "later", "", ""
        case _:
            return "", "", ""
