"""`deploy/nightly.py`: a backup each night, at once when one is missing, again when one did not work."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from tests.fixtures.deploying import DEPLOY, script

nightly = script("nightly")
NOW = datetime(2026, 3, 2, 9, 0).astimezone()
AT = time(2, 30)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-02T09:00", "2026-03-03T02:30"),
        ("2026-03-02T01:00", "2026-03-02T02:30"),
        ("2026-03-02T02:30", "2026-03-03T02:30"),
        ("2026-12-31T23:59", "2027-01-01T02:30"),
    ],
)
def test_the_next_night(now: str, due: str) -> None:
    found = nightly.next_night(datetime.fromisoformat(now).astimezone(), AT)
    assert found == datetime.fromisoformat(due).astimezone()


@pytest.mark.parametrize(
    ("age", "at_once"),
    [(None, True), (timedelta(hours=19), False), (timedelta(hours=21), True), (timedelta(days=9), True)],
)
def test_after_a_start(age: timedelta | None, at_once: bool) -> None:
    due = nightly.first_run(NOW, AT, None if age is None else NOW - age)
    assert (due == NOW) is at_once


@pytest.mark.parametrize(("hours", "well"), [(1, True), (25, True), (27, False)])
def test_it_is_well_while_the_newest_is_young(tmp_path: Path, hours: int, well: bool) -> None:
    assert nightly.main([str(tmp_path), "--is-well"]) == 1
    for name, age in (("watchword-20260101-020000.backup", 900), ("watchword-20260302-020000.backup", hours)):
        made = datetime.now(UTC) - timedelta(hours=age)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (made.timestamp(), made.timestamp()))
    assert nightly.main([str(tmp_path), "--is-well"]) == (0 if well else 1)


@pytest.mark.parametrize("works", [True, False])
def test_it_takes_one_at_once_and_stops_when_told(tmp_path: Path, works: bool) -> None:
    """The real process, with a stand-in for `watchword` that writes down how it was called."""
    told = tmp_path / "told"
    stand_in = tmp_path / "stand-in"
    lines = [
        f"#!{sys.executable}",
        "import sys",
        f"open({str(told)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')",
        f"sys.exit({0 if works else 3})",
    ]
    stand_in.write_text("\n".join(lines))
    stand_in.chmod(0o700)
    kept = tmp_path / "kept"
    kept.mkdir()
    process = subprocess.Popen(
        [sys.executable, DEPLOY / "nightly.py", kept, "--keep", "7", "--command", stand_in],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = process.stderr.readline()
    process.terminate()
    process.stderr.close()
    assert process.wait(timeout=30) == 0
    assert told.read_text().splitlines() == [f"backup --output {kept} --keep 7"]
    assert f"exit code {0 if works else 3}; next " in said
    soon = datetime.now().astimezone() + timedelta(minutes=11)
    assert works or said.split("next ")[1][:16] <= f"{soon:%Y-%m-%d %H:%M}"


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        nightly.main([str(tmp_path / "absent")])
    assert stopped.value.code == 2


def test_an_hour_that_is_none_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        nightly.main([str(tmp_path), "--at", "25:30"])
    assert stopped.value.code == 2
    assert "'25:30' is no time of the day; write it as 02:30" in capsys.readouterr().err
