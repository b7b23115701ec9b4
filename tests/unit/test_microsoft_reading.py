"""What Graph says of somebody becomes a person that can be used, or is left out and named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.microsoft.reading import FIELDS, is_whole, read_person
from storage.contacts_csv import is_email, tidy, wrong_name
from tests.fixtures.microsoft import user

pytestmark = pytest.mark.feature("CO-02")

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.fixed_dictionaries({name: ANYTHING for name in FIELDS if name != "id"}))
def test_nothing_that_is_said_falls_over_or_comes_through_unfit(said: dict[str, object]) -> None:
    person = read_person({**user(), **said})
    assert person.usable or person.kind != "member"
    for text in (person.name, person.email, person.mobile, *person.phones, person.login, person.locale):
        assert text == tidy(text)
        text.encode()
    if person.usable:
        assert wrong_name("name", person.name) is None
    assert not person.email or is_email(person.email)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("+1 (212) 555-0101", "+1 (212) 555-0101"),
        ("  \u202a+1\u00a0212\u00a0555\u00a00101\u202c ", "+1 212 555 0101"),
        ("+49 89 1234 ext. 17", "+49 89 1234 ext. 17"),
        ("tel:+12125550101", ""),
        ("call me", ""),
        ("12", ""),
        ("+1\x00212\x00555", ""),
        ("+1212555\n0101", "+1212555 0101"),
        ("\ud800 212 555 0101", ""),
        ("2" * 51, ""),
        ("", ""),
        (None, ""),
    ],
)
def test_numbers(typed: str | None, read: str) -> None:
    person = read_person(user(mobilePhone=typed, businessPhones=[typed]))
    assert (person.mobile, person.phones) == (read, (read,) if read else ())
    assert ("mobile" in person.left_out) is (bool(typed) and not read)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({}, "member"),
        ({"userType": None}, "member"),
        ({"userType": None, "userPrincipalName": "a_b.example#EXT#@northwind.example"}, "guest"),
        ({"userType": "Guest"}, "guest"),
        ({"userType": "Guest", "accountEnabled": False}, "guest"),
        ({"accountEnabled": False}, "disabled"),
        ({"accountEnabled": None}, "unreadable"),
        ({"accountEnabled": "true"}, "unreadable"),
        ({"userType": "Visitor"}, "unreadable"),
        ({"displayName": None, "userPrincipalName": None}, "unreadable"),
        ({"displayName": "\u202e\u200b", "userPrincipalName": None}, "unreadable"),
    ],
)
def test_who_is_to_be_a_contact(said: dict[str, Any], kind: str) -> None:
    """Only who is known to have an account that works; who cannot be told is left as they are."""
    person = read_person(user(**said))
    assert (person.kind, person.usable) == (kind, kind == "member")


def test_names() -> None:
    assert read_person(user(displayName="  Ada \u200bBishop\u202e\n")).name == "Ada Bishop"
    assert read_person(user(displayName="=cmd|x")).name == "cmd|x"
    assert read_person(user(displayName="A" * 119 + " BC")).name == "A" * 119
    assert read_person(user(displayName=None)).name == "ada"
    assert read_person(user(displayName="A\x00da")).left_out == ("name",)
    assert read_person(user(displayName=None)).left_out == ()


def test_many_numbers_are_cut_and_counted() -> None:
    person = read_person(user(businessPhones=[f"+1 212 555 01{n:02d}" for n in range(500)]))
    assert len(person.phones) == 5
    assert person.left_out == ("phones",)


def test_whole_means_that_everything_was_said() -> None:
    assert is_whole(user(mobilePhone=None))
    assert not is_whole({name: value for name, value in user().items() if name != "mobilePhone"})


def test_who_somebody_is_shows_in_no_log() -> None:
    shown = repr(read_person(user()))
    for secret in ("Ada", "555", "northwind"):
        assert secret not in shown
