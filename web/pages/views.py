"""What pages show, as plain values: templates and scripts see these and never a storage row.

A card's fields are exactly what its macro and its `<template>` fill in; `as_json` is the same value for the scripts.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Literal

CardKind = Literal["waiting", "mine", "theirs", "ended", "stranger"]
Tone = Literal["good", "bad", "quiet"]
EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a select. `chosen`: preselected."""

    value: str
    text: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One check as one technician sees it.

    `code` is set only on the viewer's own live claim; `code_shown` is the same in groups, `code_spelled` digit by
    digit. `tone` chooses colour and icon, `state` says the same in words. `delivery` says how the code's text fares,
    `undelivered` that it will not arrive. `check_back`: they have just confirmed the viewer, who may check them now
    (SEC-06). `technician_id` is the claimer. Lists stand in falling `order`.
    """

    id: str
    kind: CardKind
    state: str
    tone: Tone = "quiet"
    name: str = ""
    company: str = ""
    channel: str = ""
    address: str = ""
    contact_id: str = ""
    created_at: datetime = EPOCH
    expires_at: datetime = EPOCH
    code: str = ""
    code_shown: str = ""
    code_spelled: str = ""
    technician: str = ""
    technician_id: str = ""
    direction: str = ""
    order: int = 0
    ticket_id: str = ""
    ticket: str = ""
    tickets: tuple[Choice, ...] = ()
    contacts: tuple[Choice, ...] = ()
    delivery: str = ""
    undelivered: bool = False
    can_resend: bool = False
    needs_ticket: bool = False
    can_link: bool = False
    asks_for_note: bool = False
    outcome: str = ""
    assurance: str = ""
    check_back: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert nobody has acknowledged yet."""

    id: str
    text: str
    what_to_do: str
    at: datetime
    contact_id: str = ""
    check_id: str = ""


@dataclass(frozen=True, slots=True)
class Calling:
    """A live announced call of the viewer's."""

    id: str
    name: str
    company: str
    ticket: str
    expires_at: datetime
    contact_id: str = ""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Another technician with a console open now."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a check's story; `id` is its place in it."""

    id: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Board:
    """All of `/codes`. `seq` is where the event stream stands, `now` the server's time. `pending`: some select
    still waits for the ticket system, so ask again in a second. `story` is set on a single check's own page.
    `here`: who else has a console open. `since`: when `today` begins; `ended` checks are in it altogether, `earlier` is
    the cursor to those that are not shown, empty when all are. `more`: more checks are live than are shown."""

    live: tuple[Card, ...]
    today: tuple[Card, ...]
    strangers: tuple[Card, ...]
    warnings: tuple[Notice, ...]
    calling: tuple[Calling, ...]
    now: datetime
    seq: int = 0
    pending: bool = False
    story: tuple[Step, ...] = ()
    here: tuple[Colleague, ...] = ()
    since: datetime = EPOCH
    ended: int = 0
    earlier: str = ""
    more: bool = False


def as_json(value: object) -> object:
    """A view as JSON: times become milliseconds since 1970, which is what scripts count with."""
    match value:
        case datetime():
            return round(value.timestamp() * 1000)
        case dict():
            return {k: as_json(v) for k, v in value.items()}
        case list() | tuple():
            return [as_json(v) for v in value]
        case Card():
            # Two hundred of them go out at once, and most fields of each are empty: what is left out is empty.
            return {name: as_json(v) for name in _CARD if (v := getattr(value, name)) != _BLANK[name]}
        case _ if is_dataclass(value):
            return {f.name: as_json(getattr(value, f.name)) for f in fields(value)}
        case _:
            return value


_CARD = tuple(f.name for f in fields(Card))
_BLANK = {f.name: () if f.default is MISSING else f.default for f in fields(Card)}
