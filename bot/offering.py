"""Which ways a technician is offered: looked at as a request would be, so that none is offered that the turn refuses.

Pure; it runs inside the turn, on the facts that a request would be decided on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.about_tickets import About
from bot.asking_users import Ready
from bot.destinations import reachable
from dialogs.number_signals import KnownNumbers
from dialogs.turns import VerificationFacts
from dialogs.user_verify import Action
from dialogs.ways import WayNow, ways
from web.ports import Acting


def offered(
    facts: VerificationFacts,
    now: datetime,
    *,
    who: Acting,
    contact_id: str,
    about: About,
    ready: Ready,
    known: KnownNumbers,
    action: Action,
) -> Sequence[WayNow]:
    """Every method of the policy, by address. `facts` must hold the contact, and the sends of every address."""
    found = ways(
        facts,
        now,
        technician_id=who.technician_id,
        ticket_id=about.ticket.id if about.ticket is not None else "",
        other_contact=about.is_of_another(contact_id),
        mail_ready=ready.mail,
        call_ready=ready.calls,
        texts_ready=ready.texts,
        action=action,
        known=known,
    )
    stopped = about.refused or _of_other_client(about, facts)
    return [_seen(reachable(way, facts), facts, stopped) for way in found]


def _of_other_client(about: About, facts: VerificationFacts) -> str:
    client = facts.contact.client_id if facts.contact is not None else ""
    return "ticket_of_other_client" if about.client_id not in ("", client) else ""


def _seen(way: WayNow, facts: VerificationFacts, stopped: str) -> WayNow:
    """`stopped`: why nothing goes out about this ticket, whatever the way."""
    if stopped and way.state != "not_set_up":
        return replace(way, state="not_possible", why=stopped, not_before=None, override=False)
    if way.override and reachable(replace(way, state="ready", why=""), facts).why:
        return replace(way, override=False)
    return way
