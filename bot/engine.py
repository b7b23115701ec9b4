"""The engine: the one place where an edge's message, a dialog's decision and the store's transaction meet.

A turn is `store.take(Turn(ask, decide))`: the store loads the facts the ask names, `decide` is pure, and everything it
decided is committed at once. Only after the commit does anything leave the house.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import structlog

from bot.announcement_turns import AnnouncementTurns
from bot.drafts import Draft
from bot.duty import Audience, Colleagues
from bot.fan_out import event_of, fan_out, tell_colleagues
from bot.inbound import LateDenial, LimitsNeeded, Reading, put_aside
from bot.strangers import Strangers
from bot.turns import expect
from bot.verification_turns import VerificationTurns
from bot.wording import Wording
from dialogs import user_verify as uv
from dialogs.approvals import DEADLINE as APPROVAL_DEADLINE
from dialogs.approvals import DeadlinePassed as ApprovalDeadlinePassed
from dialogs.grammar import Command
from dialogs.messages import DeliveryReport, Inbound, Receipt
from dialogs.ports import Clock, Randomness, TurnStore
from dialogs.tech_verify import DEADLINE, DeadlinePassed, Event, NobodyClaimedYet
from dialogs.turns import (
    CheckAsk,
    CheckFacts,
    Decision,
    Duplicate,
    Facts,
    InboundAsk,
    InboundFacts,
    OutboxItem,
    Taken,
    Timer,
    Turn,
    TurnResult,
    Unroutable,
    VerificationAsk,
)
from storage.shared import Limits, LocalLimits

log = structlog.get_logger("engine")

R = TypeVar("R")
#: How the names of timers begin that belong to verifications of end users.
OF_VERIFICATIONS = "euv_"
#: What an act on a check decides: an event for the machine, or a machine word that refuses it.
Choose = Callable[[CheckFacts], "Event | Refusal"]


class Refusal(str):
    """A machine word of `web.ports.REFUSALS`: the act was refused before it reached the dialog."""


class Engine(VerificationTurns, AnnouncementTurns):
    """Makes turns. Shared by every channel, the pages, the timers and the dispatcher."""

    def __init__(
        self, store: TurnStore, clock: Clock, random: Randomness, wording: Wording, limits: Limits | None = None
    ) -> None:
        """`limits`: what replicas count together in memory; without them this process counts for itself."""
        super().__init__(store, clock, random, wording)
        #: The tenant's own command words by number of ours, as last seen; only a hint which facts to ask for.
        self._words: dict[str, Mapping[str, Command]] = {}
        kept = limits or LocalLimits()
        self._strangers = Strangers(kept)
        self._refused = Strangers(kept, "refused")

    async def receive(self, inbound: Inbound) -> Receipt:
        """One authentic text. Returns after the commit; what it causes leaves afterwards."""
        with_limits, denied_late = self._may_be_verify(inbound), None
        while True:
            try:
                result = await self._take_inbound(inbound, with_limits=with_limits, denied_late=denied_late)
                break
            except LimitsNeeded:
                with_limits = True
            except LateDenial as asked:
                denied_late = await self._deny_late(asked, inbound)
        match result:
            case Taken(receipt):
                return receipt
            case Duplicate():
                return Receipt("duplicate")
            case Unroutable():
                return Receipt("unroutable")

    async def _take_inbound(
        self, inbound: Inbound, *, with_limits: bool, denied_late: bool | None
    ) -> TurnResult[Receipt]:
        now = self._clock.now()
        answered: list[tuple[Strangers, str]] = []
        bounded = {"desk.unknown": self._strangers, "desk.too_many": self._refused}

        def decide(facts: Facts) -> Decision[Receipt]:
            facts = expect(facts, InboundFacts)
            self._words[inbound.our_address] = facts.tenant.settings.words
            draft = Draft(facts.tenant, now, self._random, self._wording)
            try:
                full = {template for template, bound in bounded.items() if not bound.may_answer(facts.tenant.id, now)}
                reading = Reading(facts, inbound, draft, self._random, with_limits, full, denied_late)
                decision = reading.decide()
                sent = [item.template for item in decision.outbox]
                answered[:] = [(bounded[template], facts.tenant.id) for template in sent if template in bounded]
                return decision
            except (LimitsNeeded, LateDenial):
                raise
            except Exception as error:
                # An error of ours, and the step is pure: the provider's retries would meet it again, and then the
                # text would be lost. It is kept and handed to a person instead (REL-15).
                log.error("inbound_put_aside", error=type(error).__name__)
                spare = Draft(facts.tenant, now, self._random, self._wording)
                return put_aside(facts, inbound, spare, type(error).__name__)

        result = await self._store.take(Turn(InboundAsk(inbound, with_limits), decide, now))
        for bound, tenant_id in answered:
            bound.answered(tenant_id, now)
        return result

    def _may_be_verify(self, inbound: Inbound) -> bool:
        """Whether to have challenges counted. Long texts are no commands; words not seen yet may be."""
        words = self._words.get(inbound.our_address)
        if words is None or len(inbound.text) > 60:
            return words is None
        text = inbound.text.casefold()
        return "verify" in text or any(own in text and what == "verify" for own, what in words.items())

    async def act(
        self,
        ask: CheckAsk,
        choose: Choose,
        *,
        by: str = "",
        quiet: bool = False,
        public: dict[str, str | int] | None = None,
    ) -> str:
        """Something happens to one check: a technician acts, a timer rings, the PSA answers.

        `choose` looks at the facts and names the event. Returns the machine word of the refusal, empty when it
        happened (or had happened before).
        """
        now = self._clock.now()

        def decide(facts: Facts) -> Decision[str]:
            facts = expect(facts, CheckFacts)
            draft = Draft(facts.tenant, now, self._random, self._wording)
            if facts.check is None:
                return draft.decision("not_found")
            chosen = choose(facts)
            if isinstance(chosen, Refusal):
                draft.audit(
                    "tv.act_refused",
                    check_id=facts.check.id,
                    contact_id=facts.check.contact_id,
                    technician_id=by,
                    channel=facts.check.channel,
                    public={"refused": str(chosen), **(public or {})},
                )
                draft.tell_of_pause(facts.check.their_address, facts.sends)
                return draft.decision(str(chosen))
            locale = facts.contact.locale if facts.contact is not None else ""
            step = draft.step(facts.check, chosen, locale, by=by, quiet=quiet, public=public)
            return draft.decision(step.refused)

        match await self._store.take(Turn(ask, decide, now)):
            case Taken(refused):
                return refused
            case Duplicate():
                return ""
            case Unroutable():
                return "not_found"

    async def ring(self, timer: Timer) -> None:
        """A timer's time has come. The row goes away with the turn, so a crash in between rings again."""
        if timer.name.startswith(OF_VERIFICATIONS):
            about = VerificationAsk(timer.tenant_id, verification_id=timer.check_id, timer=timer.name)
            await self.on_verification(about, uv.DeadlinePassed(), quiet=True)
            return
        if timer.name == APPROVAL_DEADLINE:
            ask = VerificationAsk(timer.tenant_id, approval_id=timer.check_id, timer=timer.name)
            await self.on_approval(ask, ApprovalDeadlinePassed())
            return
        event: Event = DeadlinePassed() if timer.name == DEADLINE else NobodyClaimedYet()
        of_check = CheckAsk(timer.tenant_id, timer.check_id, timer=timer.name)
        await self.act(of_check, lambda facts: event, quiet=True)

    async def fan_out(self, tenant_id: str, item: OutboxItem, audience: Audience) -> None:
        """Turn one alert into what goes to each one who is told; once, however often it is tried."""
        if isinstance(event_of(item), Colleagues):
            asked = VerificationAsk(tenant_id, approval_id=item.check_id, once="fan_out:" + item.id)
            await self.of_verification(
                asked, lambda facts, draft: tell_colleagues(draft, facts.approval, item, audience)
            )
            return
        now = self._clock.now()

        def decide(facts: Facts) -> Decision[None]:
            facts = expect(facts, CheckFacts)
            draft = Draft(facts.tenant, now, self._random, self._wording)
            fan_out(draft, facts.check, item, audience)
            return draft.decision(None)

        await self._store.take(Turn(CheckAsk(tenant_id, item.check_id, once="fan_out:" + item.id), decide, now))

    async def put_out(self, tenant_id: str, make: Callable[[Draft], OutboxItem]) -> None:
        """Have one thing carried out that belongs to no check. Raises LookupError when there is no such tenant."""
        now = self._clock.now()
        # Named before the turn, which may be decided more than once.
        once = "put_out:" + self._random.new_id(now)

        def decide(facts: Facts) -> Decision[None]:
            draft = Draft(facts.tenant, now, self._random, self._wording)
            draft.enqueue(make(draft))
            return draft.decision(None)

        if isinstance(await self._store.take(Turn(CheckAsk(tenant_id, "", once=once), decide, now)), Unroutable):
            raise LookupError(tenant_id)

    async def note_code_shown(self, tenant_id: str, check_id: str, technician_id: str) -> None:
        """The claimer has been shown the code: one line in the log for each claimer, however often the page is read."""
        now = self._clock.now()

        def decide(facts: Facts) -> Decision[None]:
            draft = Draft(facts.tenant, now, self._random, self._wording)
            if isinstance(facts, CheckFacts) and facts.check is not None:
                draft.audit(
                    "tv.code_shown",
                    check_id=check_id,
                    contact_id=facts.check.contact_id,
                    technician_id=technician_id,
                    channel=facts.check.channel,
                )
            return draft.decision(None)

        once = f"code_shown:{check_id}:{technician_id}"
        await self._store.take(Turn(CheckAsk(tenant_id, check_id, once=once), decide, now))

    async def report_delivery(self, report: DeliveryReport) -> bool:
        """The provider's later word on a text of ours."""
        return await self._store.report_delivery(report, self._clock.now())
