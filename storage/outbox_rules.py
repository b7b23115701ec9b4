"""Rules of the outbox that every store keeps in the same way."""

from __future__ import annotations

from datetime import timedelta

#: A report on a message that nobody here has sent is forgotten after this.
EARLY_REPORTS_KEPT = timedelta(hours=24)


#: The name of what is written to technicians about their accounts: it may hold a link that lets somebody in.
ACCOUNT = "account"


#: How the names of templates begin that hold a code or a link of a check or a verification.
CHECK_CODE, VERIFICATION_CODE = "tv.code", "euv.send"


def carries_code(template: str) -> bool:
    """Whether the text may hold a code or a link that lets somebody in, by the template's name: better one too many
    than one too few (SEC-17)."""
    return template.startswith((CHECK_CODE, VERIFICATION_CODE)) or template == ACCOUNT


def tells_of_verification(kind: str, template: str) -> bool:
    """Whether it is what a verification of an end user goes out by: a message with its code or link, or a call."""
    return kind == "call" or template.startswith(VERIFICATION_CODE)


def is_text(kind: str) -> bool:
    """Whether the item goes to an address that can opt out."""
    return kind in ("text", "alert_text")
