"""Carrying out one outbox item: one function for each kind, each says what became of the attempt.

At least once, with the item's id as idempotency key. Errors of the ports become outcomes here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.breakers import Breakers
from bot.duty import Audience, Event
from bot.engine import Engine
from bot.hold import Hold
from dialogs.ports import Clock, Randomness, SendLater, SendMail, SendPost, SendRefused, SendText, SendUnclear
from dialogs.tech_verify import Ticket, TicketCreated, TicketFailed
from dialogs.turns import Alert, AuditEvent, CheckAsk, Leased, OutboxKind, Settled, Suppression, Timer
from psa.base import NewTicketFields, Psa, PsaError, PsaUnavailable, PsaUnclear
from web.ports import DEGRADED

#: REL-05: waits before each further attempt, before jitter; the last one repeats until a day is over.
SCHEDULE = (1, 5, 30, 120, 600, 1800, 3600, 10800, 21600)
GIVE_UP_AFTER = timedelta(hours=24)
#: A little patience before an unclear text is looked up: the provider lists it only when it has taken it in.
LOOK_AFTER = timedelta(seconds=2)
#: And never more than this, however long nobody could say.
LOOK_AT_LEAST_EVERY = timedelta(minutes=10)
#: Unclear attempts after which a text that the provider does not list is given up: one retry, as REL-04 has it.
MOST_UNCLEAR = 2
#: What was put off until a provider is tried again comes back within this many seconds after that, not all at once.
SPREAD_S = 3.0
#: The provider works and asks us to slow down, or to come back to this one; each waits as it is told to.
SLOW_DOWN = frozenset({"20429", "http_429", "smtp_450", "smtp_451", "smtp_452"})
#: Refused by ourselves; the provider was not asked.
NOT_ASKED = frozenset({"no_account", "no_mail_server", "bad_address", "no_connection", "address_refused"})
#: Whose call an item's attempt is; the others stay in the house.
PROVIDERS: Mapping[OutboxKind, str] = {
    "text": "twilio",
    "ticket.create": "psa",
    "ticket.note": "psa",
    "mail": "mail",
    "teams_post": "teams",
}


@dataclass(frozen=True, slots=True)
class Outside:
    """What delivery may reach. `refuse_destination(to, our_number, tenant_id)` says why a text must not go there,
    empty when it may (SEC-39). `audience(tenant_id, event)`: who is to be told of it at this moment."""

    texts: SendText
    psa: Callable[[str], Psa]
    refuse_destination: Callable[[str, str, str], Awaitable[str]]
    audience: Callable[[str, Event], Awaitable[Audience]]
    mail: SendMail
    posts: SendPost


@dataclass(frozen=True, slots=True)
class Heard:
    """The outcome of a try, and what it says of the provider: it works, it does not, or (None) nothing."""

    settled: Settled
    works: bool | None


class Delivery:
    """Carries out items and translates what happened into outcomes. `breakers` are shared with whoever shows them."""

    def __init__(
        self, engine: Engine, outside: Outside, clock: Clock, random: Randomness, breakers: Breakers | None = None
    ) -> None:
        self._engine = engine
        self._outside = outside
        self._clock = clock
        self._random = random
        self.breakers = breakers if breakers is not None else Breakers()

    async def carry_out(self, leased: Leased, hold: Hold) -> Settled:
        """One attempt at one item. Never raises for what providers do; a programming error is the caller's to log.

        Raises LeaseLost when `hold` is over before anything has left.
        """
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

    async def _try(
        self, leased: Leased, provider: str, how: Callable[[Leased, Hold], Awaitable[Heard]], hold: Hold
    ) -> Settled:
        """One try at a provider, unless its breaker says that it is to be left alone for now (REL-06)."""
        again = self.breakers.admit(provider, leased.tenant_id, self._clock.now())
        heard = await how(leased, hold) if again is None else Heard(self._put_off(leased, again), None)
        if heard.settled.outcome == "dead" and leased.item.kind == "ticket.create":
            ask = CheckAsk(leased.tenant_id, leased.item.check_id, once="failed:" + leased.item.id)
            await self._engine.act(ask, lambda facts: TicketFailed())
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
        item, payload = leased.item, leased.item.payload
        if leased.unknown:
            heard = await self._look(leased)
            if heard is not None:
                return heard
        hold.require(self._clock.now())
        try:
            sent = await self._outside.texts.send(
                to=payload["to"], sender=payload["from"], body=payload["body"], key=item.id
            )
        except SendRefused as refusal:
            return Heard(self._refused(leased, refusal), None if refusal.code in NOT_ASKED else True)
        except SendLater as later:
            settled = self._again(leased, later.code, later.retry_after)
            return Heard(settled, later.code in SLOW_DOWN)
        except SendUnclear:
            return Heard(self._unclear(leased), False)
        return Heard(Settled(leased, "sent", provider="twilio", provider_id=sent), True)

    async def _look(self, leased: Leased) -> Heard | None:
        """An earlier attempt may have gone out: look at the provider before the same text is sent again. None when it
        is not there and one more try is due; while nobody can say, it stays unclear and is not sent blindly."""
        payload = leased.item.payload
        since = leased.first_attempt_at or self._clock.now()
        try:
            found = await self._outside.texts.find(
                to=payload["to"], sender=payload["from"], body=payload["body"], since=since
            )
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

    def _unclear(self, leased: Leased, *, tried: bool = True) -> Settled:
        """Nobody knows whether it went out; look again in a while, the later the longer it has been so."""
        now = self._clock.now()
        so_far = now - (leased.first_attempt_at or now)
        if so_far >= GIVE_UP_AFTER:
            return self.give_up(leased, "unclear")
        wait = min(max(LOOK_AFTER, so_far / 2), LOOK_AT_LEAST_EVERY)
        return Settled(leased, "unknown", error="unclear", retry_at=now + wait, tried=tried)

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
        event: Event = "alarm" if leased.item.payload.get("event") == "alarm" else "unclaimed"
        audience = await self._outside.audience(leased.tenant_id, event)
        await self._engine.fan_out(leased.tenant_id, leased.item, audience)
        return Settled(leased, "sent", provider="duty", provider_id=str(len(audience.people)))

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
        created = TicketCreated(Ticket(made.id, made.number))
        await self._engine.act(
            CheckAsk(leased.tenant_id, item.check_id, once="created:" + item.id), lambda facts: created
        )
        return Heard(Settled(leased, "sent", provider="psa", provider_id=made.id), True)

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

    # --- providers that fail ----------------------------------------------------------------------------------------

    def _put_off(self, leased: Leased, until: datetime) -> Settled:
        """Wait, without a try, for a provider that is left alone; no longer than the item is good for."""
        now = self._clock.now()
        if leased.first_attempt_at is not None and now - leased.first_attempt_at >= GIVE_UP_AFTER:
            return self.give_up(leased, "provider_down")
        again = until + timedelta(seconds=SPREAD_S * self._random.fraction())
        again = again if leased.item.drop_at is None else min(again, leased.item.drop_at)
        return Settled(leased, "retry", error="provider_down", retry_at=again, tried=False)

    def _noted(self, settled: Settled, provider: str, *, works: bool) -> Settled:
        """With a line and an alert when the provider has just become degraded, or works again."""
        now = self._clock.now()
        tenant_id = settled.leased.tenant_id
        said, public, id = DEGRADED[provider], {"provider": provider}, self._random.new_id(now)
        match self.breakers.heard(provider, tenant_id, works, now):
            case "degraded":
                event = AuditEvent(id, now, "channel.degraded", public=public)
                alert = Alert(self._random.new_id(now), "channel_degraded", now, "", "", said.down)
            case "back":
                event = AuditEvent(id, now, "channel.back", public=public)
                alert = Alert(self._random.new_id(now), "channel_back", now, "", "", said.back)
            case _:
                return settled
        return replace(settled, audit=(*settled.audit, event), alerts=(*settled.alerts, alert))

    def too_long(self, leased: Leased, *, hung: bool) -> Settled:
        """An attempt that was cut off: it may have done its work. `hung`: by its provider; else this process stood
        still or lost its storage, which says nothing of the provider."""
        unclear = leased.item.kind in ("text", "mail")
        settled = self._unclear(leased) if unclear else self._again(leased, "too_long", None)
        provider = PROVIDERS.get(leased.item.kind)
        return self._noted(settled, provider, works=False) if hung and provider is not None else settled

    # --- outcomes ---------------------------------------------------------------------------------------------------

    def not_begun(self, leased: Leased) -> Settled:
        """Given back: the lease was lost before anything had left."""
        return Settled(leased, "retry", error="lease_lost", retry_at=self._clock.now(), tried=False)

    def storage_away(self, leased: Leased) -> Settled:
        """Given back: our own storage could not be asked, or was too busy, before anything had left."""
        return Settled(leased, "retry", error="storage", retry_at=self._clock.now() + timedelta(seconds=1), tried=False)

    def put_aside(self, timer: Timer, error: str) -> tuple[AuditEvent, Alert]:
        """The line and the alert in place of a timer that cannot be rung (REL-15)."""
        now = self._clock.now()
        public = {"timer": timer.name, "error": error}
        event = AuditEvent(self._random.new_id(now), now, "timer.put_aside", check_id=timer.check_id, public=public)
        words = "A check could not be ended or announced in time, by an error of ours. Open it, and end it by hand."
        return event, Alert(self._random.new_id(now), "put_aside", now, timer.check_id, "", words)

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
