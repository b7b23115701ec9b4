"""The thirty-second check when the call was announced: no tap, one text, one code, one note."""

from __future__ import annotations

import re
import time

import pytest

from tests.fixtures.demo_house import TV, DemoHouse

CODE = re.compile(r"Code: ([0-9]{6})\.")


def code_in(text: str) -> str:
    """The code a text carries."""
    found = CODE.search(text)
    assert found is not None, "no code in this text"
    return found[1]


@pytest.mark.feature("TV-01", "TV-02", "TV-03", "TV-06", "TV-07", "TV-10", "TV-12", "TV-13", "TV-25", "TV-33", "Y-06")
async def test_an_announced_call_needs_no_tap(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    number = await demo.number_of(ada.open_ticket)
    assert (await demo.announce(ada)).status == 201
    began = time.monotonic()
    assert await demo.text(ada, "#verify") == 200
    (text,) = demo.texts_to(ada)
    assert time.monotonic() - began < 3
    print(time.monotonic() - began)
