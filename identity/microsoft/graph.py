"""Organisations and their people from Graph: a page at a time, first everybody, from then on what has changed.

A link to the next page is never followed: its origin and path must be Graph's, and only its query is kept and asked
with, at the address that the operator set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp
from yarl import URL

from dialogs.people_source import (
    DirectoryAccess,
    SourceExpired,
    SourceOrganisation,
    SourcePage,
    SourcePerson,
    SourceRefused,
)
from identity.microsoft.addresses import is_guid, read_organisation
from identity.microsoft.asking import TIMEOUT, Answer, ask, word_of
from identity.microsoft.reading import FIELDS, external_id, is_whole, read_organisation_entry, read_person
from identity.microsoft.tokens import GRAPH_HOST, Tokens

GRAPH_URL = f"https://{GRAPH_HOST}"
#: Graph's largest page is 999.
MOST_ENTRIES = 1000
LONGEST_QUERY = 15_000
#: Graph takes no more values in one `in`.
AT_ONCE = 15

_USERS = "/v1.0/users"
_DELTA: Final = ("/v1.0/users/delta", "/v1.0/users/delta()", "/v1.0/users/microsoft.graph.delta()")
#: Ways Graph says that a cursor is too old, besides 410.
_EXPIRED = frozenset({"syncstatenotfound", "resyncrequired", "directory_expiredpagetoken"})
_NO_PERMISSION = frozenset({"authorization_requestdenied", "accessdenied", "forbidden"})
_QUERY = re.compile(r"[!-~]+")


class MicrosoftDirectory:
    """Implements `dialogs.people_source.PeopleSource`. The session is handed in and not closed here."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tokens: Tokens,
        *,
        base_url: str = GRAPH_URL,
        within: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        self._session = session
        self._tokens = tokens
        self._base = base_url.rstrip("/")
        self._within = within

    async def organisation(self, access: DirectoryAccess) -> SourceOrganisation:
        """Which organisation this is, proven by a token for it. Raises `SourceRefused` and `SourceLater`."""
        asked_for = read_organisation(access.organisation_id)
        body = await self._get(access, f"{self._base}/v1.0/organization?$select=id,displayName,verifiedDomains")
        entries = _entries(body)
        found = read_organisation_entry(entries[0]) if len(entries) == 1 else None
        if found is None:
            raise SourceRefused("bad_answer", "no_organisation")
        if asked_for != found.id if is_guid(asked_for) else asked_for not in found.domains:
            raise SourceRefused("other_organisation")
        return found

    async def people(self, access: DirectoryAccess, cursor: str) -> SourcePage:
        """The next page of people; an empty cursor begins with everybody.

        Raises `SourceExpired`, `SourceRefused` and `SourceLater`; nothing is lost then, ask with the same cursor.
        """
        if not is_guid(read_organisation(access.organisation_id)):
            raise SourceRefused("bad_address")
        query = _read_cursor(cursor)
        body = await self._get(access, f"{self._base}{_DELTA[0]}?{query}", with_cursor=bool(cursor))
        entries = _entries(body)
        following, whole = self._following(body)
        if following == query and not whole:
            raise SourceRefused("bad_answer", "same_page_again")
        changed: dict[str, Mapping[str, object]] = {}
        gone: dict[str, None] = {}
        unreadable = 0
        for entry in entries:
            id = external_id(entry)
            if not id or not isinstance(entry, Mapping):
                unreadable += 1
            elif "@removed" in entry:
                changed.pop(id, None)
                gone[id] = None
            else:
                gone.pop(id, None)
                # Somebody may come twice; what is not said the second time was said the first.
                changed[id] = {**changed.get(id, {}), **entry}
        people = [read_person(entry) for entry in changed.values() if is_whole(entry)]
        if len(people) < len(changed):
            people += await self._whole(access, sorted(changed.keys() - {person.external_id for person in people}))
        return SourcePage(
            people=tuple(people),
            gone=tuple(gone),
            cursor=following,
            whole=whole,
            unreadable=unreadable,
        )

    async def _whole(self, access: DirectoryAccess, ids: Sequence[str]) -> list[SourcePerson]:
        """People of whom only what has changed was said. One who is gone by now is passed over: a later page says so.

        What is missing in an entry may be empty or unchanged, and taking the one for the other would take somebody's
        number away."""
        people: list[SourcePerson] = []
        for at in range(0, len(ids), AT_ONCE):
            some = ids[at : at + AT_ONCE]
            filter = "%20in%20(" + ",".join(f"'{id}'" for id in some) + ")"
            body = await self._get(access, f"{self._base}{_USERS}?$select={','.join(FIELDS)}&$filter=id{filter}")
            found = {id: entry for entry in _entries(body) if isinstance(entry, Mapping) and (id := external_id(entry))}
            people += [read_person(found[id]) for id in some if id in found]
        return people

    async def _get(self, access: DirectoryAccess, url: str, *, with_cursor: bool = False) -> Mapping[str, object]:
        """Ask Graph; a token that it does not take is asked for anew, once."""
        answer = Answer(401, {})
        for _ in range(2):
            token = await self._tokens.token(access)
            answer = await ask(
                self._session,
                "GET",
                URL(url, encoded=True),
                headers={"Authorization": f"Bearer {token}"},
                within=self._within,
            )
            if answer.status != 401:
                break
            self._tokens.forget(access, token)
        if answer.status != 200:
            raise _refusal(answer, with_cursor=with_cursor)
        return answer.body

    def _following(self, body: Mapping[str, object]) -> tuple[str, bool]:
        """The query of the next page, or of the next round, and whether it is of the next round."""
        for name, token, whole in (
            ("@odata.nextLink", "$skiptoken=", False),
            ("@odata.deltaLink", "$deltatoken=", True),
        ):
            link = body.get(name)
            if link is None:
                continue
            said, _, query = link.partition("?") if isinstance(link, str) else ("", "", "")
            own = any(said == base + path for base in (self._base, GRAPH_URL) for path in _DELTA)
            written = query.replace("%24", "$")
            if not own or not _is_query(query) or not (written.startswith(token) or f"&{token}" in written):
                raise SourceRefused("bad_answer", "foreign_link")
            return query, whole
        raise SourceRefused("bad_answer", "no_link")


def _is_query(text: str) -> bool:
    return len(text) <= LONGEST_QUERY and _QUERY.fullmatch(text) is not None and "#" not in text


def _read_cursor(cursor: str) -> str:
    """The query to ask with. What was kept is ours, yet not believed where it would change whom we ask."""
    if not cursor:
        return f"$select={','.join(FIELDS)}"
    if not _is_query(cursor):
        raise SourceExpired("not a cursor")
    return cursor


def _entries(body: Mapping[str, object]) -> Sequence[object]:
    entries = body.get("value")
    if not isinstance(entries, list):
        raise SourceRefused("bad_answer", "no_list")
    if len(entries) > MOST_ENTRIES:
        raise SourceRefused("bad_answer", "too_many")
    return entries


def _refusal(answer: Answer, *, with_cursor: bool) -> SourceRefused | SourceExpired:
    error = answer.body.get("error")
    code = word_of(error.get("code")) if isinstance(error, Mapping) else ""
    if with_cursor and (answer.status == 410 or code.lower() in _EXPIRED):
        return SourceExpired(code or "http_410")
    detail = code or f"http_{answer.status}"
    if answer.status == 403 and code.lower() in _NO_PERMISSION:
        return SourceRefused("no_permission", detail)
    return SourceRefused("refused", detail)
