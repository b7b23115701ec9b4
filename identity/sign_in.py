"""Signing in with a local account: login, password and a second factor, all in one step.

Whatever is wrong, the answer has the same words and takes the same time; only who has given everything right learns
that the account is switched off. An account that is not asked for the second factor each time may leave it out in a
browser that has given it within 30 days; such a log-in is good for everyday work and never for a sensitive step. Every
try is counted as a failure first and taken back when it succeeds, so that many tries at the same moment cannot slip
past the bound.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

import structlog

from dialogs.ports import Clock, Randomness
from dialogs.turns import AuditEvent
from identity import recovery, throttle, totp
from identity.passwords import Passwords
from identity.people_store import Account, BrowserStore, PeopleStore
from identity.sessions import ABSOLUTE, Kind, address_block, address_key, browser_family, token_digest

log = structlog.get_logger(__name__)

#: Checked in place of the secret of a login that does not exist, so that the work is the same.
_NOBODY_SECRET = "A" * 32
_NOBODY_ID = "00000000-0000-0000-0000-000000000000"

#: For so long a browser is known in which the second factor was given.
KNOWN_FOR = timedelta(days=30)

#: What a proof was for: a new log-in, a running one that must be proven again, or a link into the account.
_What: TypeAlias = Literal["sign_in", "proof", "link"]
#: What must be right: everything, or one half of it where a link stands for the other.
_Asked: TypeAlias = Literal["both", "password", "factor"]


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
    """Signed in. The token is here and nowhere else; `recovery_codes_left` is None unless one was just used.
    `known_token`: for a cookie by which this browser is known for 30 days; empty where there is none to give.
    `ui_access`: whether the console is open to them."""

    token: str = field(repr=False)
    log_in_id: str
    tenant_id: str
    technician_id: str
    expires_at: datetime | None
    recovery_codes_left: int | None = None
    known_token: str = field(default="", repr=False)
    ui_access: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """`wrong`: something of login, password and code is. `throttled`: not before `retry_at`. `disabled`: all was
    right, and the account is switched off. `ended`: the log-in to be proven anew is over."""

    word: Literal["wrong", "throttled", "disabled", "ended"]
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Matched:
    """What was asked for fits. The second factor: a time step, the digest of a recovery code, or neither where a known
    browser stood for it or it was not asked."""

    account: Account
    step: int | None = None
    digest: str | None = None
    codes_left: int | None = None

    @property
    def factor(self) -> str:
        """What the second factor was, for the log."""
        if self.step is not None:
            return "totp"
        return "recovery_code" if self.digest is not None else "known_browser"


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
        browsers: BrowserStore | None = None,
    ) -> None:
        """`authenticators`: the time that people's authenticator apps show, where the clock of the application may be
        moved away from it (the demo); otherwise the same clock. `browsers`: without it no browser is ever known."""
        self._people = people
        self._passwords = passwords
        self._clock = clock
        self._authenticators = authenticators or clock
        self._randomness = randomness
        self._browsers = browsers

    async def log_in(
        self,
        login: str,
        proof: Proof,
        origin: Origin,
        *,
        kind: Kind = "cookie",
        replaces: str = "",
        known: str = "",
    ) -> LogInGranted | Refused:
        """Sign in. `replaces` is a token the browser still holds: it ends, so that no token survives a sign-in.
        `known` is the token by which the browser may be known."""
        login = canonical_login(login)
        account = await self._people.find_account(login)
        proven = await self._prove(login, account, proof, origin, "sign_in", known=known)
        if isinstance(proven, Refused):
            return proven
        return await self._grant(proven, origin, kind=kind, replaces=replaces)

    async def let_in(
        self, tenant_id: str, technician_id: str, origin: Origin, *, step: int, replaces: str = ""
    ) -> LogInGranted | Refused:
        """A log-in by cookie for somebody who has this moment set up the account by a link, with password and a code
        of the step `step`, which is used up already."""
        account = await self._people.account(tenant_id, technician_id)
        if account is None or account.disabled_at is not None:
            return Refused("ended")
        return await self._grant(_Matched(account, step), origin, kind="cookie", replaces=replaces)

    def step_of(self, secret: str, code: str) -> int | None:
        """The step of a code of a second factor that is being set up; None when it is not right."""
        return totp.verify(secret, code, self._authenticators.now(), last_step=0)

    async def check_password(self, tenant_id: str, technician_id: str, password: str, origin: Origin) -> Refused | None:
        """Whether the password is right, where a link stands for the rest. Counts as a try at the account."""
        return await self._check_part(tenant_id, technician_id, Proof(password, ""), origin, "password")

    async def check_factor(self, tenant_id: str, technician_id: str, code: str, origin: Origin) -> Refused | None:
        """Whether the second factor is right, which it uses up; a link stands for the password. Counts as a try."""
        return await self._check_part(tenant_id, technician_id, Proof("", code), origin, "factor")

    async def _check_part(
        self, tenant_id: str, technician_id: str, proof: Proof, origin: Origin, asked: _Asked
    ) -> Refused | None:
        account = await self._people.account(tenant_id, technician_id)
        login = account.login if account else technician_id
        proven = await self._prove(login, account, proof, origin, "link", asked=asked)
        return proven if isinstance(proven, Refused) else None

    async def _grant(self, proven: _Matched, origin: Origin, *, kind: Kind, replaces: str) -> LogInGranted:
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
            proven=proven.factor != "known_browser",
        )
        known_token = await self._remember(proven, origin, now) if kind == "cookie" else ""
        return LogInGranted(
            token,
            log_in_id,
            account.tenant_id,
            account.id,
            now + ABSOLUTE,
            proven.codes_left,
            known_token,
            account.ui_access,
        )

    async def _remember(self, proven: _Matched, origin: Origin, now: datetime) -> str:
        """Know this browser from now on, if its person is one who need not give the factor each time."""
        account = proven.account
        if self._browsers is None or account.use_mfa or proven.factor == "known_browser":
            return ""
        token = self._randomness.token()
        await self._browsers.remember(
            tenant_id=account.tenant_id,
            technician_id=account.id,
            browser_id=self._randomness.new_id(now),
            digest=token_digest(token),
            browser=browser_family(origin.user_agent),
            now=now,
            expires_at=now + KNOWN_FOR,
        )
        return token

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
        self,
        login: str,
        account: Account | None,
        proof: Proof,
        origin: Origin,
        what: _What,
        *,
        asked: _Asked = "both",
        known: str = "",
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
        matched = await self._match(account, proof, asked, known)
        if matched is None or not await self._use(matched, origin, now):
            return await self._refused(Refused("wrong"), account, origin, what, keys["try_id"])
        await self._people.take_back_try(**keys)
        if matched.account.disabled_at is not None:
            return await self._refused(Refused("disabled"), account, origin, what, keys["try_id"])
        if asked != "factor" and self._passwords.needs_rehash(matched.account.password_hash):
            anew = await self._passwords.hash(proof.password)
            await self._people.save_password_hash(matched.account.tenant_id, matched.account.id, anew)
        return matched

    async def _match(self, account: Account | None, proof: Proof, asked: _Asked, known: str) -> _Matched | None:
        """Compare everything that is asked, whatever was wrong before, and use nothing up yet."""
        if asked == "password":
            right = await self._passwords.verify(account.password_hash if account else None, proof.password)
            return _Matched(account) if account is not None and right else None
        tenant_id, technician_id = (account.tenant_id, account.id) if account else (_NOBODY_ID, _NOBODY_ID)
        secret, last = (account.totp_secret, account.totp_step) if account else (None, 0)
        unused = await self._people.recovery_digests(tenant_id, technician_id)
        typed = recovery.digest(technician_id, proof.code)
        step = totp.verify(secret or _NOBODY_SECRET, proof.code, self._authenticators.now(), last_step=last)
        password_right = asked == "factor" or await self._passwords.verify(
            account.password_hash if account else None, proof.password
        )
        by_recovery = typed is not None and typed in unused
        by_browser = await self._is_known(tenant_id, technician_id, known) and not proof.code.strip()
        if account is None or secret is None or not password_right:
            return None
        if by_browser and not account.use_mfa:
            return _Matched(account)
        if not (step is not None or by_recovery):
            return None
        return _Matched(account, step, typed, len(unused) - 1 if by_recovery else None)

    async def _is_known(self, tenant_id: str, technician_id: str, known: str) -> bool:
        """Whether this is a browser in which the technician's second factor was given lately. Asked at each sign-in
        that shows such a token, whether or not it can matter, so that the time tells nothing."""
        if self._browsers is None or not known:
            return False
        return await self._browsers.is_known(tenant_id, technician_id, token_digest(known), self._clock.now())

    async def _use(self, matched: _Matched, origin: Origin, now: datetime) -> bool:
        """Use the second factor up, where one was given; of two tries with the same one, one gets through."""
        who = matched.account
        if matched.step is not None:
            return await self._people.use_totp_step(who.tenant_id, who.id, matched.step)
        if matched.digest is None:
            return True
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
