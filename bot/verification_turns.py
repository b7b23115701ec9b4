"""Turns about verifications of end users: the facts of one contact, a draft, and whatever the caller does with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, TypeVar

from bot.drafts import Draft
from bot.inbound import LATE_DENY, LateDenial
from bot.turns import Turns, expect
from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.messages import Inbound
from dialogs.turns import Decision, Facts, Taken, Turn, VerificationAsk, VerificationFacts

R = TypeVar("R")


def policy_and_locale(facts: VerificationFacts) -> tuple[uv.Policy, str]:
    """By which policy the contact is verified, and in which language they are told; both the tenant's for one gone."""
    contact = facts.contact
    return (
        facts.tenant.settings.policy_of(contact.client_id if contact is not None else ""),
        contact.locale if contact is not None else "",
    )


class VerificationTurns(Turns):
    """Makes them; the part of the engine that knows of end users who are verified."""

    async def of_verification(self, ask: VerificationAsk, decide: Callable[[VerificationFacts, Draft], R]) -> R | None:
        """One turn about a verification of an end user: `decide` looks at the facts and does what it wants with the
        draft. None when it has happened before, or there is no such tenant."""
        now = self._clock.now()

        def with_draft(facts: Facts) -> Decision[R]:
            facts = expect(facts, VerificationFacts)
            draft = Draft(facts.tenant, now, self._random, self._wording)
            return draft.decision(decide(facts, draft))

        result = await self._store.take(Turn(ask, with_draft, now))
        return result.reply if isinstance(result, Taken) else None

    async def on_verification(
        self, ask: VerificationAsk, event: uv.Event, *, quiet: bool = False, answered: bool = False
    ) -> uv.State | None:
        """Something happens to one verification that nobody can refuse: a timer rings, a provider tells. `answered`:
        the user is told elsewhere. The state it is in then; None when there is no such one or it has happened before.
        """

        def decide(facts: VerificationFacts, draft: Draft) -> uv.State | None:
            if facts.verification is None:
                return None
            policy, locale = policy_and_locale(facts)
            thread: Literal["own"] | None = None if answered else "own"
            return draft.step_verification(facts.verification, event, policy, locale, quiet=quiet, thread=thread).state

        return await self.of_verification(ask, decide)

    async def on_approval(self, ask: VerificationAsk, event: ap.Event) -> None:
        """Something happens to an approval that nobody can refuse: its timer rings."""

        def decide(facts: VerificationFacts, draft: Draft) -> None:
            if facts.approval is not None:
                draft.step_approval(facts.approval, event, our_number=facts.our_number, quiet=True)

        await self.of_verification(ask, decide)

    async def _deny_late(self, asked: LateDenial, inbound: Inbound) -> bool:
        """Raise the alarm about whoever was verified as one of these contacts lately; whether anybody was. Before the
        text itself is taken: if we fall over in between, it comes again, and the alarm does not."""
        denied = False
        for contact_id in asked.contact_ids:
            ask = VerificationAsk(asked.tenant_id, contact_id)
            found = await self.of_verification(ask, lambda facts, draft: _verified_lately(facts, draft.now))
            if found:
                once = f"late_deny:{inbound.provider_id}:{found}"
                about = VerificationAsk(asked.tenant_id, verification_id=found, once=once)
                await self.on_verification(about, uv.Disowned("text"), answered=True)
                denied = True
        return denied


def _verified_lately(facts: VerificationFacts, now: datetime) -> str:
    """The id of the newest verification with a right answer that a `#deny` may still be about, empty for none."""
    right = (t for t in facts.tries if t.outcome == "right" and now - t.at < LATE_DENY)
    return next((t.verification_id for t in right), "")
