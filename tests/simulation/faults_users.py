"""Faults in what is done about verifications of end users, one for each invariant, to see that the watch notices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from dialogs import user_verify as uv
from dialogs.ports import ForEndUser, SendCall, SendMail, TurnStore
from dialogs.tech_verify.records import Logged
from dialogs.turns import (
    Decision,
    Facts,
    OutboxItem,
    SaveVerification,
    Settled,
    StoredVerification,
    Turn,
    TurnResult,
    VerificationFacts,
)
from tests.simulation.bent import Bent, InMemory
from tests.simulation.parts import Faults

R = TypeVar("R")


class SeesFacts(Bent):
    """Shows a turn about a verification other facts than there are."""

    def __init__(self, store: TurnStore, change: Callable[[VerificationFacts], VerificationFacts]) -> None:
        super().__init__(store)
        self._change = change

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        def decide(facts: Facts) -> Decision[R]:
            return turn.decide(self._change(facts) if isinstance(facts, VerificationFacts) else facts)

        return await self.store.take(replace(turn, decide=decide))


class Stale:
    """A verification as it was before it was verified, with the version that lets the write pass."""

    def __init__(self) -> None:
        self._before: dict[str, StoredVerification] = {}

    def __call__(self, facts: VerificationFacts) -> VerificationFacts:
        found = facts.verification
        if found is not None and isinstance(found.state, uv.Live):
            self._before[found.id] = found
        if found is None or not isinstance(found.state, uv.Verified) or found.id not in self._before:
            return facts
        return replace(facts, verification=replace(self._before[found.id], version=found.version))


class Decides(Bent):
    """Changes what a turn would write."""

    def __init__(self, store: TurnStore, change: Callable[[Decision[Any], Facts], Decision[Any]]) -> None:
        super().__init__(store)
        self._change = change

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        def decide(facts: Facts) -> Decision[R]:
            return self._change(turn.decide(facts), facts)

        return await self.store.take(replace(turn, decide=decide))


def _each(change: Callable[[uv.State, uv.State], uv.State]) -> Callable[[TurnStore], TurnStore]:
    """A wrong machine: `change` gets the state that would be saved, and the one before."""

    def bend(decision: Decision[Any], facts: Facts) -> Decision[Any]:
        found = facts.verification if isinstance(facts, VerificationFacts) else None

        def one(save: SaveVerification) -> SaveVerification:
            before = found.state if found is not None and found.id == save.id else uv.Blank()
            return replace(save, state=change(save.state, before))

        return replace(decision, verifications=tuple(map(one, decision.verifications)))

    return lambda store: Decides(store, bend)


def _accepts_any_code(after: uv.State, before: uv.State) -> uv.State:
    if isinstance(before, uv.Sent) and isinstance(after, uv.Sent) and after.challenge.wrong > before.challenge.wrong:
        at = after.trail[-1].at
        return uv.Verified(after.request, at, uv.Assurance.CODE, at + timedelta(minutes=1), Logged.NOT_DUE, after.trail)
    return after


def _forgives(after: uv.State, before: uv.State) -> uv.State:
    if isinstance(after, uv.Sent) and isinstance(before, uv.Sent):
        return replace(after, challenge=replace(after.challenge, wrong=0))
    return after


def _green_for_ever(after: uv.State, before: uv.State) -> uv.State:
    return replace(after, green_until=after.at + timedelta(days=30)) if isinstance(after, uv.Verified) else after


def _without_audit(decision: Decision[Any], facts: Facts) -> Decision[Any]:
    return replace(decision, audit=tuple(e for e in decision.audit if not e.kind.startswith("euv.")))


def _keeps_shields(decision: Decision[Any], facts: Facts) -> Decision[Any]:
    return replace(decision, end_shields=())


def _tells_the_log(decision: Decision[Any], facts: Facts) -> Decision[Any]:
    """The code stands in the log."""
    codes = [save.state.challenge.code for save in decision.verifications if isinstance(save.state, uv.Sent)]
    said = " ".join(code.digits for code in codes if code is not None)
    return replace(decision, audit=tuple(replace(e, sealed={**e.sealed, "code": said}) for e in decision.audit))


def _elsewhere(facts: VerificationFacts) -> VerificationFacts:
    """Everybody is reached where somebody else is."""
    return replace(facts, addresses=tuple(replace(a, value="+12125550999") for a in facts.addresses))


class Revives(InMemory):
    """A verification that has ended is what it was again."""

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        before = dict(self.rows.verifications)
        result = await self.store.take(turn)
        for key, one in self.rows.verifications.items():
            if isinstance(one.state, uv.Ended) and key in before:
                self.rows.verifications[key] = before[key]
        return result


class Doubles(InMemory):
    """A second live verification of the same person."""

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        result = await self.store.take(turn)
        for (tenant_id, id), one in list(self.rows.verifications.items()):
            if isinstance(one.state, uv.Live):
                twin = id[:-1] + "x"
                self.rows.verifications[tenant_id, twin] = replace(one, id=twin)
        return result


class KeepsSecrets(InMemory):
    """What was sent stays in the outbox with its code or link."""

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        await self.store.settle(outcomes, now)
        for one in outcomes:
            if one.leased.item.template.startswith("euv.send"):
                key = (one.leased.tenant_id, one.leased.item.id)
                self.rows.outbox[key] = replace(self.rows.outbox[key], item=one.leased.item)


class LosesMail(Bent):
    """What should be tried again is said to be done, mail and calls."""

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        await self.store.settle([_called_sent(one) for one in outcomes], now)


def _called_sent(one: Settled) -> Settled:
    again = one.outcome in ("retry", "unknown") and one.leased.item.kind in ("mail", "call", "call_say")
    return replace(one, outcome="sent") if again else one


class HidesFailures(Bent):
    """What will never arrive is not told to whoever waits for it."""

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        def decide(facts: Facts) -> Decision[R]:
            decision = turn.decide(facts)
            kept = tuple(s for s in decision.verifications if not isinstance(s.state, uv.Undelivered))
            return replace(decision, verifications=kept)

        return await self.store.take(replace(turn, decide=decide))


@dataclass
class MailsAnew:
    """Every attempt has words of its own."""

    mail: SendMail
    count: int = 0

    async def send(
        self, tenant_id: str, *, to: str, subject: str, text: str, key: str, for_user: ForEndUser | None = None
    ) -> str:
        self.count += 1
        return await self.mail.send(
            tenant_id, to=to, subject=subject, text=f"{text} ({self.count})", key=key, for_user=for_user
        )


@dataclass
class SpeaksFreely:
    """A call says more than was decided."""

    calls: SendCall

    async def call(self, *, to: str, sender: str, verification_id: str, key: str) -> str:
        return await self.calls.call(to=to, sender=sender, verification_id=verification_id, key=key)

    async def find(self, *, to: str, sender: str, since: datetime) -> str | None:
        return await self.calls.find(to=to, sender=sender, since=since)

    async def say(self, *, call_id: str, sender: str, verification_id: str, body: str, then: str) -> None:
        await self.calls.say(
            call_id=call_id, sender=sender, verification_id=verification_id, body=body + " Hello?", then=then
        )


def _blind(facts: VerificationFacts) -> VerificationFacts:
    return replace(facts, checks=())


def _forgets_denials(facts: VerificationFacts) -> VerificationFacts:
    return replace(facts, denied_at=None)


def _talks_to_machines(decision: Decision[Any], facts: Facts) -> Decision[Any]:
    """Whatever picks up is told the code."""
    found = facts.verification if isinstance(facts, VerificationFacts) else None
    before = found.state if found is not None else uv.Blank()
    for save in decision.verifications:
        state = save.state
        if not isinstance(state, uv.Undelivered) or state.reason != "machine":
            continue
        if isinstance(before, uv.Sent) and before.call_id and before.challenge.code is not None:
            body = ", ".join(before.challenge.code.digits)
            payload = {"call_id": before.call_id, "from": save.our_address, "body": body, "then": "hang_up"}
            item = OutboxItem(
                id=f"{save.id}-say",
                kind="call_say",
                lane="phone:" + save.id,
                payload=payload,
                due_at=state.at,
                check_id=save.id,
                template="euv.send_voice_code",
            )
            live = replace(save, state=replace(before, challenge=replace(before.challenge, says=1)))
            lines = tuple(replace(e, public={**e.public, "after": "sent"}) for e in decision.audit)
            return replace(decision, verifications=(live,), outbox=(item,), audit=lines)
    return decision


#: Invariant, and what it says -> what breaks it.
USER_FAULTS: dict[str, Faults] = {
    "I1: verification": Faults(outer=lambda store: SeesFacts(store, Stale())),
    "I2: verification by": Faults(outer=_each(_accepts_any_code)),
    "I2: verification after its deadline": Faults(slow_clock=timedelta(seconds=40)),
    "I4: verification": Faults(inner=Revives),
    "I6: verification": Faults(outer=lambda store: Decides(store, _without_audit)),
    "I7: verification": Faults(outer=lambda store: SeesFacts(store, _elsewhere)),
    "I8: verification: a row": Faults(inner=KeepsSecrets),
    "I8: verification: the secret of": Faults(outer=lambda store: Decides(store, _tells_the_log)),
    "I10: verification": Faults(outer=_each(_forgives)),
    "I11: verification: effect": Faults(mail=MailsAnew),
    "I11: verification: a call": Faults(calls=SpeaksFreely),
    "I12: verification": Faults(inner=Doubles),
    "SEC-06: verification": Faults(outer=lambda store: SeesFacts(store, _blind)),
    "SEC-08: verification": Faults(outer=lambda store: SeesFacts(store, _forgets_denials)),
    "SEC-15: still green": Faults(outer=lambda store: Decides(store, _keeps_shields)),
    "SEC-15: green for too long": Faults(outer=_each(_green_for_ever)),
    "voice": Faults(outer=lambda store: Decides(store, _talks_to_machines)),
    "lost: mail": Faults(inner=LosesMail),
    "nothing of verification": Faults(outer=HidesFailures),
}
