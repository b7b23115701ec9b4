"""Technicians as rows: how they are read, added and invited."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy import RowMapping

from storage.times import maybe_moment, moment

Role = Literal["technician", "admin"]
#: Ways in which alerts reach somebody, in the order they are stored.
WAYS = ("sms", "email")


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
    #: Where mail goes; empty: to the login, where that is an address. See `mail_address`.
    email: str = ""
    #: `sms`, `email`, or both with a comma between: how alerts come while on duty.
    notify_by: str = "sms"
    #: Off: the second factor is not asked for at each sign-in in a browser that has given it lately.
    use_mfa: bool = True
    #: Off: the account works inside the ticket system only.
    ui_access: bool = True
    #: Whether an invitation has been accepted, and whether a second factor is set up; without both nobody signs in.
    has_password: bool = True
    has_second_factor: bool = True

    @property
    def state(self) -> Literal["invited", "active", "no_second_factor", "disabled"]:
        """What a list says of them; `no_second_factor`: they have a link to set up a new one."""
        if self.disabled_at is not None:
            return "disabled"
        if not self.has_password:
            return "invited"
        return "active" if self.has_second_factor else "no_second_factor"

    @property
    def mail_address(self) -> str:
        """Where mail to them goes, empty for nowhere."""
        return self.email or (self.login if "@" in self.login else "")


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
    email: str = ""
    use_mfa: bool = True
    ui_access: bool = True


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody who is to have an account, and chooses password and second factor themselves."""

    id: str
    login: str
    name: str
    role: Role
    supervisor: bool = False
    mobile: str = ""
    email: str = ""
    use_mfa: bool = True
    ui_access: bool = True


def first_name_of(name: str) -> str:
    """What texts call somebody: the first part of the name."""
    return name.split()[0][:60]


def technician_in(row: RowMapping) -> StoredTechnician:
    """Who stands in a row of `technicians`."""
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
        email=row["email"],
        notify_by=row["notify_by"],
        use_mfa=row["use_mfa"],
        ui_access=row["ui_access"],
        has_password=row["password_hash"] != "",
        has_second_factor=row["totp_secret"] is not None,
    )
