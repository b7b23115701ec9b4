"""What became of a text, in words for the person who waits for it (Y-06)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

#: The carrier's error codes that people meet, and what to do about each.
MEANINGS: Mapping[str, str] = {
    "21211": "This is not a phone number. Correct it on the contact.",
    "21408": "Texts to this country are not allowed. An admin can allow it at the carrier.",
    "21610": "This person has texted STOP. Ask them to text START, or use another way.",
    "21614": "This number cannot receive texts. Use another number.",
    "21635": "This is a landline and cannot receive texts. Use another number.",
    "30002": "The carrier account is suspended. Tell an admin.",
    "30003": "The phone is off or out of reach. Ask the person to check their signal.",
    "30004": "The network blocks texts from us to this phone. Use another way.",
    "30005": "This number does not exist any more. Correct it on the contact.",
    "30006": "This is a landline, or its network takes no texts. Use another number.",
    "30007": "The network has filtered the text as unwanted. Use another way, and tell an admin.",
    "30008": "The network gave no reason. Try once more, or use another way.",
    "30034": "The number is not registered for texts to the United States. Tell an admin.",
}

#: Our own words for what stopped a text or holds it up, and what to do about each.
OUR_MEANINGS: Mapping[str, str] = {
    "country_not_allowed": "Texts to this country are switched off. An admin can allow it.",
    "not_textable": "This kind of number is no mobile. Use another number, or another way.",
    "invalid_number": "This is not a phone number that exists. Correct it on the contact.",
    "no_account": "Our number has no account at the carrier. Tell an admin.",
    "provider_down": "The carrier fails at the moment. It is tried again every half minute by itself.",
    "lease_lost": "We were held up before it was sent. It is tried again by itself.",
    "no_connection": "The carrier cannot be reached. It is tried again by itself.",
    "unclear": "The carrier did not say whether it took the text. It is looked up before anything is sent again.",
    "20429": "The carrier asks us to wait. It is tried again by itself.",
}
#: Why a text was not sent any more.
DROPPED: Mapping[str, str] = {
    "expired": "Not sent: its time had run out.",
    "opted_out": "Not sent: this person has texted STOP. Use another way.",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a text has come. `state`: waiting, sent, delivered, failed or dropped. `error` is the carrier's code,
    empty when there is none; `words` is the whole in plain words."""

    state: str
    error: str
    words: str
    at: datetime


def delivery(status: str, reported: str, error: str, at: datetime) -> Delivery:
    """From a row of the outbox: our own status, the carrier's last report, and the error of either."""
    match status, reported:
        case ("waiting" | "unknown", _):
            trouble = f" So far: {_meaning(error)}" if error else ""
            return Delivery("waiting", error, "Waiting to be sent." + trouble, at)
        case ("dropped", _):
            return Delivery("dropped", error, DROPPED.get(error, "Not sent: it was no longer needed."), at)
        case ("dead", _) | (_, "undelivered" | "failed" | "canceled"):
            return Delivery("failed", error, f"Not delivered. {_meaning(error)}", at)
        case (_, "delivered" | "read"):
            return Delivery("delivered", "", "Delivered.", at)
        case _:
            return Delivery("sent", error, "Sent. The network has not yet said that it arrived.", at)


def _meaning(error: str) -> str:
    if error in OUR_MEANINGS:
        return OUR_MEANINGS[error]
    if error.startswith("http_5"):
        return "The carrier is in trouble. It is tried again by itself."
    if error in MEANINGS:
        return f"{MEANINGS[error]} (error {error})"
    return f"Error {error}." if error else "The reason is not known."
