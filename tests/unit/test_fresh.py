"""After a failure nothing that a file's tests share is used again; what the whole run shares stays."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONFTEST = """
import pytest
from tests.fresh import FreshAfterFailure

def pytest_configure(config):
    config.pluginmanager.register(FreshAfterFailure())

def made(name):
    with open("made.txt", "a") as file:
        file.write(name + "\\n")

@pytest.fixture(scope="session")
def machine():
    made("machine")
    return []

@pytest.fixture(scope="module")
def server(machine):
    made("server")
    yield set()
    made("server ends")

@pytest.fixture(scope="module")
def signed_in(server):
    made("signed in")
    return server

@pytest.fixture
def desk(signed_in):
    yield signed_in
    assert "torn" not in signed_in, "the page complained"
"""


def run(folder: Path, tests: str, *options: str) -> tuple[int, list[str], str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(tests)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = ["-p", "pytest_rerunfailures", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *options]
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True)
    return done.returncode, (folder / "made.txt").read_text().split("\n")[:-1], done.stdout + done.stderr


ONCE = ["server", "signed in", "server ends"]


#: Keeps what the file shares up after the test before it, as far as pytest knows.
AFTER = "def test_after(desk):\n    desk.add('row')\n"


def test_a_second_try_finds_nothing_of_the_first(tmp_path: Path) -> None:
    tests = "def test_it(desk):\n    assert 'ends' in open('made.txt').read()\n    assert not desk\n"
    code, made, said = run(tmp_path, tests + AFTER, "--reruns", "1")
    assert code == 0, said
    assert made == ["machine", *ONCE, *ONCE], said


def test_what_fails_when_a_test_is_cleared_away_counts(tmp_path: Path) -> None:
    tests = "def test_it(desk):\n    if 'ends' not in open('made.txt').read():\n        desk.add('torn')\n"
    code, made, said = run(tmp_path, tests + AFTER, "--reruns", "1")
    assert code == 0, said
    assert made == ["machine", *ONCE, *ONCE], said


def test_the_next_test_finds_nothing_of_one_that_failed_for_good(tmp_path: Path) -> None:
    tests = (
        "def test_it(desk):\n    desk.add('half sent')\n    assert False\ndef test_after(desk):\n    assert not desk\n"
    )
    code, made, said = run(tmp_path, tests)
    assert "1 failed, 1 passed" in said
    assert code == 1
    assert made == ["machine", *ONCE, *ONCE], said


def test_tests_that_pass_share(tmp_path: Path) -> None:
    tests = "def test_it(desk):\n    desk.add('row')\ndef test_after(desk):\n    assert desk == {'row'}\n"
    code, made, said = run(tmp_path, tests, "--reruns", "1")
    assert code == 0, said
    assert made == ["machine", *ONCE], said
