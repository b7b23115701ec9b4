"""A link is sent, looked at by programs and people, and answered once: the whole way, with nothing stood in for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dialogs.settings import TenantSettings
from dialogs.user_verify import Policy
from tests.fixtures.demo_house import DemoHouse
from tests.fixtures.pages import hidden, words
from tests.fixtures.verifying import EUV
from tests.fixtures.verifying_users import Desk
from tests.scenario.test_verify_link_pages import SCANNERS

#: What the log calls an answer -> the state it leads to.
ENDS = {"euv.confirm_link": "verified", "euv.disown": "denied"}


@pytest.fixture
def desk(demo: DemoHouse) -> Desk:
    return Desk(demo)


def with_policy(change: Callable[[Policy], Policy]) -> Callable[[TenantSettings], TenantSettings]:
    return lambda settings: replace(settings, policy=change(settings.policy))


@pytest.mark.feature("EV-02", "EV-05", "EV-23", "EV-24")
@pytest.mark.parametrize("method", ["email_link", "sms_link"])
async def test_open_and_validate(desk: Desk, method: str) -> None:
    ada = desk.demo.contact("ada")
    id = await desk.asked(ada, method)
    token = desk.link_by_mail(ada) if method == "email_link" else desk.link_by_text(ada)
    page = await desk.open(token)
    number = await desk.demo.number_of(ada.open_ticket)
    assert f"Dana at Harbor IT is on the phone about ticket {number}, and asks whether it is you." in words(page.text)
    for secret in (ada.mobile, ada.email, ada.mobile[-4:], ada.name, ada.id, id):
        assert secret not in page.text, "whoever has the link learns no number, no address and no name"
    assert (await desk.look(id))["state"] == "sent"
    pressed = await desk.press(token, "validate")
    assert (pressed.status, pressed.headers["Location"]) == (303, f"/v/{token}")
    assert "You confirmed at" in words((await desk.open(token)).text)
    after = await desk.look(id)
    assert (after["state"], after["assurance"]) == ("verified", "email" if method == "email_link" else "tap")
    notes = "\n".join(await desk.demo.notes(ada.open_ticket))
    assert "VERIFIED" in notes
    assert token not in notes


@pytest.mark.feature("EV-21")
async def test_five_minutes_and_not_a_second_more(desk: Desk) -> None:
    ada, ben = desk.demo.contact("ada"), desk.demo.contact("ben")
    in_time, late = await desk.asked(ada, "email_link"), await desk.asked(ben, "email_link")
    assert Policy().link_lifetime == timedelta(minutes=5)
    await desk.demo.advance(299 - 5)
    assert (await desk.press(desk.link_by_mail(ada), "validate")).status == 303
    nonce = hidden((await desk.open(desk.link_by_mail(ben))).text, "nonce")
    await desk.demo.advance(7)
    gone = await desk.press(desk.link_by_mail(ben), "validate", nonce=nonce)
    assert gone.status == 410
    assert "It has run out" in words(gone.text)
    assert (await desk.look(in_time))["state"] == "verified"
    assert (await desk.look(late))["state"] == "expired"


@pytest.mark.feature("EV-22")
async def test_another_life_holds_for_new_links_only(desk: Desk) -> None:
    ada, ben = desk.demo.contact("ada"), desk.demo.contact("ben")
    before = await desk.asked(ada, "email_link")
    await desk.demo.settings(with_policy(lambda policy: replace(policy, link_lifetime=timedelta(minutes=2))))
    after = await desk.asked(ben, "email_link")
    await desk.demo.advance(121)
    assert (await desk.open(desk.link_by_mail(ben))).status == 410
    assert (await desk.open(desk.link_by_mail(ada))).status == 200
    assert (await desk.look(after))["state"] == "expired"
    assert (await desk.look(before))["state"] == "sent"


def unsealed(rows: dict[str, list[Any]]) -> dict[str, Any]:
    """All but what the sealing of the log adds meanwhile: places, tree and heads."""
    kept: dict[str, Any] = {name: found for name, found in rows.items() if name not in ("audit_tiles", "checkpoints")}
    return {**kept, "audit": len(rows["audit"])}


@pytest.mark.feature("EV-23", "SEC-43")
async def test_programs_that_follow_links_change_nothing_at_all(desk: Desk) -> None:
    ada = desk.demo.contact("ada")
    id = await desk.asked(ada, "sms_link")
    token = desk.link_by_text(ada)
    await desk.demo.idle()
    before = unsealed(await desk.demo.everything())
    for agent in SCANNERS:
        for method in ("GET", "HEAD", "OPTIONS"):
            await desk.open(token, method, {"User-Agent": agent})
        blind = await desk.press(token, "validate", nonce="")
        assert blind.status == 422
    await desk.demo.idle()
    assert unsealed(await desk.demo.everything()) == before
    assert (await desk.press(token, "validate")).status == 303
    assert (await desk.look(id))["state"] == "verified"


@pytest.mark.feature("SEC-08", "EV-24")
async def test_this_is_not_me_is_an_incident(desk: Desk) -> None:
    ada = desk.demo.contact("ada")
    id = await desk.asked(ada, "email_link")
    token = desk.link_by_mail(ada)
    stale = hidden((await desk.open(token)).text, "nonce")
    assert (await desk.press(token, "not_me")).status == 303
    assert "you said that this is not you" in words((await desk.open(token)).text)
    assert (await desk.look(id))["state"] == "denied"
    assert "euv_denied" in await desk.demo.alerts()
    assert "you said that this is not you" in words((await desk.press(token, "validate", nonce=stale)).text)
    assert (await desk.look(id))["state"] == "denied"
    again = await desk.ask(ada, "sms_code")
    assert (again.status, again.json["error"]) == (409, "denied_lately")
    assert "DENIED" in "\n".join(await desk.demo.notes(ada.open_ticket))


@pytest.mark.feature("EV-24")
async def test_an_older_link_and_one_taken_back_say_so(desk: Desk) -> None:
    ada = desk.demo.contact("ada")
    await desk.asked(ada, "email_link")
    older = desk.link_by_mail(ada)
    newer_id = await desk.asked(ada, "sms_link")
    newer = desk.link_by_text(ada)
    page = await desk.open(older)
    assert (page.status, "a newer one has taken its place" in words(page.text)) == (410, True)
    assert (await desk.open(newer)).status == 200
    cancelled = await desk.demo.api("POST", f"{EUV}/{newer_id}/cancel", {})
    assert cancelled.status == 200, cancelled.text
    assert (await desk.open(newer)).status == 410


@pytest.mark.feature("SEC-11")
async def test_twenty_presses_at_once_are_one_answer(desk: Desk) -> None:
    ada = desk.demo.contact("ada")
    id = await desk.asked(ada, "sms_link")
    token = desk.link_by_text(ada)
    nonce = hidden((await desk.open(token)).text, "nonce")
    acts = ["validate" if at % 4 else "not_me" for at in range(20)]
    answers = await asyncio.gather(*(desk.press(token, act, nonce=nonce) for act in acts))
    assert {answer.status for answer in answers} <= {200, 303, 503}
    kinds = [row["kind"] for row in await desk.demo.audit(f"check_id={id}&kind=euv.")]
    (end,) = [kind for kind in kinds if kind in ENDS]
    assert (await desk.look(id))["state"] == ENDS[end]
    shown = {words((await desk.open(token)).text) for _ in range(3)}
    assert len(shown) == 1


@pytest.mark.feature("SEC-43")
async def test_the_spoken_number_must_be_typed(desk: Desk) -> None:
    await desk.demo.settings(with_policy(lambda policy: replace(policy, spoken_number=True)))
    ada = desk.demo.contact("ada")
    id = await desk.asked(ada, "sms_link")
    token = desk.link_by_text(ada)
    spoken = (await desk.look(id))["spoken_number"]
    assert len(spoken) == 2
    assert (await desk.look(id, who="theo"))["spoken_number"] is None, "only whoever asked says it"
    assert spoken not in re.findall(r"\d+", desk.demo.texts_to(ada)[-1].partition("http")[0])
    assert "The two digits that Dana tells you" in words((await desk.open(token)).text)
    wrong = f"{(int(spoken) + 1) % 100:02d}"
    assert "2 tries are left" in words((await desk.press(token, "validate", number=wrong)).text)
    assert "Type the two digits" in words((await desk.press(token, "validate")).text)
    assert (await desk.press(token, "validate", number=spoken)).status == 303
    after = await desk.look(id)
    assert (after["state"], after["assurance"]) == ("verified", "code")


@pytest.mark.feature("SEC-43", "SEC-10", "REL-02")
async def test_a_second_press_of_the_same_page_on_a_slow_line_is_no_second_try(desk: Desk) -> None:
    await desk.demo.settings(with_policy(lambda policy: replace(policy, spoken_number=True)))
    ada = desk.demo.contact("ada")
    id = await desk.asked(ada, "sms_link")
    token = desk.link_by_text(ada)
    spoken = (await desk.look(id))["spoken_number"]
    wrong, left = f"{(int(spoken) + 1) % 100:02d}", hidden((await desk.open(token)).text, "left")
    for _ in range(5):
        again = await desk.press(token, "validate", number=wrong, left=left)
        assert "2 tries are left" in words(again.text)
    # What is drawn then is a page of its own, whose press counts.
    left = hidden(again.text, "left")
    answers = await asyncio.gather(*(desk.press(token, "validate", number=wrong, left=left) for _ in range(5)))
    assert all("One try is left" in words(answer.text) for answer in answers)
    left = hidden(answers[0].text, "left")
    assert (await desk.press(token, "validate", number=spoken, left=left)).status == 303
    assert (await desk.look(id))["state"] == "verified"


@pytest.mark.feature("SEC-43")
async def test_three_wrong_numbers_end_it(desk: Desk) -> None:
    await desk.demo.settings(with_policy(lambda policy: replace(policy, spoken_number=True)))
    ada = desk.demo.contact("ada")
    id = await desk.asked(ada, "email_link")
    token = desk.link_by_mail(ada)
    spoken = (await desk.look(id))["spoken_number"]
    wrong = f"{(int(spoken) + 1) % 100:02d}"
    for left in ("2 tries are left", "One try is left"):
        assert left in words((await desk.press(token, "validate", number=wrong)).text)
    last = await desk.press(token, "validate", number=wrong)
    assert last.status == 410
    assert "The two digits were wrong too often" in words(last.text)
    assert (await desk.open(token)).status == 410
    assert (await desk.look(id))["state"] == "failed"


@pytest.mark.feature("SEC-20")
async def test_neither_link_nor_number_is_logged_or_kept(
    desk: Desk, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    ada = desk.demo.contact("ada")
    await desk.asked(ada, "email_link")
    token = desk.link_by_mail(ada)
    await desk.press(token, "validate")
    said = caplog.text + "".join(capfd.readouterr())
    assert token not in said
    assert token.encode() not in await desk.demo.contents()
