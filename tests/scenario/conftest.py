"""A demo for each scenario, opened on a copy of one that was filled once; every scenario is told on each database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.fixtures.demo_house import DemoHouse, demo_house
from tests.fixtures.postgres import Cluster
from tests.fixtures.turn_stores import Ground, StoredHouse, postgres_house, sqlite_house
from tests.fixtures.web_house import Filled, OpenWeb, fill, web_house


@pytest.fixture(params=["sqlite", "postgres"])
def cluster(request: pytest.FixtureRequest) -> Cluster | None:
    """Where the demo's database is; None is a file."""
    if request.param == "sqlite":
        return None
    found: Cluster = request.getfixturevalue("postgres")
    return found


@pytest.fixture(scope="session")
def demo_templates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the filled demos are kept; the first house on each database makes one."""
    return tmp_path_factory.mktemp("demo-templates")


@pytest.fixture
def demo_template(demo_templates: Path, cluster: Cluster | None) -> Path:
    template = demo_templates / ("sqlite" if cluster is None else "postgres")
    template.mkdir(exist_ok=True)
    return template


@pytest.fixture
async def demo(demo_template: Path, tmp_path: Path, cluster: Cluster | None) -> AsyncIterator[DemoHouse]:
    """A running demo."""
    async with demo_house(demo_template, tmp_path / "demo", cluster=cluster) as opened:
        yield opened


@pytest.fixture
async def quiet_carrier_demo(demo_template: Path, tmp_path: Path, cluster: Cluster | None) -> AsyncIterator[DemoHouse]:
    """A running demo that answers STOP, START and HELP itself; its carrier leaves them alone."""
    async with demo_house(demo_template, tmp_path / "quiet", carrier_answers=False, cluster=cluster) as opened:
        await opened.answer_opt_outs_ourselves()
        yield opened


@pytest.fixture
async def kept_house(cluster: Cluster | None, template_database: Path, tmp_path: Path) -> AsyncIterator[StoredHouse]:
    """A turn store and its database with two tenants in it, and nothing that runs."""
    opened = sqlite_house if cluster is None else postgres_house
    async with opened(Ground(template_database, tmp_path, cluster)) as house:
        assert isinstance(house, StoredHouse)
        yield house


@pytest.fixture(scope="session")
def filled_webs() -> dict[bool, Filled]:
    """What web houses are copied from, by whether it is a file; the first house on each database makes one."""
    return {}


@pytest.fixture
async def open_web(
    filled_webs: dict[bool, Filled],
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
    cluster: Cluster | None,
) -> OpenWeb:
    """Opens the web application on a copy of a database with two tenants."""
    if (cluster is None) not in filled_webs:
        filled_webs[cluster is None] = await fill(tmp_path_factory.mktemp("filled-web"), cluster)
    return partial(web_house, filled_webs[cluster is None], tmp_path)
