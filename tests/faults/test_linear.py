"""The checker itself: it finds an order where there is one, and says so where there is none."""

from __future__ import annotations

import pytest

from tests.faults.linear import UNSEEN, Call, explain
from tests.faults.one_check import Act, Check, step

DANA, THEO = 0, 1


def explained(*calls: Call[Act]) -> list[str] | None:
    order = explain(calls, Check(), step)
    return None if order is None else [f"{call.op.what} {call.op.who}" for call in order]


def at(began: float, ended: float, what: str, who: int = -1, answer: object = UNSEEN) -> Call[Act]:
    return Call(began, ended, Act(what, who), answer)  # type: ignore[arg-type]  # one of the words of the model


@pytest.mark.feature("TST-06")
def test_two_claims_at_once_have_one_winner() -> None:
    both = (at(0, 3, "claim", DANA, "already_claimed"), at(1, 2, "claim", THEO, ""))
    assert explained(*both) == ["claim 1", "claim 0"]
    assert explained(at(0, 3, "claim", DANA, ""), at(1, 2, "claim", THEO, "")) is None
    # One after the other the first must have won.
    assert explained(at(0, 1, "claim", DANA, "already_claimed"), at(2, 3, "claim", THEO, "")) is None


@pytest.mark.feature("TST-06")
def test_a_read_may_not_go_back_in_time() -> None:
    claim = at(0, 10, "claim", DANA, "")
    assert explained(claim, at(1, 2, "look", answer=("open", -1)), at(3, 4, "look", answer=("claimed", 0))) is not None
    assert explained(claim, at(1, 2, "look", answer=("claimed", 0)), at(3, 4, "look", answer=("open", -1))) is None


@pytest.mark.feature("TST-06")
def test_a_code_that_counted_twice_is_found() -> None:
    claimed, twice = at(0, 1, "claim", DANA, ""), (at(2, 5, "right"), at(2, 5, "right"))
    once = ("code", "confirmed")
    assert explained(claimed, *twice, at(6, 7, "phone", answer=once)) is not None
    assert explained(claimed, *twice, at(6, 7, "phone", answer=(*once, "confirmed"))) is None


@pytest.mark.feature("TST-06")
def test_a_guess_that_was_not_counted_is_found() -> None:
    claimed, guesses = at(0, 1, "claim", DANA, ""), tuple(at(2, 5, "wrong") for _ in range(5))
    alarm = ("alarm, wrong codes", "code", *(f"wrong, {left} left" for left in (1, 2, 3, 4)))
    assert explained(claimed, *guesses, at(6, 7, "phone", answer=alarm)) is not None
    # Two replicas read the same count and both wrote the next one.
    lost = ("code", "wrong, 2 left", *(f"wrong, {left} left" for left in (2, 3, 4, 4)))
    assert explained(claimed, *guesses, at(6, 7, "phone", answer=tuple(sorted(lost)))) is None
    # The right code after the fifth wrong one.
    late = (*guesses, at(6, 7, "right"), at(8, 9, "look", answer=("confirmed", -1)))
    assert explained(claimed, *late) is None
