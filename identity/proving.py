"""Whether somebody is who they say: password and second factor compared, tries counted, refusals written down.

Every try is counted as a failure first and taken back when it succeeds, so that many tries at the same moment cannot
slip past the bound. Whatever is wrong, the answer has the same words and takes the same time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias

import structlog

from dialogs.ports import Clock, Randomness
from dialogs.turns import AuditEvent
from identity import recovery, throttle, totp
from identity.passwords import Passwords
from identity.people_store import Account, BrowserStore, PeopleStore
from identity.sessions import address_block, address_key, browser_family, token_digest

log = structlog.get_logger(__name__)

#: Checked in place of the secret of a login that does not exist, so that the work is the same.
_NOBODY_SECRET = "A" * 32
_NOBODY_ID = "00000000-0000-0000-0000-000000000000"

#: What a proof was for: a new log-in, a running one that must be proven again, or a link into the account.
What: TypeAlias = Literal["sign_in", "proof", "link"]
#: What must be right: everything, or one half of it where a link stands for the other.
Asked: TypeAlias = Literal["both", "password", "factor"]


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
class Refused:
    """`wrong`: something of login, password and code is. `throttled`: not before `retry_at`. `disabled`: all was
    right, and the account is switched off. `ended`: the log-in to be proven anew is over."""

    word: Literal["wrong", "throttled", "disabled", "ended"]
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """What was asked for fits. The second factor: a time step, the digest of a recovery code, or neither where a known
    browser stood for it or it was not asked."""

    account: Account
    step: int | None = None
    digest: str | None = None
    codes_left: int | None = None
    #: Of the password that was compared, where it has another hash by now than `account` has.
    new_hash: str = field(default="", repr=False)

    @property
    def password_hash(self) -> str:
        """The hash that the account has, unless its password was changed meanwhile."""
        return self.new_hash or self.account.password_hash

    @property
    def factor(self) -> str:
        """What the second factor was, for the log."""
        if self.step is not None:
            return "totp"
        return "recovery_code" if self.digest is not None else "known_browser"


class Prover:
    """Compares what was typed with what is stored."""

    def __init__(
        self,
        people: PeopleStore,
        passwords: Passwords,
        clock: Clock,
        randomness: Randomness,
        authenticators: Clock,
        browsers: BrowserStore | None,
    ) -> None:
        """`authenticators`: the time that people's authenticator apps show. `browsers`: None: none is ever known."""
        self._people = people
        self._passwords = passwords
        self._clock = clock
        self._randomness = randomness
        self._authenticators = authenticators
        self._browsers = browsers

    async def prove(
        self,
        login: str,
        account: Account | None,
        proof: Proof,
        origin: Origin,
        what: What,
        *,
        asked: Asked = "both",
        known: str = "",
    ) -> Matched | Refused:
        """Compare what is asked and use it up; a try that fails is counted and written down. `login` is canonical;
        `known` is the token by which the browser may be known."""
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
            return await self.refuse(Refused("throttled", retry_at), account, origin, what, keys["try_id"])
        matched = await self._match(account, proof, asked, known, browser_family(origin.user_agent))
        if matched is None or not await self._use(matched, origin, now):
            return await self.refuse(Refused("wrong"), account, origin, what, keys["try_id"])
        await self._people.take_back_try(**keys)
        if matched.account.disabled_at is not None:
            return await self.refuse(Refused("disabled"), account, origin, what, keys["try_id"])
        if asked != "factor" and self._passwords.needs_rehash(matched.account.password_hash):
            who, anew = matched.account, await self._passwords.hash(proof.password)
            if await self._people.save_password_hash(who.tenant_id, who.id, anew, instead_of=who.password_hash):
                return replace(matched, new_hash=anew)
        return matched

    async def _match(
        self, account: Account | None, proof: Proof, asked: Asked, known: str, browser: str
    ) -> Matched | None:
        """Compare everything that is asked, whatever was wrong before, and use nothing up yet."""
        if asked == "password":
            right = await self._passwords.verify(account.password_hash if account else None, proof.password)
            return Matched(account) if account is not None and right else None
        tenant_id, technician_id = (account.tenant_id, account.id) if account else (_NOBODY_ID, _NOBODY_ID)
        secret, last = (account.totp_secret, account.totp_step) if account else (None, 0)
        unused = await self._people.recovery_digests(tenant_id, technician_id)
        typed = recovery.digest(technician_id, proof.code)
        step = totp.verify(secret or _NOBODY_SECRET, proof.code, self._authenticators.now(), last_step=last)
        password_right = asked == "factor" or await self._passwords.verify(
            account.password_hash if account else None, proof.password
        )
        by_recovery = typed is not None and typed in unused
        by_browser = await self._is_known(tenant_id, technician_id, known, browser) and not proof.code.strip()
        if account is None or secret is None or not password_right:
            return None
        if by_browser and not account.use_mfa:
            return Matched(account)
        if not (step is not None or by_recovery):
            return None
        return Matched(account, step, typed, len(unused) - 1 if by_recovery else None)

    async def _is_known(self, tenant_id: str, technician_id: str, known: str, browser: str) -> bool:
        """Whether this is a browser in which the technician's second factor was given lately. Asked at each sign-in
        that shows such a token, whether or not it can matter, so that the time tells nothing."""
        if self._browsers is None or not known:
            return False
        now = self._clock.now()
        return await self._browsers.is_known(tenant_id, technician_id, token_digest(known), browser, now)

    async def _use(self, matched: Matched, origin: Origin, now: datetime) -> bool:
        """Use the second factor up, where one was given; of two tries with the same one, one gets through."""
        who = matched.account
        if matched.step is not None:
            return await self._people.use_totp_step(who.tenant_id, who.id, matched.step)
        if matched.digest is None:
            return True
        used = self.line("sign_in.recovery_code_used", who.id, origin, left=matched.codes_left or 0)
        return await self._people.noting(who.tenant_id, used).use_recovery_code(
            who.tenant_id, who.id, matched.digest, now
        )

    async def refuse(
        self, refused: Refused, account: Account | None, origin: Origin, what: What, try_id: str
    ) -> Refused:
        """Put it into the log of the tenant whose account was tried: never what was typed, which may be a password in
        the wrong field. A login that is nobody's is counted like any other and named nowhere."""
        if account is None:
            await self._people.note_refusal(try_id=try_id)
            log.info("sign_in_refused", word=refused.word, why="no such account")
            return refused
        until = {"until": refused.retry_at.isoformat()} if refused.retry_at is not None else {}
        event = self.line("sign_in.refused", account.id, origin, word=refused.word, what=what, **until)
        await self._people.note_refusal(
            try_id=try_id, tenant_id=account.tenant_id, event=event, closed_until=refused.retry_at
        )
        return refused

    def line(self, kind: str, technician_id: str, origin: Origin, **public: str | int) -> AuditEvent:
        """A line of the log: ids, kinds, words and the network it came from (SEC-56)."""
        now: datetime = self._clock.now()
        facts = {**public, "address": address_block(origin.address)}
        return AuditEvent(self._randomness.new_id(now), now, kind, technician_id=technician_id, public=facts)


def _key(kind: str, value: str) -> str:
    """What failures are counted under: a hash, so that a mistyped login (at times a password) is never stored."""
    return hashlib.sha256(f"{kind}|{value}".encode("utf-8", "replace")).hexdigest()
