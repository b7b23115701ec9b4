"""Every replica is replaced while twenty texts a second come in, and nobody outside notices (REL-14)."""

from __future__ import annotations

import signal
import time

import pytest

from simulator.carrier_records import Fault
from tests.faults.conftest import Opening
from tests.faults.installation import Installation
from tests.faults.replica import Replica
from tests.faults.traffic import Traffic
from tests.faults.verdict import Cost, orphaned, verdict
from tests.fixtures.running_demo import SMS

#: REL-14: how long a replica that is told to stop may take.
DRAINS_WITHIN_S = 30.0
#: Proxies ask every second or two.
NOTICE_S = 2.0


@pytest.mark.feature("REL-14")
async def test_a_rolling_restart_loses_nothing_and_shows_nothing(on_servers: Opening) -> None:
    async with on_servers() as installation:
        traffic = Traffic(installation)
        try:
            took = await _replace_all(traffic)
        except BaseException as why:
            why.add_note(installation.said())
            raise
        finally:
            await traffic.close()
    assert max(took) <= DRAINS_WITHIN_S


async def _replace_all(traffic: Traffic) -> list[float]:
    """Seconds that each took to stop."""
    installation, took = traffic.installation, []
    # A carrier that takes its time: whoever stops has something under way.
    installation.carrier.carrier.fail_next(*[Fault(delay_s=0.7)] * 10_000)
    async with traffic.flowing():
        for old in list(installation.replicas):
            fresh = installation.new_replica()
            fresh.start()
            await fresh.until_ready(installation.http)
            installation.replicas.append(fresh)
            began = time.monotonic()
            old.signal(signal.SIGTERM)
            assert await old.ended(DRAINS_WITHIN_S + 5) == 0, "it did not stop in order"
            took.append(time.monotonic() - began)
            assert _notice(installation, old) >= NOTICE_S, "proxies had no time to hear that it goes away"
            # What it had under way is settled or given back; nobody waits for the end of its leases.
            assert await orphaned(installation) == set()
            installation.replicas.remove(old)
            assert "leases_kept" not in old.said()
    await traffic.ended()
    every = {status for (path, status) in installation.proxy.answers}
    assert every == {200}, f"somebody outside noticed: {installation.proxy.answers}"
    assert len([said for said in traffic.said if said.statuses != [200]]) == len(
        [said for said in traffic.said if said.statuses == [200, 200]]
    ), "a text had to be delivered again"
    assert sum(count for (path, _), count in installation.proxy.answers.items() if path == SMS) > 100
    wrong = await verdict(traffic, Cost())
    assert not wrong, "\n".join(["", *wrong])
    return took


def _notice(installation: Installation, replica: Replica) -> float:
    """Seconds for which it said that it goes away, and still answered."""
    said = [look.at for look in installation.proxy.looks if look.name == replica.name and look.status == 503]
    return said[-1] - said[0] if said else 0.0
