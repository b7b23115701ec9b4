"""Stored verifications and shields as the panel shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from dialogs.user_verify import METHODS, Assurance, Method, Policy
from dialogs.ways import WayNow
from web.look import _
from web.pages.contacts import AddressView
from web.pages.tickets_of import ticket_text
from web.pages.verify_views import PastView, Running, ShieldView, WayView
from web.pages.verify_words import ACTIONS_IN_WORDS, DID, DO, NEXT, NOTE_FOR, of_number, outcome, why
from web.pages.views import EPOCH, Tone

if TYPE_CHECKING:
    from storage.verifications import Shield, VerificationRow

#: How long a result stands where the code box stood.
RESULT_FOR = timedelta(minutes=10)
#: What a live one waits for.
LIVE: Mapping[str, str] = {
    "code": _("Ask them to read you the code"),
    "link": _("Waiting for them to press Validate"),
    "push": _("Waiting for their answer"),
}
#: State -> colour and icon; the words say the same (EV-27).
TONES: Mapping[str, Tone] = {"verified": "good", "failed": "bad", "denied": "bad", "error": "bad"}


def shields_of(addresses: Sequence[AddressView], shields: Sequence[Shield], ticket_id: str) -> tuple[ShieldView, ...]:
    """Each address with its shield, the newest where it has several. A result for another ticket is no result for this
    one (SEC-07). What was verified without an address stands at the end."""
    by_address: dict[str, list[Shield]] = {}
    for shield in shields:
        by_address.setdefault(shield.address_id, []).append(shield)
    shown = [_shield(a, by_address.get(a.id, []), ticket_id) for a in addresses]
    if "" in by_address:
        shown.append(_shield(AddressView("", ""), by_address[""], ticket_id))
    return tuple(shown)


def _shield(address: AddressView, found: Sequence[Shield], ticket_id: str) -> ShieldView:
    plain = ShieldView(address.id, address.kind, address.value, is_green=False, words=_("Not verified"))
    if not found:
        return plain
    counts = [shield for shield in found if not ticket_id or shield.counts_for(ticket_id)]
    if not counts:
        number = ticket_text(found[0].ticket_number, "")
        return replace(plain, words=_("Not verified for this ticket; for %s they are") % number, elsewhere=number)
    # Several may count; whoever reads this wants the one that lasts.
    best = max(counts, key=lambda shield: shield.until)
    about = ticket_text(best.ticket_number, "") if best.ticket_id and not ticket_id else ""
    words = _("Verified") + (" " + _("for %s") % about if about else "") + f": {DID[best.method]}"
    return replace(plain, is_green=True, words=words, until=best.until)


def way_view(way: WayNow, addresses: Mapping[str, AddressView], *, chosen: str = "", weak: bool = False) -> WayView:
    """One method to one address, with the word for what stands in its way. `weak`: refused for high-risk work."""
    address = addresses.get(way.address_id)
    text, notes = DO[way.method], list[str]()
    if address is not None:
        text = _("%(do)s to %(address)s") % {"do": text, "address": address.value}
        if way.method is Method.VOICE_CALL:
            text = _("Call %s and say a code") % address.value
        if address.may_use:
            notes.append(_("not the usual one"))
        if of_number(way.signals):
            notes.append(of_number(way.signals))
    # A swapped SIM says so by itself.
    if weak and not (way.signals is not None and way.signals.sim == "swapped"):
        notes.append(_("not for high-risk work"))
    value = f"{way.method}.{way.address_id}"
    agreed = bool(way.approval) and way.state == "ready"
    if agreed:
        notes.append(_("a second person agreed"))
    if notes:
        text += f" ({'; '.join(notes)})"
    # Whoever agreed has read a note, which goes along.
    reasons = "" if agreed else _(" and ").join(NOTE_FOR.get(word, word) for word in way.note_for)
    return WayView(
        value,
        text,
        why(way.why) if way.state != "ready" else "",
        reasons,
        override=way.override,
        not_before=way.not_before,
        chosen=value == chosen,
    )


def running_of(row: VerificationRow | None, me: str, policy: Policy, now: datetime) -> Running | None:
    """The newest verification where it still matters: live, or ended within the last minutes."""
    if row is None:
        return None
    is_live = row.is_live(now)
    over_at = row.ended_at or row.expires_at
    if not is_live and over_at is not None and now - over_at > RESULT_FOR:
        return None
    # Its time is up, though nobody has written that down yet: seconds at most, but nothing may be typed any more.
    state = row.word if is_live or row.word != "sent" else "expired"
    way, mine = METHODS[row.method].way, row.technician_id == me
    good, lacking = _worth(row, policy) if state == "verified" else ("", "")
    return Running(
        id=row.id,
        state=state,
        title=LIVE[way] if is_live else outcome(state, row.reason),
        tone=TONES.get(state, "quiet"),
        todo=NEXT.get(state, ""),
        method=DID[row.method],
        destination=row.destination,
        technician=row.technician.first_name if row.technician else "",
        mine=mine,
        asks_code=is_live and mine and way == "code",
        can_resend=is_live and mine and way == "code",
        spoken=row.spoken if is_live and mine else "",
        delivery=row.delivery.words if row.delivery is not None else "",
        undelivered=row.delivery is not None and row.delivery.state in ("failed", "dropped"),
        tries_left=row.tries_left,
        expires_at=row.expires_at or EPOCH,
        ended_at=over_at or EPOCH,
        good_for=good,
        not_enough=lacking,
        ticket=ticket_of(row),
        ticket_id=row.ticket_id,
        needs_ticket=state == "verified" and not row.ticket_id and not row.ticket_asked,
        number=of_number(row.signals),
        number_tone="bad" if row.signals is not None and row.signals.sim == "swapped" else "quiet",
    )


def ticket_of(row: VerificationRow) -> str:
    """What it is about, empty for nothing."""
    if row.ticket_id:
        return ticket_text(row.ticket_number, "")
    return _("new ticket") if row.ticket_asked else ""


def _worth(row: VerificationRow, policy: Policy) -> tuple[str, str]:
    """What the result is good for, and what was wanted that it is not enough for."""
    good = policy.good_for(Assurance(row.assurance))
    said = ", ".join(ACTIONS_IN_WORDS[action] for action in good)
    return said, "" if row.action in good else ACTIONS_IN_WORDS[row.action]


def past_view(row: VerificationRow) -> PastView:
    """One line of the history."""
    return PastView(
        row.id,
        row.created_at,
        row.word,
        TONES.get(row.word, "quiet"),
        outcome(row.word, row.reason),
        DID[row.method],
        row.destination,
        row.technician.name if row.technician else "",
        ticket_of(row),
        row.ticket_id,
        row.note,
        row.override.reason if row.override else "",
    )
