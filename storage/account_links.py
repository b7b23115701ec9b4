"""Links for one use that let somebody into an account: an invitation, a new password, a new second factor (SEC-43).

A link is looked at as often as anybody likes; it is used up in the transaction of what it was for.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, Update, insert, select, update

from dialogs.turns import AuditEvent
from storage.accounts import end_log_ins
from storage.credentials import clear_recovery, forget_browsers, put_recovery, sealed_totp
from storage.database import Database, Unscoped
from storage.keys import CannotOpen, Keyring, place
from storage.noting import Noting
from storage.sealing import tenant_key
from storage.tables import account_links, technicians, tenants
from storage.times import maybe_moment, micros, moment

Purpose = Literal["invitation", "password", "second_factor"]


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to make. `digest`: SHA-256 of its token. `made_by`: an admin, or empty where the person asked for it."""

    id: str
    digest: str
    purpose: Purpose
    expires_at: datetime
    made_by: str = ""


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link and whose it is. `totp_secret` is not here: a link never leads to the old second factor."""

    tenant_id: str
    id: str
    technician_id: str
    digest: str
    purpose: Purpose
    expires_at: datetime
    used_at: datetime | None
    login: str
    name: str
    tenant: str
    has_password: bool
    has_second_factor: bool
    is_disabled: bool

    def is_open(self, now: datetime) -> bool:
        """Whether it may still be used."""
        ready = not self.has_password if self.purpose == "invitation" else self.has_password
        # A new password is proven with the second factor, so it must be there; a new second factor needs a gap.
        if self.purpose == "password":
            ready = ready and self.has_second_factor
        elif self.purpose == "second_factor":
            ready = ready and not self.has_second_factor
        return ready and self.used_at is None and now < self.expires_at and not self.is_disabled


class AccountLinks:
    """Links into accounts, and what using one does."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> AccountLinks:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return AccountLinks(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def find(self, digest: str) -> StoredLink | None:
        """The link with this token, whatever its state, over all tenants."""
        owner = (technicians.c.tenant_id == account_links.c.tenant_id) & (
            technicians.c.id == account_links.c.technician_id
        )
        query = (
            select(
                account_links,
                technicians.c.login,
                technicians.c.name,
                technicians.c.password_hash,
                technicians.c.totp_secret,
                technicians.c.disabled_at,
                tenants.c.name.label("tenant"),
            )
            .join(technicians, owner)
            .join(tenants, tenants.c.id == account_links.c.tenant_id)
            .where(account_links.c.digest == digest)
        )
        row = await self._database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).mappings().first())
        return None if row is None else _link(row)

    async def make(self, tenant_id: str, technician_id: str, new: NewLink, now: datetime) -> None:
        """Make a link; older ones for the same purpose end."""
        await self._database.write(tenant_id, lambda conn: put_link(conn, tenant_id, technician_id, new, now))

    async def open_invitations(self, tenant_id: str, now: datetime) -> Mapping[str, datetime]:
        """Technician -> until when their invitation may be accepted."""
        query = select(account_links.c.technician_id, account_links.c.expires_at).where(
            account_links.c.tenant_id == tenant_id,
            account_links.c.purpose == "invitation",
            account_links.c.used_at.is_(None),
            account_links.c.expires_at > micros(now),
        )
        rows = await self._database.read(tenant_id, lambda conn: conn.execute(query).all())
        return {technician_id: moment(until) for technician_id, until in rows}

    async def join(
        self,
        link: StoredLink,
        *,
        password_hash: str,
        totp_secret: str,
        totp_step: int,
        recovery_digests: Sequence[str],
        now: datetime,
    ) -> bool:
        """Accept an invitation: the account has a password and a second factor from here on. `totp_step` is that of
        the code that proved it, which is used up with it. False when the link is not open any more."""

        def work(conn: Connection) -> bool:
            secret = sealed_totp(conn, self._keyring, link.tenant_id, link.technician_id, totp_secret)
            values = {"password_hash": password_hash, "totp_secret": secret, "totp_step": totp_step}
            if not _use(conn, link, technicians.c.password_hash == "", values, now):
                return False
            clear_recovery(conn, link.tenant_id, link.technician_id)
            put_recovery(conn, link.tenant_id, link.technician_id, recovery_digests)
            return True

        return await self._database.write(link.tenant_id, work)

    async def set_password(self, link: StoredLink, *, password_hash: str, now: datetime) -> bool:
        """A new password by the link; all log-ins and known browsers end. False when the link is not open any more."""

        def work(conn: Connection) -> bool:
            if not _use(conn, link, technicians.c.password_hash != "", {"password_hash": password_hash}, now):
                return False
            end_log_ins(conn, link.tenant_id, link.technician_id, now)
            forget_browsers(conn, link.tenant_id, link.technician_id)
            return True

        return await self._database.write(link.tenant_id, work)

    async def set_second_factor(
        self, link: StoredLink, *, totp_secret: str, totp_step: int, recovery_digests: Sequence[str], now: datetime
    ) -> bool:
        """A new second factor by the link; all log-ins end. False when the link is not open any more."""

        def work(conn: Connection) -> bool:
            secret = sealed_totp(conn, self._keyring, link.tenant_id, link.technician_id, totp_secret)
            values = {"totp_secret": secret, "totp_step": totp_step}
            if not _use(conn, link, technicians.c.totp_secret.is_(None), values, now):
                return False
            end_log_ins(conn, link.tenant_id, link.technician_id, now)
            clear_recovery(conn, link.tenant_id, link.technician_id)
            put_recovery(conn, link.tenant_id, link.technician_id, recovery_digests)
            forget_browsers(conn, link.tenant_id, link.technician_id)
            return True

        return await self._database.write(link.tenant_id, work)

    async def carry(self, link: StoredLink, values: Mapping[str, str]) -> str:
        """What one step of a page hands to the next through the browser, which cannot read or change it. It opens for
        this link only."""

        def work(conn: Connection) -> bytes:
            return tenant_key(conn, self._keyring, link.tenant_id).key.seal(json.dumps(values).encode(), _carried(link))

        return base64.urlsafe_b64encode(await self._database.read(link.tenant_id, work)).decode()

    async def carried(self, link: StoredLink, text: str) -> Mapping[str, str] | None:
        """What `carry` made the text of; None for any other text."""
        try:
            cell = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            return None

        def work(conn: Connection) -> bytes | None:
            try:
                return tenant_key(conn, self._keyring, link.tenant_id).key.open(cell, _carried(link))
            except CannotOpen:
                return None

        plain = await self._database.read(link.tenant_id, work)
        if plain is None:
            return None
        values: dict[str, str] = json.loads(plain)
        return values


def put_link(conn: Connection, tenant_id: str, technician_id: str, new: NewLink, now: datetime) -> None:
    """Write the link; older ones for the same purpose end."""
    void_links(conn, tenant_id, technician_id, now, account_links.c.purpose == new.purpose)
    conn.execute(
        insert(account_links).values(
            tenant_id=tenant_id,
            id=new.id,
            technician_id=technician_id,
            digest=new.digest,
            purpose=new.purpose,
            made_by=new.made_by,
            created_at=micros(now),
            expires_at=micros(new.expires_at),
        )
    )


def void_links(
    conn: Connection, tenant_id: str, technician_id: str, now: datetime, also: ColumnElement[bool] | None = None
) -> None:
    """End what links there are for this technician, or those that `also` picks."""
    ended = open_links(tenant_id, now).where(account_links.c.technician_id == technician_id)
    conn.execute(ended if also is None else ended.where(also))


def open_links(tenant_id: str, now: datetime) -> Update:
    """What ends every link of the tenant that may still be used."""
    return (
        update(account_links)
        .where(account_links.c.tenant_id == tenant_id, account_links.c.used_at.is_(None))
        .where(account_links.c.expires_at > micros(now))
        .values(expires_at=micros(now))
    )


def _use(
    conn: Connection, link: StoredLink, still: ColumnElement[bool], values: Mapping[str, Any], now: datetime
) -> bool:
    """Use the link up and change the account, if both are still as the link needs them."""
    used = (
        update(account_links)
        .where(account_links.c.tenant_id == link.tenant_id, account_links.c.id == link.id)
        .where(account_links.c.used_at.is_(None), account_links.c.expires_at > micros(now))
        .values(used_at=micros(now))
    )
    # The link first: of two who use it at once, the second finds it used, whatever the account looks like by then.
    if conn.execute(used).rowcount != 1:
        return False
    changed = (
        update(technicians)
        .where(technicians.c.tenant_id == link.tenant_id, technicians.c.id == link.technician_id)
        .where(technicians.c.disabled_at.is_(None), still)
        .values(**values)
    )
    if conn.execute(changed).rowcount != 1:
        return False
    void_links(conn, link.tenant_id, link.technician_id, now)
    return True


def _carried(link: StoredLink) -> bytes:
    return place("account_links", "carried", link.tenant_id, link.id)


def _link(row: RowMapping) -> StoredLink:
    return StoredLink(
        tenant_id=row["tenant_id"],
        id=row["id"],
        technician_id=row["technician_id"],
        digest=row["digest"],
        purpose=row["purpose"],
        expires_at=moment(row["expires_at"]),
        used_at=maybe_moment(row["used_at"]),
        login=row["login"],
        name=row["name"],
        tenant=row["tenant"],
        has_password=row["password_hash"] != "",
        has_second_factor=row["totp_secret"] is not None,
        is_disabled=row["disabled_at"] is not None,
    )
