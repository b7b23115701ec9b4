"""All that a batch writes, table by table, and whose rows they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from dialogs.approvals import Live
from dialogs.turns import (
    Alert,
    AuditEvent,
    CheckAsk,
    Decision,
    Facts,
    InboundAsk,
    InboundFacts,
    SaveApproval,
    SaveVerification,
    Suppression,
    Turn,
    VerificationAsk,
)
from storage.audit_lines import audit_line
from storage.codec import outline, summary
from storage.digests import once_only
from storage.postgres import approval_sql, verification_sql
from storage.postgres import write_sql as sql
from storage.postgres.parts import Part, together, values
from storage.times import micros
from storage.turn_keys import TurnKeys
from storage.turn_rows import (
    Row,
    alert_row,
    announced_row,
    approval_row,
    challenge_row,
    check_row,
    desk_row,
    inbound_row,
    link_row,
    outbox_row,
    same_tenant,
    try_row,
    verification_row,
)

#: A row for a part, and the mark that shows that it could be written, empty where nobody else may want to.
Entry: TypeAlias = tuple[Part, Row, str]


def entries_of(turn: Turn[Any], decision: Decision[Any], facts: Facts, keys: TurnKeys) -> list[Entry]:
    """What one turn writes. Raises ValueError for a decision that is not about its tenant.

    Within a turn, what ends goes before what begins: an opt-out or announcement that is ended is an older one.
    """
    same_tenant(decision, facts.tenant)
    return [*_taken(turn, decision, facts, keys), *_decided(turn, decision, keys)]


def events_of(
    audit: Sequence[AuditEvent],
    alerts: Sequence[Alert],
    suppressions: Sequence[Suppression],
    keys: TurnKeys,
    now: datetime,
) -> Iterator[Entry]:
    """What turns and settlements have in common."""
    tenant_id = keys.tenant.tenant_id
    for event in audit:
        yield sql.INSERT_AUDIT, audit_line(tenant_id, event, keys.of(event.contact_id)), ""
    for alert in alerts:
        yield sql.INSERT_ALERT, alert_row(alert, keys), ""
    for s in suppressions:
        if s.on:
            yield sql.SUPPRESS, (tenant_id, s.their_address, s.our_address, s.by, micros(now)), ""
        else:
            yield sql.UNSUPPRESS, (tenant_id, s.their_address, s.our_address), ""


def contacts_named(decision: Decision[Any], facts: Facts) -> set[str]:
    """Contacts under whose keys the decision's rows are sealed."""
    about = {check.contact_id for check in decision.checks}
    about.update(verification.contact_id for verification in decision.verifications)
    about.update(approval.contact_id for approval in decision.approvals)
    about.update(event.contact_id for event in decision.audit)
    about.update(alert.contact_id for alert in decision.alerts)
    about.update(item.contact_id for item in decision.outbox)
    if isinstance(facts, InboundFacts) and len(facts.contacts) == 1:
        about.add(facts.contacts[0].id)
    return about


@dataclass(slots=True)
class Sheet:
    """Rows by part, and the marks that are wanted of it. `owners`: which piece of work wants which mark."""

    rows: defaultdict[Part, list[Row]] = field(default_factory=lambda: defaultdict(list))
    wanted: defaultdict[Part, list[str]] = field(default_factory=lambda: defaultdict(list))
    owners: dict[str, int] = field(default_factory=dict)

    def add(self, owner: int, entries: Sequence[Entry]) -> bool:
        """False, and nothing is added, when somebody else on this sheet wants the same."""
        marks = [mark for _, _, mark in entries if mark]
        if len(set(marks)) < len(marks) or not self.owners.keys().isdisjoint(marks):
            return False
        self.owners.update(dict.fromkeys(marks, owner))
        for part, row, mark in entries:
            self.rows[part].append(row)
            if mark:
                self.wanted[part].append(mark)
        return True

    async def write(self, connection: Any) -> set[int]:
        """Write everything, unless somebody has lost: then who has, and the transaction is to be undone."""
        # A timer set twice in one statement would be an error; the last one counts.
        timers = {row[:3]: row for row in self.rows.pop(sql.SET_TIMER, ())}
        if timers:
            self.rows[sql.SET_TIMER] = list(timers.values())
        for stage in (sql.BEFORE, sql.NEW, sql.AFTER):
            parts = tuple(part for part in stage if part in self.rows)
            if parts:
                found = await connection.fetchrow(together(parts), *values(self.rows, parts))
                claiming = [part for part in parts if part.claims]
                if any(len(won or ()) < len(self.wanted[part]) for part, won in zip(claiming, found, strict=False)):
                    won = {mark for marks in found for mark in marks or ()}
                    return {self.owners[mark] for part in claiming for mark in self.wanted[part] if mark not in won}
        return set()


def _taken(turn: Turn[Any], decision: Decision[Any], facts: Facts, keys: TurnKeys) -> Iterator[Entry]:
    """The record that makes a repeat a duplicate."""
    tenant_id, now = keys.tenant.tenant_id, micros(turn.now)
    match turn.ask:
        case InboundAsk(inbound=said):
            assert isinstance(facts, InboundFacts)
            row = inbound_row(said, decision, facts, keys, now)
            yield sql.INSERT_INBOUND, row, f"inbound {tenant_id}{row[1]}"
        case CheckAsk(timer=timer, once=once) | VerificationAsk(timer=timer, once=once) as ask:
            check_id = ask.check_id if isinstance(ask, CheckAsk) else ask.about
            if timer:
                yield sql.END_TIMER, (tenant_id, check_id, timer), f"timer {tenant_id}{check_id}{timer}"
            if once:
                key = once_only(once)
                yield sql.INSERT_ONCE, (tenant_id, key, now), f"once {tenant_id}{key.hex()}"


def _decided(turn: Turn[Any], decision: Decision[Any], keys: TurnKeys) -> Iterator[Entry]:
    tenant_id, now = keys.tenant.tenant_id, micros(turn.now)
    for check in decision.checks:
        part = sql.UPDATE_CHECK if check.version else sql.INSERT_CHECK
        yield part, check_row(check, keys, now), f"check {tenant_id}{check.id}"
        if summary(check.state).is_live:
            if keys.wrapped.get(check.contact_id):
                yield sql.HOLD_CONTACT, (tenant_id, check.contact_id, check.id), f"contact {tenant_id}{check.id}"
        else:
            yield sql.END_TIMERS, (tenant_id, check.id), ""
            yield sql.DROP_CODES, (tenant_id, check.id, now), ""
    for verification in decision.verifications:
        yield from _verification(verification, keys, now)
    for approval in decision.approvals:
        yield from _approval(approval, keys, now)
    if decision.desk is not None:
        part = sql.UPDATE_DESK if decision.desk.version else sql.INSERT_DESK
        yield part, desk_row(decision.desk, keys, now), f"desk {tenant_id}{decision.desk.conversation_id}"
    for item in decision.outbox:
        yield sql.INSERT_OUTBOX, outbox_row(item, keys, now), ""
        if item.challenge:
            yield sql.INSERT_CHALLENGE, challenge_row(item, tenant_id, now), ""
    for timer in decision.timers:
        yield sql.SET_TIMER, (tenant_id, timer.check_id, timer.name, micros(timer.at)), ""
    for check_id in decision.give_back:
        yield sql.GIVE_BACK, (tenant_id, check_id, now), ""
    yield from events_of(decision.audit, decision.alerts, decision.suppressions, keys, turn.now)
    for announcement in decision.announcements:
        call = announcement.call
        if announcement.ends:
            yield sql.END_ANNOUNCED, (tenant_id, call.contact_id, call.technician_id, now), ""
        else:
            yield sql.INSERT_ANNOUNCED, announced_row(call, tenant_id, now), ""
    for tried in decision.tries:
        yield verification_sql.INSERT_TRY, try_row(tried, tenant_id), ""
    for contact_id in decision.end_shields:
        yield verification_sql.END_SHIELDS, (tenant_id, contact_id, now), ""


def _approval(save: SaveApproval, keys: TurnKeys, now: int) -> Iterator[Entry]:
    tenant_id = keys.tenant.tenant_id
    part = approval_sql.UPDATE_APPROVAL if save.version else approval_sql.INSERT_APPROVAL
    yield part, approval_row(save, keys, now), f"approval {tenant_id}{save.id}"
    if not isinstance(save.state, Live):
        yield sql.END_TIMERS, (tenant_id, save.id), ""
    elif keys.wrapped.get(save.contact_id):
        yield sql.HOLD_CONTACT, (tenant_id, save.contact_id, save.id), f"contact {tenant_id}{save.id}"


def _verification(save: SaveVerification, keys: TurnKeys, now: int) -> Iterator[Entry]:
    tenant_id = keys.tenant.tenant_id
    part = verification_sql.UPDATE_VERIFICATION if save.version else verification_sql.INSERT_VERIFICATION
    yield part, verification_row(save, keys, now), f"verification {tenant_id}{save.id}"
    if save.link_digest and not save.version:
        yield verification_sql.INSERT_LINK, link_row(save, tenant_id), ""
    known = outline(save.state)
    if known.is_live and known.address_id and not save.version:
        held = (tenant_id, known.address_id, save.their_address, save.id)
        yield verification_sql.HOLD_ADDRESS, held, f"address {tenant_id}{save.id}"
    if not known.is_live:
        yield sql.END_TIMERS, (tenant_id, save.id), ""
        yield sql.DROP_CODES, (tenant_id, save.id, now), ""
    elif keys.wrapped.get(save.contact_id):
        yield sql.HOLD_CONTACT, (tenant_id, save.contact_id, save.id), f"contact {tenant_id}{save.id}"
