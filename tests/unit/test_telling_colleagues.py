"""Who hears that a technician asks for a second person, and when nobody does any more (SEC-12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.drafts import Draft
from bot.duty import Colleagues
from bot.fan_out import event_of, tell_colleagues
from bot.wording import Wording
from dialogs.approvals import State, Waiting
from dialogs.settings import TenantSettings
from dialogs.turns import OutboxItem, StoredApproval, TenantFacts
from tests.fixtures.stand_ins import SeededRandomness
from tests.unit.approval_walks import ENDED, GRANTED, NOW, WAITING
from tests.unit.test_duty import EVERYTHING, ITEM

ASKED = replace(ITEM, payload={**ITEM.payload, "event": "approval", "but": "t1", "only": ""})


def drawn(state: State | None, item: OutboxItem = ASKED, after: timedelta = timedelta()) -> list[OutboxItem]:
    """What the alert becomes; `state` None: the request is gone."""
    tenant = TenantFacts("tenant", "Acme", TenantSettings(), b"k" * 32)
    draft = Draft(tenant, NOW + after, SeededRandomness(), Wording("https://desk.example"))
    tell_colleagues(draft, StoredApproval("x", 1, state, "c", "", NOW) if state else None, item, EVERYTHING)
    return list(draft.decision(None).outbox)


def test_an_alert_says_whom_it_is_for() -> None:
    assert event_of(ASKED) == Colleagues("t1")
    only = replace(ASKED, payload={**ASKED.payload, "only": "supervisors"})
    assert event_of(only) == Colleagues("t1", supervisors_only=True)
    assert event_of(ITEM) == "unclaimed"
    assert event_of(replace(ITEM, payload={"event": "alarm"})) == "alarm"


@pytest.mark.feature("SEC-12")
def test_everybody_is_told_by_their_own_way_until_it_is_too_late() -> None:
    items = drawn(WAITING)
    assert [(i.kind, i.technician_id) for i in items] == [
        ("text", "dana"),
        ("mail", "dana"),
        ("mail", "theo"),
        ("teams_post", ""),
        ("teams_post", ""),
    ]
    assert isinstance(WAITING, Waiting)
    assert {i.drop_at for i in items} == {WAITING.until}
    no_number = replace(ASKED, payload={**ASKED.payload, "from": ""})
    assert [i.kind for i in drawn(WAITING, no_number)] == ["mail", "mail", "teams_post", "teams_post"]


@pytest.mark.feature("SEC-12", "REL-05")
@pytest.mark.parametrize("state", [GRANTED, *ENDED, None])
def test_nobody_is_called_to_what_is_decided(state: State | None) -> None:
    assert drawn(state) == []
    assert drawn(WAITING, after=timedelta(minutes=15)) == []
