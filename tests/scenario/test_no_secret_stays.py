"""The canary: everything happens once, everything is logged, and no secret is found in anything that is kept."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog

from bot.logs import configure
from bot.seeds import UNKNOWN_MOBILE
from simulator.carrier_records import Fault
from tests.fixtures.demo_house import DemoHouse, wrong


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """Our own log and every library's, at the lowest level, as one text."""
    kept, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    said = io.StringIO()
    configure(readable=False, out=said, level=logging.DEBUG)
    root.setLevel(logging.DEBUG)
    yield said
    structlog.configure(**kept)
    for handler in [h for h in root.handlers if h not in handlers]:
        root.removeHandler(handler)
    root.setLevel(level)


def _changed(secret: str) -> str:
    return ("x" if secret[0] != "x" else "y") + secret[1:]


@pytest.mark.feature("SEC-17", "SEC-20", "TV-02")
async def test_no_secret_is_in_logs_database_notes_or_history(
    demo: DemoHouse, everything_logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    # Ten digits: a short code is found by chance among times and ids.
    await demo.settings(lambda s: replace(s, code_length=10))
    ada, ben, eve = demo.contact("ada"), demo.contact("ben"), demo.contact("eve")
    canaries: set[str] = {demo.seeded.auth_token}
    for technician in demo.seeded.technicians:
        canaries |= {technician.password, technician.totp_secret}
    signed_in = (await demo.login("theo")).json
    canaries |= {signed_in["token"], await demo.token("dana")}
    codes = set()

    # Announced, wrongly answered, resent, confirmed.
    await demo.announce(ada, notify=True)
    id = await demo.verify(ada)
    code = (await demo.check(id))["code"]
    codes |= {code, wrong(code)}
    live = await demo.contents()
    assert code.encode() not in live, "a live code is kept as ciphertext only"
    await demo.text(ada, f"#confirm {wrong(code)}")
    await demo.advance(31)
    await demo.act(id, "resend")
    await demo.text(ada, f"#confirm {code}")
    assert (await demo.check(id))["state"] == "confirmed"
    # Claimed with a new ticket, in trouble on the way, denied.
    demo.world.carrier.fail_next(Fault(drop=True), Fault(status=500), Fault(malformed=True))
    id = await demo.verify(ben)
    codes.add((await demo.claim(id, ticket="new")).json["code"])
    await demo.advance(5)
    await demo.text(ben, "#deny")
    # Never sent, never claimed, run out.
    demo.world.carrier.fail_next(*[Fault(status=503)] * 50)
    id = await demo.verify(eve)
    codes.add((await demo.claim(id)).json["code"])
    await demo.advance(700)
    demo.world.carrier.faults.clear()
    # Refused at the door, with a line break that would like to be a line of its own.
    fields = demo.form(ada.mobile, f"#confirm {code}\r\n2026-01-01 CRITICAL forged", "SM" + "3" * 32)
    signature = demo.sign(fields)
    canaries.add(signature)
    assert (await demo.post(fields, _changed(signature))).status == 403
    assert (await demo.post(fields, signature)).status == 200
    assert (await demo.ask("GET", "/api/v1/audit", bearer=_changed(signed_in["token"]))).status == 401
    wrong_login = {"login": "dana@harbor.example", "password": "canary-password-eleven", "totp": "000000"}
    canaries.add(wrong_login["password"])
    assert (await demo.ask("POST", "/api/v1/sessions", wrong_login)).status == 401
    await demo.text(UNKNOWN_MOBILE, f"#confirm {code}")
    await demo.idle()

    history = json.dumps(await demo.audit("")) + (await demo.api("GET", "/api/v1/alerts", who="theo")).text
    tickets = (await demo.api("GET", "/api/v1/tickets")).json["items"]
    notes = "".join([note for ticket in tickets for note in await demo.notes(ticket["id"])])
    left = await demo.rows("SELECT template, status FROM outbox WHERE template LIKE 'tv.code%' AND payload IS NOT NULL")
    assert left == [], "texts that carried a code are wiped once they are done with"
    await demo.close()
    logs = everything_logged.getvalue()
    printed = "".join(capfd.readouterr())
    await demo.open()
    database = await demo.contents()

    assert "twilio_refused" in logs, "the log was really listened to"
    assert "CRITICAL forged" not in logs
    assert all(json.loads(line) for line in logs.splitlines())
    assert len(codes) == 4
    for name, kept in (("logs", logs), ("history", history), ("notes", notes), ("printed", printed)):
        found = [canary for canary in codes | canaries if canary in kept]
        assert not found, f"{len(found)} secrets in {name}"
    found = [canary for canary in codes | canaries if canary.encode() in database]
    assert not found, f"{len(found)} secrets in the database"
    for mobile in (ada.mobile, ben.mobile, eve.mobile, UNKNOWN_MOBILE):
        assert mobile not in logs + printed
        assert mobile.removeprefix("+1") not in logs + printed
