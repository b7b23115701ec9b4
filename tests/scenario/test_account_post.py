"""Mail and texts to technicians about their accounts: by the outbox, wiped once they have left, never late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update
from structlog.testing import capture_logs

from simulator.mailbox import Mail, MailFault
from storage.database import Unscoped
from storage.tables import carrier_accounts, mail_servers, numbers
from tests.fixtures.demo_house import DemoHouse
from web.ports import Post

LINK = "https://desk.example/welcome/canary-7Qm3vXk2"
DANA = "+12015550151"


def post(demo: DemoHouse) -> Post:
    found = demo.house.services.post
    assert found is not None
    return found


def mails(demo: DemoHouse) -> list[Mail]:
    return list(reversed(demo.world.notices.mailbox.mails()))


async def rows(demo: DemoHouse, kind: str) -> list[Any]:
    return await demo.rows(
        "SELECT status, error, payload, technician_id FROM outbox WHERE kind = :kind ORDER BY id", kind=kind
    )


async def mail(demo: DemoHouse, **more: Any) -> None:
    given = {"to": "new@harbor.example", "subject": "Welcome", "text": f"Begin here: {LINK}", **more}
    await post(demo).mail(demo.seeded.tenant_id, **given)


@pytest.mark.feature("REL-03", "SEC-20")
async def test_a_mail_arrives_and_nothing_of_it_stays(demo: DemoHouse) -> None:
    dana = demo.technician("dana")
    assert await post(demo).can_mail(demo.seeded.tenant_id)
    await mail(demo, technician_id=dana.id)
    await demo.idle()
    (arrived,) = mails(demo)
    assert (arrived.to, arrived.subject) == ("new@harbor.example", "Welcome")
    assert LINK in arrived.text
    ((status, _, payload, technician_id),) = await rows(demo, "mail")
    assert (status, payload, technician_id) == ("sent", None, dana.id)
    assert b"canary-7Qm3vXk2" not in await demo.contents()


@pytest.mark.feature("REL-03")
async def test_a_text_arrives_from_the_primary_number(demo: DemoHouse) -> None:
    assert await post(demo).can_text(demo.seeded.tenant_id)
    await post(demo).text(demo.seeded.tenant_id, to=DANA, text=f"Begin here: {LINK}")
    await demo.idle()
    assert demo.texts_to(DANA, sender="+12125550100") == [f"Begin here: {LINK}"]
    ((status, _, payload, _),) = await rows(demo, "text")
    assert (status, payload) == ("sent", None)


@pytest.mark.feature("REL-03")
async def test_a_mail_survives_a_restart(demo: DemoHouse) -> None:
    demo.world.notices.mailbox.senders.clear()
    await mail(demo)
    await demo.idle()
    assert mails(demo) == []
    await demo.start_again(timedelta(seconds=30))
    await demo.idle()
    assert [one.subject for one in mails(demo)] == ["Welcome"]


@pytest.mark.feature("REL-05")
async def test_a_link_that_has_run_out_is_not_sent(demo: DemoHouse) -> None:
    await demo.world.notices.mailbox.stop()
    await mail(demo, until=demo.house.clock.now() + timedelta(minutes=30))
    await demo.idle()
    await demo.advance(1801)
    await demo.world.notices.mailbox.start()
    await demo.advance(3600)
    assert mails(demo) == []
    ((status, error, payload, _),) = await rows(demo, "mail")
    assert (status, error, payload) == ("dropped", "expired", None)


@pytest.mark.feature("REL-05")
async def test_a_mail_to_nobody_is_given_up_and_people_hear_of_it(demo: DemoHouse) -> None:
    await mail(demo, to="nobody@harbor.example")
    await demo.idle()
    ((status, error, payload, _),) = await rows(demo, "mail")
    assert (status, error, payload) == ("dead", "smtp_550", None)
    assert await demo.alerts() == ["not_delivered"]


@pytest.mark.feature("REL-06")
async def test_a_server_that_refuses_us_shows_on_the_console_and_mail_goes_once_it_is_set_right(
    demo: DemoHouse,
) -> None:
    mailbox = demo.world.notices.mailbox
    right = dict(mailbox.logins)
    mailbox.logins.clear()
    for n in range(6):
        await mail(demo, subject=f"Welcome {n}")
        await demo.idle()
    degraded = demo.house.services.degraded(demo.seeded.tenant_id)
    assert [one.provider for one in degraded] == ["mail"]
    assert await demo.alerts() == ["channel_degraded"]
    mailbox.logins.update(right)
    for _ in range(4):
        await demo.advance(60)
    assert len(mails(demo)) == 6
    assert demo.house.services.degraded(demo.seeded.tenant_id) == ()


async def test_without_a_server_or_a_number(demo: DemoHouse) -> None:
    tenant_id = demo.seeded.tenant_id
    await demo.house.database.write(Unscoped.OPERATOR, lambda conn: conn.execute(delete(mail_servers)))
    assert not await post(demo).can_mail(tenant_id)
    with pytest.raises(LookupError):
        await mail(demo)
    await demo.house.database.write(Unscoped.OPERATOR, lambda conn: conn.execute(delete(carrier_accounts)))
    assert not await post(demo).can_text(tenant_id)
    with pytest.raises(LookupError):
        await post(demo).text(tenant_id, to=DANA, text="Hi")
    assert await rows(demo, "mail") == []


async def test_a_number_for_something_else_is_not_texted_from(demo: DemoHouse) -> None:
    await demo.house.database.write(
        Unscoped.OPERATOR, lambda conn: conn.execute(update(numbers).values(purpose="channel"))
    )
    assert not await post(demo).can_text(demo.seeded.tenant_id)


@pytest.mark.feature("SEC-20")
async def test_neither_password_nor_address_lies_open_in_the_database(demo: DemoHouse) -> None:
    kept = await demo.contents()
    url = demo.world.notices.workflow.address("")
    assert demo.world.notices.password.encode() not in kept
    assert url.rpartition("sig=")[2].encode() not in kept


@pytest.mark.feature("SEC-20")
async def test_neither_link_nor_password_nor_address_is_logged(
    demo: DemoHouse, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Through everything that goes wrong on the way, with every logger at its most talkative."""
    caplog.set_level("DEBUG")
    notices = demo.world.notices
    url = notices.workflow.address("").rpartition("sig=")[2]
    faults = [MailFault("login"), MailFault("content", "451 later"), MailFault("content", silent=True)]
    notices.mailbox.fail_next(*faults)
    notices.workflow.failures.extend([503, 404])
    with capture_logs() as events:
        await mail(demo)
        await demo.verify(demo.contact("ada"))
        for _ in range(4):
            await demo.advance(60)
    assert LINK in mails(demo)[0].text
    said = str(events) + caplog.text + "".join(capfd.readouterr())
    for secret in ("canary-7Qm3vXk2", notices.password, url, "new@harbor.example"):
        assert secret not in said
