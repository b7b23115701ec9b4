"""A person is forgotten while a replica is taking their text: nothing of theirs is left, and nothing gets stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from threading import Thread
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select

from dialogs.turns import Decision, InboundFacts, Taken, Turn
from storage import tables
from storage.database import Database, Unscoped
from storage.erasure import GONE, Erased, erase
from storage.postgres import PostgresDatabase, PostgresTurnStore
from tests.fixtures.turn_parts import desk_of, inbound_turn, line, new_check, new_id, nothing, said, text_item
from tests.fixtures.turn_stores import PostgresHouse, rank
from tests.fixtures.world import START

pytestmark = pytest.mark.feature("SEC-56")
T = TypeVar("T")


def elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end on another thread's event loop, as another process would, while this one stands still."""
    done: list[T] = []
    thread = Thread(target=lambda: done.append(asyncio.run(work)))
    thread.start()
    thread.join()
    return done[0]


async def forget(house: PostgresHouse, between: Callable[[], object] | None = None) -> Erased | None:
    """Forget Ada on a connection of its own; `between`: what happens once the first transaction sees its state."""
    database = PostgresDatabase(house.url, size=1)
    seen: Database = database if between is None else Interrupted(database, between)
    try:
        return await erase(seen, house.keyring, house.world.tenant_id, house.world.people[0].id, START, new_id)
    finally:
        await database.close()


class Interrupted:
    """A database in whose first write something comes between."""

    def __init__(self, database: Database, between: Callable[[], object]) -> None:
        self._database = database
        self._between: Callable[[], object] | None = between

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        return await self._database.read(scope, work)

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        def interrupted(conn: Connection) -> T:
            between, self._between = self._between, None
            if between is not None:
                between()
            return work(conn)

        return await self._database.write(scope, interrupted)


def asking(house: PostgresHouse, meanwhile: Callable[[], object] = lambda: None) -> Turn[str]:
    """Ada's `#verify`. `meanwhile` happens between what the turn reads and what it writes, once."""
    ada = house.world.people[0]
    left = [meanwhile]

    def decide(facts: InboundFacts) -> Decision[str]:
        if left:
            left.pop()()
        if not facts.contacts:
            return Decision("unknown", audit=(line(),))
        return Decision(
            "opened",
            desk=desk_of(facts, ada.mobile),
            checks=(new_check(house.world, ada),),
            outbox=(text_item(house.world, ada.mobile, contact_id=ada.id),),
            audit=(line("asked", contact_id=ada.id),),
        )

    return inbound_turn(said(house.world, ada.mobile), decide)


async def left_of(house: PostgresHouse) -> list[str]:
    """Live checks, and rows that say Ada's number or words."""
    ada = house.world.people[0]

    def look(conn: Connection) -> list[str]:
        d, v, o, i = tables.dialogs.c, tables.conversations.c, tables.outbox.c, tables.inbound.c
        found = []
        for name, query in (
            ("live", select(d.id).where(d.contact_id == ada.id, d.is_live)),
            ("check", select(d.id).where(d.contact_id == ada.id, d.their_address.not_like(f"{GONE}%"))),
            ("story", select(d.id).where(d.contact_id == ada.id, d.body.contains(ada.name))),
            ("conversation", select(v.id).where(v.contact_id == ada.id, v.their_address.not_like(f"{GONE}%"))),
            ("sent", select(o.id).where(o.contact_id == ada.id, o.payload.is_not(None))),
            ("received", select(i.id).where(i.contact_id == ada.id, i.body.is_not(None))),
        ):
            found += [name for _ in conn.execute(query)]
        return found

    return await house.database.read(Unscoped.OPERATOR, look)


async def test_a_check_begun_before_and_written_after_is_decided_anew(on_server: PostgresHouse) -> None:
    turn = asking(on_server, lambda: elsewhere(forget(on_server)))
    assert await on_server.store.take(turn) == Taken("unknown")
    assert await left_of(on_server) == []
    # Before, this text and every later one failed on a check whose key was gone.
    later = inbound_turn(said(on_server.world, on_server.world.people[0].mobile), nothing("heard"))
    assert await on_server.store.take(later) == Taken("heard")


async def test_a_check_that_came_in_while_they_were_forgotten_goes_too(on_server: PostgresHouse) -> None:
    async def take() -> object:
        store = PostgresTurnStore(on_server.url, on_server.keyring, rank)
        try:
            return await store.take(asking(on_server))
        finally:
            await store.close()

    taken: list[object] = []
    assert await forget(on_server, lambda: taken.append(elsewhere(take())))
    assert taken == [Taken("opened")]
    assert await left_of(on_server) == []
    later = inbound_turn(said(on_server.world, on_server.world.people[0].mobile), nothing("heard"))
    assert await on_server.store.take(later) == Taken("heard")
