"""Whether this copy may be sent traffic, asked of the house at most once a second (REL-17).

Anybody may ask, signed in or not, and every look reads the keys of all tenants: without `shared` a stranger could keep
the database busy with nothing but that question (REL-16).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from dialogs.messages import Unavailable
from storage.database import Database, Unscoped
from storage.health import read_standing
from storage.keys import Keyring

T = TypeVar("T")

#: How long an answer stands, in seconds; load balancers ask every few seconds.
STANDS_FOR = 1.0
#: A database that says nothing for this long, in seconds, is as good as gone; probes give up after a few.
PATIENCE = 2.0


class Readiness:
    """What `/readyz` says: name -> "" where all is well, else what is wrong. Set `stopping` before anything is closed,
    so that load balancers look elsewhere while what is under way ends."""

    def __init__(self, database: Database, keyring: Keyring, *, patience: float = PATIENCE) -> None:
        self._database = database
        self._keyring = keyring
        self._patience = patience
        self._look = shared(self._standing)
        self.stopping = False

    async def __call__(self) -> Mapping[str, str]:
        found = dict(await self._look())
        if self.stopping:
            found["stopping"] = "this copy is going away"
        return found

    async def _standing(self) -> Mapping[str, str]:
        try:
            async with asyncio.timeout(self._patience):
                standing = await self._database.read(Unscoped.OPERATOR, lambda c: read_standing(c, self._keyring))
        except (Unavailable, TimeoutError):
            return {"database": "does not answer", "migrations": "unknown", "keys": "unknown"}
        found = {
            "database": "",
            "migrations": "" if standing.current else "behind",
            "keys": "do not open every tenant" if standing.locked else "",
        }
        if not standing.role_fit:
            found["role"] = "sees every tenant's rows"
        return found


def shared(look: Callable[[], Awaitable[T]], stands_for: float = STANDS_FOR) -> Callable[[], Awaitable[T]]:
    """`look`, so that all who ask while it looks, or within `stands_for` seconds of its answer, get that answer. An
    error is an answer too."""
    looking: asyncio.Task[T] | None = None
    since = 0.0

    async def timed() -> T:
        nonlocal since
        try:
            return await look()
        finally:
            since = asyncio.get_running_loop().time()

    async def ask() -> T:
        nonlocal looking
        if looking is None or (looking.done() and asyncio.get_running_loop().time() >= since + stands_for):
            looking = asyncio.create_task(timed(), name="shared look")
        # Whoever hangs up must not take the answer away from the others.
        return await asyncio.shield(looking)

    return ask
