"""A check survives `kill -9` at every single point, with the real store on disk (REL-01, REL-03)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.postgres import Cluster

ROOT = Path(__file__).parents[2]
#: Each of these was passed, so each was a place to die at.
POINTS = {
    *("take:before", "take:within", "take:after", "lease:after", "settle:before", "settle:after", "ring"),
    *("send:before", "send:taken", "send:after", "ticket:before", "ticket:taken", "ticket:after"),
    *("note:before", "note:taken", "note:after", "report:before", "report:after"),
}
#: On a server also inside of these: rows written and not committed, the commit on its way, the commit answered and
#: nobody told, lines placed in the log.
ON_A_SERVER = {"sql:written", "commit:sent", "commit:done", "placed"}
TEXTS = ["tech.unclaimed", "tv.code", "tv.confirmed"]


@pytest.mark.feature("REL-01", "REL-02", "REL-03", "REL-04", "REL-12", "SEC-11", "TV-12", "TV-13")
def test_killed_at_any_point_the_check_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Confirmed once, told once, one ticket and one note; the log is whole."""
    runs = play(str(tmp_path))
    _expect_each_whole(runs, POINTS)
    assert len(runs[-1]["passed"]) > 40
    assert len(runs) > 40, "at every one of them, not at a sample"


@pytest.mark.feature("REL-01", "REL-02", "REL-03", "REL-04", "REL-12", "SEC-11", "TV-12", "TV-13")
@pytest.mark.parametrize("how", ["some", pytest.param("all", marks=pytest.mark.long)])
def test_killed_at_any_point_beside_a_server_that_lives_on(postgres: Cluster, tmp_path: Path, how: str) -> None:
    """What was not committed is gone with the process, what was is there, and the check ends the same."""
    place = asyncio.run(postgres.seeded())
    words = [str(tmp_path), str(postgres.server.port), place.name]
    runs = play(*words, *(["some"] if how == "some" else []))
    _expect_each_whole(runs, POINTS | ON_A_SERVER)
    assert len(runs[-1]["passed"]) > 90
    if how == "all":
        assert len(runs) == len(runs[-1]["passed"]) + 1


def play(*words: str) -> list[dict[str, Any]]:
    """What the driver prints, a line for each run."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.scenario.crash_driver", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return [json.loads(line) for line in done.stdout.splitlines()]


def _expect_each_whole(runs: list[dict[str, Any]], points: set[str]) -> None:
    for run in runs:
        _expect_whole(run)
    last = runs[-1]
    assert last["killed_at"] == ""
    assert set(last["passed"]) == points
    # Each was died at. On a file two threads take turns, so which number is which point differs from run to run.
    assert {run["killed_at"] for run in runs[:-1]} == points


def _expect_whole(run: dict[str, Any]) -> None:
    where = f"killed at point {run['number']}, {run['killed_at']}: {run}"
    assert run["states"] == ["confirmed"], where
    assert run["inbound"] == 2, where
    assert [status for _, status in run["outbox"]] == ["sent"] * len(run["outbox"]), where
    # Killed between a send and our note of it, the provider's list still says that it went out. A restart may have put
    # more than a minute between code and claim; then the user is told of the claim in a text of its own (SEC-04).
    assert [t for t in run["texts"] if t != "tv.claimed"] == TEXTS, where
    assert run["texts"].count("tv.claimed") <= 1, where
    assert run["repeats"] == 0, where
    assert run["bodies_per_key"] == 1, where
    assert run["tickets"] == 1, where
    assert len(run["notes"]) == 1, where
    assert "confirmed by the user" in run["notes"][0], where
    assert run["gapless"], where
    assert run["timers"] == 0, where
    happened = Counter(run["audit"])
    once = ("tv.issue_code", "tv.claim_check", "tv.keep_new_ticket", "tv.confirm", "tv.duty_alerted")
    assert {kind: happened[kind] for kind in once} == dict.fromkeys(once, 1), where
