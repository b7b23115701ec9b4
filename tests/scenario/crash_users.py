"""Three verifications of end users, from the technician's tap to the note in the ticket, for `crash_driver`: a code by
text, a link by mail, and a code on the telephone. Whatever was not answered is asked again after a restart, as people
and providers do."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, select, text

from bot.clock import SystemRandom
from bot.delivery import Delivery, Outside
from bot.dispatcher import Dispatcher
from bot.engine import Engine
from bot.verifying import Verifying
from bot.wording import Wording
from psa.base import TicketRef
from storage import tables
from storage.database import Unscoped
from storage.duty import Roll
from storage.keys import Keyring
from storage.verifications import Verifications
from tests.fixtures.duty import NoMail, by_text
from tests.fixtures.stand_ins import START, StandingClock
from tests.fixtures.world import MASTER_KEY, Person, World, make_world
from tests.scenario.crash_grounds import Ground
from tests.scenario.crash_steps import Answered, SteppingStore, Steps, passed_by
from tests.simulation.outside import Carrier, Ledger, TicketSystem
from tests.simulation.reached import MailServer, Telephone
from tests.simulation.ready import AllWaysOut, NobodyLooksUp
from web.ports import Acting

#: Method -> the contact that is asked by it.
METHODS = ("sms_code", "email_link", "voice_call")
_TOKEN = re.compile(r"/v/([A-Za-z0-9_-]{43})")
_SPOKEN = re.compile(r"(?:[0-9], ){5}[0-9]")


@dataclass(frozen=True, slots=True)
class UsersLeft:
    """What a killed and restarted run came to. `left`: how often each kind of thing left, `bodies_per_key` in how many
    wordings at most; `secrets`: rows that still hold a code or a link."""

    number: int
    killed_at: str
    states: list[str]
    outbox: list[tuple[str, str]]
    left: dict[str, int]
    bodies_per_key: int
    notes: list[str]
    audit: list[str]
    tries: list[str]
    unanswered_sends: int
    green: int
    secrets: int
    gapless: bool
    timers: int
    passed: list[str]


def _tickets(world: World) -> dict[str, TicketRef]:
    return {
        f"old-{n}": TicketRef(f"old-{n}", f"9{n}", "before", "open", True, person.client_id, person.id)
        for n, person in enumerate(world.people[: len(METHODS)])
    }


async def play(ground: Ground, folder: Path, kill_at: int, late: timedelta) -> None:
    """Everything that has not been answered yet, in order."""
    world = make_world(1)
    clock, random, steps = StandingClock(START + late), SystemRandom(), Steps(folder, kill_at)
    database, kept, sequencer = ground.open(folder, steps.at)
    store = SteppingStore(kept, steps.at)
    ledger, answered = Ledger(folder / "outside"), Answered(folder)
    tickets = TicketSystem(world.tenant_id, ledger, clock, at=steps.at, tickets=_tickets(world))

    async def anywhere(to: str, our_number: str, tenant_id: str) -> str:
        return ""

    wording = Wording("https://desk.example")
    engine = Engine(store, clock, random, wording)
    outside = Outside(
        Carrier(ledger, clock, at=steps.at),
        lambda tenant_id: tickets,
        anywhere,
        by_text({}),
        MailServer(ledger, clock, at=steps.at),
        NoMail(),
        Telephone(ledger, clock, at=steps.at),
        anywhere,
    )
    dispatcher = Dispatcher(store, engine, Delivery(engine, outside, clock, random), clock, f"pid-{os.getpid()}")
    links = Verifications(database, Keyring([MASTER_KEY]))
    roll, out = Roll(database), AllWaysOut()
    acts = Verifying(engine, lambda tenant_id: tickets, links, roll, out, wording, random, NobodyLooksUp())
    dana = Acting(world.tenant_id, world.dana, "Dana", "Dana", "technician", False, "log-in", "bearer", START)

    async def work() -> None:
        await dispatcher.run_until_idle()
        if sequencer is not None:
            await sequencer.place()

    async def id_of(person: Person) -> str:
        v = tables.verifications.c
        query = select(v.id).where(v.contact_id == person.id)
        return await database.read(Unscoped.OPERATOR, lambda conn: conn.scalar(query)) or ""

    async def asked(method: str, person: Person, ticket: str) -> str:
        """Whoever sees on the page that it is there does not ask once more."""
        found = await id_of(person)
        if found:
            return found
        acted = await acts.start(dana, contact_id=person.id, address_id="", method=method, ticket=ticket)
        if acted.refused:
            raise SystemExit(f"{method} was refused: {acted.refused}")
        return acted.id

    async def checked(id: str, digits: str) -> None:
        if answered.has(id):
            return
        came_to = await acts.check(dana, id, code=digits)
        if not came_to.right and came_to.refused != "verification_over":
            raise SystemExit(f"the right code was refused: {came_to.refused}")
        answered.keep(id)

    if sequencer is not None:
        sequencer.on_placed(lambda: steps.at("placed"))
    await work()
    ada, ben, cleo = world.people[: len(METHODS)]
    by_code = await asked("sms_code", ada, "old-0")
    await work()
    sent = next(r for r in ledger.of_kind("text") if r.values["to"] == ada.mobile)
    await checked(by_code, sent.values["body"].split("YOU CALLED US: ")[1][:6])
    await work()
    await asked("email_link", ben, "old-1")
    await work()
    (token,) = set(_TOKEN.findall(ledger.of_kind("mail")[0].values["body"]))
    await acts.confirm_link(token)
    await work()
    by_phone = await asked("voice_call", cleo, "old-2")
    await work()
    call = ledger.of_kind("call")[0]
    await acts.call_answered(world.tenant_id, by_phone, call_id=call.id, by="person")
    await work()
    spoken = _SPOKEN.search(ledger.of_kind("say")[0].values["body"])
    assert spoken is not None, "no digits were spoken"
    await checked(by_phone, spoken[0].replace(", ", ""))
    await acts.call_ended(world.tenant_id, by_phone, call_id=call.id, how="completed")
    await work()
    if sequencer is not None:
        await sequencer.close()
    await kept.close()
    await database.close()


async def look(ground: Ground, folder: Path, number: int) -> UsersLeft:
    """What there is now."""
    rows = Ledger(folder / "outside").rows
    by_key: dict[str, set[str]] = {}
    for row in rows:
        if row.kind != "say":
            by_key.setdefault(row.values["key"], set()).add(row.values.get("body", ""))
    killed = folder / "killed"
    database, kept, _ = ground.open(folder, lambda point: None)

    def read(connection: Connection) -> UsersLeft:
        def all_of(statement: str) -> list[tuple[object, ...]]:
            return [tuple(row) for row in connection.execute(text(statement))]

        def one(statement: str) -> int:
            return int(connection.scalar(text(statement)) or 0)

        log = all_of("SELECT seq, kind FROM audit ORDER BY seq")
        return UsersLeft(
            number=number,
            killed_at=killed.read_text(encoding="utf-8") if killed.exists() else "",
            states=[str(row[0]) for row in all_of("SELECT state FROM verifications ORDER BY created_at, id")],
            outbox=sorted((str(r[0]), str(r[1])) for r in all_of("SELECT template, status FROM outbox")),
            left=dict(Counter(row.kind for row in rows)),
            bodies_per_key=max((len(bodies) for bodies in by_key.values()), default=0),
            notes=[row.values["body"] for row in rows if row.kind == "note"],
            audit=[str(row[1]) for row in log],
            tries=sorted(str(row[0]) for row in all_of("SELECT outcome FROM verification_tries")),
            unanswered_sends=one("SELECT count(*) FROM challenge_sends WHERE given_back_at IS NULL"),
            green=one("SELECT count(*) FROM verifications WHERE green_until IS NOT NULL AND shield_ended_at IS NULL"),
            secrets=one("SELECT count(*) FROM outbox WHERE template LIKE 'euv.send%' AND payload IS NOT NULL")
            + one("SELECT count(*) FROM verifications WHERE body LIKE '%sealed%'"),
            gapless=[row[0] for row in log] == list(range(1, len(log) + 1)),
            timers=one("SELECT count(*) FROM timers"),
            passed=passed_by(folder),
        )

    left = await database.read(Unscoped.OPERATOR, read)
    await kept.close()
    await database.close()
    return left
