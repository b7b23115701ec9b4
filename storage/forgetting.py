"""What is left of an ended check once its words are gone: who checked whom, when, and what came of it. No name of the
contact, no number, no reason, no step by step."""

from __future__ import annotations

from dataclasses import replace

from dialogs import tech_verify as tv
from storage.alerts import ERASED
from storage.codec import dump_state, load_state


def bare(state: tv.Ended) -> tv.Ended:
    """The same outcome without its story. A technician's name stays: it is about the technician."""
    asker = state.story.asker
    if isinstance(asker, tv.Known):
        asker = replace(asker, name=ERASED)
    story = replace(state.story, asker=asker, trail=())
    match state:
        case tv.Confirmed():
            return replace(state, story=story, note="")
        case tv.Rejected():
            return replace(state, story=story, reason="")
        case _:
            return replace(state, story=story)


def bare_body(body: str) -> str:
    """The stored form of the same. What is live, or bare already, comes back as it is. Raises `BadState`."""
    state = load_state(body, lambda cell: b"")
    if not isinstance(state, tv.Ended):
        return body
    return dump_state(bare(state), lambda cell: cell)
