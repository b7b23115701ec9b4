"""Everything `/codes` shows, read in one go: what waits, what runs, what ended lately, alerts and announced calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dialogs.tech_verify import Happened
from dialogs.texts.catalogue import language_for
from storage.alerts import AlertRow
from storage.log import LogRow
from web.look import _
from web.pages.rows import rows_for
from web.pages.tickets_of import Shelf, ticket_text
from web.pages.views import Board, Calling, Card, Colleague, Notice, Step, as_json
from web.problems import not_found
from web.routing import Call

#: Ended checks and unknown senders of the last hours stay on the page.
RECENT = timedelta(hours=12)
SHOWN = 30
MOST_LIVE = 200
#: No code lives as long; what is older is no more than a row that nobody has tidied up.
LIVE_AT_MOST = timedelta(days=1)

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
STRANGERS = (STRANGER, OPTED_OUT)


async def board_of(call: Call, shelf: Shelf, *, earlier: str = "") -> Board:
    """The whole board for whoever is signed in. The code is in it for their own live claims only. `earlier`: where
    today's list goes on. Raises `BadCursor`."""
    who, services = call.who, call.services
    now = services.clock.now()
    # Read before the rows: what happens meanwhile has a later number, so the stream brings it once more, never not.
    seq = await services.log.newest(who.tenant_id)
    live, past, beside = await asyncio.gather(
        services.checks.page(who.tenant_id, live=True, since=now - LIVE_AT_MOST, limit=MOST_LIVE),
        today_of(call, shelf, earlier=earlier),
        beside_of(call),
    )
    # Whose time is up is over, even before that has been written down: no code may stand there any more.
    rows, pending = await rows_for(call, shelf, live.items)
    lapsed = () if earlier else tuple(row for row in rows if row.kind == "ended")
    return replace(
        beside,
        live=tuple(sorted((row for row in rows if row.kind != "ended"), key=_order)),
        today=tuple(sorted((*lapsed, *past.today), key=_order)),
        seq=seq,
        pending=pending or past.pending,
        since=past.since,
        ended=past.ended + len(lapsed),
        earlier=past.earlier,
        more=live.next is not None,
    )


async def today_of(call: Call, shelf: Shelf, *, earlier: str = "") -> Board:
    """Today's checks that are over, and nothing else. Raises `BadCursor`."""
    who, services = call.who, call.services
    since = await _today_since(call)
    found, many = await asyncio.gather(
        services.checks.page(who.tenant_id, live=False, since=since, cursor=earlier, limit=SHOWN),
        services.checks.count_ended(who.tenant_id, since),
    )
    rows, pending = await rows_for(call, shelf, found.items)
    return Board(
        live=(),
        today=rows,
        strangers=(),
        warnings=(),
        calling=(),
        now=services.clock.now(),
        pending=pending,
        since=since,
        ended=many,
        earlier=found.next or "",
    )


async def beside_of(call: Call) -> Board:
    """What stands beside the rows, and no rows: alerts, announced calls, senders who started nothing, who is here."""
    who, services = call.who, call.services
    now = services.clock.now()
    seq = await services.log.newest(who.tenant_id)
    alerts, calling, here, logged = await asyncio.gather(
        services.alerts.unseen(who.tenant_id),
        announced_of(call),
        _others_here(call),
        asyncio.gather(*(services.log.before(who.tenant_id, kind=kind, limit=10) for kind in STRANGERS)),
    )
    lines = [line for page in logged for line in page.items if now - line.at < RECENT]
    named = await services.directory.contacts_with(
        who.tenant_id, [line.contact_id for line in lines if line.contact_id]
    )
    names = {person.id: person.name for person in named}
    return Board(
        live=(),
        today=(),
        strangers=tuple(
            stranger(line, names.get(line.contact_id, "")) for line in sorted(lines, key=lambda at: at.at, reverse=True)
        ),
        warnings=tuple(notice(alert) for alert in alerts),
        calling=calling,
        now=now,
        seq=seq,
        here=here,
    )


async def rows_of_some(call: Call, shelf: Shelf, check_ids: Sequence[str]) -> dict[str, object]:
    """Some checks alone, as JSON: `{"rows", "now", "seq", "pending"}`. What is no check of this tenant is left out."""
    who, services = call.who, call.services
    seq = await services.log.newest(who.tenant_id)
    rows, pending = await rows_for(call, shelf, await services.checks.some(who.tenant_id, check_ids))
    return {"rows": as_json(rows), "now": as_json(services.clock.now()), "seq": seq, "pending": pending}


async def board_of_one(call: Call, shelf: Shelf, check_id: str) -> Board:
    """One check alone with its story, live or not, for the page that alert texts lead to."""
    who, services = call.who, call.services
    seq = await services.log.newest(who.tenant_id)
    row = await services.checks.get(who.tenant_id, check_id)
    if row is None:
        raise not_found()
    cards, pending = await rows_for(call, shelf, (row,), alone=True)
    story = tuple(step(place, happened) for place, happened in enumerate(row.trail))
    return Board(cards, (), (), (), (), services.clock.now(), seq, pending, story)


def _order(shown: Card) -> int:
    return -shown.order


async def _today_since(call: Call) -> datetime:
    """Midnight where the tenant is; soon after midnight, still the shift that began before."""
    now = call.services.clock.now()
    tenant = await call.services.tenants.get(call.who.tenant_id)
    there = now.astimezone(ZoneInfo(tenant.settings.timezone) if tenant is not None else UTC)
    return min(there.replace(hour=0, minute=0, second=0, microsecond=0), now - RECENT)


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
