"""What signing in compares, and the log-ins that come of it.

The rules are in `identity`; here is what must be kept for them, each method one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, Select, delete, insert, select, update

from dialogs.turns import AuditEvent
from storage.database import Database, Unscoped
from storage.keys import Keyring, place
from storage.noting import Noting, Once, append_audit, append_once
from storage.sealing import tenant_key
from storage.tables import log_in_failures, log_ins, recovery_codes, technicians
from storage.times import maybe_moment, micros, moment

#: A log-in's last use is written at most this often: it would be a write with every request otherwise.
TOUCH_EVERY = timedelta(minutes=1)
#: Failures older than this play no part in throttling any more.
FAILURES_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class StoredAccount:
    """What signing in compares. The secret is open here and sealed at rest."""

    tenant_id: str
    id: str
    login: str
    password_hash: str = field(repr=False)
    totp_secret: str | None = field(repr=False)
    totp_step: int
    disabled_at: datetime | None
    use_mfa: bool
    ui_access: bool


@dataclass(frozen=True, slots=True)
class StoredLogIn:
    """One log-in with what its owner is now. `kind` is cookie, pod or bearer."""

    tenant_id: str
    id: str
    technician_id: str
    role: str
    supervisor: bool
    name: str
    first_name: str
    kind: str
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    proven_at: datetime
    address_block: str
    browser: str
    revoked_at: datetime | None
    ui_access: bool = True


class Accounts:
    """Accounts as signing in sees them, failed tries, and log-ins."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> Accounts:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return Accounts(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def find_account(self, login: str) -> StoredAccount | None:
        """By login, over all tenants."""
        return await self._account(Unscoped.ROUTING, select(technicians).where(technicians.c.login == canonical(login)))

    async def account(self, tenant_id: str, technician_id: str) -> StoredAccount | None:
        query = select(technicians).where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
        return await self._account(tenant_id, query)

    async def recovery_digests(self, tenant_id: str, technician_id: str) -> frozenset[str]:
        """Digests of the recovery codes that have not been used; empty for nobody."""
        query = select(recovery_codes.c.digest).where(
            recovery_codes.c.tenant_id == tenant_id,
            recovery_codes.c.technician_id == technician_id,
            recovery_codes.c.used_at.is_(None),
        )
        return await self._database.read(tenant_id, lambda conn: frozenset(conn.scalars(query)))

    async def use_recovery_code(self, tenant_id: str, technician_id: str, digest: str, now: datetime) -> bool:
        """Mark the code as used; False when it was used before or does not exist."""
        used = (
            update(recovery_codes)
            .where(recovery_codes.c.tenant_id == tenant_id, recovery_codes.c.technician_id == technician_id)
            .where(recovery_codes.c.digest == digest, recovery_codes.c.used_at.is_(None))
            .values(used_at=micros(now))
        )
        return await self._database.write(tenant_id, lambda conn: conn.execute(used).rowcount == 1)

    async def use_totp_step(self, tenant_id: str, technician_id: str, step: int) -> bool:
        """Store the step if it is newer than the stored one; False when it was not."""
        newer = (
            update(technicians)
            .where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
            .where(technicians.c.totp_step < step)
            .values(totp_step=step)
        )
        return await self._database.write(tenant_id, lambda conn: conn.execute(newer).rowcount == 1)

    async def reserve_try(
        self,
        *,
        try_id: str,
        account_key: str,
        address_key: str,
        now: datetime,
        not_before: Callable[[Sequence[datetime], Sequence[datetime]], datetime | None],
    ) -> datetime | None:
        """Count a failure under both keys, unless `not_before`, given the failures so far, names a time; return it."""

        def work(conn: Connection) -> datetime | None:
            old = log_in_failures.c.at <= micros(now - FAILURES_KEPT)
            conn.execute(delete(log_in_failures).where(log_in_failures.c.key.in_((account_key, address_key)), old))
            retry_at = not_before(_failures(conn, account_key), _failures(conn, address_key))
            if retry_at is None:
                rows = [{"key": key, "at": micros(now), "id": try_id} for key in (account_key, address_key)]
                conn.execute(insert(log_in_failures), rows)
            return retry_at

        return await self._database.write(Unscoped.ROUTING, work)

    async def take_back_try(self, *, try_id: str, account_key: str, address_key: str) -> None:
        """The try succeeded: forget the account's failures, and this one try of the address."""
        key = log_in_failures.c.key

        def work(conn: Connection) -> None:
            conn.execute(delete(log_in_failures).where(key == account_key))
            conn.execute(delete(log_in_failures).where(key == address_key, log_in_failures.c.id == try_id))

        await self._database.write(Unscoped.ROUTING, work)

    async def note_refusal(
        self, *, try_id: str, tenant_id: str = "", event: AuditEvent | None = None, closed_until: datetime | None = None
    ) -> None:
        """Put a refused try into the log; tries at an account that is closed only once for each time it is closed.

        A login that is nobody's has no tenant and no log: then as much is written for nothing, so that the time does
        not tell which logins there are.
        """

        def work(conn: Connection) -> bool:
            if event is None:
                return False
            if closed_until is not None:
                return append_once(conn, self._keyring, tenant_id, event, Once("", closed_until))
            append_audit(conn, self._keyring, tenant_id, event)
            return True

        if not tenant_id or not await self._database.write(tenant_id, work):
            await self._database.write(Unscoped.ROUTING, lambda conn: _write_for_nothing(conn, try_id))

    async def save_password_hash(
        self, tenant_id: str, technician_id: str, password_hash: str, *, instead_of: str
    ) -> bool:
        """Keep another hash of the same password; False when the password has changed meanwhile, which then stays."""
        changed = (
            update(technicians)
            .where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
            .where(technicians.c.password_hash == instead_of)
            .values(password_hash=password_hash)
        )
        return await self._database.write(tenant_id, lambda conn: conn.execute(changed).rowcount == 1)

    async def note_denial(self, tenant_id: str, event: AuditEvent, about: str) -> None:
        """Put into the log that somebody signed in was denied something; the same thing at most once an hour, so that
        nobody can fill the log with it."""
        hour = event.at.replace(minute=0, second=0, microsecond=0)
        await self._database.write(
            tenant_id, lambda conn: append_once(conn, self._keyring, tenant_id, event, Once(about, hour))
        )

    # --- log-ins

    async def create_log_in(
        self,
        *,
        tenant_id: str,
        log_in_id: str,
        technician_id: str,
        digest: str,
        kind: Literal["cookie", "pod", "bearer"],
        now: datetime,
        expires_at: datetime,
        address_block: str,
        browser: str,
        proven: bool = True,
        password_hash: str | None = None,
    ) -> bool:
        """`proven`: whether a second factor was given; without one it is as if that had been very long ago.
        `password_hash`: what the password was compared with. False when that is not the account's any more, or its
        second factor is gone, or it was switched off: a log-in must not outlive what ended all of them meanwhile."""
        at = micros(now)
        as_it_was = (
            select(technicians.c.id)
            .where(technicians.c.tenant_id == tenant_id, technicians.c.id == technician_id)
            .where(technicians.c.password_hash == password_hash, technicians.c.totp_secret.is_not(None))
            .where(technicians.c.disabled_at.is_(None))
            .with_for_update(key_share=True)
        )
        new = insert(log_ins).values(
            tenant_id=tenant_id,
            id=log_in_id,
            technician_id=technician_id,
            digest=digest,
            kind=kind,
            created_at=at,
            last_seen_at=at,
            expires_at=micros(expires_at),
            proven_at=at if proven else 0,
            address_block=address_block,
            browser=browser,
        )

        def work(conn: Connection) -> bool:
            if password_hash is not None and conn.scalar(as_it_was) is None:
                return False
            conn.execute(new)
            return True

        return await self._database.write(tenant_id, work)

    async def rotate_log_in(
        self, *, tenant_id: str, log_in_id: str, digest: str, now: datetime, address_block: str, browser: str
    ) -> bool:
        """Give the log-in a new token, proven now and from here; False when it has ended meanwhile."""
        at = micros(now)
        rotated = (
            update(log_ins)
            .where(log_ins.c.tenant_id == tenant_id, log_ins.c.id == log_in_id)
            .where(log_ins.c.revoked_at.is_(None), log_ins.c.expires_at > at)
            .values(digest=digest, proven_at=at, last_seen_at=at, address_block=address_block, browser=browser)
        )
        return await self._database.write(tenant_id, lambda conn: conn.execute(rotated).rowcount == 1)

    async def find_log_in(self, digest: str, now: datetime) -> StoredLogIn | None:
        """The log-in with this token, whatever its state, and note that it was seen. None for a disabled account.

        Whether it is over is for `identity.sessions.is_over`, which must be asked before it is used; one that is over
        is not touched, so an idle log-in cannot be revived by trying it.
        """
        query = _log_ins().where(log_ins.c.digest == digest, technicians.c.disabled_at.is_(None))
        row = await self._database.read(Unscoped.ROUTING, lambda conn: conn.execute(query).mappings().first())
        return None if row is None else _log_in(row)

    async def touch(self, log_in: StoredLogIn, now: datetime) -> None:
        """Note that the log-in was used, at most once a minute; one that has ended stays as it is."""
        if now - log_in.last_seen_at < TOUCH_EVERY:
            return
        seen = (
            update(log_ins)
            .where(log_ins.c.tenant_id == log_in.tenant_id, log_ins.c.id == log_in.id)
            .where(log_ins.c.revoked_at.is_(None), log_ins.c.last_seen_at < micros(now))
            .values(last_seen_at=micros(now))
        )
        await self._database.write(log_in.tenant_id, lambda conn: conn.execute(seen))

    async def log_ins(self, tenant_id: str, technician_id: str, now: datetime) -> tuple[StoredLogIn, ...]:
        """The technician's log-ins that have not been ended and are not too old, newest first."""
        query = (
            _log_ins()
            .where(log_ins.c.tenant_id == tenant_id, log_ins.c.technician_id == technician_id)
            .where(log_ins.c.revoked_at.is_(None), log_ins.c.expires_at > micros(now))
            .order_by(log_ins.c.created_at.desc(), log_ins.c.id.desc())
        )
        return await self._database.read(
            tenant_id, lambda conn: tuple(_log_in(row) for row in conn.execute(query).mappings())
        )

    async def revoke(self, tenant_id: str, technician_id: str, log_in_id: str, now: datetime) -> bool:
        """End one log-in of this technician; False when there is none that runs."""
        return await self._database.write(
            tenant_id, lambda conn: end_log_ins(conn, tenant_id, technician_id, now, log_in_id) == 1
        )

    async def revoke_all(self, tenant_id: str, technician_id: str, now: datetime) -> int:
        """End all log-ins of this technician; how many were running."""
        return await self._database.write(tenant_id, lambda conn: end_log_ins(conn, tenant_id, technician_id, now))

    async def _account(self, scope: str | Unscoped, query: Select[Any]) -> StoredAccount | None:
        def work(conn: Connection) -> StoredAccount | None:
            row = conn.execute(query).mappings().first()
            if row is None:
                return None
            return StoredAccount(
                row["tenant_id"],
                row["id"],
                row["login"],
                row["password_hash"],
                self._opened(conn, row),
                row["totp_step"],
                maybe_moment(row["disabled_at"]),
                row["use_mfa"],
                row["ui_access"],
            )

        return await self._database.read(scope, work)

    def _opened(self, conn: Connection, row: RowMapping) -> str | None:
        if row["totp_secret"] is None:
            return None
        bound_to = totp_place(row["tenant_id"], row["id"])
        return tenant_key(conn, self._keyring, row["tenant_id"]).key.open(row["totp_secret"], bound_to).decode()


def totp_place(tenant_id: str, technician_id: str) -> bytes:
    """What a sealed second factor is bound to."""
    return place("technicians", "totp_secret", tenant_id, technician_id)


def canonical(login: str) -> str:
    """As `identity.sign_in.canonical_login` has it; the contract test holds the two together."""
    return login.strip().casefold()


def _failures(conn: Connection, key: str) -> list[datetime]:
    query = select(log_in_failures.c.at).where(log_in_failures.c.key == key)
    return [moment(at) for at in conn.scalars(query)]


def _write_for_nothing(conn: Connection, try_id: str) -> None:
    conn.execute(insert(log_in_failures).values(key="", at=0, id=try_id))
    conn.execute(delete(log_in_failures).where(log_in_failures.c.key == "", log_in_failures.c.id == try_id))


def end_log_ins(
    conn: Connection, tenant_id: str, technician_id: str, now: datetime, log_in_id: str = "", *, but: str = ""
) -> int:
    """End all log-ins, or the one that is named, or all `but` one."""
    ended = (
        update(log_ins)
        .where(log_ins.c.tenant_id == tenant_id, log_ins.c.technician_id == technician_id)
        .where(log_ins.c.revoked_at.is_(None), log_ins.c.id != but)
        .values(revoked_at=micros(now))
    )
    return conn.execute(ended.where(log_ins.c.id == log_in_id) if log_in_id else ended).rowcount


def _log_ins() -> Select[Any]:
    """Log-ins with what their owner is now, so that a changed role counts at once."""
    owner = (technicians.c.tenant_id == log_ins.c.tenant_id) & (technicians.c.id == log_ins.c.technician_id)
    names = ("role", "supervisor", "name", "first_name", "ui_access")
    return select(log_ins, *(technicians.c[name] for name in names)).join(technicians, owner)


def _log_in(row: RowMapping) -> StoredLogIn:
    return StoredLogIn(
        tenant_id=row["tenant_id"],
        id=row["id"],
        technician_id=row["technician_id"],
        role=row["role"],
        supervisor=row["supervisor"],
        name=row["name"],
        first_name=row["first_name"],
        kind=row["kind"],
        created_at=moment(row["created_at"]),
        last_seen_at=moment(row["last_seen_at"]),
        expires_at=moment(row["expires_at"]),
        proven_at=moment(row["proven_at"]),
        address_block=row["address_block"],
        browser=row["browser"],
        revoked_at=maybe_moment(row["revoked_at"]),
        ui_access=row["ui_access"],
    )
