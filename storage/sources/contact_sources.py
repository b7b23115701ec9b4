"""Where contacts come from besides hands and files: applications of a tenant at Microsoft, and the organisations that
have agreed to be read by them (CO-02 to CO-12). Secrets are sealed under the tenant's key and never shown again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from dialogs.people_source import DirectoryAccess, SourceOrganisation
from dialogs.turns import AuditEvent
from storage.database import Database
from storage.directory import put_client
from storage.keys import Keyring, place
from storage.noting import Noting, append_audit
from storage.sealing import tenant_key
from storage.sources.consents import put_consent, use_consent
from storage.sources.leaving import leave, let_back
from storage.sources.organisations import (
    MOST_ORGANISATIONS,
    NameTaken,
    TooMany,
    map_organisation,
    organisations_of,
    put_organisation,
)
from storage.sources.origin import ContactOrigin, origin_of
from storage.sources.rows import (
    MICROSOFT_365,
    ContactSource,
    NewSource,
    Organisation,
    readiness_of,
    remedy_of,
    source_of,
)
from storage.sources.telling import tell_waiting
from storage.tables import (
    contact_sources,
    source_organisations,
)
from storage.times import micros

__all__ = [
    "MOST",
    "MOST_ORGANISATIONS",
    "ContactOrigin",
    "ContactSource",
    "ContactSources",
    "NameTaken",
    "NewSource",
    "Organisation",
    "TooMany",
    "access_of",
    "readiness_of",
    "remedy_of",
]

#: Of a tenant; more is a mistake or an attack.
MOST = 20


class ContactSources:
    """The sources of a tenant and their organisations."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> ContactSources:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return ContactSources(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def note(self, tenant_id: str, event: AuditEvent) -> None:
        """Put a line into the log about something that changes nothing here."""
        await self._database.write(tenant_id, lambda conn: append_audit(conn, self._keyring, tenant_id, event))

    # --- sources

    async def all(self, tenant_id: str) -> tuple[ContactSource, ...]:
        """By name."""
        return await self._sources(tenant_id)

    async def get(self, tenant_id: str, source_id: str) -> ContactSource | None:
        found = await self._sources(tenant_id, contact_sources.c.id == source_id)
        return found[0] if found else None

    async def _sources(self, tenant_id: str, *which: ColumnElement[bool]) -> tuple[ContactSource, ...]:
        query = select(contact_sources).where(contact_sources.c.tenant_id == tenant_id, *which)
        query = query.order_by(contact_sources.c.name, contact_sources.c.id)
        c = source_organisations.c
        many = select(c.source_id, func.count()).where(c.tenant_id == tenant_id).group_by(c.source_id)

        def work(conn: Connection) -> tuple[ContactSource, ...]:
            counts = {row[0]: int(row[1]) for row in conn.execute(many)}
            return tuple(source_of(row, counts.get(row["id"], 0)) for row in conn.execute(query).mappings())

        return await self._database.read(tenant_id, work)

    async def add(self, tenant_id: str, new: NewSource, now: datetime) -> None:
        """Raises `NameTaken` and `TooMany`."""

        def work(conn: Connection) -> None:
            count = select(func.count()).select_from(contact_sources)
            if (conn.scalar(count.where(contact_sources.c.tenant_id == tenant_id)) or 0) >= MOST:
                raise TooMany
            conn.execute(
                insert(contact_sources).values(
                    tenant_id=tenant_id,
                    id=new.id,
                    kind=MICROSOFT_365,
                    name=new.name,
                    application_id=new.application_id,
                    secret=self._sealed(conn, tenant_id, new.id, new.secret),
                    secret_set_at=micros(now),
                    secret_ends_at=_maybe(new.secret_ends_at),
                    made_by=new.made_by,
                    created_at=micros(now),
                )
            )

        try:
            await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise NameTaken(new.name) from cause

    async def change(
        self,
        tenant_id: str,
        source_id: str,
        now: datetime,
        *,
        name: str,
        application_id: str,
        secret: str = "",
        secret_ends_at: datetime | None = None,
    ) -> bool:
        """`secret` empty: it stays. What could not be read because of it is tried at once. False when there is no such
        source. Raises `NameTaken`."""

        def work(conn: Connection) -> bool:
            values: dict[str, object] = {
                "name": name,
                "application_id": application_id,
                "secret_ends_at": _maybe(secret_ends_at),
            }
            if secret:
                values |= {"secret": self._sealed(conn, tenant_id, source_id, secret), "secret_set_at": micros(now)}
            if conn.execute(update(contact_sources).where(*_source(tenant_id, source_id)).values(values)).rowcount != 1:
                return False
            c = source_organisations.c
            stuck = (c.tenant_id == tenant_id) & (c.source_id == source_id) & (c.problem != "")
            again = {"due_at": micros(now), "failures": 0}
            conn.execute(update(source_organisations).where(stuck, c.client_id.is_not(None)).values(again))
            return True

        try:
            return await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise NameTaken(name) from cause

    async def remove(self, tenant_id: str, source_id: str, now: datetime) -> bool:
        """With its organisations. Contacts and addresses stay, as if somebody had added them by hand. False when there
        was no such source."""
        gone = delete(contact_sources).where(*_source(tenant_id, source_id))

        def work(conn: Connection) -> bool:
            leave(conn, self._keyring, tenant_id, source_organisations.c.source_id == source_id, now)
            return self._gone(conn, tenant_id, conn.execute(gone).rowcount, now)

        return await self._database.write(tenant_id, work)

    def _gone(self, conn: Connection, tenant_id: str, many: int, now: datetime) -> bool:
        # With it went what of it waited for an admin.
        tell_waiting(conn, self._keyring, tenant_id, now)
        return many == 1

    # --- organisations

    async def organisations(self, tenant_id: str, source_id: str = "") -> tuple[Organisation, ...]:
        """Of one source or of all, by name."""
        which = [source_organisations.c.source_id == source_id] if source_id else []
        return await self._organisations(tenant_id, *which)

    async def organisation(self, tenant_id: str, organisation_id: str) -> Organisation | None:
        found = await self._organisations(tenant_id, source_organisations.c.id == organisation_id)
        return found[0] if found else None

    async def _organisations(self, tenant_id: str, *which: ColumnElement[bool]) -> tuple[Organisation, ...]:
        return await self._database.read(tenant_id, lambda conn: organisations_of(conn, tenant_id, *which))

    async def connect(
        self, tenant_id: str, source_id: str, new_id: str, proven: SourceOrganisation, by: str, now: datetime
    ) -> tuple[str, bool]:
        """Keep an organisation that has proven itself: its id here, and whether it was there before, then it is due at
        once. Raises LookupError without the source, `NameTaken` where another source of the tenant has it, `TooMany`.
        """
        try:
            return await self._database.write(
                tenant_id, lambda conn: put_organisation(conn, tenant_id, source_id, new_id, proven, by, now)
            )
        except IntegrityError as cause:
            raise NameTaken(proven.name) from cause

    async def map_to(self, tenant_id: str, organisation_id: str, client_id: str, now: datetime) -> bool:
        """Say whose contacts its people are; they are read at once. Those who have come already go along. False when
        there is no such organisation or client."""
        return await self._database.write(
            tenant_id, lambda conn: map_organisation(conn, tenant_id, organisation_id, client_id, now)
        )

    async def map_to_new(
        self, tenant_id: str, organisation_id: str, new_client_id: str, name: str, now: datetime
    ) -> bool:
        """The same with a client that is added for it. Raises `NameTaken`."""

        def work(conn: Connection) -> bool:
            if conn.scalar(select(source_organisations.c.id).where(*_organisation(tenant_id, organisation_id))) is None:
                return False
            put_client(conn, tenant_id, new_client_id, name, now)
            return map_organisation(conn, tenant_id, organisation_id, new_client_id, now)

        try:
            return await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise NameTaken(name) from cause

    async def disconnect(self, tenant_id: str, organisation_id: str, now: datetime) -> bool:
        """Its people and their addresses stay, as if somebody had added them by hand."""
        gone = delete(source_organisations).where(*_organisation(tenant_id, organisation_id))

        def work(conn: Connection) -> bool:
            leave(conn, self._keyring, tenant_id, source_organisations.c.id == organisation_id, now)
            return self._gone(conn, tenant_id, conn.execute(gone).rowcount, now)

        return await self._database.write(tenant_id, work)

    async def sync_now(self, tenant_id: str, organisation_id: str, by: str, now: datetime) -> bool:
        """Have it read at once; False when it is not there, or nobody has said whose contacts its people are."""
        this = update(source_organisations).where(*_organisation(tenant_id, organisation_id))
        due = this.where(source_organisations.c.client_id.is_not(None)).values(due_at=micros(now), asked_by=by)
        return await self._database.write(tenant_id, lambda conn: conn.execute(due).rowcount == 1)

    async def let_back(self, tenant_id: str, organisation_id: str, now: datetime) -> int | None:
        """Whoever of its people was erased here may be taken over again; they are read at once. How many were kept out;
        None when it is not there, or nobody has said whose contacts its people are."""
        return await self._database.write(tenant_id, lambda conn: let_back(conn, tenant_id, organisation_id, now))

    async def access(self, tenant_id: str, source_id: str, organisation: str) -> DirectoryAccess | None:
        """With what an organisation is asked, the secret opened; None without the source. Raises `CannotOpen`."""
        return await self._database.read(
            tenant_id, lambda conn: access_of(conn, self._keyring, tenant_id, source_id, organisation)
        )

    # --- consents and contacts

    async def begin_consent(
        self, tenant_id: str, source_id: str, log_in_id: str, technician_id: str, word: str, now: datetime, new_id: str
    ) -> bool:
        """Keep the digest of the word that goes along; False when there is no such source."""
        return await self._database.write(
            tenant_id,
            lambda conn: put_consent(conn, tenant_id, source_id, log_in_id, technician_id, word, now, new_id),
        )

    async def take_consent(self, tenant_id: str, source_id: str, log_in_id: str, word: str, now: datetime) -> bool:
        """Use the word up; False: unknown, used, over, or of another log-in or source."""
        return await self._database.write(
            tenant_id, lambda conn: use_consent(conn, tenant_id, source_id, log_in_id, word, now)
        )

    async def origin(self, tenant_id: str, contact_id: str) -> ContactOrigin | None:
        """Where a contact and which of their addresses come from; None for one who came another way."""
        return await self._database.read(tenant_id, lambda conn: origin_of(conn, self._keyring, tenant_id, contact_id))

    def _sealed(self, conn: Connection, tenant_id: str, source_id: str, secret: str) -> bytes:
        return tenant_key(conn, self._keyring, tenant_id).key.seal(secret.encode(), _place(tenant_id, source_id))


def access_of(
    conn: Connection, keyring: Keyring, tenant_id: str, source_id: str, organisation: str
) -> DirectoryAccess | None:
    """Inside a transaction. Raises `CannotOpen`."""
    row = conn.execute(select(contact_sources).where(*_source(tenant_id, source_id))).mappings().first()
    if row is None:
        return None
    secret = tenant_key(conn, keyring, tenant_id).key.open(row["secret"], _place(tenant_id, source_id))
    return DirectoryAccess(row["application_id"], secret.decode(), organisation)


def _source(tenant_id: str, source_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (contact_sources.c.tenant_id == tenant_id, contact_sources.c.id == source_id)


def _organisation(tenant_id: str, organisation_id: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (source_organisations.c.tenant_id == tenant_id, source_organisations.c.id == organisation_id)


def _place(tenant_id: str, source_id: str) -> bytes:
    return place("contact_sources", "secret", tenant_id, source_id)


def _maybe(at: datetime | None) -> int | None:
    return None if at is None else micros(at)
