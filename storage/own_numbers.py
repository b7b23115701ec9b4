"""What an admin does to the tenant's own numbers and carrier accounts, beyond adding them (`storage.tenants`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, delete, func, select, update

from dialogs.turns import AuditEvent
from storage.database import Database
from storage.keys import Keyring
from storage.noting import Noting, append_audit
from storage.tables import carrier_accounts, conversations, dialogs, inbound, numbers, verifications
from storage.times import maybe_moment, moment

#: Of so many conversations, the ones that moved last, the newest text is looked up. A conversation also moves without
#: one, by a timer, so the very last may be the wrong one.
_LATELY = 20


class NumberInUse(Exception):
    """The number cannot go. `why` is `live` (a check runs on it) or `primary` (others of its purpose are there)."""

    def __init__(self, why: Literal["live", "primary"]) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account at the carrier without its secrets."""

    account_sid: str
    created_at: datetime


class OwnNumbers:
    """Reads and changes numbers and accounts of one tenant."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> OwnNumbers:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return OwnNumbers(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def note(self, tenant_id: str, event: AuditEvent) -> None:
        """Put a line into the log about something that changes nothing here, such as a text to try the number."""
        await self._database.write(tenant_id, lambda conn: append_audit(conn, self._keyring, tenant_id, event))

    async def accounts(self, tenant_id: str) -> tuple[AccountLine, ...]:
        """Oldest first: texts go out by the first."""
        query = (
            select(carrier_accounts.c.account_sid, carrier_accounts.c.created_at)
            .where(carrier_accounts.c.tenant_id == tenant_id)
            .order_by(carrier_accounts.c.created_at, carrier_accounts.c.account_sid)
        )
        return await self._database.read(
            tenant_id,
            lambda conn: tuple(AccountLine(row.account_sid, moment(row.created_at)) for row in conn.execute(query)),
        )

    async def remove_account(self, tenant_id: str, account_sid: str) -> bool:
        """False when the tenant has no such account."""
        gone = delete(carrier_accounts).where(
            carrier_accounts.c.tenant_id == tenant_id, carrier_accounts.c.account_sid == account_sid
        )
        return await self._database.write(tenant_id, lambda conn: conn.execute(gone).rowcount == 1)

    async def set_opt_out(self, tenant_id: str, number_id: str, by: Literal["carrier", "watchword"]) -> bool:
        """Who answers STOP, START and HELP on this number; False when the tenant has no such number."""
        changed = (
            update(numbers).where(numbers.c.tenant_id == tenant_id, numbers.c.id == number_id).values(opt_out_by=by)
        )
        return await self._database.write(tenant_id, lambda conn: conn.execute(changed).rowcount == 1)

    async def remove_number(self, tenant_id: str, number_id: str) -> bool:
        """False when the tenant has no such number. Raises `NumberInUse`: while a check runs on it its answers would
        go nowhere, and a purpose that has numbers has a primary one."""

        def work(conn: Connection) -> bool:
            mine = (numbers.c.tenant_id == tenant_id, numbers.c.id == number_id)
            row = conn.execute(select(numbers).where(*mine).with_for_update()).first()
            if row is None:
                return False
            live = select(dialogs.c.id).where(
                dialogs.c.tenant_id == tenant_id, dialogs.c.is_live, dialogs.c.our_address == row.address
            )
            asking = select(verifications.c.id).where(
                verifications.c.tenant_id == tenant_id,
                verifications.c.is_live,
                verifications.c.our_address == row.address,
            )
            if conn.scalar(live.limit(1)) is not None or conn.scalar(asking.limit(1)) is not None:
                raise NumberInUse("live")
            others = select(numbers.c.id).where(
                numbers.c.tenant_id == tenant_id, numbers.c.purpose == row.purpose, numbers.c.id != number_id
            )
            if row.is_primary and conn.scalar(others.limit(1)) is not None:
                raise NumberInUse("primary")
            conn.execute(delete(numbers).where(*mine))
            return True

        return await self._database.write(tenant_id, work)

    async def last_text(self, tenant_id: str, address: str) -> datetime | None:
        """When the newest text came in on this number; None when none ever did."""

        def work(conn: Connection) -> datetime | None:
            lately = (
                select(conversations.c.id)
                .where(conversations.c.tenant_id == tenant_id, conversations.c.our_address == address)
                .order_by(conversations.c.updated_at.desc())
                .limit(_LATELY)
            )
            newest = select(func.max(inbound.c.at)).where(
                inbound.c.tenant_id == tenant_id, inbound.c.conversation_id.in_(conn.scalars(lately).all())
            )
            return maybe_moment(conn.scalar(newest))

        return await self._database.read(tenant_id, work)
