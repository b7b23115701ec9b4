"""Whole stretches of time from seeds: real engine, dispatcher and delivery, everything around them seeded.

A failure prints its seed; `python -m tests.simulation SEED` shows the same run again, line by line.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.callers import METHODS
from tests.simulation.faults import FAULTS
from tests.simulation.parts import Broken, Faults
from tests.simulation.whole import simulate

#: 400 seeds in a usual run, in chunks that several workers share; 10 000 in a long one.
USUAL, CHUNK = 400, 25
LONG, LONG_CHUNK = 10_000, 250
#: What every chunk must have seen.
WANTED = (
    *("Confirmed", "Denied", "Expired", "Superseded", "Alarm", "crashes", "replays", "outages", "houses"),
    *("approval used", "approval withdrawn", "approval expired", "cleared"),
    *("user Verified", "user Denied", "user Failed", "user Expired", "user Undelivered", "codes spoken"),
    *(f"verified by {method}" for method in METHODS),
)
#: A fault may need a while to meet the moment that shows it.
SEEDS_TO_NOTICE = 80


@pytest.mark.feature("TST-01", "TST-02", "REL-01", "REL-02", "REL-03", "REL-04", "REL-08", "REL-12", "TV-12", "TV-23")
@pytest.mark.feature("SEC-06", "SEC-08", "SEC-09", "SEC-11", "SEC-12", "SEC-15", "SEC-17")
@pytest.mark.parametrize("first", range(0, USUAL, CHUNK))
def test_every_invariant_holds_in_every_seed(first: int) -> None:
    """I1 to I12 after every step, of checks of callers and of verifications of users, whose codes and links go out by
    text, mail and telephone, and of second persons who agree to them; at the end nothing is lost and nothing was done
    twice."""
    _run(first, CHUNK)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.feature("TST-01")
@pytest.mark.parametrize("first", range(USUAL, USUAL + LONG, LONG_CHUNK))
def test_every_invariant_holds_in_many_seeds(first: int) -> None:
    _run(first, LONG_CHUNK)


def _run(first: int, many: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(first, first + many):
        counts += simulate(seed).counts
    # A simulation in which nothing happens would pass as well.
    missing = [what for what in WANTED if not counts[what]]
    assert not missing, f"seeds {first} to {first + many - 1} never saw {missing}"


@pytest.mark.feature("TST-02")
@pytest.mark.parametrize("invariant", FAULTS)
def test_a_fault_put_in_on_purpose_is_noticed(invariant: str) -> None:
    """Each check can fail: a store, a machine or a delivery that breaks it trips it by name."""
    for seed in range(SEEDS_TO_NOTICE):
        said = _what_broke(seed, FAULTS[invariant])
        if any(line.startswith(invariant) for line in said.split("\n")):
            # Whoever reads it can see it again.
            assert f"python -m tests.simulation {seed}" in said
            return
    pytest.fail(f"{SEEDS_TO_NOTICE} seeds with this fault and nobody noticed")


def _what_broke(seed: int, faults: Faults) -> str:
    try:
        simulate(seed, faults)
    except Broken as broken:
        return str(broken)
    return ""


@pytest.mark.feature("TST-01")
def test_one_seed_is_one_trace() -> None:
    once, again, other = simulate(7), simulate(7), simulate(8)
    assert once.hash == again.hash
    assert once.trace == again.trace
    assert once.hash != other.hash


@pytest.mark.feature("TST-01")
@pytest.mark.parametrize("hash_seed", ["1", "77"])
def test_another_process_sees_the_same_trace(hash_seed: str) -> None:
    """Nor does the order of sets and dicts, which differs from process to process, get into it."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "7"],
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[-2] == simulate(7).hash
