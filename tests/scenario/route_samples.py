"""One call for every route of the product, for the tests that ask all of them: the role matrix, forged requests,
headers, fields that nobody declared.

**You have added a route and a test sent you here?** Add one line to `SAMPLES`. The name is the method and the path as
declared. Each parameter of the path gets a kind of thing out of `MAKERS` (an id of the first tenant's is put in), or a
fixed text after `=`. `body` is what a form or a JSON body would hold so that the call is granted; `{contact}` and the
like in it are filled in the same way. `fresh=True` when the call uses its thing up (deletes it, ends it), so that each
caller needs one of their own. `odd`: statuses of a granted call beside 2xx, 3xx and 409. A kind of thing that is not
there yet is a function of a few lines in `MAKERS`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, get_origin

from pydantic import BaseModel

from identity.integration_keys import ends, new_key
from identity.sessions import token_digest
from storage.integration_keys import KeyToKeep
from storage.tenants import CarrierAccount
from tests.fixtures.web_house import House, Who
from web.routing import Route, Scope

TV = "/api/v1/technician-verifications"
#: Nobody's id.
UNKNOWN = "01900000-0000-7000-8000-00000000dead"
#: No check is asked for more often than this, or the limits for one sender would have their say.
BETWEEN_CHECKS = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Sample:
    """A call that would be granted to whoever may use the route; see above."""

    body: Mapping[str, Any] | None = None
    query: str = ""
    fresh: bool = False
    odd: frozenset[int] = frozenset()
    ids: Mapping[str, str] = field(default_factory=dict)
    file: str = ""


def sample(
    *,
    body: Mapping[str, Any] | None = None,
    query: str = "",
    fresh: bool = False,
    odd: tuple[int, ...] = (),
    file: str = "",
    **ids: str,
) -> Sample:
    """`ids`: a parameter of the path -> a kind of thing, or a fixed text after `=`. `file`: the field of an upload."""
    return Sample(body, query, fresh, frozenset(odd), ids, file)


CLAIM = {"direction": "we_called_user", "ticket": "later"}
PROOF = {"password": "not the password", "totp": "000000"}
BLOCK = {"hours": "1", "reason": "rings all day"}

#: One line for each route; see the docstring of this module.
SAMPLES: Mapping[str, Sample] = {
    # --- the API
    "POST /api/v1/sessions": sample(body={"login": "nobody", **PROOF}),
    "DELETE /api/v1/sessions/current": sample(),
    "POST /api/v1/sessions/current/proof": sample(body=PROOF, odd=(401,)),
    f"GET {TV}": sample(),
    f"GET {TV}/{{id}}": sample(id="check"),
    f"POST {TV}/{{id}}/claim": sample(id="check", body=CLAIM),
    f"POST {TV}/{{id}}/release": sample(id="check"),
    f"POST {TV}/{{id}}/take-over": sample(id="check"),
    f"POST {TV}/{{id}}/verbal": sample(id="check", body={"note": "yes"}),
    f"POST {TV}/{{id}}/reject": sample(id="check", body={"reason": "no"}),
    f"POST {TV}/{{id}}/ticket": sample(id="check", body={"ticket": "{ticket}"}),
    f"POST {TV}/{{id}}/resend": sample(id="check", odd=(429,)),
    f"POST {TV}/{{id}}/note": sample(id="check"),
    "GET /api/v1/contacts/{id}/verifications": sample(id="contact"),
    "GET /api/v1/announced-calls": sample(query="contact_id={contact}"),
    "POST /api/v1/announced-calls": sample(
        body={"contact_id": "{contact}", "direction": "on_site", "ticket": "later", "notify": False}
    ),
    "DELETE /api/v1/announced-calls/{id}": sample(id="announced", fresh=True),
    "GET /api/v1/contacts": sample(query="q=ada"),
    "GET /api/v1/contacts/{id}": sample(id="contact"),
    "GET /api/v1/tickets": sample(query="contact_id={contact}"),
    "GET /api/v1/tickets/{id}": sample(id="ticket"),
    "POST /api/v1/tickets": sample(body={"contact_id": "{contact}", "title": "Printer"}),
    "POST /api/v1/tickets/{id}/notes": sample(id="ticket", body={"text": "rang twice"}),
    "POST /api/v1/tickets/{id}/status": sample(id="ticket", body={"status": "closed"}),
    "POST /api/v1/tickets/{id}/take": sample(id="ticket"),
    "GET /api/v1/blocks": sample(),
    "POST /api/v1/blocks": sample(body={"check_id": "{check}", "reason": "rings all day", "hours": 1}),
    "DELETE /api/v1/blocks/{address}": sample(address="blocked", fresh=True),
    "GET /api/v1/audit": sample(query="contact_id={contact}"),
    "GET /api/v1/alerts": sample(),
    "POST /api/v1/alerts/{id}/seen": sample(id="alert", fresh=True),
    "GET /api/v1/settings/texts/{template}": sample(template="=tv.confirmed"),
    "PUT /api/v1/settings/texts/{template}": sample(template="=tv.confirmed", body={"text": ""}),
    "GET /api/v1/integration-keys": sample(),
    "POST /api/v1/integration-keys": sample(body={"name": "{unique}", "scopes": ["checks:read"], "days": 1}),
    "DELETE /api/v1/integration-keys/{id}": sample(id="key", fresh=True),
    # --- for machines and anybody
    "GET /healthz": sample(),
    "GET /readyz": sample(),
    "GET /metrics": sample(),
    "POST /csp-report": sample(),
    "GET /docs": sample(),
    "GET /docs/openapi.json": sample(),
    "GET /static/{release}/{path:.+}": sample(release="=none", path="=watchword.css", odd=(404,)),
    "GET /events": sample(),
    # --- pages: signing in, one's own
    "GET /sign-in": sample(),
    "POST /sign-in": sample(body={"login": "nobody", "password": "x", "code": "0"}, odd=(422,)),
    "POST /sign-out": sample(),
    "GET /step-up": sample(),
    "POST /step-up": sample(body={"password": "x", "code": "0"}, odd=(422,)),
    "GET /profile": sample(),
    "POST /profile/duty": sample(body={"on_duty": "no"}),
    "POST /profile/log-ins/{log_in_id}/end": sample(log_in_id="own_log_in", fresh=True),
    "POST /profile/recovery-codes": sample(),
    # --- pages: checks
    "GET /": sample(),
    "GET /codes": sample(),
    "GET /codes/rows": sample(),
    "GET /codes/{check_id}": sample(check_id="check"),
    "GET /codes/{check_id}/rows": sample(check_id="check"),
    "POST /codes/{check_id}/claim": sample(check_id="check", body=CLAIM),
    "POST /codes/{check_id}/release": sample(check_id="check"),
    "POST /codes/{check_id}/take-over": sample(check_id="check"),
    "POST /codes/{check_id}/verbal": sample(check_id="check", body={"note": "yes"}),
    "POST /codes/{check_id}/reject": sample(check_id="check", body={"reason": "no"}),
    "POST /codes/{check_id}/ticket": sample(check_id="check", body={"ticket": "{ticket}"}),
    "POST /codes/{check_id}/resend": sample(check_id="check", odd=(429,)),
    "POST /codes/{check_id}/note": sample(check_id="check"),
    "POST /alerts/{alert_id}/seen": sample(alert_id="alert", fresh=True),
    "GET /blocks": sample(),
    "GET /blocks/new": sample(query="check_id={check}"),
    "POST /blocks": sample(body={"check_id": "{check}", **BLOCK}),
    "POST /blocks/lift": sample(body={"address": "{blocked}"}, fresh=True),
    # --- pages: people and tickets
    "GET /contacts": sample(query="q=ada"),
    "GET /contacts/{contact_id}": sample(contact_id="contact"),
    "GET /announce": sample(query="q=ada"),
    "POST /announce": sample(body={"contact_id": "{contact}", "direction": "on_site", "ticket": "later"}),
    "POST /announced/{announced_id}/withdraw": sample(announced_id="announced", fresh=True),
    "GET /tickets": sample(),
    "GET /tickets/{ticket_id}": sample(ticket_id="ticket"),
    "POST /tickets": sample(body={"contact_id": "{contact}"}),
    "POST /tickets/{ticket_id}/note": sample(ticket_id="ticket", body={"note": "rang twice"}),
    "POST /tickets/{ticket_id}/status": sample(ticket_id="ticket", body={"status": "closed"}),
    "POST /tickets/{ticket_id}/take": sample(ticket_id="ticket"),
    # --- settings
    "GET /settings": sample(),
    "GET /settings/company": sample(),
    "POST /settings/company": sample(body={"name": "Tenant 1"}, odd=(422,)),
    "GET /settings/keys": sample(),
    "POST /settings/keys": sample(body={"name": "{unique}", "scopes": ["checks:read"], "days": "1"}),
    "POST /settings/keys/{key_id}/revoke": sample(key_id="key", fresh=True),
    "GET /settings/numbers": sample(),
    "POST /settings/numbers": sample(body={"number": "1"}, odd=(422,)),
    "POST /settings/numbers/{number_id}/primary": sample(number_id="number"),
    "POST /settings/numbers/{number_id}/opt-out": sample(number_id="number", body={"opt_out_by": "watchword"}),
    "POST /settings/numbers/{number_id}/remove": sample(number_id="number", odd=(422,)),
    "POST /settings/carrier": sample(body={"account_sid": "AC", "auth_token": "0"}, odd=(422,)),
    "POST /settings/carrier/remove": sample(body={"account_sid": "{carrier}"}, fresh=True),
    "POST /settings/carrier/look": sample(),
    "POST /settings/carrier/try": sample(body={"sender": "{number_address}", "to": "1"}, odd=(422,)),
    "POST /settings/carrier/fate": sample(body={"sender": "{number_address}", "sid": "SM1"}, odd=(404,)),
    "GET /settings/registration": sample(),
    "GET /settings/verification": sample(),
    "POST /settings/verification": sample(body={}, odd=(422,)),
    "GET /settings/limits": sample(),
    "POST /settings/limits": sample(body={}, odd=(422,)),
    "GET /settings/words": sample(),
    "POST /settings/words": sample(body={}, odd=(422,)),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A sample with everything filled in. `own`: it names something of the first tenant's, and where: in the path or
    elsewhere."""

    path: str
    body: Mapping[str, Any] | None
    names_in_path: bool
    names_elsewhere: bool


class Ground:
    """The things that samples name, made when they are first wanted, and new ones whenever a call uses them up."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._made: dict[str, str] = {}
        self._checked_at = house.clock.now() - BETWEEN_CHECKS
        self._count = 0

    async def filled(self, route: Route, who: Who = "technician", *, unknown: bool = False) -> Asked:
        """The sample of `route` for `who` to send; with `unknown`, everything it names is nobody's."""
        if name_of(route) not in SAMPLES:
            raise LookupError(complaints([route]).partition("\nNo route")[0])
        asked = SAMPLES[name_of(route)]
        made: dict[str, str] = {}

        async def fill(text: str) -> str:
            for kind in re.findall(r"\{([a-z_]+)\}", text):
                if kind not in made:
                    made[kind] = await self.one(kind, who, fresh=asked.fresh, unknown=unknown)
                text = text.replace(f"{{{kind}}}", made[kind])
            return text

        path, in_path = route.path, False
        for parameter, kind in asked.ids.items():
            if kind.startswith("="):
                value = kind[1:]
            else:
                value, in_path = await fill(f"{{{kind}}}"), True
            before, _, rest = path.partition(f"{{{parameter}")
            path = before + value + rest.partition("}")[2]
        named = len(made)
        query = await fill(asked.query)
        body = None
        if asked.body is not None:
            body = {name: await fill(value) if isinstance(value, str) else value for name, value in asked.body.items()}
        elsewhere = len(made.keys() - {"unique"}) > named
        return Asked(f"{path}?{query}" if query else path, body, in_path, elsewhere)

    async def one(self, kind: str, who: Who, *, fresh: bool = False, unknown: bool = False) -> str:
        """The id of such a thing. What belongs to a person is made for each."""
        if kind == "unique":
            self._count += 1
            return f"number {self._count}"
        if unknown:
            return NOBODYS.get(kind, UNKNOWN)
        place = f"{kind} {who}" if kind.startswith("own_") else kind
        if fresh or place not in self._made or kind in ("check", "alert"):
            # A check lives ten minutes, so it is always a new one.
            self._made[place] = await MAKERS[kind](self, who)
        return self._made[place]

    async def new_check(self) -> str:
        """A live check that nobody has claimed, of the first contact's."""
        house = self.house
        ada = house.world.people[0]
        house.clock.advance(max(timedelta(0), self._checked_at + BETWEEN_CHECKS - house.clock.now()))
        self._checked_at = house.clock.now()
        await house.text(ada.mobile, "#verify")
        found = await house.services.checks.page(house.world.tenant_id, live=True, contact_id=ada.id)
        return found.items[0].id

    async def api(self, method: str, path: str, body: object) -> Any:
        """Something that has no simpler way to be made."""
        token = await self.house.log_in("supervisor")
        return (await self.house.ask(method, path, bearer=token, body=body)).json


async def _announced(ground: Ground, who: Who) -> str:
    call = {"contact_id": ground.house.world.people[1].id, "direction": "on_site", "ticket": "later", "notify": False}
    made = (await ground.api("POST", "/api/v1/announced-calls", call))["id"]
    return str(made)


async def _alert(ground: Ground, who: Who) -> str:
    await ground.new_check()
    await ground.house.text(ground.house.world.people[0].mobile, "#deny")
    return (await ground.house.services.alerts.unseen(ground.house.world.tenant_id))[0].id


async def _ticket(ground: Ground, who: Who) -> str:
    ticket = {"contact_id": ground.house.world.people[0].id, "title": "Printer"}
    return str((await ground.api("POST", "/api/v1/tickets", ticket))["id"])


async def _blocked(ground: Ground, who: Who) -> str:
    block = {"address": "+12125550177", "reason": "rings all day", "hours": 1}
    return str((await ground.api("POST", "/api/v1/blocks", block))["address"])


async def _own_log_in(ground: Ground, who: Who) -> str:
    house = ground.house
    token = await house.log_in(who, "cookie")
    found = await house.services.accounts.find_log_in(token_digest(token), house.clock.now())
    assert found is not None
    return found.id


async def _key(ground: Ground, who: Who) -> str:
    return (await new_integration_key(ground.house, {Scope.CHECKS_READ}))[1]


async def new_integration_key(house: House, scopes: set[Scope], who: Who = "admin") -> tuple[str, str]:
    """A key that works for a year, of the tenant of `who`: the key and its id."""
    services, now = house.services, house.clock.now()
    new, id = new_key(services.random), services.random.new_id(now)
    words = frozenset(scope.value for scope in scopes)
    kept = KeyToKeep(id, f"key {id}", new.begins, new.digest, words, house.people[who].id, ends(now, 365))
    await services.integration_keys.add(house.people[who].tenant_id, kept, now)
    return new.key, id


async def _carrier(ground: Ground, who: Who) -> str:
    sid = "AC" + "0" * 32
    await ground.house.services.tenants.put_carrier_account(
        CarrierAccount(ground.house.world.tenant_id, sid, "0" * 32, ""), ground.house.clock.now()
    )
    return sid


def _fixed(read: Callable[[House], str]) -> Callable[[Ground, Who], Awaitable[str]]:
    """For what is in the world from the beginning."""

    async def make(ground: Ground, who: Who) -> str:
        return read(ground.house)

    return make


async def _check(ground: Ground, who: Who) -> str:
    return await ground.new_check()


#: Kind of thing -> how one of the first tenant's is made. `own_...` belongs to whoever calls.
MAKERS: Mapping[str, Callable[[Ground, Who], Awaitable[str]]] = {
    "alert": _alert,
    "announced": _announced,
    "blocked": _blocked,
    "carrier": _carrier,
    "check": _check,
    "client": _fixed(lambda house: house.world.people[0].client_id),
    "contact": _fixed(lambda house: house.world.people[0].id),
    "key": _key,
    "number": _fixed(lambda house: house.world.number.id),
    "number_address": _fixed(lambda house: house.world.number.address),
    "own_log_in": _own_log_in,
    "technician": _fixed(lambda house: house.people["other_technician"].id),
    "ticket": _ticket,
}
#: What is no UUID and nobody's.
NOBODYS: Mapping[str, str] = {
    "blocked": "+12125550199",
    "carrier": "AC" + "f" * 32,
    "number_address": "+12125550199",
}


def name_of(route: Route) -> str:
    """How `SAMPLES` calls a route."""
    return f"{route.method} {route.path}"


def complaints(routes: Sequence[Route]) -> str:
    """What is wrong with `SAMPLES`: routes without a line, with the line to add, and lines without a route. Empty when
    nothing is."""
    known = {name_of(route) for route in routes}
    said = [
        f"No line for {name_of(r)}. Add it to SAMPLES:\n    {line_for(r)}" for r in routes if name_of(r) not in SAMPLES
    ]
    said += [f"No route {name!r} any more. Take its line out of SAMPLES." for name in SAMPLES if name not in known]
    return "\n".join(["tests/scenario/route_samples.py is not up to date.", *said]) if said else ""


def line_for(route: Route) -> str:
    """A line for a route, as far as it can be guessed."""
    parts = [f'{name}="{_kind_for(name)}"' for name in re.findall(r"\{([a-z_]+)(?::[^}]*)?\}", route.path)]
    if route.body is not None:
        fields = {name: _guess(name, route.body) for name, f in route.body.model_fields.items() if f.is_required()}
        if fields or route.body.model_fields:
            parts.append(f"body={fields!r}".replace("'", '"'))
    if route.method == "DELETE" or route.path.endswith(("/remove", "/delete", "/revoke", "/undo")):
        parts.append("fresh=True")
    return f'"{name_of(route)}": sample({", ".join(parts)}),'


def _kind_for(parameter: str) -> str:
    kind = parameter.removesuffix("_id")
    return kind if kind in MAKERS else "=..."


def _guess(name: str, model: type[BaseModel]) -> object:
    if get_origin(model.model_fields[name].annotation) in (list, tuple):
        return []
    kind = name.removesuffix("_id")
    return f"{{{kind}}}" if name.endswith("_id") and kind in MAKERS else "..."
