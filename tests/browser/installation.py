"""An installation as an operator begins it: an empty database, a tenant and an admin from the command line, the real
server beside a simulated carrier on loopback. What comes after is for a person at a screen."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from simulator.carrier_records import CarrierAccount, TextRoute
from tests.browser.desk import Demo
from tests.faults.carrier import CarrierHouse
from tests.fixtures.servers import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
T = TypeVar("T")


@dataclass
class Twilio:
    """The person's account at the carrier, and what they do in its console and with a phone."""

    account_sid: str
    auth_token: str
    number: str
    loop: asyncio.AbstractEventLoop
    house: CarrierHouse = field(init=False)

    def paste(self, webhook: str) -> None:
        """Set the number's messaging webhook to what was copied from the page."""
        self.house.carrier.routes[self.number] = TextRoute(webhook)
        self.house.carrier.public_url = webhook.partition("/webhooks/")[0]

    def text(self, phone: str, body: str) -> int:
        """A text from a phone; what the webhook answered."""
        assert self.house.carrier.routes, "nobody has told the carrier where texts go"
        return self.run(self.house.carrier.text(phone, self.number, body)).status

    def texts_to(self, phone: str) -> list[str]:
        """What the phone got, oldest first."""
        return list(self.house.carrier.phones[phone])

    def wait_for(self, phone: str, *words: str) -> str:
        """The text to this phone that has one of these in it."""
        return self.run(asyncio.wait_for(self.house.carrier.text_with(phone, *words), PATIENCE_S))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The carrier lives on a loop of its own, in a thread of its own."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)


@dataclass
class Installation:
    """What runs. `demo`: the admin, in the shape in which `Desk` signs people in."""

    base_url: str
    demo: Demo
    twilio: Twilio
    environment: dict[str, str]

    def command(self, *words: str, typed: str = "") -> str:
        """A command of the operator's; what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "watchword", *words],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def installation(folder: Path, *, number: str) -> Iterator[Installation]:
    """From an empty folder to a server that answers and one admin who can sign in. `number`: the one that the person
    rents from the carrier; nobody has told Watchword."""
    with ExitStack() as stack:
        twilio = Twilio("AC" + "5e" * 16, "0123456789abcdef" * 2, number, stack.enter_context(_loop()))
        twilio.house = CarrierHouse(CarrierAccount(twilio.account_sid, twilio.auth_token, frozenset({number})), "")
        twilio.run(twilio.house.open())
        stack.callback(lambda: twilio.run(twilio.house.close()))
        base = f"http://127.0.0.1:{free_port()}"
        environment = {
            "WATCHWORD_DATABASE_URL": f"sqlite:///{folder / 'watchword.db'}",
            "WATCHWORD_MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
            "WATCHWORD_PUBLIC_URL": base,
            "WATCHWORD_TWILIO_URL": twilio.house.url,
        }
        made = Installation(base, Demo(_nobody(base)), twilio, environment)
        made.command("migrate")
        made.command("tenant", "add", "harbor", "--name", "Harbor IT")
        login, name = "alex@harbor.example", "Alex Stone"
        said = made.command("user", "add", login, "--name", name, "--role", "admin", typed="\n")
        password, secret = (re.search(rf"^{what}: +(\S+)$", said, re.MULTILINE) for what in ("Password", "Secret"))
        assert password is not None, said
        assert secret is not None, said
        made.demo.facts["technicians"].append({"login": login, "password": password[1], "totp_secret": secret[1]})
        stack.enter_context(_served(made, folder / "serve.log"))
        yield made


def _nobody(base: str) -> dict[str, Any]:
    return {"base_url": base, "twilio": {"verification_number": ""}, "technicians": [], "contacts": []}


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


@contextmanager
def _served(made: Installation, log: Path) -> Iterator[None]:
    port = made.base_url.rpartition(":")[2]
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "watchword", "serve", "--port", port],
            cwd=ROOT,
            env={**os.environ, **made.environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _until_ready(made.base_url, process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def _until_ready(base: str, process: subprocess.Popen[Any], log: Path) -> None:
    until = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(base + "/readyz", timeout=5) as answer:  # noqa: S310 - our own server
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)  # waits for another program, which has no other way to tell
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")
