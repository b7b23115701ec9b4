"""Technicians with accounts: added, listed, changed, switched off. Signing in is `accounts.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from dialogs.turns import AuditEvent
from storage.accounts import canonical, end_log_ins, totp_place
from storage.database import Database
from storage.keys import Keyring
from storage.noting import Noting
from storage.sealing import tenant_key
from storage.tables import recovery_codes, technicians
from storage.times import maybe_moment, micros, moment

Role = Literal["technician", "admin"]


class LoginTaken(Exception):
    """Another account has this login, in this tenant or another one."""


@dataclass(frozen=True, slots=True)
class StoredTechnician:
    """A technician with an account. `supervisor` may override what a technician may not."""

    tenant_id: str
    id: str
    login: str
    name: str
    first_name: str
    role: str
    supervisor: bool
    mobile: str
    on_duty: bool
    disabled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewTechnician:
    """A technician to add. `password_hash`, `totp_secret` and `recovery_digests` come from the enrolment."""

    id: str
    login: str
    name: str
    role: Role
    password_hash: str = field(repr=False)
    totp_secret: str = field(repr=False)
    recovery_digests: tuple[str, ...] = field(repr=False)
    first_name: str = ""
    supervisor: bool = False
    mobile: str = ""


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
            conn.execute(
                insert(technicians).values(
                    tenant_id=tenant_id,
                    id=new.id,
                    login=canonical(new.login),
                    name=new.name,
                    first_name=new.first_name or new.name.split()[0],
                    role=new.role,
                    supervisor=new.supervisor,
                    mobile=new.mobile,
                    password_hash=new.password_hash,
                    totp_secret=self._sealed(conn, tenant_id, new.id, new.totp_secret),
                    created_at=micros(now),
                )
            )
            _put_recovery(conn, tenant_id, new.id, new.recovery_digests)

        try:
            await self._database.write(tenant_id, work)
        except IntegrityError as cause:
            raise LoginTaken(new.login) from cause

    async def technicians(self, tenant_id: str) -> tuple[StoredTechnician, ...]:
        """All of them by name, disabled ones last."""
        query = (
            select(technicians)
            .where(technicians.c.tenant_id == tenant_id)
            .order_by(technicians.c.disabled_at.is_not(None), technicians.c.name, technicians.c.id)
        )
        return await self._database.read(
            tenant_id, lambda conn: tuple(_technician(row) for row in conn.execute(query).mappings())
        )

    async def technician(self, tenant_id: str, technician_id: str) -> StoredTechnician | None:
        query = select(technicians).where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
        row = await self._database.read(tenant_id, lambda conn: conn.execute(query).mappings().first())
        return None if row is None else _technician(row)

    async def change(
        self,
        tenant_id: str,
        technician_id: str,
        *,
        role: Role | None = None,
        supervisor: bool | None = None,
        mobile: str | None = None,
        on_duty: bool | None = None,
    ) -> bool:
        """Change what is not None; False when there is no such technician."""
        given = {"role": role, "supervisor": supervisor, "mobile": mobile, "on_duty": on_duty}
        values = {name: value for name, value in given.items() if value is not None}
        return await self._change(tenant_id, technician_id, values)

    async def disable(self, tenant_id: str, technician_id: str, now: datetime) -> bool:
        """Switch the account off and end all its log-ins; False when there is none that was on."""

        def work(conn: Connection) -> bool:
            off = (
                update(technicians)
                .where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
                .where(technicians.c.disabled_at.is_(None))
                .values(disabled_at=micros(now))
            )
            end_log_ins(conn, tenant_id, technician_id, now)
            return conn.execute(off).rowcount == 1

        return await self._database.write(tenant_id, work)

    async def enable(self, tenant_id: str, technician_id: str) -> bool:
        """Switch the account on again; its old log-ins stay ended."""
        return await self._change(tenant_id, technician_id, {"disabled_at": None})

    async def reset_second_factor(
        self, tenant_id: str, technician_id: str, totp_secret: str, recovery_digests: Sequence[str], now: datetime
    ) -> bool:
        """A new secret and new recovery codes in place of the old ones; all log-ins end. That another admin asks for it
        is the caller's rule."""

        def work(conn: Connection) -> bool:
            sealed = self._sealed(conn, tenant_id, technician_id, totp_secret)
            if not _set(conn, tenant_id, technician_id, {"totp_secret": sealed, "totp_step": 0}):
                return False
            _clear_recovery(conn, tenant_id, technician_id)
            _put_recovery(conn, tenant_id, technician_id, recovery_digests)
            end_log_ins(conn, tenant_id, technician_id, now)
            return True

        return await self._database.write(tenant_id, work)

    async def replace_recovery_codes(self, tenant_id: str, technician_id: str, digests: Sequence[str]) -> None:
        """New recovery codes in place of all old ones, used or not; second factor and log-ins stay as they are."""

        def work(conn: Connection) -> None:
            _clear_recovery(conn, tenant_id, technician_id)
            _put_recovery(conn, tenant_id, technician_id, digests)

        await self._database.write(tenant_id, work)

    def _sealed(self, conn: Connection, tenant_id: str, technician_id: str, secret: str) -> bytes:
        bound_to = totp_place(tenant_id, technician_id)
        return tenant_key(conn, self._keyring, tenant_id).key.seal(secret.encode(), bound_to)

    async def _change(self, tenant_id: str, technician_id: str, values: dict[str, Any]) -> bool:
        return await self._database.write(tenant_id, lambda conn: _set(conn, tenant_id, technician_id, values))


def _set(conn: Connection, tenant_id: str, technician_id: str, values: dict[str, Any]) -> bool:
    which = (technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
    if not values:
        return conn.scalar(select(func.count()).select_from(technicians).where(*which)) == 1
    return conn.execute(update(technicians).where(*which).values(**values)).rowcount == 1


def _clear_recovery(conn: Connection, tenant_id: str, technician_id: str) -> None:
    whose = (recovery_codes.c.tenant_id == tenant_id) & (recovery_codes.c.technician_id == technician_id)
    conn.execute(delete(recovery_codes).where(whose))


def _put_recovery(conn: Connection, tenant_id: str, technician_id: str, digests: Sequence[str]) -> None:
    rows = [{"tenant_id": tenant_id, "technician_id": technician_id, "digest": digest} for digest in digests]
    if rows:
        conn.execute(insert(recovery_codes), rows)


def _technician(row: RowMapping) -> StoredTechnician:
    return StoredTechnician(
        tenant_id=row["tenant_id"],
        id=row["id"],
        login=row["login"],
        name=row["name"],
        first_name=row["first_name"],
        role=row["role"],
        supervisor=row["supervisor"],
        mobile=row["mobile"],
        on_duty=row["on_duty"],
        disabled_at=maybe_moment(row["disabled_at"]),
        created_at=moment(row["created_at"]),
    )
