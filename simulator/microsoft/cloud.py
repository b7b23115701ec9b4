"""The simulated Microsoft 365: its state, and what administrators do there. `simulator.microsoft.entra` and
`simulator.microsoft.graph` are its interfaces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from uuid import NAMESPACE_DNS, uuid5

from aiohttp import web

from dialogs.ports import Clock, Randomness
from simulator.microsoft.records import USER_FIELDS, Application, Fault, Organisation, Place, Token

TOKEN_LASTS = timedelta(minutes=60)
#: Given out at most, in memory only; the oldest goes first.
KEPT = 5000


class MicrosoftCloud:
    """Applications, organisations and what was given out. `page_size`: people in a page. `sparse`: whether a round of
    changes says only what has changed, which the real one may. `requests`: what was asked, by kind, for tests."""

    def __init__(self, *, clock: Clock, randomness: Randomness, page_size: int = 100, sparse: bool = True) -> None:
        self.clock = clock
        self.randomness = randomness
        self.page_size = page_size
        self.sparse = sparse
        self.applications: dict[str, Application] = {}
        self.organisations: dict[str, Organisation] = {}
        self.tokens: dict[str, Token] = {}
        self.places: dict[str, Place] = {}
        self.faults: deque[Fault] = deque()
        self.requests: deque[str] = deque(maxlen=KEPT)
        #: Called after everything that an administrator did.
        self.on_change: Callable[[], None] = lambda: None

    def register(self, application: Application) -> Application:
        """A new app registration."""
        self.applications[application.id] = application
        return application

    def found(self, name: str, domains: Iterable[str], id: str = "") -> Organisation:
        """A new organisation; the first domain is its usual one."""
        listed = tuple(domains)
        made = Organisation(id or _id(listed[0]), name, listed)
        self.organisations[made.id] = made
        return made

    def organisation(self, id_or_domain: str) -> Organisation | None:
        """By directory id or by one of its domains."""
        known = self.organisations.get(id_or_domain)
        return known or next((one for one in self.organisations.values() if id_or_domain in one.domains), None)

    def add_person(self, organisation: Organisation, **said: object) -> str:
        """A new user with these fields; returns the id, the same for the same name to sign in with."""
        id = str(said.pop("id", "")) or _id(str(said.get("userPrincipalName") or len(organisation.changes)))
        organisation.people[id] = {**USER_FIELDS, **said, "id": id}
        self._changed(organisation, id, frozenset(USER_FIELDS))
        return id

    def change_person(self, organisation: Organisation, id: str, **said: object) -> None:
        """Other values for some fields of a user."""
        organisation.people[id].update(said)
        self._changed(organisation, id, frozenset(said))

    def remove_person(self, organisation: Organisation, id: str) -> None:
        """The user is deleted."""
        del organisation.people[id]
        self._changed(organisation, id, None)

    def consent(self, organisation: Organisation, application: Application) -> None:
        """An administrator of the organisation agrees to all that the application asks for."""
        organisation.grants[application.id] = application.permissions
        self.on_change()

    def withdraw_consent(self, organisation: Organisation, application: Application) -> None:
        """An administrator removes the application. Tokens that were given out end with it."""
        organisation.grants.pop(application.id, None)
        for text, token in list(self.tokens.items()):
            if (token.organisation, token.application) == (organisation.id, application.id):
                del self.tokens[text]
        self.on_change()

    def expire_cursors(self, organisation: Organisation) -> None:
        """Every cursor that was given out for it is too old from now on."""
        self.places = {at: place for at, place in self.places.items() if place.organisation != organisation.id}

    def fail_next(self, *faults: Fault) -> None:
        """Answer the next requests with these, each used up by one."""
        self.faults.extend(faults)

    # --- for the interfaces -----------------------------------------------------------------------------------------

    def give_token(self, token: Token) -> str:
        """Write a token down and return its text."""
        text = f"simulated.{self.randomness.token()}"
        self.tokens[text] = token
        _trim(self.tokens)
        return text

    def give_place(self, place: Place) -> str:
        """Write a place in a list down and return its text."""
        text = self.randomness.token()
        self.places[text] = place
        _trim(self.places)
        return text

    def next_fault(self, kind: str) -> Fault | None:
        """The fault that the request of this kind runs into."""
        self.requests.append(kind)
        if self.faults and self.faults[0].at in ("", kind):
            return self.faults.popleft()
        return None

    def _changed(self, organisation: Organisation, id: str, fields: frozenset[str] | None) -> None:
        organisation.changes.append((id, fields))
        self.on_change()


def answer_fault(request: web.Request, fault: Fault, body: dict[str, object]) -> web.Response:
    """What a fault answers with; `body` is the error in the shape of whoever answers."""
    if fault.drop and request.transport is not None:
        request.transport.abort()
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    headers.update(fault.headers)
    if fault.body is not None:
        return web.Response(status=fault.status, body=fault.body, headers=headers, content_type="application/json")
    return web.json_response(body, status=fault.status, headers=headers)


def _id(name: str) -> str:
    """The same id for the same name, so that a restarted demo knows its people again."""
    return str(uuid5(NAMESPACE_DNS, f"{name}.simulator.test"))


def _trim(kept: dict[str, Token] | dict[str, Place]) -> None:
    while len(kept) > KEPT:
        del kept[next(iter(kept))]
