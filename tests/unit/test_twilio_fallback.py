"""The answer that stands at the carrier while we are down."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.twilio.fallback import fallback_twiml
from dialogs.texts import LANGUAGES, TenantValues, render, segments

HOSTILE = (
    "A & B <IT>",
    '</Message><Redirect>https://evil.example</Redirect><Message>"',
    "]]> <!-- <![CDATA[ &amp; &#0;",
    "{{From}} {{Body}} {{{Body}}}",
    "bell\x07 null\x00 escape\x1b[2J \ud800 \uffff",
)


def message_of(twiml: str) -> str:
    """The one text in it; everything else about the document must be plain."""
    root = ElementTree.fromstring(twiml.encode())  # noqa: S314  it is our own
    assert (root.tag, [child.tag for child in root], root.attrib) == ("Response", ["Message"], {})
    assert not list(root[0])
    return root[0].text or ""


@pytest.mark.feature("SEC-20")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_cannot_change_the_document(name: str) -> None:
    text = render("carrier.down", {}, tenant=TenantValues(name, "+1 212-555-0100"))
    said = message_of(fallback_twiml(text))
    assert said.endswith("call +1 212-555-0100.")
    assert "{{" not in said
    assert "}}" not in said


@given(st.text())
def test_whatever_it_says_it_is_twiml(text: str) -> None:
    assert "{{" not in message_of(fallback_twiml(text))


@pytest.mark.parametrize("locale", LANGUAGES)
def test_it_says_what_to_do(locale: str) -> None:
    text = render(
        "carrier.down", {}, tenant=TenantValues("Northwind Managed Support", "+1 212-555-0100"), locale=locale
    )
    assert "+1 212-555-0100" in text
    if locale == "en":
        assert segments(text).count == 1
        assert "HANG UP" in text
