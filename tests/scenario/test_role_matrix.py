"""Every route of the product, asked by everyone: what happens must be what the route declares (SEC-35, SEC-36, SEC-14).

The routes come from the router itself, the calls from `route_samples.py`; a route that has no call there fails here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal, get_args
from urllib.parse import urlencode

import pytest

from tests.fixtures.web_house import FIREFOX, Answer, House, OpenWeb, Who
from tests.scenario.route_ground import UNKNOWN, Ground, complaints, new_integration_key
from tests.scenario.route_samples import SAMPLES, name_of
from web.app import ROUTES
from web.csrf import COOKIE
from web.log_in import POD_COOKIE
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Access, Route, Scope, Surface

Actor = Literal[
    "nobody", "technician", "supervisor", "admin", "pod_only", "key", "key_without_scopes", "other_admin", "other_key"
]
Outcome = Literal["anybody", "sign_in", "scope_missing", "pod_only", "not_allowed", "granted"]
#: Strangers come first: what they ask for must still be there when the others come.
ORDER: tuple[Actor, ...] = (
    *("nobody", "key_without_scopes", "other_key", "other_admin", "key"),
    *("pod_only", "technician", "supervisor", "admin"),
)
KEYS = frozenset({"key", "key_without_scopes", "other_key"})
OTHERS = frozenset({"other_admin", "other_key"})
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HALVES = ("api", "pages")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


def expected(route: Route, actor: Actor) -> Outcome:
    """What the declaration promises, in other words than the guards'."""
    if route.access is Access.PUBLIC:
        return "anybody"
    if actor == "nobody":
        return "sign_in"
    if actor in KEYS and route.in_frame:
        # There a cookie of its own counts, and nothing else is looked at.
        return "sign_in"
    if actor in KEYS:
        return "granted" if route.scope is not None and actor != "key_without_scopes" else "scope_missing"
    if actor == "pod_only" and not route.pod:
        return "pod_only"
    rank = {"technician": 1, "pod_only": 1, "supervisor": 2, "admin": 3, "other_admin": 3}[actor]
    return (
        "granted"
        if rank >= {Access.TECHNICIAN: 1, Access.SUPERVISOR: 2, Access.ADMIN: 3}[route.access]
        else "not_allowed"
    )


class Desk:
    """Sends the calls as each actor would."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.ground = Ground(house)
        self._keys: dict[str, str] = {}
        #: What lets somebody in, as far as it was made here.
        self.secrets = {person.secret for person in house.people.values()}

    def let_in_by(self, answer: Answer) -> bool:
        """Whether an answer holds something that lets somebody in; no list and no page may (SEC-36)."""
        text = answer.raw.decode(errors="replace")
        return any(secret in text for secret in self.secrets) or "whsec_" in text or "$argon2" in text

    async def key(self, actor: Actor) -> str:
        if actor not in self._keys:
            scopes = set() if actor == "key_without_scopes" else set(Scope)
            who: Who = "other_admin" if actor == "other_key" else "admin"
            self._keys[actor] = (await new_integration_key(self.house, scopes, who))[0]
            self.secrets.add(self._keys[actor])
        return self._keys[actor]

    async def ask(
        self, route: Route, actor: Actor, *, unknown: bool = False, more: Mapping[str, Any] | None = None
    ) -> Answer:
        """The route's sample, sent by `actor`; `more` goes into its body."""
        owner: Who = "technician" if actor == "nobody" or actor in KEYS or actor in OTHERS else _who(actor)
        asked = await self.ground.filled(route, owner, unknown=unknown)
        sent: dict[str, Any] = {}
        if actor in KEYS:
            sent["bearer"] = await self.key(actor)
        elif actor != "nobody":
            kind: Literal["cookie", "pod", "bearer"] = "cookie"
            if route.surface is Surface.API or route.in_frame:
                kind = "pod" if route.in_frame else "bearer"
            token = await self.house.log_in(_who(actor), kind)
            sent[kind] = token
            self.secrets.add(token)
        if route.surface is Surface.STREAM:
            return await self._glance(asked.path, sent)
        body = asked.body if more is None else {**(asked.body or {}), **more}
        upload = SAMPLES[name_of(route)].upload
        if upload is not None and more is None:
            sent["raw"], sent["headers"] = _multipart(upload)
        elif route.method != "GET" and route.surface.takes_forms:
            sent["raw"], sent["headers"] = urlencode(body or {}, doseq=True).encode(), FORM
        elif body is not None:
            sent["body"] = body
        return await self.house.ask(route.method, asked.path, **sent)

    async def _glance(self, path: str, sent: Mapping[str, str]) -> Answer:
        """The head of an answer that does not end by itself."""
        headers = {"User-Agent": FIREFOX}
        if "cookie" in sent:
            headers["Cookie"] = f"{COOKIE}={sent['cookie']}"
        if "pod" in sent:
            headers["Cookie"] = f"{POD_COOKIE}={sent['pod']}"
        if "bearer" in sent:
            headers["Authorization"] = f"Bearer {sent['bearer']}"
        async with self.house.http.get(self.house.server.make_url(path), headers=headers) as answer:
            known = dict(answer.headers)
            return Answer(answer.status, known, b"" if answer.ok else await answer.read())


def _multipart(upload: tuple[str, str, bytes]) -> tuple[bytes, Mapping[str, str]]:
    """A form with one file and nothing else: the token goes into the header."""
    field, name, content = upload
    head = f'--here\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'.encode()
    return head + content + b"\r\n--here--\r\n", {"Content-Type": "multipart/form-data; boundary=here"}


def _who(actor: Actor) -> Who:
    assert actor in get_args(Who)
    return actor  # type: ignore[return-value]  # an actor that is a person, as was just looked at


def _routes(house: House, half: str) -> list[Route]:
    routes = house.app[ROUTES]
    return [route for route in routes if (route.surface is Surface.API) == (half == "api")]


def _judged(route: Route, outcome: Outcome, answer: Answer) -> bool:
    """Whether the answer is what was promised."""
    status, sample = answer.status, SAMPLES[name_of(route)]
    in_json = answer.headers.get("Content-Type", "").startswith("application/json")
    word = str(answer.json.get("error", "")) if in_json and status >= 400 else ""
    if status >= 500 and status not in sample.odd:
        return False
    match outcome:
        case "anybody":
            return status < 400 or status in sample.odd or word in ("sign_in_failed", "not_found")
        case "sign_in" if route.surface is Surface.PAGE:
            return status == 303 and answer.headers["Location"].startswith("/sign-in")
        case "sign_in" if route.surface.takes_forms:
            return status == 401 and not in_json
        case "sign_in":
            return (status, word) == (401, "sign_in_required")
        case "scope_missing" | "pod_only" | "not_allowed":
            return status == 403 and word == (outcome if in_json else "")
        case "granted":
            return status < 400 or status == 409 or status in sample.odd


@pytest.mark.feature("SEC-36")
async def test_every_route_has_a_call(house: House) -> None:
    routes = house.app[ROUTES]
    said = complaints(routes)
    assert not said, said


@pytest.mark.feature("SEC-36", "SEC-35")
@pytest.mark.parametrize("half", HALVES)
async def test_every_route_for_everyone_of_the_tenant(house: House, half: str) -> None:
    desk, wrong = Desk(house), []
    routes = [route for route in _routes(house, half) if name_of(route) in SAMPLES]
    assert len(routes) > 25
    for route in routes:
        for actor in ORDER:
            if actor in OTHERS:
                continue
            outcome, answer = expected(route, actor), await desk.ask(route, actor)
            if not _judged(route, outcome, answer):
                wrong.append(f"{actor}: {name_of(route)}: {outcome} was declared, not {_told(answer)}")
            if route.method == "GET" and desk.let_in_by(answer):
                wrong.append(f"{actor}: {name_of(route)} shows what lets somebody in")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.feature("SEC-36", "SEC-35", "SEC-37")
@pytest.mark.parametrize("half", HALVES)
async def test_another_tenant_finds_nothing_of_this_one(house: House, half: str) -> None:
    """What is another tenant's is answered as what never was, to the letter; nothing of theirs stands in any answer."""
    desk, wrong = Desk(house), []
    theirs = re.compile("|".join([house.world.tenant_id, *(p.id for p in house.world.people)]))
    for route in _routes(house, half):
        if name_of(route) not in SAMPLES or route.access is Access.PUBLIC:
            continue
        for actor in ORDER:
            if actor not in OTHERS or expected(route, actor) != "granted":
                continue
            named = await desk.ground.filled(route)
            real, made_up = await desk.ask(route, actor), await desk.ask(route, actor, unknown=True)
            case = f"{actor}: {name_of(route)}: {_told(real)}"
            if named.names_in_path and real.status != 404:
                wrong.append(f"{case} for an id that is not theirs")
            if (named.names_in_path or named.names_elsewhere) and _bare(real) != _bare(made_up):
                wrong.append(f"{case}, but {_told(made_up)} for one that never was")
            if not (named.names_in_path or named.names_elsewhere) and not _judged(route, "granted", real):
                wrong.append(f"{case} for what is their own")
            shown = theirs.search(_without_what_was_asked(real, named.path, named.body))
            if shown:
                wrong.append(f"{case} shows {shown[0]}")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.feature("SEC-36")
@pytest.mark.parametrize("half", HALVES)
async def test_what_never_was_is_not_found_by_anybody(house: House, half: str) -> None:
    desk, wrong = Desk(house), []
    for route in _routes(house, half):
        if name_of(route) not in SAMPLES or expected(route, "admin") != "granted":
            continue
        if (await desk.ground.filled(route)).names_in_path:
            answer = await desk.ask(route, "admin", unknown=True)
            if answer.status != 404:
                wrong.append(f"{name_of(route)}: {_told(answer)}")
    assert not wrong, "\n" + "\n".join(wrong)


def _told(answer: Answer) -> str:
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text)) if "html" in str(answer.headers) else answer.text
    return f"{answer.status} {words[:240]!r}"


def _bare(answer: Answer) -> tuple[int, str, str]:
    """An answer without its ids and the addresses that were asked for."""
    where = answer.headers.get("Location", "")
    # A page's form token is that of the log-in, and each call has a new one.
    plain = re.sub(r'[0-9a-f]{64}|data-now="\d+"', "", _ID.sub("(id)", answer.text))
    for address in ("+12125550199", "+12125550177"):
        plain = plain.replace(address, "(number)")
    return answer.status, _ID.sub("(id)", where), plain


def _without_what_was_asked(answer: Answer, path: str, body: Mapping[str, Any] | None) -> str:
    """The answer without the ids that the question held: to be handed back what one sent tells nothing."""
    text = answer.text + str(answer.headers)
    for held in _ID.finditer(f"{path} {body}"):
        text = text.replace(held[0], "(asked)")
    return text


@pytest.mark.feature("SEC-36", "SI-03")
async def test_what_only_admins_may(house: House) -> None:
    """The matrix holds the product to its declarations; this holds some declarations to the words of the design."""
    for route in house.app[ROUTES]:
        for_admins = ("/settings", "/imports", "/api/v1/settings", "/api/v1/integration-keys")
        if route.path.startswith(for_admins) or route.path.endswith("/verification-policy"):
            assert route.access is Access.ADMIN, name_of(route)
            assert not route.pod, name_of(route)
            assert route.scope is None, name_of(route)


@pytest.mark.feature("SEC-35")
async def test_each_scope_opens_its_own_routes_alone(house: House) -> None:
    routes = [route for route in house.app[ROUTES] if name_of(route) in SAMPLES and route.access is not Access.PUBLIC]
    assert {route.scope for route in routes if route.scope} <= set(Scope)
    ground, wrong = Ground(house), []
    for scope in Scope:
        key, _ = await new_integration_key(house, {scope})
        for route in routes:
            if route.surface is not Surface.API:
                continue
            asked = await ground.filled(route)
            answer = await house.ask(route.method, asked.path, body=asked.body, bearer=key)
            shut = answer.status == 403 and answer.json["error"] == "scope_missing"
            if shut == (route.scope is scope) or answer.status in (401, 500):
                wrong.append(f"{scope.value}: {name_of(route)}: {_told(answer)}")
    assert not wrong, "\n" + "\n".join(wrong)


#: Everything that a key may ever change. To claim, to check, to end, to override are not in it and never will be.
KEYS_MAY_CHANGE = frozenset(
    {
        "POST /api/v1/contacts",
        "PATCH /api/v1/contacts/{id}",
        "POST /api/v1/clients",
        "PATCH /api/v1/clients/{id}",
        "POST /api/v1/tickets",
        "POST /api/v1/tickets/{id}/notes",
        "POST /api/v1/tickets/{id}/status",
    }
)


@pytest.mark.feature("SEC-35")
async def test_no_key_claims_checks_or_overrides(house: House) -> None:
    routes = house.app[ROUTES]
    with_scope = [route for route in routes if route.scope is not None]
    assert {name_of(route) for route in with_scope if route.method != "GET"} <= KEYS_MAY_CHANGE
    for route in with_scope:
        assert route.surface is Surface.API, name_of(route)
        assert route.access is Access.TECHNICIAN, f"{name_of(route)}: a key has no role"
        assert not route.step_up, f"{name_of(route)}: a key cannot prove who it is"
        assert route.scope is not None
        assert route.scope.value.endswith("read") == (route.method == "GET"), name_of(route)


#: What an attacker would like to be believed. None of it is for anybody to send.
CLAIMED_BY_THE_SENDER: Mapping[str, Any] = {
    "verified": True,
    "state": "confirmed",
    "assurance": "call_bound",
    "confirmed": True,
    "confirmed_at": "2026-03-02T09:00:00Z",
    "tenant_id": UNKNOWN,
    "technician_id": UNKNOWN,
    "role": "admin",
    "supervisor": True,
    "override": True,
    "__proto__": {"verified": True},
}
#: Fields of this name that are declared, and what they are for.
DECLARED_ALL_THE_SAME: Mapping[str, frozenset[str]] = {
    # The reason in words for setting the interlock aside; who may is looked at, and it takes a fresh proof.
    "POST /api/v1/end-user-verifications": frozenset({"override"}),
    # An admin with a fresh proof says what a colleague may do.
    "POST /settings/people/new": frozenset({"role", "supervisor"}),
    "POST /settings/people/{person_id}": frozenset({"role", "supervisor"}),
}


@pytest.mark.feature("SEC-14")
@pytest.mark.parametrize("half", HALVES)
async def test_nobody_can_say_that_somebody_is_verified(house: House, half: str) -> None:
    """A field that the route does not declare is refused on every route, and none declares these."""
    desk, wrong, tried = Desk(house), [], 0
    for route in _routes(house, half):
        if route.method in ("GET", "DELETE") or route.surface is Surface.ASSET or name_of(route) not in SAMPLES:
            continue
        declared = set(route.body.model_fields) if route.body is not None else set()
        ours = declared & CLAIMED_BY_THE_SENDER.keys()
        if ours - DECLARED_ALL_THE_SAME.get(name_of(route), frozenset()):
            wrong.append(f"{name_of(route)} declares {sorted(ours)}")
        more = {name: value for name, value in CLAIMED_BY_THE_SENDER.items() if name not in declared}
        actor: Actor = "nobody" if route.access is Access.PUBLIC else "admin"
        answer = await desk.ask(route, actor, more=more)
        tried += 1
        named = (
            {one["field"] for one in answer.json["problems"]} if half == "api" and answer.status == 422 else set(more)
        )
        if answer.status != 422 or not more.keys() <= named:
            wrong.append(f"{name_of(route)} took {sorted(more.keys() - named)}: {_told(answer)}")
    assert tried > 25
    assert not wrong, "\n" + "\n".join(wrong)
