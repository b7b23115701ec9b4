"""Verifications of end users survive `kill -9` at every single point, with the real store on disk: a code by text, a
link by mail, a code on the telephone (REL-01, REL-03, REL-04)."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.postgres import Cluster
from tests.scenario.test_crash_points import ON_A_SERVER, play

#: Each of these was passed, so each was a place to die at.
POINTS = {
    *("take:before", "take:within", "take:after", "lease:after", "settle:before", "settle:after"),
    *("send:before", "send:taken", "send:after", "mail:before", "mail:taken", "mail:after"),
    *("call:before", "call:taken", "call:after", "say:before", "say:taken", "say:after"),
    *("note:before", "note:taken", "note:after"),
}
#: What is left behind by a run in which nothing happens.
LEFT = {"text": 1, "mail": 1, "call": 1, "say": 1, "note": 3}
OUTBOX = ["euv.send_call", "euv.send_email_link", "euv.send_sms_code", "euv.send_voice_code", *["note.euv"] * 3]


@pytest.mark.feature("REL-01", "REL-02", "REL-03", "REL-04", "SEC-11", "SEC-17")
def test_killed_at_any_point_the_verifications_end_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Asked once, right once, one note each, and nothing of code or link stays."""
    runs = play(str(tmp_path), "users")
    _expect_each_whole(runs, POINTS)
    assert len(runs) > 60, "at every one of them, not at a sample"


@pytest.mark.feature("REL-01", "REL-02", "REL-03", "REL-04", "SEC-11", "SEC-17")
@pytest.mark.parametrize("how", ["some", pytest.param("all", marks=pytest.mark.long)])
def test_killed_at_any_point_beside_a_server_that_lives_on(postgres: Cluster, tmp_path: Path, how: str) -> None:
    place = asyncio.run(postgres.seeded())
    words = [str(tmp_path), str(postgres.server.port), place.name, "users"]
    runs = play(*words, *(["some"] if how == "some" else []))
    _expect_each_whole(runs, POINTS | ON_A_SERVER)
    if how == "all":
        assert len(runs) == len(runs[-1]["passed"]) + 1


def _expect_each_whole(runs: list[dict[str, Any]], points: set[str]) -> None:
    for run in runs:
        _expect_whole(run)
    last = runs[-1]
    assert (last["killed_at"], last["left"]) == ("", LEFT)
    assert set(last["passed"]) == points
    assert {run["killed_at"] for run in runs[:-1]} == points


def _expect_whole(run: dict[str, Any]) -> None:
    where = f"killed at point {run['number']}, {run['killed_at']}: {run}"
    assert run["states"] == ["verified"] * 3, where
    assert [template for template, _ in run["outbox"]] == OUTBOX, where
    assert {status for _, status in run["outbox"]} == {"sent"}, where
    # A carrier can be asked for texts and calls. Nobody can be asked what became of a mail, nor of words on a call:
    # those may be said once more, and say the same.
    again = {kind: run["left"][kind] - times for kind, times in LEFT.items()}
    assert {kind for kind, times in again.items() if times} <= {"mail", "say"}, where
    assert max(again.values()) <= 1, where
    assert run["bodies_per_key"] == 1, where
    assert sorted(note.split("\n")[0] for note in run["notes"]) == ["End-user verification: VERIFIED"] * 3, where
    happened = Counter(run["audit"])
    once = {"euv.ask": 3, "euv.check_code": 2, "euv.confirm_link": 1, "euv.keep_call": 1}
    assert {kind: happened[kind] for kind in once} == once, where
    assert run["tries"] == ["right"] * 3, where
    assert (run["unanswered_sends"], run["green"], run["secrets"], run["timers"]) == (0, 3, 0, 0), where
    assert run["gapless"], where
