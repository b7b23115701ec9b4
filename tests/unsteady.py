"""Tests that failed first and passed when tried again: tolerated while they are few, never passed over in silence.

Thousands of tests on two busy processors meet a browser that drops a press or a server that stands still for seconds;
one such moment should not decide a run. A second try that passes is still something to mend, so the run ends with a
list of them and of what was wrong; and from `MOST` on the run fails, because that many are no accident.
"""

from __future__ import annotations

import pytest

#: How many a run may have.
MOST = 5


class Unsteady:
    """A pytest plugin; with xdist the controller hears of every try."""

    def __init__(self) -> None:
        self.failed_first: dict[str, str] = {}
        self._failed: set[str] = set()

    @property
    def found(self) -> dict[str, str]:
        """The last line of what was wrong, by test, for those that passed when tried again."""
        return {test: why for test, why in self.failed_first.items() if test not in self._failed}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """pytest-rerunfailures calls a failure "rerun" where another try follows."""
        if str(report.outcome) == "rerun":
            said = str(getattr(report.longrepr, "reprcrash", None) or report.longrepr or "").strip()
            self.failed_first.setdefault(report.nodeid, said)
        elif report.failed:
            self._failed.add(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Too many fail the run."""
        if exitstatus == pytest.ExitCode.OK and len(self.found) > MOST:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Where it is read: at the end."""
        if twice := {test: why for test, why in self.failed_first.items() if test in self._failed}:
            terminalreporter.section("failed at both tries: what was wrong at the first", yellow=True)
            _tell(terminalreporter, twice)
        if self.found:
            terminalreporter.section("passed only when tried again: to be mended", yellow=True)
            _tell(terminalreporter, self.found)
        if len(self.found) > MOST:
            terminalreporter.write_line(f"{len(self.found)} of them, and more than {MOST} fail a run.", red=True)


def _tell(reporter: pytest.TerminalReporter, tests: dict[str, str]) -> None:
    for test, why in sorted(tests.items()):
        reporter.write_line(f"{test}\n    {why.splitlines()[-1][:300] if why else 'no word'}")
