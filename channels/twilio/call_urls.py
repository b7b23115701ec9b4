"""Where Twilio asks us about a call of ours. The query only says which verification it is about: whose tenant's it is
follows from the account that signed, and the query is part of what is signed."""

from __future__ import annotations

import re
from typing import Literal

VOICE_PATH = "/webhooks/twilio/voice"
CALL_STATUS_PATH = "/webhooks/twilio/voice/status"

#: For Twilio alone and not signed: try three more times when we do not answer, or cannot now.
_AGAIN = "#rc=3&rp=5xx,ct,rt"
_POINTER = re.compile(r"v=([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(&step=key)?")

#: `answered`: somebody or something has picked up. `key`: a key was pressed.
Step = Literal["answered", "key"]


class CallUrls:
    """The addresses that go with a call. `public_url`: where Twilio reaches us, from configuration."""

    def __init__(self, public_url: str) -> None:
        self._base = public_url.rstrip("/")

    def answered(self, verification_id: str) -> str:
        """What to say first is asked here."""
        return f"{self._base}{VOICE_PATH}?v={verification_id}{_AGAIN}"

    def keyed(self, verification_id: str) -> str:
        """Keys that are pressed are told here."""
        return f"{self._base}{VOICE_PATH}?v={verification_id}&step=key{_AGAIN}"

    def status(self, verification_id: str) -> str:
        """What becomes of the call is told here."""
        return f"{self._base}{CALL_STATUS_PATH}?v={verification_id}{_AGAIN}"

    def signed(self, path: str, query: str) -> str:
        """The address that was asked, as it is signed."""
        return f"{self._base}{path}?{query}"


def read_pointer(query: str) -> tuple[str, Step] | None:
    """Which verification, and what happened; None for a query that we never gave anybody."""
    found = _POINTER.fullmatch(query)
    return (found[1], "key" if found[2] else "answered") if found else None
