"""What the simulated Microsoft 365 keeps and is told: applications, organisations with their people, and faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

#: What an application needs to be granted for each thing that is asked here.
READ_PEOPLE, READ_ORGANISATION = "User.Read.All", "Organization.Read.All"
PERMISSIONS: Final = frozenset({READ_PEOPLE, READ_ORGANISATION})

#: Fields of a user that may be selected here, and what they are as long as nobody sets them.
USER_FIELDS: Final[Mapping[str, object]] = {
    "id": None,
    "displayName": None,
    "mail": None,
    "userPrincipalName": None,
    "mobilePhone": None,
    "businessPhones": [],
    "accountEnabled": True,
    "userType": "Member",
    "preferredLanguage": None,
    "givenName": None,
    "surname": None,
    "jobTitle": None,
    "department": None,
}


@dataclass(slots=True)
class Application:
    """An app registration. `redirects`: where consent may lead back to; one that ends in `*` allows everything that
    begins so, which the real one does not. `secret_ends`: None for never."""

    id: str
    secret: str = field(repr=False)
    name: str = "Help desk"
    redirects: tuple[str, ...] = ()
    permissions: frozenset[str] = PERMISSIONS
    secret_ends: datetime | None = None
    multi_tenant: bool = True

    def may_lead_to(self, redirect: str) -> bool:
        """Whether the address is one that was registered."""
        return any(redirect.startswith(one[:-1]) if one.endswith("*") else redirect == one for one in self.redirects)


@dataclass(slots=True)
class Organisation:
    """An organisation. `people`: users by id, each a field's name and value; `changes`: what changed of whom, in order,
    None for removed; `grants`: what each application may do, by its id."""

    id: str
    name: str
    domains: tuple[str, ...]
    people: dict[str, dict[str, object]] = field(default_factory=dict)
    changes: list[tuple[str, frozenset[str] | None]] = field(default_factory=list)
    grants: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """What to do with the next request instead of what was asked.

    Answer `status` with the error `code`, or with `body` as it stands; `drop` cuts the connection. `at`: only when it
    is a request of that kind.
    """

    status: int = 503
    code: str = "serviceNotAvailable"
    retry_after: str = ""
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    drop: bool = False
    at: Literal["token", "organization", "users", ""] = ""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token that was given out, and what it allows."""

    organisation: str
    application: str
    roles: frozenset[str]
    until: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list of people stands: `since` and `upto` are counts of changes, `since` None begins with everybody;
    `at` entries of it were given; `select` is what was asked for."""

    organisation: str
    select: tuple[str, ...]
    since: int | None
    upto: int
    at: int = 0
