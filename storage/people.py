"""Technicians with accounts: added, listed, changed, switched off. Signing in is `accounts.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import count
from typing import Any

from sqlalchemy import Connection, Insert, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from dialogs.turns import AuditEvent
from storage.account_links import NewLink, put_link, void_links
from storage.accounts import canonical, end_log_ins
from storage.credentials import clear_recovery, forget_browsers, put_recovery, sealed_totp
from storage.database import Database
from storage.keys import Keyring
from storage.noting import Noting
from storage.tables import technicians, verifications
from storage.technician_rows import (
    WAYS,
    Invited,
    NewTechnician,
    Role,
    StoredTechnician,
    first_name_of,
    technician_in,
)
from storage.times import id_from, micros
from storage.voiding import end_verifications

__all__ = [
    "WAYS",
    "Invited",
    "LastAdmin",
    "LoginTaken",
    "NewTechnician",
    "People",
    "Role",
    "StoredTechnician",
    "first_name_of",
]


class LoginTaken(Exception):
    """Another account has this login, in this tenant or another one."""


class LastAdmin(Exception):
    """Nobody else could change settings and people afterwards; nothing has been changed."""


class People:
    """The technicians of a tenant."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> People:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return People(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def add(self, tenant_id: str, new: NewTechnician, now: datetime) -> None:
        """Raises `LoginTaken`; logins are unique over all tenants, since they are how the tenant is found."""

        def work(conn: Connection) -> None:
            secret = sealed_totp(conn, self._keyring, tenant_id, new.id, new.totp_secret)
            first_name = new.first_name or first_name_of(new.name)
            kept = {"password_hash": new.password_hash, "totp_secret": secret, "first_name": first_name}
            conn.execute(_inserted(tenant_id, new, now).values(**kept))
            put_recovery(conn, tenant_id, new.id, new.recovery_digests)

        await self._add(tenant_id, new.login, work)

    async def invite(self, tenant_id: str, new: Invited, link: NewLink, now: datetime) -> None:
        """An account that nobody can sign in to before the link has been used. Raises `LoginTaken`."""

        def work(conn: Connection) -> None:
            kept = {"password_hash": "", "first_name": first_name_of(new.name)}
            conn.execute(_inserted(tenant_id, new, now).values(**kept))
            put_link(conn, tenant_id, new.id, link, now)

        await self._add(tenant_id, new.login, work)

    async def invite_again(self, tenant_id: str, technician_id: str, link: NewLink, now: datetime) -> bool:
        """Another link in place of the older one; False for somebody who has accepted, or whose account is off."""

        def work(conn: Connection) -> bool:
            waits = (
                select(technicians.c.id)
                .where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
                .where(technicians.c.password_hash == "", technicians.c.disabled_at.is_(None))
            )
            if conn.scalar(waits.with_for_update()) is None:
                return False
            put_link(conn, tenant_id, technician_id, link, now)
            return True

        return await self._database.write(tenant_id, work)

    async def withdraw(self, tenant_id: str, technician_id: str) -> bool:
        """Take an invitation back: the account is gone as if it never was. False once it has been accepted."""
        gone = (
            delete(technicians)
            .where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
            .where(technicians.c.password_hash == "")
        )
        return await self._database.write(tenant_id, lambda conn: conn.execute(gone).rowcount == 1)

    async def technicians(self, tenant_id: str) -> tuple[StoredTechnician, ...]:
        """All of them by name, disabled ones last."""
        query = (
            select(technicians)
            .where(technicians.c.tenant_id == tenant_id)
            .order_by(technicians.c.disabled_at.is_not(None), technicians.c.name, technicians.c.id)
        )
        return await self._database.read(
            tenant_id, lambda conn: tuple(technician_in(row) for row in conn.execute(query).mappings())
        )

    async def technician(self, tenant_id: str, technician_id: str) -> StoredTechnician | None:
        query = select(technicians).where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
        row = await self._database.read(tenant_id, lambda conn: conn.execute(query).mappings().first())
        return None if row is None else technician_in(row)

    async def change(
        self,
        tenant_id: str,
        technician_id: str,
        *,
        name: str | None = None,
        role: Role | None = None,
        supervisor: bool | None = None,
        mobile: str | None = None,
        email: str | None = None,
        notify_by: str | None = None,
        use_mfa: bool | None = None,
        ui_access: bool | None = None,
        on_duty: bool | None = None,
        end_log_ins_at: datetime | None = None,
    ) -> bool:
        """Change what is not None; False when there is no such technician. `end_log_ins_at`: rights change, so what
        was shown for the old ones ends then. Raises `LastAdmin`."""
        given: dict[str, Any] = {
            "name": name,
            "first_name": first_name_of(name) if name is not None else None,
            "role": role,
            "supervisor": supervisor,
            "mobile": mobile,
            "email": email,
            "notify_by": notify_by,
            "use_mfa": use_mfa,
            "ui_access": ui_access,
            "on_duty": on_duty,
        }
        values = {column: value for column, value in given.items() if value is not None}

        def work(conn: Connection) -> bool:
            if role == "technician" or ui_access is False:
                _refuse_last_admin(conn, tenant_id, technician_id)
            if use_mfa:
                forget_browsers(conn, tenant_id, technician_id)
            if end_log_ins_at is not None:
                end_log_ins(conn, tenant_id, technician_id, end_log_ins_at)
            return _set(conn, tenant_id, technician_id, values)

        return await self._database.write(tenant_id, work)

    async def disable(self, tenant_id: str, technician_id: str, now: datetime) -> bool:
        """Switch the account off; its log-ins, links and known browsers end, and what it has asked end users stops: a
        link to one of them would still be answered, and believed by colleagues. False when there is none that was on.
        Raises `LastAdmin`."""
        lines = count()

        def new_id() -> str:
            about = f"switched off {tenant_id} {technician_id} {next(lines)}"
            return id_from(micros(now), sha256(about.encode()).digest())

        def work(conn: Connection) -> bool:
            _refuse_last_admin(conn, tenant_id, technician_id)
            off = (
                update(technicians)
                .where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
                .where(technicians.c.disabled_at.is_(None))
                .values(disabled_at=micros(now))
            )
            # The account first: a sign-in that is under way then finds it switched off, or is here to be ended.
            done = conn.execute(off).rowcount == 1
            end_log_ins(conn, tenant_id, technician_id, now)
            void_links(conn, tenant_id, technician_id, now)
            forget_browsers(conn, tenant_id, technician_id)
            asked = (verifications.c.technician_id == technician_id) & verifications.c.is_live
            end_verifications(conn, self._keyring, tenant_id, asked, "asker_off", now, new_id, who="watchword")
            return done

        return await self._database.write(tenant_id, work)

    async def enable(self, tenant_id: str, technician_id: str) -> bool:
        """Switch the account on again; its old log-ins stay ended."""
        values = {"disabled_at": None}
        return await self._database.write(tenant_id, lambda conn: _set(conn, tenant_id, technician_id, values))

    async def reset_second_factor(
        self, tenant_id: str, technician_id: str, totp_secret: str, recovery_digests: Sequence[str], now: datetime
    ) -> bool:
        """A new secret and new recovery codes in place of the old ones; all log-ins end. That another admin asks for it
        is the caller's rule."""

        def work(conn: Connection) -> bool:
            sealed = sealed_totp(conn, self._keyring, tenant_id, technician_id, totp_secret)
            if not _set(conn, tenant_id, technician_id, {"totp_secret": sealed, "totp_step": 0}):
                return False
            _forget_proofs(conn, tenant_id, technician_id, now)
            put_recovery(conn, tenant_id, technician_id, recovery_digests)
            return True

        return await self._database.write(tenant_id, work)

    async def drop_second_factor(self, tenant_id: str, technician_id: str, link: NewLink, now: datetime) -> bool:
        """The second factor is lost: the old one, the recovery codes and all log-ins end now, and `link` sets up a new
        one. False for somebody who has no password yet. That another admin asks for it is the caller's rule."""

        def work(conn: Connection) -> bool:
            lost = (
                update(technicians)
                .where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
                .where(technicians.c.password_hash != "", technicians.c.disabled_at.is_(None))
                .values(totp_secret=None)
            )
            if conn.execute(lost).rowcount != 1:
                return False
            _forget_proofs(conn, tenant_id, technician_id, now)
            put_link(conn, tenant_id, technician_id, link, now)
            return True

        return await self._database.write(tenant_id, work)

    async def change_password(
        self, tenant_id: str, technician_id: str, password_hash: str, now: datetime, *, keep_log_in: str
    ) -> bool:
        """Another password. Links and known browsers end, and every log-in but `keep_log_in`."""

        def work(conn: Connection) -> bool:
            if not _set(conn, tenant_id, technician_id, {"password_hash": password_hash}):
                return False
            end_log_ins(conn, tenant_id, technician_id, now, but=keep_log_in)
            void_links(conn, tenant_id, technician_id, now)
            forget_browsers(conn, tenant_id, technician_id)
            return True

        return await self._database.write(tenant_id, work)

    async def replace_recovery_codes(self, tenant_id: str, technician_id: str, digests: Sequence[str]) -> None:
        """New recovery codes in place of all old ones, used or not; second factor and log-ins stay as they are."""

        def work(conn: Connection) -> None:
            clear_recovery(conn, tenant_id, technician_id)
            put_recovery(conn, tenant_id, technician_id, digests)

        await self._database.write(tenant_id, work)

    async def _add(self, tenant_id: str, login: str, work: Callable[[Connection], None]) -> None:
        try:
            await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise LoginTaken(login) from cause


def _inserted(tenant_id: str, new: NewTechnician | Invited, now: datetime) -> Insert:
    return insert(technicians).values(
        tenant_id=tenant_id,
        id=new.id,
        login=canonical(new.login),
        name=new.name,
        role=new.role,
        supervisor=new.supervisor,
        mobile=new.mobile,
        email=new.email,
        use_mfa=new.use_mfa,
        ui_access=new.ui_access,
        created_at=micros(now),
    )


def _refuse_last_admin(conn: Connection, tenant_id: str, technician_id: str) -> None:
    """Raise `LastAdmin` when, of those who can sign in and change settings, nobody but this technician is one. The rows
    are locked, so that two admins cannot take each other's rights away at the same moment."""
    admins = (
        select(technicians.c.id)
        .where(technicians.c.tenant_id == tenant_id, technicians.c.role == "admin")
        .where(technicians.c.disabled_at.is_(None), technicians.c.ui_access)
        .where(technicians.c.password_hash != "", technicians.c.totp_secret.is_not(None))
        .order_by(technicians.c.id)
        .with_for_update()
    )
    if conn.scalars(admins).all() == [technician_id]:
        raise LastAdmin(technician_id)


def _forget_proofs(conn: Connection, tenant_id: str, technician_id: str, now: datetime) -> None:
    clear_recovery(conn, tenant_id, technician_id)
    forget_browsers(conn, tenant_id, technician_id)
    end_log_ins(conn, tenant_id, technician_id, now)


def _set(conn: Connection, tenant_id: str, technician_id: str, values: dict[str, Any]) -> bool:
    which = (technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
    if not values:
        return conn.scalar(select(func.count()).select_from(technicians).where(*which)) == 1
    return conn.execute(update(technicians).where(*which).values(**values)).rowcount == 1
