"""What must be true when everything works again and time has passed: nothing is lost, nothing was done twice."""

from __future__ import annotations

from collections import Counter

from dialogs.tech_verify import Claimed, Confirmed, Logged, Open
from storage.memory.rows import Queued
from storage.outbox_rules import carries_code
from tests.simulation.ending_approvals import check_approvals
from tests.simulation.ending_users import check_users
from tests.simulation.run import Simulation


def check_the_end(run: Simulation) -> None:
    """Raises `Broken` by way of the simulation."""
    _messages(run)
    _outbox(run)
    _repeats(run)
    _tickets(run)
    _checks(run)
    _reports(run)
    check_users(run)
    check_approvals(run)


def _messages(run: Simulation) -> None:
    replayed = Counter(m.inbound.replay_digest for m in run.provider.messages)
    for message in run.provider.messages:
        if not message.acknowledged:
            run.fail(f"I5: the provider never got an answer for {message.inbound.provider_id}")
        taken = run.watch.accepted(message.inbound.provider_id)
        if taken != 1 and replayed[message.inbound.replay_digest] == 1:
            run.fail(f"I5: {message.inbound.provider_id} made {taken} turns")
    for digest, times in replayed.items():
        made = sum(
            run.watch.accepted(m.inbound.provider_id)
            for m in run.provider.messages
            if m.inbound.replay_digest == digest
        )
        if made != 1:
            run.fail(f"I5: {times} posts of one signed request made {made} turns")


def _outbox(run: Simulation) -> None:
    texts = {(r.values["to"], r.values["from"], r.values["body"]) for r in run.ledger.of_kind("text")}
    ids = {r.id for r in run.ledger.of_kind("text")}
    rows = run.store.rows
    for row in rows.outbox.values():
        what = f"{row.item.kind} {row.item.template} ended as {row.status} {row.error}"
        if row.done_at is None:
            run.fail(f"lost: {what}")
        decided = run.watch.items[row.item.id][1]
        if row.status == "sent" and row.item.kind == "text":
            said = (decided.payload["to"], decided.payload["from"], decided.payload["body"])
            if said not in texts or row.provider_id not in ids:
                run.fail(f"lost: {what}, and the carrier never saw it")
        if row.status == "dead" and not _somebody_knows(run, row):
            run.fail(f"lost: {what}, and nobody was told")
        if row.status == "dropped" and not _may_drop(run, row):
            run.fail(f"lost: {what} without a reason")


def _somebody_knows(run: Simulation, row: Queued) -> bool:
    if row.error == "21610":
        return any(e.kind == "text.opted_out" for e in run.store.rows.audit.values())
    return any(
        a.kind == "not_delivered" and a.check_id == row.item.check_id and row.error in a.text
        for (tenant_id, _), a in run.store.rows.alerts.items()
        if tenant_id == row.tenant_id
    )


def _may_drop(run: Simulation, row: Queued) -> bool:
    """Opted out, too late, or a code whose check has ended."""
    decided = run.watch.items[row.item.id][1]
    return (
        row.error == "opted_out"
        or (decided.drop_at is not None and row.done_at is not None and row.done_at >= decided.drop_at)
        or carries_code(decided.template)
        or row.error == "call_over"
    )


def _repeats(run: Simulation) -> None:
    """One repeat for each crash and each answer that got lost, at the very most, and never three of one text."""
    sent = Counter(r.values["key"] for r in run.ledger.of_kind("text"))
    most = max(sent.values(), default=0)
    if most > 2:
        run.fail(f"one text left {most} times")
    repeats = sum(n - 1 for n in sent.values())
    causes = run.counts["crashes"] + run.counts["carrier taken"] + run.counts["houses"] - 1
    if repeats > causes:
        run.fail(f"{repeats} repeated texts for {causes} crashes and lost answers")
    decided = [item for _, item in run.watch.items.values()]
    yes = Counter(i.check_id for i in decided if i.template in ("tv.confirmed", "tv.confirmed_unclaimed"))
    if max(yes.values(), default=0) > 1:
        run.fail("I1: a check was told twice that it is confirmed")
    alerts = Counter(i.check_id for i in decided if i.kind == "alert_text")
    told = Counter(
        (i.check_id, i.technician_id) for i in decided if i.template == "tech.unclaimed" and i.kind == "text"
    )
    for (check_id, _), times in told.items():
        if times > alerts[check_id]:
            run.fail(f"{alerts[check_id]} alerts became {times} texts to one technician")


def _tickets(run: Simulation) -> None:
    for kind in ("ticket", "note"):
        keys = Counter((row.of, row.values["key"]) for row in run.ledger.of_kind(kind))
        if max(keys.values(), default=0) > 1:
            run.fail(f"one effect made two of kind {kind}")
    for row in run.ledger.rows:
        if row.kind not in ("ticket", "note"):
            continue
        tenant_id, _ = run.watch.items[row.values["key"]]
        if tenant_id != row.of:
            run.fail("I7: a ticket or a note went to another tenant's system")


def _checks(run: Simulation) -> None:
    if run.store.rows.timers:
        run.fail("a timer of an ended check still waits")
    notes = Counter(
        item.check_id
        for _, item in run.watch.items.values()
        if item.kind == "ticket.note" and item.template == "note.tv"
    )
    for check_id, seen in run.watch.checks.items():
        state = seen.state
        run.counts[type(state).__name__] += 1
        if isinstance(state, Open | Claimed):
            run.fail(f"check {check_id} never ended")
        if isinstance(state, Confirmed):
            run.counts[f"confirmed {state.assurance}"] += 1
            if state.logged is Logged.WRITTEN and notes[check_id] == 0:
                run.fail(f"check {check_id} is said to be in the ticket, and no note was written")


def _reports(run: Simulation) -> None:
    """The delivery state is at least the furthest that we said we had heard, in whatever order it came (REL-08)."""
    for row in run.store.rows.outbox.values():
        told = run.provider.reported.get(row.provider_id, 0)
        shared = sum(r.provider_id == row.provider_id for r in run.store.rows.outbox.values()) > 1
        if row.provider == "twilio" and row.provider_id and row.delivery_rank < told and not shared:
            run.fail(f"a text is {row.delivery!r}, and {told} was reported")
