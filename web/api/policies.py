"""Verification policies: the one for everybody, and those of single clients in place of it (VP-01). The names and the
spelling are those of the settings."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from pydantic import Field, create_model

from dialogs.settings import TenantSettings
from storage.policy_settings import POLICY_SETTINGS
from storage.tenant_settings import change
from web.answers import Reply, answer, no_content
from web.api.ids import our_id
from web.api.settings import faults_in, refuse_faults, tenant_of
from web.bodies import Strict
from web.noting import line
from web.policies import as_of, give_own, take_own
from web.problems import not_found
from web.routing import Access, Call, Route, Surface


def _fields(kind: Any, default: Any) -> dict[str, Any]:
    about = {setting.name: f"{setting.about}. Allowed: {setting.allowed}." for setting in POLICY_SETTINGS}
    return {name: (Annotated[kind, Field(max_length=4000, description=said)], default) for name, said in about.items()}


class _Policy(Reply):
    """`own` is false where a client goes by what holds for everybody. `client_id`: null for everybody's."""

    client_id: str | None
    own: bool


#: All of a policy, each field spelled as in docs/reference/settings.md.
VerificationPolicy: type[_Policy] = create_model("VerificationPolicy", __base__=_Policy, **_fields(str, ...))
#: What is to hold; what is not named stays as it is.
PolicyWith: type[Strict] = create_model("PolicyWith", __base__=Strict, **_fields(str, ""))


async def read(call: Call) -> web.StreamResponse:
    """What holds for every client without a policy of its own."""
    return answer(_shown((await tenant_of(call)).settings))


async def put(call: Call) -> web.StreamResponse:
    """Change what holds for everybody, all that is named or nothing. What is not named stays as it is. Clients with a
    policy of their own are not touched."""
    tenant = await tenant_of(call)
    typed = _typed(call, tenant.settings)
    if typed:
        event = line(call, "settings.changed", settings=",".join(sorted(typed)))
        noted = call.services.tenants.noting(tenant.id, event)
        await noted.change_settings(tenant.id, lambda now: change(now, typed))
    return await read(call)


async def read_of_client(call: Call) -> web.StreamResponse:
    """What holds for one client: its own policy, or everybody's."""
    client_id = await _client(call)
    return answer(_shown((await tenant_of(call)).settings, client_id))


async def put_of_client(call: Call) -> web.StreamResponse:
    """From now on this client has its own policy, whatever changes for everybody. What is not named stays as it holds
    for the client now."""
    client_id = await _client(call)
    tenant = await tenant_of(call)
    await give_own(call, client_id, _typed(call, as_of(tenant.settings, client_id)))
    return await read_of_client(call)


async def delete_of_client(call: Call) -> web.StreamResponse:
    """What holds for everybody holds for this client again."""
    client_id = await _client(call)
    if client_id in (await tenant_of(call)).settings.client_policies:
        await take_own(call, client_id)
    return no_content()


def _typed(call: Call, settings: TenantSettings) -> dict[str, str]:
    """What is to change. Raises the 422 that names what will not do."""
    given: dict[str, str] = call.body.model_dump(exclude_unset=True)
    refuse_faults(faults_in(settings, given))
    return given


async def _client(call: Call) -> str:
    found = await call.services.clients.get(call.who.tenant_id, our_id(call))
    if found is None:
        raise not_found()
    return found.id


def _shown(settings: TenantSettings, client_id: str = "") -> Reply:
    theirs = as_of(settings, client_id) if client_id else settings
    values = {setting.name: setting.show(setting.value_in(theirs)) for setting in POLICY_SETTINGS}
    own = not client_id or client_id in settings.client_policies
    return VerificationPolicy.model_validate({"client_id": client_id or None, "own": own, **values})


_ALL, _OF_CLIENT = "/api/v1/verification-policy", "/api/v1/clients/{id}/verification-policy"
ROUTES = (
    Route(
        "GET",
        _ALL,
        read,
        Access.ADMIN,
        Surface.API,
        "Read the verification policy",
        answers={200: VerificationPolicy},
    ),
    Route(
        "PUT",
        _ALL,
        put,
        Access.ADMIN,
        Surface.API,
        "Set the verification policy",
        body=PolicyWith,
        answers={200: VerificationPolicy},
        step_up=True,
    ),
    Route(
        "GET",
        _OF_CLIENT,
        read_of_client,
        Access.ADMIN,
        Surface.API,
        "Read a client's verification policy",
        answers={200: VerificationPolicy},
    ),
    Route(
        "PUT",
        _OF_CLIENT,
        put_of_client,
        Access.ADMIN,
        Surface.API,
        "Give a client its own verification policy",
        body=PolicyWith,
        answers={200: VerificationPolicy},
        step_up=True,
    ),
    Route(
        "DELETE",
        _OF_CLIENT,
        delete_of_client,
        Access.ADMIN,
        Surface.API,
        "Take back a client's verification policy",
        answers={204: None},
        step_up=True,
    ),
)
