"""Colours: read, compared and moved until they can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.brand import GROUNDS, on_colour
from web.contrast import NEEDED, as_hex, nearest_readable, ratio, read_colour, worst

COLOURS = st.tuples(*(st.integers(0, 255) for _ in range(3)))


@pytest.mark.parametrize(
    ("typed", "colour"),
    [("#0f4c4f", (15, 76, 79)), ("0F4C4F", (15, 76, 79)), (" #0ff ", (0, 255, 255)), ("#fff", (255, 255, 255))],
)
def test_colours_are_read_as_people_write_them(typed: str, colour: tuple[int, int, int]) -> None:
    assert read_colour(typed) == colour


@pytest.mark.parametrize(
    "typed", ["", "red", "#12345", "#1234567", "#gggggg", "rgb(1,2,3)", "#fff;} body{x:y", "＃ffffff"]
)
def test_nothing_else_is_a_colour(typed: str) -> None:
    assert read_colour(typed) is None


def test_ratios_are_those_of_the_standard() -> None:
    assert ratio((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert ratio((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.01)
    assert ratio((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.01)


@given(COLOURS, st.sampled_from(sorted(GROUNDS)))
def test_the_colour_that_is_offered_can_be_read_and_so_can_a_button_of_it(
    colour: tuple[int, int, int], on: str
) -> None:
    found = nearest_readable(colour, GROUNDS[on])
    assert worst(found, GROUNDS[on]) >= NEEDED
    assert ratio(on_colour(found), found) >= NEEDED
    assert read_colour(as_hex(found)) == found
    if worst(colour, GROUNDS[on]) >= NEEDED:
        assert found == colour
