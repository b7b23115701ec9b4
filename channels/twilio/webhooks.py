"""Twilio's webhooks for texts: proves them, translates them, hands them on; decides nothing.

What each answer means (the body is empty but for 200):

    200  taken, or a repeat of something taken; always an empty <Response>, since replies and codes leave by REST
    400  not a form at all         403  unsigned, wrongly signed, not of this account, or cut into other fields
    405  not a POST                408  the body did not come in time       413  the body is too long
    415  not a form by its type    503  we cannot take it now: try again
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog
from aiohttp import ClientError, web

from channels.twilio import form, signature
from channels.twilio.account import FindAccount, TwilioAccount
from channels.twilio.texts import to_delivery_report, to_inbound
from dialogs.messages import Receive, ReportDelivery, Unavailable
from dialogs.ports import Contended

SMS_PATH = "/webhooks/twilio/sms"
STATUS_PATH = "/webhooks/twilio/status"
BODY_SECONDS = 30.0
RETRY_AFTER_SECONDS = 5

_NOTHING_TO_SAY = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
_XML = {"Content-Type": "text/xml; charset=utf-8"}
_FORM = "application/x-www-form-urlencoded"
_USUAL_TYPES = frozenset({_FORM, f"{_FORM}; charset=UTF-8", f"{_FORM}; charset=utf-8", f"{_FORM};charset=UTF-8"})

log = structlog.get_logger()

Check = Callable[[Sequence[tuple[str, str]], str], dict[str, str]]


class _Refused(Exception):
    """The request ends here, with this status and an empty body."""

    def __init__(self, status: int, word: str) -> None:
        super().__init__(word)
        self.status = status
        self.word = word


class TwilioWebhooks:
    """The two routes. `public_url`: where Twilio reaches us, from configuration; signatures are checked against it and
    never against `Host`. `count` is called once for each request with `<hook>.<what became of it>`."""

    def __init__(
        self,
        *,
        receive: Receive,
        report: ReportDelivery,
        account: FindAccount,
        public_url: str,
        count: Callable[[str], None],
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._receive = receive
        self._report = report
        self._account = account
        self._count = count
        self._body_seconds = body_seconds
        base = public_url.rstrip("/")
        self._sms_urls = signature.url_spellings(base + SMS_PATH)
        self._status_urls = signature.url_spellings(base + STATUS_PATH)

    def routes(self) -> list[web.RouteDef]:
        """Routes for the application; any other method answers 405."""
        return [web.post(SMS_PATH, self.sms), web.post(STATUS_PATH, self.status)]

    async def sms(self, request: web.Request) -> web.Response:
        """An inbound text. Answers after the commit."""
        try:
            account, fields, signed = await self._prove(request, self._sms_urls, form.check_text)
            if not account.owns(fields["To"]):
                raise _Refused(403, "not_owned")
            receipt = await self._receive(to_inbound(fields, signed))
            if receipt.outcome == "unroutable":
                raise _Refused(403, "unroutable")
        except _Refused as refused:
            return self._refuse("sms", refused)
        except (Unavailable, Contended) as cause:
            return self._later("sms", cause)
        self._count("sms.taken" if receipt.outcome == "taken" else "sms.duplicate")
        return web.Response(body=_NOTHING_TO_SAY, headers=_XML)

    async def status(self, request: web.Request) -> web.Response:
        """A delivery report. One that is unknown or outdated is fine too: there is nothing to repeat."""
        try:
            account, fields, _ = await self._prove(request, self._status_urls, form.check_status)
            if not account.owns(fields["From"]):
                raise _Refused(403, "not_owned")
            moved = await self._report(to_delivery_report(fields))
        except _Refused as refused:
            return self._refuse("status", refused)
        except (Unavailable, Contended) as cause:
            return self._later("status", cause)
        self._count("status.moved" if moved else "status.outdated")
        return web.Response(body=_NOTHING_TO_SAY, headers=_XML)

    async def _prove(
        self, request: web.Request, urls: Sequence[bytes], check: Check
    ) -> tuple[TwilioAccount, Mapping[str, str], str]:
        """The account, the checked fields and the signature; cheap refusals first, nothing used before it is proven."""
        headers = request.headers
        _check_type(headers)
        signed = headers.get(signature.SIGNATURE_HEADER, "")
        if not signed:
            raise _Refused(403, "unsigned")
        try:
            pairs = form.read_pairs(await self._read(request))
        except form.FormRefused as cause:
            raise _Refused(400, cause.word) from cause
        claimed = form.account_claimed(pairs)
        account = await self._account(claimed) if claimed else None
        if account is None or account.account_sid != claimed:
            raise _Refused(403, "unknown_account")
        text = signature.signed_text(pairs)
        settings = headers.get(signature.SETTINGS_HEADER, "")
        if not signature.is_genuine(signed, settings, urls, text, account):
            raise _Refused(403, "bad_signature")
        try:
            return account, check(pairs, text), signed
        except form.FormRefused as cause:
            raise _Refused(403, cause.word) from cause

    async def _read(self, request: web.Request) -> bytes:
        """The raw body, bounded in size and time."""
        if request.content_length is not None and request.content_length > form.MAX_BYTES:
            raise _Refused(413, "too_large")
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
                raise _Refused(408, "slow_body") from None
            except (ConnectionError, web.RequestPayloadError, ClientError) as cause:
                raise _Refused(400, "broken_body") from cause
        if len(body) > form.MAX_BYTES:
            raise _Refused(413, "too_large")
        return body

    def _refuse(self, hook: str, refused: _Refused) -> web.Response:
        """Counted and logged by its word alone: nothing in an unproven request is worth repeating."""
        self._count(f"{hook}.{refused.word}")
        log.warning("twilio_refused", hook=hook, why=refused.word, status=refused.status)
        response = web.Response(status=refused.status)
        if refused.status in (408, 413) or refused.word == "broken_body":
            response.force_close()
        return response

    def _later(self, hook: str, cause: Exception) -> web.Response:
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
            raise _Refused(415, "wrong_type")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _Refused(415, "compressed")
