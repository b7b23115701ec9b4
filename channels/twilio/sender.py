"""Sends texts through Twilio's REST interface, and says honestly when it cannot know whether one went out (REL-04).

The SDK's client blocks the event loop and has no base URL to set; two requests are all that is needed of it.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from channels.twilio.account import AccountFor, TwilioAccount
from channels.twilio.texts import reaction
from channels.twilio.webhooks import STATUS_PATH
from dialogs.ports import SendLater, SendRefused, SendUnclear

DEFAULT_URL = "https://api.twilio.com"
TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
#: An answer is a few hundred bytes, a full page of a list some hundred thousand.
MAX_ANSWER = 2 * 1024 * 1024
PAGE_SIZE = 50
MAX_PAGES = 4
#: Twilio's times are whole seconds and its clock is not ours; more would find the text before this one.
CLOCK_SLACK = timedelta(seconds=5)

_API = "/2010-04-01/Accounts/"
_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class _Answer:
    """Status, headers, and the JSON object in the body; empty when there is none or it broke off."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, object]


class TwilioTexts:
    """`SendText` over Twilio. `base_url` may point at a stand-in; `public_url` is where status reports come back.

    The session is handed in and not closed here. While tokens are rotated, a request refused with the first is tried
    with the second: a refused log-in has sent nothing.
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
        self._session = session
        self._account_for = account_for
        self._callback = public_url.rstrip("/") + STATUS_PATH
        self._base = base_url.rstrip("/")
        self._timeout = timeout

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        """Create the message and return its sid. `key` stays here: Twilio knows no idempotency key, so a repeat after
        `SendUnclear` needs `find` first. Raises `SendRefused`, `SendLater`, `SendUnclear`."""
        account = await self._account(sender)
        form = {"To": to, "From": sender, "Body": body, "StatusCallback": self._callback}
        try:
            answer = await self._ask("POST", _messages_path(account), account, form=form)
        except (TimeoutError, aiohttp.ClientError) as cause:
            raise SendUnclear("the request left and no answer came") from cause
        _raise_for(answer)
        sid = answer.body.get("sid")
        if answer.status != 201 or not isinstance(sid, str) or not _SID.fullmatch(sid):
            raise SendUnclear(f"Twilio answered {answer.status} without a message id")
        return sid

    async def find(self, *, to: str, sender: str, body: str, since: datetime) -> str | None:
        """The sid of such a message created since then, or None. Raises `SendLater` when Twilio cannot be asked now,
        and `SendRefused` when it will not answer."""
        account = await self._account(sender)
        pair = {"To": to, "From": sender, "PageSize": str(PAGE_SIZE)}
        after = (since - CLOCK_SLACK).astimezone(UTC)
        # A message that still waits may have no DateSent, so the newest ones are read without that filter as well.
        for query in ({**pair, "DateSent>": after.strftime("%Y-%m-%dT%H:%M:%SZ")}, pair):
            async for message in self._pages(account, query):
                if _is_it(message, to=to, sender=sender, body=body, after=after):
                    return str(message["sid"])
        return None

    async def _account(self, sender: str) -> TwilioAccount:
        account = await self._account_for(sender)
        if account is None:
            raise SendRefused("no_account", "No Twilio account owns our number. An admin must connect it.")
        return account

    async def _pages(self, account: TwilioAccount, query: Mapping[str, str]) -> AsyncIterator[Mapping[str, object]]:
        """The messages of at most `MAX_PAGES` pages. A next page is followed on our base URL only."""
        path = _messages_path(account)
        for _ in range(MAX_PAGES):
            try:
                answer = await self._ask("GET", path, account, query=query)
            except (TimeoutError, aiohttp.ClientError) as cause:
                raise SendLater("no_answer", "Twilio did not answer") from cause
            try:
                _raise_for(answer)
            except SendUnclear as cause:
                raise SendLater(f"http_{answer.status}", "Twilio could not answer") from cause
            messages = answer.body.get("messages")
            if answer.status != 200 or not isinstance(messages, list):
                raise SendLater("bad_answer", "Twilio answered without a list")
            for message in messages:
                if isinstance(message, dict):
                    yield message
            following = answer.body.get("next_page_uri")
            if not isinstance(following, str) or not following.startswith(_API):
                return
            path, query = following, {}

    async def _ask(
        self,
        method: str,
        path: str,
        account: TwilioAccount,
        *,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> _Answer:
        """One request, with the second token if the first is refused. Raises `SendLater` when no connection came
        about; time-outs and other client errors mean that the request may have arrived."""
        url = URL(self._base + path, encoded=bool(path.partition("?")[1]))
        url = url.extend_query(query) if query else url
        answer = _Answer(401, {}, {})
        for token in (account.auth_token, account.secondary_token):
            if not token or answer.status != 401:
                continue
            try:
                async with self._session.request(
                    method,
                    url,
                    data=form,
                    headers={"Authorization": _basic(account.account_sid, token), "Accept": "application/json"},
                    timeout=self._timeout,
                    allow_redirects=False,
                ) as response:
                    answer = _Answer(response.status, response.headers, await _read_json(response))
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as cause:
                raise SendLater("no_connection", "Twilio cannot be reached") from cause
        return answer


def _messages_path(account: TwilioAccount) -> str:
    return f"{_API}{account.account_sid}/Messages.json"


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


async def _read_json(response: aiohttp.ClientResponse) -> Mapping[str, object]:
    """The object in the body. The status line already says the most, so a broken body is an empty one."""
    raw = bytearray()
    try:
        async for chunk in response.content.iter_any():
            raw += chunk
            if len(raw) > MAX_ANSWER:
                return {}
        found = json.loads(bytes(raw))
    except (TimeoutError, aiohttp.ClientError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _raise_for(answer: _Answer) -> None:
    """Raise what a refusal means. The texts are ours: Twilio's name the number.

    502 and 504 come from something in front of Twilio that had already passed the request on.
    """
    status = answer.status
    if status < 300:
        return
    code = answer.body.get("code")
    word = str(code) if isinstance(code, int) and code > 0 else f"http_{status}"
    if status in (502, 504):
        raise SendUnclear(f"Twilio's gateway answered {status}")
    if status in (408, 429) or status >= 500 or word == "20429":
        raise SendLater(word, f"Twilio answered {status}", retry_after=_retry_after(answer.headers))
    known = reaction(word)
    raise SendRefused(word, known.meaning, opted_out=known.opted_out)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the provider wants to hear from us: given as such, or as a time on the provider's own clock."""
    given = headers.get("Retry-After", "").strip()
    if given.isascii() and given.isdigit():
        return float(given)
    at, now = _time(given), _time(headers.get("Date", ""))
    return max(0.0, (at - now).total_seconds()) if at and now else None


def _is_it(message: Mapping[str, object], *, to: str, sender: str, body: str, after: datetime) -> bool:
    created = message.get("date_created")
    at = _time(created) if isinstance(created, str) else None
    sid = message.get("sid")
    return (
        message.get("direction") == "outbound-api"
        and (message.get("to"), message.get("from"), message.get("body")) == (to, sender, body)
        and isinstance(sid, str)
        and _SID.fullmatch(sid) is not None
        and at is not None
        and at >= after
    )


def _time(rfc2822: str) -> datetime | None:
    """An aware time, or None for anything that is not one."""
    try:
        at = parsedate_to_datetime(rfc2822)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
