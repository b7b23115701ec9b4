"""What stands between a request and the API: log-ins, forged requests, headers, sizes, and errors that tell nothing.
Tables are made from the declared routes, so a new route is in them or fails them; roles: `test_role_matrix.py`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest
from aiohttp import ClientPayloadError, web
from structlog.testing import capture_logs

from dialogs.messages import Unavailable
from dialogs.ports import Contended
from tests.fixtures.web_house import FIREFOX, Answer, House, OpenWeb, Who
from tests.scenario.route_ground import Ground
from tests.scenario.route_samples import TV
from web import headers
from web.app import ROUTES
from web.bodies import Strict
from web.csrf import COOKIE, token_for
from web.log_in import drop_log_in_cookie, set_log_in_cookie
from web.problems import Problem
from web.routing import Access, Call, Route, Surface


class Words(Strict):
    """A form of one field."""

    words: str


async def _say(call: Call) -> web.StreamResponse:
    """What was sent comes back."""
    words = call.body.words if isinstance(call.body, Words) else ""
    return web.Response(text=f"<p>said {len(words)}</p>", content_type="text/html")


async def _break(call: Call) -> web.StreamResponse:
    """Raises what the query names."""
    match call.request.query.get("how"):
        case "away":
            raise Unavailable("disk 7 at 10.0.0.3 is full")
        case "race":
            raise Contended("lost")
        case "problem":
            raise Problem(418, "teapot", "Short and stout.")
        case _:
            raise RuntimeError("SELECT secret FROM users -- hunter2 at 10.0.0.3")


async def _stream(call: Call) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(call.request)
    await response.write_eof()
    return response


async def _break_off(call: Call) -> web.StreamResponse:
    """Half an answer, then an error."""
    response = web.StreamResponse()
    await response.prepare(call.request)
    await response.write(b"half")
    raise RuntimeError("hunter2")


#: Routes that only the tests have, one of each kind.
EXTRA = (
    Route("GET", "/t/page", _say, Access.TECHNICIAN, Surface.PAGE, "A page"),
    Route("POST", "/t/form", _say, Access.TECHNICIAN, Surface.PAGE, "A form", body=Words),
    Route("POST", "/t/open-form", _say, Access.PUBLIC, Surface.PAGE, "A form for anyone", body=Words),
    Route("POST", "/t/supervised", _say, Access.SUPERVISOR, Surface.PAGE, "A form for supervisors", body=Words),
    Route("POST", "/t/fresh", _say, Access.TECHNICIAN, Surface.PAGE, "A risky form", body=Words, step_up=True),
    Route("GET", "/t/break", _break, Access.PUBLIC, Surface.PAGE, "A page that breaks"),
    Route("GET", "/t/api-break", _break, Access.PUBLIC, Surface.API, "A call that breaks"),
    Route("GET", "/t/stream", _stream, Access.TECHNICIAN, Surface.STREAM, "A stream"),
    Route("GET", "/t/half", _break_off, Access.PUBLIC, Surface.STREAM, "A stream that breaks off"),
    Route("GET", "/t/demo", _say, Access.PUBLIC, Surface.PAGE, "A page of the demo", demo_only=True),
)


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=EXTRA) as opened:
        yield opened


def _product_routes(house: House) -> list[Route]:
    return [route for route in house.app[ROUTES] if not route.path.startswith("/t/")]


@pytest.mark.feature("SEC-36")
async def test_supervisors_come_between(house: House) -> None:
    table: tuple[tuple[Who, int], ...] = (("technician", 403), ("supervisor", 200), ("admin", 200))
    for who, status in table:
        cookie = await house.log_in(who, "cookie")
        assert (await _send_form(house, "/t/supervised", cookie)).status == status


@pytest.mark.feature("SEC-36")
async def test_a_log_in_that_is_over_is_none(house: House) -> None:
    services, person = house.services, house.people["technician"]
    token = await house.log_in("technician")
    cookie = await house.log_in("technician", "cookie")
    assert (await house.ask("GET", TV, bearer=cookie)).status == 401, "a cookie's token is no bearer token"
    assert (await house.ask("GET", TV, cookie=token)).status == 401, "a bearer token is no cookie"
    for wrong in ("", "x" * 43, token[:-1], token + "=", "x" * 5000):
        assert (await house.ask("GET", TV, headers={"Authorization": f"Bearer {wrong}"})).status == 401
    assert (await house.ask("GET", TV, headers={"Authorization": f"Basic {token}"})).status == 401
    assert (await house.ask("GET", TV, bearer=token)).status == 200
    house.clock.advance(timedelta(minutes=29))
    assert (await house.ask("GET", TV, bearer=token)).status == 200
    house.clock.advance(timedelta(minutes=29))
    assert (await house.ask("GET", TV, bearer=token)).status == 200, "use keeps it alive"
    house.clock.advance(timedelta(minutes=30))
    assert (await house.ask("GET", TV, bearer=token)).status == 401, "half an hour without use"
    token = await house.log_in("technician")
    assert (await house.ask("DELETE", "/api/v1/sessions/current", bearer=token)).status == 204
    assert (await house.ask("GET", TV, bearer=token)).status == 401
    token = await house.log_in("technician")
    await services.people.disable(person.tenant_id, person.id, house.clock.now())
    assert (await house.ask("GET", TV, bearer=token)).status == 401


async def _send_form(
    house: House,
    path: str,
    cookie: str,
    *,
    token: str | None = None,
    sent: Mapping[str, str] | None = None,
    kind: str = "application/x-www-form-urlencoded",
) -> Answer:
    """A form as a page of ours sends it, but for what is asked to be different."""
    token = token_for(cookie) if token is None else token
    raw = f"words=hello&csrf={token}".encode() if token else b"words=hello"
    where = {"Sec-Fetch-Site": "same-origin"} if sent is None else dict(sent)
    return await house.ask(
        "POST", path, raw=raw, cookie=cookie, csrf=False, headers={"Content-Type": kind, **where}, validate=False
    )


@pytest.mark.feature("SEC-30")
async def test_forged_forms(house: House) -> None:
    cookie, another = await house.log_in("technician", "cookie"), await house.log_in("technician", "cookie")
    ours = house.services.public_url
    fine: Mapping[str, str] = {"Sec-Fetch-Site": "same-origin"}
    for name, sent, token, status in (
        ("as it should be", fine, None, 200),
        ("an older browser", {"Origin": ours}, None, 200),
        ("a sandboxed frame of ours", {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, None, 200),
        ("no token", fine, "", 403),
        ("another log-in's token", fine, token_for(another), 403),
        ("from another site", {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, None, 403),
        ("from a sibling", {"Sec-Fetch-Site": "same-site"}, None, 403),
        ("an older browser on another site", {"Origin": "https://evil.example"}, None, 403),
        ("a frame without origin", {"Origin": "null"}, None, 403),
        ("nothing said", {}, None, 403),
    ):
        answer = await _send_form(house, "/t/form", cookie, token=token, sent=sent)
        assert answer.status == status, name
    plain = await _send_form(house, "/t/form", cookie, kind="text/plain")
    assert plain.status in (403, 415)
    assert (await _send_form(house, "/t/open-form", "", sent={})).status == 200
    assert (await _send_form(house, "/t/open-form", "", sent={"Sec-Fetch-Site": "cross-site"})).status == 403


@pytest.mark.feature("SEC-30")
async def test_forged_calls_of_every_unsafe_route(house: House) -> None:
    """By cookie, every unsafe route wants the header and the right origin, whatever its body."""
    ground = Ground(house)
    fetched = {"Sec-Fetch-Site": "same-origin"}
    unsafe = [r for r in _product_routes(house) if r.method != "GET" and r.surface is Surface.API]
    assert len(unsafe) > 12
    for route in unsafe:
        sample = await ground.filled(route)
        cookie = await house.log_in("admin", "cookie")
        for sent in (
            {**fetched},
            {**fetched, "X-CSRF": token_for(await house.log_in("admin", "cookie"))},
            {"Sec-Fetch-Site": "cross-site", "X-CSRF": token_for(cookie)},
            {"X-CSRF": token_for(cookie)},
            {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
        ):
            raw = b"" if sample.body is None else json.dumps(sample.body).encode()
            kind = {"Content-Type": "application/json"} if raw else {}
            answer = await house.ask(
                route.method, sample.path, raw=raw, cookie=cookie, csrf=False, headers={**kind, **sent}
            )
            assert (answer.status, answer.json["error"]) == (403, "forged_request"), (route.path, sent)
    body = {"contact_id": house.world.people[0].id, "title": "t"}
    good = await house.ask("POST", "/api/v1/tickets", cookie=await house.log_in("admin", "cookie"), body=body)
    assert good.status == 201


@pytest.mark.feature("SEC-30")
async def test_plain_text_is_no_json(house: House) -> None:
    token = await house.log_in("technician")
    answer = await house.ask(
        "POST", "/api/v1/tickets", raw=b'{"title": "t"}', bearer=token, headers={"Content-Type": "text/plain"}
    )
    assert (answer.status, answer.json["error"]) == (415, "not_json")


@pytest.mark.feature("SEC-34")
async def test_fresh_for_five_minutes(house: House) -> None:
    path = "/api/v1/settings/texts/tv.confirmed"
    for seconds, status in ((0, 200), (300, 200), (301, 401)):
        token = await house.log_in("admin")
        house.clock.advance(timedelta(seconds=seconds))
        answer = await house.ask("PUT", path, bearer=token, body={"text": ""})
        assert answer.status == status, seconds
        if status == 401:
            assert answer.json["error"] == "step_up_required"
    cookie = await house.log_in("technician", "cookie")
    house.clock.advance(timedelta(seconds=301))
    assert (await _send_form(house, "/t/form", cookie)).status == 200
    assert (await _send_form(house, "/t/fresh", cookie)).status == 401


@pytest.mark.feature("SEC-34")
async def test_a_stolen_cookie_sees_no_code(house: House) -> None:
    ada = house.world.people[0]
    await house.text(ada.mobile, "#verify")
    cookie = await house.log_in("technician", "cookie")
    id = (await house.ask("GET", TV, cookie=cookie)).json["items"][0]["id"]
    claim = {"direction": "we_called_user", "ticket": "later"}
    code = (await house.ask("POST", f"{TV}/{id}/claim", cookie=cookie, body=claim)).json["code"]
    assert code
    thief = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"
    stolen = await house.ask("GET", f"{TV}/{id}", cookie=cookie, browser=thief)
    assert (stolen.status, stolen.json["error"]) == (401, "step_up_required")
    listed = await house.ask("GET", TV, cookie=cookie, browser=thief)
    assert listed.status == 200
    assert code not in listed.text
    assert (await house.ask("GET", f"{TV}/{id}", cookie=cookie, browser=FIREFOX)).json["code"] == code


@pytest.mark.feature("SEC-32")
async def test_headers_on_every_answer(house: House) -> None:
    ground = Ground(house)
    answers: list[tuple[str, Answer]] = []
    for route in _product_routes(house):
        sample = await ground.filled(route)
        answers.append((route.path, await house.ask(route.method, sample.path, body=sample.body)))
        cookie = await house.log_in("admin", "cookie")
        answers.append((route.path, await house.ask(route.method, sample.path, body=sample.body, cookie=cookie)))
        answers.append((f"{route.path} wrong", await house.ask("PATCH", sample.path)))
    cookie = await house.log_in("admin", "cookie")
    for path in ("/nothing", "/api/v1/nothing", "/t/break", "/t/api-break", "/t/break?how=away", "/t/page", "/t/demo"):
        answers.append((path, await house.ask("GET", path, cookie=cookie)))
    stream = await house.ask("GET", "/t/stream", cookie=cookie)
    assert stream.status == 200
    answers.append(("stream", stream))
    answers.append(("head", await house.ask("HEAD", "/healthz")))
    for path, answer in answers:
        assert headers.missing(answer.headers) == [], path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "aiohttp" not in answer.headers["Server"]
        assert "Strict-Transport-Security" not in answer.headers, "not on http"
        assert "Access-Control-Allow-Origin" not in answer.headers
        if path.startswith("/api/") or path == "/t/page":
            assert answer.headers["Cache-Control"] == "no-store", path


@pytest.mark.feature("SEC-32")
async def test_https_says_so(open_web: OpenWeb) -> None:
    async with open_web(public_url="https://desk.example") as house:
        answer = await house.ask("GET", "/nothing")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


@pytest.mark.feature("SEC-57")
@pytest.mark.parametrize(("path", "status"), [("/t/break", 500), ("/t/api-break", 500), ("/t/break?how=away", 503)])
async def test_errors_tell_nothing_but_an_id(house: House, path: str, status: int) -> None:
    with capture_logs() as events:
        answer = await house.ask("GET", path)
    assert answer.status == status
    for secret in ("SELECT", "hunter2", "10.0.0.3", "RuntimeError", "Traceback", "aiohttp", ".py"):
        assert secret not in answer.text + str(answer.headers)
        assert secret in (".py", "RuntimeError") or secret not in str(events)
    logged = [e for e in events if e["event"] in ("unexpected", "unavailable")]
    assert len(logged) == 1
    assert logged[0]["id"] in answer.text
    if status == 503:
        assert answer.headers["Retry-After"]


@pytest.mark.feature("SEC-57")
async def test_half_an_answer_is_cut_and_not_mixed_with_an_error(house: House) -> None:
    with capture_logs() as events:
        async with house.http.get(house.server.make_url("/t/half")) as response:
            with pytest.raises(ClientPayloadError):
                await response.read()
    (logged,) = (e for e in events if e["event"] == "unexpected")
    assert logged["kind"] == "RuntimeError"
    assert "hunter2" not in str(logged)


@pytest.mark.feature("SEC-57")
async def test_errors_in_the_right_form(house: House) -> None:
    for path, status, is_json in (
        ("/nothing", 404, False),
        ("/api/v1/nothing", 404, True),
        ("/t/demo", 404, False),
        ("/t/api-break?how=problem", 418, True),
        ("/t/break?how=problem", 418, False),
        ("/t/api-break?how=race", 503, True),
    ):
        answer = await house.ask("GET", path)
        assert (answer.status, answer.headers["Content-Type"].startswith("application/json")) == (status, is_json)
        if is_json:
            assert set(answer.json) == {"error", "message", "id"}
    wrong = await house.ask("PUT", "/api/v1/contacts", body={})
    assert (wrong.status, wrong.json["error"]) == (405, "wrong_method")
    assert "GET" in wrong.headers["Allow"]


@pytest.mark.feature("REL-16")
async def test_bodies_are_bounded(house: House) -> None:
    token, cookie = await house.log_in("technician"), await house.log_in("technician", "cookie")
    title = {"contact_id": house.world.people[0].id, "title": "t"}
    for raw, status in (
        (json.dumps({**title, "body": "x" * 20_000}).encode(), 201),
        (b" " * (1024 * 1024 - 200) + json.dumps(title).encode(), 201),
        (b" " * 1024 * 1024 + json.dumps(title).encode(), 413),
        (b'{"title":' + b"[" * 40 + b"]" * 40 + b"}", 400),
        (b"{", 400),
    ):
        answer = await house.ask(
            "POST", "/api/v1/tickets", raw=raw, bearer=token, headers={"Content-Type": "application/json"}
        )
        assert answer.status == status, (len(raw), answer.text)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 65536

    async with house.http.post(
        house.server.make_url("/api/v1/tickets"),
        data=endless(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    ) as response:
        assert response.status == 413, "without a length, too"
    form = b"csrf=" + token_for(cookie).encode() + b"&words=" + b"x" * 256 * 1024
    answer = await house.ask(
        "POST",
        "/t/form",
        raw=form,
        cookie=cookie,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status == 413


@pytest.mark.feature("SEC-29")
async def test_the_cookie_is_what_it_must_be() -> None:
    response = web.Response()
    set_log_in_cookie(response, "secret-token")
    (said,) = (morsel.OutputString() for morsel in response.cookies.values())
    parts = {part.strip().lower() for part in said.split(";")}
    assert COOKIE == "__Host-ww"
    assert {"__host-ww=secret-token", "secure", "httponly", "samesite=lax", "path=/"} == parts
    drop_log_in_cookie(response)
    (said,) = (morsel.OutputString() for morsel in response.cookies.values())
    assert "secret-token" not in said
    assert "Secure" in said


@pytest.mark.feature("REL-17")
async def test_reports_of_broken_policies_are_counted_and_not_kept(house: House) -> None:
    for _ in range(300):
        answer = await house.ask("POST", "/csp-report", raw=b'{"csp-report": "https://secret.example"}')
        assert answer.status == 204
    house.clock.advance(timedelta(seconds=11))
    await house.ask("POST", "/csp-report")
    counted = await house.services.csp_reports.read()
    assert counted.count == 101, "one at once, and a hundred at most for the rest"
    assert b"secret.example" not in await house.contents()
