"""Translates Twilio's forms into the engine's words, and its error codes into plain ones. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from channels.twilio.signature import replay_digest
from dialogs.messages import DeliveryReport, Inbound

PROVIDER = "twilio"
CHANNEL = "sms"

_OPT_OUT: Mapping[str, Literal["stop", "start", "help"]] = {"STOP": "stop", "START": "start", "HELP": "help"}

#: How far along a message is. Reports come in any order; a state is only ever replaced by one of a higher rank, so the
#: first of several final words stands, and a status we do not know changes nothing. Only `read` may follow `delivered`.
DELIVERY_RANK: Mapping[str, int] = {
    "accepted": 1,
    "scheduled": 2,
    "queued": 3,
    "sending": 4,
    "sent": 5,
    "partially_delivered": 6,
    "canceled": 7,
    "failed": 7,
    "undelivered": 7,
    "delivered": 7,
    "read": 8,
    # Calls have words of their own.
    "initiated": 4,
    "ringing": 5,
    "in-progress": 6,
    "busy": 7,
    "no-answer": 7,
    "completed": 7,
}


def moves_forward(before: str, after: str) -> bool:
    """Whether a report of `after` may replace `before`; a status we do not know ranks lowest."""
    return DELIVERY_RANK.get(after, 0) > DELIVERY_RANK.get(before, 0)


def to_inbound(form: Mapping[str, str], signature: str) -> Inbound:
    """One checked inbound form as an `Inbound`.

    `OptOutType` is only there with Advanced Opt-Out; without it the words of the text decide. NUL goes: no text has
    one, and no text column takes it. Media are not read.
    """
    return Inbound(
        channel=CHANNEL,
        provider=PROVIDER,
        provider_id=form["MessageSid"],
        our_address=form["To"],
        their_address=form["From"],
        text=form.get("Body", "").replace("\0", ""),
        replay_digest=replay_digest(signature),
        opt_out=_OPT_OUT.get(form.get("OptOutType", "").upper(), ""),
    )


def to_delivery_report(form: Mapping[str, str]) -> DeliveryReport:
    """One checked status form as a `DeliveryReport`. Twilio writes code 0 for none."""
    code = form.get("ErrorCode", "").lstrip("0")
    return DeliveryReport(PROVIDER, form["MessageSid"], form["MessageStatus"].lower(), code)


@dataclass(frozen=True, slots=True)
class Reaction:
    """What an error code means for the person at the desk. `permanent`: trying again will not help."""

    meaning: str
    permanent: bool
    opted_out: bool = False


REACTIONS: Mapping[str, Reaction] = {
    "20003": Reaction("Twilio refused our credentials. Ask an admin to check the auth token.", True),
    "20429": Reaction("Too many requests to Twilio. It is tried again by itself.", False),
    "21211": Reaction("This is not a phone number. Correct it on the contact, or use another method.", True),
    "21214": Reaction("This number cannot be called. Check it on the contact, or use another method.", True),
    "21215": Reaction("Twilio may not call this country. An admin can allow it under voice geo permissions.", True),
    "21216": Reaction("Twilio does not let this account call that number. Use another method; tell an admin.", True),
    "21219": Reaction("The Twilio account is a trial and may only call numbers verified with it.", True),
    "21408": Reaction("Twilio may not text this country. An admin can allow it under geo permissions.", True),
    "21608": Reaction("The Twilio account is a trial and may only text numbers verified with it.", True),
    "21610": Reaction("This person has texted STOP. Use another method, or ask them to text START.", True, True),
    "21614": Reaction("This number cannot receive texts. Use another number or method.", True),
    "21635": Reaction("This is a landline and cannot receive texts. Call it, or use another method.", True),
    "30003": Reaction("The phone is off or out of reach. Try once more later, or use another method.", False),
    "30004": Reaction("The number or its carrier blocks our texts. Use another method; an admin should look.", True),
    "30005": Reaction("The carrier does not know this number. Check it, or use another method.", False),
    "30006": Reaction("This is a landline, or its carrier cannot be reached. Call it, or use another method.", True),
    "30007": Reaction("The carrier filtered the text as spam. Use another method; an admin should look.", True),
    "30008": Reaction("The carrier lost the text and does not say why. Try once more.", False),
    "30034": Reaction("Our number is not registered for texts to the US. An admin must register it.", True),
    "80901": Reaction("Twilio kept back an opt-out word. Nothing to do.", True),
}

_UNKNOWN = Reaction("Twilio did not take or deliver it. Try another method.", True)


def reaction(code: str) -> Reaction:
    """The reaction to an error code; for one we do not know, that it failed and that something else is needed."""
    return REACTIONS.get(code, _UNKNOWN)
