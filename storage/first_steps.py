"""How far a tenant has got on its way to the first real check: read from what is there, so it can never be out of
step with it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, or_, select

from storage.codec import KIND
from storage.tables import addresses, carrier_accounts, dialogs, inbound, numbers, technicians


@dataclass(frozen=True, slots=True)
class Progress:
    """`number`: a verification number is there; `account`: an account at the carrier; `texted`: a text has come in;
    `mobile`: a contact has a mobile; `second_admin`: two admins at least can sign in; `reachable`: somebody on duty
    gets alerts; `confirmed`: a check was confirmed, which is where all of this leads."""

    number: bool = False
    account: bool = False
    texted: bool = False
    mobile: bool = False
    second_admin: bool = False
    reachable: bool = False
    confirmed: bool = False


def read_progress(conn: Connection, tenant_id: str) -> Progress:
    """A few short questions; once a check is confirmed, a single one."""
    confirmed = select(dialogs.c.id).where(
        dialogs.c.tenant_id == tenant_id, dialogs.c.kind == KIND, dialogs.c.state == "confirmed"
    )
    if _any(conn, confirmed):
        return Progress(*(True,) * 7)
    mine = technicians.c.tenant_id == tenant_id
    on = technicians.c.disabled_at.is_(None)
    told = or_(technicians.c.mobile != "", technicians.c.notify_by.contains("email"))
    admins = select(func.count()).where(
        mine,
        on,
        technicians.c.role == "admin",
        technicians.c.totp_secret.is_not(None),
        technicians.c.password_hash != "",
    )
    return Progress(
        number=_any(
            conn, select(numbers.c.id).where(numbers.c.tenant_id == tenant_id, numbers.c.purpose == "verification")
        ),
        account=_any(conn, select(carrier_accounts.c.account_sid).where(carrier_accounts.c.tenant_id == tenant_id)),
        texted=_any(conn, select(inbound.c.id).where(inbound.c.tenant_id == tenant_id)),
        mobile=_any(
            conn, select(addresses.c.id).where(addresses.c.tenant_id == tenant_id, addresses.c.kind == "mobile")
        ),
        second_admin=(conn.scalar(admins) or 0) > 1,
        reachable=_any(conn, select(technicians.c.id).where(mine, on, technicians.c.on_duty, told)),
    )


def _any(conn: Connection, query: Select[tuple[str]]) -> bool:
    return conn.execute(query.limit(1)).first() is not None
