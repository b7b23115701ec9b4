"""Ids out of paths, and the refusals they earn: what cannot be an id of ours is answered like one nobody has."""

from __future__ import annotations

import re

from web.ports import Acted
from web.problems import not_found, refused
from web.routing import Call

_OURS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_THEIRS = re.compile(r"[!-~]{1,64}")


def our_id(call: Call, name: str = "id") -> str:
    """A UUID from the path. 404 for anything else, the same as for one that is not there (SEC-36)."""
    return checked(call.request.match_info[name])


def checked(id: str) -> str:
    """`id` when it is a UUID as we write it, else 404."""
    if not is_our_id(id):
        raise not_found()
    return id


def is_our_id(id: str) -> bool:
    """Whether it is a UUID as we write it."""
    return _OURS.fullmatch(id) is not None


def is_ticket_id(id: str) -> bool:
    """Whether it could be a ticket's: printable and short, whatever the ticket system uses."""
    return _THEIRS.fullmatch(id) is not None


def ticket_id(call: Call, name: str = "id") -> str:
    """A ticket's id from the path: whatever the ticket system uses, but printable and short."""
    id = call.request.match_info[name]
    if not _THEIRS.fullmatch(id):
        raise not_found()
    return id


def done_or_raise(acted: Acted) -> str:
    """The id of what was acted on; raises the refusal when it was refused."""
    problem = refused(acted)
    if problem is not None:
        raise problem
    return acted.id
