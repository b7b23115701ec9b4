"""Twilio's webhooks for texts: proves them, translates them, hands them on; decides nothing.

What each answer means (the body is empty but for 200):

    200  taken, or a repeat of something taken; always an empty <Response>, since replies and codes leave by REST
    400  not a form at all         403  unsigned, wrongly signed, not of this account, or cut into other fields
    405  not a POST                408  the body did not come in time       413  the body is too long
    415  not a form by its type    503  we cannot take it now: try again
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from channels.twilio import form, signature
from channels.twilio.account import FindAccount
from channels.twilio.proof import BODY_SECONDS, Proof, Refused
from channels.twilio.texts import to_delivery_report, to_inbound
from dialogs.messages import Receive, ReportDelivery, Unavailable
from dialogs.ports import Contended

SMS_PATH = "/webhooks/twilio/sms"
STATUS_PATH = "/webhooks/twilio/status"

_NOTHING_TO_SAY = b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
_XML = {"Content-Type": "text/xml; charset=utf-8"}


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
        self._count = count
        self._proof = Proof(account, count, body_seconds)
        base = public_url.rstrip("/")
        self._sms_urls = signature.url_spellings(base + SMS_PATH)
        self._status_urls = signature.url_spellings(base + STATUS_PATH)

    def routes(self) -> list[web.RouteDef]:
        """Routes for the application; any other method answers 405."""
        return [web.post(SMS_PATH, self.sms), web.post(STATUS_PATH, self.status)]

    async def sms(self, request: web.Request) -> web.Response:
        """An inbound text. Answers after the commit."""
        try:
            account, fields, signed = await self._proof.prove(request, self._sms_urls, form.check_text)
            if not account.owns(fields["To"]):
                raise Refused(403, "not_owned")
            receipt = await self._receive(to_inbound(fields, signed))
            if receipt.outcome == "unroutable":
                raise Refused(403, "unroutable")
        except Refused as refused:
            return self._proof.refuse("sms", refused)
        except (Unavailable, Contended) as cause:
            return self._proof.later("sms", cause)
        self._count("sms.taken" if receipt.outcome == "taken" else "sms.duplicate")
        return web.Response(body=_NOTHING_TO_SAY, headers=_XML)

    async def status(self, request: web.Request) -> web.Response:
        """A delivery report. One that is unknown or outdated is fine too: there is nothing to repeat."""
        try:
            account, fields, _ = await self._proof.prove(request, self._status_urls, form.check_status)
            if not account.owns(fields["From"]):
                raise Refused(403, "not_owned")
            moved = await self._report(to_delivery_report(fields))
        except Refused as refused:
            return self._proof.refuse("status", refused)
        except (Unavailable, Contended) as cause:
            return self._proof.later("status", cause)
        self._count("status.moved" if moved else "status.outdated")
        return web.Response(body=_NOTHING_TO_SAY, headers=_XML)
