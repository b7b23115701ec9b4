"""What ten thousand waiting effects of one tenant cost another one on disk: nothing that grows with them (SEC-38)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialogs.turns import CheckAsk, Decision
from tests.fixtures.turn_parts import act, text_item
from tests.fixtures.turn_stores import SqliteHouse
from tests.fixtures.world import START, World

#: Instructions of SQLite's machine between two looks at how many it were.
GRAIN = 100


async def queue(house: SqliteHouse, world: World, count: int, *, due_in: timedelta = timedelta(0)) -> None:
    due = START + due_in
    items = tuple(text_item(world, f"+1{n}", lane=f"lane {n}", due_at=due) for n in range(count))
    await act(house, CheckAsk(world.tenant_id, "none"), Decision("", outbox=items))


class Effort:
    """Counts what the writing connection does."""

    def __init__(self, house: SqliteHouse) -> None:
        self.grains = 0
        house.database.connection.set_progress_handler(self._grain, GRAIN)

    def _grain(self) -> int:
        self.grains += 1
        return 0

    def taken(self) -> int:
        """Instructions since the last time it was asked."""
        grains, self.grains = self.grains, 0
        return grains * GRAIN


@pytest.mark.feature("SEC-38")
@pytest.mark.parametrize("due_in", [timedelta(0), timedelta(hours=6)], ids=["due", "put off"])
async def test_a_lease_costs_the_same_beside_ten_thousand_waiting_effects(
    on_disk: SqliteHouse, due_in: timedelta
) -> None:
    efforts = []
    for waiting in (100, 9_900):
        await queue(on_disk, on_disk.world, waiting, due_in=due_in)
        await queue(on_disk, on_disk.other, 1)
        effort = Effort(on_disk)
        leased = await on_disk.store.lease("w", START, limit=8)
        assert on_disk.other.tenant_id in {held.tenant_id for held in leased[:2]}, "in the first round"
        await on_disk.store.next_due(START)
        efforts.append(effort.taken())
        await on_disk.store.release_leases("w")
    few, many = efforts
    assert many < few * 1.5 + 2_000, efforts
    assert many < 20_000, "not a step for each row that waits"


@pytest.mark.feature("SEC-38")
async def test_a_tenant_whose_share_is_full_is_not_even_looked_at(on_disk: SqliteHouse) -> None:
    await queue(on_disk, on_disk.world, 2_000)
    await queue(on_disk, on_disk.other, 1)
    await on_disk.store.lease("slow", START, limit=1_000, full={on_disk.other.tenant_id})
    effort = Effort(on_disk)
    (held,) = await on_disk.store.lease("w", START, full={on_disk.world.tenant_id})
    assert held.tenant_id == on_disk.other.tenant_id
    assert effort.taken() < 10_000
