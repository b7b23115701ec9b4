"""Routing one inbound text: opt-out words first, then `#` commands, then the open check, then the desk.

Pure: facts in, decision out. This is the page that says what happens to a text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from bot.digests import code_digest
from bot.draft_checks import is_live
from bot.draft_subjects import Thread
from bot.drafts import Draft
from dialogs import user_verify as uv
from dialogs.desk import Ask as DeskAsk
from dialogs.desk import Desk
from dialogs.effects import Code, TellUser
from dialogs.grammar import Confirm, Deny, Help, NearMiss, Plain, Said, Start, Stop, Verify, read
from dialogs.limits import next_send
from dialogs.machine import Step
from dialogs.messages import Inbound, Receipt
from dialogs.ports import Randomness
from dialogs.tech_verify import (
    Alarm,
    Announced,
    Asker,
    Claimed,
    Confirmed,
    ConfirmMisdirected,
    ConfirmReceived,
    DenyReceived,
    Direction,
    Known,
    Later,
    NearMissReceived,
    NewerRequested,
    NewTicket,
    OptedOut,
    Several,
    Technician,
    Ticket,
    VerifyRequested,
)
from dialogs.turns import (
    AnnouncedCall,
    Decision,
    InboundFacts,
    StoredCheck,
    StoredDesk,
    StoredVerification,
    Suppression,
)

#: A second `#confirm` right after the first is the same tap twice; the success text is its answer.
SAME_TAP = timedelta(seconds=60)
#: How long after a check its `#deny` is still about that check.
LATE_DENY = timedelta(hours=24)


class LimitsNeeded(Exception):
    """The text turned out to be `#verify`, and the facts were loaded without counts; ask again with them."""


@dataclass
class LateDenial(Exception):
    """The text turned out to be `#deny` with nothing open: perhaps these contacts were verified lately, and it was
    somebody else. Look, and ask again with what was found."""

    tenant_id: str
    contact_ids: tuple[str, ...]


@dataclass
class Reading:
    """One inbound text with everything around it; the methods below are the branches of the routing."""

    facts: InboundFacts
    inbound: Inbound
    draft: Draft
    random: Randomness
    with_limits: bool
    #: Answers that go out no more for now, whoever asks; by template.
    unanswered: Collection[str] = ()
    #: Whether a verification that is over was denied with this text; None while nobody has looked.
    denied_late: bool | None = None

    def __post_init__(self) -> None:
        facts, inbound = self.facts, self.inbound
        found = facts.desk
        self.desk = found if found is not None else StoredDesk(self.draft.new_id(), 0, Desk())
        only = facts.contacts[0] if len(facts.contacts) == 1 else None
        self.contact_id = only.id if only is not None else ""
        self.thread = Thread(
            self.desk.conversation_id,
            inbound.channel,
            facts.number.address,
            inbound.their_address,
            only.locale if only is not None else "",
        )
        sender = [c for c in facts.checks if c.their_address == inbound.their_address and c.channel == inbound.channel]
        self.live = [c for c in sender if is_live(c.state)]
        self.ended = [c for c in sender if not is_live(c.state)]
        self.said: Said = Plain()

    def decide(self) -> Decision[Receipt]:
        """Route it, save the conversation, and answer `taken`."""
        self.said = read(self.inbound.text, self.facts.tenant.settings.words, self.inbound.opt_out)
        if self.facts.suppressed == "blocked" and not isinstance(self.said, Stop):
            # A technician blocked them: nothing starts, nobody answers, and START does not lift it.
            self._note("desk.blocked")
        else:
            self._route()
        self.draft.keep_desk(self.desk, self.thread, self.contact_id)
        return self.draft.decision(Receipt("taken"))

    def _route(self) -> None:
        match self.said:
            case Stop(everywhere):
                return self._stop(everywhere)
            case Start():
                return self._start()
            case Help():
                return self._help()
            case _:
                pass
        if self.facts.suppressed:
            if isinstance(self.said, Deny):
                # Mails and calls reach them all the same; the alarm is raised without an answer (SEC-08).
                self._deny_verifications(answered=True)
            return self._note("desk.opted_out")
        if not self.facts.contacts:
            return self._stranger()
        match self.said:
            case Verify():
                self._verify()
            case Confirm():
                self._confirm(self.said)
            case Deny():
                self._deny()
            case NearMiss() | Plain():
                self._words()
            case _:
                assert_never(self.said)

    # --- opt-out words ----------------------------------------------------------------------------------------------

    def _stop(self, everywhere: bool) -> None:
        ours = "" if everywhere else self.facts.number.address
        for check in self.live:
            if everywhere or check.our_address == ours:
                self.draft.step(check, OptedOut(), self.thread.locale)
        for one, _ in self._asked_now():
            # Mails come from none of our numbers, and no STOP of a phone is about them.
            from_there = one.our_address and (everywhere or one.our_address == ours)
            if from_there and one.their_address == self.inbound.their_address:
                self._on_verification(one, uv.OptedOut())
        self.draft.suppress(Suppression(True, ours, self.inbound.their_address, "word"))
        self._note("desk.stopped")
        if self.facts.number.opt_out_by == "watchword" and not self.facts.suppressed:
            self._answer("stopped")

    def _start(self) -> None:
        self.draft.suppress(Suppression(False, self.facts.number.address, self.inbound.their_address, "word"))
        self._note("desk.started")
        if self.facts.number.opt_out_by == "watchword":
            self._answer("started")

    def _help(self) -> None:
        self._note("desk.help")
        if self.facts.number.opt_out_by == "watchword" and not self.facts.suppressed:
            self._answer("help")

    # --- commands ---------------------------------------------------------------------------------------------------

    def _stranger(self) -> None:
        """Not started, logged, a grey row, and at most one neutral answer a day."""
        self._note("desk.stranger")
        if "desk.unknown" not in self.unanswered and self.facts.tenant.settings.unknown_sender == "neutral":
            self._answer("stranger")

    def _verify(self) -> None:
        if not self.with_limits:
            raise LimitsNeeded
        settings = self.facts.tenant.settings
        bound = next_send(self.facts.sends, settings.limits, self.draft.now, "verify")
        if bound is not None:
            self._note("tv.refused_by_limit", limit=bound.limit)
            self.draft.tell_of_pause(self.inbound.their_address, self.facts.sends)
            if "desk.too_many" not in self.unanswered:
                self.desk = self.draft.answer(self.desk, "too_many", self.thread, self.contact_id, {"at": bound.at})
            return
        check_id = self.draft.new_id()
        # The checks of this contact from another phone give way too: one live check per contact (I12).
        older = [c for c in self.facts.checks if is_live(c.state)]
        for check in older:
            self.draft.step(check, NewerRequested(check_id), self.thread.locale)
        code = self._new_code(settings.code_length)
        event = VerifyRequested(
            asker=self._asker(),
            code=code,
            digest=code_digest(self.facts.tenant, check_id, code.digits),
            announced=self._announced(older),
            again=bool(older),
        )
        self.draft.start(check_id, event, self.thread, self.contact_id)
        self._warn_of_both()

    def _warn_of_both(self) -> None:
        """We are asking the same person for a code: whoever is on the phone with them may be after it (SEC-06)."""
        asked = [one for one, state in self._asked_now() if uv.METHODS[state.request.method].interlocked]
        if asked:
            self.draft.tell(TellUser("tv.also_verifying"), self.thread, contact_id=self.contact_id)
            self._note("tv.also_verifying", verification=asked[0].id)

    def _asked_now(self) -> list[tuple[StoredVerification, uv.Live]]:
        """Verifications of these contacts that can still be answered."""
        live = ((one, one.state) for one in self.facts.verifications)
        now = self.draft.now
        return [(one, s) for one, s in live if isinstance(s, uv.Live) and now < s.challenge.expires_at]

    def _on_verification(self, one: StoredVerification, event: uv.Event, *, answered: bool = False) -> Step[uv.State]:
        """What this text is to a verification of its sender. Answers go back to where the text came from, and none with
        `answered`."""
        contact = next((c for c in self.facts.contacts if c.id == one.contact_id), None)
        policy = self.facts.tenant.settings.policy_of(contact.client_id if contact is not None else "")
        thread = self.thread
        return self.draft.step_verification(one, event, policy, thread.locale, thread=None if answered else thread)

    def _new_code(self, length: int) -> Code:
        """One that is not the code of a live verification of the same person (SEC-07)."""
        codes = (state.challenge.code for _, state in self._asked_now())
        taken = {code.digits for code in codes if code is not None}
        code = self.random.code(length)
        while code.digits in taken:
            code = self.random.code(length)
        return code

    def _confirm(self, said: Confirm) -> None:
        here = [c for c in self.live if c.our_address == self.facts.number.address]
        if here:
            typed = code_digest(self.facts.tenant, here[0].id, said.digits) if said.digits else None
            step = self.draft.step(here[0], ConfirmReceived(typed), self.thread.locale)
            if isinstance(step.state, Alarm):
                # A caller who is none of ours may have been told the code that we sent them as well (SEC-06, SEC-15).
                for one, _ in self._asked_now():
                    self._on_verification(one, uv.Voided("alarm"), answered=True)
        elif self.live:
            elsewhere = self.live[0]
            self.draft.step(elsewhere, ConfirmMisdirected(elsewhere.our_address), self.thread.locale)
        elif self._just_confirmed():
            self._note("tv.confirmed_already")
        else:
            self._note("desk.nothing_open")
            self._answer("nothing_open")

    def _deny(self) -> None:
        """Denying grants nothing, so it counts from any of our numbers, and also a while after the check."""
        recent = [c for c in self.ended if self.draft.now - c.created_at < LATE_DENY]
        about = self.live[:1] or recent[:1]
        asked = self._deny_verifications(answered=bool(self.live))
        if asked and not self.live:
            return
        if about:
            step = self.draft.step(about[0], DenyReceived(), self.thread.locale)
            if step.effects:
                return
        if not about:
            self._note("desk.nothing_open")
        if self.denied_late:
            self.draft.tell(TellUser("euv.denied_thanks"), self.thread, contact_id=self.contact_id)
            return
        self._answer("nothing_open")

    def _deny_verifications(self, *, answered: bool) -> bool:
        """They were asked and it is not them: of those that can still be answered, else of the one that was verified
        lately. Whether any could still be answered."""
        asked = self._asked_now()
        for one, _ in asked:
            # Where both run at once nobody can tell which is meant, and denying gives nothing away.
            self._on_verification(one, uv.Disowned("text"), answered=answered)
        if not asked and not self.live and self.denied_late is None and self.facts.contacts:
            raise LateDenial(self.facts.tenant.id, tuple(c.id for c in self.facts.contacts))
        return bool(asked)

    def _words(self) -> None:
        if self.live:
            self.draft.step(self.live[0], NearMissReceived(), self.thread.locale)
        elif isinstance(self.said, NearMiss):
            self._note("desk.near_miss")
            self._answer("nothing_open")
        else:
            self._note("desk.plain")
            self._answer("plain")

    # --- pieces -----------------------------------------------------------------------------------------------------

    def _just_confirmed(self) -> bool:
        # Either way: of two texts that come together the earlier one may be worked through second.
        newest = self.ended[0].state if self.ended else None
        return isinstance(newest, Confirmed) and abs(self.draft.now - newest.at) < SAME_TAP

    def _asker(self) -> Asker:
        contacts = self.facts.contacts
        if len(contacts) == 1:
            return Known(contacts[0].id, contacts[0].name)
        return Several(tuple(c.id for c in contacts))

    def _announced(self, older: Sequence[StoredCheck]) -> Announced | None:
        """The one technician who said they are calling this person. Two of them would be a guess, so nobody."""
        calls = [a for a in self.facts.announced if a.expires_at > self.draft.now]
        if not calls or len({(a.technician_id, a.contact_id) for a in calls}) != 1:
            return None
        call = max(calls, key=lambda a: a.expires_at)
        contact = next((c for c in self.facts.contacts if c.id == call.contact_id), None)
        if contact is None:
            return None
        return Announced(
            contact=Known(contact.id, contact.name),
            technician=Technician(call.technician_id, call.technician_name),
            direction=Direction(call.direction),
            ticket=_made_already(call, older) or _ticket(call),
        )

    def _answer(self, ask: DeskAsk) -> None:
        self.desk = self.draft.answer(self.desk, ask, self.thread, self.contact_id)

    def _note(self, kind: str, **public: str) -> None:
        self.draft.audit(
            kind,
            contact_id=self.contact_id,
            conversation_id=self.desk.conversation_id,
            channel=self.inbound.channel,
            public={"said": type(self.said).__name__.lower(), **public},
            sealed={"from": self.inbound.their_address},
        )


def put_aside(facts: InboundFacts, inbound: Inbound, draft: Draft, error: str) -> Decision[Receipt]:
    """Keep a text that cannot be worked through, change no check, and tell a person, who calls the sender back."""
    found = facts.desk if facts.desk is not None else StoredDesk(draft.new_id(), 0, Desk())
    only = facts.contacts[0] if len(facts.contacts) == 1 else None
    contact_id = only.id if only is not None else ""
    thread = Thread(found.conversation_id, inbound.channel, facts.number.address, inbound.their_address, "")
    draft.audit(
        "desk.put_aside",
        contact_id=contact_id,
        conversation_id=found.conversation_id,
        channel=inbound.channel,
        public={"error": error},
        sealed={"from": inbound.their_address},
    )
    who = only.name if only is not None else "Somebody"
    draft.alert("put_aside", f"{who} sent a text that could not be read. Call them on a number on record.", contact_id)
    draft.keep_desk(found, thread, contact_id)
    return draft.decision(Receipt("taken"))


def _made_already(call: AnnouncedCall, older: Sequence[StoredCheck]) -> Ticket | None:
    """The call was announced with a new ticket, and the same technician has one for this caller: no second one."""
    claims = [check.state.claim for check in older if isinstance(check.state, Claimed)]
    for claim in claims:
        mine = claim.technician.id == call.technician_id
        if mine and call.ticket == "new" and isinstance(claim.ticket, Ticket):
            return claim.ticket
    return None


def _ticket(call: AnnouncedCall) -> Ticket | NewTicket | Later:
    if call.ticket == "ticket":
        return Ticket(call.ticket_id, call.ticket_number)
    return NewTicket() if call.ticket == "new" else Later()
