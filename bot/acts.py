"""What technicians do to checks: read the ticket first, then one turn. Implements `web.ports.CheckActs`.

A ticket system may be slow or down, so it is read before the transaction and its facts go into the event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.engine import Choose, Engine, Refusal
from dialogs.limits import PREFIX_PAUSED, NotBefore, next_send
from dialogs.ports import Clock, Contended, Randomness
from dialogs.tech_verify import (
    CheckRejected,
    ClaimMade,
    ClaimReleased,
    ClaimTakenOver,
    Direction,
    Event,
    Known,
    Later,
    NewTicket,
    NoteApproved,
    ResendAsked,
    Technician,
    Ticket,
    TicketChoice,
    TicketLinked,
    VerballyConfirmed,
)
from dialogs.turns import AnnouncedCall, CheckAsk, CheckFacts
from psa.base import Psa, PsaError, TicketMissing
from storage.announced import get_announced, waiting_check
from storage.database import Database
from web.ports import Acted, Acting


@dataclass(frozen=True, slots=True)
class Chosen:
    """A ticket choice that has been looked up: what goes into the event, and whose client it is."""

    ticket: TicketChoice
    client_id: str = ""
    refused: str = ""


class Acts:
    """Acts on technician verifications and announced calls."""

    def __init__(
        self, engine: Engine, psa: Callable[[str], Psa], database: Database, clock: Clock, random: Randomness
    ) -> None:
        self._engine = engine
        self._psa = psa
        self._database = database
        self._clock = clock
        self._random = random

    async def claim(self, who: Acting, check_id: str, *, direction: str, ticket: str, contact_id: str = "") -> Acted:
        chosen = await self._look_up(who.tenant_id, ticket)
        if chosen.refused:
            return Acted(check_id, chosen.refused)
        technician, way = _technician(who), Direction(direction)

        def choose(facts: CheckFacts) -> Event | Refusal:
            contact = facts.picked if facts.picked is not None else facts.contact
            if contact_id and facts.picked is None:
                return Refusal("contact_not_found")
            if chosen.client_id and contact is not None and chosen.client_id != contact.client_id:
                return Refusal("ticket_of_other_client")
            picked = Known(contact.id, contact.name) if contact_id and contact is not None else None
            return ClaimMade(technician, way, chosen.ticket, picked)

        ask = CheckAsk(who.tenant_id, check_id, pick=contact_id)
        return await self._act(who, ask, choose, public={"direction": way.value})

    async def release(self, who: Acting, check_id: str) -> Acted:
        return await self._simply(who, check_id, ClaimReleased(_technician(who)))

    async def take_over(self, who: Acting, check_id: str) -> Acted:
        return await self._simply(who, check_id, ClaimTakenOver(_technician(who)))

    async def verbal(self, who: Acting, check_id: str, *, note: str) -> Acted:
        return await self._simply(who, check_id, VerballyConfirmed(_technician(who), note))

    async def reject(self, who: Acting, check_id: str, *, reason: str) -> Acted:
        return await self._simply(who, check_id, CheckRejected(_technician(who), reason))

    async def approve_note(self, who: Acting, check_id: str) -> Acted:
        return await self._simply(who, check_id, NoteApproved(_technician(who)))

    async def link_ticket(self, who: Acting, check_id: str, *, ticket: str) -> Acted:
        chosen = await self._look_up(who.tenant_id, ticket)
        if chosen.refused:
            return Acted(check_id, chosen.refused)
        linked = chosen.ticket
        if isinstance(linked, Later):
            return Acted(check_id, "ticket_not_found")

        def choose(facts: CheckFacts) -> Event | Refusal:
            if chosen.client_id and facts.contact is not None and chosen.client_id != facts.contact.client_id:
                return Refusal("ticket_of_other_client")
            return TicketLinked(_technician(who), linked)

        return await self._act(who, CheckAsk(who.tenant_id, check_id), choose)

    async def resend(self, who: Acting, check_id: str) -> Acted:
        """The same code once more, where the limits allow; else when they will."""
        later: list[datetime] = []

        def choose(facts: CheckFacts) -> Event | Refusal:
            if facts.suppressed:
                return Refusal(facts.suppressed)
            bound = next_send(facts.sends, facts.tenant.settings.limits, self._clock.now(), "resend")
            if bound is not None:
                later[:] = [bound.at]
                return Refusal(_word(bound))
            return ResendAsked(_technician(who))

        ask = CheckAsk(who.tenant_id, check_id, technician_id=who.technician_id, with_limits=True)
        acted = await self._act(who, ask, choose)
        return Acted(check_id, acted.refused, later[0] if acted.refused in _BY_LIMIT else None)

    async def code_shown(self, who: Acting, check_id: str) -> None:
        await self._engine.note_code_shown(who.tenant_id, check_id, who.technician_id)

    async def announce(self, who: Acting, *, contact_id: str, direction: str, ticket: str, notify: bool) -> Acted:
        if direction == Direction.USER_CALLED_US:
            return Acted("", "user_called_us")
        chosen = await self._look_up(who.tenant_id, ticket)
        if chosen.refused:
            return Acted("", chosen.refused)
        now = self._clock.now()
        linked = chosen.ticket
        call = AnnouncedCall(
            id=self._random.new_id(now),
            contact_id=contact_id,
            technician_id=who.technician_id,
            technician_name=who.first_name,
            direction=Direction(direction).value,
            ticket="ticket" if isinstance(linked, Ticket) else "new" if isinstance(linked, NewTicket) else "later",
            ticket_id=linked.id if isinstance(linked, Ticket) else "",
            ticket_number=linked.number if isinstance(linked, Ticket) else "",
            expires_at=now,
        )
        refused = await self._engine.announce(who.tenant_id, call, notify=notify, ticket_client=chosen.client_id)
        if isinstance(refused, NotBefore):
            return Acted("", _word(refused), refused.at)
        if not refused:
            await self._claim_waiting(who, contact_id, direction, ticket)
        return Acted("" if refused else call.id, refused)

    async def _claim_waiting(self, who: Acting, contact_id: str, direction: str, ticket: str) -> None:
        """The person has asked already and waits: saying "I'm calling them" now is the claim. If somebody else is
        faster, their claim stands and the announcement is good for the next time."""
        waiting = await self._waiting(who.tenant_id, contact_id)
        if waiting:
            await self.claim(who, waiting, direction=direction, ticket=ticket)

    async def _waiting(self, tenant_id: str, contact_id: str) -> str:
        """The contact's check that nobody has claimed yet, empty for none."""
        return await self._database.read(tenant_id, lambda c: waiting_check(c, tenant_id, contact_id))

    async def withdraw(self, who: Acting, announced_id: str) -> Acted:
        found = await self._database.read(who.tenant_id, lambda c: get_announced(c, who.tenant_id, announced_id))
        if found is None:
            return Acted(announced_id, "not_found")
        refused = await self._engine.withdraw(
            who.tenant_id, found.contact_id, announced_id, by=who.technician_id, supervisor=who.supervisor
        )
        return Acted(announced_id, refused)

    async def _simply(self, who: Acting, check_id: str, event: Event) -> Acted:
        return await self._act(who, CheckAsk(who.tenant_id, check_id), lambda facts: event)

    async def _act(
        self, who: Acting, ask: CheckAsk, choose: Choose, public: dict[str, str | int] | None = None
    ) -> Acted:
        try:
            refused = await self._engine.act(ask, choose, by=who.technician_id, public=public)
        except Contended:
            refused = "contended"
        return Acted(ask.check_id, refused)

    async def _look_up(self, tenant_id: str, ticket: str) -> Chosen:
        """`new` and `later` stand for themselves; an id must be an open ticket of this tenant."""
        if ticket == "new":
            return Chosen(NewTicket())
        if ticket in {"", "later"}:
            return Chosen(Later())
        try:
            found = await self._psa(tenant_id).get_ticket(ticket)
        except TicketMissing:
            return Chosen(Later(), refused="ticket_not_found")
        except PsaError:
            return Chosen(Later(), refused="ticket_system_down")
        if not found.is_open:
            return Chosen(Later(), refused="ticket_closed")
        return Chosen(Ticket(found.id, found.number), client_id=found.client_id)


def _word(bound: NotBefore) -> str:
    """What a technician is told of a text that may not go out yet, as a machine word."""
    return PREFIX_PAUSED if bound.limit == PREFIX_PAUSED else "too_many_sends"


#: What `_word` may say.
_BY_LIMIT = frozenset({"too_many_sends", PREFIX_PAUSED})


def _technician(who: Acting) -> Technician:
    return Technician(who.technician_id, who.first_name)
