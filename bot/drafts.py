"""Putting a decision together: what the steps of dialogs have become, and what belongs to none of them.

One draft is one turn. It is pure but for the ids it mints; nothing here reads or sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from bot.draft_approvals import DraftApprovals
from bot.draft_checks import DraftChecks
from bot.draft_subjects import Thread
from bot.draft_verifications import DraftVerifications
from bot.wording import Wording
from dialogs import user_verify as uv
from dialogs.desk import Ask as DeskAsk
from dialogs.desk import answer
from dialogs.effects import TellUser, Value
from dialogs.limits import PREFIX_PAUSED, SendCounts, prefix_pause
from dialogs.ports import Randomness
from dialogs.turns import (
    Alert,
    AnnouncedCall,
    Announcement,
    Decision,
    SaveDesk,
    StoredCheck,
    StoredDesk,
    Suppression,
    TenantFacts,
    Try,
)
from storage.phones import numbers_like

R = TypeVar("R")


class Draft(DraftChecks, DraftVerifications, DraftApprovals):
    """One turn in the making."""

    def __init__(self, tenant: TenantFacts, now: datetime, random: Randomness, wording: Wording) -> None:
        super().__init__(tenant, now, random, wording)
        self._desk: SaveDesk | None = None
        self._suppressions: list[Suppression] = []

    def decision(self, reply: R) -> Decision[R]:
        """Everything gathered so far, as values."""
        return Decision(
            reply=reply,
            tenant_id=self.tenant.id,
            checks=tuple(self._checks.values()),
            desk=self._desk,
            audit=tuple(self._audit),
            outbox=tuple(self._outbox),
            timers=tuple(self._timers),
            alerts=tuple(self._alerts),
            give_back=tuple(self._give_back),
            suppressions=tuple(self._suppressions),
            announcements=tuple(self._announcements),
            verifications=tuple(self._verifications.values()),
            tries=tuple(self._tries),
            end_shields=tuple(self._end_shields),
            approvals=tuple(self._approvals.values()),
        )

    def answer(
        self, desk: StoredDesk, ask: DeskAsk, thread: Thread, contact_id: str, values: Mapping[str, Value] | None = None
    ) -> StoredDesk:
        """The desk's standing answer, and the desk as it is afterwards."""
        after, effects = answer(desk.desk, ask, self.now, values)
        for effect in effects:
            if isinstance(effect, TellUser):
                self._tell(effect, thread, check_id="", contact_id=contact_id, technician_id="")
        return StoredDesk(desk.conversation_id, desk.version, after)

    # --- single writes ----------------------------------------------------------------------------------------------

    def keep_desk(self, desk: StoredDesk, thread: Thread, contact_id: str) -> None:
        """Save the conversation. Done on every inbound text: its version is what serialises one sender's turns."""
        self._desk = SaveDesk(
            conversation_id=desk.conversation_id,
            version=desk.version,
            desk=desk.desk,
            channel=thread.channel,
            our_address=thread.our_address,
            their_address=thread.their_address,
            contact_id=contact_id,
        )

    def reset_tries(self, contact_id: str, method: uv.Method, technician_id: str) -> None:
        """Wrong answers by this method count no longer against it."""
        self._tries.append(Try(self.new_id(), "", contact_id, method, technician_id, self.now, "reset"))

    def suppress(self, suppression: Suppression) -> None:
        self._suppressions.append(suppression)

    def announce(self, call: AnnouncedCall, *, ends: bool = False) -> None:
        self._announcements.append(Announcement(call, ends))

    def tell(self, effect: TellUser, thread: Thread, *, contact_id: str, technician_id: str = "") -> None:
        """A text that belongs to no check."""
        self._tell(effect, thread, check_id="", contact_id=contact_id, technician_id=technician_id)

    def alert(self, kind: str, text: str, contact_id: str) -> None:
        """An alert that belongs to no check."""
        self._alerts.append(Alert(self.new_id(), kind, self.now, "", contact_id, text))

    def alert_of(self, kind: str, check: StoredCheck) -> None:
        """An alert about a check that its dialog did not ask for; it always says the same."""
        text = self._wording.alert(self.tenant, kind, {})
        self._alerts.append(Alert(self.new_id(), kind, self.now, check.id, check.contact_id, text))

    def tell_of_pause(self, destination: str, sends: SendCounts) -> None:
        """Texts were refused. If that is because hardly anybody answers at numbers like this one, the console is told,
        once for each pause: the alert has the id of the last code before it (SEC-39)."""
        day = sends.prefix_day
        pause = prefix_pause(day, self.tenant.settings.limits, self.now)
        if pause is None or day.told:
            return
        numbers = numbers_like(destination)
        values: dict[str, Value] = {"numbers": numbers, "sent": day.sent, "answered": day.answered, "at": pause.at}
        text = self._wording.alert(self.tenant, PREFIX_PAUSED, values)
        self._alerts.append(Alert(day.last_id, PREFIX_PAUSED, self.now, "", "", text))
        public: dict[str, str | int] = {"sent": day.sent, "answered": day.answered}
        self.audit("alert.prefix_paused", public=public, sealed={"numbers": numbers})
