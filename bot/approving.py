"""Asking a second person, and being one. Implements `web.ports.ApprovalActs`.

Whether it is needed, who may decide and what it would rest on is looked at in the turn itself, on the facts that the
turn is decided on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from bot.about_tickets import About, look_up
from bot.asking_users import destination_of, technician_of
from bot.drafts import Draft
from bot.engine import Engine
from bot.verification_turns import policy_and_locale
from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.ports import Contended
from dialogs.second_person import approval_for, needs_approval, next_ask
from dialogs.turns import AddressFacts, StoredApproval, VerificationAsk, VerificationFacts
from dialogs.ways import AFTER_DENIAL, is_new, says_enough
from psa.base import Psa
from web.ports import Acted, Acting

_KINDS: tuple[ap.Kind, ...] = ("address", "high")
#: So many may be live for one contact: each of them calls for people on duty.
MOST_LIVE = 5


class Approving:
    """Acts of and for second persons."""

    def __init__(self, engine: Engine, psa: Callable[[str], Psa]) -> None:
        self._engine = engine
        self._psa = psa

    async def ask(
        self, who: Acting, *, kind: str, contact_id: str, address_id: str = "", ticket: str = "", note: str
    ) -> Acted:
        wanted = next((known for known in _KINDS if known == kind), None)
        if wanted is None:
            return Acted("", "approval_kind_unknown")
        if not who.technician_id:
            return Acted("", "key_may_not")
        # A ticket that is made with the verification is none yet.
        about = await look_up(self._psa, who.tenant_id, "" if ticket == "new" else ticket)
        if about.refused:
            return Acted("", about.refused)
        said = note.strip()

        def decide(facts: VerificationFacts, draft: Draft) -> Acted:
            asked = _Asked(who, wanted, about, address_id, said, facts, draft)
            return asked.answer()

        asking = VerificationAsk(who.tenant_id, contact_id, technician_id=who.technician_id)
        return await self._act(asking, decide) or Acted("", "contact_not_found")

    async def grant(self, who: Acting, approval_id: str) -> Acted:
        def decide(facts: VerificationFacts, draft: Draft, found: StoredApproval) -> Acted:
            refused = _not_to_be_granted(facts, draft, found)
            if refused is not None:
                return _refuse(draft, found, who, refused)
            rests_on = ap.pair(facts.shields, _ticket_id(found.state), draft.now) if _is_high(found.state) else None
            event = ap.Grant(
                technician_of(who),
                tuple(shield.verification_id for shield in rests_on or ()),
                tuple(shield.method for shield in rests_on or ()),
                min((shield.until for shield in rests_on or ()), default=None),
            )
            return _step(draft, facts, found, event, who)

        return await self._decide(who, approval_id, decide)

    async def refuse(self, who: Acting, approval_id: str, *, reason: str = "") -> Acted:
        event = ap.Refuse(technician_of(who), reason.strip())
        return await self._decide(who, approval_id, lambda facts, draft, found: _step(draft, facts, found, event, who))

    async def withdraw(self, who: Acting, approval_id: str) -> Acted:
        if not who.technician_id:
            return Acted(approval_id, "key_may_not")
        event = ap.Withdraw(technician_of(who))

        def decide(facts: VerificationFacts, draft: Draft) -> Acted:
            if facts.approval is None:
                return Acted(approval_id, "approval_not_found")
            return _step(draft, facts, facts.approval, event, who)

        return await self._of_approval(who, approval_id, decide)

    # --- pieces -----------------------------------------------------------------------------------------------------

    async def _decide(
        self, who: Acting, approval_id: str, decide: Callable[[VerificationFacts, Draft, StoredApproval], Acted]
    ) -> Acted:
        """Say yes or no, by somebody who may: a colleague, with the rank that the client's policy asks for."""
        if not who.technician_id:
            return Acted(approval_id, "key_may_not")

        def with_rank(facts: VerificationFacts, draft: Draft) -> Acted:
            found = facts.approval
            if found is None:
                return Acted(approval_id, "approval_not_found")
            if _asker_id(found.state) == who.technician_id:
                return _refuse(draft, found, who, Acted(found.id, "own_approval"))
            policy, _ = policy_and_locale(facts)
            if policy.approver == "supervisor" and not (who.supervisor or who.role == "admin"):
                return _refuse(draft, found, who, Acted(found.id, "approver_required"))
            return decide(facts, draft, found)

        return await self._of_approval(who, approval_id, with_rank)

    async def _of_approval(
        self, who: Acting, approval_id: str, decide: Callable[[VerificationFacts, Draft], Acted]
    ) -> Acted:
        ask = VerificationAsk(who.tenant_id, approval_id=approval_id)
        return await self._act(ask, decide) or Acted(approval_id, "approval_not_found")

    async def _act(self, ask: VerificationAsk, decide: Callable[[VerificationFacts, Draft], Acted]) -> Acted | None:
        try:
            return await self._engine.of_verification(ask, decide)
        except Contended:
            return Acted(ask.approval_id, "contended")


class _Asked:
    """One request, with the facts of its turn."""

    def __init__(
        self,
        who: Acting,
        kind: ap.Kind,
        about: About,
        address_id: str,
        note: str,
        facts: VerificationFacts,
        draft: Draft,
    ) -> None:
        self._who = who
        self._kind = kind
        self._about = about
        self._address = next((a for a in facts.addresses if a.id == address_id), None)
        self._note = note
        self._facts = facts
        self._draft = draft
        self._policy, _ = policy_and_locale(facts)

    def answer(self) -> Acted:
        contact, about = self._facts.contact, self._about
        if contact is None:
            return Acted("", "contact_not_found")
        if about.client_id and about.client_id != contact.client_id:
            return self._refused("ticket_of_other_client")
        if self._kind == "address" and self._address is None:
            return self._refused("address_not_found")
        known = self._known()
        if known is not None:
            return Acted(known.id)
        refused = self._in_the_way()
        return self._refused(refused) if refused else self._begin(contact.id, contact.name)

    def _known(self) -> StoredApproval | None:
        """The same request, asked before."""
        by, ticket_id, now = self._who.technician_id, self._ticket_id, self._draft.now
        if self._address is not None and self._kind == "address":
            return approval_for(self._facts.approvals, self._address, now, technician_id=by, ticket_id=ticket_id)
        same = (a for a in self._facts.approvals if _is_high(a.state) and _ticket_id(a.state) == ticket_id)
        own = (a for a in same if _asker_id(a.state) == by and self._stands(a.state))
        return next(own, None)

    def _stands(self, state: ap.State) -> bool:
        """A yes that rests on a shield that was ended is worth nothing, so that one may ask anew."""
        until = ap.until_of(state)
        if until is None or self._draft.now >= until:
            return False
        green = {shield.verification_id for shield in self._facts.shields}
        return not isinstance(state, ap.Granted) or set(state.agreed.rests_on) <= green

    def _in_the_way(self) -> str:
        facts, now = self._facts, self._draft.now
        if not says_enough(self._note):
            return "approval_note_short"
        if _denied_lately(facts, self._draft):
            return "denied_lately"
        # What has run out is over, also before its timer has rung.
        if sum((ap.until_of(one.state) or now) > now for one in facts.approvals) >= MOST_LIVE:
            return "too_many_approvals"
        why_not = self._not_needed(now)
        if not why_not and next_ask(facts.asked_by_technician, now) is not None:
            return "too_many_asks"
        return why_not

    def _not_needed(self, now: datetime) -> str:
        if self._address is not None and self._kind == "address":
            needed = needs_approval(self._address, self._policy, is_new=is_new(self._address, now))
            return "" if needed else "approval_not_needed"
        if not self._policy.high_by_two:
            return "high_not_offered"
        return "" if ap.pair(self._facts.shields, self._ticket_id, now) is not None else "two_methods_needed"

    def _begin(self, contact_id: str, contact_name: str) -> Acted:
        draft, address = self._draft, self._address if self._kind == "address" else None
        wanted = ap.Wanted(
            kind=self._kind,
            contact_id=contact_id,
            contact_name=contact_name,
            technician=technician_of(self._who),
            ticket=self._about.ticket,
            note=self._note,
            at=draft.now,
            destination=destination_of(address, draft.now) if address is not None else None,
        )
        new = StoredApproval(
            id=draft.new_id(),
            version=0,
            state=ap.Unasked(),
            contact_id=contact_id,
            their_address=address.value if address is not None else "",
            created_at=draft.now,
        )
        step = draft.step_approval(
            new,
            ap.Ask(wanted),
            by=self._who.technician_id,
            our_number=self._facts.our_number,
            supervisors_only=self._policy.approver == "supervisor",
            sealed={"note": self._note},
        )
        return Acted(new.id, step.refused)

    def _refused(self, word: str) -> Acted:
        contact = self._facts.contact
        self._draft.audit(
            "approval.act_refused",
            contact_id=contact.id if contact is not None else "",
            technician_id=self._who.technician_id,
            ticket_id=self._ticket_id,
            public={"refused": word, "approval": self._kind},
        )
        return Acted("", word, self._not_before(word))

    def _not_before(self, word: str) -> datetime | None:
        denied = self._facts.denied_at
        if word == "too_many_asks":
            return next_ask(self._facts.asked_by_technician, self._draft.now)
        return denied + AFTER_DENIAL if word == "denied_lately" and denied is not None else None

    @property
    def _ticket_id(self) -> str:
        return self._about.ticket.id if self._about.ticket is not None else ""


def _not_to_be_granted(facts: VerificationFacts, draft: Draft, found: StoredApproval) -> Acted | None:
    """Why nobody may agree to it now; None where nothing stands in the way, or the machine says it better."""
    if not isinstance(found.state, ap.Waiting) or draft.now >= found.state.until:
        return None
    if facts.contact is None:
        return Acted(found.id, "contact_not_found")
    if _denied_lately(facts, draft) and facts.denied_at is not None:
        return Acted(found.id, "denied_lately", facts.denied_at + AFTER_DENIAL)
    to = found.state.wanted.destination
    if to is not None and not any(_is_there(a, to, found) for a in facts.addresses):
        # It was changed meanwhile: what the colleague would agree to is not there any more.
        return Acted(found.id, "address_not_found")
    return None


def _is_there(address: AddressFacts, to: uv.Destination, found: StoredApproval) -> bool:
    return (address.id, address.value) == (to.address_id, found.their_address)


def _denied_lately(facts: VerificationFacts, draft: Draft) -> bool:
    return facts.denied_at is not None and draft.now - facts.denied_at < AFTER_DENIAL


def _step(draft: Draft, facts: VerificationFacts, found: StoredApproval, event: ap.Event, who: Acting) -> Acted:
    reason = event.reason if isinstance(event, ap.Refuse) else ""
    sealed = {"reason": reason} if reason else None
    step = draft.step_approval(found, event, by=who.technician_id, our_number=facts.our_number, sealed=sealed)
    return Acted(found.id, step.refused)


def _refuse(draft: Draft, found: StoredApproval, who: Acting, acted: Acted) -> Acted:
    draft.audit(
        "approval.act_refused",
        check_id=found.id,
        contact_id=found.contact_id,
        technician_id=who.technician_id,
        ticket_id=_ticket_id(found.state),
        public={"refused": acted.refused, "approval": _kind(found.state)},
    )
    return acted


def _kind(state: ap.State) -> Literal["address", "high", ""]:
    return "" if isinstance(state, ap.Unasked) else state.wanted.kind


def _is_high(state: ap.State) -> bool:
    return _kind(state) == "high"


def _asker_id(state: ap.State) -> str:
    return "" if isinstance(state, ap.Unasked) else state.wanted.technician.id


def _ticket_id(state: ap.State) -> str:
    ticket = None if isinstance(state, ap.Unasked) else state.wanted.ticket
    return ticket.id if ticket is not None else ""
