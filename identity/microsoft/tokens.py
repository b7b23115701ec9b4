"""Access tokens for organisations' directories, with a secret of the application (client credentials).

A token is kept in memory until two minutes before its end, and asked for once however many want it at the same time.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import aiohttp
from yarl import URL

from dialogs.people_source import DirectoryAccess, Refusal, SourceLater, SourceRefused
from dialogs.ports import Clock
from identity.microsoft.addresses import read_application, read_organisation
from identity.microsoft.asking import TIMEOUT, Answer, ask, word_of

ENTRA_URL = "https://login.microsoftonline.com"
GRAPH_HOST = "graph.microsoft.com"
#: Clouds of their own; tokens are for one of them.
GRAPH_HOSTS = frozenset({GRAPH_HOST, "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"})
EARLY = timedelta(minutes=2)
LONGEST = timedelta(days=1)
#: More than any installation has organisations at work at the same time.
KEPT_MOST = 1000

#: What Entra's error numbers mean here. Any other is `refused`, and its number is shown.
MEANINGS: Final[dict[int, Refusal]] = {
    7000215: "wrong_secret",
    7000216: "wrong_secret",
    7000222: "secret_ended",
    700016: "unknown_application",
    90002: "unknown_organisation",
    900023: "unknown_organisation",
    900021: "unknown_organisation",
    7000229: "no_consent",
    65001: "no_consent",
    700082: "no_consent",
    7000112: "no_consent",
}
_LATER = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_NUMBER = re.compile(r"\bAADSTS([0-9]{4,9})\b")
_TOKEN = re.compile(r"[!-~]{1,16384}")
#: Application, digest of the secret, organisation.
_Key: TypeAlias = tuple[str, bytes, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A token and the first moment at which it is not used any more."""

    token: str = field(repr=False)
    until: datetime


def scope_for(graph_url: str) -> str:
    """What a token is asked for: everything that was consented to in that cloud's Graph."""
    host = urlsplit(graph_url).hostname or ""
    return f"https://{host if host in GRAPH_HOSTS else GRAPH_HOST}/.default"


class Tokens:
    """Implements the client credentials flow against `base_url`. The session is handed in and not closed here."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        clock: Clock,
        *,
        base_url: str = ENTRA_URL,
        scope: str = f"https://{GRAPH_HOST}/.default",
        within: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        self._session = session
        self._clock = clock
        self._base = base_url.rstrip("/")
        self._scope = scope
        self._within = within
        self._kept: dict[_Key, _Kept] = {}
        self._locks: WeakValueDictionary[_Key, asyncio.Lock] = WeakValueDictionary()

    async def token(self, access: DirectoryAccess) -> str:
        """A token that is good for two minutes at least. Raises `SourceRefused` and `SourceLater`."""
        key = _key(access)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            kept = self._kept.get(key)
            if kept is None or not self._is_good(kept):
                kept = await self._fresh(access, organisation=key[2])
                self._keep(key, kept)
            return kept.token

    def forget(self, access: DirectoryAccess, token: str) -> None:
        """Graph did not take this token; the next one is asked for anew. Another one than that stays."""
        key = _key(access)
        kept = self._kept.get(key)
        if kept is not None and kept.token == token:
            del self._kept[key]

    async def _fresh(self, access: DirectoryAccess, organisation: str) -> _Kept:
        asked_at = self._clock.now()
        answer = await ask(
            self._session,
            "POST",
            URL(f"{self._base}/{organisation}/oauth2/v2.0/token"),
            form={
                "client_id": read_application(access.application_id),
                "client_secret": access.secret,
                "scope": self._scope,
                "grant_type": "client_credentials",
            },
            within=self._within,
        )
        if answer.status != 200:
            raise _refusal(answer)
        token, seconds = answer.body.get("access_token"), answer.body.get("expires_in")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise SourceRefused("bad_answer", "no_token")
        # Some clouds write the number as text. Without one the token is used for what is being done now, and no more.
        told = int(seconds) if isinstance(seconds, int | str) and re.fullmatch(r"[0-9]{1,7}", str(seconds)) else 0
        return _Kept(token, asked_at + min(timedelta(seconds=told), LONGEST) - EARLY)

    def _is_good(self, kept: _Kept) -> bool:
        # A clock that was put back must not make a token good for years.
        return timedelta(0) < kept.until - self._clock.now() <= LONGEST

    def _keep(self, key: _Key, kept: _Kept) -> None:
        if not self._is_good(kept):
            self._kept.pop(key, None)
            return
        if len(self._kept) >= KEPT_MOST:
            self._kept = {at: one for at, one in self._kept.items() if self._is_good(one)}
        if len(self._kept) >= KEPT_MOST:
            self._kept.clear()
        self._kept[key] = kept


def _key(access: DirectoryAccess) -> _Key:
    digest = hashlib.sha256(access.secret.encode("utf-8", "surrogatepass")).digest()
    return access.application_id.lower(), digest, read_organisation(access.organisation_id)


def _refusal(answer: Answer) -> SourceRefused | SourceLater:
    error, number = word_of(answer.body.get("error")), _number(answer)
    if error in _LATER:
        return SourceLater(error)
    detail = f"AADSTS{number}" if number else error or f"http_{answer.status}"
    return SourceRefused(MEANINGS.get(number, "refused"), detail)


def _number(answer: Answer) -> int:
    """Entra's error number; 0 where it says none."""
    codes = answer.body.get("error_codes")
    first = codes[0] if isinstance(codes, list) and codes else None
    if isinstance(first, int) and not isinstance(first, bool) and 0 < first < 10**9:
        return first
    found = _NUMBER.search(str(answer.body.get("error_description", ""))[:2000])
    return int(found[1]) if found else 0
