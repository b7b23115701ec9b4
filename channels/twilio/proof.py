"""Proves a webhook of Twilio's before anything in it is used: shape, size, signature, and distrust even then.

What each refusal means is told at the head of `channels.twilio.webhooks`; its body is always empty.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from aiohttp import ClientError, web

from channels.twilio import form, signature
from channels.twilio.account import FindAccount, TwilioAccount

BODY_SECONDS = 30.0
RETRY_AFTER_SECONDS = 5

_FORM = "application/x-www-form-urlencoded"
_USUAL_TYPES = frozenset({_FORM, f"{_FORM}; charset=UTF-8", f"{_FORM}; charset=utf-8", f"{_FORM};charset=UTF-8"})

log = structlog.get_logger()

Check = Callable[[Sequence[tuple[str, str]], str], dict[str, str]]


class Refused(Exception):
    """The request ends here, with this status and an empty body."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status = status
        self.word = word


class Proof:
    """What the webhooks share. `count` is called once for each refusal with `<hook>.<word>`."""

    def __init__(self, account: FindAccount, count: Callable[[str], None], body_seconds: float = BODY_SECONDS) -> None:
        self._account = account
        self._count = count
        self._body_seconds = body_seconds

    async def prove(
        self, request: web.Request, urls: Sequence[bytes], check: Check
    ) -> tuple[TwilioAccount, Mapping[str, str], str]:
        """The account, the checked fields and the signature; cheap refusals first, nothing used before it is proven."""
        headers = request.headers
        _check_type(headers)
        signed = headers.get(signature.SIGNATURE_HEADER, "")
        if not signed:
            raise Refused(403, "unsigned")
        try:
            pairs = form.read_pairs(await self._read(request))
        except form.FormRefused as cause:
            raise Refused(400, cause.word) from cause
        claimed = form.account_claimed(pairs)
        account = await self._account(claimed) if claimed else None
        if account is None or account.account_sid != claimed:
            raise Refused(403, "unknown_account")
        text = signature.signed_text(pairs)
        settings = headers.get(signature.SETTINGS_HEADER, "")
        if not signature.is_genuine(signed, settings, urls, text, account):
            raise Refused(403, "bad_signature")
        try:
            return account, check(pairs, text), signed
        except form.FormRefused as cause:
            raise Refused(403, cause.word) from cause

    async def _read(self, request: web.Request) -> bytes:
        """The raw body, bounded in size and time."""
        if request.content_length is not None and request.content_length > form.MAX_BYTES:
            raise Refused(413, "too_large")
        content = request.content
        if content.is_eof():  # all of it is here already, as nearly always: no timer is needed
            body = content.read_nowait()
        else:
            body = b""
            try:
                async with asyncio.timeout(self._body_seconds):
                    while len(body) <= form.MAX_BYTES and (chunk := await content.readany()):
                        body += chunk
            except TimeoutError:
                raise Refused(408, "slow_body") from None
            except (ConnectionError, web.RequestPayloadError, ClientError) as cause:
                raise Refused(400, "broken_body") from cause
        if len(body) > form.MAX_BYTES:
            raise Refused(413, "too_large")
        return body

    def refuse(self, hook: str, refused: Refused) -> web.Response:
        """Counted and logged by its word alone: nothing in an unproven request is worth repeating."""
        self._count(f"{hook}.{refused.word}")
        log.warning("twilio_refused", hook=hook, why=refused.word, status=refused.status)
        response = web.Response(status=refused.status)
        if refused.status in (408, 413) or refused.word == "broken_body":
            response.force_close()
        return response

    def later(self, hook: str, cause: Exception) -> web.Response:
        self._count(f"{hook}.unavailable")
        log.warning("twilio_put_off", hook=hook, why=type(cause).__name__)
        return web.Response(status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def _check_type(headers: Mapping[str, str]) -> None:
    """A form in UTF-8, not compressed: Twilio compresses nothing, and a small body could unfold into a large one."""
    given = headers.get("Content-Type", "")
    if given not in _USUAL_TYPES:
        kind, *parameters = (part.strip().lower() for part in given.split(";"))
        charsets = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")]
        if kind != _FORM or charsets not in ([], ["utf-8"], ["utf8"]):
            raise Refused(415, "wrong_type")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(415, "compressed")
