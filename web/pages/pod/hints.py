"""What the address of a pod says: whose pod it is, and hints about the person and the ticket on the screen around it.

The ticket system, or anybody who can show a frame, writes the address. So a hint chooses among what the technician may
see anyway; it proves nothing about them, and an id in it opens nothing (web rule 18).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from aiohttp import web

from web.pods import POD_OF

#: The longest e-mail address; nothing that is asked for is longer.
MOST = 254


@dataclass(frozen=True, slots=True)
class Hints:
    """As they came, cut to a length that could mean something. `q`: what somebody typed to find a person."""

    tenant: str = ""
    contact: str = ""
    ticket: str = ""
    email: str = ""
    phone: str = ""
    q: str = ""

    @property
    def query(self) -> str:
        """As a query string, `?` included; empty hints are left out."""
        said = {name: getattr(self, name) for name in self.__dataclass_fields__ if getattr(self, name)}
        return f"?{urlencode(said)}" if said else ""

    @property
    def here(self) -> str:
        """The address of the pod with these hints."""
        return f"/pod{self.query}"

    def about(self, *, contact: str = "", ticket: str = "") -> Hints:
        """The same pod for this person and ticket, by our own ids."""
        return replace(Hints(tenant=self.tenant), contact=contact, ticket=ticket)


def hints_of(request: web.Request) -> Hints:
    """Out of the address of a page or a form of the pod; what stands in the path goes before the rest."""
    query = request.query
    tenant = request.get(POD_OF)
    return Hints(
        tenant=tenant.slug if tenant is not None else "",
        contact=request.match_info.get("contact_id", "") or query.get("contact", "")[:MOST],
        ticket=query.get("ticket", "")[:MOST],
        email=query.get("email", "")[:MOST],
        phone=query.get("phone", "")[:MOST],
        q=query.get("q", "")[:MOST],
    )
