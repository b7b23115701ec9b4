"""Writes a decision to the dicts. Everything that can be refused is looked at before anything is touched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from dialogs.approvals import Live
from dialogs.turns import (
    Alert,
    Announcement,
    AuditEvent,
    CheckAsk,
    Decision,
    Facts,
    InboundAsk,
    InboundFacts,
    OutboxItem,
    SaveApproval,
    SaveCheck,
    SaveDesk,
    SaveVerification,
    StoredApproval,
    StoredCheck,
    StoredDesk,
    StoredVerification,
    Suppression,
    Turn,
    VerificationAsk,
)
from dialogs.user_verify import Verified
from storage.codec import outline, summary
from storage.digests import once_key, once_only, prefix_of, replay_key
from storage.memory.rows import Kept, Queued, Rows, Sent
from storage.outbox_rules import carries_code


class Conflict(Exception):
    """A version has moved or a live check stands in the way: the turn is decided anew."""


class Refused(Exception):
    """The decision breaks a rule of the tables, such as an id used twice; nothing was written."""


def check(rows: Rows, tenant_id: str, decision: Decision[Any]) -> None:
    """Raises Conflict or Refused."""
    if decision.tenant_id not in ("", tenant_id):
        raise Refused("a decision for another tenant than its facts are of")
    _check_versions(rows, tenant_id, decision)
    _check_live(rows, tenant_id, decision.checks)
    _check_verifications(rows, tenant_id, decision.verifications)
    _check_approvals(rows, tenant_id, decision.approvals)
    check_events(rows, tenant_id, decision.audit, decision.alerts)
    _fresh("outbox", tenant_id, [i.id for i in decision.outbox], rows.outbox)
    _fresh("try", tenant_id, [t.id for t in decision.tries], rows.tries)
    _fresh("announced call", tenant_id, [a.call.id for a in decision.announcements if not a.ends], rows.announced)


def check_events(rows: Rows, tenant_id: str, audit: Sequence[AuditEvent], alerts: Sequence[Alert]) -> None:
    _fresh("audit", tenant_id, [e.id for e in audit], rows.audit)
    _fresh("alert", tenant_id, [a.id for a in alerts], rows.alerts)


def apply(rows: Rows, turn: Turn[Any], decision: Decision[Any], facts: Facts) -> None:
    """Nothing in here fails once `check` has passed."""
    tenant_id, now = facts.tenant.id, turn.now
    for save in decision.checks:
        _save_check(rows, tenant_id, save)
        rows.changed[tenant_id, save.id] = now
    for verification in decision.verifications:
        _save_verification(rows, tenant_id, verification)
    for approval in decision.approvals:
        _save_approval(rows, tenant_id, approval)
    if decision.desk is not None:
        _save_desk(rows, tenant_id, decision.desk)
    _mark_taken(rows, turn, decision, facts)
    for item in decision.outbox:
        _add_outbox(rows, tenant_id, item, now)
    for timer in decision.timers:
        rows.timers[tenant_id, timer.check_id, timer.name] = timer.at
    over = {save.id for save in decision.checks if not summary(save.state).is_live}
    over |= {save.id for save in decision.verifications if not outline(save.state).is_live}
    over |= {save.id for save in decision.approvals if not isinstance(save.state, Live)}
    _end_what_is_over(rows, tenant_id, over, now)
    for tried in decision.tries:
        rows.tries[tenant_id, tried.id] = tried
    for key, v in rows.verifications.items():
        if key[0] == tenant_id and v.contact_id in decision.end_shields and isinstance(v.state, Verified):
            rows.ended_shields.add(key)
    for key, sent in rows.sends.items():
        if key[0] == tenant_id and sent.check_id in decision.give_back:
            rows.sends[key] = replace(sent, given_back=True)
    apply_events(rows, tenant_id, decision.audit, decision.alerts, decision.suppressions)
    for announcement in decision.announcements:
        _announce(rows, tenant_id, announcement, now)


def apply_events(
    rows: Rows,
    tenant_id: str,
    audit: Iterable[AuditEvent],
    alerts: Iterable[Alert],
    suppressions: Iterable[Suppression],
) -> None:
    """What turns and settlements have in common."""
    for event in audit:
        rows.audit[tenant_id, event.id] = event
    for alert in alerts:
        rows.alerts[tenant_id, alert.id] = alert
    for s in suppressions:
        if s.on:
            rows.suppressions.setdefault((tenant_id, s.their_address, s.our_address), s.by)
            continue
        for key in [k for k in rows.suppressions if k[:2] == (tenant_id, s.their_address)]:
            if not s.our_address or key[2] in ("", s.our_address):
                del rows.suppressions[key]


def _check_versions(rows: Rows, tenant_id: str, decision: Decision[Any]) -> None:
    for save in decision.checks:
        stored = rows.checks.get((tenant_id, save.id))
        if (stored.version if stored else 0) != save.version:
            raise Conflict(f"check {save.id} is not at version {save.version}")
    desk = decision.desk
    if desk is None:
        return
    kept = rows.desks.get((tenant_id, desk.conversation_id))
    if (kept.version if kept else 0) != desk.version:
        raise Conflict(f"conversation {desk.conversation_id} is not at version {desk.version}")
    talk = rows.talks.get((tenant_id, desk.channel, desk.their_address, desk.our_address))
    if desk.version == 0 and talk is not None:
        raise Conflict(f"conversation {desk.conversation_id}: these two addresses have one already")


def _check_live(rows: Rows, tenant_id: str, saves: Sequence[SaveCheck]) -> None:
    """One live check per sender and per contact."""
    saved = {save.id for save in saves}
    live: list[StoredCheck | SaveCheck] = [
        c for (t, i), c in rows.checks.items() if t == tenant_id and i not in saved and summary(c.state).is_live
    ]
    live += [save for save in saves if summary(save.state).is_live]
    senders = [(c.channel, c.their_address) for c in live]
    contacts = [c.contact_id for c in live if c.contact_id]
    if len(set(senders)) < len(senders) or len(set(contacts)) < len(contacts):
        raise Conflict("another live check of the same person")


def _check_verifications(rows: Rows, tenant_id: str, saves: Sequence[SaveVerification]) -> None:
    """Their versions, and one live one per contact."""
    for save in saves:
        stored = rows.verifications.get((tenant_id, save.id))
        if (stored.version if stored else 0) != save.version:
            raise Conflict(f"verification {save.id} is not at version {save.version}")
    saved = {save.id for save in saves}
    live = [
        v.contact_id
        for (t, i), v in rows.verifications.items()
        if t == tenant_id and i not in saved and outline(v.state).is_live
    ]
    live += [save.contact_id for save in saves if outline(save.state).is_live]
    if len(set(live)) < len(live):
        raise Conflict("another live verification of the same person")


def _check_approvals(rows: Rows, tenant_id: str, saves: Sequence[SaveApproval]) -> None:
    for save in saves:
        stored = rows.approvals.get((tenant_id, save.id))
        if (stored.version if stored else 0) != save.version:
            raise Conflict(f"approval {save.id} is not at version {save.version}")


def _fresh(what: str, tenant_id: str, ids: list[str], taken: dict[tuple[str, str], Any]) -> None:
    if len(set(ids)) < len(ids) or any((tenant_id, i) in taken for i in ids):
        raise Refused(f"an id of {what} is used twice")


def _save_check(rows: Rows, tenant_id: str, save: SaveCheck) -> None:
    before = rows.checks.get((tenant_id, save.id))
    stored = StoredCheck(
        save.id,
        save.version + 1,
        save.state,
        save.channel,
        save.our_address,
        save.their_address,
        save.conversation_id,
        save.contact_id,
        save.created_at,
    )
    if before is not None:
        # Where a check runs is settled when it starts, as in the tables.
        stored = replace(before, version=stored.version, state=stored.state, contact_id=stored.contact_id)
    rows.checks[tenant_id, save.id] = stored


def _save_verification(rows: Rows, tenant_id: str, save: SaveVerification) -> None:
    key = (tenant_id, save.id)
    before = rows.verifications.get(key)
    if before is not None:
        # Whom it went to is settled when it starts, as in the tables.
        rows.verifications[key] = replace(before, version=save.version + 1, state=save.state)
        return
    where = (save.contact_id, save.our_address, save.their_address, save.created_at)
    rows.verifications[key] = StoredVerification(save.id, 1, save.state, *where)
    if save.link_digest:
        rows.links[save.link_digest] = key


def _save_approval(rows: Rows, tenant_id: str, save: SaveApproval) -> None:
    rows.approvals[tenant_id, save.id] = StoredApproval(
        save.id, save.version + 1, save.state, save.contact_id, save.their_address, save.created_at
    )


def _save_desk(rows: Rows, tenant_id: str, save: SaveDesk) -> None:
    rows.desks[tenant_id, save.conversation_id] = StoredDesk(save.conversation_id, save.version + 1, save.desk)
    if save.version == 0:
        rows.talks[tenant_id, save.channel, save.their_address, save.our_address] = save.conversation_id


def _mark_taken(rows: Rows, turn: Turn[Any], decision: Decision[Any], facts: Facts) -> None:
    tenant_id = facts.tenant.id
    match turn.ask:
        case InboundAsk(inbound=said):
            assert isinstance(facts, InboundFacts)
            desk = decision.desk or facts.desk
            contact_id = facts.contacts[0].id if len(facts.contacts) == 1 else ""
            kept = Kept(said.text, desk.conversation_id if desk else "", contact_id, turn.now)
            rows.inbound[tenant_id, once_key(said)] = kept
            replay = replay_key(said)
            if replay is not None:
                rows.replays.add((tenant_id, replay))
        case CheckAsk() | VerificationAsk() as ask:
            if ask.timer:
                about = ask.check_id if isinstance(ask, CheckAsk) else ask.about
                rows.timers.pop((tenant_id, about, ask.timer), None)
            if ask.once:
                rows.once.add((tenant_id, once_only(ask.once)))
        case _:
            pass


def _add_outbox(rows: Rows, tenant_id: str, item: OutboxItem, now: datetime) -> None:
    rows.outbox[tenant_id, item.id] = Queued(tenant_id, item, item.due_at)
    if item.challenge:
        to = item.payload["to"]
        sent = Sent(item.check_id, to, prefix_of(to), item.technician_id, item.segments, now)
        rows.sends[tenant_id, item.id] = sent


def _end_what_is_over(rows: Rows, tenant_id: str, over: Collection[str], now: datetime) -> None:
    """What has ended rings no more, and no code of it leaves any more (SEC-17)."""
    if not over:
        return
    for ring in [r for r in rows.timers if r[0] == tenant_id and r[1] in over]:
        del rows.timers[ring]
    for key, row in rows.outbox.items():
        if key[0] == tenant_id and row.item.check_id in over and _is_idle(row, now) and carries_code(row.item.template):
            wiped = replace(row.item, payload={})
            rows.outbox[key] = replace(row, item=wiped, status="dropped", done_at=now)


def _is_idle(row: Queued, now: datetime) -> bool:
    """Still to be carried out, and nobody is doing it right now."""
    return row.done_at is None and (row.lease_until is None or row.lease_until <= now)


def _announce(rows: Rows, tenant_id: str, announcement: Announcement, now: datetime) -> None:
    call = announcement.call
    if not announcement.ends:
        rows.announced[tenant_id, call.id] = call
        return
    for key, other in rows.announced.items():
        same = other.contact_id == call.contact_id and call.technician_id in ("", other.technician_id)
        if key[0] == tenant_id and same and other.expires_at > now:
            rows.ended_calls.add(key)
