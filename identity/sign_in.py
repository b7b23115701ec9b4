"""Signing in with a local account: login, password and a second factor, all in one step.

Only who has given everything right learns that the account is switched off. An account that is not asked for the
second factor each time may leave it out in a browser that has given it within 30 days; such a log-in is good for
everyday work and never for a sensitive step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dialogs.ports import Clock, Randomness
from identity import totp
from identity.passwords import Passwords
from identity.people_store import BrowserStore, PeopleStore
from identity.proving import Asked, Matched, Origin, Proof, Prover, Refused
from identity.sessions import ABSOLUTE, Kind, address_block, browser_family, token_digest

__all__ = ["KNOWN_FOR", "LogInGranted", "Origin", "Proof", "Refused", "SignIn", "canonical_login"]

#: For so long a browser is known in which the second factor was given.
KNOWN_FOR = timedelta(days=30)


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
        self._clock = clock
        self._authenticators = authenticators or clock
        self._randomness = randomness
        self._browsers = browsers
        self._prover = Prover(people, passwords, clock, randomness, self._authenticators, browsers)

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
        proven = await self._prover.prove(login, account, proof, origin, "sign_in", known=known)
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
        return await self._grant(Matched(account, step), origin, kind="cookie", replaces=replaces)

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
        self, tenant_id: str, technician_id: str, proof: Proof, origin: Origin, asked: Asked
    ) -> Refused | None:
        account = await self._people.account(tenant_id, technician_id)
        login = account.login if account else technician_id
        proven = await self._prover.prove(login, account, proof, origin, "link", asked=asked)
        return proven if isinstance(proven, Refused) else None

    async def _grant(self, proven: Matched, origin: Origin, *, kind: Kind, replaces: str) -> LogInGranted | Refused:
        if replaces:
            await self._end(token_digest(replaces), origin)
        now, token = self._clock.now(), self._randomness.token()
        account, log_in_id = proven.account, self._randomness.new_id(now)
        granted = self._prover.line(
            "sign_in.granted", account.id, origin, log_in=log_in_id, way=kind, factor=proven.factor
        )
        made = await self._people.noting(account.tenant_id, granted).create_log_in(
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
            password_hash=proven.password_hash,
        )
        if not made:
            # Password, second factor or the account itself ended while these were being compared.
            return await self._prover.refuse(Refused("wrong"), account, origin, "sign_in", self._randomness.new_id(now))
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

    async def _remember(self, proven: Matched, origin: Origin, now: datetime) -> str:
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
        proven = await self._prover.prove(account.login if account else technician_id, account, proof, origin, "proof")
        if isinstance(proven, Refused):
            return proven
        now, token = self._clock.now(), self._randomness.token()
        again = self._prover.line("sign_in.proven", technician_id, origin, log_in=log_in_id, factor=proven.factor)
        rotated = await self._people.noting(tenant_id, again).rotate_log_in(
            tenant_id=tenant_id,
            log_in_id=log_in_id,
            digest=token_digest(token),
            now=now,
            address_block=address_block(origin.address),
            browser=browser_family(origin.user_agent) if kind == "cookie" else "",
        )
        if not rotated:
            return await self._prover.refuse(Refused("ended"), account, origin, "proof", self._randomness.new_id(now))
        return LogInGranted(token, log_in_id, tenant_id, technician_id, None, proven.codes_left)

    async def _end(self, digest: str, origin: Origin) -> None:
        """End the log-in with this token, if there is one."""
        now = self._clock.now()
        held = await self._people.find_log_in(digest, now)
        if held is not None:
            ended = self._prover.line("sign_in.ended", held.technician_id, origin, log_in=held.id, why="replaced")
            await self._people.noting(held.tenant_id, ended).revoke(held.tenant_id, held.technician_id, held.id, now)


def canonical_login(login: str) -> str:
    """Logins are compared without case and without white space around them."""
    return login.strip().casefold()
