"""What a directory says against what stands here: a short walk of anything that may happen, looked at from outside."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.people_source import REFUSALS, SourcePerson
from storage.sources.rows import FORGIVEN, OURS, PASSING, remedy_of
from storage.sources.rules import (
    PHONES,
    Proposal,
    Said,
    Slot,
    Told,
    applied,
    dump_said,
    load_said,
    merge,
    placed,
    tell,
)

NUMBERS = ("+12125550101", "+12125550102", "+12125550103")


@dataclass
class Here:
    """One kind of addresses of one contact, with what is known of the directory's; and what is to be true of it."""

    said: Said = field(default_factory=Said)
    values: dict[str, str] = field(default_factory=dict)
    by_hand: set[str] = field(default_factory=set)
    open: Proposal | None = None
    ids: int = 0

    def new_id(self) -> str:
        self.ids += 1
        return f"id{self.ids}"

    def told(self, now: str) -> None:
        slot = self.said.slot("mobile")
        others = {value for id, value in self.values.items() if id != slot.address_id}
        came = merge("mobile", slot, now, self.values, others, self.new_id)
        self.said = load_said(dump_said(self.said.with_slot("mobile", came.slot)))
        if came.verdict != "keep":
            self.open = came.proposal
        assert came.slot.said == now

    def happens(self) -> None:
        """What is proposed comes about, if what it is about is still there."""
        if (wanted := self.open) is None:
            return
        self.open = None
        if self.values.get(wanted.address_id, "") != wanted.before:
            return
        if wanted.after and wanted.after in self.values.values():
            return
        assert wanted.address_id not in self.by_hand, "nobody else's address is touched"
        if wanted.after:
            self.values[wanted.address_id] = wanted.after
        else:
            del self.values[wanted.address_id]
        self.said = applied(self.said, wanted, 1)

    def hand(self, what: str, value: str) -> None:
        ids = sorted(self.values)
        if what == "add" and value not in self.values.values():
            id = self.new_id()
            self.values[id] = value
            self.by_hand.add(id)
        elif ids and what == "remove":
            del self.values[ids[0]]
        elif ids and what == "change" and value not in self.values.values():
            self.values[ids[0]] = value
            self.by_hand.add(ids[0])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("told"), st.sampled_from(("", *NUMBERS))),
        st.tuples(st.just("happens"), st.just("")),
        st.tuples(st.just("refused"), st.just("")),
        st.tuples(st.sampled_from(("add", "change", "remove")), st.sampled_from(NUMBERS)),
    ),
    max_size=12,
)


@pytest.mark.feature("SEC-13", "CO-02")
@given(STEPS)
def test_only_what_is_the_directorys_is_ever_changed_and_it_gets_there(steps: list[tuple[str, str]]) -> None:
    here = Here()
    for step, value in steps:
        match step:
            case "told":
                here.told(value)
            case "happens":
                here.happens()
            case "refused":
                here.open = None
            case _:
                here.hand(step, value)
        slot = here.said.slot("mobile")
        if here.open is not None:
            assert here.open.after == "" or here.open.after == slot.said, "only what is said now is proposed"
    # Told of once more, and let happen: here is what the directory has, unless somebody here had the last word.
    last = next(number for number in NUMBERS if number != here.said.slot("mobile").said)
    here.told(last)
    here.happens()
    slot = here.said.slot("mobile")
    assert slot.is_released or last in here.values.values()


@pytest.mark.feature("SEC-13")
def test_a_word_of_the_directory_that_was_taken_back_proposes_nothing() -> None:
    here = Here()
    here.told(NUMBERS[0])
    here.happens()
    here.told(NUMBERS[1])
    assert here.open == Proposal("changed", "mobile", "id1", NUMBERS[0], NUMBERS[1])
    here.told(NUMBERS[0])
    assert [here.open] == [None]
    here.told("")
    assert here.open == Proposal("removed", "mobile", "id1", NUMBERS[0], "")
    here.hand("add", NUMBERS[2])
    here.told(NUMBERS[2])
    assert here.open == Proposal("removed", "mobile", "id1", NUMBERS[0], ""), "the new one is there by hand"
    here.happens()
    assert here.said.slot("mobile") == Slot(said=NUMBERS[2], at=1)


@pytest.mark.feature("CO-02")
def test_what_somebody_typed_there_becomes_what_can_be_used_here() -> None:
    told = tell(
        SourcePerson(
            "x",
            "=Ann\u202e  Arbor",
            email=" Ann@Example.com ",
            mobile="(212) 555-0101",
            phones=("+1 212 555 0101", "+1 212 555 0102", "212-555-0103", "(212) 555 0102"),
            left_out=("displayName",),
        ),
        "US",
    )
    phones = {"phone": "+12125550102", "phone:2": "+12125550103"}
    assert told.name == "Ann Arbor"
    assert told.addresses == {"email": "ann@example.com", "mobile": "+12125550101", **phones}
    assert told.left_out == 1, "one number twice is one"
    many = tell(SourcePerson("x", "A", phones=tuple(f"+1212555010{n}" for n in range(9))), "US")
    assert list(many.addresses.values()) == [f"+1212555010{n}" for n in range(5)]
    assert (set(many.addresses), many.left_out) == (set(PHONES), 4), "five of them, in the order they stand there"
    nothing = tell(SourcePerson("x", "", email="no mail", mobile="12", phones=("ext. 7",)), "US")
    assert (nothing.name, nothing.addresses, nothing.left_out) == ("", {}, 3)
    assert tell(SourcePerson("x", "", email="a@example.com"), "").name == "a@example.com"
    assert tell(SourcePerson("x", "=", mobile="+12125550101"), "").name == "12125550101"
    assert tell(SourcePerson("x", "A", mobile="212 555 0101"), "").left_out == 1, "which country is unknown"


@pytest.mark.feature("CO-02", "SEC-13")
@pytest.mark.parametrize(
    ("before", "now", "then"),
    [
        ("", "AB", "AB"),
        ("AB", "BA", "AB"),
        ("ABC", "AC", "A-C"),
        ("ABC", "CB", "-BC"),
        ("A", "AB", "AB"),
        ("AB", "CB", "CB"),
        ("A-C", "ADC", "ADC"),
        ("A-C", "DC", "D-C"),
        ("AB", "CAD", "ACD"),
        ("AB", "", "--"),
        ("ABC", "DE", "DE-"),
    ],
)
def test_each_number_stays_where_it_was_and_a_new_one_comes_in_the_place_of_one_that_went(
    before: str, now: str, then: str
) -> None:
    said = Said(slots={place: Slot(said=number.strip("-")) for place, number in zip(PHONES, before, strict=False)})
    told = Told("Ann", "", {"mobile": "M", **dict(zip(PHONES, now, strict=False))})
    found = placed(told, said)
    assert "".join(found.get(place, "-") for place in PHONES).rstrip("-") == then.rstrip("-")
    assert found["mobile"] == "M"


def test_every_problem_has_a_remedy() -> None:
    for problem in (*REFUSALS, *PASSING, *OURS, "http_599"):
        assert remedy_of(problem).endswith(".")
    assert remedy_of("") == ""
    assert FORGIVEN > 1


def test_what_is_kept_of_a_slot_reads_back() -> None:
    said = Said("Ann", "en", {"phone": Slot("+1", "+2", "id", 7, True), "email": Slot()})
    assert load_said(dump_said(said)) == said
    assert set(json.loads(dump_said(said))["slots"]) == {"phone", "email"}
