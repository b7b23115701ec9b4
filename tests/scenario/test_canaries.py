"""Canaries at the noisiest level of the log: through every flow, and into nothing that comes out (SEC-20).

What is kept in the database is looked at in `test_no_secret_stays`; here it is everything that is said: log, standard
output and error, the monitors' pages, answers that refuse, ticket notes.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from typing import Any, NoReturn
from urllib.parse import quote

import pytest
import structlog

from bot.logs import configure
from bot.seeds import UNKNOWN_MOBILE
from tests.fixtures.canaries import (
    BEARER,
    BODY,
    BREAKS,
    EMAIL,
    LINK,
    MOBILE,
    NOTE,
    PASSWORD,
    SESSION,
    SIGNATURE,
    Canaries,
    one_record_each,
)
from tests.fixtures.demo_house import DemoHouse, wrong
from web.csrf import COOKIE


@pytest.fixture(params=["serve", "demo"])
def said(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """The log as `serve` or the demo sets it up, but at DEBUG, every library included."""
    kept, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    out = io.StringIO()
    configure(readable=request.param == "demo", out=out, level=logging.DEBUG)
    root.setLevel(logging.DEBUG)
    yield out
    structlog.configure(**kept)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.feature("SEC-20", "SEC-57", "TV-02")
async def test_no_canary_comes_out(
    demo: DemoHouse, said: io.StringIO, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    canaries = Canaries(
        {"password": PASSWORD, "body": BODY, "card": "4929 1387", "bearer": BEARER, "cookie": SESSION, "link": LINK}
        | {"signature": SIGNATURE, "note": NOTE, "mobile": MOBILE, "email": EMAIL.partition("@")[0]}
        | {"token": demo.seeded.auth_token, "unknown": UNKNOWN_MOBILE.removeprefix("+")}
        | {t.login + " totp": t.totp_secret for t in demo.seeded.technicians}
        | {t.login + " password": t.password for t in demo.seeded.technicians}
        | {c.name + " mobile": c.mobile.removeprefix("+") for c in demo.seeded.contacts}
    )
    await _checks(demo, canaries)
    await _sign_ins(demo, canaries)
    await _refused_webhooks(demo, canaries)
    await _strange_requests(demo, canaries)
    await _crashes(demo, canaries, monkeypatch)
    pages = ""
    for path in ("/metrics", "/readyz", "/healthz"):
        answer = await demo.ask("GET", path)
        assert answer.status == 200, path
        pages += answer.text
    tickets = (await demo.api("GET", "/api/v1/tickets")).json["items"]
    notes = "".join([note for ticket in tickets for note in await demo.notes(ticket["id"])])
    await demo.close()
    printed, log = "".join(capfd.readouterr()), said.getvalue()
    await demo.open()

    for expected in ("twilio_refused", "unexpected", "round_failed", "a task failed"):
        assert expected in log, "the log was really listened to"
    assert "watchword_turn_seconds_count" in pages
    assert len(canaries.refusals) > 15
    assert NOTE in notes, "what a technician notes is for the ticket, and for nothing else"
    for where, text in (("log", log), ("printed", printed), ("pages", pages), ("refusals", "".join(canaries.refusals))):
        assert canaries.found_in(text) == [], where
    spoken = {"note", *(name for name in canaries.secrets if name.endswith(" mobile"))}
    assert set(canaries.found_in(notes)) <= spoken
    one_record_each(log)


async def _checks(demo: DemoHouse, canaries: Canaries) -> None:
    """Announced, mistyped, confirmed, denied, spoken; with codes too long to be found by chance."""
    await demo.settings(lambda s: replace(s, code_length=10))
    ada, ben, cleo = demo.contact("ada"), demo.contact("ben"), demo.contact("cleo")
    await demo.announce(ada, notify=True)
    id = await demo.verify(ada)
    code = (await demo.check(id))["code"]
    canaries.secrets |= {"code": code, "wrong code": wrong(code)}
    await demo.text(ada, f"#confirm {wrong(code)}")
    await demo.text(ada, BODY + BREAKS)
    await demo.text(ada, f"#confirm {code}")
    id = await demo.verify(ben)
    canaries.secrets["denied code"] = (await demo.claim(id, ticket="new")).json["code"]
    assert await canaries.refuse(demo.claim(id, who="theo")) == 409
    await demo.text(ben, "#deny")
    id = await demo.verify(cleo)
    canaries.secrets["spoken code"] = (await demo.claim(id, ticket="new")).json["code"]
    await demo.act(id, "verbal", {"note": NOTE})
    await demo.text(UNKNOWN_MOBILE, f"#confirm {code} {BODY}")
    await demo.text(MOBILE, BODY)


async def _sign_ins(demo: DemoHouse, canaries: Canaries) -> None:
    canaries.secrets["log-in"] = (await demo.login("theo")).json["token"]
    sessions = "/api/v1/sessions"
    for login in (demo.technician("dana").login, EMAIL, f"dana{BREAKS}"):
        body = {"login": login, "password": PASSWORD, "totp": "000000"}
        assert await canaries.refuse(demo.ask("POST", sessions, body)) in (401, 422)
    assert await canaries.refuse(demo.ask("POST", sessions, {"login": 1, "password": [PASSWORD], "x": BEARER})) == 422
    assert await canaries.refuse(demo.ask("GET", "/api/v1/alerts", bearer=BEARER)) == 401
    assert await canaries.refuse(demo.ask("GET", f"/api/v1/contacts?q={quote(EMAIL)}", bearer=BEARER)) == 401


async def _refused_webhooks(demo: DemoHouse, canaries: Canaries) -> None:
    fields = demo.form(MOBILE, BODY + BREAKS, "SM" + "4" * 32)
    genuine = demo.sign(fields)
    canaries.secrets["genuine signature"] = genuine
    for form, signature in (
        (fields, None),
        (fields, SIGNATURE),
        (fields | {"AccountSid": "AC" + "9" * 32}, genuine),
        (fields | {"Body": PASSWORD}, genuine),
        (fields | {"To": MOBILE}, demo.sign(fields | {"To": MOBILE})),
    ):
        assert await canaries.refuse(demo.post(form, signature)) == 403
    assert await canaries.refuse(demo.post(BODY.encode() + b"\xff%%%", SIGNATURE)) in (400, 403)
    assert await canaries.refuse(demo.post(fields, SIGNATURE, headers={"Content-Type": "text/plain"})) == 415
    assert await canaries.refuse(demo.post({**fields, "Body": BODY * 9000}, SIGNATURE)) == 413
    assert (await demo.post(fields, genuine)).status == 200
    assert (await demo.post(fields, genuine)).status == 200, "the same once more"


async def _strange_requests(demo: DemoHouse, canaries: Canaries) -> None:
    """Secrets where a careless program would put them, and line breaks in the address."""
    base = demo.house.settings.public_url
    headers = {"Cookie": f"{COOKIE}={SESSION}", "X-CSRF": SESSION, "Sec-Fetch-Site": "cross-site"}
    for method, path in (
        ("POST", "/sign-in"),
        ("GET", f"/v/{LINK}"),
        ("GET", f"/nothing?token={LINK}&password={quote(PASSWORD)}"),
        ("GET", f"/nothing/{quote(BREAKS, safe='')}/{LINK}"),
        ("DELETE", f"/api/v1/contacts/{LINK}"),
        ("GET", f"/api/v1/audit?after={LINK}"),
    ):
        async with demo.http.request(method, base + path, headers=headers, data={"password": PASSWORD}) as answer:
            canaries.refusals.append(await answer.text() + json.dumps(dict(answer.headers)))
            assert 400 <= answer.status < 500 or path == "/sign-in", path


async def _crashes(demo: DemoHouse, canaries: Canaries, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of ours whose own words quote what was sent: in a webhook, in the API, in the dispatcher, in a task."""

    async def broken(*args: object, **more: object) -> NoReturn:
        raise LookupError(f"{BODY} {BEARER} {PASSWORD} {args}")

    id = await demo.verify(demo.contact("dev"))
    with monkeypatch.context() as patched:
        patched.setattr(demo.house.store, "take", broken)
        fields = demo.form(MOBILE, BODY, "SM" + "5" * 32)
        assert await canaries.refuse(demo.post(fields, demo.sign(fields))) == 500
        assert await canaries.refuse(_claim(demo, id)) == 500
    tried = asyncio.Event()

    async def broken_round() -> NoReturn:
        tried.set()
        await broken()

    with monkeypatch.context() as patched:
        patched.setattr(demo.house.dispatcher, "_round", broken_round)
        demo.house.dispatcher.wake()
        # It may be in the middle of a round that works, and begins this one when that has ended.
        await tried.wait()
    forgotten = asyncio.get_running_loop().create_future()
    forgotten.set_exception(LookupError(BODY))
    asyncio.get_running_loop().call_exception_handler({"message": "a task failed", "future": forgotten, "body": BODY})
    forgotten.exception()
    demo.house.dispatcher.wake()


def _claim(demo: DemoHouse, id: str) -> Awaitable[Any]:
    async def ask() -> Any:
        body = {"direction": "we_called_user", "ticket": "later"}
        return await demo.ask(
            "POST", f"/api/v1/technician-verifications/{id}/claim", body, bearer=await demo.token("dana")
        )

    return ask()
