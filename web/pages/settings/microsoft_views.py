"""Sources of contacts at Microsoft 365 and their organisations in the words that pages use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from storage.sources.contact_sources import ContactSource, Organisation, readiness_of, remedy_of
from storage.sources.rows import REMIND, Readiness
from web.look import _

PATH = "/settings/microsoft-365"
#: The most pressing thing about a source -> what it is called, and how it is coloured.
READINESS: Mapping[Readiness, tuple[str, str]] = {
    "not_connected": (_("no organisation yet"), ""),
    "secret_ended": (_("the client secret has ended"), "bad"),
    "secret_ends_soon": (_("the client secret ends soon"), "care"),
    "problem": (_("something is wrong"), "bad"),
    "unmapped": (_("an organisation has no client yet"), "care"),
    "ready": (_("ready"), "good"),
}
#: How far an organisation is -> the same.
STATES: Mapping[str, tuple[str, str]] = {
    "unmapped": (_("no client yet"), "care"),
    "queued": (_("waits for its turn"), ""),
    "syncing": (_("being synced"), ""),
    "synced": (_("synced"), "good"),
    "problem": (_("something is wrong"), "bad"),
}
#: What a round does at the moment.
STEPS: Mapping[str, str] = {
    "": _("Waiting for its turn"),
    "companies": _("Asking which company it is"),
    "people": _("Reading its people"),
}
#: What is known of people there, in the order it is shown: who has become a contact, and who was left out and why.
PEOPLE: Mapping[str, str] = {
    "members": _("Contacts from there"),
    "guests": _("Guests, left out"),
    "disabled": _("Accounts switched off, left out"),
    "no_address": _("Without a number or an e-mail address, left out"),
    "unreadable": _("Not readable, left out"),
    "gone": _("No longer there; their contacts stay"),
    "erased": _("Erased here, and not taken over again"),
}
#: What the last whole round has done.
ROUND: Mapping[str, str] = {
    "added": _("Contacts added"),
    "matched": _("Found among your contacts"),
    "renamed": _("With a new name"),
    "changes": _("Numbers and addresses that differ"),
    "gone": _("Gone from there"),
    "left_out_addresses": _("Numbers and addresses that cannot be used"),
}


@dataclass(frozen=True, slots=True)
class SourceView:
    """A source as pages show it. `ends`: the day its secret ends, empty where nobody said; `ending`: what to say of it,
    empty while that is far off; `over`: it has ended."""

    id: str
    name: str
    application_id: str
    state: str
    tone: str
    organisations: int
    waiting: int
    ends: str
    ending: str
    over: bool

    @property
    def path(self) -> str:
        return f"{PATH}/{self.id}"


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """An organisation as pages show it. `working`: it is read now or will be at once; `mark` changes whenever the page
    should be drawn anew. `read`: people so far, in the round under way. `erased`: people
    there who were erased here. `people` and `round`: what to call a count,
    and the count."""

    id: str
    source_id: str
    source_name: str
    name: str
    directory_id: str
    domains: tuple[str, ...]
    client_id: str
    client: str
    state: str
    tone: str
    working: bool
    mark: str
    doing: str
    read: int
    finished_at: datetime | None
    next_at: datetime | None
    remedy: str
    detail: str
    problem_at: datetime | None
    waiting: int
    erased: int
    people: Sequence[tuple[str, int]]
    round: Sequence[tuple[str, int]]

    @property
    def path(self) -> str:
        return f"{PATH}/{self.source_id}/organisations/{self.id}"


def source_view(source: ContactSource, organisations: Sequence[Organisation], now: datetime) -> SourceView:
    """`organisations` may hold those of other sources."""
    theirs = [one for one in organisations if one.source_id == source.id]
    readiness = readiness_of(source, theirs, now)
    state, tone = READINESS[readiness]
    days = source.secret_days(now)
    return SourceView(
        id=source.id,
        name=source.name,
        application_id=source.application_id,
        state=state,
        tone=tone,
        organisations=len(theirs),
        waiting=sum(one.waiting for one in theirs),
        ends=source.secret_ends_at.date().isoformat() if source.secret_ends_at else "",
        ending=_ending(days),
        over=days is not None and days < 0,
    )


def _ending(days: int | None) -> str:
    if days is None or days >= REMIND.days:
        return ""
    if days < 0:
        return _("the client secret has ended")
    if days < 2:
        return _("the client secret ends within a day") if days == 0 else _("the client secret ends in a day")
    return _("the client secret ends in %s days") % days


def organisation_view(one: Organisation, now: datetime) -> OrganisationView:
    """See `OrganisationView`."""
    state, tone = STATES[one.state]
    # Somebody has asked for it, or its hour is over: the worker comes to it next.
    due = bool(one.client_id) and one.next_at is not None and one.next_at <= now
    working = due or (bool(one.step) and one.state != "problem")
    if one.state == "synced" and working:
        state, tone = STATES["queued"]
    return OrganisationView(
        id=one.id,
        source_id=one.source_id,
        source_name=one.source_name,
        name=one.name,
        directory_id=one.directory_id,
        domains=one.domains,
        client_id=one.client_id,
        client=one.client_name,
        state=state,
        tone=tone,
        working=working,
        mark=f"{one.state} {one.step} {one.problem} {due} {working}",
        # After a pause that Microsoft asked for, the same step goes on.
        doing=STEPS[""] if one.problem and not due else STEPS.get(one.step, STEPS["people"]),
        read=one.read if one.step else 0,
        finished_at=one.finished_at,
        next_at=one.next_at,
        remedy=remedy_of(one.problem),
        detail=one.problem_detail,
        problem_at=one.problem_at,
        waiting=one.waiting,
        erased=one.people.get("erased", 0),
        people=[(words, one.people.get(name, 0)) for name, words in PEOPLE.items() if one.people.get(name, 0)],
        round=[(words, one.last.get(name, 0)) for name, words in ROUND.items() if one.last.get(name, 0)],
    )
