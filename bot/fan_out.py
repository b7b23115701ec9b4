"""One alert becomes what goes to each one who is told: texts, mails, and posts to Teams. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.drafts import Draft
from bot.duty import Audience, Colleagues, Event, Told
from dialogs.approvals import Waiting
from dialogs.tech_verify import Open
from dialogs.turns import OutboxItem, StoredApproval, StoredCheck


def fan_out(draft: Draft, check: StoredCheck | None, item: OutboxItem, audience: Audience) -> None:
    """Add it to the turn. An alert that nobody has claimed goes to nobody any more once somebody has, or it is over.
    `check`: None for an alarm about anything else."""
    if item.payload.get("event") == "alarm":
        _post(draft, item, audience, None)
        return
    if check is None or not isinstance(check.state, Open):
        return
    _send(draft, item, audience, check.state.challenge.expires_at)
    draft.audit("tv.duty_alerted", check_id=item.check_id, public=_counts(audience))
    if audience.off_duty and audience.people:
        draft.alert_of("nobody_on_duty", check)
        draft.audit("alert.nobody_on_duty", check_id=check.id, contact_id=check.contact_id, channel=check.channel)
    elif audience.off_duty:
        draft.alert_of("nobody_to_tell", check)
        draft.audit("alert.nobody_to_tell", check_id=check.id, contact_id=check.contact_id, channel=check.channel)


def event_of(item: OutboxItem) -> Event:
    """What an alert tells of."""
    match item.payload.get("event"):
        case "alarm":
            return "alarm"
        case "approval":
            return Colleagues(item.payload["but"], item.payload.get("only") == "supervisors")
        case _:
            return "unclaimed"


def tell_colleagues(draft: Draft, approval: StoredApproval | None, item: OutboxItem, audience: Audience) -> None:
    """The same for a request to a second person, unless somebody has decided, or it is too late to."""
    state = approval.state if approval is not None else None
    if approval is None or not isinstance(state, Waiting) or draft.now >= state.until:
        return
    if not item.payload["from"]:
        # No number of ours to text from.
        audience = replace(audience, people=tuple(replace(told, mobile="") for told in audience.people))
    _send(draft, item, audience, state.until)
    draft.audit("approval.colleagues_told", check_id=approval.id, public=_counts(audience))


def _send(draft: Draft, item: OutboxItem, audience: Audience, until: datetime) -> None:
    for told in audience.people:
        if told.mobile:
            draft.enqueue(_text(draft, item, told, until))
        if told.email:
            draft.enqueue(_mail(draft, item, told, until))
    _post(draft, item, audience, until)


def _counts(audience: Audience) -> dict[str, str | int]:
    return {
        "technicians": len(audience.people),
        "texts": sum(bool(told.mobile) for told in audience.people),
        "mails": sum(bool(told.email) for told in audience.people),
        "posts": len(audience.connections),
        "off_duty": int(audience.off_duty and bool(audience.people)),
    }


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
