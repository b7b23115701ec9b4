"""Sends texts through Twilio, and says honestly when it cannot know whether one went out (REL-04)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import aiohttp

from channels.twilio.account import AccountFor, owner_of
from channels.twilio.rest import DEFAULT_URL, TIMEOUT, Rest, path_of, raise_for, time_of
from channels.twilio.webhooks import STATUS_PATH
from dialogs.ports import SendUnclear

PAGE_SIZE = 50
#: Twilio's times are whole seconds and its clock is not ours; more would find the text before this one.
CLOCK_SLACK = timedelta(seconds=5)

#: The id of a message.
SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")


class TwilioTexts:
    """`SendText` over Twilio. `base_url` may point at a stand-in; `public_url` is where status reports come back.

    The session is handed in and not closed here.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        account_for: AccountFor,
        public_url: str,
        base_url: str = DEFAULT_URL,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        self._rest = Rest(session, base_url=base_url, timeout=timeout)
        self._account_for = account_for
        self._callback = public_url.rstrip("/") + STATUS_PATH

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        """Create the message and return its sid. `key` stays here: Twilio knows no idempotency key, so a repeat after
        `SendUnclear` needs `find` first. Raises `SendRefused`, `SendLater`, `SendUnclear`."""
        account = await owner_of(sender, self._account_for)
        form = {"To": to, "From": sender, "Body": body, "StatusCallback": self._callback}
        try:
            answer = await self._rest.ask("POST", path_of(account, "Messages.json"), account, form=form)
        except (TimeoutError, aiohttp.ClientError) as cause:
            raise SendUnclear("the request left and no answer came") from cause
        raise_for(answer)
        sid = answer.body.get("sid")
        if answer.status != 201 or not isinstance(sid, str) or not SID.fullmatch(sid):
            raise SendUnclear(f"Twilio answered {answer.status} without a message id")
        return sid

    async def find(self, *, to: str, sender: str, body: str, since: datetime) -> str | None:
        """The sid of such a message created since then, or None. Raises `SendLater` when Twilio cannot be asked now,
        and `SendRefused` when it will not answer."""
        account = await owner_of(sender, self._account_for)
        pair = {"To": to, "From": sender, "PageSize": str(PAGE_SIZE)}
        after = (since - CLOCK_SLACK).astimezone(UTC)
        # A message that still waits may have no DateSent, so the newest ones are read without that filter as well.
        for query in ({**pair, "DateSent>": after.strftime("%Y-%m-%dT%H:%M:%SZ")}, pair):
            async for message in self._rest.pages(path_of(account, "Messages.json"), account, "messages", query):
                if _is_it(message, to=to, sender=sender, body=body, after=after):
                    return str(message["sid"])
        return None


def _is_it(message: Mapping[str, object], *, to: str, sender: str, body: str, after: datetime) -> bool:
    created = message.get("date_created")
    at = time_of(created) if isinstance(created, str) else None
    sid = message.get("sid")
    return (
        message.get("direction") == "outbound-api"
        and (message.get("to"), message.get("from"), message.get("body")) == (to, sender, body)
        and isinstance(sid, str)
        and SID.fullmatch(sid) is not None
        and at is not None
        and at >= after
    )
