"""A text that we cannot work through is kept and handed to a person; everybody else goes on (REL-15)."""

from __future__ import annotations

import pytest

from bot.engine import Engine
from bot.wording import Wording
from dialogs.effects import Values
from dialogs.messages import Inbound, Receipt
from dialogs.turns import TenantFacts
from tests.fixtures.stand_ins import SeededRandomness
from tests.fixtures.web_house import OpenWeb


class StumblingWording(Wording):
    """Cannot word the answer to plain texts."""

    def text(self, tenant: TenantFacts, template: str, values: Values, locale: str) -> tuple[str, int]:
        if template == "desk.plain":
            raise ZeroDivisionError("a made-up error of our own")
        return super().text(tenant, template, values, locale)


@pytest.mark.feature("REL-15")
async def test_a_text_that_makes_us_stumble_is_kept_and_a_person_is_told(open_web: OpenWeb) -> None:
    async with open_web() as house:
        engine = Engine(house.engine._store, house.clock, SeededRandomness(7), StumblingWording("http://127.0.0.1"))
        ada, ben, ours = house.world.people[0], house.world.people[1], house.world.number.address
        poison = Inbound("sms", "twilio", "SM" + "1" * 32, ours, ada.mobile, "hello there")

        assert await engine.receive(poison) == Receipt("taken")
        assert await engine.receive(poison) == Receipt("duplicate")
        tenant_id = house.world.tenant_id
        alerts = await house.services.alerts.unseen(tenant_id)
        assert [(a.kind, ada.name in a.text) for a in alerts] == [("put_aside", True)]

        await engine.receive(Inbound("sms", "twilio", "SM" + "2" * 32, ours, ben.mobile, "#verify"))
        rows = await house.services.checks.page(tenant_id)
        assert [type(row.state).__name__ for row in rows.items] == ["Open"], "others go on"
