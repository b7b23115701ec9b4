"""Each fault in the middle of the traffic, on each place where it can happen (TST-05, REL-10)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.faults.conftest import Opening
from tests.faults.matrix import FAULTS, FIRST, LONG_FAULTS, MORE, STORIES, Fault, Place
from tests.faults.small_disk import small_disk
from tests.faults.traffic import Traffic
from tests.faults.verdict import Cost, held_phones, orphaned, verdict
from tests.fixtures.postgres import server_folder
from tests.fixtures.running_demo import SMS

WARM_UP_S = 0.6
#: A lease and a second.
TAKEN_OVER_WITHIN_S = 61.0


def _cells(faults: Iterable[Fault]) -> list[Any]:
    return [
        pytest.param(fault, place, id=f"{fault.name}, {place}".replace(" ", "-"))
        for fault in faults
        for place in fault.where
    ]


@pytest.mark.feature("TST-05", "REL-10")
@pytest.mark.parametrize(("fault", "place"), _cells(FAULTS))
async def test_nothing_is_lost(fault: Fault, place: Place, on_file: Opening, on_servers: Opening) -> None:
    await _cell(fault, on_file if place == "file" else on_servers, fault.lasts, fault.cost)


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.feature("TST-05", "REL-10")
@pytest.mark.parametrize(("fault", "place"), _cells(f for f in (*FAULTS, *LONG_FAULTS) if f.long))
async def test_nothing_is_lost_when_it_lasts(fault: Fault, place: Place, on_file: Opening, on_servers: Opening) -> None:
    await _cell(fault, on_file if place == "file" else on_servers, fault.long, fault.long_cost)


async def _cell(fault: Fault, opening: Opening, lasts: float, cost: Cost) -> None:
    async with AsyncExitStack() as stack:
        disk = None
        if fault.fills:
            disk = stack.enter_context(small_disk(stack.enter_context(server_folder()), 96))
        installation = await stack.enter_async_context(opening(jumps=fault.jumps, disk=disk))
        traffic = Traffic(installation, more=MORE)
        stack.push_async_callback(traffic.close)
        try:
            await _through(fault, traffic, lasts, cost)
        except BaseException as why:
            why.add_note(installation.said())
            raise


async def _through(fault: Fault, traffic: Traffic, lasts: float, cost: Cost) -> None:
    installation = traffic.installation
    async with traffic.flowing():
        await asyncio.sleep(WARM_UP_S)
        began = time.monotonic()
        await fault.begin(installation)
        await asyncio.sleep(lasts)
        if lasts > TAKEN_OVER_WITHIN_S and fault.gone:
            assert await orphaned(installation) == set(), "what the dead one had leased was not taken over"
        await fault.end(installation)
        returned = time.monotonic()
        left = installation.replicas[FIRST + 1 :] if fault.gone else installation.replicas
        again = await asyncio.gather(*(traffic.answered_again(replica) for replica in left))
        recovery = max(again) - returned
        assert recovery <= fault.recovers_within, f"answered again only {recovery:.1f} s after it was over"
    await traffic.ended(fault.told_within, but=lambda: held_phones(installation, cost))
    wrong = await verdict(traffic, cost, within=fault.told_within)
    assert not wrong, "\n".join(["", *wrong])
    if fault.unnoticed:
        assert {status for path, status in installation.proxy.answers if path == SMS} == {200}
    for replica in left:
        await replica.until_ready(installation.http)
        seen = [look.status for look in installation.proxy.looks if look.name == replica.name and look.at > began]
        if fault.flips:
            assert any(status != 200 for status in seen), f"{replica.name} said that it was ready all the while"
    assert len(traffic.said) > 20, "there was hardly any traffic"
    assert {story.step for story in traffic.users} >= {"told"}, "nobody was verified"


def test_every_dialog_of_the_matrix_is_named() -> None:
    """What is not built yet stands in the table, and joins by a line."""
    built = [name for name, story in STORIES.items() if story is not None]
    assert built == ["technician verification", "end-user verification, code", "end-user verification, link"]
