"""What becomes of an attempt: sent, tried again and when, given up, dropped; and what that says of the provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.breakers import Breakers
from dialogs.ports import Clock, Randomness
from dialogs.turns import Alert, AuditEvent, Leased, OutboxKind, Settled, Timer
from web.ports import DEGRADED

#: REL-05: waits before each further attempt, before jitter; the last one repeats until a day is over.
SCHEDULE = (1, 5, 30, 120, 600, 1800, 3600, 10800, 21600)
GIVE_UP_AFTER = timedelta(hours=24)
#: A little patience before an unclear text is looked up: the provider lists it only when it has taken it in.
LOOK_AFTER = timedelta(seconds=2)
#: And never more than this, however long nobody could say.
LOOK_AT_LEAST_EVERY = timedelta(minutes=10)
#: What was put off until a provider is tried again comes back within this many seconds after that, not all at once.
SPREAD_S = 3.0
#: Whose call an item's attempt is; the others stay in the house.
PROVIDERS: Mapping[OutboxKind, str] = {
    "text": "twilio",
    "ticket.create": "psa",
    "ticket.note": "psa",
    "mail": "mail",
    "teams_post": "teams",
    "call": "twilio",
    "call_say": "twilio",
}
#: What a kind of item is to people.
IN_WORDS: Mapping[OutboxKind, str] = {
    "text": "A text",
    "alert_text": "An alert to the people on duty",
    "ticket.create": "A new ticket",
    "ticket.note": "A note to a ticket",
    "mail": "A mail",
    "teams_post": "A post to Teams",
    "call": "A call",
    "call_say": "What a call was to say",
}


class Outcomes:
    """Makes them. `breakers` are shared with whoever shows them."""

    def __init__(self, clock: Clock, random: Randomness, breakers: Breakers | None = None) -> None:
        self._clock = clock
        self._random = random
        self.breakers = breakers if breakers is not None else Breakers()

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
        unclear = leased.item.kind in ("text", "mail", "call", "call_say")
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
        said = f"{IN_WORDS[item.kind]} could not be delivered, and is not tried any more ({error})."
        alert = Alert(self._random.new_id(now), "not_delivered", now, item.check_id, item.contact_id, said)
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

    def _unclear(self, leased: Leased, *, tried: bool = True) -> Settled:
        """Nobody knows whether it went out; look again in a while, the later the longer it has been so."""
        now = self._clock.now()
        so_far = now - (leased.first_attempt_at or now)
        if so_far >= GIVE_UP_AFTER:
            return self.give_up(leased, "unclear")
        wait = min(max(LOOK_AFTER, so_far / 2), LOOK_AT_LEAST_EVERY)
        return Settled(leased, "unknown", error="unclear", retry_at=now + wait, tried=tried)
