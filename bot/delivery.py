"""Carrying out one outbox item: one function for each kind, each says what became of the attempt.

At least once, with the item's id as idempotency key. Errors of the ports become outcomes here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.engine import Engine
from dialogs.ports import Clock, Randomness, SendLater, SendRefused, SendText, SendUnclear
from dialogs.tech_verify import Ticket, TicketCreated, TicketFailed
from dialogs.turns import Alert, AuditEvent, CheckAsk, Leased, Settled, Suppression
from psa.base import NewTicketFields, Psa, PsaError, PsaUnavailable, PsaUnclear

#: REL-05: waits before each further attempt, before jitter; the last one repeats until a day is over.
SCHEDULE = (1, 5, 30, 120, 600, 1800, 3600, 10800, 21600)
GIVE_UP_AFTER = timedelta(hours=24)
#: A little patience before an unclear text is looked up: the provider lists it only when it has taken it in.
LOOK_AFTER = timedelta(seconds=2)
#: Attempts after which an unclear text that the provider does not list is given up: one retry, as REL-04 has it.
LOOKS = 2


@dataclass(frozen=True, slots=True)
class Outside:
    """What delivery may reach. `refuse_destination(to, our_number, tenant_id)` says why a text must not go there,
    empty when it may (SEC-39). `mobiles(tenant_id)` are the technicians on duty: id -> mobile."""

    texts: SendText
    psa: Callable[[str], Psa]
    refuse_destination: Callable[[str, str, str], Awaitable[str]]
    mobiles: Callable[[str], Awaitable[dict[str, str]]]


class Delivery:
    """Carries out items and translates what happened into outcomes."""

    def __init__(self, engine: Engine, outside: Outside, clock: Clock, random: Randomness) -> None:
        self._engine = engine
        self._outside = outside
        self._clock = clock
        self._random = random

    async def carry_out(self, leased: Leased) -> Settled:
        """One attempt at one item. Never raises for what providers do; a programming error is the caller's to log."""
        item = leased.item
        if leased.suppressed:
            return self._dropped(leased, "opted_out")
        if item.drop_at is not None and self._clock.now() >= item.drop_at:
            return self._dropped(leased, "expired")
        match item.kind:
            case "text":
                return await self._text(leased)
            case "alert_text":
                return await self._alert(leased)
            case "ticket.create":
                return await self._ticket(leased)
            case "ticket.note":
                return await self._note(leased)

    # --- texts ------------------------------------------------------------------------------------------------------

    async def _text(self, leased: Leased) -> Settled:
        item, payload = leased.item, leased.item.payload
        refused = await self._outside.refuse_destination(payload["to"], payload["from"], leased.tenant_id)
        if refused:
            return self.give_up(leased, refused)
        if leased.unknown:
            settled = await self._look(leased)
            if settled is not None:
                return settled
        try:
            sent = await self._outside.texts.send(
                to=payload["to"], sender=payload["from"], body=payload["body"], key=item.id
            )
        except SendRefused as refusal:
            return self._refused(leased, refusal)
        except SendLater as later:
            return self._again(leased, later.code, later.retry_after)
        except SendUnclear:
            return self._unclear(leased)
        return Settled(leased, "sent", provider="twilio", provider_id=sent)

    async def _look(self, leased: Leased) -> Settled | None:
        """An earlier attempt may have gone out: look at the provider before the same text is sent again. None when it
        is not there and one more try is due; while nobody can say, it stays unclear and is not sent blindly."""
        payload = leased.item.payload
        since = leased.first_attempt_at or self._clock.now()
        try:
            found = await self._outside.texts.find(
                to=payload["to"], sender=payload["from"], body=payload["body"], since=since
            )
        except (SendLater, SendUnclear):
            return self._unclear(leased)
        except SendRefused as refusal:
            return self.give_up(leased, refusal.code)
        if found is not None:
            return Settled(leased, "sent", provider="twilio", provider_id=found)
        return self.give_up(leased, "unclear") if leased.attempt > LOOKS else None

    def _unclear(self, leased: Leased) -> Settled:
        now = self._clock.now()
        if now - (leased.first_attempt_at or now) >= GIVE_UP_AFTER:
            return self.give_up(leased, "unclear")
        wait = LOOK_AFTER * 2 ** min(leased.attempt - 1, 8)
        return Settled(leased, "unknown", error="unclear", retry_at=now + wait)

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
        mobiles = await self._outside.mobiles(leased.tenant_id)
        await self._engine.fan_out(leased.tenant_id, leased.item, mobiles)
        return Settled(leased, "sent", provider="duty", provider_id=str(len(mobiles)))

    # --- tickets ----------------------------------------------------------------------------------------------------

    async def _ticket(self, leased: Leased) -> Settled:
        item = leased.item
        try:
            made = await self._outside.psa(leased.tenant_id).create_ticket(
                NewTicketFields(
                    title=item.payload["title"], body=item.payload["body"], contact_id=item.payload["contact_id"]
                ),
                key=item.id,
            )
        except PsaError as error:
            settled = self._psa_failed(leased, error)
            if settled.outcome == "dead":
                ask = CheckAsk(leased.tenant_id, item.check_id, once="failed:" + item.id)
                await self._engine.act(ask, lambda facts: TicketFailed())
            return settled
        created = TicketCreated(Ticket(made.id, made.number))
        await self._engine.act(
            CheckAsk(leased.tenant_id, item.check_id, once="created:" + item.id), lambda facts: created
        )
        return Settled(leased, "sent", provider="psa", provider_id=made.id)

    async def _note(self, leased: Leased) -> Settled:
        item = leased.item
        try:
            await self._outside.psa(leased.tenant_id).add_note(
                item.payload["ticket_id"], item.payload["body"], internal=True, key=item.id
            )
        except PsaError as error:
            return self._psa_failed(leased, error)
        return Settled(leased, "sent", provider="psa", provider_id=item.payload["ticket_id"])

    def _psa_failed(self, leased: Leased, error: PsaError) -> Settled:
        match error:
            case PsaUnavailable():
                return self._again(leased, "psa_unavailable", error.retry_after)
            case PsaUnclear():
                # Connectors look for the key before they create, so trying again is safe.
                return self._again(leased, "psa_unclear", None)
            case _:
                return self.give_up(leased, "psa_refused")

    # --- outcomes ---------------------------------------------------------------------------------------------------

    def _again(self, leased: Leased, error: str, retry_after: float | None) -> Settled:
        """By the schedule with full jitter, never before the provider allows, until a day has passed."""
        now = self._clock.now()
        began = leased.first_attempt_at or now
        if now - began >= GIVE_UP_AFTER:
            return self.give_up(leased, error)
        wait = SCHEDULE[min(leased.attempt, len(SCHEDULE)) - 1] * self._random.fraction()
        wait = max(wait, 0.2, retry_after or 0.0)
        return Settled(leased, "retry", error=error, retry_at=now + timedelta(seconds=wait))

    def give_up(self, leased: Leased, error: str) -> Settled:
        """Given up for good: a line in the log, and an alert that a person sees."""
        item = leased.item
        now = self._clock.now()
        alert = Alert(
            self._random.new_id(now), "not_delivered", now, item.check_id, item.contact_id, f"{item.kind}: {error}"
        )
        return Settled(leased, "dead", error=error, audit=(self._event(leased, "outbox.dead", error),), alerts=(alert,))

    def _dropped(self, leased: Leased, error: str) -> Settled:
        return Settled(leased, "dropped", error=error, audit=(self._event(leased, "outbox.dropped", error),))

    def _event(self, leased: Leased, kind: str, error: str) -> AuditEvent:
        now: datetime = self._clock.now()
        item = leased.item
        return AuditEvent(
            id=self._random.new_id(now),
            at=now,
            kind=kind,
            check_id=item.check_id,
            contact_id=item.contact_id,
            conversation_id=item.conversation_id,
            public={"error": error, "what": item.kind, "template": item.template},
        )
