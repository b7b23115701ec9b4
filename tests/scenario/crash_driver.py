"""One check from `#verify` to the note in the ticket, killed with SIGKILL at every point where control changes hands.

`python -m tests.scenario.crash_driver FOLDER` kills at the first point, then at the second, ..., with the database in
a file. `FOLDER PORT DATABASE` does it on copies of a database of the tests' PostgreSQL, which lives on; `some` as the
last word takes a sample of the points. For each it prints one JSON line with what was left after a second run, in
which nothing was killed, had picked up the pieces; the last line is of a run that was never killed. With the word
`users` it plays verifications of end users instead (`tests.scenario.crash_users`). The outside keeps
its own files and outlives every crash: what it took in, and which webhooks were answered.

Children are forked from this process, which has imported everything and started no thread.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, text

from bot.acts import Acts
from bot.clock import SystemRandom
from bot.delivery import Delivery, Outside
from bot.dispatcher import Dispatcher
from bot.engine import Engine
from bot.wording import Wording
from dialogs.messages import DeliveryReport, Inbound
from storage import tables
from storage.database import Unscoped
from tests.fixtures.duty import NoCalls, NoMail, by_text
from tests.fixtures.servers import PostgresServer
from tests.fixtures.stand_ins import START, StandingClock
from tests.fixtures.turn_stores import make_template
from tests.fixtures.world import make_world
from tests.scenario import crash_users
from tests.scenario.crash_grounds import Ground, OnFile, OnServer
from tests.scenario.crash_steps import WITHIN, Answered, SteppingStore, Steps, passed_by
from tests.simulation.outside import Carrier, Ledger, Row, TicketSystem
from web.ports import Acting

#: Longer than a lease, shorter than the life of the code.
RESTART_AFTER = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Story:
    """What is played, and what is looked at afterwards (a dataclass)."""

    play: Callable[[Ground, Path, int, timedelta], Coroutine[Any, Any, None]]
    look: Callable[[Ground, Path, int], Coroutine[Any, Any, Any]]


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


async def play(ground: Ground, folder: Path, kill_at: int, late: timedelta) -> None:
    """Everything that has not been answered yet, in order."""
    world = make_world(1)
    ada = world.people[0]
    clock, random, steps = StandingClock(START + late), SystemRandom(), Steps(folder, kill_at)
    database, kept, sequencer = ground.open(folder, steps.at)
    store = SteppingStore(kept, steps.at)
    ledger, answered = Ledger(folder / "outside"), Answered(folder)
    tickets = TicketSystem(world.tenant_id, ledger, clock, at=steps.at)

    async def anywhere(to: str, our_number: str, tenant_id: str) -> str:
        return ""

    engine = Engine(store, clock, random, Wording("https://desk.example"))
    on_duty = by_text({world.dana: "+13475550170"})
    carrier = Carrier(ledger, clock, at=steps.at)
    outside = Outside(carrier, lambda tenant_id: tickets, anywhere, on_duty, NoMail(), NoMail(), NoCalls(), anywhere)
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

    async def work() -> None:
        await dispatcher.run_until_idle()
        if sequencer is not None:
            await sequencer.place()

    if sequencer is not None:
        sequencer.on_placed(lambda: steps.at("placed"))
    await work()
    await post("IN1", "#verify")
    await work()
    clock.advance(timedelta(seconds=25))
    await work()
    code_text = next(r for r in ledger.of_kind("text") if "Code: " in r.values["body"])
    code = code_text.values["body"].split("Code: ")[1][:6]
    if not answered.has("claim"):
        check_id = await database.read(Unscoped.OPERATOR, lambda c: c.scalar(select(tables.dialogs.c.id))) or ""
        acted = await acts.claim(dana, check_id, direction="we_called_user", ticket="new")
        if acted.refused:
            raise SystemExit(f"the claim was refused: {acted.refused}")
        answered.keep("claim")
    await work()
    await post("IN2", f"#confirm {code}")
    await work()
    for status in ("delivered", "sent"):
        if not answered.has(status):
            await engine.report_delivery(DeliveryReport("twilio", code_text.id, status))
            answered.keep(status)
    await work()
    if sequencer is not None:
        await sequencer.close()
    await kept.close()
    await database.close()


async def look(ground: Ground, folder: Path, number: int) -> Left:
    """What there is now."""
    rows = Ledger(folder / "outside").rows
    texts = [r for r in rows if r.kind == "text"]
    by_key: dict[str, list[Row]] = {}
    for row in texts:
        by_key.setdefault(row.values["key"], []).append(row)
    killed = folder / "killed"
    database, kept, _ = ground.open(folder, lambda point: None)

    def read(connection: Connection) -> Left:
        def all_of(statement: str) -> list[Any]:
            return list(connection.execute(text(statement)).all())

        template_of = {row.id: row.template for row in all_of("SELECT id, template FROM outbox")}
        audit = all_of("SELECT seq, kind FROM audit ORDER BY seq")
        return Left(
            number=number,
            killed_at=killed.read_text(encoding="utf-8") if killed.exists() else "",
            states=[r[0] for r in all_of("SELECT state FROM dialogs")],
            inbound=all_of("SELECT count(*) FROM inbound")[0][0],
            outbox=sorted((r[0], r[1]) for r in all_of("SELECT template, status FROM outbox")),
            texts=sorted(template_of[r.values["key"]] for r in texts),
            repeats=sum(len(r) - 1 for r in by_key.values()),
            bodies_per_key=max((len({x.values["body"] for x in r}) for r in by_key.values()), default=0),
            tickets=sum(r.kind == "ticket" for r in rows),
            notes=[r.values["body"] for r in rows if r.kind == "note"],
            audit=[r[1] for r in audit],
            gapless=[r[0] for r in audit] == list(range(1, len(audit) + 1)),
            timers=all_of("SELECT count(*) FROM timers")[0][0],
            passed=passed_by(folder),
        )

    left = await database.read(Unscoped.OPERATOR, read)
    await kept.close()
    await database.close()
    return left


def in_child(work: Callable[[], None]) -> int:
    """Run in a forked child; the wait status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            sys.stdout.flush()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def sample(passed: Sequence[str]) -> list[int]:
    """Each point once, and of those within a transaction of the server one in three; numbers as `Steps` counts."""
    found: dict[str, list[int]] = {}
    for number, point in enumerate(passed, 1):
        found.setdefault(point, []).append(number)
    within = (found[point][::3] for point in WITHIN if point in found)
    return sorted({*chain(*within), *(numbers[-1] for numbers in found.values())})


def one(story: Story, ground: Ground, folder: Path, number: int) -> Path:
    """Run once, killed at a point unless that is 0, and pick up the pieces; the folder of the run."""
    run = folder / f"run{number}"
    run.mkdir()
    ground.prepare(run)
    status = in_child(lambda: asyncio.run(story.play(ground, run, number, timedelta(0))))
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        raise SystemExit(f"run {number} failed by itself")
    if killed and in_child(lambda: asyncio.run(story.play(ground, run, 0, RESTART_AFTER))):
        raise SystemExit(f"run {number} did not recover")
    return run


def _make_template(folder: Path) -> None:
    make_template(folder)


def tell(story: Story, ground: Ground, run: Path, number: int) -> None:
    def look_and_say() -> None:
        sys.stdout.write(json.dumps(asdict(asyncio.run(story.look(ground, run, number)))) + "\n")

    if in_child(look_and_say):
        raise SystemExit(f"run {number} cannot be looked at")


def main(story: Story, folder: Path, ground: Ground, *, some: bool) -> None:
    """See the module."""
    whole = one(story, ground, folder, 0)
    passed = passed_by(whole)
    for number in sample(passed) if some else range(1, len(passed) + 1):
        run = one(story, ground, folder, number)
        # Two threads take turns on a file, so that a run may pass one point fewer.
        if (run / "killed").exists():
            tell(story, ground, run, number)
        ground.forget(run)
        shutil.rmtree(run)
    tell(story, ground, whole, 0)
    ground.forget(whole)


if __name__ == "__main__":
    work_in, *where = (word for word in sys.argv[1:] if word not in ("some", "users"))
    base = Path(work_in)
    told = Story(crash_users.play, crash_users.look) if "users" in sys.argv else Story(play, look)
    if where:
        main(told, base, OnServer(PostgresServer(base, int(where[0])), where[1]), some="some" in sys.argv)
    else:
        if in_child(lambda: _make_template(base)):
            raise SystemExit("no template")
        main(told, base, OnFile(base / "template.db"), some="some" in sys.argv)
