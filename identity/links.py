"""Links for one use that let somebody into an account: how long each lasts, where it leads, and how often one may be
asked for. What is stored of a link is a hash of its token; the token is in the link alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from dialogs.ports import Randomness
from identity import throttle
from identity.people_store import PeopleStore
from identity.sessions import address_key, token_digest

Purpose: TypeAlias = Literal["invitation", "password", "second_factor"]

LASTS: Mapping[Purpose, timedelta] = {
    "invitation": timedelta(days=7),
    "password": timedelta(minutes=30),
    "second_factor": timedelta(hours=24),
}
#: Where each leads; the token comes behind.
PATHS: Mapping[Purpose, str] = {
    "invitation": "/welcome/",
    "password": "/new-password/",
    "second_factor": "/second-factor/",
}


@dataclass(frozen=True, slots=True)
class Minted:
    """A new link: `path` goes to the person and nowhere else, `digest` is stored."""

    purpose: Purpose
    path: str = field(repr=False)
    digest: str
    expires_at: datetime


def mint(purpose: Purpose, randomness: Randomness, now: datetime) -> Minted:
    """A link that nobody has seen yet."""
    token = randomness.token()
    return Minted(purpose, PATHS[purpose] + token, token_digest(token), now + LASTS[purpose])


@dataclass(frozen=True, slots=True)
class Asked:
    """Whether a link may be asked for now: `retry_at` is None when it may. `send` is whether one is sent, if the login
    is anybody's; the person is told nothing of it."""

    retry_at: datetime | None
    send: bool


async def ask(people: PeopleStore, login: str, address: str, now: datetime, try_id: str) -> Asked:
    """Count that a link to a new password is asked for, from this address and for this login, which may be nobody's:
    both are counted alike, so that neither words nor time tell which logins there are."""
    before: list[datetime] = []

    def not_before(by_login: Sequence[datetime], by_address: Sequence[datetime]) -> datetime | None:
        before.extend(by_login)
        return throttle.links_not_before(by_address, now)

    retry_at = await people.reserve_try(
        try_id=try_id,
        account_key=_key("link", login),
        address_key=_key("link from", address_key(address)),
        now=now,
        not_before=not_before,
    )
    return Asked(retry_at, retry_at is None and not throttle.too_many_links(before, now))


def _key(kind: str, value: str) -> str:
    return hashlib.sha256(f"{kind}|{value}".encode("utf-8", "replace")).hexdigest()
