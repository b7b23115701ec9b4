"""Steps of end-user verifications in a turn: what becomes of them, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from bot.draft_effects import DraftEffects
from bot.draft_facts import request_of, ticket_id_of, told_by, tried
from bot.draft_subjects import Thread, of_verification
from bot.wording import Wording
from dialogs import user_verify as uv
from dialogs.effects import TellUser
from dialogs.machine import Step
from dialogs.ports import Randomness
from dialogs.turns import SaveVerification, StoredVerification, TenantFacts, Try


class DraftVerifications(DraftEffects):
    """Gathers steps of verifications, and what they were tried with."""

    def __init__(self, tenant: TenantFacts, now: datetime, random: Randomness, wording: Wording) -> None:
        super().__init__(tenant, now, random, wording)
        self._verifications: dict[str, SaveVerification] = {}
        self._tries: list[Try] = []

    def start_verification(
        self, new: StoredVerification, event: uv.Asked, policy: uv.Policy, locale: str, *, link_digest: str = ""
    ) -> Step[uv.State]:
        """Ask an end user, from nothing: `new` is blank and has the id that the digest is keyed to."""
        request = event.request
        written = {"to": new.their_address, "note": request.note}
        public: dict[str, str | int] = {"action": request.action.value, "address": request.destination.address_id}
        if request.lifted_by:
            public["lifted_by"] = request.lifted_by
        if request.signals is not None:
            public |= {"line": request.signals.line, "sim": request.signals.sim or "not_asked"}
        if request.override is not None:
            written["override"] = request.override.reason
            public["alone"] = int(request.override.alone)
        sealed = {name: words for name, words in written.items() if words}
        step = self.step_verification(
            new, event, policy, locale, by=request.technician.id, public=public, sealed=sealed, link_digest=link_digest
        )
        if request.override is not None and not step.refused:
            self.audit(
                "euv.override",
                check_id=new.id,
                contact_id=new.contact_id,
                technician_id=request.technician.id,
                ticket_id=ticket_id_of(request),
                channel=uv.METHODS[request.method].channel,
                public={"alone": int(request.override.alone)},
                sealed={"reason": request.override.reason},
            )
        return step

    def step_verification(
        self,
        one: StoredVerification,
        event: uv.Event,
        policy: uv.Policy,
        locale: str,
        *,
        by: str = "",
        public: Mapping[str, str | int] | None = None,
        sealed: Mapping[str, str] | None = None,
        quiet: bool = False,
        link_digest: str = "",
        thread: Thread | Literal["own"] | None = "own",
    ) -> Step[uv.State]:
        """Step one verification of an end user and gather what follows, as `step` does for a check. `policy`: of the
        contact's client. `thread`: where the user is answered, for what they did elsewhere than they were asked; None:
        they are answered already."""
        step = uv.machine.step(one.state, event, uv.Env(self.now, policy))
        changed = step.state != one.state
        if changed:
            self._verifications[one.id] = SaveVerification(
                id=one.id,
                version=one.version,
                state=step.state,
                contact_id=one.contact_id,
                our_address=one.our_address,
                their_address=one.their_address,
                created_at=one.created_at,
                link_digest=link_digest,
            )
            self._tries += tried(one, event, step.state, self.new_id, self.now)
        request = request_of(step.state)
        channel = uv.METHODS[request.method].channel if request is not None else ""
        if changed or step.effects or step.refused or not quiet:
            facts: dict[str, str | int] = {
                "before": uv.WORDS[type(one.state)],
                "after": uv.WORDS[type(step.state)],
                **(told_by(step.state) if changed else {}),
                **(public or {}),
            }
            if step.refused:
                facts["refused"] = step.refused
            self.audit(
                "euv." + uv.machine.transition(one.state, event),
                check_id=one.id,
                contact_id=one.contact_id,
                technician_id=by,
                ticket_id=ticket_id_of(request),
                channel=channel,
                public=facts,
                sealed=sealed,
            )
        own = Thread("", channel, one.our_address, one.their_address, locale)
        about = of_verification(one, channel)
        for effect in step.effects:
            if thread is not None or not isinstance(effect, TellUser):
                self._carry(effect, thread if isinstance(thread, Thread) else own, about, by)
        return step
