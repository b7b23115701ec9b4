"""One request to Twilio's REST interface, and what a refusal means: shared by everything of ours that asks it.

The SDK's client blocks the event loop and has no base URL to set; a few requests are all that is needed of it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from channels.twilio.account import TwilioAccount
from channels.twilio.texts import reaction
from dialogs.ports import SendLater, SendRefused, SendUnclear

DEFAULT_URL = "https://api.twilio.com"
TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)
#: An answer is a few hundred bytes, a full page of a list some hundred thousand.
MAX_ANSWER = 2 * 1024 * 1024
MAX_PAGES = 4

_API = "/2010-04-01/Accounts/"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers, and the JSON object in the body; empty when there is none or it broke off."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, object]


def path_of(account: TwilioAccount, resource: str) -> str:
    """Where a resource of the account is, such as `Messages.json`."""
    return f"{_API}{account.account_sid}/{resource}"


class Rest:
    """Asks Twilio, or the stand-in at `base_url`. The session is handed in and not closed here.

    While tokens are rotated, a request refused with the first is tried with the second: a refused log-in has done
    nothing.
    """

    def __init__(
        self, session: aiohttp.ClientSession, *, base_url: str = DEFAULT_URL, timeout: aiohttp.ClientTimeout = TIMEOUT
    ) -> None:
        self._session = session
        self._base = base_url.rstrip("/")
        self._timeout = timeout

    async def ask(
        self,
        method: str,
        path: str,
        account: TwilioAccount,
        *,
        form: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, with the second token if the first is refused. Raises `SendLater` when no connection came
        about; time-outs and other client errors mean that the request may have arrived."""
        url = URL(self._base + path, encoded=bool(path.partition("?")[1]))
        url = url.extend_query(query) if query else url
        answer = Answer(401, {}, {})
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
                    answer = Answer(response.status, response.headers, await _read_json(response))
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as cause:
                raise SendLater("no_connection", "Twilio cannot be reached") from cause
        return answer

    async def get(self, path: str, account: TwilioAccount, query: Mapping[str, str] | None = None) -> Answer:
        """Read something. Reading may always be repeated, so whatever stays unclear is `SendLater`. Raises that, and
        `SendRefused` when Twilio will not answer."""
        try:
            answer = await self.ask("GET", path, account, query=query)
        except (TimeoutError, aiohttp.ClientError) as cause:
            raise SendLater("no_answer", "Twilio did not answer") from cause
        try:
            raise_for(answer)
        except SendUnclear as cause:
            raise SendLater(f"http_{answer.status}", "Twilio could not answer") from cause
        return answer

    async def pages(
        self, path: str, account: TwilioAccount, what: str, query: Mapping[str, str], *, most: int = MAX_PAGES
    ) -> AsyncIterator[Mapping[str, object]]:
        """The entries under `what` of at most `most` pages. A next page is followed on our base URL only."""
        for _ in range(most):
            answer = await self.get(path, account, query)
            entries = answer.body.get(what)
            if answer.status != 200 or not isinstance(entries, list):
                raise SendLater("bad_answer", "Twilio answered without a list")
            for entry in entries:
                if isinstance(entry, dict):
                    yield entry
            following = answer.body.get("next_page_uri")
            if not isinstance(following, str) or not following.startswith(_API):
                return
            path, query = following, {}


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


def raise_for(answer: Answer) -> None:
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
    at, now = time_of(given), time_of(headers.get("Date", ""))
    return max(0.0, (at - now).total_seconds()) if at and now else None


def time_of(rfc2822: str) -> datetime | None:
    """An aware time, or None for anything that is not one."""
    try:
        at = parsedate_to_datetime(rfc2822)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
