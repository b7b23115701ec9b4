"""The places at the top of every page, on screens of every width."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.desk import Desk

pytestmark = pytest.mark.browser

#: From the first width that is no phone's to the last one of a tablet's, in CSS pixels.
TABLETS = (641, 700, 860, 1024)


@pytest.mark.parametrize("width", TABLETS)
def test_on_a_tablet_all_places_stand_in_one_row_with_their_numbers(desk: Desk, width: int) -> None:
    page = desk.signed_in("alex").new_page()
    page.set_viewport_size({"width": width, "height": 600})
    page.goto("/approvals")
    places = page.locator(".top nav a")
    expect(places).to_have_count(7)
    page.locator("[data-asked]").evaluate(
        "e => { e.hidden = false; e.querySelector('[data-number]').textContent = '12' }"
    )
    boxes = [place.bounding_box() for place in places.all()]
    assert len({round(box["y"]) for box in boxes if box}) == 1, boxes
    assert {round(box["height"]) for box in boxes if box} == {44}, "a line of text each, as high as a finger"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
