"""Graph as far as it is asked: an organisation, everybody in it and what has changed since, and some people by id."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import urlencode

from aiohttp import web

from simulator.microsoft.cloud import MicrosoftCloud, answer_fault
from simulator.microsoft.records import (
    READ_ORGANISATION,
    READ_PEOPLE,
    USER_FIELDS,
    Organisation,
    Place,
    Token,
)

ORGANISATION_FIELDS = frozenset({"id", "displayName", "verifiedDomains", "countryLetterCode", "tenantType"})
MOST_IN_FILTER = 15
_FILTER = re.compile(r"id in \((.*)\)")
_DELTA = "/v1.0/users/delta"
#: What is answered for the organisation that a token is for.
_Found: TypeAlias = Callable[[Organisation], Mapping[str, object]]


class _Refused(Exception):
    """Answered with this error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class GraphApi:
    """Routes over the cloud; mount them under `prefix`. `base_url`: what links begin with, in front of `/v1.0`; empty
    for what the request was sent to."""

    def __init__(self, cloud: MicrosoftCloud, *, base_url: str = "") -> None:
        self._cloud = cloud
        self._base = base_url.rstrip("/")

    def routes(self) -> list[web.RouteDef]:
        """`GET /v1.0/organization`, `/v1.0/users/delta` and `/v1.0/users`."""
        return [
            web.get("/v1.0/organization", self.organization, allow_head=False),
            web.get(_DELTA, self.delta, allow_head=False),
            web.get("/v1.0/users", self.users, allow_head=False),
        ]

    async def organization(self, request: web.Request) -> web.Response:
        """The organisation that the token is for, in a list."""

        def found(organisation: Organisation) -> Mapping[str, object]:
            select = _selected(request, ORGANISATION_FIELDS, "organization")
            whole: dict[str, object] = {
                "id": organisation.id,
                "displayName": organisation.name,
                "verifiedDomains": [
                    {
                        "name": name,
                        "isDefault": at == 0,
                        "isInitial": name.endswith(".onmicrosoft.com"),
                        "type": "Managed",
                        "capabilities": "Email, OfficeCommunicationsOnline",
                    }
                    for at, name in enumerate(organisation.domains)
                ],
                "countryLetterCode": "US",
                "tenantType": "AAD",
            }
            return {"value": [{name: whole[name] for name in select}]}

        return self._answer(request, "organization", READ_ORGANISATION, found)

    async def delta(self, request: web.Request) -> web.Response:
        """A page of everybody, or of what has changed."""
        return self._answer(request, "users", READ_PEOPLE, lambda organisation: self._page(request, organisation))

    async def users(self, request: web.Request) -> web.Response:
        """The people whose ids are listed: `$filter=id in ('...','...')`, no more than fifteen."""

        def found(organisation: Organisation) -> Mapping[str, object]:
            select = _selected(request, frozenset(USER_FIELDS), "user")
            asked = _FILTER.fullmatch(request.query.get("$filter", ""))
            ids = [part.strip().strip("'") for part in asked[1].split(",")] if asked else []
            if not ids or len(ids) > MOST_IN_FILTER:
                raise _Refused(400, "Request_UnsupportedQuery", "Too many child clauses in the filter, or none.")
            known = [organisation.people[id] for id in ids if id in organisation.people]
            return {"value": [{name: person[name] for name in select} for person in known]}

        return self._answer(request, "users", READ_PEOPLE, found)

    def _page(self, request: web.Request, organisation: Organisation) -> Mapping[str, object]:
        place = self._place(request, organisation)
        if place.since is None:
            # Who was added meanwhile stands at the end, and who was removed is missing: the next round says both.
            listed: list[tuple[str, frozenset[str] | None]] = [
                (id, frozenset(USER_FIELDS)) for id in organisation.people
            ]
        else:
            listed = _summed(organisation.changes[place.since : place.upto])
        some = listed[place.at : place.at + self._cloud.page_size]
        entries = [self._entry(organisation, place, id, changed) for id, changed in some]
        following = place.at + len(some)
        if following < len(listed):
            onward = Place(organisation.id, place.select, place.since, place.upto, following)
            return {"@odata.nextLink": self._link(request, "$skiptoken", onward), "value": entries}
        next_round = Place(organisation.id, place.select, place.upto, place.upto)
        return {"@odata.deltaLink": self._link(request, "$deltatoken", next_round), "value": entries}

    def _place(self, request: web.Request, organisation: Organisation) -> Place:
        query, upto = request.query, len(organisation.changes)
        if "$skiptoken" not in query and "$deltatoken" not in query:
            return Place(organisation.id, _selected(request, frozenset(USER_FIELDS), "user"), None, upto)
        place = self._cloud.places.get(query.get("$skiptoken") or query.get("$deltatoken", ""))
        if place is None or place.organisation != organisation.id:
            raise _Refused(410, "syncStateNotFound", "The sync state cannot be found. Begin anew.")
        if "$deltatoken" in query:
            return Place(organisation.id, place.select, place.since, upto)
        return place

    def _entry(
        self, organisation: Organisation, place: Place, id: str, changed: frozenset[str] | None
    ) -> Mapping[str, object]:
        person = organisation.people.get(id)
        if person is None or changed is None:
            return {"id": id, "@removed": {"reason": "changed"}}
        said = changed if place.since is not None and self._cloud.sparse else frozenset(USER_FIELDS)
        return {name: person[name] for name in place.select if name in said or name == "id"}

    def _link(self, request: web.Request, name: str, place: Place) -> str:
        base = self._base or str(request.url.origin())
        return f"{base}{_DELTA}?{urlencode({name: self._cloud.give_place(place)}, safe='$')}"

    def _answer(self, request: web.Request, kind: str, permission: str, found: _Found) -> web.Response:
        fault = self._cloud.next_fault(kind)
        if fault is not None:
            return answer_fault(request, fault, _error(fault.code, "On request."))
        try:
            token = self._token(request)
            if permission not in token.roles:
                raise _Refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
            return web.json_response(found(self._cloud.organisations[token.organisation]))
        except _Refused as refused:
            return web.json_response(_error(refused.code, refused.message), status=refused.status)

    def _token(self, request: web.Request) -> Token:
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        token = self._cloud.tokens.get(text)
        if scheme != "Bearer" or token is None or token.until <= self._cloud.clock.now():
            raise _Refused(401, "InvalidAuthenticationToken", "Access token is missing, expired or not one of ours.")
        return token


def _selected(request: web.Request, known: frozenset[str], type: str) -> tuple[str, ...]:
    """The fields that are asked for. The real one has a set of its own where none are named; here they must be."""
    asked = tuple(name for name in request.query.get("$select", "").split(",") if name)
    for name in asked:
        if name not in known:
            message = f"Could not find a property named '{name}' on type 'microsoft.graph.{type}'."
            raise _Refused(400, "BadRequest", message)
    return asked or ("id", "displayName")


def _summed(changes: list[tuple[str, frozenset[str] | None]]) -> list[tuple[str, frozenset[str] | None]]:
    """Each person once, with everything that changed of them."""
    summed: dict[str, frozenset[str] | None] = {}
    for id, fields in changes:
        before = summed.pop(id, frozenset())
        summed[id] = None if fields is None else fields | (before or frozenset())
    return list(summed.items())


def _error(code: str, message: str) -> dict[str, object]:
    inner = {"date": "2026-01-01T00:00:00", "request-id": "simulated", "client-request-id": "simulated"}
    return {"error": {"code": code, "message": message, "innerError": inner}}
