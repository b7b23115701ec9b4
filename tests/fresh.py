"""What a file's tests share is made anew after one of them has failed.

A failure leaves the shared demo, server or browser in a state that nobody foresaw: a form half sent, a phone set to
another behaviour. A second try in there says nothing, and the tests after it may fail for no reason of their own.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from typing import cast

import pytest
from _pytest.fixtures import SubRequest


class FreshAfterFailure:
    """A pytest plugin: takes down what a file's tests share before the next of them, where the last one failed."""

    def __init__(self) -> None:
        self._failed: tuple[pytest.Function, SubRequest] | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Setting up, the test itself or clearing away: whichever fails."""
        report = yield
        if report.failed and isinstance(item, pytest.Function):
            # pytest takes the request off the test as soon as it is over.
            self._failed = item, cast(SubRequest, item._request)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Before pytest sets up. What depends on a fixture ends with it; what the whole run shares stays."""
        if self._failed is None:
            return
        (failed, request), self._failed = self._failed, None
        if failed.getparent(pytest.Module) is not item.getparent(pytest.Module):
            return
        for fixtures in failed._fixtureinfo.name2fixturedefs.values():
            for fixture in fixtures:
                if fixture.scope == "module":
                    # A browser that is gone cannot be closed: that is a part of what failed, and told of there.
                    with suppress(Exception):
                        fixture.finish(request)
