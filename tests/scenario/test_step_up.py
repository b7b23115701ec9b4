"""A sensitive form whose proof has grown old asks for a new one on the way and loses nothing (SEC-34)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest
from aiohttp import FormData, web

from identity import totp
from tests.fixtures.web_house import FIREFOX, PASSWORD, Answer, House, OpenWeb, Who
from web.bodies import Strict
from web.csrf import COOKIE, token_for
from web.pages import page_routes
from web.pages.context import frame, page
from web.pages.errors import show_problem
from web.problems import Problem
from web.routing import Access, Call, Route, Surface

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: What a person may type, and how it must arrive.
TYPED = "two lines,\r\n\"quotes\" & <tags> 'and' ünï 漢字 %2B + =  "


class Words(Strict):
    """A form of several fields, one of them with many values."""

    words: str
    ticked: tuple[str, ...] = ()
    press: str = ""


async def _say(call: Call) -> web.StreamResponse:
    """What arrived comes back, with the token that the next form of this page would carry."""
    given: Words = call.body
    said = {"words": given.words, "ticked": given.ticked, "press": given.press}
    files = {name: file.content.decode() for name, file in call.files.items()}
    csrf = frame(call, "x").csrf
    proven_at = call.who.proven_at.isoformat()
    return web.json_response({**said, "files": files, "csrf": csrf, "elsewhere": call.elsewhere, "at": proven_at})


async def _stream(call: Call) -> web.StreamResponse:
    """An answer that is written piece by piece, as exports are."""
    response = web.StreamResponse()
    await response.prepare(call.request)
    await response.write(b"piece")
    await response.write_eof()
    return response


async def _refuse(call: Call) -> web.StreamResponse:
    """The handler itself says no."""
    raise Problem(409, "not_now", "Not now.")


async def _page(call: Call) -> web.StreamResponse:
    return page(call, "problem.html", frame(call, "x"), {"message": "shown", "id": "x"})


#: Sensitive routes of every shape, that only the tests have.
EXTRA = (
    Route("POST", "/t/say", _say, Access.TECHNICIAN, Surface.PAGE, "Says it", body=Words, step_up=True),
    Route("POST", "/t/file", _say, Access.TECHNICIAN, Surface.PAGE, "A file", body=Words, step_up=True, upload=99_000),
    Route("POST", "/t/stream", _stream, Access.TECHNICIAN, Surface.PAGE, "Streams", body=Words, step_up=True),
    Route("POST", "/t/refuse", _refuse, Access.TECHNICIAN, Surface.PAGE, "Says no", body=Words, step_up=True),
    Route("POST", "/t/admins", _say, Access.ADMIN, Surface.PAGE, "For admins", body=Words, step_up=True),
    Route("GET", "/t/look", _page, Access.TECHNICIAN, Surface.PAGE, "A sensitive page", step_up=True),
)


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=(*page_routes(), *EXTRA), show_problem=show_problem) as opened:
        yield opened


class _Form(HTMLParser):
    """The one form of a page that is sent somewhere under /t/ or /profile: where, and what it holds."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.action = ""
        self.enctype = ""
        self.fields: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.files: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.inside = found.get("action", "").startswith(("/t/", "/profile/"))
            if self.inside:
                self.action, self.enctype = found["action"], found.get("enctype", "")
        elif tag == "input" and self.inside:
            kind = found.get("type", "text")
            if kind == "hidden":
                self.fields.append((found["name"], found["value"]))
            elif kind == "file":
                self.files.append(found["name"])
            else:
                self.asked.append(found["name"])

    inside = False


async def _stale(house: House, who: Who = "technician", *, seconds: int = 301, browser: str = FIREFOX) -> str:
    cookie = await house.log_in(who, "cookie", browser=browser)
    house.clock.advance(timedelta(seconds=seconds))
    return cookie


async def _send(house: House, path: str, cookie: str, fields: list[tuple[str, str]], **more: str) -> Answer:
    """As a browser sends a form of ours: the token in it, nothing beside it."""
    headers = {**FORM, "Sec-Fetch-Site": "same-origin", **more}
    raw = urlencode(fields).encode()
    return await house.ask("POST", path, raw=raw, cookie=cookie, csrf=False, headers=headers)


def _filled(cookie: str) -> list[tuple[str, str]]:
    return [("csrf", token_for(cookie)), ("words", TYPED), ("ticked", "a"), ("ticked", "b"), ("press", "save")]


def _proof(house: House, who: Who = "technician", password: str = PASSWORD) -> list[tuple[str, str]]:
    code = totp.code_at(house.people[who].secret, house.clock.now())
    return [("proof_password", password), ("proof_code", code)]


def _new_cookie(answer: Answer) -> str:
    held = SimpleCookie(answer.headers["Set-Cookie"])[COOKIE]
    assert held["secure"]
    assert held["httponly"]
    assert (held["samesite"], held["path"]) == ("Lax", "/")
    return held.value


@pytest.mark.feature("SEC-34")
async def test_a_form_goes_on_with_everything_that_was_typed(house: House) -> None:
    cookie = await _stale(house)
    asked = await _send(house, "/t/say?which=7", cookie, _filled(cookie))
    assert asked.status == 401
    assert "WWW-Authenticate" not in asked.headers, "a browser would put its own window in front"
    assert "Set-Cookie" not in asked.headers
    assert asked.headers["Cache-Control"] == "no-store"
    form = _Form(asked.text)
    assert (form.action, form.asked, form.files) == ("/t/say?which=7", ["proof_password", "proof_code"], [])
    assert form.fields == _filled(cookie)

    went = await _send(house, form.action, cookie, form.fields + _proof(house))
    assert went.status == 200
    assert (went.json["words"], went.json["ticked"], went.json["press"]) == (TYPED, ["a", "b"], "save")
    fresh = _new_cookie(went)
    assert fresh != cookie
    assert went.json["csrf"] == token_for(fresh), "the page's own forms must fit the new token"
    assert went.json["at"] == house.clock.now().isoformat()

    assert (await _send(house, "/t/say", cookie, _filled(cookie))).status == 303, "the old token is dead"
    assert (await _send(house, "/t/say", fresh, _filled(fresh))).status == 200, "and five minutes begin"
    late = await _send(house, "/t/say", fresh, _filled(fresh) + _proof(house))
    assert late.status == 200, "a proof that is not needed does no harm"
    assert "Set-Cookie" not in late.headers


@pytest.mark.feature("SEC-34")
async def test_five_minutes_to_the_second(house: House) -> None:
    for seconds, status in ((0, 200), (300, 200), (301, 401)):
        cookie = await _stale(house, seconds=seconds)
        assert (await _send(house, "/t/say", cookie, _filled(cookie))).status == status, seconds


@pytest.mark.feature("SEC-34", "SEC-33")
async def test_a_wrong_proof_is_asked_for_again_and_counted_like_a_sign_in(house: House) -> None:
    cookie = await _stale(house)
    wrong = [("proof_password", "not it"), ("proof_code", "000000")]
    for proof in (wrong, _proof(house, password="not it"), [("proof_password", PASSWORD)], [("proof_code", "1")]):
        again = await _send(house, "/t/say", cookie, _filled(cookie) + proof)
        assert again.status == 401, proof
        assert "is not right" in again.text
        assert _Form(again.text).fields == _filled(cookie), "what was typed stays, the proof does not"
        assert PASSWORD not in again.text
        assert "Set-Cookie" not in again.headers
    for _ in range(6):
        assert (await _send(house, "/t/say", cookie, _filled(cookie) + wrong)).status == 401
    closed = await _send(house, "/t/say", cookie, _filled(cookie) + _proof(house))
    assert closed.status == 429, "right, but too late"
    assert int(closed.headers["Retry-After"]) > 60
    assert "Too many tries" in closed.text
    assert _Form(closed.text).fields == _filled(cookie)
    signed_in = await house.ask(
        "POST",
        "/api/v1/sessions",
        body={"login": house.people["technician"].login, "password": PASSWORD, "totp": _proof(house)[1][1]},
    )
    assert signed_in.status == 429, "the same count as signing in"
    house.clock.advance(timedelta(minutes=20))
    cookie = await _stale(house)
    assert (await _send(house, "/t/say", cookie, _filled(cookie) + _proof(house))).status == 200
    await house.place_lines()
    lines = (await house.services.log.before(house.world.tenant_id, kind="sign_in.")).items
    assert {"sign_in.refused", "sign_in.proven"} <= {line.kind for line in lines}


@pytest.mark.feature("SEC-34")
async def test_a_code_proves_one_form(house: House) -> None:
    cookie, another = await _stale(house, seconds=0), await _stale(house)
    proof = _proof(house)
    assert (await _send(house, "/t/say", another, _filled(another) + proof)).status == 200
    assert (await _send(house, "/t/say", cookie, _filled(cookie) + proof)).status == 401
    by_recovery = [("proof_password", PASSWORD), ("proof_code", house.people["technician"].recovery_codes[0])]
    assert (await _send(house, "/t/say", cookie, _filled(cookie) + by_recovery)).status == 200


@pytest.mark.feature("SEC-34", "SEC-30")
async def test_what_stands_before_the_proof(house: House) -> None:
    """Role and origin come first, so that the page tells nobody anything and no other site can have it filled in."""
    cookie = await _stale(house)
    assert (await _send(house, "/t/admins", cookie, _filled(cookie) + _proof(house))).status == 403
    filled = _filled(cookie)[1:]
    assert (await _send(house, "/t/say", cookie, filled)).status == 403
    assert (await _send(house, "/t/say", cookie, [("csrf", token_for("x" * 43)), *filled])).status == 403
    forged = await _send(house, "/t/say", cookie, _filled(cookie) + _proof(house), **{"Sec-Fetch-Site": "cross-site"})
    assert forged.status == 403
    nobody = await _send(house, "/t/say", "", filled + _proof(house))
    assert (nobody.status, nobody.headers["Location"]) == (303, "/sign-in")
    stranger = await _send(house, "/t/say", cookie, _filled(cookie) + _proof(house, "admin"))
    assert stranger.status == 401, "another's proof"


@pytest.mark.feature("SEC-34")
async def test_whatever_the_answer_the_new_token_comes_with_it(house: House) -> None:
    for path, status in (("/t/stream", 200), ("/t/refuse", 409)):
        cookie = await _stale(house)
        answer = await _send(house, path, cookie, _filled(cookie) + _proof(house))
        assert answer.status == status
        fresh = _new_cookie(answer)
        assert (await house.ask("GET", "/profile", cookie=fresh)).status == 200
        house.clock.advance(timedelta(seconds=30))
    cookie = await _stale(house)
    wrong_field = await _send(house, "/t/say", cookie, [*_filled(cookie), ("no", "field"), *_proof(house)])
    assert wrong_field.status == 422
    assert _new_cookie(wrong_field)


@pytest.mark.feature("SEC-34")
async def test_it_brings_a_log_in_home_that_had_moved(house: House) -> None:
    chrome = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"
    cookie = await _stale(house, browser=chrome)
    went = await _send(house, "/t/say", cookie, _filled(cookie) + _proof(house))
    assert (went.status, went.json["elsewhere"]) == (200, False)


@pytest.mark.feature("SEC-34")
async def test_a_file_is_chosen_again_and_the_rest_is_kept(house: House) -> None:
    cookie = await _stale(house)

    async def upload(fields: list[tuple[str, str]]) -> Answer:
        form = FormData(quote_fields=False, default_to_multipart=True)
        for name, value in fields:
            form.add_field(name, value)
        form.add_field("logo", b"pixels", filename="my <logo>.png", content_type="image/png")
        headers: Mapping[str, str] = {
            "Cookie": f"{COOKIE}={cookie}",
            "Sec-Fetch-Site": "same-origin",
            "User-Agent": FIREFOX,
        }
        url = house.server.make_url("/t/file")
        async with house.http.post(url, data=form, headers=headers, allow_redirects=False) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    asked = await upload(_filled(cookie))
    assert asked.status == 401
    form = _Form(asked.text)
    assert form.fields == _filled(cookie)
    assert (form.files, form.enctype) == (["logo"], "multipart/form-data")
    assert "my &lt;logo&gt;.png" in asked.text
    assert "pixels" not in asked.text
    went = await upload(form.fields + _proof(house))
    assert went.status == 200
    assert (went.json["words"], went.json["files"]) == (TYPED, {"logo": "pixels"})


@pytest.mark.feature("SEC-34")
async def test_scripts_and_pages_without_a_form_are_told_as_ever(house: House) -> None:
    cookie = await _stale(house)
    script = await _send(house, "/t/say", cookie, _filled(cookie), Accept="application/json")
    assert (script.status, script.json["refused"]) == (401, "step_up_required")
    looked = await house.ask("GET", "/t/look?x=1", cookie=cookie)
    assert (looked.status, looked.headers["Location"]) == (303, "/step-up?next=%2Ft%2Flook%3Fx%3D1")
    token = await house.log_in("admin")
    house.clock.advance(timedelta(seconds=301))
    api = await house.ask("PUT", "/api/v1/settings/texts/tv.confirmed", bearer=token, body={"text": ""})
    assert (api.status, api.json["error"]) == (401, "step_up_required")
    by_cookie = await _stale(house, "admin")
    api = await house.ask("PUT", "/api/v1/settings/texts/tv.confirmed", cookie=by_cookie, body={"text": ""})
    assert (api.status, api.json["error"]) == (401, "step_up_required")


@pytest.mark.feature("SEC-34")
async def test_new_recovery_codes_in_one_go(house: House) -> None:
    cookie = await _stale(house)
    asked = await _send(house, "/profile/recovery-codes", cookie, [("csrf", token_for(cookie))])
    form = _Form(asked.text)
    assert (asked.status, form.action) == (401, "/profile/recovery-codes")
    assert '<a href="/profile">' in asked.text, "a way out"
    made = await _send(house, form.action, cookie, form.fields + _proof(house))
    assert made.status == 200
    assert "Your new recovery codes" in made.text
    fresh = _new_cookie(made)
    assert f'value="{token_for(fresh)}"' in made.text
    assert token_for(cookie) not in made.text


def test_no_form_uses_the_names_of_the_proof() -> None:
    taken = {name for route in page_routes() if route.body is not None for name in route.body.model_fields}
    assert not taken & {"proof_password", "proof_code", "csrf"}
