"""What other tools are told of (SEC-47): which lines of the log become which public events, and what an event says.

An event holds ids, states and times: never a name, a number, an address, a code or a word that somebody wrote. Who
needs more asks the API for it, with a key of its own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from storage.log import LogRow

#: What a person sends to see that it works; not to be chosen, always on.
TEST = "webhook.test"
MOST_EVENTS_LENGTH = 1000

#: Public event -> what has happened, in the order they are offered.
EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "verification.started": "A contact asked for a check.",
        "verification.claimed": "A technician claimed a check, or took it over.",
        "verification.released": "The technician let the check go; anybody may claim it.",
        "verification.confirmed": "The contact confirmed: the caller is their technician.",
        "verification.denied": "The contact said that the caller is not their technician.",
        "verification.denied_late": "The contact denied after the check was over, perhaps after it was confirmed.",
        "verification.alarm": "A check ended in an alarm: wrong codes, or confirmed with nobody on it.",
        "verification.rejected": "A technician ended the check.",
        "verification.superseded": "A newer request of the same contact took the check's place.",
        "verification.expired": "The check ran out, or was made void.",
        "verification.ticket": "A ticket was linked to the check, or another one.",
        "end_user.asked": "A technician asked a contact to show who they are.",
        "end_user.verified": "The contact showed it; `assurance` says what that is worth.",
        "end_user.not_verified": "It ended without a right answer: wrong, late, taken back, not delivered.",
        "end_user.denied": "The contact said that it is not them: somebody may be posing as them.",
        "end_user.denied_late": "The contact said so after it was over, perhaps after somebody was verified.",
        "approval.asked": "A technician asked for a second person: `approval` says what for.",
        "approval.decided": "A second person agreed or refused; `state` says which.",
        "alert.raised": "An alert stands on the console.",
        "contact.added": "A contact was added by hand.",
        "contact.changed": "A contact's name, company or language changed.",
        "contact.address_changed": "A contact's number or e-mail address was added, changed or removed.",
        "contact.erased": "A contact was erased.",
        "contacts.imported": "A file of contacts was brought in, or taken back.",
        "channel.degraded": "A provider, such as the carrier of texts, fails.",
        "channel.back": "The provider works again.",
    }
)

#: State after a line about a check -> the event, where the state has changed.
_ENDS = {
    "confirmed": "verification.confirmed",
    "denied": "verification.denied",
    "rejected": "verification.rejected",
    "superseded": "verification.superseded",
    "expired": "verification.expired",
    "alarm": "verification.alarm",
}
#: Lines about a check that change no state and are told of all the same.
_OF_CHECKS = {
    "tv.deny_afterwards": "verification.denied_late",
    "tv.take_over": "verification.claimed",
    "tv.link_ticket": "verification.ticket",
    "tv.link_ticket_afterwards": "verification.ticket",
    "tv.keep_new_ticket": "verification.ticket",
    "tv.note_new_ticket": "verification.ticket",
}
#: State after a line about the verification of an end user -> the event, where the state has changed.
_OF_END_USERS = {
    "sent": "end_user.asked",
    "verified": "end_user.verified",
    "denied": "end_user.denied",
    "failed": "end_user.not_verified",
    "expired": "end_user.not_verified",
    "error": "end_user.not_verified",
}
#: All other lines, by their kind.
_OTHERS = {
    "contact.added": "contact.added",
    "contact.changed": "contact.changed",
    "contact.address_added": "contact.address_changed",
    "contact.address_changed": "contact.address_changed",
    "contact.address_removed": "contact.address_changed",
    "operator.contact_erased": "contact.erased",
    "operator.contacts_added": "contacts.imported",
    "import.done": "contacts.imported",
    "import.undone": "contacts.imported",
    "channel.degraded": "channel.degraded",
    "channel.back": "channel.back",
}
#: Alerts that somebody has seen are none any more.
_NO_ALERT = "alert.acknowledged"
#: What the kinds of all lines that may be told of begin with; the rest is never read.
BEGINNINGS = ("tv.", "euv.", "approval.", "alert.", "contact.", "import.", "operator.contact", "channel.")
#: What of a line's public part goes out, beyond the ids; the rest is our own affair.
_TOLD = ("assurance", "method", "approval", "provider", "added", "removed")


@dataclass(frozen=True, slots=True)
class Told:
    """One event for other tools. `body` is the JSON that is sent, byte for byte, at every try."""

    audit_id: str
    event: str
    body: str


def event_of(line: LogRow) -> str:
    """The public event of a line, empty for one that is ours alone."""
    if line.kind.startswith("tv."):
        return _event_of_check(line)
    if line.kind.startswith("euv."):
        return _event_of_end_user(line)
    if line.kind.startswith("approval."):
        return _event_of_approval(line)
    if line.kind.startswith("alert."):
        return "" if line.kind == _NO_ALERT else "alert.raised"
    return _OTHERS.get(line.kind, "")


def _event_of_check(line: LogRow) -> str:
    before, after = line.public.get("before", ""), str(line.public.get("after", ""))
    if line.public.get("refused"):
        return ""
    if line.kind in _OF_CHECKS:
        return _OF_CHECKS[line.kind]
    if before == after:
        return ""
    if before == "blank":
        return "verification.started" if after in ("open", "claimed") else ""
    if after in ("open", "claimed"):
        return "verification.claimed" if after == "claimed" else "verification.released"
    return _ENDS.get(after, "")


def _event_of_end_user(line: LogRow) -> str:
    if line.kind == "euv.disown_afterwards" and not line.public.get("refused"):
        return "end_user.denied_late"
    before, after = line.public.get("before", ""), str(line.public.get("after", ""))
    return "" if before == after else _OF_END_USERS.get(after, "")


def _event_of_approval(line: LogRow) -> str:
    before, after = line.public.get("before", ""), str(line.public.get("after", ""))
    if before == "unasked":
        return "approval.asked" if after == "waiting" else ""
    decided = before == "waiting" and after in ("granted", "refused")
    return "approval.decided" if decided else ""


def told(line: LogRow, event: str, *, claimer: str = "") -> Told:
    """What is sent about a line. `claimer`: the technician on the check at that moment, empty where nobody was."""
    data: dict[str, str | int] = {}
    if line.kind.startswith("approval."):
        data |= {"approval_id": line.check_id, "state": line.public.get("after", "")}
    elif line.check_id:
        whom = "end_user" if line.kind.startswith("euv.") else "technician"
        data |= {"verification_id": line.check_id, "verifies": whom}
        if state := line.public.get("after"):
            data["state"] = state
    if event == "alert.raised":
        data["alert"] = line.kind.removeprefix("alert.")
    ids = {
        "contact_id": line.contact_id,
        "technician_id": claimer or line.technician_id,
        "ticket_id": line.ticket_id,
    }
    data |= {name: id for name, id in ids.items() if id}
    data |= {name: line.public[name] for name in _TOLD if name in line.public}
    return Told(line.id, event, body_of(event, line.at, data))


def told_as_test(audit_id: str, now: datetime) -> Told:
    """What a person sends to see that it works."""
    return Told(audit_id, TEST, body_of(TEST, now, {"message": "This is a test. Nothing has happened."}))


def body_of(event: str, at: datetime, data: Mapping[str, str | int]) -> str:
    """The shape of every event, as Standard Webhooks has it: type, timestamp, data."""
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"type": event, "timestamp": moment, "data": data}, separators=(",", ":"))
