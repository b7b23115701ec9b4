"""Signing in with a local account: login, password and a second factor, all in one step.

Whatever is wrong, the answer has the same words and takes the same time; only who has given everything right learns
that the account is switched off. Every try is counted as a failure first and taken back when it succeeds, so that
many tries at the same moment cannot slip past the bound.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

import structlog

from dialogs.ports import Clock, Randomness
from dialogs.turns import AuditEvent
from identity import recovery, throttle, totp
from identity.passwords import Passwords
from identity.people_store import Account, PeopleStore
from identity.sessions import ABSOLUTE, Kind, address_block, address_key, browser_family, token_digest

log = structlog.get_logger(__name__)

#: Checked in place of the secret of a login that does not exist, so that the work is the same.
_NOBODY_SECRET = "A" * 32
_NOBODY_ID = "00000000-0000-0000-0000-000000000000"

#: What a proof was for: a new log-in, or a running one that must be proven again.
_What: TypeAlias = Literal["sign_in", "proof"]


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

    @property
    def factor(self) -> str:
        """What stood in for the second factor, for the log."""
        return "recovery_code" if self.step is None else "totp"


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
        proven = await self._prove(login, await self._people.find_account(login), proof, origin, "sign_in")
        if isinstance(proven, Refused):
            return proven
        if replaces:
            await self._end(token_digest(replaces), origin)
        now, token = self._clock.now(), self._randomness.token()
        account, log_in_id = proven.account, self._randomness.new_id(now)
        granted = self._event("sign_in.granted", account.id, origin, log_in=log_in_id, way=kind, factor=proven.factor)
        await self._people.noting(account.tenant_id, granted).create_log_in(
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
        proven = await self._prove(account.login if account else technician_id, account, proof, origin, "proof")
        if isinstance(proven, Refused):
            return proven
        now, token = self._clock.now(), self._randomness.token()
        again = self._event("sign_in.proven", technician_id, origin, log_in=log_in_id, factor=proven.factor)
        rotated = await self._people.noting(tenant_id, again).rotate_log_in(
            tenant_id=tenant_id,
            log_in_id=log_in_id,
            digest=token_digest(token),
            now=now,
            address_block=address_block(origin.address),
            browser=browser_family(origin.user_agent) if kind == "cookie" else "",
        )
        if not rotated:
            return await self._refused(Refused("ended"), account, origin, "proof", self._randomness.new_id(now))
        return LogInGranted(token, log_in_id, tenant_id, technician_id, None, proven.codes_left)

    async def _prove(
        self, login: str, account: Account | None, proof: Proof, origin: Origin, what: _What
    ) -> _Matched | Refused:
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
            return await self._refused(Refused("throttled", retry_at), account, origin, what, keys["try_id"])
        matched = await self._match(account, proof)
        if matched is None or not await self._use(matched, origin, now):
            return await self._refused(Refused("wrong"), account, origin, what, keys["try_id"])
        await self._people.take_back_try(**keys)
        if matched.account.disabled_at is not None:
            return await self._refused(Refused("disabled"), account, origin, what, keys["try_id"])
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

    async def _use(self, matched: _Matched, origin: Origin, now: datetime) -> bool:
        """Use the second factor up; of two tries with the same one, one gets through."""
        who = matched.account
        if matched.step is not None:
            return await self._people.use_totp_step(who.tenant_id, who.id, matched.step)
        assert matched.digest is not None
        used = self._event("sign_in.recovery_code_used", who.id, origin, left=matched.codes_left or 0)
        return await self._people.noting(who.tenant_id, used).use_recovery_code(
            who.tenant_id, who.id, matched.digest, now
        )

    async def _refused(
        self, refused: Refused, account: Account | None, origin: Origin, what: _What, try_id: str
    ) -> Refused:
        """Put it into the log of the tenant whose account was tried: never what was typed, which may be a password in
        the wrong field. A login that is nobody's is counted like any other and named nowhere."""
        if account is None:
            await self._people.note_refusal(try_id=try_id)
            log.info("sign_in_refused", word=refused.word, why="no such account")
            return refused
        until = {"until": refused.retry_at.isoformat()} if refused.retry_at is not None else {}
        event = self._event("sign_in.refused", account.id, origin, word=refused.word, what=what, **until)
        await self._people.note_refusal(
            try_id=try_id, tenant_id=account.tenant_id, event=event, closed_until=refused.retry_at
        )
        return refused

    async def _end(self, digest: str, origin: Origin) -> None:
        """End the log-in with this token, if there is one."""
        now = self._clock.now()
        held = await self._people.find_log_in(digest, now)
        if held is not None:
            ended = self._event("sign_in.ended", held.technician_id, origin, log_in=held.id, why="replaced")
            await self._people.noting(held.tenant_id, ended).revoke(held.tenant_id, held.technician_id, held.id, now)

    def _event(self, kind: str, technician_id: str, origin: Origin, **public: str | int) -> AuditEvent:
        """A line of the log: ids, kinds, words and the network it came from (SEC-56)."""
        now: datetime = self._clock.now()
        facts = {**public, "address": address_block(origin.address)}
        return AuditEvent(self._randomness.new_id(now), now, kind, technician_id=technician_id, public=facts)


def canonical_login(login: str) -> str:
    """Logins are compared without case and without white space around them."""
    return login.strip().casefold()


def _key(kind: str, value: str) -> str:
    """What failures are counted under: a hash, so that a mistyped login (at times a password) is never stored."""
    return hashlib.sha256(f"{kind}|{value}".encode("utf-8", "replace")).hexdigest()
