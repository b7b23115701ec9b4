"""What signing in asks of whoever keeps accounts, log-ins and failures; `storage` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from dialogs.turns import AuditEvent
from identity.sessions import Kind

#: (failures of the account, failures of the address) -> when the next try may be made, None for now.
NotBefore: TypeAlias = Callable[[Sequence[datetime], Sequence[datetime]], "datetime | None"]


class Account(Protocol):
    """A technician's account, as far as signing in reads it. `totp_secret` is None until a second factor is set up,
    and then nobody can sign in with it."""

    @property
    def tenant_id(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def login(self) -> str: ...
    @property
    def password_hash(self) -> str: ...
    @property
    def totp_secret(self) -> str | None: ...
    @property
    def totp_step(self) -> int: ...
    @property
    def disabled_at(self) -> datetime | None: ...
    @property
    def use_mfa(self) -> bool: ...
    @property
    def ui_access(self) -> bool: ...


class Held(Protocol):
    """A log-in that a browser still holds, as far as ending it reads it."""

    @property
    def tenant_id(self) -> str: ...
    @property
    def technician_id(self) -> str: ...
    @property
    def id(self) -> str: ...


class PeopleStore(Protocol):
    """Where accounts, log-ins and failures are kept. Each method is one transaction."""

    def noting(self, tenant_id: str, event: AuditEvent) -> PeopleStore:
        """The same store, but a change puts `event` into the tenant's log, in the same transaction; a method that
        answers False has changed nothing and puts nothing."""
        ...

    async def find_account(self, login: str) -> Account | None:
        """By login, over all tenants."""
        ...

    async def account(self, tenant_id: str, technician_id: str) -> Account | None: ...

    async def recovery_digests(self, tenant_id: str, technician_id: str) -> frozenset[str]:
        """Digests of the recovery codes that have not been used; empty for nobody."""
        ...

    async def reserve_try(
        self, *, try_id: str, account_key: str, address_key: str, now: datetime, not_before: NotBefore
    ) -> datetime | None:
        """Count a failure under both keys, unless `not_before`, given the failures so far, names a time; return that
        time. Looking and counting are one transaction."""
        ...

    async def take_back_try(self, *, try_id: str, account_key: str, address_key: str) -> None:
        """The try succeeded: forget the account's failures, and this one try of the address."""
        ...

    async def note_refusal(
        self, *, try_id: str, tenant_id: str = "", event: AuditEvent | None = None, closed_until: datetime | None = None
    ) -> None:
        """Put a refused try into the tenant's log, once for each time the account is closed. Takes as long for a login
        that is nobody's, which has neither tenant nor event."""
        ...

    async def use_totp_step(self, tenant_id: str, technician_id: str, step: int) -> bool:
        """Store the step if it is newer than the stored one, atomically; False when it was not."""
        ...

    async def use_recovery_code(self, tenant_id: str, technician_id: str, digest: str, now: datetime) -> bool:
        """Mark the code as used, atomically; False when it was used before."""
        ...

    async def save_password_hash(
        self, tenant_id: str, technician_id: str, password_hash: str, *, instead_of: str
    ) -> bool:
        """Keep another hash of the same password; False when the password has changed meanwhile, which then stays."""
        ...

    async def create_log_in(
        self,
        *,
        tenant_id: str,
        log_in_id: str,
        technician_id: str,
        digest: str,
        kind: Kind,
        now: datetime,
        expires_at: datetime,
        address_block: str,
        browser: str,
        proven: bool = True,
        password_hash: str | None = None,
    ) -> bool:
        """`proven`: whether a second factor was given; without one the log-in is never fresh (SEC-34).
        `password_hash`: what the password was compared with. False when that is not the account's any more, or its
        second factor is gone, or it was switched off: a log-in must not outlive what ended all of them meanwhile."""
        ...

    async def rotate_log_in(
        self, *, tenant_id: str, log_in_id: str, digest: str, now: datetime, address_block: str, browser: str
    ) -> bool:
        """Give the log-in a new token, proven now and from here; False when it has ended meanwhile."""
        ...

    async def find_log_in(self, digest: str, now: datetime) -> Held | None:
        """The log-in with this token, whatever its state."""
        ...

    async def revoke(self, tenant_id: str, technician_id: str, log_in_id: str, now: datetime) -> bool:
        """End one log-in; False when it does not run."""
        ...


class BrowserStore(Protocol):
    """Browsers in which a second factor has been given, by the digest of the token in their cookie."""

    async def is_known(self, tenant_id: str, technician_id: str, digest: str, browser: str, now: datetime) -> bool:
        """Whether it is; `browser` is its kind, which must be the one it was known as."""
        ...

    async def remember(
        self,
        *,
        tenant_id: str,
        technician_id: str,
        browser_id: str,
        digest: str,
        browser: str,
        now: datetime,
        expires_at: datetime,
    ) -> None: ...
