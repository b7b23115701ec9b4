"""Reading verifications of end users, and what closing a ticket asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select
from sqlalchemy.exc import IntegrityError

from dialogs import user_verify as uv
from dialogs.settings import TenantSettings
from dialogs.turns import AuditEvent
from storage.checks import contact_names, technician_names
from storage.codec import load_verification
from storage.database import Database, Unscoped
from storage.delivery import Delivery
from storage.keys import CannotOpen, Keyring, place
from storage.noting import append_audit
from storage.outbox_rules import tells_of_verification
from storage.paging import PAGE, Page, newest_first, page_of, page_size
from storage.sealing import row_keys
from storage.settings_json import load_settings
from storage.tables import closing_waivers, outbox, tenants, verification_links, verifications
from storage.times import micros, moment
from storage.verification_delivery import verification_delivery
from storage.verification_rows import LinkTarget, Shield, VerificationRow, Waiver, shield_of, verification_row_of

__all__ = ["LinkTarget", "Shield", "VerificationRow", "Verifications", "Waiver"]


class Verifications:
    """Reads verifications of end users; they are changed by turns."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._settings: dict[str, tuple[int, TenantSettings]] = {}

    async def get(
        self, tenant_id: str, verification_id: str, *, for_technician: str = "", now: datetime | None = None
    ) -> VerificationRow | None:
        """One verification. With `for_technician` and `now` the number to be said is there, if that technician asked
        and it lives."""
        query = _all(tenant_id).where(verifications.c.id == verification_id)

        def work(conn: Connection) -> VerificationRow | None:
            found = conn.execute(query).mappings().all()
            if not found:
                return None
            row = self._rows(conn, tenant_id, found)[0]
            if now is None or not row.is_live(now) or row.technician_id != for_technician:
                return row
            return replace(row, spoken=self._spoken(conn, tenant_id, found[0]))

        return await self._database.read(tenant_id, work)

    async def of_contact(self, tenant_id: str, contact_id: str, *, limit: int = PAGE) -> tuple[VerificationRow, ...]:
        """The newest of a contact, newest first."""
        return (await self.page(tenant_id, contact_id=contact_id, limit=limit)).items

    async def of_ticket(self, tenant_id: str, ticket_id: str, *, limit: int = PAGE) -> tuple[VerificationRow, ...]:
        """The newest about a ticket, newest first; none for an empty id."""
        return (await self.page(tenant_id, ticket_id=ticket_id, limit=limit)).items if ticket_id else ()

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
    ) -> Page[VerificationRow]:
        """Those that fit everything given, newest first; `since`: asked then or later. Raises `BadCursor`."""
        size, c = page_size(limit), verifications.c
        query = newest_first(_all(tenant_id), c.created_at, c.id, cursor, size)
        if live is not None:
            query = query.where(c.is_live.is_(live))
        if since is not None:
            query = query.where(c.created_at >= micros(since))
        for column, wanted in (
            (c.contact_id, contact_id),
            (c.ticket_id, ticket_id),
            (c.technician_id, technician_id),
        ):
            query = query.where(column == wanted, column != "") if wanted else query
        found = await self._database.read(
            tenant_id, lambda conn: self._rows(conn, tenant_id, conn.execute(query).mappings().all())
        )
        return page_of(found, size, lambda row: (micros(row.created_at), row.id))

    async def shields(self, tenant_id: str, contact_id: str, now: datetime) -> tuple[Shield, ...]:
        """What is green now, the newest first; several for one address where it was verified several times."""
        return (await self.shields_of(tenant_id, (contact_id,), now)).get(contact_id, ())

    async def shields_of(
        self, tenant_id: str, contact_ids: Sequence[str], now: datetime
    ) -> Mapping[str, tuple[Shield, ...]]:
        """The same for several contacts; those without a green shield are left out."""
        c = verifications.c
        query = (
            _all(tenant_id)
            .where(c.contact_id.in_(sorted(set(contact_ids) - {""})))
            .where(c.green_until > micros(now), c.shield_ended_at.is_(None))
            .order_by(c.ended_at.desc(), c.id.desc())
        )

        def work(conn: Connection) -> dict[str, tuple[Shield, ...]]:
            rows = conn.execute(query).mappings().all()
            people = technician_names(conn, tenant_id, {row["technician_id"] for row in rows})
            found: dict[str, tuple[Shield, ...]] = {}
            for row in rows:
                found[row["contact_id"]] = (*found.get(row["contact_id"], ()), shield_of(row, people))
            return found

        return await self._database.read(tenant_id, work) if contact_ids else {}

    async def by_link(self, digest: str) -> LinkTarget | None:
        """Whose link it is, by SHA-256 of its token; also when it is over."""
        c = verification_links.c
        query = select(c.tenant_id, c.id).where(c.digest == digest)
        found = await self._database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).first())
        return None if found is None else LinkTarget(found.tenant_id, found.id)

    # --- closing tickets --------------------------------------------------------------------------------------------

    async def needs_closing(self, tenant_id: str, ticket_id: str) -> bool:
        """Whether a ticket still lacks what the policy `verified_or_waived` asks for: nobody was verified about it, and
        nobody has waived that."""
        c = verifications.c
        verified = select(c.id).where(
            c.tenant_id == tenant_id,
            c.ticket_id == ticket_id,
            c.ticket_id != "",
            c.state == "verified",
            c.linked_late.is_(False),
            # Whoever was verified was somebody else, as the contact has said since (SEC-08).
            c.denied_at.is_(None),
        )
        waived = select(closing_waivers.c.ticket_id).where(
            closing_waivers.c.tenant_id == tenant_id, closing_waivers.c.ticket_id == ticket_id
        )
        return await self._database.read(
            tenant_id,
            lambda conn: (
                conn.execute(verified.limit(1)).first() is None and conn.execute(waived.limit(1)).first() is None
            ),
        )

    async def waive(self, tenant_id: str, ticket_id: str, *, contact_id: str, note: str, event: AuditEvent) -> bool:
        """Let a ticket be closed all the same; `event` tells of it in the log, its technician and time are on record.
        False where somebody has done so before."""

        def work(conn: Connection) -> bool:
            this = (closing_waivers.c.tenant_id == tenant_id) & (closing_waivers.c.ticket_id == ticket_id)
            if conn.execute(select(closing_waivers.c.ticket_id).where(this)).first() is not None:
                return False
            bound_to = place("closing_waivers", "note", tenant_id, event.id)
            sealed = row_keys(conn, self._keyring, tenant_id, contact_id).seal(note.encode(), bound_to)
            row = {"tenant_id": tenant_id, "ticket_id": ticket_id, "contact_id": contact_id, "note": sealed}
            who = {"id": event.id, "technician_id": event.technician_id, "at": micros(event.at)}
            conn.execute(insert(closing_waivers).values(**row, **who))
            append_audit(conn, self._keyring, tenant_id, event)
            return True

        try:
            return await self._database.write(tenant_id, work)
        except IntegrityError:
            # Somebody else has, at this very moment.
            return False

    async def waiver(self, tenant_id: str, ticket_id: str) -> Waiver | None:
        """Who has waived it, and why; None where nobody has."""
        c = closing_waivers.c
        query = select(closing_waivers).where(c.tenant_id == tenant_id, c.ticket_id == ticket_id)

        def work(conn: Connection) -> Waiver | None:
            row = conn.execute(query).mappings().first()
            if row is None:
                return None
            note = ""
            if row["note"] is not None:
                keys = row_keys(conn, self._keyring, tenant_id, row["contact_id"])
                try:
                    note = keys.open(row["note"], place("closing_waivers", "note", tenant_id, row["id"])).decode()
                except CannotOpen:
                    # Erased with its contact.
                    note = ""
            return Waiver(ticket_id, row["technician_id"], note, moment(row["at"]))

        return await self._database.read(tenant_id, work)

    # --- rows -------------------------------------------------------------------------------------------------------

    def _rows(self, conn: Connection, tenant_id: str, rows: Sequence[RowMapping]) -> tuple[VerificationRow, ...]:
        if not rows:
            return ()
        names = contact_names(conn, tenant_id, {row["contact_id"] for row in rows})
        people = technician_names(conn, tenant_id, {row["technician_id"] for row in rows})
        sent = _deliveries(conn, tenant_id, [row["id"] for row in rows])
        settings = self._settings_of(conn, tenant_id)
        return tuple(verification_row_of(row, names, people, sent, settings) for row in rows)

    def _spoken(self, conn: Connection, tenant_id: str, row: RowMapping) -> str:
        keys = row_keys(conn, self._keyring, tenant_id, row["contact_id"])
        bound_to = place("verifications", "body", tenant_id, row["id"])
        state = load_verification(row["body"], lambda cell: keys.open(cell, bound_to))
        spoken = state.challenge.spoken if isinstance(state, uv.Live) else None
        return spoken.digits if spoken is not None else ""

    def _settings_of(self, conn: Connection, tenant_id: str) -> TenantSettings:
        """Kept by version: decoding them costs more than the rows."""
        version = conn.scalar(select(tenants.c.version).where(tenants.c.id == tenant_id)) or 0
        known = self._settings.get(tenant_id)
        if known is not None and known[0] == version:
            return known[1]
        settings = load_settings(conn.scalar(select(tenants.c.settings).where(tenants.c.id == tenant_id)) or "{}")
        self._settings[tenant_id] = (version, settings)
        return settings


def _all(tenant_id: str) -> Select[Any]:
    return select(verifications).where(verifications.c.tenant_id == tenant_id)


def _deliveries(conn: Connection, tenant_id: str, ids: Iterable[str]) -> dict[str, Delivery]:
    """The newest message or call of each."""
    # Not the bodies: they are sealed, large, and none of a list's business.
    told = ("check_id", "kind", "template", "status", "delivery", "error", "done_at", "created_at")
    query = (
        select(*(outbox.c[name] for name in told))
        .where(outbox.c.tenant_id == tenant_id, outbox.c.check_id.in_(list(ids)), outbox.c.check_id != "")
        .order_by(outbox.c.created_at, outbox.c.id)
    )
    return {
        row["check_id"]: verification_delivery(
            row["kind"], row["status"], row["delivery"], row["error"], moment(row["done_at"] or row["created_at"])
        )
        for row in conn.execute(query).mappings()
        if tells_of_verification(row["kind"], row["template"])
    }
