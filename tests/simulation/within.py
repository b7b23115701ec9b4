"""What stands in facts and states, for the watch to look at."""

from __future__ import annotations

import re

from dialogs.tech_verify import State
from dialogs.turns import CheckFacts, Facts, InboundFacts, StoredCheck
from storage.codec import dump_state


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
        case _:
            return [a.contact_id for a in facts.announced] + ([facts.contact.id] if facts.contact else [])


def checks_in(facts: Facts) -> list[StoredCheck]:
    match facts:
        case InboundFacts():
            return list(facts.checks)
        case CheckFacts():
            return [facts.check] if facts.check is not None else []
        case _:
            return []
