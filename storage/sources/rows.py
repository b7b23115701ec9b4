"""Contact sources and their organisations as pages and the worker see them, and the words for what is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from dialogs.people_source import REMEDIES
from storage.times import maybe_moment, moment

OrganisationState = Literal["unmapped", "queued", "syncing", "synced", "problem"]
Readiness = Literal["not_connected", "secret_ended", "secret_ends_soon", "problem", "unmapped", "ready"]

MICROSOFT_365 = "microsoft_365"
#: From so long before its end on, people are reminded to make a new secret.
REMIND: Final = timedelta(days=30)
#: So many failures in a row of a kind that ends by itself are nothing to look at yet.
FORGIVEN: Final = 3

#: What ends by itself, most times.
PASSING: Final[Mapping[str, str]] = {
    "throttled": "Microsoft asks for a pause. It is tried again by itself.",
    "no_connection": "Microsoft cannot be reached from this server. It is tried again by itself; if it stays so, look "
    "at the server's network.",
    "no_answer": "Microsoft did not answer in time. It is tried again by itself.",
    "http_503": "Microsoft is not available at the moment. It is tried again by itself.",
}
#: What only we find out.
OURS: Final[Mapping[str, str]] = {
    "endless": "There was no end to the list of people, so reading it was stopped. It is tried again from the start.",
    "cannot_open": "The kept secret cannot be opened. Enter the client secret again.",
}
_WORDS: Final[Mapping[str, str]] = dict([*REMEDIES.items(), *PASSING.items(), *OURS.items()])


@dataclass(frozen=True, slots=True)
class ContactSource:
    """An application of a tenant, without its secret. `organisations`: how many are connected."""

    id: str
    kind: str
    name: str
    application_id: str
    secret_set_at: datetime
    secret_ends_at: datetime | None
    made_by: str
    created_at: datetime
    organisations: int = 0

    def secret_days(self, now: datetime) -> int | None:
        """Whole days until the secret ends, negative once it has; None where nobody said when."""
        return None if self.secret_ends_at is None else (self.secret_ends_at - now) // timedelta(days=1)


@dataclass(frozen=True, slots=True)
class NewSource:
    """One to add."""

    id: str
    name: str
    application_id: str
    secret: str = field(repr=False)
    secret_ends_at: datetime | None
    made_by: str


@dataclass(frozen=True, slots=True)
class Organisation:
    """A connected organisation. `client_id`: whose contacts its people are, empty until somebody has said so. `step`
    and `read`: how far the round under way is: companies or people, and so many people; `finished_at`: when the last
    one was through, with what `last` says. `is_asked`: somebody has asked for it to be read now. `people`: how many are
    known there, by what they are. `waiting`: changes that an admin is to decide. `problem`: a word that `remedy_of`
    explains, with the directory's own in `problem_detail`."""

    id: str
    source_id: str
    source_name: str
    directory_id: str
    name: str
    domains: tuple[str, ...]
    client_id: str
    client_name: str
    connected_by: str
    connected_at: datetime
    step: str
    read: int
    begun_at: datetime | None
    finished_at: datetime | None
    next_at: datetime | None
    problem: str
    problem_detail: str
    problem_at: datetime | None
    failures: int
    is_asked: bool = False
    people: Mapping[str, int] = field(default_factory=dict)
    last: Mapping[str, int] = field(default_factory=dict)
    waiting: int = 0

    @property
    def state(self) -> OrganisationState:
        """In one word."""
        if not self.client_id:
            return "unmapped"
        if self.is_asked:
            return "syncing" if self.step and not self.problem else "queued"
        if self.problem and (self.problem not in PASSING or self.failures >= FORGIVEN):
            return "problem"
        if self.step:
            return "syncing"
        return "queued" if self.finished_at is None else "synced"


def remedy_of(problem: str) -> str:
    """What happened and what to do, for people; empty for no problem."""
    # What is new there is of the kind that passes, until somebody gives it words.
    return _WORDS.get(problem, PASSING["http_503"]) if problem else ""


def readiness_of(source: ContactSource, organisations: Sequence[Organisation], now: datetime) -> Readiness:
    """The most pressing thing about a source; `organisations` may hold those of others too."""
    theirs = [organisation for organisation in organisations if organisation.source_id == source.id]
    days = source.secret_days(now)
    if days is not None and days < 0:
        return "secret_ended"
    if not theirs:
        return "not_connected"
    if any(organisation.state == "problem" for organisation in theirs):
        return "problem"
    if days is not None and days <= REMIND.days:
        return "secret_ends_soon"
    return "unmapped" if any(not organisation.client_id for organisation in theirs) else "ready"


def source_of(row: Mapping[Any, Any], organisations: int) -> ContactSource:
    """A row of `contact_sources`."""
    return ContactSource(
        id=row["id"],
        kind=row["kind"],
        name=row["name"],
        application_id=row["application_id"],
        secret_set_at=moment(row["secret_set_at"]),
        secret_ends_at=maybe_moment(row["secret_ends_at"]),
        made_by=row["made_by"],
        created_at=moment(row["created_at"]),
        organisations=organisations,
    )


def organisation_of(row: Mapping[Any, Any], people: Mapping[str, int], waiting: int) -> Organisation:
    """A row of `source_organisations` with `source_name` and `client_name` beside it."""
    return Organisation(
        id=row["id"],
        source_id=row["source_id"],
        source_name=row["source_name"],
        directory_id=row["directory_id"],
        name=row["name"],
        domains=tuple(json.loads(row["domains"])),
        client_id=row["client_id"] or "",
        client_name=row["client_name"] or "",
        connected_by=row["connected_by"],
        connected_at=moment(row["connected_at"]),
        step="people" if row["step"] == "missing" else row["step"],
        read=row["people"],
        begun_at=maybe_moment(row["begun_at"]),
        finished_at=maybe_moment(row["finished_at"]),
        next_at=maybe_moment(row["due_at"]),
        problem=row["problem"],
        problem_detail=row["problem_detail"],
        problem_at=maybe_moment(row["problem_at"]),
        failures=row["failures"],
        is_asked=bool(row["asked_by"]),
        people={**dict.fromkeys(STATES.values(), 0), **{STATES[state]: count for state, count in people.items()}},
        last=dict(json.loads(row["last"])),
        waiting=waiting,
    )


#: `source_people.state`, and how the counts of `Organisation.people` call those in it.
STATES: Final[Mapping[str, str]] = {
    "linked": "members",
    "guest": "guests",
    "disabled": "disabled",
    "unreadable": "unreadable",
    "no_address": "no_address",
    "gone": "gone",
    "erased": "erased",
}
