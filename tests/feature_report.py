"""Ties tests to the feature list: `@pytest.mark.feature("TV-01", "SEC-02")` says what a test proves.

An unknown id stops the run. At the end `.build/features.json` says which tests passed and failed for each id; a full
run writes it anew, any other run replaces only what it says about the tests that ran.
"""

import json
from collections.abc import Generator, Iterable
from pathlib import Path

import pytest

from bot.features import Results, read_features, read_results

PROPERTY = "feature"


class FeatureReport:
    """A pytest plugin; with xdist the workers mark their reports and the controller adds them up."""

    def __init__(self, features: Path, results: Path) -> None:
        self._known = frozenset(feature.id for area in read_features(features) for feature in area.features)
        self._results = results
        self._ran: dict[str, tuple[frozenset[str], str]] = {}
        self._all_collected = True

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Check every id, and note the ids on the item, which is how they reach the report.

        Done here and not when all is collected: an error raised there would come out of xdist as an internal one.
        """
        report = yield
        wrong: list[str] = []
        for item in report.result or ():
            if not isinstance(item, pytest.Item):
                continue
            ids = [str(id_) for mark in item.iter_markers("feature") for id_ in mark.args]
            wrong += [f"{item.nodeid}: no feature {id_!r} in the list" for id_ in ids if id_ not in self._known]
            item.user_properties += [(PROPERTY, id_) for id_ in sorted(set(ids))]
        if wrong:
            report.outcome, report.result, report.longrepr = "failed", [], "\n".join(wrong)
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read makes the run a partial one; xdist's exit code would not tell."""
        self._all_collected = self._all_collected and not report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test passes by its call; a failure in any phase counts against it, a skip for neither side."""
        ids = frozenset(str(value) for name, value in report.user_properties if name == PROPERTY)
        _, before = self._ran.get(report.nodeid, (ids, "skipped"))
        if report.failed or before == "failed":
            self._ran[report.nodeid] = (ids, "failed")
        elif report.passed and report.when == "call":
            self._ran[report.nodeid] = (ids, "passed")
        else:
            self._ran[report.nodeid] = (ids, before)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the outcome, once: workers leave it to the controller."""
        if hasattr(session.config, "workerinput") or session.config.option.collectonly:
            return
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not session.shouldfail
        old = {} if ended and self._all_collected and is_full(session.config) else read_results(self._results)
        self._results.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._results.with_suffix(".new")
        fresh.write_text(json.dumps(merge(old, self._ran), indent=1) + "\n", "utf-8")
        fresh.replace(self._results)


def is_full(config: pytest.Config) -> bool:
    """Whether nothing was picked by hand: no paths, no words, no marks but the usual "not long"."""
    option = config.option
    picked = (
        option.keyword or option.markexpr not in ("", "not long") or getattr(option, "lf", False) or option.deselect
    )
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not picked


def merge(old: Results, ran: dict[str, tuple[frozenset[str], str]]) -> Results:
    """The old results without the tests that ran now, and with what they did."""
    found = [
        (id_, outcome, test)
        for id_, outcomes in old.items()
        for outcome, tests in outcomes.items()
        for test in tests
        if test not in ran
    ]
    found += [(id_, outcome, test) for test, (ids, outcome) in ran.items() for id_ in ids if outcome != "skipped"]
    return tabulate(found)


def tabulate(found: Iterable[tuple[str, str, str]]) -> Results:
    """Sorted by id and test, so that two runs of the same tests write the same file."""
    results: Results = {}
    for id_, outcome, test in sorted(found):
        results.setdefault(id_, {"passed": [], "failed": []})[outcome].append(test)
    return results
