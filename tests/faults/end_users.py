"""Technicians who verify end users in the midst of it all, by a code and by a link, and people who answer."""

from __future__ import annotations

import asyncio
import re
import time
from urllib.parse import urlencode

import aiohttp

from tests.faults.filled import Person
from tests.faults.traffic import AGAIN_S, Traffic, UserStory

EUV = "/api/v1/end-user-verifications"
#: So long a technician waits for a call that is being worked on; then its worker is gone, and they ask anew.
WORKED_ON_S = 20.0
#: What a text with a code has in it.
HAS_CODE = "YOU CALLED US: "
_CODE = re.compile(HAS_CODE + r"([0-9]{6,10})\.")
_TOKEN = re.compile(r"/v/([A-Za-z0-9_-]{43})")
_NONCE = re.compile(r'name="nonce" value="([^"]+)"')
_FORM = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Sec-Fetch-Site": "same-origin",
    "Origin": "null",
}


async def by_code(traffic: Traffic, person: Person, number: int) -> UserStory:
    """A code by text, read out and typed; now and then twice at once, by somebody whose button hangs."""
    story = await _asked(traffic, person, number, "sms_code")
    while story.step == "answer":
        text = await _arrived(traffic, story, HAS_CODE)
        if text is None:
            break
        times = 2 if number % 3 == 1 else 1
        path, body = f"{EUV}/{story.id}/check", {"code": user_code_in(text)}
        answers = await asyncio.gather(
            *(traffic.try_api("POST", path, body, who=story.who) for _ in range(times)),
        )
        assert sum(status == 200 for status, _ in answers) <= 1, "one code was right twice"
        for status, answer in answers:
            if status == 200 or (status == 409 and answer["error"] == "verification_over"):
                story.step = "told"
            assert status in (0, 200, 409) or status >= 500, (status, answer)
        await asyncio.sleep(AGAIN_S if story.step == "answer" else 0)
    return story


def user_code_in(text: str) -> str:
    """The code that a text to an end user carries."""
    found = _CODE.search(text)
    assert found is not None, "there is no code in this text"
    return found[1]


async def by_link(traffic: Traffic, person: Person, number: int) -> UserStory:
    """A link by text, opened and answered; whoever sees an error presses again."""
    story = await _asked(traffic, person, number, "sms_link")
    while story.step == "answer":
        text = await _arrived(traffic, story, "/v/")
        if text is None:
            break
        (token,) = _TOKEN.findall(text)
        url = f"{traffic.installation.proxy.url}/v/{token}"
        page = await _page(traffic, "GET", url, "")
        nonce = _NONCE.search(page)
        if nonce is not None:
            page = await _page(traffic, "POST", url, urlencode({"nonce": nonce[1], "act": "validate"}))
        if "You confirmed at" in page or "It has run out" in page:
            story.step = "told"
        await asyncio.sleep(AGAIN_S if story.step == "answer" else 0)
    return story


async def _asked(traffic: Traffic, person: Person, number: int, method: str) -> UserStory:
    """Ask until it is granted, with a key that makes repeats harmless."""
    story = UserStory(person, number % 2)
    traffic.users.append(story)
    body = {"contact_id": person.id, "method": method}
    while not story.id:
        story.asked += 1
        key, until = f"{method} {person.id} {story.asked}", time.monotonic() + WORKED_ON_S
        while not story.id:
            status, answer = await traffic.try_api("POST", EUV, body, who=story.who, key=key)
            if status == 201:
                story.id = answer["id"]
            elif status == 409 and answer["error"] == "in_progress":
                # Whoever waits looks whether it has been asked after all.
                story.id = await _there_already(traffic, story)
                if time.monotonic() > until:
                    break
            else:
                assert status == 0 or status >= 500, (status, answer)
            await asyncio.sleep(0 if story.id else AGAIN_S)
    story.step = "answer"
    return story


async def _there_already(traffic: Traffic, story: UserStory) -> str:
    """What the page of the contact shows: the id of a verification that was asked for after all, else empty."""
    path = f"{EUV}?contact_id={story.person.id}"
    while True:
        status, found = await traffic.try_api("GET", path, who=story.who)
        if status == 200:
            return str(found["items"][0]["id"]) if found["items"] else ""
        await asyncio.sleep(AGAIN_S)


async def _arrived(traffic: Traffic, story: UserStory, words: str) -> str | None:
    """The newest text that came to the phone; None when it is over before any has come."""
    carrier = traffic.installation.carrier.carrier
    while True:
        try:
            await asyncio.wait_for(carrier.text_with(story.person.mobile, words), 1.0)
        except TimeoutError:
            status, seen = await traffic.try_api("GET", f"{EUV}/{story.id}", who=story.who)
            if status == 200 and seen["state"] != "sent":
                story.step = "told"
                return None
        else:
            return [body for body in carrier.phones[story.person.mobile] if words in body][-1]


async def _page(traffic: Traffic, method: str, url: str, form: str) -> str:
    """What the page says in the end, empty when nobody answered."""
    data, headers = (form, _FORM) if form else (None, {})
    timeout = aiohttp.ClientTimeout(total=15)
    try:
        async with traffic.installation.http.request(method, url, data=data, headers=headers, timeout=timeout) as got:
            return await got.text()
    except (aiohttp.ClientError, TimeoutError, ConnectionError):
        return ""
