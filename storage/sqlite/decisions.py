"""Writes a decision, all of it in the transaction its facts were read in."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
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
    SaveApproval,
    SaveCheck,
    SaveDesk,
    SaveVerification,
    Suppression,
    Turn,
    VerificationAsk,
)
from storage.audit_lines import audit_line
from storage.codec import outline, summary
from storage.digests import once_only
from storage.sqlite import approval_sql, read_sql, verification_sql
from storage.sqlite import write_sql as sql
from storage.times import micros
from storage.turn_keys import TurnKeys
from storage.turn_rows import (
    alert_row,
    announced_row,
    approval_row,
    challenge_row,
    check_row,
    desk_row,
    ended_first,
    inbound_row,
    link_row,
    outbox_row,
    same_tenant,
    try_row,
    verification_ended_first,
    verification_row,
)


class Conflict(Exception):
    """A version has moved or a live check stands in the way: the turn is decided anew."""


class DecisionWriter:
    """Writes with the writer's cursor. Its version checks come first, so that a lost race has written nothing."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self._run = cursor.execute
        self._seq = 0

    def begin(self) -> None:
        """At the start of every transaction: where the log stands."""
        self._seq = self._run(read_sql.LAST_SEQ).fetchone()[0]

    def write(self, turn: Turn[Any], decision: Decision[Any], facts: Facts, keys: TurnKeys) -> None:
        """Raises Conflict, or sqlite3's error when the decision breaks a rule of the tables."""
        now = micros(turn.now)
        tenant_id = keys.tenant.tenant_id
        same_tenant(decision, facts.tenant)
        for check in sorted(decision.checks, key=ended_first):
            self._save_check(check, keys, now)
        for verification in sorted(decision.verifications, key=verification_ended_first):
            self._save_verification(verification, keys, now)
        for approval in decision.approvals:
            self._save_approval(approval, keys, now)
        if decision.desk is not None:
            self._save_desk(decision.desk, keys, now)
        self._mark_taken(turn, decision, facts, keys, now)
        for item in decision.outbox:
            self._run(sql.INSERT_OUTBOX, outbox_row(item, keys, now))
            if item.challenge:
                self._run(sql.INSERT_CHALLENGE, challenge_row(item, tenant_id, now))
        for timer in decision.timers:
            self._run(sql.SET_TIMER, (tenant_id, timer.check_id, timer.name, micros(timer.at)))
        over = [save.id for save in decision.checks if not summary(save.state).is_live]
        over += [save.id for save in decision.verifications if not outline(save.state).is_live]
        over += [save.id for save in decision.approvals if not isinstance(save.state, Live)]
        self._end_what_is_over(over, tenant_id, now)
        for check_id in decision.give_back:
            self._run(sql.GIVE_BACK, (now, tenant_id, check_id))
        self.events(decision.audit, decision.alerts, decision.suppressions, keys, turn.now)
        for announcement in decision.announcements:
            self._announce(announcement, tenant_id, now)
        for tried in decision.tries:
            self._run(verification_sql.INSERT_TRY, try_row(tried, tenant_id))
        for contact_id in decision.end_shields:
            self._run(verification_sql.END_SHIELDS, (now, now, now, tenant_id, contact_id))

    def events(
        self,
        audit: Sequence[AuditEvent],
        alerts: Sequence[Alert],
        suppressions: Sequence[Suppression],
        keys: TurnKeys,
        now: datetime,
    ) -> None:
        """What turns and settlements have in common."""
        tenant_id = keys.tenant.tenant_id
        for event in audit:
            self._seq += 1
            line = audit_line(tenant_id, event, keys.of(event.contact_id))
            self._run(sql.INSERT_AUDIT, (line[0], line[1], self._seq, *line[2:]))
        for alert in alerts:
            self._run(sql.INSERT_ALERT, alert_row(alert, keys))
        for s in suppressions:
            if s.on:
                self._run(sql.SUPPRESS, (tenant_id, s.their_address, s.our_address, s.by, micros(now)))
            elif s.our_address:
                self._run(sql.UNSUPPRESS, (tenant_id, s.their_address, s.our_address))
            else:
                self._run(sql.UNSUPPRESS_ALL, (tenant_id, s.their_address))

    def _save_check(self, check: SaveCheck, keys: TurnKeys, now: int) -> None:
        statement = sql.UPDATE_CHECK if check.version else sql.INSERT_CHECK
        taken = "another live check of the same person, or the same id"
        self._put(statement, check_row(check, keys, now), check.version, f"check {check.id}", taken)

    def _save_verification(self, save: SaveVerification, keys: TurnKeys, now: int) -> None:
        statement = verification_sql.UPDATE_VERIFICATION if save.version else verification_sql.INSERT_VERIFICATION
        taken = "another live one of the same person, or the same id"
        self._put(statement, verification_row(save, keys, now), save.version, f"verification {save.id}", taken)
        if save.link_digest and not save.version:
            self._run(verification_sql.INSERT_LINK, link_row(save, keys.tenant.tenant_id))

    def _save_approval(self, save: SaveApproval, keys: TurnKeys, now: int) -> None:
        statement = approval_sql.UPDATE_APPROVAL if save.version else approval_sql.INSERT_APPROVAL
        self._put(statement, approval_row(save, keys, now), save.version, f"approval {save.id}", "the same id")

    def _save_desk(self, save: SaveDesk, keys: TurnKeys, now: int) -> None:
        statement, what = sql.UPDATE_DESK if save.version else sql.INSERT_DESK, f"conversation {save.conversation_id}"
        self._put(statement, desk_row(save, keys, now), save.version, what, "these two addresses have one already")

    def _put(self, statement: str, row: Sequence[object], version: int, what: str, taken: str) -> None:
        """Write one that has versions. Raises Conflict when its place is `taken`, or it is at `version` no longer."""
        try:
            self._run(statement, row)
        except sqlite3.IntegrityError as why:
            raise Conflict(f"{what}: {taken}") from why
        if version and self._cursor.rowcount == 0:
            raise Conflict(f"{what} has moved on from version {version}")

    def _mark_taken(self, turn: Turn[Any], decision: Decision[Any], facts: Facts, keys: TurnKeys, now: int) -> None:
        """The record that makes a repeat a duplicate."""
        tenant_id = keys.tenant.tenant_id
        match turn.ask:
            case InboundAsk(inbound=said):
                assert isinstance(facts, InboundFacts)
                self._run(sql.INSERT_INBOUND, inbound_row(said, decision, facts, keys, now))
            case CheckAsk() | VerificationAsk() as ask:
                if ask.timer:
                    about = ask.check_id if isinstance(ask, CheckAsk) else ask.about
                    self._run(sql.END_TIMER, (tenant_id, about, ask.timer))
                if ask.once:
                    self._run(sql.INSERT_ONCE, (tenant_id, once_only(ask.once), now))

    def _end_what_is_over(self, over: Sequence[str], tenant_id: str, now: int) -> None:
        """What has ended rings no more, and no code of it leaves any more (SEC-17)."""
        for check_id in over:
            self._run(sql.END_TIMERS, (tenant_id, check_id))
            self._run(sql.DROP_CODES, (now, tenant_id, check_id, now))

    def _announce(self, announcement: Announcement, tenant_id: str, now: int) -> None:
        call = announcement.call
        if not announcement.ends:
            self._run(sql.INSERT_ANNOUNCED, announced_row(call, tenant_id, now))
        elif call.technician_id:
            self._run(sql.END_ANNOUNCED_BY, (now, tenant_id, call.contact_id, now, call.technician_id))
        else:
            self._run(sql.END_ANNOUNCED, (now, tenant_id, call.contact_id, now))
