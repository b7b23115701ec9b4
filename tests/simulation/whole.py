"""A whole run from one seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from tests.simulation.ending import check_the_end
from tests.simulation.parts import Faults
from tests.simulation.people import People
from tests.simulation.run import Simulation

STEPS = 100


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to. `hash` is of the whole trace."""

    hash: str
    trace: tuple[str, ...]
    counts: Counter[str]


def simulate(seed: int, faults: Faults | None = None, steps: int = STEPS) -> Found:
    """Raises `Broken` when an invariant does not hold."""
    run = Simulation(seed, faults)
    try:
        run.open_house()
        run.settle_down()
        people = People(run)
        for _ in range(steps):
            people.step()
        run.heal()
        run.move_to(run.now() + timedelta(minutes=2))
        run.come_to_rest()
        run.check_errors()
        check_the_end(run)
    finally:
        found = Found(run.close(), tuple(run.watch.trace), run.counts)
    return found
