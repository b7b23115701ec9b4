"""A demo for each scenario, opened on a copy of one that was filled once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.demo_house import DemoHouse, demo_house


@pytest.fixture(scope="session")
def demo_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the filled demo is kept; the first house makes it."""
    return tmp_path_factory.mktemp("demo-template")


@pytest.fixture
async def demo(demo_template: Path, tmp_path: Path) -> AsyncIterator[DemoHouse]:
    """A running demo."""
    async with demo_house(demo_template, tmp_path / "demo") as opened:
        yield opened


@pytest.fixture
async def quiet_carrier_demo(demo_template: Path, tmp_path: Path) -> AsyncIterator[DemoHouse]:
    """A running demo that answers STOP, START and HELP itself; its carrier leaves them alone."""
    async with demo_house(demo_template, tmp_path / "quiet", carrier_answers=False) as opened:
        await opened.answer_opt_outs_ourselves()
        yield opened
