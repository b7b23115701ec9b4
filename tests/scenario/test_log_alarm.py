"""When the log does not fit its seals, every console says so, once, until somebody has seen it."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from storage.database import Unscoped
from storage.tables import audit_tiles, checkpoints
from tests.fixtures.demo_house import DemoHouse


@pytest.mark.feature("SEC-55")
async def test_a_changed_seal_is_told_in_every_console_and_by_the_metrics(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await demo.text(ada, "#verify")
    await demo.advance(301)

    async def sealed() -> bool:
        return bool(await demo.rows("SELECT size FROM checkpoints"))

    await demo.until(sealed, "a checkpoint")
    assert "log_not_sealed" not in await demo.alerts()
    forged = update(checkpoints).values(root=bytes(32), note=checkpoints.c.note + "forged")
    lost = update(audit_tiles).values(hashes=bytes(32))
    await demo.house.database.write(Unscoped.OPERATOR, lambda conn: (conn.execute(forged), conn.execute(lost)))
    await demo.text(ada, "hello?")
    await demo.advance(301)

    async def told() -> bool:
        return "log_not_sealed" in await demo.alerts()

    await demo.until(told, "the alert")
    await demo.text(ada, "still there?")
    await demo.advance(301)
    assert (await demo.alerts()).count("log_not_sealed") == 1
    page = await demo.ask("GET", "/metrics")
    assert "watchword_log_in_trouble 1.0" in page.text
    lines = await demo.audit("kind=installation.log_not_sealed")
    assert len(lines) == 1
