"""What must be true of verifications of end users when everything works again and time has passed."""

from __future__ import annotations

from collections import Counter

from dialogs import user_verify as uv
from dialogs.tech_verify import Logged
from dialogs.turns import OutboxItem
from storage.memory.rows import Queued
from storage.outbox_rules import tells_of_verification
from tests.simulation.run import Simulation


def check_users(run: Simulation) -> None:
    """Raises `Broken` by way of the simulation."""
    _ended(run)
    _left(run)
    _repeats(run)
    _truth(run)


def _ended(run: Simulation) -> None:
    notes = Counter(
        item.check_id
        for _, item in run.watch.items.values()
        if item.kind == "ticket.note" and item.template == "note.euv"
    )
    for id, seen in run.watch.users.seen.items():
        state = seen.state
        run.counts[f"user {type(state).__name__}"] += 1
        if isinstance(state, uv.Blank | uv.Live):
            run.fail(f"verification {id} never ended")
            return
        if isinstance(state, uv.Verified):
            run.counts[f"verified by {state.request.method}"] += 1
        if state.request.ticket_asked:
            run.fail(f"verification {id} still waits for its new ticket")
        if state.logged is Logged.WRITTEN and notes[id] == 0:
            run.fail(f"verification {id} is said to be in the ticket, and no note was written")
        sends = [s for s in run.store.rows.sends.values() if s.check_id == id]
        answered = isinstance(state, uv.Verified | uv.Denied)
        if answered and not all(send.given_back for send in sends):
            run.fail(f"verification {id} was answered, and still counts against the limits")


def _left(run: Simulation) -> None:
    """What is said to be sent has arrived, mail and calls."""
    mails = {(r.values["to"], r.values["subject"], r.values["body"], r.id) for r in run.ledger.of_kind("mail")}
    calls = {(r.values["to"], r.values["from"], r.id) for r in run.ledger.of_kind("call")}
    said = {(r.values["call_id"], r.values["body"]) for r in run.ledger.of_kind("say")}
    for row in run.store.rows.outbox.values():
        if row.status != "sent":
            continue
        payload = run.watch.items[row.item.id][1].payload
        match row.item.kind:
            case "mail":
                there = (payload["to"], payload["subject"], payload["body"], row.provider_id) in mails
            case "call":
                there = (payload["to"], payload["from"], row.provider_id) in calls
            case "call_say":
                there = (payload["call_id"], payload["body"]) in said
            case _:
                continue
        if not there:
            run.fail(f"lost: {row.item.kind} {row.item.template} is called sent, and nobody outside ever saw it")


def _repeats(run: Simulation) -> None:
    """One repeat for each crash and each answer that got lost, at the very most, and never three of one thing."""
    for kind, system in (("mail", "mail"), ("call", "phone")):
        left = Counter(row.values["key"] for row in run.ledger.of_kind(kind))
        if max(left.values(), default=0) > 2:
            run.fail(f"one {kind} left {max(left.values())} times")
        repeats = sum(n - 1 for n in left.values())
        causes = run.counts["crashes"] + run.counts[f"{system} taken"] + run.counts["houses"] - 1
        if repeats > causes:
            run.fail(f"{repeats} repeats of kind {kind} for {causes} crashes and lost answers")


def _truth(run: Simulation) -> None:
    """Where nothing that was sent can ever arrive, whoever asked is told so and does not wait for the deadline."""
    by_id: dict[str, list[Queued]] = {}
    for row in run.store.rows.outbox.values():
        if tells_of_verification(row.item.kind, row.item.template) and row.item.check_id in run.watch.users.seen:
            by_id.setdefault(row.item.check_id, []).append(row)
    for id, rows in by_id.items():
        seen = run.watch.users.seen[id]
        gone = [r for r in rows if _never_arrives(r, run.watch.items[r.item.id][1])]
        in_time = all(
            r.done_at is not None and seen.expires_at is not None and r.done_at < seen.expires_at for r in gone
        )
        if len(gone) < len(rows) or not in_time:
            continue
        if waited_in_vain(seen.state):
            run.fail(f"nothing of verification {id} was ever delivered, and its end says deadline")


def waited_in_vain(state: uv.State) -> bool:
    """Whether somebody waited until time was up. Whatever else ends it, a person did, who waits no longer."""
    return isinstance(state, uv.Expired) and state.reason == "deadline"


def _never_arrives(row: Queued, decided: OutboxItem) -> bool:
    return row.status == "dead" or (row.status == "dropped" and row.error in ("opted_out", "blocked"))
