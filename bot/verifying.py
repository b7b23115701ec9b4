"""What technicians do to verify end users: read the ticket first, then one turn. Implements
`web.ports.VerificationActs` together with `bot.verifying_answers`, which has what end users and their phones do.

What stands in the way is looked at in the turn itself, on the facts that the turn is decided on.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from bot.about_tickets import About, look_up
from bot.asking_users import Asking, Ready, Wish, technician_of, who_and_whom
from bot.digests import code_digest, verification_digest
from bot.draft_facts import request_of, ticket_id_of
from bot.draft_subjects import of_verification
from bot.drafts import Draft
from bot.engine import Engine
from bot.number_lookups import KnowsNumbers
from bot.offering import offered
from bot.verification_turns import policy_and_locale
from bot.verifying_answers import Answers, digits_of
from bot.wording import Wording
from dialogs import user_verify as uv
from dialogs.effects import AlertTenant
from dialogs.interlock import interlock
from dialogs.limits import PREFIX_PAUSED, next_send
from dialogs.ports import Contended, Randomness
from dialogs.tech_verify import Claimed, Open
from dialogs.turns import StoredVerification, VerificationAsk, VerificationFacts
from dialogs.user_locks import lock_of, tell_of_wrong_codes
from dialogs.ways import WayNow, says_enough
from psa.base import Psa
from storage.duty import Roll
from storage.verifications import Verifications
from web.ports import Acted, Acting, CodeChecked, Post

R = TypeVar("R")
#: What a technician types is a code when it has so many digits.
CODE_LENGTHS = range(6, 11)


class Verifying(Answers):
    """Acts on verifications of end users."""

    def __init__(
        self,
        engine: Engine,
        psa: Callable[[str], Psa],
        verifications: Verifications,
        roll: Roll,
        post: Post,
        wording: Wording,
        random: Randomness,
        lookups: KnowsNumbers,
    ) -> None:
        super().__init__(engine, verifications, wording)
        self._psa = psa
        self._roll = roll
        self._post = post
        self._lookups = lookups
        self._asking = Asking(random, wording)

    async def methods(
        self, who: Acting, contact_id: str, *, ticket: str = "", action: str = "standard"
    ) -> Sequence[WayNow] | None:
        about, ready = await self._look_up(who.tenant_id, ticket), await self._ready(who.tenant_id)

        def decide(facts: VerificationFacts, draft: Draft) -> Sequence[WayNow] | None:
            if facts.contact is None:
                return None
            known = self._lookups.known(who.tenant_id, facts.tenant.settings, facts.addresses)
            return offered(
                facts,
                draft.now,
                who=who,
                contact_id=contact_id,
                about=about,
                ready=ready,
                known=known,
                action=uv.Action(action),
            )

        ask = VerificationAsk(who.tenant_id, contact_id, technician_id=who.technician_id, with_limits=True)
        return await self._engine.of_verification(ask, decide)

    async def start(
        self,
        who: Acting,
        *,
        contact_id: str,
        address_id: str,
        method: str,
        ticket: str = "",
        note: str = "",
        action: str = "standard",
        override: str = "",
        after: str | None = None,
    ) -> Acted:
        if method not in list(uv.Method):
            return Acted("", "method_unknown")
        about = await self._look_up(who.tenant_id, ticket)
        if about.refused:
            return Acted("", about.refused)
        by_rank = _has_rank(who)
        alone = bool(override) and not by_rank and await self._is_alone(who)
        wish = Wish(
            who,
            contact_id,
            address_id,
            uv.Method(method),
            about,
            note.strip(),
            uv.Action(action),
            override.strip(),
            may_override=by_rank or alone,
            alone=alone,
            after=after,
            known=await self._lookups.before(who.tenant_id, contact_id, address_id, uv.Method(method)),
        )
        ready = await self._ready(who.tenant_id)
        ask = VerificationAsk(
            who.tenant_id, contact_id, address_id=address_id, technician_id=who.technician_id, with_limits=True
        )
        acted = await self._act(ask, lambda facts, draft: self._asking.start(wish, ready, facts, draft))
        return acted or Acted("", "contact_not_found")

    async def may_override(self, who: Acting) -> bool:
        return _has_rank(who) or await self._is_alone(who)

    async def check(self, who: Acting, verification_id: str, *, code: str) -> CodeChecked:
        digits = digits_of(code)
        if len(digits) not in CODE_LENGTHS:
            return CodeChecked(verification_id, refused="not_a_code")

        def decide(facts: VerificationFacts, draft: Draft) -> CodeChecked:
            found = facts.verification
            if found is None:
                return CodeChecked(verification_id, refused="verification_not_found")
            closed = _closed_by_wrong_codes(facts, found, draft.now)
            if closed:
                self._refuse(draft, found, who, Acted(found.id, closed))
                return CodeChecked(found.id, refused=closed)
            policy, locale = policy_and_locale(facts)
            typed = verification_digest(facts.tenant, found.id, digits)
            event = uv.CodeTyped(technician_of(who), typed, other_purpose=_is_code_of_check(facts, digits))
            step = draft.step_verification(found, event, policy, locale, by=who.technician_id)
            if _grew_wrong(found.state, step.state) and tell_of_wrong_codes(facts.wrong_by_technician):
                told = AlertTenant("many_wrong_codes", who_and_whom(who, facts))
                draft.raise_alert(told, of_verification(found, ""))
            left = uv.tries_left(step.state, uv.Env(draft.now, policy)) if isinstance(step.state, uv.Live) else 0
            right = isinstance(step.state, uv.Verified) and not step.refused
            return CodeChecked(found.id, right, step.refused, left)

        ask = VerificationAsk(who.tenant_id, verification_id=verification_id, technician_id=who.technician_id)
        try:
            checked = await self._engine.of_verification(ask, decide)
        except Contended:
            return CodeChecked(verification_id, refused="contended")
        return checked or CodeChecked(verification_id, refused="verification_not_found")

    async def resend(self, who: Acting, verification_id: str) -> Acted:
        """The same code once more, where nothing has come into the way since, and where the limits allow."""

        def decide(facts: VerificationFacts, draft: Draft) -> Acted:
            found = facts.verification
            if found is None:
                return Acted(verification_id, "verification_not_found")
            stopped = _against_resending(facts, found, who, draft.now)
            if stopped is not None:
                self._refuse(draft, found, who, stopped)
                _tell_of_pause(draft, facts, found, stopped.refused)
                return stopped
            return self._step(draft, facts, found, uv.ResendAsked(technician_of(who)), who)

        ask = VerificationAsk(
            who.tenant_id, verification_id=verification_id, technician_id=who.technician_id, with_limits=True
        )
        return await self._act(ask, decide) or Acted(verification_id, "verification_not_found")

    async def cancel(self, who: Acting, verification_id: str) -> Acted:
        return await self._simply(who, verification_id, uv.CancelAsked(technician_of(who)))

    async def link_ticket(self, who: Acting, verification_id: str, *, ticket: str) -> Acted:
        about = await self._look_up(who.tenant_id, ticket)
        if about.refused or about.ticket is None:
            return Acted(verification_id, about.refused or "ticket_not_found")
        linked = about.ticket

        def decide(facts: VerificationFacts, draft: Draft) -> Acted:
            found = facts.verification
            if found is None:
                return Acted(verification_id, "verification_not_found")
            request, client = request_of(found.state), facts.contact.client_id if facts.contact is not None else ""
            policy, _ = policy_and_locale(facts)
            if about.client_id and client and about.client_id != client:
                return self._refuse(draft, found, who, Acted(found.id, "ticket_of_other_client"))
            another = about.is_of_another(found.contact_id)
            if another and policy.note_required and request is not None and not says_enough(request.note):
                # Else the note that another person's ticket takes could be had without (SEC-12).
                return self._refuse(draft, found, who, Acted(found.id, "address_note_required"))
            if _was_agreed_for_other(found, linked.id, draft.now):
                return self._refuse(draft, found, who, Acted(found.id, "approval_for_other"))
            event = uv.TicketLinked(technician_of(who), linked, other_contact=another, ended=found.shield_ended)
            return self._step(draft, facts, found, event, who)

        ask = VerificationAsk(who.tenant_id, verification_id=verification_id)
        return await self._act(ask, decide) or Acted(verification_id, "verification_not_found")

    async def unlock(self, who: Acting, contact_id: str, *, method: str) -> Acted:
        if method not in list(uv.Method):
            return Acted("", "method_unknown")

        def decide(facts: VerificationFacts, draft: Draft) -> Acted:
            if facts.contact is None:
                return Acted("", "contact_not_found")
            draft.reset_tries(contact_id, uv.Method(method), who.technician_id)
            draft.audit(
                "euv.unlocked", contact_id=contact_id, technician_id=who.technician_id, public={"method": method}
            )
            return Acted(contact_id)

        return await self._act(VerificationAsk(who.tenant_id, contact_id), decide) or Acted("", "contact_not_found")

    # --- pieces -----------------------------------------------------------------------------------------------------

    async def _simply(self, who: Acting, verification_id: str, event: uv.Event) -> Acted:
        def decide(facts: VerificationFacts, draft: Draft) -> Acted:
            found = facts.verification
            if found is None:
                return Acted(verification_id, "verification_not_found")
            return self._step(draft, facts, found, event, who)

        ask = VerificationAsk(who.tenant_id, verification_id=verification_id)
        return await self._act(ask, decide) or Acted(verification_id, "verification_not_found")

    def _step(
        self, draft: Draft, facts: VerificationFacts, found: StoredVerification, event: uv.Event, who: Acting
    ) -> Acted:
        policy, locale = policy_and_locale(facts)
        step = draft.step_verification(found, event, policy, locale, by=who.technician_id)
        return Acted(found.id, step.refused)

    async def _act(self, ask: VerificationAsk, decide: Callable[[VerificationFacts, Draft], Acted]) -> Acted | None:
        try:
            return await self._engine.of_verification(ask, decide)
        except Contended:
            return Acted(ask.verification_id, "contended")

    def _refuse(self, draft: Draft, found: StoredVerification, who: Acting, acted: Acted) -> Acted:
        draft.audit(
            "euv.act_refused",
            check_id=found.id,
            contact_id=found.contact_id,
            technician_id=who.technician_id,
            ticket_id=ticket_id_of(request_of(found.state)),
            public={"refused": acted.refused},
        )
        return acted

    async def _look_up(self, tenant_id: str, ticket: str) -> About:
        return await look_up(self._psa, tenant_id, ticket)

    async def _is_alone(self, who: Acting) -> bool:
        """Whether nobody but them is on duty."""
        return [one.id for one in await self._roll.active(who.tenant_id) if one.on_duty] == [who.technician_id]

    async def _ready(self, tenant_id: str) -> Ready:
        texts = await self._post.can_text(tenant_id)
        return Ready(mail=await self._post.can_mail(tenant_id), texts=texts, calls=texts)


def _has_rank(who: Acting) -> bool:
    """Whether they may override whoever else is there."""
    return who.supervisor or who.role == "admin"


def _is_code_of_check(facts: VerificationFacts, digits: str) -> bool:
    """Whether these are the digits of a live check of a caller, which nobody may read out (SEC-07)."""
    live = ((c.id, c.state.challenge.digest) for c in facts.checks if isinstance(c.state, Open | Claimed))
    return any(hmac.compare_digest(code_digest(facts.tenant, id, digits), digest) for id, digest in live)


def _closed_by_wrong_codes(facts: VerificationFacts, found: StoredVerification, now: datetime) -> str:
    """Why no code of this method is taken for the contact now, also of one that was sent before; empty when it is.
    Else whoever asks anew in time would have more tries than the lock allows. The machine says what is over."""
    state = found.state
    if not isinstance(state, uv.Live) or now >= state.challenge.expires_at:
        return ""
    lock = lock_of(facts.tries, state.request.method, now)
    return lock.why if lock is not None else ""


def _was_agreed_for_other(found: StoredVerification, ticket_id: str, now: datetime) -> bool:
    """Whether a colleague has agreed to this send for another ticket, and what came or comes of it would count for this
    one (SEC-12). Once it proves nothing any more its record may go where it belongs."""
    state = found.state
    request = request_of(state)
    if request is None or not request.approved_by or request.ticket is None or request.ticket.id == ticket_id:
        return False
    is_green = isinstance(state, uv.Verified) and not found.shield_ended and now < state.green_until
    return isinstance(state, uv.Live) or is_green


def _grew_wrong(before: uv.State, after: uv.State) -> bool:
    if not isinstance(before, uv.Live):
        return False
    return isinstance(after, uv.Failed) or (
        isinstance(after, uv.Live) and after.challenge.wrong > before.challenge.wrong
    )


def _against_resending(facts: VerificationFacts, found: StoredVerification, who: Acting, now: datetime) -> Acted | None:
    """Why the same code must not go out again; None where nothing stands in the way or the machine says it better."""
    state = found.state
    if not isinstance(state, uv.Live) or state.challenge.code is None or now >= state.challenge.expires_at:
        return None
    request, of_method = state.request, uv.METHODS[state.request.method]
    if request.technician.id != who.technician_id:
        return None
    policy, _ = policy_and_locale(facts)
    if request.method not in policy.methods:
        # What went out may still be answered; whoever has switched the method off wants no more of it to go.
        return Acted(found.id, "method_not_allowed")
    address = next((a for a in facts.addresses if a.id == request.destination.address_id), None)
    if address is None:
        return Acted(found.id, "address_not_found")
    ticket_id = ticket_id_of(request)
    lock = interlock(
        facts.checks, now, contact_id=found.contact_id, technician_id=who.technician_id, ticket_id=ticket_id
    )
    if of_method.interlocked and lock.conflict and request.override is None:
        return Acted(found.id, "direction_conflict", lock.not_before)
    if address.suppressed == "blocked" or (address.suppressed and of_method.channel == "sms"):
        return Acted(found.id, address.suppressed)
    full = next_send(address.sends, facts.tenant.settings.limits, now, "resend")
    if full is None:
        return None
    return Acted(found.id, PREFIX_PAUSED if full.limit == PREFIX_PAUSED else "too_many_sends", full.at)


def _tell_of_pause(draft: Draft, facts: VerificationFacts, found: StoredVerification, refused: str) -> None:
    address = next((a for a in facts.addresses if a.value == found.their_address), None)
    if refused == PREFIX_PAUSED and address is not None:
        draft.tell_of_pause(address.value, address.sends)
