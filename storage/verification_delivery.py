"""What became of the message or call by which a verification goes out, in words for the technician who waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from storage.delivery import DROPPED, Delivery, delivery

#: Words of the mail sender for what went wrong, and what to do about each.
OF_MAILS: Mapping[str, str] = {
    "no_mail_server": "No mail server is set up. Tell an admin, and use another way.",
    "bad_address": "This is no address that mail servers take. Correct it on the contact.",
    "sender_refused": "The mail server does not take our sender. Tell an admin. It is tried again by itself.",
    "login_refused": "The mail server does not let us in. Tell an admin. It is tried again by itself.",
    "address_refused": "We do not go to the mail server's address. Tell an admin. It is tried again by itself.",
    "disconnected": "The mail server hung up. It is tried again by itself.",
    "connect": "The mail server cannot be reached. It is tried again by itself.",
    "provider_down": "The mail server fails at the moment. It is tried again every half minute by itself.",
    "lease_lost": "We were held up before it was sent. It is tried again by itself.",
    "unclear": "The mail server did not say whether it took the mail.",
}
#: The same for calls; error codes of the carrier and words of ours.
OF_CALLS: Mapping[str, str] = {
    "21211": "This is not a phone number. Correct it on the contact.",
    "21214": "This number cannot be called. Check it on the contact, or use another way.",
    "21215": "Calls to this country are not allowed. An admin can allow it at the carrier.",
    "21216": "The carrier does not call that number for us. Use another way, and tell an admin.",
    "21219": "The carrier account is a trial and calls only numbers verified with it. Tell an admin.",
    "20003": "The carrier refused us. Tell an admin.",
    "20429": "The carrier asks us to wait. It is tried again by itself.",
    "country_not_allowed": "Calls to this country are switched off. An admin can allow it.",
    "not_callable": "Numbers of this kind are not called. Use another number, or another way.",
    "invalid_number": "This is not a phone number that exists. Correct it on the contact.",
    "no_account": "Our number has no account at the carrier. Tell an admin.",
    "bad_call_id": "The carrier gave no call that we know. Start anew.",
    "call_early": "The carrier takes no words on this call yet. It is tried again by itself.",
    "call_over": "The call ended before the code could be said. Start anew.",
    "no_connection": "The carrier cannot be reached. It is tried again by itself.",
    "no_answer": "The carrier does not answer. It is tried again by itself.",
    "provider_down": "The carrier fails at the moment. It is tried again every half minute by itself.",
    "lease_lost": "We were held up before anybody was called. It is tried again by itself.",
    "unclear": "The carrier did not say whether it took the call.",
}
#: What the carrier reports of a call: how far that is, and what it means.
_CALLS: Mapping[str, tuple[str, str]] = {
    "": ("sent", "Calling."),
    "queued": ("sent", "Calling."),
    "initiated": ("sent", "Calling."),
    "ringing": ("sent", "The phone rings."),
    "in-progress": ("delivered", "Somebody has picked up."),
    "answered": ("delivered", "Somebody has picked up."),
    "completed": ("delivered", "The call is over."),
    "busy": ("failed", "Not reached: the line is busy. Try again, or use another way."),
    "no-answer": ("failed", "Not reached: nobody picked up. Try again, or use another way."),
    "canceled": ("failed", "Not reached: the call was ended before anybody picked up."),
    "failed": ("failed", "Not reached: the call could not be put through. Check the number, or use another way."),
}

_DROPPED: Mapping[str, str] = {**DROPPED, "call_over": OF_CALLS["call_over"]}


def verification_delivery(kind: str, status: str, reported: str, error: str, at: datetime) -> Delivery:
    """From a row of the outbox, of any kind. Its state is `unclear` while nobody knows whether it has gone out."""
    match kind:
        case "text":
            said = delivery(status, reported, error, at)
            return replace(said, state="unclear") if status == "unknown" else said
        case "mail":
            return _told(status, error, at, OF_MAILS, ("sent", "Sent: the mail server has taken it."))
        case "call":
            how = _CALLS.get(reported, ("sent", "Calling."))
            return _told(status, error, at, OF_CALLS, how)
        case _:
            return _told(status, error, at, OF_CALLS, ("delivered", "The code was said on the phone."))


def _told(status: str, error: str, at: datetime, meanings: Mapping[str, str], done: tuple[str, str]) -> Delivery:
    unknown = f"Error {error}." if error else "The reason is not known."
    if error.startswith("http_5"):
        unknown = "The other side is in trouble. It is tried again by itself."
    elif error == "http_429":
        unknown = "The other side asks us to wait. It is tried again by itself."
    why = meanings.get(error, unknown)
    match status:
        case "waiting":
            return Delivery("waiting", error, "On its way." + (f" So far: {why}" if error else ""), at)
        case "unknown":
            return Delivery("unclear", error, f"{why} It is looked up before anything is sent again.", at)
        case "dropped":
            return Delivery("dropped", error, _DROPPED.get(error, "Not sent: it was no longer needed."), at)
        case "dead":
            return Delivery("failed", error, f"Not delivered. {why}", at)
        case _:
            return Delivery(done[0], error, done[1], at)
