"""Settings for mail and Teams: saved, tried, refused with the reason beside the field, never shown again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from bot.demo_notices import SENDER
from identity.sessions import address_block, token_digest
from simulator.mailbox import MailFault
from tests.fixtures.demo_house import DemoHouse, Who
from tests.fixtures.forms import post, words
from tests.fixtures.running_demo import Answer
from tests.fixtures.web_house import House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem

MAIL, TEAMS = "/settings/mail", "/settings/teams"
ALEX = "alex@harbor.example"
AFTER_STEP_UP = timedelta(seconds=301)


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def press(demo: DemoHouse, path: str, fields: Mapping[str, str | list[str]] | None = None) -> Answer:
    """Alex, who administers and has just signed in, sends a form."""
    return await ask(demo, "POST", path, urlencode(dict(fields or {}), doseq=True))


async def see(demo: DemoHouse, path: str) -> str:
    answer = await ask(demo, "GET", path)
    assert answer.status == 200, answer.text
    return words(answer.text)


async def ask(demo: DemoHouse, method: str, path: str, form: str = "", who: Who = "alex") -> Answer:
    services, now = demo.house.services, demo.house.clock.now()
    token = services.random.token()
    await services.accounts.create_log_in(
        tenant_id=demo.seeded.tenant_id,
        log_in_id=services.random.new_id(now),
        technician_id=demo.technician(who).id,
        digest=token_digest(token),
        kind="bearer",
        now=now,
        expires_at=now.replace(year=now.year + 1),
        address_block=address_block("127.0.0.1"),
        browser="",
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded"}
    url = demo.house.settings.public_url + path
    async with demo.http.request(
        method, url, data=form.encode() if method == "POST" else None, headers=headers, allow_redirects=False
    ) as response:
        return Answer(response.status, dict(response.headers), await response.text())


def server_of(demo: DemoHouse, **more: str) -> dict[str, str]:
    notices = demo.world.notices
    plain = {
        "host": "127.0.0.1",
        "port": str(notices.mailbox.port),
        "security": "starttls",
        "login": SENDER,
        "password": notices.password,
        "sender": SENDER,
        "sender_name": "Harbor IT",
    }
    return plain | more


async def kinds(demo: DemoHouse) -> list[str]:
    return [row["kind"] for row in await demo.audit("kind=settings.")]


# --- mail -----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("NG-08", "SEC-20", "SEC-56")
async def test_a_mail_server_is_saved_tried_and_removed(demo: DemoHouse) -> None:
    assert (await press(demo, MAIL + "/remove")).headers["Location"] == f"{MAIL}?said=mail_removed"
    assert "No mail server yet" in await see(demo, MAIL)
    saved = await press(demo, MAIL, server_of(demo))
    assert (saved.status, saved.headers["Location"]) == (303, f"{MAIL}?said=mail_saved")
    page = await ask(demo, "GET", MAIL)
    assert demo.world.notices.password not in page.text
    assert 'value="127.0.0.1"' in page.text
    tried = await press(demo, MAIL + "/try")
    assert tried.status == 200
    assert f"The server took the mail to {ALEX}." in words(tried.text)
    assert "250 2.0.0 Ok: queued as" in words(tried.text)
    (mail,) = demo.world.notices.mailbox.mails()
    assert (mail.to, mail.sender, mail.subject) == (ALEX, SENDER, "Watchword: this is a test")
    assert await kinds(demo) == ["settings.mail_removed", "settings.mail_changed", "settings.mail_tried"]


@pytest.mark.feature("SEC-46")
async def test_another_host_is_never_handed_the_password_that_is_saved(demo: DemoHouse) -> None:
    again = await press(demo, MAIL, server_of(demo, password="", sender_name="Night desk"))
    assert again.status == 303, "host and login are as they were"
    for change in ({"host": "127.0.0.2"}, {"login": "other@harbor.example"}):
        answer = await press(demo, MAIL, server_of(demo, password="", **change))
        assert answer.status == 422
        assert "Enter the password of this login." in words(answer.text)
    kept = await demo.house.services.mail_servers.get(demo.seeded.tenant_id)
    assert kept is not None
    assert (kept.server.host, kept.server.sender_name) == ("127.0.0.1", "Night desk")
    assert kept.server.password == demo.world.notices.password


@pytest.mark.parametrize(
    ("fault", "said", "answer"),
    [
        (MailFault("sender", "553 5.7.1 Not yours"), "does not let this login send", "553 5.7.1 Not yours"),
        (MailFault("recipient", "550 5.1.1 <b>Nobody</b>"), "The server refuses the mail.", "550 5.1.1 <b>Nobody</b>"),
        (MailFault("content", "452 4.3.1 Full"), "does not take the mail now", "452 4.3.1 Full"),
        (MailFault("content", silent=True), "took the mail and then said nothing", ""),
    ],
)
async def test_what_the_server_answers_is_shown_and_what_to_do(
    demo: DemoHouse, fault: MailFault, said: str, answer: str
) -> None:
    demo.world.notices.mailbox.fail_next(fault)
    tried = await press(demo, MAIL + "/try")
    assert tried.status == 200
    assert said in words(tried.text)
    assert answer in words(tried.text)
    assert "<b>Nobody" not in tried.text


async def test_a_wrong_password_is_told(demo: DemoHouse) -> None:
    await press(demo, MAIL, server_of(demo, password="wrong"))
    tried = words((await press(demo, MAIL + "/try")).text)
    assert "The server refuses login and password." in tried
    assert "535" in tried


@pytest.mark.feature("SEC-46")
@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("host", "127.0.0.1", "leads to this machine itself"),
        ("host", "10.0.0.5", "leads to a private network"),
        ("host", "169.254.169.254", "link-local"),
        ("host", "::1", "leads to this machine itself"),
        ("host", "smtp.example.com/../x", "Write the name of the server alone"),
        ("host", "smtps://mail.example.com", "Write the name of the server alone"),
        ("host", "user@203.0.113.9", "Write the name of the server alone"),
        ("host", "", "Write the name of the server alone"),
        ("port", "0", "A port is a number"),
        ("port", "65536", "A port is a number"),
        ("port", "25; DROP", "A port is a number"),
        ("port", "٢٥", "A port is a number"),
        ("sender", "desk", "not a mail address"),
        ("sender", "desk@example.com\r\nBcc: x@y.example", "not a mail address"),
        ("sender_name", "Desk\r\nBcc: x@y.example", "in one line"),
        ("sender_name", "x" * 121, "shorter name"),
        ("password", "", "Enter the password of this login."),
        ("login", "", "Enter the login that this password belongs to."),
    ],
)
async def test_a_server_that_is_refused(house: House, field: str, typed: str, said: str) -> None:
    given = {
        "host": "8.8.8.8",
        "port": "587",
        "security": "starttls",
        "login": "desk",
        "password": "canary-8Hw2",
        "sender": "desk@example.com",
        "sender_name": "Desk",
        field: typed,
    }
    answer = await post(house, MAIL, given, bearer=await house.log_in("admin"))
    assert answer.status == 422
    assert said in words(answer.text)
    assert "canary-8Hw2" not in answer.text
    assert await house.services.mail_servers.get(house.world.tenant_id) is None


async def test_without_a_server_there_is_nothing_to_try(demo: DemoHouse) -> None:
    await press(demo, MAIL + "/remove")
    tried = await press(demo, MAIL + "/try")
    assert "No mail server is set up yet." in words(tried.text)


# --- Teams ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("TC-02", "TC-04", "TC-05", "TC-06", "TC-07", "SEC-56")
async def test_a_connection_is_added_tried_changed_and_removed(demo: DemoHouse) -> None:
    workflow = demo.world.notices.workflow
    url = workflow.address(demo.house.settings.public_url)
    added = await press(demo, TEAMS, {"name": "Night shift", "url": url, "events": ["unclaimed", "alarm"]})
    assert (added.status, added.headers["Location"]) == (303, f"{TEAMS}?said=teams_added")
    page = await ask(demo, "GET", TEAMS)
    assert "Teams channels" in words(page.text)
    connections = await demo.house.services.teams_connections.all(demo.seeded.tenant_id)
    (night,) = [one for one in connections if one.name == "Night shift"]
    assert (night.url, night.made_by) == (url, demo.technician("alex").id)
    tried = await press(demo, f"{TEAMS}/{night.id}/try")
    assert "The workflow took it (HTTP status 202)." in words(tried.text)
    (entry,) = workflow.outbox()
    assert entry["payload"] == {"text": "Hello, World"}
    changed = await press(demo, f"{TEAMS}/{night.id}", {"name": "Nights", "url": "", "events": "alarm"})
    assert changed.headers["Location"] == f"{TEAMS}?said=teams_changed"
    after = await demo.house.services.teams_connections.get(demo.seeded.tenant_id, night.id)
    assert after is not None
    assert (after.name, after.url, after.events) == ("Nights", url, frozenset({"alarm"}))
    assert (await press(demo, f"{TEAMS}/{night.id}/remove")).headers["Location"] == f"{TEAMS}?said=teams_removed"
    assert (await press(demo, f"{TEAMS}/{night.id}/remove")).status == 404
    assert await kinds(demo) == [f"settings.teams_{what}" for what in ("added", "tried", "changed", "removed")]


@pytest.mark.feature("TC-05")
@pytest.mark.parametrize(
    ("status", "said"), [(401, "HTTP status 401"), (404, "copy it from the workflow anew"), (503, "503")]
)
async def test_what_the_workflow_answers_is_told(demo: DemoHouse, status: int, said: str) -> None:
    demo.world.notices.workflow.failures.append(status)
    (one,) = await demo.house.services.teams_connections.all(demo.seeded.tenant_id)
    tried = await press(demo, f"{TEAMS}/{one.id}/try")
    assert tried.status == 200
    assert said in words(tried.text)
    assert demo.world.notices.workflow.outbox() == []


@pytest.mark.feature("TC-04", "SEC-46", "SEC-20")
@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("url", "", "Paste the address"),
        ("url", "https://evil.example/x", "not the address of a workflow"),
        ("url", "https://logic.azure.com.evil.example/x", "not the address of a workflow"),
        ("url", "https://evillogic.azure.com/x", "not the address of a workflow"),
        ("url", "https://127.0.0.1/x", "not the address of a workflow"),
        ("url", "https://evil.example/?x=.logic.azure.com", "not the address of a workflow"),
        ("url", "https://a.logic.azure.com@evil.example/x", "not the address of a workflow"),
        ("url", "https://evil.example@a.logic.azure.com/x", "must not hold a name or password"),
        ("url", "http://a.logic.azure.com/x", "https://"),
        ("url", "ftp://a.logic.azure.com/x", "https://"),
        ("url", "https://[x/", "not the address of a workflow"),
        ("name", "  ", "Say which channel it is"),
        ("name", "x" * 121, "shorter name"),
        ("events", "nothing", "Tick at least one"),
    ],
)
async def test_a_connection_that_is_refused(house: House, field: str, typed: str, said: str) -> None:
    given = {"name": "Desk", "url": "https://evil.example/canary-2Vd9", "events": "unclaimed", field: typed}
    answer = await post(house, TEAMS, given, bearer=await house.log_in("admin"))
    assert answer.status == 422
    assert said in words(answer.text)
    assert await house.services.teams_connections.all(house.world.tenant_id) == ()


async def test_two_connections_of_one_name_are_refused(demo: DemoHouse) -> None:
    url = demo.world.notices.workflow.address(demo.house.settings.public_url)
    answer = await press(demo, TEAMS, {"name": "Help desk", "url": url, "events": "alarm"})
    assert answer.status == 422
    assert "Another connection has this name." in words(answer.text)


@pytest.mark.feature("SEC-34")
@pytest.mark.parametrize("path", [MAIL, MAIL + "/remove", TEAMS, TEAMS + "/{id}", TEAMS + "/{id}/remove"])
async def test_an_old_proof_is_not_enough(house: House, path: str) -> None:
    bearer = await house.log_in("admin")
    path = path.replace("{id}", house.services.random.new_id(house.clock.now()))
    house.clock.advance(AFTER_STEP_UP)
    answer = await post(house, path, {}, bearer=bearer)
    assert answer.status == 401 or answer.headers["Location"].startswith("/step-up?")
