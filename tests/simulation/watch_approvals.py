"""The part of the watch that looks at second persons: nothing unusual without one, nobody is their own, nothing lasts
longer than what it rests on.

It keeps its own small picture of requests, made from commits and from who is seen deciding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.ports import Clock
from dialogs.turns import Decision, Facts, SaveApproval, SaveVerification, Turn, VerificationAsk, VerificationFacts
from storage.memory import MemoryTurnStore
from storage.memory.facts import load
from tests.simulation.deeds import DOING, Decides
from tests.simulation.verdicts_users import SeenUser

#: As the rules say it, not as the code does.
MOST_ASKS, HOUR, NEW_FOR = 10, timedelta(hours=1), timedelta(days=7)
LONGEST_CLEARANCE, LONGEST_YES = timedelta(minutes=30), timedelta(minutes=15)
_PHONE = (uv.Method.SMS_CODE, uv.Method.SMS_LINK, uv.Method.VOICE_CALL)


@dataclass
class SeenApproval:
    """One request as its commits told it. `wanted` as it was asked for; `used_for`: all verifications it let out;
    `was_cleared`: high-risk work was allowed by it."""

    tenant_id: str
    contact_id: str
    their_address: str
    wanted: ap.Wanted
    state: ap.State = field(default_factory=ap.Unasked)
    used_for: list[str] = field(default_factory=list)
    was_cleared: bool = False


class ApprovalWatch:
    """Call it as the watch is called, before the one of users. `users`: its picture of verifications."""

    def __init__(
        self,
        store: MemoryTurnStore,
        clock: Clock,
        users: Mapping[str, SeenUser],
        broke: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._users = users
        self._broke = broke
        self.seen: dict[str, SeenApproval] = {}

    def live(self) -> list[tuple[str, SeenApproval]]:
        return [(i, s) for i, s in self.seen.items() if isinstance(s.state, ap.Live)]

    # --- what is told -----------------------------------------------------------------------------------------------

    def turn(self, turn: Turn[Any], facts: Facts, decision: Decision[Any]) -> None:
        """A turn became durable."""
        used = {save.state.verification_id: save for save in decision.approvals if isinstance(save.state, ap.Used)}
        for begun in decision.verifications:
            if begun.version == 0 and isinstance(begun.state, uv.Sent):
                self._begun(facts, begun, begun.state, used.pop(begun.id, None))
        for lost in used.values():
            self._broke("SEC-12", f"used up: approval {lost.id} for nothing that was sent")
        for save in decision.approvals:
            self._save(facts, decision, save)
        for item in decision.outbox:
            if item.kind in ("text", "mail", "call") and item.template.startswith("euv.send"):
                whom = self._users.get(item.check_id)
                known = {save.their_address for save in decision.verifications if save.id == item.check_id}
                known |= {whom.their_address} if whom is not None else set()
                if item.payload.get("to") not in known:
                    self._broke(
                        "SEC-12", f"elsewhere: verification {item.check_id} went to another address than asked for"
                    )

    def after_step(self) -> None:
        """What the store holds now."""
        for (tenant_id, id), stored in self._store.rows.approvals.items():
            seen = self.seen.get(id)
            if seen is not None and seen.state is stored.state and seen.tenant_id == tenant_id:
                continue
            if seen is None or seen.tenant_id != tenant_id or seen.state != stored.state:
                self._broke("I4", f"approval {id} changed without a turn")
        for id, seen in self.live():
            if isinstance(seen.state, ap.Granted) and seen.wanted.kind == "high":
                self._cleared(id, seen)

    # --- asked, decided, used ---------------------------------------------------------------------------------------

    def _save(self, facts: Facts, decision: Decision[Any], save: SaveApproval) -> None:
        after, now = save.state, self._clock.now()
        if isinstance(after, ap.Unasked):
            return self._broke("I4", f"approval {save.id} was saved before it was asked for")
        seen = self.seen.get(save.id)
        if seen is None:
            seen = SeenApproval(facts.tenant.id, save.contact_id, save.their_address, after.wanted)
            self._asked(save.id, seen, now)
            self.seen[save.id] = seen
        before = seen.state
        if isinstance(before, ap.Ended):
            self._broke("I4", f"approval {save.id} went on after its end")
        if (seen.wanted, seen.contact_id, seen.their_address) != (after.wanted, save.contact_id, save.their_address):
            self._broke("SEC-12", f"changed: approval {save.id} is about something else than was asked for")
        if not any(e.check_id == save.id and e.public.get("after") == ap.WORDS[type(after)] for e in decision.audit):
            self._broke("I6", f"approval {save.id} moved without a line in the log")
        if isinstance(after, ap.Granted | ap.Refused):
            by = after.agreed.by if isinstance(after, ap.Granted) else after.by
            self._decided(facts, save.id, seen, by.id, now)
        if isinstance(after, ap.Granted):
            self._granted(save.id, seen, after, now)
        if isinstance(after, ap.Used):
            seen.used_for.append(after.verification_id)
            if len(seen.used_for) > 1:
                self._broke("SEC-12", f"twice: approval {save.id} was used {len(seen.used_for)} times")
        seen.state = after

    def _asked(self, id: str, seen: SeenApproval, now: datetime) -> None:
        by = seen.wanted.technician.id
        others = (s.wanted for s in self.seen.values() if s.tenant_id == seen.tenant_id)
        lately = sum(w.technician.id == by and w.at > now - HOUR for w in others) + 1
        if lately > MOST_ASKS:
            self._broke("SEC-11", f"approval {id} is number {lately} of one technician within an hour")

    def _decided(self, facts: Facts, id: str, seen: SeenApproval, by: str, now: datetime) -> None:
        doing, before = DOING.get(), seen.state
        if (
            by == seen.wanted.technician.id
            or not isinstance(doing, Decides)
            or doing.technician_id == seen.wanted.technician.id
        ):
            return self._broke("SEC-12", f"own: approval {id} was decided by whoever asked")
        if (doing.approval_id, doing.technician_id) != (id, by):
            self._broke("SEC-12", f"own: approval {id} was decided by nobody who was there")
        if facts.tenant.settings.policy.approver == "supervisor" and not doing.supervisor:
            self._broke("SEC-12", f"rank: approval {id} was decided by somebody who may not")
        if not isinstance(before, ap.Waiting) or now >= before.until:
            self._broke("SEC-12", f"late: approval {id} was decided after its end")

    def _granted(self, id: str, seen: SeenApproval, after: ap.Granted, now: datetime) -> None:
        agreed = after.agreed
        if seen.wanted.kind == "address":
            if agreed.until > now + LONGEST_YES:
                self._broke("SEC-12", f"late: approval {id} is good for too long")
            return
        shields = [self._users.get(each) for each in set(agreed.rests_on)]
        by_phone = {s.request.method in _PHONE for s in shields if s is not None and _is_green(s, seen, agreed.until)}
        if len(shields) != 2 or None in shields or by_phone != {True, False} or agreed.until > now + LONGEST_CLEARANCE:
            self._broke("SEC-09", f"granted: approval {id} rests on less than two independent shields")

    def _begun(self, facts: Facts, save: SaveVerification, state: uv.Sent, used: SaveApproval | None) -> None:
        """A code or link is asked for. What is unusual goes by the addresses as they are, not by what anybody says."""
        policy, now, request = facts.tenant.settings.policy, self._clock.now(), state.request
        if used is not None:
            seen = self.seen.get(used.id)
            yes = seen.state if seen is not None else None
            if seen is None or not isinstance(yes, ap.Granted) or now >= yes.agreed.until:
                self._broke(
                    "SEC-12", f"nobody agreed: verification {save.id} went out by a yes that is not there, or is over"
                )
            else:
                to, ticket, asked = seen.wanted.destination, seen.wanted.ticket, request.ticket
                agreed_to = (
                    seen.tenant_id,
                    seen.contact_id,
                    seen.wanted.technician.id,
                    ticket.id if ticket is not None else "",
                    to.address_id if to is not None else "",
                    seen.their_address,
                )
                is_for = (
                    facts.tenant.id,
                    save.contact_id,
                    request.technician.id,
                    asked.id if asked is not None else "",
                    request.destination.address_id,
                    save.their_address,
                )
                if agreed_to != is_for:
                    self._broke("SEC-12", f"other: verification {save.id} is not what a colleague agreed to")
        if not policy.second_person:
            return
        known = self._store.rows.addresses.get((facts.tenant.id, save.contact_id), ())
        one = next((a for a in known if a.value == save.their_address), None)
        usual = one is not None and one.is_default and (one.changed_at is None or now - one.changed_at >= NEW_FOR)
        if not usual and used is None:
            self._broke(
                "SEC-12", f"nobody asked: verification {save.id} went to an unusual address without a colleague"
            )

    # --- SEC-09 -----------------------------------------------------------------------------------------------------

    def _cleared(self, id: str, seen: SeenApproval) -> None:
        """What pages would say now, against the shields as they were seen to stand."""
        now = self._clock.now()
        facts = load(self._store.rows, VerificationAsk(seen.tenant_id, seen.contact_id), now)
        assert isinstance(facts, VerificationFacts)
        about = seen.wanted.ticket.id if seen.wanted.ticket is not None else ""
        policy = facts.tenant.settings.policy
        said = ap.clearance(facts.shields, [(a.id, a.state) for a in facts.approvals], policy, about, now)
        if not said.cleared or said.approval_id != id or said.until is None:
            return
        seen.was_cleared, state = True, seen.state
        assert isinstance(state, ap.Granted)
        shields = [self._users.get(each) for each in state.agreed.rests_on]
        stands = all(s is not None and _is_green(s, seen, said.until) for s in shields) and now < said.until
        if not stands or len(shields) < 2 or said.until > state.agreed.at + LONGEST_CLEARANCE:
            self._broke("SEC-09", f"cleared: by {id} for longer than its shields stand")


def _is_green(shield: SeenUser, about: SeenApproval, until: datetime) -> bool:
    state = shield.state
    if not isinstance(state, uv.Verified) or shield.shield_over or state.green_until < until:
        return False
    ticket, asked = state.request.ticket, about.wanted.ticket
    fits = ticket is None or (asked is not None and asked.id == ticket.id)
    return fits and (shield.tenant_id, shield.contact_id) == (about.tenant_id, about.contact_id)
