"""What becomes of an address that a directory has otherwise than before: three values decide, what it said last, what
it says now, and what stands here. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Final, Literal, TypeAlias

from dialogs.people_source import SourcePerson
from storage.contacts_csv import LONGEST_NAME, is_email, tidy, wrong_name
from storage.directory import Kind, tidy_email
from storage.phones import BadNumber, to_e164

#: From more changes than this within a day on, an admin decides about all that a round brings.
BULK: Final = 5
#: What a directory may have of a person: an address of a kind each. Of other numbers than the mobile there are several.
Place: TypeAlias = str
PHONES: Final[tuple[Place, ...]] = ("phone", "phone:2", "phone:3", "phone:4", "phone:5")
PLACES: Final[tuple[Place, ...]] = ("mobile", *PHONES, "email")
What = Literal["added", "changed", "removed"]


@dataclass(frozen=True, slots=True)
class Slot:
    """One address of a person. `said`: what the directory said last. `here`: what was put here in its name, at
    the address `address_id`, at `at` (microseconds); empty where nothing was. `is_released`: somebody here has changed
    or taken away what was the directory's, so it has no say in this kind any more."""

    said: str = ""
    here: str = ""
    address_id: str = ""
    at: int = 0
    is_released: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What the directory said of a person last, and what of it is here."""

    name: str = ""
    locale: str = ""
    slots: Mapping[Place, Slot] = field(default_factory=dict)

    def slot(self, place: Place) -> Slot:
        return self.slots.get(place, Slot())

    def with_slot(self, place: Place, slot: Slot) -> Said:
        return replace(self, slots={**self.slots, place: slot})


@dataclass(frozen=True, slots=True)
class Told:
    """A person as the directory has them now, in canonical form, numbers in its own order. `left_out`: how many values
    could not be used."""

    name: str
    locale: str
    addresses: Mapping[Place, str]
    left_out: int = 0


def kind_of(place: Place) -> Kind:
    """What kind of address stands there."""
    match place:
        case "mobile" | "email":
            return place
        case _:
            return "phone"


NOTHING: Final = Told("", "", {})


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change of one address that the directory wants."""

    what: What
    place: Place
    address_id: str
    before: str
    after: str

    @property
    def kind(self) -> Kind:
        return kind_of(self.place)


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of one kind: the slot to keep, whether an older proposal still stands (`keep`), has another in its
    place, or has none (`drop`)."""

    slot: Slot
    proposal: Proposal | None = None
    verdict: Literal["keep", "replace", "drop"] = "keep"


def tell(person: SourcePerson, region: str) -> Told:
    """`region`: where numbers without a country code are read."""
    email = tidy_email(person.email)
    found: dict[Place, str] = {}
    left_out = len(person.left_out)
    if is_email(email):
        found["email"] = email
    elif email:
        left_out += 1
    for is_mobile, typed in ((True, person.mobile), *((False, phone) for phone in person.phones)):
        if not typed.strip():
            continue
        try:
            number = to_e164(typed, region)
        except BadNumber:
            left_out += 1
            continue
        # One number twice is one number, as it is in files.
        free = [place for place in (("mobile",) if is_mobile else PHONES) if place not in found]
        if number in found.values():
            continue
        if free:
            found[free[0]] = number
        else:
            left_out += 1
    # Somebody without a name there is called by what they are reached by.
    names = map(_name, (person.name, found.get("email", ""), person.login, *found.values()))
    return Told(next(filter(None, names), ""), person.locale[:16], found, left_out)


def placed(told: Told, said: Said) -> Mapping[Place, str]:
    """What is told, each number where it was said before, whatever the order is now. A new one comes in the place of
    one that went, which is a change of that, else in a place of its own."""
    new = [told.addresses[place] for place in PHONES if place in told.addresses]
    stays = {place: said.slot(place).said for place in PHONES if said.slot(place).said in new}
    left = [number for number in new if number not in stays.values()]
    free = sorted((place for place in PHONES if place not in stays), key=lambda place: not said.slot(place).said)
    others = {place: value for place, value in told.addresses.items() if place not in PHONES}
    return {**others, **stays, **dict(zip(free, left, strict=False))}


def _name(given: str) -> str:
    name = tidy(given)[:LONGEST_NAME].strip()
    # What spreadsheets would run as a formula does not stand in front.
    name = name.lstrip("=+-@ ")
    return "" if wrong_name("name", name) is not None else name


def merge(
    place: Place, slot: Slot, now: str, theirs: Mapping[str, str], others: Collection[str], new_id: Callable[[], str]
) -> Merged:
    """`theirs`: the contact's addresses of its kind, id to value; `others`: values of this kind that are not the
    directory's. Nothing happens here: a change is proposed, and whether it comes about is decided elsewhere."""
    if now == slot.said:
        return Merged(slot)
    said = replace(slot, said=now)
    if slot.is_released:
        return Merged(said)
    if slot.address_id:
        if theirs.get(slot.address_id) != slot.here:
            return Merged(Slot(said=now, is_released=True), verdict="drop")
        if now == slot.here:
            return Merged(said, verdict="drop")
        if not now or now in others:
            return Merged(said, Proposal("removed", place, slot.address_id, slot.here, ""), "replace")
        return Merged(said, Proposal("changed", place, slot.address_id, slot.here, now), "replace")
    if not now or now in others:
        return Merged(said, verdict="drop")
    return Merged(said, Proposal("added", place, new_id(), "", now), "replace")


def applied(said: Said, proposal: Proposal, at: int) -> Said:
    """What is known once the change has come about."""
    slot = replace(said.slot(proposal.place), at=at)
    if proposal.what == "removed":
        return said.with_slot(proposal.place, replace(slot, here="", address_id=""))
    return said.with_slot(proposal.place, replace(slot, here=proposal.after, address_id=proposal.address_id))


def dump_said(said: Said) -> bytes:
    """As it is sealed."""
    slots = {place: asdict(slot) for place, slot in said.slots.items()}
    return json.dumps({"name": said.name, "locale": said.locale, "slots": slots}).encode()


def load_said(opened: bytes) -> Said:
    """What `dump_said` made."""
    found = json.loads(opened)
    slots = {place: Slot(**found["slots"][place]) for place in PLACES if place in found["slots"]}
    return Said(found["name"], found["locale"], slots)
