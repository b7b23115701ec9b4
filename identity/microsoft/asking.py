"""One bounded request to Entra or Graph. Redirects are not followed, and an answer is read no further than it may be
long, so that whoever answers cannot keep us busy."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import aiohttp
from yarl import URL

from dialogs.people_source import SourceLater, SourceRefused

TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
#: A page of 999 people with the fields that are asked for takes half a megabyte.
MAX_ANSWER = 4 * 1024 * 1024
#: Nobody is made to wait longer, whatever the answer says.
MAX_WAIT = 3600.0
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504, 509})
_WORD = re.compile(r"[A-Za-z0-9_.]{1,80}")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and the JSON object in the body; empty where an answer that is no success has none."""

    status: int
    body: Mapping[str, object]


async def ask(
    session: aiohttp.ClientSession,
    method: str,
    url: URL,
    *,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    within: aiohttp.ClientTimeout = TIMEOUT,
) -> Answer:
    """Ask once. Raises `SourceLater` when there was no answer or it says to come again, and `SourceRefused` when a
    success is not how Microsoft answers."""
    wanted = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Watchword", **(headers or {})}
    try:
        async with session.request(
            method, url, data=form, headers=wanted, timeout=within, allow_redirects=False
        ) as response:
            if response.status in _BUSY:
                word = "throttled" if response.status == 429 else f"http_{response.status}"
                raise SourceLater(word, _retry_after(response.headers))
            return Answer(response.status, await _body(response))
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as cause:
        raise SourceLater("no_connection") from cause
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as cause:
        # ValueError: bytes in the answer that are not HTTP, at the edges of the parser.
        raise SourceLater("no_answer") from cause


async def _body(response: aiohttp.ClientResponse) -> Mapping[str, object]:
    """The object in the body. An answer that is no success is told by its status, so a broken body is an empty one."""
    if response.status >= 400:
        try:
            return _read(await _at_most(response))
        except SourceRefused:
            return {}
    if response.status != 200:
        raise SourceRefused("bad_answer", f"http_{response.status}")
    return _read(await _at_most(response))


async def _at_most(response: aiohttp.ClientResponse) -> bytes:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise SourceRefused("bad_answer", "compressed")
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > MAX_ANSWER:
            raise SourceRefused("bad_answer", "too_long")
    return bytes(raw)


def _read(raw: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as cause:
        raise SourceRefused("bad_answer", "no_json") from cause
    if not isinstance(found, dict):
        raise SourceRefused("bad_answer", "no_object")
    return found


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, which come as such or as a time on the answering side's own clock."""
    given = headers.get("Retry-After", "").strip()
    if given.isascii() and given.isdigit() and len(given) < 10:
        return min(float(given), MAX_WAIT)
    at, now = _time(given), _time(headers.get("Date", ""))
    return min(max(0.0, (at - now).total_seconds()), MAX_WAIT) if at and now else None


def _time(rfc2822: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(rfc2822)
    except ValueError:
        return None
    return at if at.tzinfo else None


def word_of(value: object) -> str:
    """A provider's own word for something, or empty where it is none that may stand in a log."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""
