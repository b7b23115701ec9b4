"""Whether this copy is ready, asked of the house at most once a second.

Anybody may ask, signed in or not, and every look reads the keys of all tenants and the state of the outbox: without
this a stranger could keep the database busy with nothing but that question (REL-16).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from web.services import Readiness

#: How long an answer stands, in seconds; load balancers ask every few seconds.
STANDS_FOR = 1.0


def shared(look: Readiness, stands_for: float = STANDS_FOR) -> Readiness:
    """`look`, so that all who ask while it looks, or within `stands_for` seconds of its answer, get that answer. An
    error is an answer too."""
    looking: asyncio.Task[Mapping[str, str]] | None = None
    since = 0.0

    async def timed() -> Mapping[str, str]:
        nonlocal since
        try:
            return await look()
        finally:
            since = asyncio.get_running_loop().time()

    async def ask() -> Mapping[str, str]:
        nonlocal looking
        if looking is None or (looking.done() and asyncio.get_running_loop().time() >= since + stands_for):
            looking = asyncio.create_task(timed(), name="readiness")
        # Whoever hangs up must not take the answer away from the others.
        return await asyncio.shield(looking)

    return ask
