"""What every test run has: the feature report, settings for properties, and a reason where no browser can be had."""

import gc
import shutil
from pathlib import Path

import pytest
from aiohttp import web_app
from hypothesis import settings

from tests.feature_report import FeatureReport
from tests.fresh import FreshAfterFailure
from tests.unsteady import Unsteady

# Repeatable and without a clock by default: two busy cores make any deadline a coin toss. --long draws anew each time.
settings.register_profile("usual", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("usual")

#: Fixtures that every room's tests may ask for.
pytest_plugins = ("tests.fixtures.postgres", "tests.fixtures.kept", "tests.fixtures.replicas")

#: The names a Chromium goes by; dev.py looks for the same.
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium() -> str | None:
    """The first Chromium on the path."""
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)


def pytest_configure(config: pytest.Config) -> None:
    """The report reads the list beside this file and writes where git does not look; second tries are told of and find
    nothing of the first."""
    features = Path(__file__).with_name("features.toml")
    config.pluginmanager.register(FeatureReport(features, config.rootpath / ".build" / "features.json"))
    config.pluginmanager.register(Unsteady())
    config.pluginmanager.register(FreshAfterFailure())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in a browser are skipped, and say so, where there is none."""
    if find_chromium() is None:
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="no Chromium on the path: install chromium to run this"))


def pytest_collection_finish() -> None:
    """All that was loaded by now is there until the end: the garbage collector, which would take a third of the run
    for it, need not look at it again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish() -> None:
    """aiohttp remembers the handlers of the last thousand routes, and with them every application of the tests before,
    which would make the heap ten times larger."""
    web_app._cached_build_middleware.cache_clear()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path, for Playwright's `executable_path`."""
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium on the path: install chromium to run this")
    return found
