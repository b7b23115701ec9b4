"""Posts to a channel in Microsoft Teams by the address of a workflow ("When a Teams webhook request is received").

The body is `{"text": string}` and nothing else, the shape that the workflow parses. What answers is the workflow, not
Teams: that it took the request does not prove that the post stands there.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from html import escape
from typing import TypeAlias
from urllib.parse import urlsplit

from dialogs.ports import Outbound, OutboundFailed, OutboundRefused, SendLater, SendRefused

#: What the test button posts.
HELLO = "Hello, World"
#: How hosts of workflows end, for commercial and government clouds. The operator may add others.
HOSTS = (
    ".logic.azure.com",
    ".logic.azure.us",
    ".powerplatform.com",
    ".powerplatform.us",
    ".webhook.office.com",
)
#: Teams takes about 28 KB with everything around it.
LONGEST = 20_000
HEADERS = {"Content-Type": "application/json"}

#: The address of a connection: tenant id, connection id -> address, None when it has been removed.
UrlOf: TypeAlias = Callable[[str, str], Awaitable[str | None]]


class WorkflowPosts:
    """`SendPost` by workflows. `more_hosts`: endings or whole names of hosts that the operator allows in addition."""

    def __init__(self, outbound: Outbound, url_of: UrlOf, more_hosts: Iterable[str] = ()) -> None:
        self._outbound = outbound
        self._url_of = url_of
        self._hosts = (*HOSTS, *more_hosts)

    async def check(self, url: str) -> None:
        """Raises `OutboundRefused`, with a sentence for whoever typed it, when nothing would be posted there."""
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            host = ""
        if not any(host == known or (known.startswith(".") and host.endswith(known)) for known in self._hosts):
            raise OutboundRefused(
                "This is not the address of a workflow. Copy the HTTP URL that the workflow shows in its first step; "
                "its host ends in " + " or ".join(known.lstrip(".") for known in (HOSTS[2], HOSTS[0])) + "."
            )
        await self._outbound.check(url)

    async def post(self, tenant_id: str, connection_id: str, text: str) -> str:
        """Post, and return the HTTP status. Raises `SendRefused` and `SendLater`: a post that stands there twice harms
        nobody, so what is unclear is tried again."""
        url = await self._url_of(tenant_id, connection_id)
        if url is None:
            raise SendRefused("no_connection", "The connection has been removed.")
        try:
            await self.check(url)
            answer = await self._outbound.post(url, body_of(text), HEADERS)
        except OutboundRefused as refused:
            raise SendRefused("address_refused", str(refused)) from refused
        except OutboundFailed as failed:
            raise SendLater("no_answer", str(failed)) from failed
        if 200 <= answer.status < 300:
            return str(answer.status)
        said = f"The workflow answered with HTTP status {answer.status}."
        if answer.status in (408, 429) or answer.status >= 500:
            raise SendLater(f"http_{answer.status}", said, retry_after=answer.retry_after)
        raise SendRefused(f"http_{answer.status}", said)


def body_of(text: str) -> bytes:
    """The request's body. Teams reads the text as HTML, so it is escaped; no line of it is lost (SEC-52)."""
    lines = [escape(line, quote=False) for line in text[:LONGEST].splitlines()]
    return json.dumps({"text": "<br>".join(lines)}, ensure_ascii=False).encode()


def harmless(value: str) -> str:
    """Words of a stranger's, for the middle of a post: Teams makes a link or a mention of nothing in them, whether it
    reads them as HTML, as Markdown or as plain text."""
    for begins, instead in (("://", ": "), ("](", "] ("), ("www.", "www "), ("@", " at ")):
        value = value.replace(begins, instead)
    return value
