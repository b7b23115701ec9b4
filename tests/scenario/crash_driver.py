"""One check from `#verify` to the note in the ticket, killed with SIGKILL at every point where control changes hands.

`python -m tests.scenario.crash_driver FOLDER` kills at the first point, then at the second, ... until a run is not
killed any more. For each it prints one JSON line with what was left after a second run, in which nothing was killed,
had picked up the pieces. The outside keeps its own files and outlives every crash: what it took in, and which
webhooks were answered.

Children are forked from this process, which has imported everything and started no thread.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from bot.acts import Acts
from bot.clock import SystemRandom
from bot.delivery import Delivery, Outside
from bot.dispatcher import Dispatcher
from bot.engine import Engine
from bot.wording import Wording
from dialogs.messages import DeliveryReport, Inbound
from dialogs.ports import TurnStore
from dialogs.turns import Alert, AuditEvent, Decision, Facts, Leased, Settled, Timer, Turn, TurnResult
from storage.keys import Keyring
from storage.sqlite import SqliteDatabase, SqliteTurnStore
from tests.fixtures.stand_ins import START, StandingClock
from tests.fixtures.turn_stores import make_template, rank
from tests.fixtures.world import MASTER_KEY, make_world
from tests.simulation.outside import Carrier, Ledger, Point, Row, TicketSystem
from web.ports import Acting

R = TypeVar("R")
_LEASE = timedelta(seconds=60)
#: Longer than a lease, shorter than the life of the code.
RESTART_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Left:
    """What a killed and restarted run came to. `killed_at` is empty when it was not killed."""

    number: int
    killed_at: str
    states: list[str]
    inbound: int
    outbox: list[tuple[str, str]]
    #: Template of each text, once for each time it left; words of each that left with the same key.
    texts: list[str]
    repeats: int
    bodies_per_key: int
    tickets: int
    notes: list[str]
    audit: list[str]
    gapless: bool
    timers: int
    passed: list[str]


class Steps:
    """Counts the points and kills at one of them. What it passes is written down before anything else happens."""

    def __init__(self, folder: Path, kill_at: int) -> None:
        self._file = folder / "passed"
        self._kill_at = kill_at
        self._count = 0

    def at(self, point: str) -> None:
        self._count += 1
        with self._file.open("a", encoding="utf-8") as file:
            file.write(point + "\n")
        if self._count == self._kill_at:
            (self._file.parent / "killed").write_text(point, encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)


class SteppingStore:
    """A turn store that passes a point before and after each call, and one in the middle of each transaction."""

    def __init__(self, store: TurnStore, at: Point) -> None:
        self._store = store
        self._at = at

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        def decide(facts: Facts) -> Decision[R]:
            decision = turn.decide(facts)
            self._at("take:within")
            return decision

        self._at("take:before")
        result = await self._store.take(replace(turn, decide=decide))
        self._at("take:after")
        return result

    async def due_timers(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        due = await self._store.due_timers(now, limit)
        if due:
            self._at("ring")
        return due

    async def put_aside(self, timer: Timer, audit: AuditEvent, alert: Alert) -> None:
        await self._store.put_aside(timer, audit, alert)

    async def lease(
        self,
        worker: str,
        now: datetime,
        *,
        limit: int = 32,
        lasts: timedelta = _LEASE,
        full: Collection[str] = (),
    ) -> Sequence[Leased]:
        leased = await self._store.lease(worker, now, limit=limit, lasts=lasts, full=full)
        if leased:
            self._at("lease:after")
        return leased

    async def renew(self, leased: Sequence[Leased], now: datetime, *, lasts: timedelta = _LEASE) -> None:
        await self._store.renew(leased, now, lasts=lasts)

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        self._at("settle:before")
        await self._store.settle(outcomes, now)
        self._at("settle:after")

    async def release_leases(self, worker: str) -> None:
        await self._store.release_leases(worker)

    async def report_delivery(self, report: DeliveryReport, now: datetime) -> bool:
        self._at("report:before")
        moved = await self._store.report_delivery(report, now)
        self._at("report:after")
        return moved

    async def next_due(self, now: datetime) -> datetime | None:
        return await self._store.next_due(now)


class Answered:
    """Which of its requests the outside has had answered; a file, so that it outlives us."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "answered"

    def has(self, what: str) -> bool:
        return self._file.exists() and what in self._file.read_text(encoding="utf-8").split("\n")

    def keep(self, what: str) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(what + "\n")


async def play(folder: Path, kill_at: int, late: timedelta) -> None:
    """Everything that has not been answered yet, in order."""
    world = make_world(1)
    ada = world.people[0]
    clock, random, steps = StandingClock(START + late), SystemRandom(), Steps(folder, kill_at)
    database = SqliteDatabase(folder / "watchword.db")
    kept = SqliteTurnStore(database, Keyring([MASTER_KEY]), rank)
    store = SteppingStore(kept, steps.at)
    ledger, answered = Ledger(folder / "outside"), Answered(folder)
    tickets = TicketSystem(world.tenant_id, ledger, clock, at=steps.at)

    async def anywhere(to: str, our_number: str, tenant_id: str) -> str:
        return ""

    async def on_duty(tenant_id: str) -> dict[str, str]:
        return {world.dana: "+13475550170"}

    engine = Engine(store, clock, random, Wording("https://desk.example"))
    outside = Outside(Carrier(ledger, clock, at=steps.at), lambda tenant_id: tickets, anywhere, on_duty)
    dispatcher = Dispatcher(store, engine, Delivery(engine, outside, clock, random), clock, f"pid-{os.getpid()}")
    acts = Acts(engine, lambda tenant_id: tickets, database, clock, random)
    dana = Acting(world.tenant_id, world.dana, "Dana", "Dana", "technician", False, "log-in", "bearer", START)

    async def post(provider_id: str, words: str) -> None:
        """The provider posts until it gets its 200, and the number says the same on every try."""
        if answered.has(provider_id):
            return
        ours, theirs = world.number.address, ada.mobile
        await engine.receive(Inbound("sms", "twilio", provider_id, ours, theirs, words, f"digest {provider_id}"))
        answered.keep(provider_id)

    await dispatcher.run_until_idle()
    await post("IN1", "#verify")
    await dispatcher.run_until_idle()
    clock.advance(timedelta(seconds=25))
    await dispatcher.run_until_idle()
    code_text = next(r for r in ledger.of_kind("text") if "Code: " in r.values["body"])
    code = code_text.values["body"].split("Code: ")[1][:6]
    if not answered.has("claim"):
        check_id = (await database.read(world.tenant_id, lambda c: _only_check(database.path)))[0]
        acted = await acts.claim(dana, check_id, direction="we_called_user", ticket="new")
        if acted.refused:
            raise SystemExit(f"the claim was refused: {acted.refused}")
        answered.keep("claim")
    await dispatcher.run_until_idle()
    await post("IN2", f"#confirm {code}")
    await dispatcher.run_until_idle()
    for status in ("delivered", "sent"):
        if not answered.has(status):
            await engine.report_delivery(DeliveryReport("twilio", code_text.id, status))
            answered.keep(status)
    await kept.close()


def _only_check(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM dialogs ORDER BY created_at")]


def look(folder: Path, number: int) -> Left:
    """What is in the files now."""
    rows = Ledger(folder / "outside").rows
    texts = [r for r in rows if r.kind == "text"]
    by_key: dict[str, list[Row]] = {}
    for row in texts:
        by_key.setdefault(row.values["key"], []).append(row)
    killed = folder / "killed"
    with sqlite3.connect(folder / "watchword.db") as connection:

        def all_of(statement: str) -> list[Any]:
            return connection.execute(statement).fetchall()

        template_of = dict(all_of("SELECT id, template FROM outbox"))
        audit = all_of("SELECT seq, kind FROM audit ORDER BY seq")
        return Left(
            number=number,
            killed_at=killed.read_text(encoding="utf-8") if killed.exists() else "",
            states=[r[0] for r in all_of("SELECT state FROM dialogs")],
            inbound=all_of("SELECT count(*) FROM inbound")[0][0],
            outbox=sorted(all_of("SELECT template, status FROM outbox")),
            texts=sorted(template_of[r.values["key"]] for r in texts),
            repeats=sum(len(r) - 1 for r in by_key.values()),
            bodies_per_key=max((len({x.values["body"] for x in r}) for r in by_key.values()), default=0),
            tickets=sum(r.kind == "ticket" for r in rows),
            notes=[r.values["body"] for r in rows if r.kind == "note"],
            audit=[r[1] for r in audit],
            gapless=[r[0] for r in audit] == list(range(1, len(audit) + 1)),
            timers=all_of("SELECT count(*) FROM timers")[0][0],
            passed=(folder / "passed").read_text(encoding="utf-8").split(),
        )


def in_child(work: Any) -> int:
    """Run in a forked child; the wait status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def main(folder: Path) -> None:
    """See the module."""
    if in_child(lambda: make_template(folder)):
        raise SystemExit("no template")
    number = 1
    while True:
        run = folder / f"run-{number}"
        run.mkdir()
        shutil.copy(folder / "template.db", run / "watchword.db")
        status = in_child(lambda run=run, number=number: asyncio.run(play(run, number, timedelta(0))))
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if not killed and status:
            raise SystemExit(f"run {number} failed by itself")
        if killed and in_child(lambda run=run: asyncio.run(play(run, 0, RESTART_AFTER))):
            raise SystemExit(f"run {number} did not recover")
        sys.stdout.write(json.dumps(asdict(look(run, number))) + "\n")
        sys.stdout.flush()
        if not killed:
            return
        shutil.rmtree(run)
        number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
