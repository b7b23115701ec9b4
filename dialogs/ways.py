"""Which methods of verification can work now, to which address, and what stands in the way, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from dialogs.approvals import Granted
from dialogs.interlock import interlock
from dialogs.limits import next_send
from dialogs.number_signals import NOTHING_KNOWN, KnownNumbers, Signals
from dialogs.second_person import approval_for, needs_approval
from dialogs.texts.fill import clean
from dialogs.turns import AddressFacts, StoredApproval, VerificationFacts
from dialogs.user_locks import lock_of
from dialogs.user_verify import METHODS, NEW_FOR, Action, Assurance, Method, MethodFacts, Policy

#: So long after a person said "this is not me" (SEC-08).
AFTER_DENIAL = timedelta(minutes=30)
#: A note or a reason says something from so many characters on.
MIN_NOTE = 10

_NO_ADDRESS = {"sms": "no_mobile", "email": "no_email", "phone": "no_phone"}


@dataclass(frozen=True, slots=True)
class WayNow:
    """One method to one address. `address_id` is empty where the method needs none, or the contact has none for it.
    `why`: the machine word (of `web.ports.REFUSALS`) for what stands in the way, empty when `state` is `ready`.
    `not_before`: when waiting helps. `note_for`: why a note is asked for (`other_address`, `new_address`,
    `other_contact`), which is no obstacle. `override`: an override would help. `signals`: what the carrier has said of
    the number, None where it was not asked lately. `approval`: the id of the colleague's yes that it would use up, or
    that is waited for."""

    method: Method
    address_id: str
    state: Literal["ready", "not_possible", "not_set_up"]
    why: str = ""
    not_before: datetime | None = None
    note_for: tuple[str, ...] = ()
    override: bool = False
    signals: Signals | None = None
    approval: str = ""


def ways(
    facts: VerificationFacts,
    now: datetime,
    *,
    technician_id: str,
    ticket_id: str,
    other_contact: bool,
    mail_ready: bool,
    call_ready: bool,
    texts_ready: bool,
    action: Action = Action.STANDARD,
    known: KnownNumbers = NOTHING_KNOWN,
) -> tuple[WayNow, ...]:
    """Every method of the policy in its order, once for each address it can go to, the usual address first. `facts`
    must hold the contact, and the sends of every address. `*_ready`: this tenant can send mails, place calls, send
    texts at all. `other_contact`: the ticket is another person's. `known`: what the carrier has said of numbers."""
    now_by = _Now(
        facts, now, technician_id, ticket_id, other_contact, mail_ready, call_ready, texts_ready, action, known
    )
    return tuple(way for method in now_by.policy.methods for way in now_by.of_method(method))


def obstacle(
    facts: VerificationFacts,
    now: datetime,
    *,
    method: Method,
    address_id: str,
    technician_id: str,
    ticket_id: str,
    other_contact: bool,
    mail_ready: bool,
    call_ready: bool,
    texts_ready: bool,
    action: Action = Action.STANDARD,
    note: str = "",
    overriding: bool = False,
    known: KnownNumbers = NOTHING_KNOWN,
) -> WayNow:
    """One method to one address, looked at for a request that is made now: `why` says what stands in its way. More
    strictly than `ways`: the method must be allowed, the address the contact's, and the note there where one is needed.
    `overriding`: an open check of a caller is set aside by somebody who may."""
    now_by = _Now(
        facts, now, technician_id, ticket_id, other_contact, mail_ready, call_ready, texts_ready, action, known
    )
    return now_by.of_request(method, address_id, note, overriding=overriding)


def says_enough(words: str) -> bool:
    """Whether a note or a reason says something. What nobody can see does not count: it would leave no line."""
    return len(clean(words, len(words))) >= MIN_NOTE


def is_new(address: AddressFacts, now: datetime) -> bool:
    """Whether a person changed it within the last 7 days."""
    return address.changed_at is not None and now - address.changed_at < NEW_FOR


def signals_of(method: Method, address: AddressFacts, known: KnownNumbers) -> Signals | None:
    """What the carrier has said of the number, where that matters for the method."""
    return known.get(address.value) if rides_on_sim(method, address) else None


def rides_on_sim(method: Method, address: AddressFacts) -> bool:
    """Whether whoever holds the SIM of this number gets what is sent there: what is called a desk phone here may be a
    mobile all the same."""
    return METHODS[method].channel in ("sms", "phone") and address.kind in ("mobile", "phone")


def note_for(address: AddressFacts, policy: Policy, now: datetime, *, other_contact: bool) -> tuple[str, ...]:
    """Why this needs a note (SEC-12); empty when it needs none."""
    if not policy.note_required:
        return ()
    reasons = (
        ("other_address", not address.is_default),
        ("new_address", is_new(address, now)),
        ("other_contact", other_contact),
    )
    return tuple(reason for reason, holds in reasons if holds)


@dataclass(frozen=True, slots=True)
class _Now:
    facts: VerificationFacts
    now: datetime
    technician_id: str
    ticket_id: str
    other_contact: bool
    mail_ready: bool
    call_ready: bool
    texts_ready: bool
    action: Action
    known: KnownNumbers

    @property
    def policy(self) -> Policy:
        contact = self.facts.contact
        return self.facts.tenant.settings.policy_of(contact.client_id if contact is not None else "")

    def of_method(self, method: Method) -> Iterator[WayNow]:
        facts = METHODS[method]
        missing = self._not_set_up(facts)
        if missing:
            yield WayNow(method, "", "not_set_up", missing)
            return
        addresses = [a for kind in facts.kinds for a in self.facts.addresses if a.kind == kind]
        for address in addresses:
            yield self._of_address(method, address, overriding=False)
        if not addresses:
            yield WayNow(method, "", "not_possible", _NO_ADDRESS[facts.channel])

    def of_request(self, method: Method, address_id: str, note: str, *, overriding: bool) -> WayNow:
        facts = METHODS[method]
        if method not in self.policy.methods:
            return WayNow(method, address_id, "not_possible", "method_not_allowed")
        missing = self._not_set_up(facts)
        if missing:
            return WayNow(method, address_id, "not_set_up", missing)
        address = next((a for a in self.facts.addresses if a.id == address_id), None)
        if address is None:
            return WayNow(method, address_id, "not_possible", "address_not_found")
        if address.kind not in facts.kinds:
            return WayNow(method, address_id, "not_possible", "method_needs_other_address")
        way = self._of_address(method, address, overriding=overriding)
        # What a colleague has agreed to was said why.
        if way.state == "ready" and way.note_for and not way.approval and not says_enough(note):
            return replace(way, state="not_possible", why="address_note_required")
        return way

    def _of_address(self, method: Method, address: AddressFacts, *, overriding: bool) -> WayNow:
        reasons = note_for(address, self.policy, self.now, other_contact=self.other_contact)
        signals, approval = signals_of(method, address, self.known), self._approval(address)
        approval_id = approval.id if approval is not None else ""
        for why, not_before in self._in_the_way(method, address, signals, overriding=overriding):
            helps = why == "direction_conflict" and not self._of_address(method, address, overriding=True).why
            return WayNow(method, address.id, "not_possible", why, not_before, reasons, helps, signals, approval_id)
        return WayNow(method, address.id, "ready", note_for=reasons, signals=signals, approval=approval_id)

    def _approval(self, address: AddressFacts) -> StoredApproval | None:
        """None also where nobody has to agree."""
        if not needs_approval(address, self.policy, is_new=is_new(address, self.now)):
            return None
        return approval_for(
            self.facts.approvals, address, self.now, technician_id=self.technician_id, ticket_id=self.ticket_id
        )

    def _not_set_up(self, facts: MethodFacts) -> str:
        if not facts.built:
            return "method_not_set_up"
        if facts.channel == "email":
            return "" if self.mail_ready else "no_mail_server"
        if not self.facts.our_number:
            return "no_number_of_ours"
        ready = self.call_ready if facts.channel == "phone" else self.texts_ready
        return "" if ready else "method_not_set_up"

    def _in_the_way(
        self, method: Method, address: AddressFacts, signals: Signals | None, *, overriding: bool
    ) -> Iterator[tuple[str, datetime | None]]:
        """The graver first: what a technician must know before what they can wait for."""
        facts, now = METHODS[method], self.now
        denied = self.facts.denied_at
        if denied is not None and now - denied < AFTER_DENIAL:
            yield "denied_lately", denied + AFTER_DENIAL
        if facts.interlocked and not overriding:
            contact, by = self.facts.contact, self.technician_id
            lock = interlock(
                self.facts.checks,
                now,
                contact_id=contact.id if contact is not None else "",
                technician_id=by,
                ticket_id=self.ticket_id,
            )
            if lock.conflict:
                yield "direction_conflict", lock.not_before
        if not self._enough(facts, address):
            yield "assurance_too_low", None
        if self.action is Action.HIGH and signals is not None and signals.sim == "swapped":
            # Refused also where weak methods are only written down: this number may be somebody else's by now (SEC-42).
            yield "sim_swapped", None
        # STOP is about texts; whoever was blocked is not called either.
        if address.suppressed == "blocked" or (address.suppressed and facts.channel == "sms"):
            yield address.suppressed, None
        wrong = lock_of(self.facts.tries, method, now)
        if wrong is not None:
            yield wrong.why, wrong.not_before
        full = next_send(address.sends, self.facts.tenant.settings.limits, now, "resend")
        if full is not None:
            yield ("prefix_paused" if full.limit == "prefix_paused" else "too_many_sends"), full.at
        # Last: nobody is asked to agree to what would not go out anyway.
        if needs_approval(address, self.policy, is_new=is_new(address, now)):
            approval = self._approval(address)
            if approval is None:
                yield "approval_required", None
            elif not isinstance(approval.state, Granted):
                yield "approval_waiting", None

    def _enough(self, facts: MethodFacts, address: AddressFacts) -> bool:
        """Only for risky work, and only where the policy says that it is refused rather than written down. A weak
        method may be one of two, but not at an address that was changed lately (SEC-13)."""
        if self.action is not Action.HIGH or self.policy.high_is == "report_only":
            return True
        typed = self.policy.spoken_number and facts.way == "link" and facts.assurance is Assurance.TAP
        assurance = Assurance.CODE if typed else facts.assurance
        if self.action in self.policy.good_for(assurance):
            return True
        return self.policy.high_by_two and not is_new(address, self.now)
