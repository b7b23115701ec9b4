"""Carrying out one outbox item: one function for each kind, each says what became of the attempt.

At least once, with the item's id as idempotency key. Errors of the ports become outcomes here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from bot.breakers import Breakers
from bot.duty import Audience, Event
from bot.end_user_mail import for_end_user
from bot.engine import Engine
from bot.fan_out import event_of
from bot.hold import Hold
from bot.outcomes import Outcomes
from dialogs import user_verify as uv
from dialogs.messages import Unavailable
from dialogs.ports import (
    Clock,
    Contended,
    Randomness,
    SendCall,
    SendLater,
    SendMail,
    SendPost,
    SendRefused,
    SendText,
    SendUnclear,
)
from dialogs.tech_verify import Ticket, TicketCreated, TicketFailed
from dialogs.turns import CheckAsk, Leased, Settled, Suppression, VerificationAsk
from dialogs.user_verify import CallPlaced, SendFailed
from psa.base import NewTicketFields, Psa, PsaError, PsaUnavailable, PsaUnclear
from storage.outbox_rules import tells_of_verification

log = structlog.get_logger("delivery")

#: Unclear attempts after which a text that the provider does not list is given up: one retry, as REL-04 has it.
MOST_UNCLEAR = 2
#: The provider works and asks us to slow down, or to come back to this one; each waits as it is told to.
SLOW_DOWN = frozenset({"20429", "http_429", "smtp_450", "smtp_451", "smtp_452"})
#: Seconds until a call that takes no words yet is tried again.
CALL_SETTLES_S = 1.0
#: Refused by ourselves; the provider was not asked.
NOT_ASKED = frozenset({"no_account", "no_mail_server", "bad_address", "no_connection", "address_refused"})


@dataclass(frozen=True, slots=True)
class Outside:
    """What delivery may reach. `refuse_destination(to, our_number, tenant_id)` says why a text must not go there,
    `refuse_call` the same of a call, empty when it may (SEC-39). `audience(tenant_id, event)`: who is to be told of it
    at this moment."""

    texts: SendText
    psa: Callable[[str], Psa]
    refuse_destination: Callable[[str, str, str], Awaitable[str]]
    audience: Callable[[str, Event], Awaitable[Audience]]
    mail: SendMail
    posts: SendPost
    calls: SendCall
    refuse_call: Callable[[str, str, str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Heard:
    """The outcome of a try, and what it says of the provider: it works, it does not, or (None) nothing."""

    settled: Settled
    works: bool | None


class Delivery(Outcomes):
    """Carries out items and translates what happened into outcomes. `breakers` are shared with whoever shows them."""

    def __init__(
        self, engine: Engine, outside: Outside, clock: Clock, random: Randomness, breakers: Breakers | None = None
    ) -> None:
        super().__init__(clock, random, breakers)
        self._engine = engine
        self._outside = outside

    async def carry_out(self, leased: Leased, hold: Hold) -> Settled:
        """One attempt at one item. Never raises for what providers do; a programming error is the caller's to log.

        Raises LeaseLost when `hold` is over before anything has left.
        """
        settled = await self._carry_out(leased, hold)
        await self._tell_verification(settled)
        return settled

    async def _tell_verification(self, settled: Settled) -> None:
        """What was to verify an end user will never arrive: the technician who waits hears of it now. Not of what is
        too late, which the deadline tells."""
        item = settled.leased.item
        if settled.outcome not in ("dead", "dropped") or settled.error == "expired":
            return
        if tells_of_verification(item.kind, item.template):
            why = "not_heard" if settled.error == "call_over" else settled.error
            ask = VerificationAsk(settled.leased.tenant_id, verification_id=item.check_id, once="failed:" + item.id)
            # One that stayed unclear may ring all the same.
            call = item.kind == "call" and settled.error != "unclear"
            await self._engine.on_verification(ask, SendFailed(why, call), quiet=True)

    async def _carry_out(self, leased: Leased, hold: Hold) -> Settled:
        item = leased.item
        if leased.suppressed:
            return self._dropped(leased, leased.suppressed)
        if item.drop_at is not None and self._clock.now() >= item.drop_at:
            return self._dropped(leased, "expired")
        match item.kind:
            case "text":
                return await self._text(leased, hold)
            case "alert_text":
                return await self._alert(leased)
            case "ticket.create":
                return await self._try(leased, "psa", self._ticket, hold)
            case "ticket.note":
                return await self._try(leased, "psa", self._note, hold)
            case "mail":
                return await self._try(leased, "mail", self._mail, hold)
            case "teams_post":
                return await self._try(leased, "teams", self._post, hold)
            case "call":
                return await self._call(leased, hold)
            case "call_say":
                return await self._try(leased, "twilio", self._say, hold)

    async def _try(
        self, leased: Leased, provider: str, how: Callable[[Leased, Hold], Awaitable[Heard]], hold: Hold
    ) -> Settled:
        """One try at a provider, unless its breaker says that it is to be left alone for now (REL-06)."""
        again = self.breakers.admit(provider, leased.tenant_id, self._clock.now())
        heard = await how(leased, hold) if again is None else Heard(self._put_off(leased, again), None)
        if heard.settled.outcome == "dead" and leased.item.kind == "ticket.create":
            await self._tell_of_ticket(leased, "failed:", TicketFailed(), uv.TicketFailed())
        if heard.works is None or (not heard.works and hold.is_over(self._clock.now())):
            # The second: this process stood still meanwhile, and nobody answers one who does not listen.
            return heard.settled
        return self._noted(heard.settled, provider, works=heard.works)

    # --- texts ------------------------------------------------------------------------------------------------------

    async def _text(self, leased: Leased, hold: Hold) -> Settled:
        payload = leased.item.payload
        refused = await self._outside.refuse_destination(payload["to"], payload["from"], leased.tenant_id)
        if refused:
            return self.give_up(leased, refused)
        return await self._try(leased, "twilio", self._send, hold)

    async def _send(self, leased: Leased, hold: Hold) -> Heard:
        payload, texts = leased.item.payload, self._outside.texts
        to, sender, body = payload["to"], payload["from"], payload["body"]
        return await self._once(
            leased,
            hold,
            send=lambda: texts.send(to=to, sender=sender, body=body, key=leased.item.id),
            find=lambda since: texts.find(to=to, sender=sender, body=body, since=since),
        )

    async def _once(
        self,
        leased: Leased,
        hold: Hold,
        *,
        send: Callable[[], Awaitable[str]],
        find: Callable[[datetime], Awaitable[str | None]],
    ) -> Heard:
        """Hand something to the carrier that a person would notice twice."""
        if leased.unknown:
            heard = await self._look(leased, find)
            if heard is not None:
                return heard
        hold.require(self._clock.now())
        try:
            sent = await send()
        except SendRefused as refusal:
            return Heard(self._refused(leased, refusal), None if refusal.code in NOT_ASKED else True)
        except SendLater as later:
            settled = self._again(leased, later.code, later.retry_after)
            return Heard(settled, later.code in SLOW_DOWN)
        except SendUnclear:
            return Heard(self._unclear(leased), False)
        return Heard(Settled(leased, "sent", provider="twilio", provider_id=sent), True)

    async def _look(self, leased: Leased, find: Callable[[datetime], Awaitable[str | None]]) -> Heard | None:
        """An earlier attempt may have gone out: look at the provider before the same is sent again. None when it
        is not there and one more try is due; while nobody can say, it stays unclear and is not sent blindly."""
        try:
            found = await find(leased.first_attempt_at or self._clock.now())
        except SendLater as later:
            settled = self._unclear(leased, tried=False)
            return Heard(settled, later.code in SLOW_DOWN)
        except SendUnclear:
            return Heard(self._unclear(leased, tried=False), False)
        except SendRefused as refusal:
            return Heard(self.give_up(leased, refusal.code), None if refusal.code in NOT_ASKED else True)
        if found is not None:
            return Heard(Settled(leased, "sent", provider="twilio", provider_id=found), True)
        return Heard(self.give_up(leased, "unclear"), True) if leased.unclear >= MOST_UNCLEAR else None

    def _refused(self, leased: Leased, refusal: SendRefused) -> Settled:
        if not refusal.opted_out:
            return self.give_up(leased, refusal.code)
        # The carrier knows of a STOP that we have not seen (21610): remember it, so that pages say so before typing.
        to, sender = leased.item.payload["to"], leased.item.payload["from"]
        return Settled(
            leased,
            "dead",
            error=refusal.code,
            audit=(self._event(leased, "text.opted_out", refusal.code),),
            suppressions=(Suppression(True, sender, to, "carrier"),),
        )

    async def _alert(self, leased: Leased) -> Settled:
        audience = await self._outside.audience(leased.tenant_id, event_of(leased.item))
        await self._engine.fan_out(leased.tenant_id, leased.item, audience)
        return Settled(leased, "sent", provider="duty", provider_id=str(len(audience.people)))

    # --- calls ------------------------------------------------------------------------------------------------------

    async def _call(self, leased: Leased, hold: Hold) -> Settled:
        payload = leased.item.payload
        refused = await self._outside.refuse_call(payload["to"], payload["from"], leased.tenant_id)
        if refused:
            return self.give_up(leased, refused)
        return await self._try(leased, "twilio", self._dial, hold)

    async def _dial(self, leased: Leased, hold: Hold) -> Heard:
        payload, calls = leased.item.payload, self._outside.calls
        to, sender, verification_id = payload["to"], payload["from"], payload["verification_id"]
        heard = await self._once(
            leased,
            hold,
            send=lambda: calls.call(to=to, sender=sender, verification_id=verification_id, key=leased.item.id),
            find=lambda since: calls.find(to=to, sender=sender, since=since),
        )
        if heard.settled.outcome == "sent":
            ask = VerificationAsk(leased.tenant_id, verification_id=verification_id, once="placed:" + leased.item.id)
            try:
                await self._engine.on_verification(ask, CallPlaced(heard.settled.provider_id))
            except (Unavailable, Contended):
                # The phone rings all the same, and must not ring again for this. Whoever picks up names the call too.
                log.warning("call_not_noted", item_id=leased.item.id)
        return heard

    async def _say(self, leased: Leased, hold: Hold) -> Heard:
        item, payload = leased.item, leased.item.payload
        if leased.unclear >= MOST_UNCLEAR:
            # Said once more it only begins anew; said for the third time it confuses.
            return Heard(self.give_up(leased, "unclear"), None)
        hold.require(self._clock.now())
        try:
            await self._outside.calls.say(
                call_id=payload["call_id"],
                sender=payload["from"],
                verification_id=item.check_id,
                body=payload["body"],
                then=payload["then"],
            )
        except SendRefused as refusal:
            if refusal.code == "call_over":
                if leased.attempt == 1:
                    # They hung up first; or the carrier, which still waits for our first words, is not ready yet.
                    return Heard(self._again(leased, "call_early", CALL_SETTLES_S), True)
                return Heard(self._dropped(leased, refusal.code), True)
            return Heard(self.give_up(leased, refusal.code), None if refusal.code in NOT_ASKED else True)
        except SendLater as later:
            return Heard(self._again(leased, later.code, later.retry_after), later.code in SLOW_DOWN)
        except SendUnclear:
            return Heard(self._unclear(leased), False)
        # Without the id of the call: reports on that belong to the item that placed it.
        return Heard(Settled(leased, "sent", provider="twilio"), True)

    # --- mail and posts ---------------------------------------------------------------------------------------------

    async def _mail(self, leased: Leased, hold: Hold) -> Heard:
        item = leased.item
        if leased.unclear >= MOST_UNCLEAR:
            # No server can be asked what became of a mail; its Message-ID makes one repeat harmless, not many (REL-04).
            return Heard(self.give_up(leased, "unclear"), None)
        hold.require(self._clock.now())
        try:
            sent = await self._outside.mail.send(
                leased.tenant_id,
                to=item.payload["to"],
                subject=item.payload["subject"],
                text=item.payload["body"],
                key=item.id,
                for_user=for_end_user(item.payload),
            )
        except SendRefused as refusal:
            return Heard(self.give_up(leased, refusal.code), None if refusal.code in NOT_ASKED else True)
        except SendLater as later:
            return Heard(self._again(leased, later.code, later.retry_after), later.code in SLOW_DOWN)
        except SendUnclear:
            return Heard(self._unclear(leased), False)
        return Heard(Settled(leased, "sent", provider="mail", provider_id=sent), True)

    async def _post(self, leased: Leased, hold: Hold) -> Heard:
        payload = leased.item.payload
        hold.require(self._clock.now())
        try:
            await self._outside.posts.post(leased.tenant_id, payload["connection_id"], payload["body"])
        except SendRefused as refusal:
            if refusal.code == "no_connection":
                return Heard(self._dropped(leased, refusal.code), None)
            return Heard(self.give_up(leased, refusal.code), None if refusal.code in NOT_ASKED else True)
        except SendLater as later:
            return Heard(self._again(leased, later.code, later.retry_after), later.code in SLOW_DOWN)
        return Heard(Settled(leased, "sent", provider="teams"), True)

    # --- tickets ----------------------------------------------------------------------------------------------------

    async def _ticket(self, leased: Leased, hold: Hold) -> Heard:
        item = leased.item
        hold.require(self._clock.now())
        try:
            # A connector looks for the key before it creates: what an unclear attempt has made is found (REL-04).
            made = await self._outside.psa(leased.tenant_id).create_ticket(
                NewTicketFields(
                    title=item.payload["title"],
                    body=item.payload["body"],
                    contact_id=item.payload["contact_id"],
                    technician_id=item.technician_id,
                ),
                key=item.id,
            )
        except PsaError as error:
            return self._psa_failed(leased, error)
        ticket = Ticket(made.id, made.number)
        await self._tell_of_ticket(leased, "created:", TicketCreated(ticket), uv.TicketCreated(ticket))
        return Heard(Settled(leased, "sent", provider="psa", provider_id=made.id), True)

    async def _tell_of_ticket(
        self,
        leased: Leased,
        once: str,
        event: TicketCreated | TicketFailed,
        of_user: uv.TicketCreated | uv.TicketFailed,
    ) -> None:
        """What became of a new ticket, to whatever it was asked for."""
        tenant_id, item = leased.tenant_id, leased.item
        once += item.id
        if item.template == uv.NEW_TICKET:
            ask = VerificationAsk(tenant_id, verification_id=item.check_id, once=once)
            await self._engine.on_verification(ask, of_user)
        else:
            await self._engine.act(CheckAsk(tenant_id, item.check_id, once=once), lambda facts: event)

    async def _note(self, leased: Leased, hold: Hold) -> Heard:
        item = leased.item
        hold.require(self._clock.now())
        try:
            await self._outside.psa(leased.tenant_id).add_note(
                item.payload["ticket_id"], item.payload["body"], internal=True, key=item.id
            )
        except PsaError as error:
            return self._psa_failed(leased, error)
        return Heard(Settled(leased, "sent", provider="psa", provider_id=item.payload["ticket_id"]), True)

    def _psa_failed(self, leased: Leased, error: PsaError) -> Heard:
        match error:
            case PsaUnavailable():
                return Heard(self._again(leased, "psa_unavailable", error.retry_after), False)
            case PsaUnclear():
                return Heard(self._again(leased, "psa_unclear", None), False)
            case _:
                return Heard(self.give_up(leased, "psa_refused"), True)
