"""What stands in facts and states, for the watch to look at."""

from __future__ import annotations

import re

from dialogs import user_verify as uv
from dialogs.tech_verify import State
from dialogs.turns import (
    AnnounceFacts,
    CheckFacts,
    Facts,
    InboundFacts,
    StoredCheck,
    StoredVerification,
    VerificationFacts,
)
from storage.codec import dump_state, dump_verification


def still_holds(state: State, code: str) -> bool:
    """Whether the stored form of a state has the code, plain or sealed."""
    sealed: list[bytes] = []

    def seal(digits: bytes) -> bytes:
        sealed.append(digits)
        return b""

    plain = dump_state(state, seal)
    # Not a part of an id or of a time, which may hold any digits.
    return bool(sealed) or re.search(rf"(?<![\w.]){code}(?!\w)", plain) is not None


def contacts_in(facts: Facts) -> list[str]:
    match facts:
        case InboundFacts():
            return [c.id for c in facts.contacts] + [a.contact_id for a in facts.announced]
        case CheckFacts():
            return [c.id for c in (facts.contact, facts.picked) if c is not None]
        case AnnounceFacts():
            return [a.contact_id for a in facts.announced] + ([facts.contact.id] if facts.contact else [])
        case VerificationFacts():
            return [v.contact_id for v in verifications_in(facts)] + ([facts.contact.id] if facts.contact else [])


def checks_in(facts: Facts) -> list[StoredCheck]:
    match facts:
        case InboundFacts():
            return list(facts.checks)
        case CheckFacts():
            return [facts.check] if facts.check is not None else []
        case AnnounceFacts():
            return []
        case VerificationFacts():
            return list(facts.checks)


def verifications_in(facts: Facts) -> list[StoredVerification]:
    match facts:
        case InboundFacts():
            return list(facts.verifications)
        case VerificationFacts():
            return [*facts.live, *([facts.verification] if facts.verification is not None else [])]
        case _:
            return []


def holds_secret(state: uv.State, code: str) -> bool:
    """The same as `still_holds` of a verification: code, spoken number, or a link's token."""
    sealed: list[bytes] = []

    def seal(digits: bytes) -> bytes:
        sealed.append(digits)
        return b""

    plain = dump_verification(state, seal)
    return bool(sealed) or stands_in(code, plain)


def stands_in(secret: str, text: str) -> bool:
    """Whether it stands there by itself, written or as it is spoken; digits within longer numbers are chance."""
    if not secret:
        return False
    if not secret.isdigit():
        return secret in text
    spoken = ", ".join(secret)
    return spoken in text or re.search(rf"(?<![\w.]){secret}(?!\w)", text) is not None
