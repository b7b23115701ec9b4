"""Making and revoking integration keys, for the page and for the API (SEC-35)."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime

from identity.integration_keys import ends, new_key
from storage.integration_keys import KeyToKeep, NameTaken, TooManyKeys
from web.noting import line
from web.problems import Problem
from web.routing import Call, Scope


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key that was just made: the only place where it stands whole."""

    id: str
    name: str
    key: str = field(repr=False)
    begins: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime


async def make_key(call: Call, name: str, scopes: Set[Scope], days: int) -> MadeKey:
    """Make one for so many days. Raises `Problem`: `name_taken`, `too_many_keys`."""
    who, services = call.who, call.services
    now = services.clock.now()
    new, words = new_key(services.random), frozenset(scope.value for scope in scopes)
    kept = KeyToKeep(
        services.random.new_id(now), name, new.begins, new.digest, words, who.technician_id, ends(now, days)
    )
    made = line(call, "settings.key_made", key=kept.id, scopes=" ".join(sorted(words)), days=days)
    try:
        await services.integration_keys.noting(who.tenant_id, made).add(who.tenant_id, kept, now)
    except NameTaken:
        raise Problem(
            409, "name_taken", "There is a key of this name. Choose another name, or revoke that one first."
        ) from None
    except TooManyKeys:
        raise Problem(409, "too_many_keys", "There are 50 keys that work. Revoke those that nobody needs.") from None
    return MadeKey(kept.id, name, new.key, new.begins, words, now, kept.expires_at)


async def revoke_key(call: Call, key_id: str) -> bool:
    """Revoke it; False when there is none that works."""
    who, services = call.who, call.services
    keys = services.integration_keys.noting(who.tenant_id, line(call, "settings.key_revoked", key=key_id))
    return await keys.revoke(who.tenant_id, key_id, services.clock.now())
