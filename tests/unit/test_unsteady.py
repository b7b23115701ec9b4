"""A second try is told of, helps only what passes then, and does not excuse many."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unsteady import MOST

ROOT = Path(__file__).parents[2]
CONFTEST = """
from tests.unsteady import Unsteady

def pytest_configure(config):
    config.pluginmanager.register(Unsteady())
"""
TESTS = """
from pathlib import Path
import pytest

def first_time(name):
    mark = Path(name)
    if mark.exists():
        return False
    mark.touch()
    return True

@pytest.mark.parametrize("n", range({unsteady}))
def test_unsteady(n):
    assert not first_time(f"tried-{{n}}"), "the server stood still"

@pytest.mark.parametrize("n", range({broken}))
def test_broken(n):
    raise OSError("has not come" if first_time(f"broken-{{n}}") else "never works")

def test_steady():
    pass
"""


def run(folder: Path, *options: str, unsteady: int, broken: int = 0) -> tuple[int, str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(TESTS.format(unsteady=unsteady, broken=broken))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = ["-p", "xdist", "-p", "pytest_rerunfailures", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "--reruns", "1", *options]
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("options", [(), ("--numprocesses", "2")])
def test_few_are_told_of_and_the_run_is_good(tmp_path: Path, options: tuple[str, ...]) -> None:
    code, said = run(tmp_path, *options, unsteady=MOST)
    assert code == 0, said
    told = said.partition("passed only when tried again")[2]
    assert all(f"test_unsteady[{n}]" in told for n in range(MOST)), said
    assert "the server stood still" in told, said
    assert "test_steady" not in told


def test_many_fail_the_run(tmp_path: Path) -> None:
    code, said = run(tmp_path, unsteady=MOST + 1)
    assert code == 1, said
    assert f"more than {MOST} fail a run" in said


def test_what_fails_twice_has_failed(tmp_path: Path) -> None:
    code, said = run(tmp_path, unsteady=0, broken=1)
    assert code == 1, said
    assert "passed only when tried again" not in said
    told = said.partition("what was wrong at the first")[2].partition("short test summary")[0]
    assert "test_broken[0]" in told, said
    assert "OSError: has not come" in told, said


def test_a_steady_run_says_nothing(tmp_path: Path) -> None:
    code, said = run(tmp_path, unsteady=0)
    assert code == 0, said
    assert "tried again" not in said
