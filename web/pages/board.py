"""Everything `/codes` shows, read in one go: what waits, what runs, what ended lately, alerts and announced calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

from dialogs.tech_verify import Happened
from dialogs.texts.catalogue import language_for
from storage.alerts import AlertRow
from storage.checks import CheckRow
from storage.log import LogRow
from web.look import _
from web.pages.check_cards import card
from web.pages.tickets_of import Shelf, ticket_text
from web.pages.views import Board, Calling, Card, Choice, Colleague, Notice, Step
from web.problems import not_found
from web.routing import Call
from web.views import is_theirs, reveal

#: Ended checks and unknown senders of the last hours stay on the page.
RECENT = timedelta(hours=12)
SHOWN = 30
MOST_LIVE = 100

#: What an alert asks for besides what its own text says, by its kind.
WHAT_TO_DO = {
    "denied": _("Warn your team: somebody may be posing as one of you."),
    "confirmed_unclaimed": _("Warn your team."),
    "wrong_codes": _("Warn your team: somebody may be posing as one of you."),
}
#: Kinds of log lines that make a grey row: a text that started nothing because nobody is known by the number.
STRANGER = "desk.stranger"
#: And one that could not be answered, because its sender has opted out of texts.
OPTED_OUT = "desk.opted_out"


@dataclass(frozen=True, slots=True)
class _Offer:
    card: Card
    pending: bool


async def board_of(call: Call, shelf: Shelf) -> Board:
    """The whole board for whoever is signed in. The code is in it for their own live claims only."""
    who, services = call.who, call.services
    now = services.clock.now()
    # Read before the rows: what happens meanwhile has a later number, so the stream brings it once more, never not.
    seq = await services.log.newest(who.tenant_id)
    live, ended, alerts, calling, strangers, silent = await asyncio.gather(
        services.checks.page(who.tenant_id, live=True, limit=MOST_LIVE),
        services.checks.page(who.tenant_id, live=False, limit=SHOWN),
        services.alerts.unseen(who.tenant_id),
        announced_of(call),
        services.log.before(who.tenant_id, kind=STRANGER, limit=10),
        services.log.before(who.tenant_id, kind=OPTED_OUT, limit=10),
    )
    lines = [line for line in (*strangers.items, *silent.items) if now - line.at < RECENT]
    named = await services.directory.contacts_with(
        who.tenant_id, [line.contact_id for line in lines if line.contact_id]
    )
    names = {person.id: person.name for person in named}
    recent = [row for row in ended.items if now - (row.ended_at or row.created_at) < RECENT]
    running = [row for row in live.items if row.is_live(now)]
    shown = await asyncio.gather(*(_card(call, shelf, row) for row in running))
    done = await asyncio.gather(*(_card(call, shelf, row) for row in recent))
    return Board(
        live=tuple(offer.card for offer in shown),
        today=tuple(offer.card for offer in done),
        strangers=tuple(
            stranger(line, names.get(line.contact_id, "")) for line in sorted(lines, key=lambda at: at.at, reverse=True)
        ),
        warnings=tuple(notice(alert) for alert in alerts),
        calling=calling,
        now=now,
        seq=seq,
        pending=any(offer.pending for offer in (*shown, *done)),
        here=await _others_here(call),
    )


async def board_of_one(call: Call, shelf: Shelf, check_id: str) -> Board:
    """One check alone with its story, live or not, for the page that alert texts lead to."""
    who, services = call.who, call.services
    seq = await services.log.newest(who.tenant_id)
    row = await services.checks.get(who.tenant_id, check_id)
    if row is None:
        raise not_found()
    offer = await _card(call, shelf, row, alone=True)
    story = tuple(step(place, happened) for place, happened in enumerate(row.trail))
    return Board((offer.card,), (), (), (), (), services.clock.now(), seq, offer.pending, story)


async def _others_here(call: Call) -> tuple[Colleague, ...]:
    """Colleagues with a console open now, by name."""
    who, services = call.who, call.services
    others = await services.presence.present(who.tenant_id) - {who.technician_id}
    if not others:
        return ()
    everybody = await services.people.technicians(who.tenant_id)
    return tuple(Colleague(t.id, t.name) for t in everybody if t.id in others and t.disabled_at is None)


async def announced_of(call: Call) -> tuple[Calling, ...]:
    """My own live announced calls, newest first."""
    who, services = call.who, call.services
    rows = await services.announced.live(who.tenant_id, services.clock.now(), technician_id=who.technician_id)
    people = await services.directory.contacts_with(who.tenant_id, [r.contact_id for r in rows]) if rows else ()
    companies = {p.id: p.client_name for p in people}
    words = {"new": _("a new ticket"), "later": _("no ticket yet")}
    return tuple(
        Calling(
            id=r.id,
            name=r.contact_name,
            company=companies.get(r.contact_id, ""),
            ticket=ticket_text(r.ticket_number, "") if r.ticket == "ticket" else words[r.ticket],
            expires_at=r.expires_at,
            contact_id=r.contact_id,
        )
        for r in rows
    )


async def _card(call: Call, shelf: Shelf, row: CheckRow, *, alone: bool = False) -> _Offer:
    """The row's card; with the code if it is this technician's own live claim, and with tickets where one is chosen.

    On the board only a flagged record offers its tickets at once: a list of thirty would ask the ticket system thirty
    times over. The others do so on their own page (`alone`).
    """
    who, services = call.who, call.services
    code = await reveal(call, row.id, insist=True) if is_theirs(row, call) else ""
    made = card(row, who.technician_id, code)
    if made.kind == "ended":
        made = replace(made, can_link=made.can_link and (alone or made.needs_ticket))
    if made.kind == "theirs" or (made.kind == "ended" and not made.can_link):
        return _Offer(made, False)
    people = row.candidates or ((row.contact,) if row.contact else ())
    clients = {person.client_id for person in people}
    client_id = clients.pop() if len(clients) == 1 else ""
    key = (who.tenant_id, client_id, row.contact.id if row.contact else "")
    offered = await shelf.offer(
        services.psa(who.tenant_id), key, services.clock.now(), chosen=row.ticket_id, with_later=made.kind == "waiting"
    )
    whom: tuple[Choice, ...] = ()
    if made.kind == "waiting" and row.contact is None and row.candidates:
        names = tuple(Choice(c.id, f"{c.name}, {c.client}") for c in row.candidates)
        whom = (Choice("", _("Choose one"), chosen=True), *names)
    return _Offer(replace(made, tickets=offered.choices, contacts=whom), offered.pending)


def stranger(line: LogRow, name: str = "") -> Card:
    """A grey row about a text that started nothing. An unknown sender is not named: the number is sealed in the log."""
    asked = line.public.get("said") == "verify"
    if line.kind == OPTED_OUT:
        state = _("{name} opted out of texts (STOP)").replace("{name}", name or _("Somebody who"))
        words = (
            _("They asked for a check and got no answer. Call them.") if asked else _("They wrote and got no answer.")
        )
    else:
        state, words = _("A text from an unknown number"), _("They asked for a check.") if asked else ""
    return Card(
        id=line.id,
        kind="stranger",
        state=state,
        channel=words,
        created_at=line.at,
    )


def step(place: int, happened: Happened) -> Step:
    """One line of a check's story, in the words that its ticket note uses."""
    phrase = language_for("en").phrases.get("phrase.trail_" + happened.what, happened.what)
    return Step(str(place), happened.at, phrase.replace("{who}", happened.who))


def notice(alert: AlertRow) -> Notice:
    """An alert with what to do about it."""
    todo = WHAT_TO_DO.get(alert.kind, "")
    said = alert.text or _("Something needs a look")
    # A sentence may begin with a phrase that stands in for a name.
    said = said[:1].upper() + said[1:]
    return Notice(alert.id, said, todo, alert.at, alert.contact_id, alert.check_id)
