"""What is left of an ended check, of a caller or of an end user, once its words are gone: who checked whom, when, and
what came of it. No name of the contact, no number, no reason, no step by step."""

from __future__ import annotations

from dataclasses import replace

from dialogs import tech_verify as tv
from dialogs import user_verify as uv
from storage.alerts import ERASED
from storage.codec import dump_state, dump_verification, load_state, load_verification


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


def bare_verification(body: str) -> str:
    """The same for the stored form of a verification: who verified whom, how, when and with what outcome stays."""
    state = load_verification(body, lambda cell: b"")
    if not isinstance(state, uv.Ended):
        return body
    request = state.request
    override = replace(request.override, reason="") if request.override is not None else None
    where = replace(request.destination, shown="")
    bared = replace(request, contact_name=ERASED, destination=where, note="", override=override, signals=None)
    return dump_verification(replace(state, request=bared, trail=()), lambda cell: cell)
