"""Nobody said whether it went out: look first, try once more, and never twice blindly (REL-04)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dialogs.turns import CheckAsk, Decision, OutboxItem
from tests.fixtures.turn_parts import act, new_id, text_item
from tests.fixtures.turn_stores import StoredHouse
from tests.simulation.desk import Desk
from tests.simulation.outside import Calm, Mood

LONG = timedelta(minutes=11)


@pytest.fixture
def house(kept_house: StoredHouse) -> StoredHouse:
    return kept_house


class Script(Calm):
    """What each system does with its next requests; afterwards all is well."""

    def __init__(self, **moods: list[Mood]) -> None:
        self._moods = {name.replace("_", "."): list(these) for name, these in moods.items()}

    def mood(self, system: str) -> Mood:
        waiting = self._moods.get(system)
        return waiting.pop(0) if waiting else "well"


async def text_goes(house: StoredHouse, script: Script, rounds: int = 8) -> tuple[str, int, list[str]]:
    """The end of one text: its status, how often the carrier took it, and the alerts."""
    desk = Desk(house, weather=script)
    item = text_item(house.world, "+13475550100", "the text")
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", outbox=(item,)))
    for _ in range(rounds):
        await desk.dispatcher.run_until_idle()
        desk.clock.advance(LONG)
    return (await house.outbox())[0].status, len(desk.texts()), await house.alerts()


@pytest.mark.feature("REL-04")
async def test_a_text_that_was_put_off_before_is_tried_once_more_after_it_was_unclear(house: StoredHouse) -> None:
    script = Script(carrier=["later", "later", "later", "lost"])
    assert await text_goes(house, script) == ("sent", 1, [])


@pytest.mark.feature("REL-04")
async def test_a_text_that_the_carrier_lists_is_not_sent_again(house: StoredHouse) -> None:
    assert await text_goes(house, Script(carrier=["later", "taken"])) == ("sent", 1, [])


@pytest.mark.feature("REL-04")
async def test_that_the_carrier_could_not_be_asked_is_no_unclear_attempt(house: StoredHouse) -> None:
    script = Script(carrier=["lost"], carrier_find=["later", "later", "later"])
    assert await text_goes(house, script) == ("sent", 1, [])


@pytest.mark.feature("REL-04")
async def test_after_two_unclear_attempts_that_left_no_trace_a_person_is_told(house: StoredHouse) -> None:
    status, sent, alerts = await text_goes(house, Script(carrier=["lost", "lost"]))
    assert (status, sent, len(alerts)) == ("dead", 0, 1)


@pytest.mark.feature("REL-04")
@pytest.mark.parametrize("moods", [["taken"], ["taken", "taken", "lost"], ["lost", "later", "taken"]])
async def test_a_ticket_system_that_loses_answers_has_one_ticket_in_the_end(
    house: StoredHouse, moods: list[Mood]
) -> None:
    desk = Desk(house, weather=Script(psa=moods))
    payload = {"contact_id": house.world.people[0].id, "title": "A check", "body": "by text"}
    item = OutboxItem(new_id(), "ticket.create", "psa", payload, desk.clock.now())
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", outbox=(item,)))
    for _ in range(6):
        await desk.dispatcher.run_until_idle()
        desk.clock.advance(LONG)
    assert len(desk.ledger.of_kind("ticket")) == 1
    assert [row.status for row in await house.outbox()] == ["sent"]
