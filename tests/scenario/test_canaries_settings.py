"""Secrets that people enter in the settings or get from them: into no log, no line of the audit log, no export, no page
that is shown later, and into the database only sealed or as a hash (SEC-18, SEC-20, SEC-35, SEC-43)."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from bot.logs import configure
from storage.teams_connections import TeamsConnection
from tests.fixtures.pages import Browser
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem
from web.routing import Access, Surface

CARRIER = "5ec2e7ca" * 4
MAIL = "mail-Canary-Wort-55"
HOOK, FLOW = "hookCanary7731", "flowCanary9942"
CLIENT, APPLICATION = "client~Canary.8812", "6f1c1d2e-0000-4000-8000-00000000a001"
PASSWORD = "quiet canary nineteen lamps"
NEW = {
    "name": "Noor Amari",
    "login": "noor@msp.example",
    "use_mfa": "yes",
    "ui_access": "yes",
    "mobile": "+12125550177",
}


@pytest.fixture
def said() -> Iterator[io.StringIO]:
    """The log at its noisiest."""
    kept, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    out = io.StringIO()
    configure(readable=False, out=out, level=logging.DEBUG)
    root.setLevel(logging.DEBUG)
    yield out
    structlog.configure(**kept)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def _accept(house: House, path: str) -> str:
    """Open the link in every way that programs do, and take its first step; the secret of the app that it shows."""
    browser = Browser(house)
    for method, asked in (("HEAD", path), ("OPTIONS", path), ("PUT", path), ("GET", path + "/"), ("GET", path + ".")):
        assert (await house.ask(method, asked, validate=False)).status < 500
    assert (await browser.post(path, password=PASSWORD, again="something else entirely")).status == 422
    second = await browser.post(path, password=PASSWORD, again=PASSWORD)
    assert second.status == 200
    (shown,) = re.findall(r"<code>([A-Z2-7 ]{20,})</code>", second.text)
    return "".join(shown.split())


async def _enter(house: House, admin: Browser) -> dict[str, str]:
    """Everything that is secret, entered and received; by name."""
    account = {"account_sid": "AC" + "9" * 32, "auth_token": CARRIER, "second_token": ""}
    assert (await admin.post("/settings/carrier", **account)).status == 303
    server = {"host": "9.9.9.9", "port": "587", "security": "starttls", "login": "desk", "password": MAIL}
    assert (await admin.post("/settings/mail", **server, sender="desk@northwind.example")).status == 303
    tenant_id, made_by = house.world.tenant_id, house.people["admin"].id
    now = house.clock.now()
    url = f"https://desk.logic.azure.com/w?sig={FLOW}"
    flow = TeamsConnection(house.services.random.new_id(now), "Desk", url, "", frozenset({"alarm"}), made_by, now)
    await house.services.teams_connections.add(tenant_id, flow)
    tool = {"name": "Tool", "url": f"https://9.9.9.9/h/{HOOK}", "events": "verification.denied"}
    added = await admin.post("/settings/webhooks", **tool)
    (secret,) = set(re.findall(r"whsec_[A-Za-z0-9+/=]{20,}", added.text))
    made = await admin.post("/settings/keys", name="Tool", scopes="checks:read", days="30")
    (key,) = set(re.findall(r"wwk_[A-Za-z0-9_-]{20,}", made.text))
    for path in ("/api/v1/technician-verifications", "/api/v1/contacts", "/api/v1/" + key, f"/api/v1/contacts?q={key}"):
        await house.ask("GET", path, bearer=key, validate=False)
    source = {"name": "Clients", "application_id": APPLICATION, "secret": CLIENT, "expires_on": "2026-12-31"}
    at = (await admin.post("/settings/microsoft-365", **source)).headers["Location"].partition("?")[0]
    (word,) = re.findall(r"state=([\w-]{20,})", (await admin.post(at + "/consent")).text)
    assert (await admin.get(f"{at}/connected?admin_consent=True&tenant={APPLICATION}&state={word}")).status == 200
    invited = await admin.post("/settings/people/new", **NEW)
    (link,) = re.findall(r"/welcome/([\w-]{20,})</code>", invited.text)
    app = await _accept(house, f"/welcome/{link}")
    return {
        **{"carrier": CARRIER, "mail": MAIL, "flow": FLOW, "hook": HOOK, "webhook": secret.removeprefix("whsec_")},
        **{"key": key, "link": link, "password": PASSWORD, "app": app, "client": CLIENT, "word": word},
    }


@pytest.mark.feature("SEC-20", "SEC-18", "SEC-35", "SEC-43", "SEC-47")
async def test_no_secret_of_the_settings_comes_out_again(
    house: House, said: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    admin = Browser.holding(house, await house.log_in("admin", "cookie"))
    secrets = await _enter(house, admin)
    await house.place_lines()
    shown = []
    for route in page_routes():
        if route.method == "GET" and route.surface is Surface.PAGE and "{" not in route.path and not route.demo_only:
            answer = await admin.get(route.path)
            shown.append((route.path, answer.text if route.access is not Access.PUBLIC else ""))
    bearer = await house.log_in("admin")
    for path in ("/api/v1/audit?limit=200", "/api/v1/settings", "/api/v1/integration-keys", "/api/v1/technicians"):
        shown.append((path, (await house.ask("GET", path, bearer=bearer)).text))
    for kind in ("csv", "jsonl"):
        form = {"since": "2026-01-01", "until": "2026-12-31", "format": kind, "opened": "yes"}
        export = await admin.post("/history/log/export", **form)
        assert export.status == 200, export.text
        assert "settings.key_made" in export.text
        shown.append((kind, export.text))
    kept, printed, log = await house.contents(), "".join(capfd.readouterr()), said.getvalue()
    found = []
    for name, secret in secrets.items():
        found += [f"{name} in {path}" for path, text in shown if secret in text]
        found += [f"{name} in the log"] * (secret in log or secret in printed)
        found += [f"{name} in the database"] * (secret.encode() in kept)
    assert found == []
