"""Providers that fail, and what to tell people meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Trouble:
    """A provider that fails, in words: what does not work and what to do, and that it works again."""

    down: str
    back: str


#: Provider -> what it means for people when it fails. For alerts and for the banner on pages.
DEGRADED: Mapping[str, Trouble] = {
    "twilio": Trouble(
        "Texts are not going out: the carrier fails or does not answer. Until it does, call people on a number on "
        "record. Texts that wait go out by themselves; codes whose time runs out do not.",
        "Texts go out again. Whoever waited for a code that has run out texts #verify once more.",
    ),
    "psa": Trouble(
        "The ticket system does not answer. Go on with checks, and link tickets later. New tickets and notes wait, and "
        "are written by themselves once it answers.",
        "The ticket system answers again. What has waited is being written; there is nothing to do.",
    ),
    "mail": Trouble(
        "Mail is not going out: the mail server fails, or refuses to let us in. Verify people by text or by phone "
        "until it does. Invitations, links to accounts and alerts by mail wait. An admin can look under Settings, "
        "Mail, and send a test.",
        "Mail goes out again. What has waited is being sent; there is nothing to do.",
    ),
    "teams": Trouble(
        "Posts to Microsoft Teams do not get through: the workflow fails or does not answer. Watch the console "
        "instead. An admin can look under Settings, Teams.",
        "Posts to Microsoft Teams get through again.",
    ),
}


class Degraded(Protocol):
    """A provider that does not work at the moment."""

    @property
    def provider(self) -> str: ...

    @property
    def since(self) -> datetime: ...
