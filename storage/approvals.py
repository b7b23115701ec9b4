"""Reading approvals, and how it stands with high-risk work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, and_, or_, select

from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.ports import Clock
from dialogs.settings import TenantSettings
from dialogs.turns import StoredVerification
from storage.approval_codec import load_approval
from storage.approval_rows import ApprovalRow, agreed_in, reason_of, unusual_of, word_of
from storage.checks import ContactName, TechnicianName, contact_names, technician_names
from storage.codec import load_verification
from storage.database import Database
from storage.keys import CannotOpen, Keyring, place
from storage.paging import PAGE, Page, newest_first, page_of, page_size
from storage.sealing import row_keys
from storage.settings_json import load_settings
from storage.tables import addresses, approvals, contacts, tenants, verifications
from storage.times import maybe_moment, micros, moment
from storage.turn_facts import green_shield
from storage.verification_rows import blank

__all__ = ["ApprovalRow", "Approvals"]


class Approvals:
    """Reads requests to a second person; they are changed by turns. `clock` tells what has run out."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock

    async def get(self, tenant_id: str, approval_id: str) -> ApprovalRow | None:
        """One of them; None when there is no such one in this tenant."""
        query = select(approvals).where(approvals.c.tenant_id == tenant_id, approvals.c.id == approval_id)
        found = await self._database.read(
            tenant_id, lambda conn: self._rows(conn, tenant_id, conn.execute(query).mappings().all())
        )
        return found[0] if found else None

    async def page(
        self,
        tenant_id: str,
        *,
        live: bool | None = None,
        contact_id: str = "",
        ticket_id: str = "",
        technician_id: str = "",
        cursor: str = "",
        limit: int = PAGE,
    ) -> Page[ApprovalRow]:
        """Those that fit everything given, newest first. `live`: something may still come of it. Raises
        `BadCursor`."""
        size, c = page_size(limit), approvals.c
        theirs = select(approvals).where(c.tenant_id == tenant_id)
        query = newest_first(theirs, c.created_at, c.id, cursor, size)
        now = micros(self._clock.now())
        if live is True:
            query = query.where(c.is_live, c.expires_at > now)
        if live is False:
            query = query.where(or_(c.is_live.is_(False), c.expires_at <= now))
        for column, wanted in (
            (c.contact_id, contact_id),
            (c.ticket_id, ticket_id),
            (c.technician_id, technician_id),
        ):
            query = query.where(column == wanted) if wanted else query
        found = await self._database.read(
            tenant_id, lambda conn: self._rows(conn, tenant_id, conn.execute(query).mappings().all())
        )
        return page_of(found, size, lambda row: (micros(row.created_at), row.id))

    async def waiting_for(self, tenant_id: str, technician_id: str, now: datetime, *, supervisor: bool) -> int:
        """How many wait that this technician may decide: not their own, and by the client's policy theirs to decide.
        `supervisor`: they are one, or an admin."""
        c = approvals.c
        query = (
            select(contacts.c.client_id)
            .join(approvals, and_(c.tenant_id == contacts.c.tenant_id, c.contact_id == contacts.c.id))
            .where(contacts.c.tenant_id == tenant_id, c.tenant_id == tenant_id)
            .where(c.is_live, c.state == "waiting", c.expires_at > micros(now), c.technician_id != technician_id)
        )

        def work(conn: Connection) -> int:
            clients = list(conn.scalars(query))
            if supervisor or not clients:
                return len(clients)
            settings = _settings(conn, tenant_id)
            return sum(settings.policy_of(client_id).approver == "any_technician" for client_id in clients)

        return await self._database.read(tenant_id, work)

    async def clearance(
        self, tenant_id: str, contact_id: str, ticket_id: str, policy: uv.Policy, now: datetime
    ) -> ap.Clearance:
        """How it stands with high-risk work for a contact, about a ticket or about none. `policy`: of their client."""
        c = approvals.c
        asked = select(approvals).where(
            c.tenant_id == tenant_id, c.contact_id == contact_id, c.is_live, c.kind == "high", c.body.is_not(None)
        )

        def work(conn: Connection) -> ap.Clearance:
            shields = _shields(conn, tenant_id, contact_id, now)
            known = [(row["id"], self._state(conn, tenant_id, row)) for row in conn.execute(asked).mappings().all()]
            states = [(id, state) for id, state in known if state is not None]
            return ap.clearance(shields, states, policy, ticket_id, now)

        return await self._database.read(tenant_id, work)

    # --- rows -------------------------------------------------------------------------------------------------------

    def _rows(self, conn: Connection, tenant_id: str, rows: Sequence[RowMapping]) -> tuple[ApprovalRow, ...]:
        if not rows:
            return ()
        names = contact_names(conn, tenant_id, {row["contact_id"] for row in rows})
        who = {row["technician_id"] for row in rows} | {row["decided_by"] for row in rows}
        people = technician_names(conn, tenant_id, who - {""})
        now = self._clock.now()
        return tuple(_row(row, self._state(conn, tenant_id, row), names, people, now) for row in rows)

    def _state(self, conn: Connection, tenant_id: str, row: RowMapping) -> ap.State | None:
        """None once the contact is erased."""
        if row["body"] is None:
            return None
        keys = row_keys(conn, self._keyring, tenant_id, row["contact_id"])
        try:
            return load_approval(keys.open(row["body"], place("approvals", "body", tenant_id, row["id"])))
        except CannotOpen:
            return None


def _row(
    row: RowMapping,
    known: ap.State | None,
    names: Mapping[str, ContactName],
    people: Mapping[str, TechnicianName],
    now: datetime,
) -> ApprovalRow:
    state = known or ap.Unasked()
    wanted = None if isinstance(state, ap.Unasked) else state.wanted
    to = wanted.destination if wanted is not None else None
    agreed, contact = agreed_in(state), names.get(row["contact_id"])
    until = maybe_moment(row["expires_at"])
    asker, decider = people.get(row["technician_id"]), people.get(row["decided_by"])
    return ApprovalRow(
        id=row["id"],
        kind="high" if row["kind"] == "high" else "address",
        state=word_of(row["state"], until, now),
        contact_id=row["contact_id"],
        contact_name=contact.name if contact is not None else "",
        client_id=contact.client_id if contact is not None else "",
        address_id=row["address_id"],
        address=to.shown if to is not None else "",
        unusual=unusual_of(state),
        ticket_id=row["ticket_id"],
        ticket_number=wanted.ticket.number if wanted is not None and wanted.ticket is not None else "",
        technician_id=row["technician_id"],
        technician=asker.name if asker is not None else "",
        note=wanted.note if wanted is not None else "",
        created_at=moment(row["created_at"]),
        until=until if until is not None and now < until else None,
        decided_by_id=row["decided_by"],
        decided_by=decider.name if decider is not None else "",
        decided_at=agreed.at if agreed is not None else state.at if isinstance(state, ap.Refused) else None,
        reason=reason_of(state),
        verification_id=row["verification_id"],
        methods=agreed.methods if agreed is not None else (),
    )


def _shields(conn: Connection, tenant_id: str, contact_id: str, now: datetime) -> tuple[ap.GreenShield, ...]:
    c, k = verifications.c, addresses.c
    query = (
        select(verifications, k.changed_at)
        .outerjoin(addresses, and_(k.tenant_id == c.tenant_id, k.id == c.address_id))
        .where(c.tenant_id == tenant_id, c.contact_id == contact_id)
        .where(c.green_until > micros(now), c.shield_ended_at.is_(None))
        .order_by(c.id)
    )
    found = []
    for row in conn.execute(query).mappings():
        where = (row["contact_id"], row["our_address"], row["their_address"], moment(row["created_at"]))
        one = StoredVerification(row["id"], row["version"], load_verification(row["body"], blank), *where)
        found.append(green_shield(one, maybe_moment(row["changed_at"])))
    return tuple(shield for shield in found if shield is not None)


def _settings(conn: Connection, tenant_id: str) -> TenantSettings:
    return load_settings(conn.scalar(select(tenants.c.settings).where(tenants.c.id == tenant_id)) or "{}")
