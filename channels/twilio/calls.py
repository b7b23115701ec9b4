"""Calls people through Twilio and speaks to them, and says when it cannot know whether a phone rings (REL-04)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import aiohttp

from channels.twilio.account import AccountFor, owner_of
from channels.twilio.call_urls import CallUrls
from channels.twilio.rest import DEFAULT_URL, TIMEOUT, Answer, Rest, path_of, raise_for, time_of
from channels.twilio.sender import CLOCK_SLACK
from channels.twilio.twiml import spoken
from dialogs.ports import SendRefused, SendUnclear

#: The id of a call.
SID = re.compile(r"CA[0-9a-fA-F]{32}")
#: A phone rings so long at most; mailboxes pick up before that.
RING_SECONDS = 40
#: A call that nobody ends ends by itself.
LONGEST_SECONDS = 180
#: Whoever says nothing for so long is neither a person nor a machine as far as Twilio knows.
DETECTION_SECONDS = 8
#: Calls from one number of ours to one person are few: the newest ones tell.
PAGE_SIZE = 20
#: Twilio's word for "this call is not under way".
_NOT_UNDER_WAY = "21220"


class TwilioCalls:
    """`SendCall` over Twilio. `base_url` may point at a stand-in; `public_url` is where Twilio asks what to say.

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
        self._urls = CallUrls(public_url)

    async def call(self, *, to: str, sender: str, verification_id: str, key: str) -> str:
        """Create the call and return its sid. `key` stays here, as with texts. Raises `SendRefused`, `SendLater`,
        `SendUnclear`."""
        form = [
            ("To", to),
            ("From", sender),
            ("Url", self._urls.answered(verification_id)),
            ("Method", "POST"),
            ("StatusCallback", self._urls.status(verification_id)),
            ("StatusCallbackMethod", "POST"),
            *(("StatusCallbackEvent", event) for event in ("initiated", "ringing", "answered", "completed")),
            ("Timeout", str(RING_SECONDS)),
            ("TimeLimit", str(LONGEST_SECONDS)),
            ("MachineDetection", "Enable"),
            ("MachineDetectionTimeout", str(DETECTION_SECONDS)),
        ]
        answer = await self._post("Calls.json", sender, form)
        sid = answer.body.get("sid")
        if answer.status != 201 or not isinstance(sid, str) or not SID.fullmatch(sid):
            raise SendUnclear(f"Twilio answered {answer.status} without a call id")
        return sid

    async def find(self, *, to: str, sender: str, since: datetime) -> str | None:
        """The sid of the newest call to this person created since then, or None. Raises `SendLater` when Twilio cannot
        be asked now, and `SendRefused` when it will not answer."""
        account = await owner_of(sender, self._account_for)
        after = (since - CLOCK_SLACK).astimezone(UTC)
        query = {"To": to, "From": sender, "PageSize": str(PAGE_SIZE)}
        # Not filtered by time: a call that has not been dialled yet has no StartTime.
        async for call in self._rest.pages(path_of(account, "Calls.json"), account, "calls", query, most=1):
            if _is_it(call, to=to, sender=sender, after=after):
                return str(call["sid"])
        return None

    async def say(self, *, call_id: str, sender: str, verification_id: str, body: str, then: str) -> None:
        """Replace what the call is playing. Raises as `call` does; `SendRefused` with `call_over` when it has ended."""
        if not SID.fullmatch(call_id):
            raise SendRefused("bad_call_id", "This is not the id of a call.")
        form = {"Twiml": spoken(body, then, self._urls.keyed(verification_id))}
        try:
            await self._post(f"Calls/{call_id}.json", sender, list(form.items()))
        except SendRefused as refused:
            if refused.code in (_NOT_UNDER_WAY, "20404"):
                raise SendRefused("call_over", "The call ended before the code could be said.") from refused
            raise

    async def _post(self, resource: str, sender: str, form: list[tuple[str, str]]) -> Answer:
        account = await owner_of(sender, self._account_for)
        try:
            answer = await self._rest.ask("POST", path_of(account, resource), account, form=form)
        except (TimeoutError, aiohttp.ClientError) as cause:
            raise SendUnclear("the request left and no answer came") from cause
        raise_for(answer)
        return answer


def _is_it(call: Mapping[str, object], *, to: str, sender: str, after: datetime) -> bool:
    created = call.get("date_created")
    at = time_of(created) if isinstance(created, str) else None
    sid = call.get("sid")
    return (
        call.get("direction") == "outbound-api"
        and (call.get("to"), call.get("from")) == (to, sender)
        and isinstance(sid, str)
        and SID.fullmatch(sid) is not None
        and at is not None
        and at >= after
    )
