"""Nobody has claimed a check: people on duty hear of it by the way each of them chose, and Teams channels too."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, update

from bot.demo_notices import SENDER
from simulator.mailbox import Mail, MailFault
from storage.database import Unscoped
from storage.tables import contacts, mail_servers, teams_connections, technicians
from tests.fixtures.demo_house import DemoHouse, Who, code_in

DANA, THEO, SAM = "+12015550151", "+19175550152", "+15165550153"
ALEX = "alex@harbor.example"
EVIL = "<b>Ann</b> [x](http://evil.example) @all"


async def person(demo: DemoHouse, who: Who, **values: object) -> None:
    """Change what is on record about a technician."""
    this = update(technicians).where(technicians.c.id == demo.technician(who).id).values(**values)
    await demo.house.database.write(Unscoped.OPERATOR, lambda conn: conn.execute(this))


async def everybody(demo: DemoHouse, **values: object) -> None:
    await demo.house.database.write(Unscoped.OPERATOR, lambda conn: conn.execute(update(technicians).values(**values)))


async def without(demo: DemoHouse, *, mail: bool = False, teams: bool = False) -> None:
    """Take the mail server or the Teams connection away."""
    gone = [delete(table) for table, wanted in ((mail_servers, mail), (teams_connections, teams)) if wanted]
    await demo.house.database.write(Unscoped.OPERATOR, lambda conn: [conn.execute(one) for one in gone])


def mails(demo: DemoHouse) -> list[Mail]:
    """Oldest first."""
    return list(reversed(demo.world.notices.mailbox.mails()))


def posts(demo: DemoHouse) -> list[str]:
    """What was posted to the channel, oldest first."""
    return [str(entry["text"]) for entry in reversed(demo.world.notices.workflow.outbox())]


def told_by_text(demo: DemoHouse) -> set[str]:
    return {mobile for mobile in (DANA, THEO, SAM) if demo.texts_to(mobile)}


async def unclaimed(demo: DemoHouse) -> str:
    """Ada asks, and nobody claims for so long that people on duty are told."""
    id = await demo.verify(demo.contact("ada"))
    await demo.advance(21)
    return id


async def lines(demo: DemoHouse, id: str, kind: str) -> list[Any]:
    return [row for row in await demo.audit(f"check_id={id}") if row["kind"] == kind]


async def outbox(demo: DemoHouse, kind: str) -> list[Any]:
    return await demo.rows(
        "SELECT id, status, error, attempt, unclear, payload FROM outbox WHERE kind = :kind ORDER BY id", kind=kind
    )


@pytest.mark.feature("NG-08", "NG-09", "NG-11", "TV-22", "TC-01")
async def test_each_one_by_their_own_way(demo: DemoHouse) -> None:
    await person(demo, "theo", notify_by="email")
    await person(demo, "sam", notify_by="sms,email", email="sam.okafor@harbor.example")
    await person(demo, "alex", on_duty=False)
    id = await unclaimed(demo)
    assert told_by_text(demo) == {DANA, SAM}
    assert {mail.to for mail in mails(demo)} == {"theo@harbor.example", "sam.okafor@harbor.example"}
    code, link = code_in(demo.texts_to(demo.contact("ada"))[0]), f"{demo.house.settings.public_url}/codes/{id}"
    for mail in mails(demo):
        assert (mail.sender, mail.subject) == (SENDER, "Ada Bishop is checking a caller: nobody has claimed it")
        assert link in mail.text
        assert f'<a href="{link}">' in mail.html
        assert code not in mail.raw.decode()
    (post,) = posts(demo)
    assert link in post
    assert "Ada Bishop" in post
    assert code not in post
    (line,) = await lines(demo, id, "tv.duty_alerted")
    assert line["facts"] == {"technicians": 3, "texts": 2, "mails": 2, "posts": 1, "off_duty": 0}
    assert await demo.alerts() == []


@pytest.mark.feature("NG-08")
async def test_a_way_that_leads_nowhere_is_replaced_by_the_other(demo: DemoHouse) -> None:
    """Alex chose texts and has no mobile; Theo chose mails, and there is no server that could send one."""
    await unclaimed(demo)
    assert [mail.to for mail in mails(demo)] == [ALEX]
    await demo.advance(600)
    await without(demo, mail=True)
    await person(demo, "theo", notify_by="email")
    before = len(demo.texts_to(THEO))
    await unclaimed(demo)
    assert len(demo.texts_to(THEO)) == before + 1
    assert len(mails(demo)) == 1


@pytest.mark.feature("NG-11")
async def test_with_nobody_on_duty_everybody_is_told_and_the_console_says_so(demo: DemoHouse) -> None:
    await everybody(demo, on_duty=False)
    id = await unclaimed(demo)
    assert told_by_text(demo) == {DANA, THEO, SAM}
    assert [mail.to for mail in mails(demo)] == [ALEX]
    assert await demo.alerts() == ["nobody_on_duty"]
    (line,) = await lines(demo, id, "tv.duty_alerted")
    assert line["facts"]["off_duty"] == 1
    assert len(await lines(demo, id, "alert.nobody_on_duty")) == 1


@pytest.mark.feature("NG-11")
async def test_somebody_on_duty_who_cannot_be_reached_does_not_keep_the_others_from_hearing(demo: DemoHouse) -> None:
    await everybody(demo, on_duty=False)
    await person(demo, "alex", on_duty=True)
    await without(demo, mail=True)
    await unclaimed(demo)
    assert told_by_text(demo) == {DANA, THEO, SAM}
    assert await demo.alerts() == ["nobody_on_duty"]


async def test_with_nobody_to_tell_the_console_and_the_channel_say_so(demo: DemoHouse) -> None:
    await everybody(demo, mobile="")
    await without(demo, mail=True)
    id = await unclaimed(demo)
    assert told_by_text(demo) == set()
    assert mails(demo) == []
    assert len(posts(demo)) == 1
    assert await demo.alerts() == ["nobody_to_tell"]
    (line,) = await lines(demo, id, "tv.duty_alerted")
    assert (line["facts"]["technicians"], line["facts"]["posts"]) == (0, 1)


async def test_accounts_that_are_off_or_not_accepted_hear_nothing(demo: DemoHouse) -> None:
    await person(demo, "sam", disabled_at=1)
    await person(demo, "theo", password_hash="")
    await unclaimed(demo)
    assert told_by_text(demo) == {DANA}


@pytest.mark.feature("TC-01")
async def test_a_channel_hears_what_it_wants_to(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id)
    await demo.text(ada, "#deny")
    (alarm,) = posts(demo)
    assert "Ada Bishop said #deny" in alarm
    assert alarm.endswith(f"{demo.house.settings.public_url}/codes/{id}")
    await demo.house.database.write(
        Unscoped.OPERATOR, lambda conn: conn.execute(update(teams_connections).values(events="unclaimed"))
    )
    id = await demo.verify(demo.contact("ben"))
    await demo.claim(id)
    await demo.text(demo.contact("ben"), "#deny")
    assert len(posts(demo)) == 1
    assert mails(demo) == [], "an alarm stands in every console; it is nobody's mail"


@pytest.mark.feature("REL-03", "REL-04")
async def test_a_mail_that_nobody_knows_of_is_repeated_once_and_is_the_same(demo: DemoHouse) -> None:
    await everybody(demo, on_duty=False)
    await person(demo, "theo", on_duty=True, notify_by="email")
    demo.world.notices.mailbox.fail_next(*[MailFault("content", silent=True)] * 5)
    await unclaimed(demo)
    for _ in range(6):
        await demo.advance(20)
    first, again = mails(demo)
    assert first.raw == again.raw
    ((_, status, error, *_),) = await outbox(demo, "mail")
    assert (status, error) == ("dead", "unclear")
    assert "not_delivered" in await demo.alerts()


@pytest.mark.feature("REL-05", "REL-06")
async def test_a_mail_server_that_is_down_holds_up_no_text_and_no_post(demo: DemoHouse) -> None:
    await person(demo, "theo", notify_by="email")
    await demo.world.notices.mailbox.stop()
    await unclaimed(demo)
    assert told_by_text(demo) == {DANA, SAM}
    assert len(posts(demo)) == 1
    assert {row[1] for row in await outbox(demo, "mail")} == {"waiting"}
    await demo.world.notices.mailbox.start()
    await demo.advance(40)
    assert {mail.to for mail in mails(demo)} == {"theo@harbor.example", ALEX}


@pytest.mark.feature("REL-05")
async def test_an_alert_never_comes_after_the_check_is_over(demo: DemoHouse) -> None:
    await demo.world.notices.mailbox.stop()
    await person(demo, "theo", notify_by="email")
    await unclaimed(demo)
    await demo.advance(700)
    await demo.world.notices.mailbox.start()
    await demo.advance(3600)
    assert mails(demo) == []
    assert {row[1] for row in await outbox(demo, "mail")} == {"dropped"}


@pytest.mark.feature("REL-05")
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_workflow_that_is_busy_is_asked_again(demo: DemoHouse, status: int) -> None:
    demo.world.notices.workflow.failures.append(status)
    await unclaimed(demo)
    await demo.advance(10)
    assert len(posts(demo)) == 1
    ((_, done, _, attempt, *_),) = await outbox(demo, "teams_post")
    assert (done, attempt) == ("sent", 2)


@pytest.mark.feature("REL-05")
@pytest.mark.parametrize("status", [400, 401, 404, 410, 302])
async def test_a_workflow_that_refuses_is_given_up_and_people_hear_of_it(demo: DemoHouse, status: int) -> None:
    demo.world.notices.workflow.failures.append(status)
    await unclaimed(demo)
    ((_, done, error, attempt, *_),) = await outbox(demo, "teams_post")
    assert (done, error, attempt) == ("dead", f"http_{status}", 1)
    assert await demo.alerts() == ["not_delivered"]
    assert told_by_text(demo) == {DANA, THEO, SAM}


@pytest.mark.feature("SEC-52")
async def test_a_name_makes_no_link_and_no_tag_in_the_channel(demo: DemoHouse) -> None:
    named = update(contacts).where(contacts.c.id == demo.contact("ada").id).values(name=EVIL)
    await demo.house.database.write(Unscoped.OPERATOR, lambda conn: conn.execute(named))
    await unclaimed(demo)
    (entry,) = demo.world.notices.workflow.outbox()
    payload = entry["payload"]
    assert isinstance(payload, dict)
    assert payload.keys() == {"text"}
    said = payload["text"]
    assert "<b>" not in said
    assert "&lt;b&gt;" in said
    assert said.count("://") == 1, "our own link"
    assert "](" not in said
