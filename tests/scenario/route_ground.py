"""The things that the calls of `route_samples.py` are about, made as they are wanted, and what is missing there."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, get_origin
from urllib.parse import urlencode

from pydantic import BaseModel
from sqlalchemy import update

from dialogs.people_source import SourceOrganisation
from dialogs.turns import AuditEvent
from identity.integration_keys import ends, new_key
from identity.sessions import token_digest
from storage.contacts_csv import parse_contacts_csv
from storage.import_files import ReadFile
from storage.imports import NewImport
from storage.integration_keys import KeyToKeep
from storage.people import NewTechnician
from storage.sources.contact_sources import NewSource
from storage.tables import webhook_deliveries
from storage.teams_connections import TeamsConnection
from storage.tenants import CarrierAccount
from storage.times import micros
from storage.webhook_events import Told
from storage.webhooks import NewWebhook
from tests.fixtures.web_house import House, Who
from tests.scenario.route_samples import SAMPLES, name_of
from web.routing import Route, Scope

#: Nobody's id.
UNKNOWN = "01900000-0000-7000-8000-00000000dead"
#: No check is asked for more often than this, or the limits for one sender would have their say.
BETWEEN_CHECKS = timedelta(hours=3)


#: A check lives ten minutes; the organisation is used up by the call, and its source is not.
ALWAYS_NEW = frozenset({"check", "spare_organisation"})


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
        elsewhere = len(made.keys() - {"unique", "email"}) > named
        return Asked(f"{path}?{query}" if query else path, body, in_path, elsewhere)

    async def one(self, kind: str, who: Who, *, fresh: bool = False, unknown: bool = False) -> str:
        """The id of such a thing. What belongs to a person is made for each."""
        if kind in ("unique", "email"):
            self._count += 1
            return f"number {self._count}" if kind == "unique" else f"number{self._count}@acme.example"
        if unknown:
            return NOBODYS.get(kind, UNKNOWN)
        place = f"{kind} {who}" if kind.startswith("own_") else kind
        if fresh or kind in ALWAYS_NEW:
            return await MAKERS[kind](self, who)
        if place not in self._made:
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

    async def press(self, path: str, fields: Mapping[str, str]) -> None:
        """An admin's form."""
        cookie = await self.house.log_in("admin", "cookie")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        raw = urlencode(fields).encode()
        answer = await self.house.ask("POST", path, raw=raw, cookie=cookie, headers=form)
        assert answer.status < 400, (path, answer.status)

    async def api(self, method: str, path: str, body: object) -> Any:
        """Something that has no simpler way to be made."""
        token = await self.house.log_in("supervisor")
        made = await self.house.ask(method, path, bearer=token, body=body)
        assert made.status < 300, made.text
        return made.json


async def _announced(ground: Ground, who: Who) -> str:
    call = {"contact_id": ground.house.world.people[1].id, "direction": "on_site", "ticket": "later", "notify": False}
    made = (await ground.api("POST", "/api/v1/announced-calls", call))["id"]
    return str(made)


async def _connection(ground: Ground, who: Who) -> str:
    """A Teams connection whose address nothing is ever posted to: it is no workflow's."""
    services, now = ground.house.services, ground.house.clock.now()
    id = services.random.new_id(now)
    new = TeamsConnection(id, id, "https://127.0.0.1/workflow", "", frozenset({"alarm"}), "", now)
    await services.teams_connections.add(ground.house.world.tenant_id, new)
    return id


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


async def _address(ground: Ground, who: Who) -> str:
    """Another e-mail address of the first contact's."""
    house = ground.house
    path, value = f"/api/v1/contacts/{house.world.people[0].id}/addresses", await ground.one("email", who)
    made = await ground.api("POST", path, {"kind": "email", "value": value})
    return next(str(one["id"]) for one in made["contact"]["addresses"] if one["value"] == value)


async def _verification(ground: Ground, who: Who) -> str:
    """One that waits for the second contact's answer, by a carrier on record that nothing is sent by."""
    await _carrier(ground, who)
    house, ben = ground.house, ground.house.world.people[1]
    contact = await house.services.directory.contact(house.world.tenant_id, ben.id)
    assert contact is not None
    mobile = next(a.id for a in contact.addresses if a.kind == "mobile")
    asked = {"contact_id": ben.id, "address_id": mobile, "method": "sms_code"}
    return str((await ground.api("POST", "/api/v1/end-user-verifications", asked))["id"])


async def _approval(ground: Ground, who: Who) -> str:
    """A request that a technician waits for, whom no call comes from."""
    return await _asked_by(ground, "other_technician")


async def _own_approval(ground: Ground, who: Who) -> str:
    return await _asked_by(ground, who)


async def _asked_by(ground: Ground, who: Who) -> str:
    """For a new address, which the tenant's policy wants a second person for from now on. So late that the ones before
    are over: only a few may wait for one contact."""
    ground.house.clock.advance(timedelta(hours=1))
    house, address = ground.house, await _address(ground, who)
    tenant_id, ada = house.world.tenant_id, house.world.people[0]
    await house.services.tenants.change_settings(
        tenant_id, lambda now: replace(now, policy=replace(now.policy, second_person=True))
    )
    asked = {"kind": "address", "contact_id": ada.id, "address_id": address, "note": "The boss stands here."}
    made = await house.ask("POST", "/api/v1/approvals", bearer=await house.log_in(who), body=asked)
    assert made.status == 201, made.text
    return str(made.json["id"])


#: What the preview of an import counts.
COUNTED = ("contacts", "clients", "unchanged", "errors", "warnings")


async def _import(ground: Ground, who: Who) -> str:
    """A file that was looked at, and nobody brought in yet."""
    house = ground.house
    now, tenant_id = house.clock.now(), house.world.tenant_id
    id = house.services.random.new_id(now)
    rows = parse_contacts_csv(b"name,client,mobile\nGil,Acme Dental,+12125550161\n", "US").rows
    event = AuditEvent(house.services.random.new_id(now), now, "import.looked_at", public={"import": id})
    new = NewImport(id, house.people["admin"].id, "people.csv", ReadFile(rows, ()), dict.fromkeys(COUNTED, 0))
    await house.services.imports.put(tenant_id, new, event)
    return id


async def _webhook(ground: Ground, who: Who) -> str:
    house = ground.house
    id = house.services.random.new_id(house.clock.now())
    new = NewWebhook(id, id, "https://192.0.2.1/", "192.0.2.1", ("verification.confirmed",), house.people["admin"].id)
    await house.services.webhooks.add(house.world.tenant_id, new, house.clock.now())
    return id


async def _delivery(ground: Ground, who: Who) -> str:
    """Of the webhook that the kind `webhook` means; it is over."""
    house = ground.house
    webhook, now = await ground.one("webhook", who), house.clock.now()
    id, line = house.services.random.new_id(now), house.services.random.new_id(now)
    await house.services.webhooks.put(house.world.tenant_id, webhook, id, Told(line, "test", "{}"), now)
    over = update(webhook_deliveries).where(webhook_deliveries.c.tenant_id == house.world.tenant_id)
    await house.services.db.write(
        house.world.tenant_id, lambda conn: conn.execute(over.values(status="dead", done_at=micros(now)))
    )
    return id


async def _person(ground: Ground, who: Who) -> str:
    house = ground.house
    id, login = house.services.random.new_id(house.clock.now()), await ground.one("email", who)
    new = NewTechnician(id, login, login, "technician", "no hash", "A" * 32, ())
    await house.services.people.add(house.world.tenant_id, new, house.clock.now())
    return id


async def _invited(ground: Ground, who: Who) -> str:
    login = await ground.one("email", who)
    await ground.press("/settings/people/new", {"name": "Gil Hart", "login": login, "ui_access": "yes"})
    people = await ground.house.services.people.technicians(ground.house.world.tenant_id)
    return next(person.id for person in people if person.login == login)


async def _log_in(ground: Ground, who: Who) -> str:
    """Of the person that the kind `technician` means."""
    return await _own_log_in(ground, "other_technician")


async def _source(ground: Ground, who: Who) -> str:
    """A source of contacts, by an application that nobody knows."""
    house = ground.house
    id, now = house.services.random.new_id(house.clock.now()), house.clock.now()
    new = NewSource(id, id, id, "no secret", None, house.people["admin"].id)
    await house.services.contact_sources.add(house.world.tenant_id, new, now)
    return id


async def _organisation(ground: Ground, who: Who) -> str:
    """Of the source that the kind `source` means; whose people they are was never said."""
    house, source = ground.house, await ground.one("source", who)
    id, now = house.services.random.new_id(house.clock.now()), house.clock.now()
    proven = SourceOrganisation(id, "Northwind Traders", ("northwind.example",))
    by = house.people["admin"].id
    made, _ = await house.services.contact_sources.connect(house.world.tenant_id, source, id, proven, by, now)
    return made


def _fixed(read: Callable[[House], str]) -> Callable[[Ground, Who], Awaitable[str]]:
    """For what is in the world from the beginning."""

    async def make(ground: Ground, who: Who) -> str:
        return read(ground.house)

    return make


async def _check(ground: Ground, who: Who) -> str:
    return await ground.new_check()


#: Kind of thing -> how one of the first tenant's is made. `own_...` belongs to whoever calls.
MAKERS: Mapping[str, Callable[[Ground, Who], Awaitable[str]]] = {
    "address": _address,
    "alert": _alert,
    "announced": _announced,
    "approval": _approval,
    "blocked": _blocked,
    "carrier": _carrier,
    "check": _check,
    "delivery": _delivery,
    "import": _import,
    "invited": _invited,
    "log_in": _log_in,
    "organisation": _organisation,
    "person": _person,
    "source": _source,
    "spare_organisation": _organisation,
    "verification": _verification,
    "webhook": _webhook,
    "client": _fixed(lambda house: house.world.people[0].client_id),
    "connection": _connection,
    "contact": _fixed(lambda house: house.world.people[0].id),
    "key": _key,
    "number": _fixed(lambda house: house.world.number.id),
    "number_address": _fixed(lambda house: house.world.number.address),
    "own_approval": _own_approval,
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
