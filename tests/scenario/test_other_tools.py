"""Other tools are told, from the form of an admin to the tool that checks the signature, on a whole house (SEC-47)."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest

from bot.webhook_rules import headers_of
from identity.sessions import address_block, token_digest
from simulator.tool import PATH as TOOL_PATH
from simulator.tool import Answer as ToolAnswer
from storage.webhook_events import EVENTS
from storage.webhooks import NewWebhook
from tests.fixtures.demo_house import DemoHouse, Who, code_in
from tests.fixtures.forms import words
from tests.fixtures.running_demo import Answer
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem

HOOKS = "/settings/webhooks"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{44}")
EVERY = {"name": "Board", "events": list(EVENTS)}


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def ask(
    demo: DemoHouse,
    method: str,
    path: str,
    fields: Mapping[str, object] | None = None,
    *,
    who: Who = "alex",
    age: int = 0,
) -> Answer:
    """Somebody who signed in `age` seconds ago asks for a page, or sends its form."""
    services, now = demo.house.services, demo.house.clock.now() - timedelta(seconds=age)
    token = services.random.token()
    await services.accounts.create_log_in(
        tenant_id=demo.seeded.tenant_id,
        log_in_id=services.random.new_id(now),
        technician_id=demo.technician(who).id,
        digest=token_digest(token),
        kind="bearer",
        now=now,
        expires_at=now + timedelta(days=365),
        address_block=address_block("127.0.0.1"),
        browser="",
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded"}
    data = urlencode(dict(fields or {}), doseq=True).encode() if method == "POST" else None
    url = demo.house.settings.public_url + path
    async with demo.http.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
        return Answer(response.status, dict(response.headers), await response.text())


async def press(demo: DemoHouse, path: str, fields: Mapping[str, object] | None = None) -> Answer:
    return await ask(demo, "POST", path, fields)


async def see(demo: DemoHouse, path: str) -> str:
    answer = await ask(demo, "GET", path)
    assert answer.status == 200, answer.text
    return words(answer.text)


async def added(demo: DemoHouse, **more: object) -> tuple[str, str]:
    """The demo's own tool as a webhook: its page and its secret."""
    answer = await press(demo, HOOKS, {**EVERY, "url": demo.world.tool_address(), **more})
    assert answer.status == 200, answer.text
    (secret,) = set(SECRET.findall(answer.text))
    listed = await ask(demo, "GET", HOOKS)
    return re.findall(rf"{HOOKS}/[0-9a-f-]{{36}}", listed.text)[-1], secret


async def told(demo: DemoHouse, *events: str) -> list[Any]:
    """What the tool has taken, once it has all of these, each as often as it stands here."""

    async def has_all() -> bool:
        return Counter(events) <= Counter(taken.type for taken in demo.world.tool.taken.values())

    await demo.until(has_all, f"the tool to be told of {events}")
    return [json.loads(taken.body) for taken in demo.world.tool.taken.values()]


def of(events: list[Any], name: str) -> dict[str, str]:
    (data,) = [event["data"] for event in events if event["type"] == name]
    return dict(data)


async def kinds(demo: DemoHouse) -> list[str]:
    return [row["kind"] for row in await demo.audit("kind=webhook.")]


@pytest.mark.feature("SEC-47")
async def test_a_check_is_told_of_from_its_start_to_its_end(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await added(demo)
    check_id = await demo.verify(ada)
    assert (await demo.claim(check_id, ticket=ada.open_ticket or "later")).status == 200
    code = code_in(demo.texts_to(ada)[0])
    await demo.text(ada, f"#confirm {code}")
    events = await told(demo, "verification.started", "verification.claimed", "verification.confirmed")

    started, confirmed = of(events, "verification.started"), of(events, "verification.confirmed")
    assert started == {"verification_id": check_id, "verifies": "technician", "state": "open", "contact_id": ada.id}
    assert confirmed == {
        "verification_id": check_id,
        "verifies": "technician",
        "state": "confirmed",
        "contact_id": ada.id,
        "technician_id": demo.technician("dana").id,
        "ticket_id": ada.open_ticket,
        "assurance": "compare",
    }
    left = " ".join(taken.body for taken in demo.world.tool.taken.values())
    for secret in (code, ada.mobile, ada.mobile[-7:], ada.name, "Dana", "Reyes"):
        assert secret not in left
    shown = [sent for sent in demo.world.outbox() if sent.channel == "webhook"]
    assert {sent.text for sent in shown} == {event["type"] for event in events}
    assert demo.world.tool.refused == 0


@pytest.mark.feature("SEC-47")
async def test_while_the_house_is_down_nothing_is_lost(demo: DemoHouse) -> None:
    await added(demo)
    demo.world.tool.answers.extend([ToolAnswer(503)] * 40)
    await demo.verify(demo.contact("ada"))
    await demo.text(demo.contact("ben"), "#verify")
    await demo.until(lambda: _tried(demo, 2), "the first tries")
    address = demo.world.tool_address()
    await demo.start_again(timedelta(minutes=1))
    # What is late goes out at once, to nobody; the clock moves only when that has been written down.
    await demo.until(lambda: _settled(demo, 2), "the second tries")
    # The demo has another port now, and its tool with it.
    webhooks = demo.house.services.webhooks
    (hook,) = await webhooks.listed(demo.seeded.tenant_id)
    assert address != demo.world.tool_address()
    url, host = demo.world.tool_address(), "127.0.0.1"
    assert await webhooks.change(demo.seeded.tenant_id, hook.id, name="Board", events=hook.events, url=url, host=host)
    await demo.advance(6 * 60)
    events = await told(demo, "verification.started", "verification.started")
    started = {event["data"]["contact_id"] for event in events if event["type"] == "verification.started"}
    assert started == {demo.contact("ada").id, demo.contact("ben").id}
    # A try that was under way when the clock jumped may have been made again, but never under another id.
    assert Counter(event["type"] for event in events)["verification.started"] == 2


async def _settled(demo: DemoHouse, attempt: int) -> bool:
    """Whether every delivery has had so many tries, and none is under way."""
    rows = await demo.rows("SELECT attempt, leased_until FROM webhook_deliveries")
    return all((row[0], row[1]) == (attempt, None) for row in rows)


async def _tried(demo: DemoHouse, times: int) -> bool:
    return demo.world.tool.tries >= times


@pytest.mark.feature("SEC-47", "SEC-56")
async def test_an_admin_adds_tries_changes_and_removes_one(demo: DemoHouse) -> None:
    assert "No tool is told yet" in await see(demo, HOOKS)
    path, secret = await added(demo)
    assert secret not in await see(demo, path)
    assert "127.0.0.1" in await see(demo, path)
    assert TOOL_PATH not in await see(demo, path), "an address may hold a secret"

    sent = await press(demo, path + "/test")
    assert sent.headers["Location"] == f"{path}?said=webhook_sent"
    assert "webhook.test arrived, 204" in await see(demo, path)

    demo.world.tool.answers.append(ToolAnswer(401))
    await press(demo, path + "/test")
    page = await see(demo, path)
    assert "given up" in page
    assert "It answered 401: it refuses. Is the secret there the one that was shown here?" in page
    again = re.findall(rf"{path}/deliveries/[0-9a-f-]{{36}}/again", (await ask(demo, "GET", path)).text)
    assert (await press(demo, again[0])).status == 303
    assert "given up" not in await see(demo, path)

    rotated = await press(demo, path + "/rotate")
    assert SECRET.search(rotated.text)
    assert secret not in rotated.text
    await press(demo, path + "/test")
    assert (await see(demo, path)).count("arrived, 204") == 3

    changed = await press(demo, path, {"name": "Wall", "events": ["alert.raised"]})
    assert changed.headers["Location"] == f"{path}?said=saved"
    assert "Wall" in await see(demo, HOOKS)
    assert "one event" in await see(demo, HOOKS)
    assert (await press(demo, path + "/switch", {"on": "no"})).status == 303
    assert "switched off" in await see(demo, path)
    assert (await press(demo, path + "/switch", {"on": "yes"})).status == 303
    assert (await press(demo, path + "/remove")).headers["Location"] == f"{HOOKS}?said=webhook_removed"
    assert (await ask(demo, "GET", path)).status == 404
    assert await kinds(demo) == [
        *("webhook.added", "webhook.sent_by_hand", "webhook.sent_by_hand", "webhook.sent_by_hand", "webhook.rotated"),
        *("webhook.sent_by_hand", "webhook.changed", "webhook.switched", "webhook.switched", "webhook.removed"),
    ]


@pytest.mark.feature("SEC-46", "SEC-47")
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"url": "http://93.184.215.14/hooks"}, "must start with https://"),
        ({"url": "https://169.254.169.254/latest/meta-data/"}, "where clouds keep their metadata"),
        ({"url": "https://10.1.2.3/"}, "a private network"),
        ({"url": "https://2130706433/"}, "four numbers with dots"),
        ({"url": "https://[::ffff:10.1.2.3]/"}, "wrapped in IPv6"),
        ({"url": "tool.example"}, "must start with https://"),
        ({"url": "https://user:pw@tool.example/"}, "before an @"),
        ({"url": ""}, "must start with https://"),
        ({"url": "https://" + "a" * 3000}, "longer than"),
        ({"name": " "}, "Say which tool it is"),
        ({"name": "n" * 121}, "shorter name"),
        ({"events": []}, "Tick at least one event"),
        ({"events": ["verification.confirmed", "everything"]}, "Tick at least one event"),
    ],
)
async def test_what_is_wrong_is_said_at_the_field_and_nothing_typed_is_lost(
    demo: DemoHouse, fields: dict[str, object], says: str
) -> None:
    sent: dict[str, object] = {
        "name": "My dashboard",
        "url": demo.world.tool_address(),
        "events": ["alert.raised"],
        **fields,
    }
    answer = await press(demo, HOOKS, sent)
    page = unescape(answer.text)
    assert answer.status == 422
    assert says in page
    assert f'value="{sent["name"]}"' in page
    assert f'value="{sent["url"]}"' in page
    assert await demo.house.services.webhooks.listed(demo.seeded.tenant_id) == ()
    assert await kinds(demo) == []


@pytest.mark.feature("SEC-34")
async def test_changes_ask_for_a_fresh_proof_and_nobody_but_admins_gets_here(demo: DemoHouse) -> None:
    path, _ = await added(demo)
    for method, where, fields in (
        ("POST", HOOKS, {**EVERY, "url": demo.world.tool_address()}),
        ("POST", path, EVERY),
        ("POST", path + "/rotate", {}),
        ("POST", path + "/switch", {"on": "no"}),
        ("POST", path + "/remove", {}),
    ):
        stale = await ask(demo, method, where, fields, age=301)
        assert (stale.status, stale.headers.get("Location", "").partition("?")[0]) == (303, "/step-up"), where
        assert (await ask(demo, method, where, fields, who="sam")).status == 403, where
    assert (await ask(demo, "GET", path, who="sam")).status == 403
    (hook,) = await demo.house.services.webhooks.listed(demo.seeded.tenant_id)
    assert (hook.disabled_at, hook.older_until) == (None, None)


@pytest.mark.feature("SEC-47", "SEC-57")
async def test_a_tool_that_says_gone_is_switched_off_and_the_console_says_so(demo: DemoHouse) -> None:
    path, _ = await added(demo)
    demo.world.tool.answers.append(ToolAnswer(410))
    await press(demo, path + "/test")
    assert "switched off: it answered that it wants no more" in await see(demo, HOOKS)
    alerts = await demo.house.services.alerts.unseen(demo.seeded.tenant_id)
    assert [alert.kind for alert in alerts] == ["webhook_gone"]
    assert "wants no more events" in await see(demo, "/codes")


@pytest.mark.feature("SEC-47")
async def test_the_demo_s_tool_refuses_what_is_signed_wrong_or_late(demo: DemoHouse) -> None:
    _, secret = await added(demo)
    body, now = b'{"type":"x","timestamp":"","data":{}}', demo.house.clock.now()
    for headers, status in (
        (headers_of("id-1", now, body, [secret]), 204),
        (headers_of("id-2", now - timedelta(minutes=6), body, [secret]), 401),
        (headers_of("id-3", now, body + b" ", [secret]), 401),
        ({"Content-Type": "application/json"}, 401),
    ):
        async with demo.http.post(demo.world.tool_address(), data=body, headers=dict(headers)) as answer:
            assert answer.status == status
    assert list(demo.world.tool.taken) == ["id-1"]


@pytest.mark.feature("SEC-35", "SEC-47")
async def test_a_tool_that_was_told_asks_how_things_stand_with_a_key_that_can_only_read(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    await added(demo)
    made = await press(demo, "/settings/keys", {"name": "Reset tool", "scopes": ["checks:read"], "days": "30"})
    key = max(re.findall(r"wwk_[A-Za-z0-9_-]+", made.text), key=len)
    check_id = await demo.verify(ada)
    await demo.claim(check_id, ticket=ada.open_ticket or "later")
    (started, *_) = [e for e in await told(demo, "verification.started") if e["type"] == "verification.started"]
    asked = await demo.ask("GET", f"/api/v1/contacts/{started['data']['contact_id']}/verifications", bearer=key)
    assert asked.status == 200, asked.text
    assert [(row["state"], row["ticket"] is None, row["code"]) for row in asked.json["items"]] == [
        ("claimed", False, None)
    ]
    one = await demo.ask("GET", f"/api/v1/technician-verifications/{started['data']['verification_id']}", bearer=key)
    assert (one.status, one.json["id"], one.json["code"]) == (200, check_id, None)
    assert {"assurance", "created_at"} <= one.json.keys()
    assert (await demo.ask("GET", f"/api/v1/contacts/{ada.id}", bearer=key)).status == 403


@pytest.mark.feature("SEC-37")
async def test_another_tenant_s_webhook_is_as_if_it_were_not(house: House) -> None:
    id = house.services.random.new_id(house.clock.now())
    new = NewWebhook(id, "Theirs", "https://tool.example/", "tool.example", ["alert.raised"], "")
    await house.services.webhooks.add(house.other.tenant_id, new, house.clock.now())
    cookie = await house.log_in("admin", "cookie")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for method, path, raw in (
        ("GET", f"{HOOKS}/{id}", None),
        ("POST", f"{HOOKS}/{id}", b"name=x&events=alert.raised"),
        ("POST", f"{HOOKS}/{id}/test", b""),
        ("POST", f"{HOOKS}/{id}/rotate", b""),
        ("POST", f"{HOOKS}/{id}/switch", b"on=no"),
        ("POST", f"{HOOKS}/{id}/remove", b""),
    ):
        answer = await house.ask(method, path, raw=raw, cookie=cookie, headers=form if method == "POST" else {})
        assert answer.status == 404, path
    (theirs,) = await house.services.webhooks.listed(house.other.tenant_id)
    assert (theirs.name, theirs.disabled_at) == ("Theirs", None)
