"""A check survives `kill -9` at every single point, with the real store on disk (REL-01, REL-03)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
#: Each of these was passed, so each was a place to die at.
POINTS = {
    *("take:before", "take:within", "take:after", "lease:after", "settle:before", "settle:after", "ring"),
    *("send:before", "send:taken", "send:after", "ticket:before", "ticket:taken", "ticket:after"),
    *("note:before", "note:taken", "note:after", "report:before", "report:after"),
}
TEXTS = ["tech.unclaimed", "tv.code", "tv.confirmed"]


@pytest.mark.feature("REL-01", "REL-02", "REL-03", "REL-04", "REL-12", "SEC-11", "TV-12", "TV-13")
def test_killed_at_any_point_the_check_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Confirmed once, told once, one ticket and one note; the log is whole."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.scenario.crash_driver", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    for run in runs:
        _expect_whole(run)
    last = runs[-1]
    assert last["killed_at"] == ""
    assert set(last["passed"]) == POINTS
    assert len(last["passed"]) > 40
    # Each was died at. Two threads take turns, so which number is which point differs from run to run.
    assert {run["killed_at"] for run in runs[:-1]} == POINTS
    assert [run["number"] for run in runs] == list(range(1, len(runs) + 1))


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
