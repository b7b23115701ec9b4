"""Asking an end user: what stands in the way is looked at, then code or link are drawn and the machine begins.

Pure but for what is drawn; it runs inside the turn, on the facts that the turn is decided on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bot.about_tickets import About
from bot.destinations import reachable
from bot.digests import verification_digest
from bot.draft_facts import request_of, ticket_id_of
from bot.draft_subjects import of_verification
from bot.drafts import Draft
from bot.verification_turns import policy_and_locale
from bot.verifying_answers import link_digest_of
from bot.wording import Wording
from dialogs import user_verify as uv
from dialogs.approvals import Use, Used
from dialogs.effects import AlertTenant, Code, Link, Value
from dialogs.interlock import interlock
from dialogs.limits import PREFIX_PAUSED
from dialogs.number_signals import KnownNumbers, Signals
from dialogs.ports import Randomness
from dialogs.tech_verify import Claimed, Open, Technician
from dialogs.turns import AddressFacts, StoredVerification, VerificationFacts
from dialogs.user_locks import tell_of_overrides
from dialogs.ways import WayNow, is_new, obstacle, rides_on_sim, says_enough
from storage.phones import masked
from web.ports import Acted, Acting

#: Digits that the technician says and whoever opens a link types (SEC-43).
SPOKEN_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Ready:
    """What this tenant can send by at all."""

    mail: bool
    texts: bool
    calls: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What a technician asks for, as far as it could be checked without storage. `may_override`: by rank or because
    nobody else is on duty, the second being `alone`. `known`: what the carrier has said of the number. `after`: the
    newest verification they had seen, empty for none, None where nobody tells."""

    who: Acting
    contact_id: str
    address_id: str
    method: uv.Method
    about: About
    note: str
    action: uv.Action
    override: str
    may_override: bool
    alone: bool
    known: KnownNumbers = field(default_factory=dict)
    after: str | None = None

    @property
    def ticket_id(self) -> str:
        return self.about.ticket.id if self.about.ticket is not None else ""


class Asking:
    """Draws codes and links, and writes the links."""

    def __init__(self, random: Randomness, wording: Wording) -> None:
        self._random = random
        self._wording = wording

    def start(self, wish: Wish, ready: Ready, facts: VerificationFacts, draft: Draft) -> Acted:
        contact, who = facts.contact, wish.who
        if contact is None:
            return Acted("", "contact_not_found")
        if wish.about.client_id and wish.about.client_id != contact.client_id:
            return _refuse(draft, wish, Acted("", "ticket_of_other_client"))
        address_id = wish.address_id or _usual(facts, wish.method)
        pressed = _pressed_before(wish, facts, address_id)
        if pressed:
            return Acted(pressed)
        other = wish.about.is_of_another(contact.id)

        def look(*, overriding: bool) -> WayNow:
            way = obstacle(
                facts,
                draft.now,
                method=wish.method,
                address_id=address_id,
                technician_id=who.technician_id,
                ticket_id=wish.ticket_id,
                other_contact=other,
                mail_ready=ready.mail,
                call_ready=ready.calls,
                texts_ready=ready.texts,
                action=wish.action,
                note=wish.note,
                overriding=overriding,
                known=wish.known,
            )
            return reachable(way, facts)

        way, override = look(overriding=False), None
        if way.why == "direction_conflict" and wish.override:
            if not wish.may_override:
                return _refuse(draft, wish, Acted("", "override_not_allowed"))
            if not says_enough(wish.override):
                return _refuse(draft, wish, Acted("", "override_reason_short"))
            way, override = look(overriding=True), uv.Override(wish.override, alone=wish.alone)
        address = next((a for a in facts.addresses if a.id == address_id), None)
        if way.why or address is None:
            refused = Acted("", way.why or "address_not_found", way.not_before)
            _refuse(draft, wish, refused)
            if address is not None and way.why == PREFIX_PAUSED:
                draft.tell_of_pause(address.value, address.sends)
            return refused
        return self._ask(wish, facts, draft, address, override, other=other, approval_id=way.approval)

    def _ask(
        self,
        wish: Wish,
        facts: VerificationFacts,
        draft: Draft,
        address: AddressFacts,
        override: uv.Override | None,
        *,
        other: bool,
        approval_id: str,
    ) -> Acted:
        assert facts.contact is not None, "nobody else is asked"
        contact, who, (policy, locale) = facts.contact, wish.who, policy_and_locale(facts)
        lock = interlock(
            facts.checks,
            draft.now,
            contact_id=contact.id,
            technician_id=who.technician_id,
            ticket_id=wish.ticket_id,
        )
        of_method, id = uv.METHODS[wish.method], draft.new_id()
        approved = _use(wish, facts, draft, address, approval_id, id)
        if approved.refused:
            return Acted("", approved.refused)
        request = uv.Request(
            contact_id=contact.id,
            contact_name=contact.name,
            destination=destination_of(address, draft.now),
            method=wish.method,
            technician=technician_of(who),
            ticket=wish.about.ticket,
            action=wish.action,
            at=draft.now,
            note=wish.note or approved.note,
            other_contact=other,
            lifted_by=lock.lifted_by if of_method.interlocked else "",
            override=override,
            signals=_signals(wish, facts, address),
            ticket_asked=wish.about.new,
            approved_by=approved.by,
        )
        for live in facts.live:
            draft.step_verification(live, uv.NewerAsked(id), policy, locale, by=who.technician_id)
        new = StoredVerification(
            id=id,
            version=0,
            state=uv.Blank(),
            contact_id=contact.id,
            our_address="" if of_method.channel == "email" else facts.our_number,
            their_address=address.value,
            created_at=draft.now,
        )
        event, link_digest = self._asked(facts, id, request, policy)
        step = draft.start_verification(new, event, policy, locale, link_digest=link_digest)
        if override is not None and tell_of_overrides(facts.overrides_by_technician):
            draft.raise_alert(AlertTenant("many_overrides", who_and_whom(who, facts)), of_verification(new, ""))
        return Acted("" if step.refused else id, step.refused)

    def _asked(self, facts: VerificationFacts, id: str, request: uv.Request, policy: uv.Policy) -> tuple[uv.Asked, str]:
        """The event with a code or a link that nobody has seen, and the link's digest, empty for a code."""
        conflict, introduced = request.override is not None, bool(request.lifted_by)
        if uv.METHODS[request.method].way == "link":
            token = self._random.token()
            spoken = self._random.code(SPOKEN_DIGITS) if policy.spoken_number else None
            digest = link_digest_of(token)
            event = uv.Asked(
                request,
                digest,
                link=Link(self._wording.link("/v/" + token)),
                spoken=spoken,
                spoken_digest=verification_digest(facts.tenant, id, spoken.digits) if spoken is not None else "",
                conflict=conflict,
                introduced=introduced,
            )
            return event, digest
        code = self._new_code(facts)
        digest = verification_digest(facts.tenant, id, code.digits)
        return uv.Asked(request, digest, code=code, conflict=conflict, introduced=introduced), ""

    def _new_code(self, facts: VerificationFacts) -> Code:
        """One that is not the code of a live check of the same contact (SEC-07)."""
        taken = {c.state.challenge.code.digits for c in facts.checks if isinstance(c.state, Open | Claimed)}
        code = self._random.code(facts.tenant.settings.code_length)
        while code.digits in taken:
            code = self._random.code(facts.tenant.settings.code_length)
        return code


@dataclass(frozen=True, slots=True)
class _Approved:
    """A colleague's yes that was used up: whose, and what it was asked for with."""

    by: str = ""
    note: str = ""
    refused: str = ""


def _use(
    wish: Wish, facts: VerificationFacts, draft: Draft, address: AddressFacts, approval_id: str, id: str
) -> _Approved:
    """Use up the yes that lets this out, in the same turn, so that it lets out nothing else (SEC-12)."""
    found = next((one for one in facts.approvals if one.id == approval_id), None)
    if found is None:
        return _Approved()
    use = Use(technician_of(wish.who), address.id, wish.ticket_id, id)
    step = draft.step_approval(found, use, by=wish.who.technician_id, our_number=facts.our_number)
    if step.refused or not isinstance(step.state, Used):
        return _Approved(refused=step.refused)
    return _Approved(step.state.agreed.by.first_name, step.state.wanted.note)


def destination_of(address: AddressFacts, now: datetime) -> uv.Destination:
    """The address as requests keep it."""
    return uv.Destination(address.id, address.kind, shown(address.value), address.is_default, is_new(address, now))


def who_and_whom(who: Acting, facts: VerificationFacts) -> dict[str, Value]:
    """For alerts that say: somebody should ask this technician what they are doing (SEC-14)."""
    return {"tech": who.name, "contact": facts.contact.name if facts.contact is not None else ""}


def shown(address: str) -> str:
    """An address as people read it where it is not theirs: the end of a number, the domain of a mailbox."""
    return masked(address) if "@" in address else f"...{address[-4:]}"


def technician_of(who: Acting) -> Technician:
    """Who acts, as the user is told."""
    return Technician(who.technician_id, who.first_name)


def _usual(facts: VerificationFacts, method: uv.Method) -> str:
    """The address the method goes to unless another one is named, empty when there is none."""
    kinds = uv.METHODS[method].kinds
    return next((a.id for kind in kinds for a in facts.addresses if a.kind == kind), "")


def _signals(wish: Wish, facts: VerificationFacts, address: AddressFacts) -> Signals | None:
    """What was known of the number; `unknown` where it was another one a moment ago, when the carrier was asked."""
    asked = facts.tenant.settings.number_lookups
    if asked == "off" or not rides_on_sim(wish.method, address):
        return None
    return wish.known.get(address.value) or Signals("unknown", "unknown" if asked == "sim_swap" else "")


def _refuse(draft: Draft, wish: Wish, acted: Acted) -> Acted:
    draft.audit(
        "euv.act_refused",
        contact_id=wish.contact_id,
        technician_id=wish.who.technician_id,
        ticket_id=wish.ticket_id,
        channel=uv.METHODS[wish.method].channel,
        public={"refused": acted.refused, "method": wish.method.value},
    )
    return acted


def _pressed_before(wish: Wish, facts: VerificationFacts, address_id: str) -> str:
    """The live verification that the same form has begun already, pressed a second time before anything came of the
    first; empty for none. One that stood on the page when it was drawn is asked for anew on purpose."""
    if wish.after is None:
        return ""
    for live in facts.live:
        request = request_of(live.state)
        if live.id == wish.after or request is None:
            continue
        ticket_id = ticket_id_of(request)
        same = (
            (request.technician.id, request.destination.address_id) == (wish.who.technician_id, address_id)
            and (request.method, request.action) == (wish.method, wish.action)
            and (not wish.note or request.note == wish.note)
            and (wish.ticket_id == ticket_id or (wish.about.new and request.ticket_asked))
        )
        if same:
            return live.id
    return ""
