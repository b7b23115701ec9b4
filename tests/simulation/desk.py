"""One process on one real database, with an outside that works: for what only a store on disk can show."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection, select

from bot.acts import Acts
from bot.delivery import Delivery, Outside
from bot.dispatcher import Dispatcher
from bot.engine import Engine
from bot.wording import Wording
from dialogs.messages import Inbound
from dialogs.ports import SendText, TurnStore
from storage import tables
from storage.database import Unscoped
from storage.digests import once_key
from tests.fixtures.duty import NoCalls, NoMail, by_text
from tests.fixtures.stand_ins import START, StandingClock
from tests.fixtures.turn_stores import StoredHouse
from tests.simulation.house import Chance
from tests.simulation.outside import Carrier, Ledger, TicketSystem, Weather
from web.ports import Acting

WORDING = Wording("https://desk.example")


class Desk:
    """One process on one database, with an outside that works."""

    def __init__(
        self,
        house: StoredHouse,
        texts: SendText | None = None,
        store: TurnStore | None = None,
        before: Desk | None = None,
        weather: Weather | None = None,
        gate: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`before`: the process that ran on this database until it was killed; clock and outside go on. `weather`: how
        the outside behaves, well unless told otherwise. `gate`: waited for when it is asked whether a text may go."""
        self.house = house
        self.world = house.world
        self.clock: StandingClock = before.clock if before is not None else StandingClock()
        self.ledger: Ledger = before.ledger if before is not None else Ledger()
        self.chance: Chance = before.chance if before is not None else Chance("desk")
        self.engine = Engine(store or house.store, self.clock, self.chance, WORDING)
        tickets = TicketSystem(self.world.tenant_id, self.ledger, self.clock, weather)

        async def anywhere(to: str, our_number: str, tenant_id: str) -> str:
            if gate is not None:
                await gate()
            return ""

        outside = Outside(
            texts or Carrier(self.ledger, self.clock, weather),
            lambda tenant_id: tickets,
            anywhere,
            by_text({}),
            NoMail(),
            NoMail(),
            NoCalls(),
            anywhere,
        )
        delivery = Delivery(self.engine, outside, self.clock, self.chance)
        self.dispatcher = Dispatcher(store or house.store, self.engine, delivery, self.clock, "desk")
        self.acts = Acts(self.engine, lambda tenant_id: tickets, house.database, self.clock, self.chance)

    def said(self, words: str, provider_id: str, person: int = 0, digest: str = "") -> Inbound:
        ours, theirs = self.world.number.address, self.world.people[person].mobile
        return Inbound("sms", "twilio", provider_id, ours, theirs, words, digest)

    async def all_at_once(self, *inbound: Inbound) -> Counter[str]:
        """Deliver them in parallel; how many of each outcome."""
        receipts = await asyncio.gather(*(self.engine.receive(one) for one in inbound))
        return Counter(receipt.outcome for receipt in receipts)

    async def check_ids(self) -> list[str]:
        def look(connection: Connection) -> list[str]:
            return [r.id for r in connection.execute(select(tables.dialogs).order_by(tables.dialogs.c.created_at))]

        return await self.house.database.read(Unscoped.OPERATOR, look)

    async def states(self) -> list[str]:
        def look(connection: Connection) -> list[str]:
            return [r.state for r in connection.execute(select(tables.dialogs).order_by(tables.dialogs.c.id))]

        return await self.house.database.read(Unscoped.OPERATOR, look)

    async def templates(self) -> list[str]:
        """Of everything that was ever queued."""

        def look(connection: Connection) -> list[str]:
            return [row.template for row in connection.execute(select(tables.outbox))]

        return await self.house.database.read(Unscoped.OPERATOR, look)

    async def order_of(self, inbound: list[Inbound]) -> list[Inbound]:
        """In which order they were taken."""

        def look(connection: Connection) -> list[bytes]:
            written = select(tables.inbound.c.once_key).order_by(*self.house.as_written(tables.inbound))
            return [bytes(r[0]) for r in connection.execute(written)]

        by_key = {once_key(one): one for one in inbound}
        keys = await self.house.database.read(Unscoped.OPERATOR, look)
        return [by_key[key] for key in keys if key in by_key]

    def technician(self, n: int) -> Acting:
        technician_id, name = self.world.technicians[n]
        return Acting(self.world.tenant_id, technician_id, name, name, "technician", False, "l", "bearer", START)

    def texts(self) -> list[str]:
        return [row.values["body"] for row in self.ledger.of_kind("text")]

    def code(self) -> str:
        """The newest code that left, as the user reads it."""
        return [body for body in self.texts() if "Code: " in body][-1].split("Code: ")[1][:6]

    async def claimed(self) -> str:
        """A check that Dana has; returns its code."""
        await self.engine.receive(self.said("#verify", "first"))
        await self.dispatcher.run_until_idle()
        (check_id,) = await self.check_ids()
        acted = await self.acts.claim(self.technician(0), check_id, direction="we_called_user", ticket="new")
        assert acted.refused == ""
        await self.dispatcher.run_until_idle()
        return self.code()
