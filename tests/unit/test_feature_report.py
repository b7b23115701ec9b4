"""The feature report tells the truth: about good runs and bad ones, whole and partial, on one core and several."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.features import Area, Feature, Results, join, read_features, report
from tests.feature_report import merge

ROOT = Path(__file__).parents[2]
FEATURES = ROOT / "tests" / "features.toml"

CONFTEST = """
from pathlib import Path
from tests.feature_report import FeatureReport

def pytest_configure(config):
    config.addinivalue_line("markers", "feature(*ids): what a test proves")
    config.addinivalue_line("markers", "long: left out")
    here = config.rootpath
    config.pluginmanager.register(FeatureReport(here / "features.toml", here / ".build" / "features.json"))
"""

LIST = '[areas]\nTV = "Checks"\nSEC = "Security"\n[TV]\nTV-01 = "one"\nTV-02 = "two"\n[SEC]\nSEC-01 = "three"\n'

TESTS = """
import pytest

@pytest.fixture
def broken_afterwards():
    yield
    raise OSError

@pytest.mark.feature("TV-01", "SEC-01")
def test_good():
    pass

@pytest.mark.feature("TV-01")
def test_bad():
    assert False

@pytest.mark.feature("TV-02")
def test_breaks_afterwards(broken_afterwards):
    pass

@pytest.mark.feature("SEC-01")
def test_skipped():
    pytest.skip("not here")

@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.feature("TV-02"))])
def test_marked_by_parameter(n):
    pass

def test_proves_nothing_listed():
    pass
"""

WHOLE = {
    "SEC-01": {"passed": ["tests/test_it.py::test_good"], "failed": []},
    "TV-01": {"passed": ["tests/test_it.py::test_good"], "failed": ["tests/test_it.py::test_bad"]},
    "TV-02": {
        "passed": ["tests/test_it.py::test_marked_by_parameter[2]"],
        "failed": ["tests/test_it.py::test_breaks_afterwards"],
    },
}


class Project:
    """A small project of its own, tested in a process of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tests = root / "tests" / "test_it.py"
        self.tests.parent.mkdir()
        self.tests.write_text(TESTS)
        (root / "conftest.py").write_text(CONFTEST)
        (root / "features.toml").write_text(LIST)
        (root / "pytest.ini").write_text("[pytest]\ntestpaths = tests\n")

    def run(self, *options: str) -> tuple[int, str]:
        """Run pytest there, with xdist alone (the rest is slow to load) and none of this run's own settings."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment |= {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "no:cacheprovider", *options]
        done = subprocess.run(command, cwd=self.root, env=environment, text=True, capture_output=True)
        return done.returncode, done.stdout + done.stderr

    def results(self) -> Results:
        """What the runs have left."""
        found: Results = json.loads((self.root / ".build" / "features.json").read_text())
        return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.mark.parametrize("cores", ["0", "2"])
def test_a_full_run_tells_passed_from_failed(project: Project, cores: str) -> None:
    code, output = project.run("-n", cores)
    assert code == pytest.ExitCode.TESTS_FAILED, output
    assert project.results() == WHOLE


@pytest.mark.parametrize("cores", ["0", "2"])
def test_an_unknown_id_stops_the_run(project: Project, cores: str) -> None:
    project.tests.write_text(TESTS.replace('"SEC-01"', '"SEC-99"'))
    code, output = project.run("-n", cores)
    assert code != pytest.ExitCode.OK, output
    assert "no feature 'SEC-99' in the list" in output
    assert "passed" not in output


def test_a_partial_run_touches_only_its_own_tests_and_a_full_one_starts_anew(project: Project) -> None:
    project.run()
    project.tests.write_text(TESTS.replace("assert False", "assert True"))
    project.run("-k", "test_bad")
    mended = project.results()
    assert mended == WHOLE | {
        "TV-01": {"passed": ["tests/test_it.py::test_bad", "tests/test_it.py::test_good"], "failed": []}
    }
    project.tests.write_text('import pytest\n\n@pytest.mark.feature("TV-02")\ndef test_new():\n    pass\n')
    project.run("tests/test_it.py")
    assert project.results() == mended | {
        "TV-02": mended["TV-02"] | {"passed": [*mended["TV-02"]["passed"], "tests/test_it.py::test_new"]}
    }
    project.run("-m", "not long")
    assert project.results() == {"TV-02": {"passed": ["tests/test_it.py::test_new"], "failed": []}}


@pytest.mark.parametrize("cores", ["0", "2"])
def test_a_run_cut_short_does_not_pass_for_a_full_one(project: Project, cores: str) -> None:
    project.run()
    project.tests.write_text("import nothing_of_the_kind\n")
    code, output = project.run("-n", cores)
    assert code != pytest.ExitCode.OK, output
    assert project.results() == WHOLE


def test_a_test_that_is_skipped_now_loses_its_old_result() -> None:
    old = {"TV-01": {"passed": ["a", "b"], "failed": []}}
    assert merge(old, {"a": (frozenset({"TV-01"}), "skipped")}) == {"TV-01": {"passed": ["b"], "failed": []}}


def test_report_counts_rows_with_a_passing_test() -> None:
    listed = (Area("TV", "Checks", (Feature("TV-01", "one"), Feature("TV-02", "two"), Feature("TV-03", "three"))),)
    (area,) = join(
        listed,
        {
            "TV-01": {"passed": ["a"], "failed": ["b"]},
            "TV-02": {"passed": [], "failed": ["c"]},
            "TV-99": {"passed": ["d"], "failed": []},
        },
    )
    assert (area.covered, area.total) == (1, 3)
    assert area.features[0] == Feature("TV-01", "one", ("a",), ("b",))
    assert [feature.covered for feature in area.features] == [True, False, False]


def test_report_without_any_run_is_empty(tmp_path: Path) -> None:
    assert {area.covered for area in report(FEATURES, tmp_path / "none.json")} == {0}


def test_every_listed_id_belongs_to_its_area_and_is_listed_once() -> None:
    areas = read_features(FEATURES)
    ids = [feature.id for area in areas for feature in area.features]
    assert all(feature.id.startswith(f"{area.key}-") for area in areas for feature in area.features)
    assert len(ids) == len(set(ids)) == 605
    assert all(area.features for area in areas)
    assert max(len(feature.label) for area in areas for feature in area.features) <= 60
