"""Integration keys: made, listed and revoked by an admin, never by a key."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field, StringConstraints

from identity.integration_keys import LONGEST_DAYS, is_over
from storage.integration_keys import StoredKey
from web.answers import Moment, Reply, answer, no_content
from web.api.ids import our_id
from web.api.shapes import Listed
from web.bodies import Strict
from web.making_keys import make_key, revoke_key
from web.problems import not_found
from web.routing import Access, Call, Route, Scope, Surface


class NewKeyWith(Strict):
    """What the key is for, what it may do, and for how many days."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
    scopes: Annotated[frozenset[Scope], Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS)] = 90


class Key(Reply):
    """An integration key. `begins` is how it starts. `works` is false once it has run out or was revoked."""

    id: str
    name: str
    begins: str
    scopes: list[Scope]
    works: bool
    created_at: Moment
    expires_at: Moment
    last_used_at: Moment | None
    revoked_at: Moment | None


class NewKey(Reply):
    """A key that was just made. `key` is shown here and nowhere else."""

    id: str
    name: str
    key: str
    scopes: list[Scope]
    created_at: Moment
    expires_at: Moment


async def listed(call: Call) -> web.StreamResponse:
    """Every key there ever was, newest first."""
    now = call.services.clock.now()
    keys = await call.services.integration_keys.all(call.who.tenant_id)
    return answer(Listed[Key](items=[_shown(key, works=not is_over(key, now)) for key in keys]))


async def make(call: Call) -> web.StreamResponse:
    """The key is in this answer and nowhere else. It works at once and until `expires_at`."""
    given: NewKeyWith = call.body
    made = await make_key(call, given.name, given.scopes, given.days)
    return answer(
        NewKey(
            id=made.id,
            name=made.name,
            key=made.key,
            scopes=_scopes(made.scopes),
            created_at=made.created_at,
            expires_at=made.expires_at,
        ),
        201,
    )


async def revoke(call: Call) -> web.StreamResponse:
    """The key works no more, from the next request on."""
    if not await revoke_key(call, our_id(call)):
        raise not_found()
    return no_content()


def _scopes(words: frozenset[str]) -> list[Scope]:
    return [scope for scope in Scope if scope.value in words]


def _shown(key: StoredKey, *, works: bool) -> Key:
    return Key(
        id=key.id,
        name=key.name,
        begins=key.begins,
        scopes=_scopes(key.scopes),
        works=works,
        created_at=key.created_at,
        expires_at=key.expires_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )


_PATH = "/api/v1/integration-keys"
ROUTES = (
    Route("GET", _PATH, listed, Access.ADMIN, Surface.API, "List integration keys", answers={200: Listed[Key]}),
    Route(
        "POST",
        _PATH,
        make,
        Access.ADMIN,
        Surface.API,
        "Make an integration key",
        body=NewKeyWith,
        answers={201: NewKey},
        step_up=True,
        grants=True,
    ),
    Route(
        "DELETE",
        _PATH + "/{id}",
        revoke,
        Access.ADMIN,
        Surface.API,
        "Revoke an integration key",
        answers={204: None},
        step_up=True,
    ),
)
