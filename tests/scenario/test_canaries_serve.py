"""The real process with its real log, and the commands before it: nothing they write holds a secret (SEC-20)."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.fixtures.canaries import (
    BEARER,
    BODY,
    BREAKS,
    EMAIL,
    LINK,
    MOBILE,
    PASSWORD,
    SESSION,
    SIGNATURE,
    Canaries,
    one_record_each,
)
from tests.fixtures.servers import free_port
from tests.scenario.test_commands import ROOT, Shell, shell_for
from web.csrf import COOKIE


@pytest.mark.feature("SEC-20")
async def test_serve_itself_says_nothing(tmp_path: Path) -> None:
    """The real process with its real log: everything it writes from start to stop."""
    port, key = free_port(), base64.b64encode(os.urandom(32)).decode()
    base = f"http://127.0.0.1:{port}"
    shell = Shell(
        {**shell_for(tmp_path / "w.db").environment, "WATCHWORD_MASTER_KEY": key, "WATCHWORD_PUBLIC_URL": base}
    )
    account, token = "AC" + "5e" * 16, "c0ffee" * 5 + "00"
    outputs = await asyncio.to_thread(_set_up, shell, account, token, tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "watchword", "serve", "--port", str(port)),
        cwd=ROOT,
        env={**os.environ, **shell.environment, "WATCHWORD_METRICS_TOKEN": BEARER},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with aiohttp.ClientSession() as http:
        await _until_ready(http, base)
        hook, form = "/webhooks/twilio/sms", {"Body": BODY, "AccountSid": account, "From": MOBILE}
        sent: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", hook, {"data": form}),
            ("POST", hook, {"data": form, "headers": {"X-Twilio-Signature": SIGNATURE}}),
            ("POST", "/api/v1/sessions", {"json": {"login": EMAIL, "password": PASSWORD, "totp": "482913"}}),
            ("GET", f"/v/{LINK}?password={quote(PASSWORD)}", {"headers": {"Cookie": f"{COOKIE}={SESSION}"}}),
            ("GET", f"/nothing/{quote(BREAKS, safe='')}", {}),
            ("GET", "/metrics", {"headers": {"Authorization": f"Bearer {SESSION}"}}),
        ]
        for method, path, more in sent:
            async with http.request(method, base + path, **more) as answer:
                outputs.append(await answer.text())
                assert 400 <= answer.status < 500, path
    process.send_signal(signal.SIGTERM)
    out, err = await process.communicate()
    assert process.returncode == 0
    log = err.decode()
    canaries = Canaries(
        {"body": BODY, "card": "4929 1387", "password": PASSWORD, "link": LINK, "cookie": SESSION, "bearer": BEARER}
        | {"signature": SIGNATURE, "mobile": MOBILE[1:], "email": EMAIL.partition("@")[0], "carrier token": token}
        | {"master key": key}
    )
    for where, text in (("log", log), ("out", out.decode()), ("answers and commands", "".join(outputs))):
        assert canaries.found_in(text) == [], where
    records = [json.loads(line) for line in log.splitlines()]
    assert {"serving", "twilio_refused", "request"} <= {record["event"] for record in records}
    assert "forged-by-a-caller" not in {record["event"] for record in records}
    one_record_each(log)


def _set_up(shell: Shell, account: str, token: str, folder: Path) -> list[str]:
    """An installation by the command line, with mistakes; everything the commands said."""
    people = folder / "people.csv"
    people.write_text(f"client,name,mobile,email\nAcme,Canary Person,{MOBILE},{EMAIL}\nAcme,Wrong,{MOBILE}x,{EMAIL}\n")
    wrong_token = folder / "token"
    wrong_token.write_text(f"{PASSWORD}\n")
    commands: list[tuple[tuple[str, ...], str]] = [
        (("migrate",), ""),
        (("tenant", "add", "acme", "--name", "Acme Support", "--set", "phone=+12125550100"), ""),
        (("number", "add", "+12125550101"), ""),
        (("carrier", "add", account, "--token-file", str(wrong_token)), ""),
        (("carrier", "add", account), f"{token}\n"),
        (("client", "add", "Acme"), ""),
        (("contact", "import", str(people)), "y\n"),
        (("number", "list"), ""),
        (("number", "fallback"), ""),
        (("tenant", "list"), ""),
        (("doctor",), ""),
        (("doctor", "--json"), ""),
    ]
    said = []
    for words, typed in commands:
        done = shell(*words, typed=typed)
        # An import names the lines that it could not take, to the operator who typed them; nothing else does.
        said.append("" if words[0] == "contact" else done.out + done.err)
    return said


async def _until_ready(http: aiohttp.ClientSession, base: str) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with http.get(base + "/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
