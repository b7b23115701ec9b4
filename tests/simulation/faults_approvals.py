"""Faults in what is done about second persons, one for each invariant, to see that the watch notices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.ports import TurnStore
from dialogs.tech_verify import Technician
from dialogs.turns import Decision, Facts, SaveApproval, StoredApproval, Turn, TurnResult, VerificationFacts
from storage.memory import MemoryTurnStore
from tests.simulation.bent import Bent, InMemory
from tests.simulation.faults_users import Decides, SeesFacts
from tests.simulation.parts import Faults

R = TypeVar("R")


def _all_usual(facts: VerificationFacts) -> VerificationFacts:
    """Every address is the usual one, and has always been."""
    return replace(facts, addresses=tuple(replace(a, is_default=True, changed_at=None) for a in facts.addresses))


def _never_asked(facts: VerificationFacts) -> VerificationFacts:
    return replace(facts, asked_by_technician=())


def _different_hands(facts: VerificationFacts) -> VerificationFacts:
    """Every other method counts as another one."""
    mixed = (uv.Method.SMS_CODE, uv.Method.EMAIL_CODE)
    shields = tuple(replace(shield, method=mixed[n % 2]) for n, shield in enumerate(facts.shields))
    return replace(facts, shields=shields)


def _any_ticket(one: StoredApproval) -> StoredApproval:
    state = one.state
    if isinstance(state, ap.Granted) and state.wanted.kind == "address":
        return replace(one, state=replace(state, wanted=replace(state.wanted, ticket=None)))
    return one


def _agreed_at_once(one: StoredApproval) -> StoredApproval:
    """Who has been asked has said yes."""
    state = one.state
    if isinstance(state, ap.Waiting) and state.wanted.kind == "address":
        agreed = ap.Agreed(Technician("t-0", "Mallory"), state.wanted.at, state.until)
        return replace(one, state=ap.Granted(state.wanted, agreed))
    return one


def _no_ranks(facts: VerificationFacts) -> VerificationFacts:
    """Anybody may decide."""
    settings = facts.tenant.settings
    policy = replace(settings.policy, approver="any_technician")
    return replace(facts, tenant=replace(facts.tenant, settings=replace(settings, policy=policy)))


class Pretends(Bent):
    """Shows turns other requests than there are, and writes down what becomes of them about what was asked."""

    def __init__(self, store: TurnStore, change: Callable[[StoredApproval], StoredApproval]) -> None:
        super().__init__(store)
        self._change = change

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        def decide(facts: Facts) -> Decision[R]:
            if not isinstance(facts, VerificationFacts):
                return turn.decide(facts)
            known = [*facts.approvals, *([facts.approval] if facts.approval is not None else [])]
            wanted = {one.id: one.state.wanted for one in known if not isinstance(one.state, ap.Unasked)}
            about = self._change(facts.approval) if facts.approval is not None else None
            shown = replace(facts, approval=about, approvals=tuple(map(self._change, facts.approvals)))
            decision = turn.decide(shown)
            return replace(decision, approvals=tuple(_as_asked(save, wanted) for save in decision.approvals))

        return await self.store.take(replace(turn, decide=decide))


def _as_asked(save: SaveApproval, wanted: dict[str, ap.Wanted]) -> SaveApproval:
    state = save.state
    if isinstance(state, ap.Unasked) or save.id not in wanted:
        return save
    return replace(save, state=replace(state, wanted=wanted[save.id]))


def _asked_by_nobody(one: StoredApproval) -> StoredApproval:
    """Anybody who looks is somebody else than whoever asked."""
    state = one.state
    if isinstance(state, ap.Waiting):
        return replace(one, state=replace(state, wanted=replace(state.wanted, technician=Technician("t-0", "Mallory"))))
    return one


class Again(Bent):
    """A yes is there again after it was used, with the version that lets the write pass."""

    def __init__(self, store: MemoryTurnStore) -> None:
        super().__init__(store)
        self._rows = store.rows
        self._granted: dict[str, StoredApproval] = {}

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        def decide(facts: Facts) -> Decision[R]:
            if not isinstance(facts, VerificationFacts):
                return turn.decide(facts)
            for one in facts.approvals:
                if isinstance(one.state, ap.Granted):
                    self._granted[one.id] = one
            used = (self._rows.approvals[key] for key in self._rows.approvals if key[1] in self._granted)
            back = tuple(
                replace(self._granted[one.id], version=one.version)
                for one in used
                if isinstance(one.state, ap.Used) and facts.contact is not None and one.contact_id == facts.contact.id
            )
            return turn.decide(replace(facts, approvals=(*facts.approvals, *back)))

        return await self.store.take(replace(turn, decide=decide))


class Goes(InMemory):
    """A request that is over is what it was again."""

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        before = dict(self.rows.approvals)
        result = await self.store.take(turn)
        for key, one in self.rows.approvals.items():
            if isinstance(one.state, ap.Ended) and key in before:
                self.rows.approvals[key] = before[key]
        return result


class ClearsForEver(InMemory):
    """Whoever was cleared for high-risk work keeps the shields that it rests on."""

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        result = await self.store.take(turn)
        for one in self.rows.approvals.values():
            if isinstance(one.state, ap.Granted):
                self.rows.ended_shields -= {s for s in self.rows.ended_shields if s[1] in one.state.agreed.rests_on}
        return result


def _sent_elsewhere(decision: Decision[Any], facts: Facts) -> Decision[Any]:
    """The yes was for one address, and the code goes to another one of theirs."""
    if not isinstance(facts, VerificationFacts) or not any(isinstance(s.state, ap.Used) for s in decision.approvals):
        return decision
    usual = next((a.value for a in facts.addresses if a.kind == "mobile" and a.is_default), "")
    items = tuple(
        replace(i, payload={**i.payload, "to": usual}) if i.template.startswith("euv.send") else i
        for i in decision.outbox
    )
    return replace(decision, outbox=items)


#: Invariant, and what it says -> what breaks it.
APPROVAL_FAULTS: dict[str, Faults] = {
    "I4: approval": Faults(inner=Goes),
    "SEC-09: cleared": Faults(inner=ClearsForEver),
    "SEC-09: granted": Faults(outer=lambda store: SeesFacts(store, _different_hands)),
    "SEC-11: approval": Faults(outer=lambda store: SeesFacts(store, _never_asked)),
    "SEC-12: own": Faults(outer=lambda store: Pretends(store, _asked_by_nobody)),
    "SEC-12: rank": Faults(outer=lambda store: SeesFacts(store, _no_ranks)),
    "SEC-12: late": Faults(slow_clock=timedelta(seconds=40)),
    "SEC-12: nobody asked": Faults(outer=lambda store: SeesFacts(store, _all_usual)),
    "SEC-12: nobody agreed": Faults(outer=lambda store: Pretends(store, _agreed_at_once)),
    "SEC-12: twice": Faults(inner=Again),
    "SEC-12: other": Faults(outer=lambda store: Pretends(store, _any_ticket)),
    "SEC-12: elsewhere": Faults(outer=lambda store: Decides(store, _sent_elsewhere)),
}
