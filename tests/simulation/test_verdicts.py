"""Verdicts of the simulation that chance seldom gets to: what they say of one moment, written out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dialogs import user_verify as uv
from dialogs.tech_verify import Claim, Confirmed, Direction, Expired, Known, Logged, State, Story
from tests.simulation.ending_users import waited_in_vain
from tests.simulation.verdicts import Seen
from tests.simulation.verdicts_users import interlocked
from tests.unit.verification_walks.world import ASKS, DANA, NOW, T42

STORY = Story(Known("c-1", "Pat Reyes"), NOW)
STOPPED = Expired(STORY, NOW, None, "opted_out", Logged.NOT_DUE)
CONFIRMED = Confirmed(STORY, NOW, Claim(DANA, Direction.WE_CALLED_USER, T42, NOW), "compare", Logged.WRITTEN)


def broken(*states: State) -> list[str]:
    """What is said of a code that is sent a minute after checks of the same instant, in the order of their births."""
    checks = [Seen("T", state, contact_id="c-1") for state in states]
    return [name for name, _ in interlocked("u-1", ASKS, checks, NOW + timedelta(minutes=1))]


@pytest.mark.feature("SEC-06")
def test_of_two_checks_at_the_same_instant_the_later_born_decides() -> None:
    assert broken(STOPPED, CONFIRMED) == []
    assert broken(CONFIRMED, STOPPED) == ["SEC-06"]


@pytest.mark.feature("SEC-06")
def test_the_newest_check_decides_whenever_it_was_born() -> None:
    newer = replace(CONFIRMED, story=replace(STORY, requested_at=NOW + timedelta(seconds=1)))
    assert broken(newer, STOPPED) == []
    assert broken(CONFIRMED, replace(STOPPED, story=newer.story)) == ["SEC-06"]


@pytest.mark.parametrize(("reason", "in_vain"), [("deadline", True), ("alarm", False), ("superseded", False)])
def test_only_a_deadline_is_waited_for_in_vain(reason: Any, in_vain: bool) -> None:
    """An alarm in their own check of a caller ends it at once, whether or not the text would have arrived."""
    assert waited_in_vain(uv.Expired(ASKS, NOW, reason, Logged.WRITTEN)) is in_vain
