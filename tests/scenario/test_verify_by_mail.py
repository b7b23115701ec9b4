"""Codes and links by mail: what arrives, in whose name and words, and what the technician is told when it does not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from bot.demo_notices import SENDER
from simulator.mailbox import MailFault
from storage.brands import Brand, with_logo
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.verifying import EUV
from tests.fixtures.verifying_users import Desk, code_in_mail, token_in
from tests.scenario.test_branding import picture
from web.pictures import redraw


@pytest.fixture
def desk(demo: DemoHouse) -> Desk:
    return Desk(demo)


async def own_words(
    desk: Desk, text: str, signature: str = "Your help desk", footer: str = "Harbor IT, Pier 4"
) -> None:
    await desk.demo.settings(
        lambda settings: replace(settings, mail_text=text, mail_signature=signature, mail_footer=footer)
    )


async def own_looks(desk: Desk, light: str) -> None:
    """A logo and a colour."""
    drawn = redraw(picture())

    def change(brand: Brand) -> Brand:
        return replace(with_logo(brand, drawn.png, drawn.width, drawn.height), colours={"light": light, "dark": light})

    await desk.demo.house.services.brands.change(desk.demo.seeded.tenant_id, change, desk.demo.house.clock.now())


@pytest.mark.feature("EV-03", "EV-44", "SEC-17")
async def test_a_code_by_mail(desk: Desk) -> None:
    ada = desk.demo.contact("ada")
    id = await desk.asked(ada, "email_code")
    (mail,) = desk.mails(ada)
    code = code_in_mail(mail)
    assert len(code) == 6
    assert code not in mail.subject, "subjects show on locked screens"
    assert mail.text.startswith("Code for when YOU CALLED US. If someone called you and asks for it, HANG UP.")
    wrong = await desk.demo.api("POST", f"{EUV}/{id}/check", {"code": f"{(int(code) + 1) % 1_000_000:06d}"})
    assert (wrong.status, wrong.json["error"]) == (422, "wrong_code")
    right = await desk.demo.api("POST", f"{EUV}/{id}/check", {"code": f"{code[:3]} {code[3:]}"})
    assert (right.status, right.json["state"], right.json["assurance"]) == (200, "verified", "email")
    notes = "\n".join(await desk.demo.notes(ada.open_ticket))
    assert "VERIFIED" in notes
    assert code not in notes
    assert code.encode() not in await desk.demo.contents()
    kept = await desk.demo.rows("SELECT payload FROM outbox WHERE kind = 'mail'")
    assert [row.payload for row in kept] == [None], "also sealed it is not kept (SEC-17)"


@pytest.mark.feature("EV-02", "EV-25", "EV-43", "BR-03")
async def test_the_mail_is_the_tenants_own(desk: Desk) -> None:
    ada = desk.demo.contact("ada")
    await own_words(desk, "We never ask for <b>passwords</b>.")
    await own_looks(desk, "#7a1f5c")
    await desk.asked(ada, "email_link")
    (mail,) = desk.mails(ada)
    assert mail.sender == SENDER
    assert f"From: Harbor IT <{SENDER}>".encode() in mail.raw
    for words in ("We never ask for <b>passwords</b>.", "Your help desk", "Harbor IT, Pier 4"):
        assert words in mail.text
        assert words in unescape(mail.html)
    assert "<b>" not in mail.html
    assert "background:#7a1f5c" in mail.html
    assert b"Content-Type: image/png" in mail.raw
    link = f"{desk.demo.house.settings.public_url}/v/{token_in(mail.text)}"
    assert mail.html.count("<a ") == 1
    assert f'<a href="{link}"' in mail.html
    assert ">Open the page</a>" in mail.html


@pytest.mark.feature("SEC-52")
async def test_hostile_names_stay_words_and_make_no_headers(desk: Desk) -> None:
    ada = desk.demo.contact("ada")
    await own_words(desk, '</div><script>x</script><a href="https://evil.example/v/x">Validate</a>')
    await desk.demo.house.services.tenants.rename(desk.demo.seeded.tenant_id, '"><img src=x> Ltd')
    await desk.asked(ada, "email_link")
    (mail,) = desk.mails(ada)
    assert "<script" not in mail.html
    assert "<img" not in mail.html
    assert mail.html.count("<a ") == 1
    assert "evil.example" not in mail.html[mail.html.index("<a ") : mail.html.index("</a>")]


FAULTS = {
    "busy": MailFault("content", "451 4.3.0 Try again later"),
    "greylisted": MailFault("recipient", "450 4.2.0 Greylisted"),
    "reset at the sender": MailFault("sender", silent=True),
    "reset at the receiver": MailFault("recipient", silent=True),
    "reset at the login": MailFault("login", silent=True),
    "taken and then dropped": MailFault("content", silent=True),
}


@pytest.mark.feature("EV-03", "REL-04", "REL-05")
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_mail_server_that_fails_for_a_while_sends_one_content(desk: Desk, fault: str) -> None:
    """Also where words and looks are changed between two tries."""
    ada = desk.demo.contact("ada")
    await own_words(desk, "As it was.")
    desk.demo.world.notices.mailbox.fail_next(
        FAULTS[fault], FAULTS[fault] if "dropped" not in fault else FAULTS["busy"]
    )
    id = await desk.asked(ada, "email_code")
    waiting = await desk.look(id)
    assert waiting["delivery"] == ("unclear" if "dropped" in fault else "waiting"), waiting
    assert waiting["state"] == "sent"
    await own_words(desk, "As it is now.")
    await own_looks(desk, "#20316b")
    for _ in range(3):
        await desk.demo.advance(30)
    mails = desk.mails(ada)
    assert len({mail.raw for mail in mails}) == 1
    assert len({code_in_mail(mail) for mail in mails}) == 1
    assert "As it was." in mails[-1].text
    sent = await desk.look(id)
    assert sent["delivery"] == "sent", sent
    checked = await desk.demo.api("POST", f"{EUV}/{id}/check", {"code": code_in_mail(mails[-1])})
    assert checked.status == 200, checked.text


@pytest.mark.feature("EV-03", "REL-05")
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (MailFault("content", "554 5.7.1 Spam"), "smtp_554"),
        (MailFault("recipient", "550 5.1.1 No such user"), "smtp_550"),
    ],
)
async def test_a_mail_that_never_arrives_is_an_error_that_the_technician_sees(
    desk: Desk, fault: MailFault, error: str
) -> None:
    ada = desk.demo.contact("ada")
    desk.demo.world.notices.mailbox.fail_next(fault)
    id = await desk.asked(ada, "email_code")
    after = await desk.look(id)
    assert (after["state"], after["reason"], after["delivery"]) == ("error", error, "failed")
    assert desk.mails(ada) == []
    again = await desk.demo.api("POST", f"{EUV}/{id}/resend", {})
    assert again.status == 409, "it is over; another one is started"


@pytest.mark.feature("EV-02", "REL-05")
async def test_a_server_that_takes_half_a_minute(desk: Desk) -> None:
    """Nothing is said to have left before it has, and other work goes on meanwhile."""
    ada, ben = desk.demo.contact("ada"), desk.demo.contact("ben")
    slow = asyncio.Event()
    desk.demo.world.notices.mailbox.fail_next(MailFault("content", slow=slow))
    body: dict[str, Any] = {
        "contact_id": ada.id,
        "address_id": await desk.address(ada, "email"),
        "method": "email_link",
        "ticket": ada.open_ticket,
    }
    answer = await desk.demo.ask("POST", EUV, body, bearer=await desk.demo.token("dana"))
    assert answer.status == 201, answer.text
    id = str(answer.json["id"])
    assert (await desk.look(id))["delivery"] == "waiting"
    other = await desk.demo.ask(
        "POST",
        EUV,
        {"contact_id": ben.id, "address_id": await desk.address(ben, "mobile"), "method": "sms_code"},
        bearer=await desk.demo.token("dana"),
    )
    assert other.status == 201

    async def texted() -> bool:
        return bool(desk.demo.texts_to(ben))

    await desk.demo.until(texted, "the text to somebody else")
    assert (await desk.look(id))["delivery"] == "waiting"
    slow.set()
    await desk.demo.idle()
    (mail,) = desk.mails(ada)
    assert (await desk.look(id))["delivery"] == "sent"
    assert (await desk.press(token_in(mail.text), "validate")).status == 303


@pytest.mark.feature("EV-03", "REL-05")
async def test_a_server_that_stays_away_drops_the_mail_with_the_code(desk: Desk) -> None:
    """A code that runs out is never sent late."""
    ada = desk.demo.contact("ada")
    mailbox = desk.demo.world.notices.mailbox
    await mailbox.stop()
    id = await desk.asked(ada, "email_code")
    assert (await desk.look(id))["delivery"] == "waiting"
    await desk.demo.advance(301)
    after = await desk.look(id)
    assert after["state"] in ("expired", "error"), after
    assert after["delivery"] == "dropped", after
    await mailbox.start()
    await desk.demo.advance(3600)
    assert desk.mails(ada) == []


@pytest.mark.feature("EV-38")
async def test_without_a_mail_server_it_is_said_beforehand(desk: Desk) -> None:
    ada = desk.demo.contact("ada")
    assert await desk.demo.house.services.mail_servers.remove(desk.demo.seeded.tenant_id)
    ways = (await desk.demo.api("GET", f"/api/v1/contacts/{ada.id}/methods")).json["items"]
    by_mail = [way for way in ways if way["method"].startswith("email")]
    assert by_mail
    assert {way["why"] for way in by_mail} == {"no_mail_server"}
    refused = await desk.ask(ada, "email_code")
    assert (refused.status, refused.json["error"]) == (409, "no_mail_server")


@pytest.mark.feature("EV-03", "SEC-05")
async def test_a_resend_is_the_same_code_in_a_mail_of_its_own(desk: Desk) -> None:
    ada = desk.demo.contact("ada")
    id = await desk.asked(ada, "email_code")
    await desk.demo.advance(31)
    again = await desk.demo.api("POST", f"{EUV}/{id}/resend", {})
    assert again.status == 200, again.text
    first, second = desk.mails(ada)
    assert code_in_mail(first) == code_in_mail(second)
    assert first.message_id != second.message_id
    assert second.text == first.text
    await desk.demo.advance(31)
    await desk.asked(ada, "email_link")
    link = await desk.demo.api("GET", f"{EUV}?contact_id={ada.id}")
    newest = link.json["items"][0]["id"]
    await desk.demo.advance(31)
    refused = await desk.demo.api("POST", f"{EUV}/{newest}/resend", {})
    assert (refused.status, refused.json["error"]) == (409, "nothing_to_resend")


@pytest.mark.feature("EV-43")
async def test_another_sending_address_holds_from_the_next_mail_on(desk: Desk) -> None:
    ada, servers = desk.demo.contact("ada"), desk.demo.house.services.mail_servers
    tenant_id, mailbox = desk.demo.seeded.tenant_id, desk.demo.world.notices.mailbox
    kept = await servers.get(tenant_id)
    assert kept is not None
    mailbox.senders.add("codes@harbor.example")
    mine = replace(kept.server, sender="codes@harbor.example", sender_name="Harbor codes")
    await servers.put(tenant_id, mine, desk.demo.house.clock.now())
    await desk.asked(ada, "email_code")
    (mail,) = desk.mails(ada)
    assert mail.sender == "codes@harbor.example"
    assert b"From: Harbor codes <codes@harbor.example>\r\n" in mail.raw


@pytest.mark.feature("EV-25", "REL-04")
async def test_a_mail_that_waited_through_a_restart_says_what_was_decided_then(desk: Desk) -> None:
    ada = desk.demo.contact("ada")
    await own_words(desk, "As it was.")
    desk.demo.world.notices.mailbox.fail_next(MailFault("content", "451 4.3.0 Try again later"))
    id = await desk.asked(ada, "email_code")
    await own_words(desk, "As it is now.")
    await desk.demo.start_again()
    await desk.demo.advance(30)
    (mail,) = desk.mails(ada)
    assert "As it was." in mail.text
    checked = await desk.demo.api("POST", f"{EUV}/{id}/check", {"code": code_in_mail(mail)})
    assert checked.status == 200, checked.text
