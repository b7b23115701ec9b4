"""Verifying a caller from the pod: two presses, the ticket's evidence, and what the console and the API see of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from bot.seeds import DEMO_SLUG, SeededContact
from tests.fixtures.demo_house import DemoHouse, Who
from tests.fixtures.pages import hidden, words
from tests.fixtures.pod import Frame, sign_in
from tests.fixtures.web_house import Answer

EUV = "/api/v1/end-user-verifications"


@dataclass(slots=True)
class Desk:
    """A technician's pod in a running demo."""

    demo: DemoHouse
    frame: Frame

    @classmethod
    async def of(cls, demo: DemoHouse, who: Who = "dana") -> Desk:
        frame = Frame(demo.http, demo.house.settings.public_url, DEMO_SLUG)
        services = demo.house.services
        technician = demo.technician(who)
        return cls(demo, await sign_in(frame, services, demo.seeded.tenant_id, technician.id, demo.house.clock))

    async def press_verify(self, shown: Answer, contact: SeededContact) -> Answer:
        """The one button of a folded panel, with what its form carries."""
        form = shown.text.partition('class="start"')[2]
        fields = {name: hidden(form, name) for name in ("back", "way", "about")}
        sent = await self.frame.post(f"/pod/contacts/{contact.id}/verify?ticket={contact.open_ticket}", **fields)
        await self.demo.idle()
        return await self.frame.follow(sent)

    async def type_code(self, shown: Answer, code: str) -> Answer:
        """The code box of the panel."""
        found = re.search(r'action="(/pod/verifications/[^/]+/check)[^"]*"', shown.text)
        assert found is not None, words(shown.text)
        form = shown.text[found.start() :].partition("</form>")[0]
        # The ticket stands in it where the pod was opened on one.
        fields = {name: hidden(form, name) for name in ("back", "about") if f'name="{name}"' in form}
        answer = await self.frame.post(found[1], code=code, **fields)
        await self.demo.idle()
        return answer

    def code_to(self, contact: SeededContact) -> str:
        """The digits in the newest text to this contact."""
        texts = [m.text for m in self.demo.world.received_by(contact.mobile) if m.to == contact.mobile]
        found = re.search(r"\b\d{6}\b", texts[-1])
        assert found is not None, texts[-1]
        return found[0]


@pytest.mark.feature("EV-35", "PS-71")
async def test_a_caller_is_verified_from_the_pod(demo: DemoHouse) -> None:
    desk, ada = await Desk.of(demo), demo.contact("ada")
    opened = await desk.frame.open(ticket=ada.open_ticket or "")
    assert "Not verified" in words(opened.text)
    waiting = await desk.press_verify(opened, ada)
    code = desk.code_to(ada)
    assert "Ask them to read you the code" in words(waiting.text)
    assert code not in waiting.text

    wrong = await desk.type_code(waiting, f"{(int(code) + 1) % 10**6:06d}")
    assert wrong.status == 422
    assert "4 tries left" in words(wrong.text)
    right = await desk.frame.follow(await desk.type_code(wrong, f"{code[:3]} {code[3:]}"))
    assert 'data-result="verified"' in right.text
    assert 'data-shield="green"' in right.text

    # The same thing for everybody else: API, console, ticket.
    (seen,) = (await demo.api("GET", f"{EUV}?contact_id={ada.id}", who="theo")).json["items"]
    assert (seen["state"], seen["method"], seen["ticket"]) == ("verified", "sms_code", ada.open_ticket)
    assert seen["technician"]["id"] == demo.technician("dana").id
    notes = await demo.notes(ada.open_ticket)
    assert len(notes) == 1
    assert code not in notes[0]
    assert "Dana" in notes[0]
    # And not for another of their tickets, nor in a colleague's pod for somebody else.
    other = await Desk.of(demo, "theo")
    ben = await other.frame.open(ticket=demo.contact("ben").open_ticket or "")
    assert 'data-shield="green"' not in ben.text
    again = await other.frame.open(ticket=ada.open_ticket or "")
    assert 'data-shield="green"' in again.text


@pytest.mark.feature("EV-35", "SEC-06")
async def test_the_interlock_holds_in_the_pod_and_is_not_overridden_there(demo: DemoHouse) -> None:
    desk, ada = await Desk.of(demo, "sam"), demo.contact("ada")
    await demo.verify(ada)
    shown = await desk.frame.open(ticket=ada.open_ticket or "")
    assert "checking a caller right now" in words(shown.text)
    assert "in the console" in words(shown.text)
    found = (await demo.api("GET", f"/api/v1/contacts/{ada.id}")).json
    mobile = next(a["id"] for a in found["addresses"] if a["kind"] == "mobile")
    refused = await desk.frame.post(f"/pod/contacts/{ada.id}/verify", way=f"sms_code.{mobile}")
    assert refused.status == 409
    assert (await desk.frame.post(f"/pod/contacts/{ada.id}/verify/override", reason="x" * 20)).status in (404, 405)
    assert (await demo.api("GET", f"{EUV}?contact_id={ada.id}")).json["items"] == []


@pytest.mark.feature("EV-35", "EV-37")
async def test_without_a_ticket_a_new_one_is_opened_from_the_pod(demo: DemoHouse) -> None:
    desk, cleo = await Desk.of(demo), demo.contact("cleo")
    shown = await desk.frame.open(email=cleo.email)
    assert '<option value="new">New ticket</option>' in shown.text
    form = shown.text.partition('class="start"')[2]
    fields = {name: hidden(form, name) for name in ("back", "way")}
    sent = await desk.frame.post(f"/pod/contacts/{cleo.id}/verify", ticket="new", **fields)
    await demo.idle()
    waiting = await desk.frame.follow(sent)
    right = await desk.frame.follow(await desk.type_code(waiting, desk.code_to(cleo)))
    assert 'data-result="verified"' in right.text
    (seen,) = (await demo.api("GET", f"{EUV}?contact_id={cleo.id}")).json["items"]
    assert (seen["state"], seen["ticket_choice"]) == ("verified", "ticket")
    assert ["VERIFIED" in note for note in await demo.notes(seen["ticket"])] == [True]


async def test_when_the_ticket_system_is_down_the_caller_need_not_wait(demo: DemoHouse) -> None:
    desk, ada = await Desk.of(demo), demo.contact("ada")
    demo.world.tickets_down = True
    shown = await desk.frame.open(ticket=ada.open_ticket or "", email=ada.email)
    assert shown.status == 200
    assert "The ticket system does not answer" in words(shown.text)
    assert ada.name in words(shown.text)


@pytest.mark.feature("EV-35")
async def test_live_news_of_one_person_reach_the_pod(demo: DemoHouse) -> None:
    desk, ada, ben = await Desk.of(demo), demo.contact("ada"), demo.contact("ben")
    frame = desk.frame
    headers = {"User-Agent": frame.browser, "Cookie": f"__Host-wwpod={frame.cookie}"}
    after = await demo.house.services.log.newest(demo.seeded.tenant_id)
    address = f"{frame.base_url}/pod/events?tenant={DEMO_SLUG}&about={ada.id}&after={after}"
    async with demo.http.get(address, headers=headers) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        check_of_ben = await demo.verify(ben)
        check_of_ada = await demo.verify(ada)
        seen = b""
        while check_of_ada.encode() not in seen:
            seen += await stream.content.readany()
    assert check_of_ben.encode() not in seen
    assert ada.name.encode() not in seen
