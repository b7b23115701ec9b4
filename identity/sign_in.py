"""Signing in with a local account: login, password and a second factor, all in one step.

Whatever is wrong, the answer has the same words and takes the same time; only who has given everything right learns
that the account is switched off. Every try is counted as a failure first and taken back when it succeeds, so that
many tries at the same moment cannot slip past the bound.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from dialogs.ports import Clock, Randomness
from identity import recovery, throttle, totp
from identity.passwords import Passwords
from identity.sessions import ABSOLUTE, Kind, address_block, address_key, browser_family, token_digest

#: Checked in place of the secret of a login that does not exist, so that the work is the same.
_NOBODY_SECRET = "A" * 32
_NOBODY_ID = "00000000-0000-0000-0000-000000000000"

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


class PeopleStore(Protocol):
    """Where accounts, log-ins and failures are kept. Each method is one transaction."""

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

    async def use_totp_step(self, tenant_id: str, technician_id: str, step: int) -> bool:
        """Store the step if it is newer than the stored one, atomically; False when it was not."""
        ...

    async def use_recovery_code(self, tenant_id: str, technician_id: str, digest: str, now: datetime) -> bool:
        """Mark the code as used, atomically; False when it was used before."""
        ...

    async def save_password_hash(self, tenant_id: str, technician_id: str, password_hash: str) -> None: ...

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
    ) -> None: ...

    async def rotate_log_in(
        self, *, tenant_id: str, log_in_id: str, digest: str, now: datetime, address_block: str, browser: str
    ) -> bool:
        """Give the log-in a new token, proven now and from here; False when it has ended meanwhile."""
        ...

    async def revoke_digest(self, digest: str, now: datetime) -> None:
        """End the log-in with this token, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Proof:
    """What the person typed. `code` is the six digits of the app, or a recovery code."""

    password: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the address, already freed of proxies, and the browser's own name for itself."""

    address: str
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class LogInGranted:
    """Signed in. The token is here and nowhere else; `recovery_codes_left` is None unless one was just used."""

    token: str = field(repr=False)
    log_in_id: str
    tenant_id: str
    technician_id: str
    expires_at: datetime | None
    recovery_codes_left: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """`wrong`: something of login, password and code is. `throttled`: not before `retry_at`. `disabled`: all was
    right, and the account is switched off. `ended`: the log-in to be proven anew is over."""

    word: Literal["wrong", "throttled", "disabled", "ended"]
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Matched:
    """The second factor fits: a time step, or the digest of a recovery code."""

    account: Account
    step: int | None
    digest: str | None
    codes_left: int | None


class SignIn:
    """Grants log-ins and proves them anew."""

    def __init__(
        self,
        people: PeopleStore,
        passwords: Passwords,
        clock: Clock,
        randomness: Randomness,
        *,
        authenticators: Clock | None = None,
    ) -> None:
        """`authenticators`: the time that people's authenticator apps show, where the clock of the application may be
        moved away from it (the demo); otherwise the same clock."""
        self._people = people
        self._passwords = passwords
        self._clock = clock
        self._authenticators = authenticators or clock
        self._randomness = randomness

    async def log_in(
        self, login: str, proof: Proof, origin: Origin, *, kind: Kind = "cookie", replaces: str = ""
    ) -> LogInGranted | Refused:
        """Sign in. `replaces` is a token the browser still holds: it ends, so that no token survives a sign-in."""
        login = canonical_login(login)
        proven = await self._prove(login, await self._people.find_account(login), proof, origin)
        if isinstance(proven, Refused):
            return proven
        if replaces:
            await self._people.revoke_digest(token_digest(replaces), self._clock.now())
        now, token = self._clock.now(), self._randomness.token()
        account, log_in_id = proven.account, self._randomness.new_id(now)
        await self._people.create_log_in(
            tenant_id=account.tenant_id,
            log_in_id=log_in_id,
            technician_id=account.id,
            digest=token_digest(token),
            kind=kind,
            now=now,
            expires_at=now + ABSOLUTE,
            address_block=address_block(origin.address),
            browser=browser_family(origin.user_agent) if kind == "cookie" else "",
        )
        return LogInGranted(token, log_in_id, account.tenant_id, account.id, now + ABSOLUTE, proven.codes_left)

    async def prove_again(
        self, tenant_id: str, technician_id: str, log_in_id: str, proof: Proof, origin: Origin, *, kind: Kind = "cookie"
    ) -> LogInGranted | Refused:
        """Prove a running log-in anew, for what needs a fresh one. The token changes; the end of the shift does not,
        so `expires_at` is None."""
        account = await self._people.account(tenant_id, technician_id)
        proven = await self._prove(account.login if account else technician_id, account, proof, origin)
        if isinstance(proven, Refused):
            return proven
        token = self._randomness.token()
        rotated = await self._people.rotate_log_in(
            tenant_id=tenant_id,
            log_in_id=log_in_id,
            digest=token_digest(token),
            now=self._clock.now(),
            address_block=address_block(origin.address),
            browser=browser_family(origin.user_agent) if kind == "cookie" else "",
        )
        if not rotated:
            return Refused("ended")
        return LogInGranted(token, log_in_id, tenant_id, technician_id, None, proven.codes_left)

    async def _prove(self, login: str, account: Account | None, proof: Proof, origin: Origin) -> _Matched | Refused:
        now = self._clock.now()
        keys = {
            "try_id": self._randomness.new_id(now),
            "account_key": _key("account", login),
            "address_key": _key("address", address_key(origin.address)),
        }
        retry_at = await self._people.reserve_try(
            **keys, now=now, not_before=lambda mine, theirs: throttle.not_before(mine, theirs, now)
        )
        if retry_at is not None:
            return Refused("throttled", retry_at)
        matched = await self._match(account, proof)
        if matched is None or not await self._use(matched, now):
            return Refused("wrong")
        await self._people.take_back_try(**keys)
        if matched.account.disabled_at is not None:
            return Refused("disabled")
        if self._passwords.needs_rehash(matched.account.password_hash):
            anew = await self._passwords.hash(proof.password)
            await self._people.save_password_hash(matched.account.tenant_id, matched.account.id, anew)
        return matched

    async def _match(self, account: Account | None, proof: Proof) -> _Matched | None:
        """Compare everything, whatever was wrong before, and use nothing up yet."""
        tenant_id, technician_id = (account.tenant_id, account.id) if account else (_NOBODY_ID, _NOBODY_ID)
        secret, last = (account.totp_secret, account.totp_step) if account else (None, 0)
        unused = await self._people.recovery_digests(tenant_id, technician_id)
        typed = recovery.digest(technician_id, proof.code)
        step = totp.verify(secret or _NOBODY_SECRET, proof.code, self._authenticators.now(), last_step=last)
        password_right = await self._passwords.verify(account.password_hash if account else None, proof.password)
        by_recovery = typed is not None and typed in unused
        if account is None or secret is None or not password_right or not (step is not None or by_recovery):
            return None
        return _Matched(account, step, typed, len(unused) - 1 if by_recovery else None)

    async def _use(self, matched: _Matched, now: datetime) -> bool:
        """Use the second factor up; of two tries with the same one, one gets through."""
        who = matched.account
        if matched.step is not None:
            return await self._people.use_totp_step(who.tenant_id, who.id, matched.step)
        assert matched.digest is not None
        return await self._people.use_recovery_code(who.tenant_id, who.id, matched.digest, now)


def canonical_login(login: str) -> str:
    """Logins are compared without case and without white space around them."""
    return login.strip().casefold()


def _key(kind: str, value: str) -> str:
    """What failures are counted under: a hash, so that a mistyped login (at times a password) is never stored."""
    return hashlib.sha256(f"{kind}|{value}".encode("utf-8", "replace")).hexdigest()
