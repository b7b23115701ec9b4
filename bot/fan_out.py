"""One alert becomes what goes to each one who is told: texts, mails, and posts to Teams. Pure."""

from __future__ import annotations

from datetime import datetime

from bot.drafts import Draft
from bot.duty import Audience, Told
from dialogs.tech_verify import Open
from dialogs.turns import OutboxItem, StoredCheck


def fan_out(draft: Draft, check: StoredCheck | None, item: OutboxItem, audience: Audience) -> None:
    """Add it to the turn. An alert that nobody has claimed goes to nobody any more once somebody has, or it is over.
    `check`: None for an alarm about anything else."""
    if item.payload.get("event") == "alarm":
        _post(draft, item, audience, None)
        return
    if check is None or not isinstance(check.state, Open):
        return
    until = check.state.challenge.expires_at
    for told in audience.people:
        if told.mobile:
            draft.enqueue(_text(draft, item, told, until))
        if told.email:
            draft.enqueue(_mail(draft, item, told, until))
    _post(draft, item, audience, until)
    draft.audit(
        "tv.duty_alerted",
        check_id=item.check_id,
        public={
            "technicians": len(audience.people),
            "texts": sum(bool(told.mobile) for told in audience.people),
            "mails": sum(bool(told.email) for told in audience.people),
            "posts": len(audience.connections),
            "off_duty": int(audience.off_duty and bool(audience.people)),
        },
    )
    if audience.off_duty and audience.people:
        draft.alert_of("nobody_on_duty", check)
        draft.audit("alert.nobody_on_duty", check_id=check.id, contact_id=check.contact_id, channel=check.channel)
    elif audience.off_duty:
        draft.alert_of("nobody_to_tell", check)
        draft.audit("alert.nobody_to_tell", check_id=check.id, contact_id=check.contact_id, channel=check.channel)


def _text(draft: Draft, item: OutboxItem, told: Told, until: datetime) -> OutboxItem:
    return OutboxItem(
        id=draft.new_id(),
        kind="text",
        lane="duty:" + told.mobile,
        payload={"to": told.mobile, "from": item.payload["from"], "body": item.payload["body"]},
        due_at=draft.now,
        drop_at=until,
        check_id=item.check_id,
        technician_id=told.technician_id,
        template=item.template,
        segments=item.segments,
    )


def _mail(draft: Draft, item: OutboxItem, told: Told, until: datetime) -> OutboxItem:
    id, body = draft.new_id(), item.payload["body"]
    return OutboxItem(
        id=id,
        kind="mail",
        # Mails have no order to keep, so none waits for another one.
        lane="mail:" + id,
        # An alert that the version before has put out has words for a text alone.
        payload={
            "to": told.email,
            "subject": item.payload.get("subject", body),
            "body": item.payload.get("mail", body),
        },
        due_at=draft.now,
        drop_at=until,
        check_id=item.check_id,
        technician_id=told.technician_id,
        template=item.template,
    )


def _post(draft: Draft, item: OutboxItem, audience: Audience, until: datetime | None) -> None:
    for connection_id in audience.connections:
        id = draft.new_id()
        draft.enqueue(
            OutboxItem(
                id=id,
                kind="teams_post",
                lane="teams:" + id,
                payload={"connection_id": connection_id, "body": item.payload.get("post", item.payload["body"])},
                due_at=draft.now,
                drop_at=until,
                check_id=item.check_id,
                template=item.template,
            )
        )
