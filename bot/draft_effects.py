"""What the effects of a dialog become within a turn: outbox items, timers, alerts, and what ends with them.

Pure but for the ids that are minted; nothing here reads or sends.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

from bot.draft_subjects import Subject, Thread
from bot.end_user_mail import beside_words
from bot.gathering import Gathered
from dialogs.effects import (
    AlertTechnicians,
    AlertTenant,
    Code,
    CreateTicket,
    Effect,
    EndAnnouncement,
    EndShields,
    GiveBackChallenge,
    NoteTicket,
    PlaceCall,
    SayOnCall,
    TellUser,
    Value,
    WakeAt,
)
from dialogs.turns import (
    Alert,
    AnnouncedCall,
    Announcement,
    OutboxItem,
    OutboxKind,
    Timer,
)

#: What a call goes by in the outbox, where texts have the name of their template.
CALL = "euv.send_call"


class DraftEffects(Gathered):
    """Gathers what the effects of one turn become."""

    def _carry(self, effect: Effect, thread: Thread, about: Subject, by: str) -> None:
        match effect:
            case TellUser():
                self._tell(effect, thread, check_id=about.id, contact_id=about.contact_id, technician_id=by)
            case GiveBackChallenge():
                self._give_back.append(about.id)
            case WakeAt():
                self._timers.append(Timer(self.tenant.id, about.id, effect.timer, effect.at))
            case AlertTenant():
                self.raise_alert(effect, about)
            case AlertTechnicians():
                self._alert_technicians(effect, about)
            case CreateTicket():
                self._create_ticket(effect, about)
            case NoteTicket():
                self._note_ticket(effect, about)
            case PlaceCall():
                self._place_call(effect, thread, about, by)
            case SayOnCall():
                self._say_on_call(effect, thread, about)
            case EndShields():
                self.end_shields(about.contact_id)
            case EndAnnouncement():
                self._end_announcement(about)
            case _:
                assert_never(effect)

    # --- to the end user --------------------------------------------------------------------------------------------

    def _tell(self, effect: TellUser, thread: Thread, *, check_id: str, contact_id: str, technician_id: str) -> None:
        id, by_mail = self.new_id(), thread.channel == "email"
        if by_mail:
            payload, segments = self._mail(effect, thread), 0
        else:
            body, segments = self._wording.text(self.tenant, effect.template, effect.values, thread.locale)
            payload = {"to": thread.their_address, "from": thread.our_address, "body": body}
        self._outbox.append(
            OutboxItem(
                id=id,
                kind="mail" if by_mail else "text",
                # Mails have no order to keep, so none waits for another one.
                lane="mail:" + id if by_mail else f"{thread.channel}:{thread.conversation_id or thread.their_address}",
                payload=payload,
                due_at=self.now,
                drop_at=effect.drop_at,
                check_id=check_id,
                conversation_id=thread.conversation_id,
                contact_id=contact_id,
                technician_id=technician_id,
                template=effect.template,
                challenge=effect.challenge,
                after_stop=effect.after_stop,
                segments=segments,
            )
        )

    def _mail(self, effect: TellUser, thread: Thread) -> dict[str, str]:
        """The words as they are now, the tenant's own with them: a retry sends the same mail."""
        subject, body = (
            self._wording.text(self.tenant, f"{effect.template}.{part}", effect.values, thread.locale)[0]
            for part in ("subject", "body")
        )
        beside = beside_words(self.tenant.settings, effect.values, thread.locale)
        return {"to": thread.their_address, "subject": subject, "body": body, **beside}

    def _place_call(self, effect: PlaceCall, thread: Thread, about: Subject, by: str) -> None:
        payload = {"to": thread.their_address, "from": thread.our_address, "verification_id": about.id}
        self._on_phone("call", payload, effect.drop_at, about, CALL, by=by, challenge=True)

    def _say_on_call(self, effect: SayOnCall, thread: Thread, about: Subject) -> None:
        values = {name: spoken(value) for name, value in effect.values.items()}
        body, _ = self._wording.text(self.tenant, effect.template, values, thread.locale)
        payload = {"call_id": effect.call_id, "from": thread.our_address, "body": body, "then": effect.then}
        self._on_phone("call_say", payload, effect.drop_at, about, effect.template)

    def _on_phone(
        self,
        kind: OutboxKind,
        payload: Mapping[str, str],
        drop_at: datetime | None,
        about: Subject,
        template: str,
        *,
        by: str = "",
        challenge: bool = False,
    ) -> None:
        """One lane for each call: nobody is spoken to before the phone rings."""
        self._outbox.append(
            OutboxItem(
                id=self.new_id(),
                kind=kind,
                lane="phone:" + about.id,
                payload=payload,
                due_at=self.now,
                drop_at=drop_at,
                check_id=about.id,
                contact_id=about.contact_id,
                technician_id=by,
                template=template,
                challenge=challenge,
            )
        )

    # --- to technicians ---------------------------------------------------------------------------------------------

    def raise_alert(self, effect: AlertTenant, about: Subject) -> None:
        """In the console until somebody has seen it, and in Teams where a connection wants that."""
        text = self._wording.alert(self.tenant, effect.kind, effect.values)
        self._alerts.append(Alert(self.new_id(), effect.kind, self.now, about.check_id, about.contact_id, text))
        self.audit("alert." + effect.kind, check_id=about.id, contact_id=about.contact_id, channel=about.channel)
        post = self._wording.post(self.tenant, "alert." + effect.kind, effect.values, about.page)
        payload = {"to": "", "from": "", "body": text, "event": "alarm", "post": post}
        self._enqueue_for(about, "alert_text", "alarm:" + about.id, payload, template="alert." + effect.kind)

    def _alert_technicians(self, effect: AlertTechnicians, about: Subject) -> None:
        """One item that the dispatcher turns into what goes to each person on duty at that moment, by their own ways,
        and to each Teams connection that wants it."""
        link, name = self._wording.link(about.page), effect.template.removeprefix("tech.")
        values = {**effect.values, "link": link}
        body, segments = self._wording.text(self.tenant, effect.template, values, "")
        payload = {
            "to": "",
            "from": about.our_address,
            "body": body,
            "subject": self._wording.note(self.tenant, f"mail.{name}.subject", effect.values),
            "mail": self._wording.note(self.tenant, f"mail.{name}.body", values),
            "post": self._wording.post(self.tenant, f"post.{name}", effect.values, about.page),
        }
        if effect.but:
            payload |= {"event": name, "but": effect.but, "only": "supervisors" if effect.supervisors_only else ""}
        self._enqueue_for(
            about,
            "alert_text",
            "duty:" + about.id,
            payload,
            template=effect.template,
            segments=segments,
            drop_at=effect.until,
        )

    # --- to the ticket system ---------------------------------------------------------------------------------------

    def _create_ticket(self, effect: CreateTicket, about: Subject) -> None:
        title, body = self._wording.ticket(self.tenant, effect.template, effect.values)
        payload = {"contact_id": effect.contact_id or about.contact_id, "title": title, "body": body}
        self._enqueue_for(
            about,
            "ticket.create",
            about.psa_lane,
            payload,
            template=effect.template,
            technician_id=effect.technician_id,
        )

    def _note_ticket(self, effect: NoteTicket, about: Subject) -> None:
        body = self._wording.note(self.tenant, effect.template, effect.values)
        payload = {"ticket_id": effect.ticket_id, "body": body}
        self._enqueue_for(about, "ticket.note", about.psa_lane, payload, template=effect.template)

    def _enqueue_for(
        self,
        about: Subject,
        kind: OutboxKind,
        lane: str,
        payload: Mapping[str, str],
        *,
        template: str,
        segments: int = 0,
        technician_id: str = "",
        drop_at: datetime | None = None,
    ) -> None:
        self._outbox.append(
            OutboxItem(
                id=self.new_id(),
                kind=kind,
                lane=lane,
                payload=payload,
                due_at=self.now,
                drop_at=drop_at,
                check_id=about.id,
                conversation_id=about.conversation_id,
                contact_id=about.contact_id,
                technician_id=technician_id,
                template=template,
                segments=segments,
            )
        )

    # --- what ends --------------------------------------------------------------------------------------------------

    def _end_announcement(self, about: Subject) -> None:
        """Every live announcement of this contact ends with the check: the call it announced has taken place."""
        if about.contact_id:
            call = AnnouncedCall(
                id="",
                contact_id=about.contact_id,
                technician_id="",
                technician_name="",
                direction="",
                ticket="later",
                ticket_id="",
                ticket_number="",
                expires_at=self.now,
            )
            self._announcements.append(Announcement(call, ends=True))


def spoken(value: Value) -> Value:
    """A code as it is read out: digit by digit, with a pause after each."""
    return ", ".join(value.digits) if isinstance(value, Code) else value
