"""The units of `deploy/systemd/`: their commands exist, they are closed as far as they can be, systemd reads them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from bot.cli import app

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
#: By systemd's own scale from 0 (closed) to 10; 2.0 and less it calls OK or SAFE.
EXPOSED_AT_MOST = 2.0
CLOSED = {
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "RestrictSUIDSGID": "yes",
    "UMask": "0077",
    "User": "watchword",
}


def lines(unit: Path) -> dict[str, str]:
    """Settings by name; the last of a name counts, as for systemd where it is no list."""
    return dict(re.findall(r"^([A-Za-z]+)=(.*)$", unit.read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_can_do_little(unit: Path) -> None:
    said = lines(unit)
    assert {name: said.get(name) for name in CLOSED} == CLOSED
    assert "SystemCallFilter=@system-service" in unit.read_text("utf-8")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_what_a_service_runs_exists(unit: Path) -> None:
    program, name, *options = shlex.split(lines(unit)["ExecStart"])
    assert program == "/opt/watchword/.venv/bin/watchword"
    command = get_command(app).commands[name]  # type: ignore[attr-defined]  # typer keeps the class to itself
    known = {option for parameter in command.params for option in getattr(parameter, "opts", [])}
    assert {option for option in options if option.startswith("--")} <= known


def test_it_has_time_to_finish_what_it_is_sending() -> None:
    assert int(lines(UNITS / "watchword.service")["TimeoutStopSec"]) > 30


def test_the_timer_starts_the_backup_also_after_a_night_off() -> None:
    assert (UNITS / "watchword-backup.service").exists()
    assert lines(UNITS / "watchword-backup.timer")["Persistent"] == "true"


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_systemd_calls_it_closed(unit: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here: what systemd thinks of the units is NOT checked")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True
    )
    if "exposure level" not in done.stdout:
        pytest.skip("this systemd-analyze cannot look at files: what systemd thinks of the units is NOT checked")
    (level,) = re.findall(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    assert float(level) <= EXPOSED_AT_MOST


def test_systemd_understands_every_line() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here: whether systemd reads the units is NOT checked")
    units = [str(unit) for unit in sorted(UNITS.iterdir())]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if re.search(r"watchword[\w-]*\.(service|timer)", line)]
    # The program is not installed where tests run.
    assert [line for line in complaints if "is not executable" not in line] == []
