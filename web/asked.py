"""What the navigation says of requests to a second person."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Asked:
    """`waits`: so many requests of others may this technician decide. `shown`: they have a place in the navigation at
    all, because a policy asks for a second person or somebody waits for one."""

    waits: int = 0
    shown: bool = False


NOBODY = Asked()
#: Of requests for pages; read before the page is drawn, and by whatever is drawn in its place.
ASKED: web.RequestKey[Asked] = web.RequestKey("asked_of_a_second_person", Asked)
