"""What becomes of a call, or of its words, when the attempt was cut off or given up."""

from __future__ import annotations

import pytest

from bot.outcomes import Outcomes
from dialogs.turns import Leased, OutboxItem, OutboxKind
from tests.fixtures.twilio.stage import CountingLots, StandingClock

CLOCK = StandingClock()


def leased(kind: OutboxKind) -> Leased:
    item = OutboxItem("0190", kind, "phone:v", {}, CLOCK.now(), check_id="v", contact_id="c", template="euv.send_call")
    return Leased("tenant-a", item, attempt=1, fence=1)


@pytest.mark.feature("REL-04", "EV-14")
@pytest.mark.parametrize("kind", ["call", "call_say"])
def test_an_attempt_that_was_cut_off_may_have_reached_somebody(kind: OutboxKind) -> None:
    """A phone may be ringing, so it is looked up before it is made to ring again."""
    outcomes = Outcomes(CLOCK, CountingLots())
    settled = outcomes.too_long(leased(kind), hung=True)
    assert settled.outcome == "unknown"
    assert settled.tried
    for _ in range(4):
        outcomes.too_long(leased(kind), hung=True)
    assert outcomes.breakers.admit("twilio", "tenant-a", CLOCK.now()) is not None, "calls share the carrier with texts"


@pytest.mark.feature("REL-05", "EV-14")
@pytest.mark.parametrize(("kind", "begins"), [("call", "A call"), ("call_say", "What a call was to say")])
def test_what_is_given_up_is_told_in_words(kind: OutboxKind, begins: str) -> None:
    settled = Outcomes(CLOCK, CountingLots()).give_up(leased(kind), "21214")
    (alert,) = settled.alerts
    assert alert.text.startswith(begins)
    assert (alert.check_id, alert.contact_id) == ("v", "c")
