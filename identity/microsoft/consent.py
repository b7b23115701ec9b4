"""An administrator's consent: where the browser is sent, and what it comes back with.

What comes back is a hint and no proof: anybody can write such an address. The organisation is proven by asking for a
token and for its name (`MicrosoftDirectory.organisation`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from dialogs.people_source import SourceRefused
from identity.microsoft.addresses import is_guid, read_application
from identity.microsoft.asking import word_of
from identity.microsoft.tokens import ENTRA_URL, GRAPH_HOST

#: Any organisation with accounts for work: which one is decided by who signs in there.
ANY = "organizations"
_STATE = re.compile(r"[A-Za-z0-9_-]{20,200}")
_NUMBER = re.compile(r"\bAADSTS([0-9]{4,9})\b")


@dataclass(frozen=True, slots=True)
class Agreed:
    """An administrator is said to have agreed. `organisation_id`: the one that is said; to be proven."""

    state: str = field(repr=False)
    organisation_id: str


@dataclass(frozen=True, slots=True)
class Declined:
    """Nobody agreed. `code`: the provider's word for it, such as `access_denied`; empty where there is none. `state`:
    empty where none came back."""

    state: str = field(repr=False)
    code: str = ""

    @property
    def by_choice(self) -> bool:
        """Whether somebody pressed Cancel, which is no fault."""
        return self.code in ("access_denied", "consent_required", "AADSTS65004")


def redirect_address(public_url: str, source_id: str) -> str:
    """Where the browser comes back to; to be entered in the app registration letter by letter (CO-04, CO-08)."""
    return f"{public_url.rstrip('/')}/settings/microsoft-365/{quote(source_id, safe='')}/connected"


def consent_address(
    application_id: str,
    redirect: str,
    state: str,
    *,
    base_url: str = ENTRA_URL,
    scope: str = f"https://{GRAPH_HOST}/.default",
) -> str:
    """Where an administrator is asked. `state`: random and for one use; it comes back. Raises `SourceRefused` for an
    application id that is none."""
    query = urlencode(
        {"client_id": read_application(application_id), "scope": scope, "redirect_uri": redirect, "state": state},
        quote_via=quote,
    )
    return f"{base_url.rstrip('/')}/{ANY}/v2.0/adminconsent?{query}"


def read_return(query: Mapping[str, str]) -> Agreed | Declined:
    """What the browser came back with. Raises `SourceRefused` when it is nothing that Entra sends."""
    state = query.get("state", "")
    state = state if _STATE.fullmatch(state) else ""
    organisation = query.get("tenant", "").lower()
    error = word_of(query.get("error"))
    if error:
        number = _NUMBER.search(query.get("error_description", "")[:2000])
        return Declined(state, f"AADSTS{number[1]}" if number and error != "access_denied" else error)
    if not state or query.get("admin_consent", "").lower() != "true" or not is_guid(organisation):
        raise SourceRefused("bad_answer", "no_consent_returned")
    return Agreed(state, organisation)
