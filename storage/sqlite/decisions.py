"""Writes a decision, all of it in the transaction its facts were read in."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dialogs.messages import Inbound
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
    SaveCheck,
    SaveDesk,
    Suppression,
    Turn,
)
from storage.audit_lines import audit_line
from storage.codec import KIND, dump_desk, dump_json, dump_state, summary
from storage.digests import once_key, once_only, prefix_of, replay_key
from storage.keys import place
from storage.sqlite import read_sql
from storage.sqlite import write_sql as sql
from storage.sqlite.facts import FactLoader, TurnKeys
from storage.times import id_from, maybe_micros, micros


class Conflict(Exception):
    """A version has moved or a live check stands in the way: the turn is decided anew."""


class DecisionWriter:
    """Writes with the writer's cursor. Its version checks come first, so that a lost race has written nothing."""

    def __init__(self, cursor: sqlite3.Cursor, loader: FactLoader) -> None:
        self._cursor = cursor
        self._run = cursor.execute
        self._loader = loader
        self._seq = 0

    def begin(self) -> None:
        """At the start of every transaction: where the log stands."""
        self._seq = self._run(read_sql.LAST_SEQ).fetchone()[0]

    def write(self, turn: Turn[Any], decision: Decision[Any], facts: Facts, keys: TurnKeys) -> None:
        """Raises Conflict, or sqlite3's error when the decision breaks a rule of the tables."""
        now = micros(turn.now)
        if decision.tenant_id not in ("", keys.tenant.tenant_id):
            raise ValueError("a decision for another tenant than its facts are of")
        for check in sorted(decision.checks, key=_ended_first):
            self._save_check(check, keys, now)
        if decision.desk is not None:
            self._save_desk(decision.desk, keys, now)
        self._mark_taken(turn, decision, facts, keys, now)
        for item in decision.outbox:
            self._add_outbox(item, keys, now)
        for timer in decision.timers:
            self._run(sql.SET_TIMER, (keys.tenant.tenant_id, timer.check_id, timer.name, micros(timer.at)))
        self._end_what_is_over(decision.checks, keys, now)
        for check_id in decision.give_back:
            self._run(sql.GIVE_BACK, (now, keys.tenant.tenant_id, check_id))
        self.events(decision.audit, decision.alerts, decision.suppressions, keys, turn.now)
        for announcement in decision.announcements:
            self._announce(announcement, keys.tenant.tenant_id, now)

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
            line = audit_line(tenant_id, event, self._loader.row_keys(keys, event.contact_id))
            self._run(sql.INSERT_AUDIT, (line[0], line[1], self._seq, *line[2:]))
        for alert in alerts:
            row_keys = self._loader.row_keys(keys, alert.contact_id)
            body = row_keys.seal(alert.text.encode(), place("alerts", "body", tenant_id, alert.id))
            self._run(
                sql.INSERT_ALERT,
                (tenant_id, alert.id, alert.kind, micros(alert.at), alert.check_id, alert.contact_id, body),
            )
        for s in suppressions:
            if s.on:
                self._run(sql.SUPPRESS, (tenant_id, s.their_address, s.our_address, s.by, micros(now)))
            elif s.our_address:
                self._run(sql.UNSUPPRESS, (tenant_id, s.their_address, s.our_address))
            else:
                self._run(sql.UNSUPPRESS_ALL, (tenant_id, s.their_address))

    def _save_check(self, check: SaveCheck, keys: TurnKeys, now: int) -> None:
        tenant_id = keys.tenant.tenant_id
        known = summary(check.state)
        row_keys = self._loader.row_keys(keys, check.contact_id)
        bound_to = place("dialogs", "body", tenant_id, check.id)
        body = dump_state(check.state, lambda code: row_keys.seal(code, bound_to))
        outline = (known.state, known.is_live, body)
        people = (check.contact_id, known.technician_id, known.ticket_id)
        until = maybe_micros(known.expires_at)
        try:
            if check.version:
                self._run(
                    sql.UPDATE_CHECK,
                    (check.version + 1, *outline, *people, now, until, tenant_id, check.id, check.version),
                )
                if self._cursor.rowcount == 0:
                    raise Conflict(f"check {check.id} has moved on from version {check.version}")
                return
            where = (check.channel, check.our_address, check.their_address, check.conversation_id)
            times = (micros(check.created_at), now, until)
            self._run(sql.INSERT_CHECK, (tenant_id, check.id, KIND, 1, *outline, *where, *people, *times))
        except sqlite3.IntegrityError as why:
            raise Conflict(f"check {check.id}: another live check of the same person, or the same id") from why

    def _save_desk(self, save: SaveDesk, keys: TurnKeys, now: int) -> None:
        tenant_id = keys.tenant.tenant_id
        desk = dump_desk(save.desk)
        if save.version:
            values = (save.contact_id, save.version + 1, desk, now, tenant_id, save.conversation_id, save.version)
            self._run(sql.UPDATE_DESK, values)
            if self._cursor.rowcount == 0:
                raise Conflict(f"conversation {save.conversation_id} has moved on from version {save.version}")
            return
        where = (save.channel, save.our_address, save.their_address)
        try:
            self._run(sql.INSERT_DESK, (tenant_id, save.conversation_id, *where, save.contact_id, 1, desk, now, now))
        except sqlite3.IntegrityError as why:
            raise Conflict(f"conversation {save.conversation_id}: these two addresses have one already") from why

    def _mark_taken(self, turn: Turn[Any], decision: Decision[Any], facts: Facts, keys: TurnKeys, now: int) -> None:
        """The record that makes a repeat a duplicate."""
        tenant_id = keys.tenant.tenant_id
        match turn.ask:
            case InboundAsk(inbound=said):
                assert isinstance(facts, InboundFacts)
                self._keep_inbound(said, decision, facts, keys, now)
            case CheckAsk() as ask:
                if ask.timer:
                    self._run(sql.END_TIMER, (tenant_id, ask.check_id, ask.timer))
                if ask.once:
                    self._run(sql.INSERT_ONCE, (tenant_id, once_only(ask.once), now))

    def _keep_inbound(
        self, said: Inbound, decision: Decision[Any], facts: InboundFacts, keys: TurnKeys, now: int
    ) -> None:
        """The words are sealed under the sender's key when the sender is one known person, else under the tenant's."""
        tenant_id = keys.tenant.tenant_id
        contact_id = facts.contacts[0].id if len(facts.contacts) == 1 else ""
        conversation_id = ""
        if decision.desk is not None:
            conversation_id = decision.desk.conversation_id
        elif facts.desk is not None:
            conversation_id = facts.desk.conversation_id
        once = once_key(said)
        row_id = id_from(now, once)
        body = self._loader.row_keys(keys, contact_id).seal(
            said.text.encode(), place("inbound", "body", tenant_id, row_id)
        )
        self._run(
            sql.INSERT_INBOUND,
            (tenant_id, row_id, said.channel, conversation_id, contact_id, once, replay_key(said), body, now),
        )

    def _add_outbox(self, item: OutboxItem, keys: TurnKeys, now: int) -> None:
        tenant_id = keys.tenant.tenant_id
        sealed = self._loader.row_keys(keys, item.contact_id).seal(
            dump_json(dict(item.payload)), place("outbox", "payload", tenant_id, item.id)
        )
        about = (item.template, item.check_id, item.conversation_id, item.contact_id, item.technician_id)
        times = (now, micros(item.due_at), maybe_micros(item.drop_at))
        self._run(
            sql.INSERT_OUTBOX,
            (
                *(tenant_id, item.id, item.kind, item.lane, sealed),
                *about,
                *(item.segments, item.after_stop, "waiting", 0, 0),
                *times,
            ),
        )
        if item.challenge:
            to = item.payload["to"]
            sent = (to, prefix_of(to), item.technician_id, item.segments, now)
            self._run(sql.INSERT_CHALLENGE, (tenant_id, item.id, item.check_id, *sent))

    def _end_what_is_over(self, checks: Sequence[SaveCheck], keys: TurnKeys, now: int) -> None:
        """An ended check rings no more, and no code of it leaves any more (SEC-17)."""
        for check in checks:
            if not summary(check.state).is_live:
                self._run(sql.END_TIMERS, (keys.tenant.tenant_id, check.id))
                self._run(sql.DROP_CODES, (now, keys.tenant.tenant_id, check.id, now))

    def _announce(self, announcement: Announcement, tenant_id: str, now: int) -> None:
        call = announcement.call
        if not announcement.ends:
            ticket = (call.ticket, call.ticket_id, call.ticket_number)
            who = (call.contact_id, call.technician_id, call.technician_name, call.direction)
            self._run(sql.INSERT_ANNOUNCED, (tenant_id, call.id, *who, *ticket, now, micros(call.expires_at)))
        elif call.technician_id:
            self._run(sql.END_ANNOUNCED_BY, (now, tenant_id, call.contact_id, now, call.technician_id))
        else:
            self._run(sql.END_ANNOUNCED, (now, tenant_id, call.contact_id, now))


def _ended_first(check: SaveCheck) -> tuple[bool, bool]:
    """A check that ends makes room for the one that takes its place."""
    return summary(check.state).is_live, check.version == 0
