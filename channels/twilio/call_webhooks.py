"""Twilio's webhooks for calls: what to say when somebody picks up or presses a key, and what became of the call.

Answers are TwiML and never hold a code; it follows by a request of ours. Statuses mean what they mean for texts, and
`200` of the voice hook is what is to be said now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from aiohttp import web

from channels.twilio import form, signature
from channels.twilio.account import FindAccount, TwilioAccount
from channels.twilio.call_urls import CALL_STATUS_PATH, VOICE_PATH, CallUrls, Step, read_pointer
from channels.twilio.proof import BODY_SECONDS, Proof, Refused
from channels.twilio.texts import PROVIDER
from channels.twilio.twiml import first_words
from dialogs.messages import DeliveryReport, ReportDelivery, Unavailable
from dialogs.ports import Contended

_XML = {"Content-Type": "text/xml; charset=utf-8"}
#: The call is over when one of these is reported.
_OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})

By = Literal["person", "machine", "unknown"]


class Words(Protocol):
    """What is said now, without a code, and what follows."""

    @property
    def say(self) -> str: ...

    @property
    def then(self) -> Literal["wait", "press", "hang_up"]: ...


class CallActs(Protocol):
    """Whoever knows what a call is about. May raise `Unavailable` and `Contended`."""

    async def call_answered(self, tenant_id: str, verification_id: str, *, call_id: str, by: By) -> Words: ...

    async def call_keyed(self, tenant_id: str, verification_id: str, *, call_id: str, digit: str) -> Words: ...

    async def call_ended(self, tenant_id: str, verification_id: str, *, call_id: str, how: str) -> None: ...


class TwilioCallWebhooks:
    """The two routes. `public_url`, `account` and `count` as for texts."""

    def __init__(
        self,
        *,
        acts: CallActs,
        report: ReportDelivery,
        account: FindAccount,
        public_url: str,
        count: Callable[[str], None],
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._acts = acts
        self._report = report
        self._count = count
        self._proof = Proof(account, count, body_seconds)
        self._urls = CallUrls(public_url)

    def routes(self) -> list[web.RouteDef]:
        """Routes for the application; any other method answers 405."""
        return [web.post(VOICE_PATH, self.voice), web.post(CALL_STATUS_PATH, self.status)]

    async def voice(self, request: web.Request) -> web.Response:
        """Somebody picked up, or pressed a key. Answers after the commit."""
        try:
            verification_id, step = _pointer(request)
            check = form.check_key if step == "key" else form.check_call
            account, fields = await self._prove(request, VOICE_PATH, check)
            call_id, tenant_id = fields["CallSid"], account.tenant_id
            words: Words
            if step == "key":
                digit = fields["Digits"]
                words = await self._acts.call_keyed(tenant_id, verification_id, call_id=call_id, digit=digit)
            else:
                by = answered_by(fields.get("AnsweredBy", ""))
                words = await self._acts.call_answered(tenant_id, verification_id, call_id=call_id, by=by)
        except Refused as refused:
            return self._proof.refuse("voice", refused)
        except (Unavailable, Contended) as cause:
            return self._proof.later("voice", cause)
        self._count(f"voice.{step}")
        return web.Response(text=first_words(words.say, words.then, self._urls.keyed(verification_id)), headers=_XML)

    async def status(self, request: web.Request) -> web.Response:
        """What has become of a call. A report that comes late or twice is fine: there is nothing to repeat."""
        try:
            verification_id, step = _pointer(request)
            if step != "answered":
                raise Refused(403, "no_pointer")
            account, fields = await self._prove(request, CALL_STATUS_PATH, form.check_call)
            call_id, how = fields["CallSid"], fields["CallStatus"]
            code = fields.get("ErrorCode", "").lstrip("0")
            moved = await self._report(DeliveryReport(PROVIDER, call_id, how, code))
            if how in _OVER:
                await self._acts.call_ended(account.tenant_id, verification_id, call_id=call_id, how=how)
        except Refused as refused:
            return self._proof.refuse("call_status", refused)
        except (Unavailable, Contended) as cause:
            return self._proof.later("call_status", cause)
        self._count("call_status.moved" if moved else "call_status.outdated")
        return web.Response(status=204)

    async def _prove(
        self, request: web.Request, path: str, check: Callable[..., dict[str, str]]
    ) -> tuple[TwilioAccount, Mapping[str, str]]:
        """The account and the checked fields of a call that the account itself placed."""
        urls = signature.url_spellings(self._urls.signed(path, request.rel_url.raw_query_string))
        account, fields, _ = await self._proof.prove(request, urls, check)
        if not account.owns(fields["From"]):
            raise Refused(403, "not_owned")
        return account, fields


def answered_by(given: str) -> By:
    """Twilio's guess who picked up. A fax is a machine; what nobody can tell, or was not asked, is unknown."""
    if given == "human":
        return "person"
    return "machine" if given.startswith("machine") or given == "fax" else "unknown"


def _pointer(request: web.Request) -> tuple[str, Step]:
    found = read_pointer(request.rel_url.raw_query_string)
    if found is None:
        raise Refused(403, "no_pointer")
    return found
