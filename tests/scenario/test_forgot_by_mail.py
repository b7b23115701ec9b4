"""The whole way of a forgotten password in a running installation: form, outbox, mail server, link."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlencode

import pytest

from tests.fixtures.demo_house import DemoHouse

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@pytest.mark.feature("SI-10")
async def test_the_link_comes_by_mail_and_opens(demo: DemoHouse) -> None:
    dana = demo.technician("dana")
    url = demo.house.settings.public_url
    async with demo.http.post(url + "/forgot", data=urlencode({"login": dana.login}), headers=FORM) as answer:
        assert answer.status == 200
    mailbox = demo.world.notices.mailbox
    async with asyncio.timeout(20):
        # The answer leaves first; the link is made and sent after it.
        while not mailbox.mails():
            await asyncio.sleep(0)
            await demo.idle()
    (mail,) = mailbox.mails()
    assert mail.to == dana.login
    assert "new password" in mail.subject
    (path,) = re.findall(re.escape(url) + r"(/new-password/\S+)", mail.text)
    async with demo.http.get(url + path) as page:
        assert page.status == 200
        assert dana.login in await page.text()
    assert path.rpartition("/")[2].encode() not in await demo.contents()
