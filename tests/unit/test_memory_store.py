"""The memory store's own: crashes on command, snapshots, runs that repeat."""

import pytest

from dialogs.turns import Decision, Duplicate, Taken, Turn
from storage.memory import MemoryTurnStore
from tests.fixtures.turn_parts import desk_of, inbound_turn, line, said, text_item
from tests.fixtures.turn_stores import rank
from tests.fixtures.world import make_world, seed_memory


class PowerCut(Exception):
    """Played by a hook."""


def cut() -> None:
    raise PowerCut


def seeded() -> MemoryTurnStore:
    store = MemoryTurnStore(rank)
    seed_memory(store, make_world())
    return store


def whole_turn(sid: str = "SM1") -> Turn[str]:
    ada = make_world().people[0].mobile
    return inbound_turn(
        said(make_world(), ada, sid=sid),
        lambda f: Decision("ok", desk=desk_of(f, ada), audit=(line(),), outbox=(text_item(make_world(), ada),)),
    )


@pytest.mark.feature("REL-01")
async def test_a_crash_before_the_commit_leaves_nothing_and_the_turn_can_be_taken_again() -> None:
    store = seeded()
    before = store.snapshot()
    store.before_commit = cut
    with pytest.raises(PowerCut):
        await store.take(whole_turn())
    assert store.snapshot() == before
    store.before_commit = lambda: None
    assert await store.take(whole_turn()) == Taken("ok")
    assert store.snapshot() != before


@pytest.mark.feature("REL-01", "REL-02")
async def test_a_crash_after_the_commit_leaves_everything_and_the_retry_is_a_duplicate() -> None:
    store, other = seeded(), seeded()
    store.after_commit = cut
    turn = whole_turn()
    with pytest.raises(PowerCut):
        await store.take(turn)
    assert len(store.rows.outbox) == len(store.rows.audit) == len(store.rows.inbound) == 1
    store.after_commit = lambda: None
    assert await store.take(turn) == Duplicate()
    assert await other.take(turn) == Taken("ok")


async def test_a_snapshot_does_not_change_with_the_store() -> None:
    store = seeded()
    kept = store.snapshot()
    await store.take(whole_turn())
    assert kept == seeded().snapshot()
    assert kept.outbox == {}
