"""Which words of a ticket system end a ticket."""

from __future__ import annotations

#: As the systems write them, in small letters. A word that is not here leaves a ticket open.
CLOSING_WORDS = frozenset(
    {"closed", "close", "complete", "completed", "resolved", "resolve", "solved", "done", "cancelled", "canceled"}
)


def is_closing(status: str) -> bool:
    """Whether a ticket of this status is over."""
    words = status.casefold().replace("_", " ").split()
    return any(word.strip("()>-.") in CLOSING_WORDS for word in words)
