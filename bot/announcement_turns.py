"""Turns about announced calls: a technician says whom they will call, and takes it back."""

from __future__ import annotations

from dataclasses import replace

from bot.draft_subjects import Thread
from bot.drafts import Draft
from bot.turns import Turns, expect
from dialogs.effects import TellUser
from dialogs.limits import NotBefore, next_send
from dialogs.turns import AnnounceAsk, AnnouncedCall, AnnounceFacts, Decision, Facts, Taken, Turn


class AnnouncementTurns(Turns):
    """Makes them; the part of the engine that knows of announced calls."""

    async def announce(
        self, tenant_id: str, call: AnnouncedCall, *, notify: bool, ticket_client: str
    ) -> str | NotBefore:
        """Record an announced call; it takes the place of an earlier one by the same technician to the same contact.
        `ticket_client`: its ticket's client, empty without one. Returns the refusal, or when the text may go out."""
        now = self._clock.now()

        def decide(facts: Facts) -> Decision[str | NotBefore]:
            facts = expect(facts, AnnounceFacts)
            draft = Draft(facts.tenant, now, self._random, self._wording)
            if facts.contact is None:
                return draft.decision("contact_not_found")
            if ticket_client and ticket_client != facts.contact.client_id:
                return draft.decision("ticket_of_other_client")
            if call.ticket == "later" and facts.tenant.settings.rules.ticket_at_claim == "required":
                return draft.decision("ticket_required")
            refused = "" if not notify else "no_mobile" if not facts.mobile else facts.suppressed
            if refused:
                return draft.decision(refused)
            # Nobody asked for this text, so it counts like a code that a technician sends again (SEC-39).
            bound = next_send(facts.sends, facts.tenant.settings.limits, now, "announce") if notify else None
            if bound is not None:
                draft.tell_of_pause(facts.mobile, facts.sends)
                return draft.decision(bound)
            lasting = replace(call, expires_at=now + facts.tenant.settings.announced_call_lasts)
            draft.announce(lasting, ends=True)
            draft.announce(lasting)
            draft.audit(
                "call.announced",
                contact_id=call.contact_id,
                technician_id=call.technician_id,
                ticket_id=call.ticket_id,
                public={"direction": call.direction, "ticket": call.ticket, "notified": int(notify), "call": call.id},
            )
            if notify:
                about = "phrase.new_ticket" if call.ticket == "new" else "phrase.no_ticket"
                thread = Thread("", "sms", facts.our_address, facts.mobile, facts.contact.locale)
                told = TellUser(
                    "call.announced",
                    {"tech": call.technician_name, "about": call.ticket_number or about},
                    drop_at=lasting.expires_at,
                    challenge=True,
                )
                draft.tell(told, thread, contact_id=call.contact_id, technician_id=call.technician_id)
            return draft.decision("")

        ask = AnnounceAsk(tenant_id, call.contact_id, technician_id=call.technician_id, with_limits=notify)
        result = await self._store.take(Turn(ask, decide, now))
        return result.reply if isinstance(result, Taken) else "contact_not_found"

    async def withdraw(self, tenant_id: str, contact_id: str, announced_id: str, *, by: str, supervisor: bool) -> str:
        """Take an announced call back. Returns the refusal, empty when it is over now."""
        now = self._clock.now()

        def decide(facts: Facts) -> Decision[str]:
            facts = expect(facts, AnnounceFacts)
            draft = Draft(facts.tenant, now, self._random, self._wording)
            call = next((a for a in facts.announced if a.id == announced_id), None)
            if call is None:
                return draft.decision("already_ended")
            if call.technician_id != by and not supervisor:
                return draft.decision("not_yours")
            draft.announce(call, ends=True)
            draft.audit("call.withdrawn", contact_id=contact_id, technician_id=by, public={"call": announced_id})
            return draft.decision("")

        result = await self._store.take(Turn(AnnounceAsk(tenant_id, contact_id, announced_id), decide, now))
        return result.reply if isinstance(result, Taken) else "already_ended"
