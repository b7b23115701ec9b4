"""One simulated stretch of time from one seed: houses that crash, people who text and tap, an outside with moods.

Nothing here depends on anything but the seed: the same seed gives the same trace, to the last line.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from dialogs.messages import Unavailable
from dialogs.ports import Contended, TurnStore
from dialogs.turns import ContactFacts
from psa.base import Psa, TicketRef
from storage.memory import MemoryTurnStore
from tests.fixtures.stand_ins import START, StandingClock
from tests.fixtures.world import Person, World, row_id, seed_memory
from tests.simulation.house import Chance, Crash, House, WatchedStore, WaysOut
from tests.simulation.loop import Life, SteppedLoop, at_once
from tests.simulation.outside import Carrier, Ledger, Mood, TicketSystem
from tests.simulation.parts import Broken, Doorway, Faults, LateClock, NoDatabase, drawn_world, with_second_person
from tests.simulation.phones import Phones
from tests.simulation.provider import RANKS, Provider
from tests.simulation.reached import MailServer, Telephone
from tests.simulation.watch import Watch

T = TypeVar("T")
#: A mobile that two contacts of the first tenant share in some runs.
SHARED = "Zoe Yates"
#: Where control passes between the house and the outside, storage included.
POINTS = (
    *("take:before", "commit:before", "commit:after", "take:after", "lease:before", "lease:after"),
    *("settle:before", "settle:after", "report:before", "report:after", "find:before"),
    *("send:before", "send:taken", "send:after"),
    *("ticket:before", "ticket:taken", "ticket:after", "note:before", "note:taken", "note:after"),
    *("mail:before", "mail:taken", "mail:after", "call:before", "call:taken", "call:after"),
    *("say:before", "say:taken", "say:after"),
)


class Simulation:
    """`run` it once. `world_of` and the rest are for the people of `tests.simulation.people`."""

    def __init__(self, seed: int, faults: Faults | None = None) -> None:
        self.seed = seed
        self.dice = random.Random(f"schedule {seed}")
        self.counts: Counter[str] = Counter()
        self._faults = faults or Faults()
        self._clock = StandingClock()
        self._loop = SteppedLoop()
        self._chance = Chance(f"house {seed}")
        #: Apart, so that runs in which nobody wants a second person are what they would be without.
        apart = random.Random(f"a second person {seed}")
        self.worlds = tuple(with_second_person(drawn_world(n, self.dice), apart) for n in (1, 2))
        self.store = MemoryTurnStore(lambda status: RANKS.get(status, 0))
        self.watch = Watch(self.worlds, self.store, self._clock)
        self.ledger = Ledger()
        self.houses: list[House] = []
        self.provider = Provider(self)
        self.phones = Phones(self)
        for world in self.worlds:
            seed_memory(self.store, world)
        #: Tenant and contact to a second mobile of theirs.
        self.second_phones: dict[tuple[str, str], str] = {}
        for world in self.worlds:
            person = self.dice.choice(world.people)
            self._give_second_phone(world, person, "+13475550180")
        self.shares_number = self.dice.random() < 0.3
        if self.shares_number:
            first = self.worlds[0]
            twin = ContactFacts(row_id(1900), SHARED, first.people[0].client_id, first.people[0].client_name)
            self.store.add_contact(first.tenant_id, twin, mobile=first.people[0].mobile)
            self.watch.knows_contact(first.tenant_id, twin.id)
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0
        #: House -> at which point it crashes, and at which time it comes there.
        self._fuse: dict[str, tuple[str, int]] = {}
        self._down_until = START
        self.rough = self.dice.choice((0.0, 0.1, 0.3))
        self._healed = False
        self._lateness: dict[datetime, timedelta] = {}
        self._replicas = self.dice.choice((1, 1, 2))

    def _give_second_phone(self, world: World, person: Person, mobile: str) -> None:
        self.store.add_contact(world.tenant_id, person.facts, mobile=mobile)
        self.store.add_contact(world.tenant_id, person.facts, mobile=person.mobile, email=person.email)
        self.second_phones[world.tenant_id, person.id] = mobile

    # --- time -------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        return self._clock.now()

    def at(self, when: datetime, do: Callable[[], None]) -> None:
        """Have something happen outside, not before now."""
        self._count += 1
        heapq.heappush(self._events, (max(when, self.now()), self._count, do))

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self.at(self.now() + timedelta(seconds=seconds), do)

    def move_to(self, when: datetime) -> None:
        """Let everything happen that happens until then."""
        while True:
            coming = [self._events[0][0]] if self._events else []
            due = self._due()
            soon = min([*coming, *([due] if due is not None else [])], default=None)
            if soon is None or soon > when:
                break
            self._set_clock(soon)
            if coming and coming[0] <= soon:
                heapq.heappop(self._events)[2]()
            self.settle_down()
        self._set_clock(when)
        self.settle_down()

    def settle_down(self) -> None:
        """Run the houses until they wait, then look at everything."""
        for house in self.houses:
            house.dispatcher.wake()
        self._loop.run_ready()
        self.houses = [h for h in self.houses if not h.life.is_over]
        self.watch.after_step()
        if self.watch.broken:
            raise Broken(self._say("\n".join(self.watch.broken)))

    def begin(self, house: House, work: Coroutine[Any, Any, Any]) -> None:
        """Something starts inside a house."""
        self._loop.begin(work, house.life)

    def _set_clock(self, when: datetime) -> None:
        if when > self.now():
            # A millisecond more each time, as no two things happen at once.
            self._clock.advance(when - self.now())
        self._loop.seconds = (self.now() - START).total_seconds()

    def _due(self) -> datetime | None:
        """When a dispatcher will look next: sometimes late, and never before it can."""
        if not self.houses:
            return None
        due = at_once(self.store.next_due(self.now()))
        if due is None:
            return None
        late = self._lateness.get(due)
        if late is None:
            late = timedelta(seconds=self.dice.choice((0.0, 0.0, 0.0, 0.5, 2.0, 40.0)))
            self._lateness[due] = late
        when = due + late
        return when if when > self.now() else self.now() + timedelta(seconds=1)

    # --- houses -----------------------------------------------------------------------------------------------------

    def open_house(self) -> House:
        """Start a process on the store."""
        self.counts["houses"] += 1
        name = f"house-{self.counts['houses']}"

        def point(where: str) -> None:
            self._pass(name, where)

        def store(life: Life) -> TurnStore:
            inner = self._faults.inner(self.store)
            return self._faults.outer(WatchedStore(inner, self.store, self.watch, point, life))

        carrier = Carrier(self.ledger, self._clock, self, point, self.provider.taken)
        carrier.opted_out = self.provider.opted_out
        phones = self.phones
        telephone = Telephone(self.ledger, self._clock, self, point, phones.taken, phones.is_over)
        clock = LateClock(self._clock, self._faults.slow_clock)
        house = House(
            name,
            store,
            clock,
            self._chance,
            WaysOut(
                self._faults.texts(Doorway(carrier, self.watch)),
                self._faults.mail(MailServer(self.ledger, self._clock, self, point, self.watch.sent)),
                self._faults.calls(telephone),
                lambda tenant_id: self.psa(tenant_id, point),
            ),
            {"t-1": "+13475550170", "t-2": "+13475550171"},
            NoDatabase(),
            self.store,
            {world.tenant_id: world.dana for world in self.worlds},
        )
        self.houses.append(house)
        self.begin(house, _started(house))
        self.watch.trace.append(f"{name} opens")
        return house

    def close_house(self) -> None:
        """An orderly stop, and another house instead."""
        if self.houses:
            house = self.dice.choice(self.houses)
            self.begin(house, house.dispatcher.stop(patience=5))
            self._loop.run_ready()
            house.life.is_over = True
            self.after(2, self._reopen)

    def light_fuse(self) -> None:
        """A house will crash at one of the points it comes to next."""
        if self.houses and not self._healed:
            self._fuse[self.dice.choice(self.houses).name] = (self.dice.choice(POINTS), self.dice.randint(1, 3))

    def lose_storage(self, seconds: float) -> None:
        self._down_until = self.now() + timedelta(seconds=seconds)
        self.counts["outages"] += 1

    def psa(self, tenant_id: str, point: Callable[[str], None]) -> Psa:
        there = {
            p.id: TicketRef(f"old-{p.id[-4:]}", f"9{i}", "before", "open", True, p.client_id, p.id)
            for w in self.worlds
            if w.tenant_id == tenant_id
            for i, p in enumerate(w.people)
        }
        return TicketSystem(tenant_id, self.ledger, self._clock, self, point, {t.id: t for t in there.values()})

    def _pass(self, name: str, where: str) -> None:
        storage = where.split(":")[0] in ("take", "lease", "settle", "report")
        if storage and where.endswith(":before") and self.now() < self._down_until:
            raise Unavailable("the disk is full")
        point, left = self._fuse.get(name, ("", 0))
        if where != point:
            return
        self._fuse[name] = (point, left - 1)
        if left > 1:
            return
        del self._fuse[name]
        house = next(h for h in self.houses if h.name == name)
        house.life.is_over = True
        self.counts["crashes"] += 1
        self.counts[f"crash at {where}"] += 1
        self.watch.trace.append(f"{name} crashes at {where}")
        self.after(self.dice.choice((0.5, 5, 70)), self._reopen)
        raise Crash(where)

    def _reopen(self) -> None:
        if len([h for h in self.houses if not h.life.is_over]) < self._replicas:
            self.open_house()

    # --- the outside ------------------------------------------------------------------------------------------------

    def mood(self, system: str) -> Mood:
        """See `tests.simulation.outside.Weather`."""
        if self._in_trouble(system):
            self.counts[f"{system} in trouble"] += 1
            return "later" if self.dice.random() < 0.5 else "lost"
        if self._healed or self.dice.random() >= self.rough:
            return "well"
        mood: Mood = self.dice.choice(("later", "lost", "taken", "later", "lost", "taken", "never"))
        self.counts[f"{system} {mood}"] += 1
        return mood

    def _in_trouble(self, system: str) -> bool:
        """In one seed of four each system fails for a quarter of an hour out of three, long enough for its breaker to
        open and close again (REL-06)."""
        quarter = int(self.now().timestamp()) // 900
        return self.seed % 4 == 3 and not self._healed and (quarter + len(system)) % 3 == 0

    def pause(self, system: str) -> Awaitable[None]:
        """See `tests.simulation.outside.Weather`."""
        waiting = self._loop.create_future()
        slow = 0.0 if self._healed else self.dice.choice((0.0, 0.0, 0.001, 0.2, 3.0, 3.0 if self.rough else 0.0, 75.0))
        if slow == 75.0 and self.dice.random() > self.rough:
            slow = 0.05
        self.after(slow, lambda: None if waiting.done() else waiting.set_result(None))
        return waiting

    # --- the end ----------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """From here on nothing goes wrong any more."""
        self._healed = True
        self._fuse.clear()
        self._down_until = START
        if not self.houses:
            self.open_house()

    def come_to_rest(self) -> None:
        """Let time pass until nothing waits. Raises Broken when that never comes."""
        for _ in range(4000):
            due = self._due()
            times = [self._events[0][0]] if self._events else []
            times += [due] if due is not None else []
            if not times:
                return
            self.move_to(min(times))
        raise Broken(self._say("it does not come to rest"))

    def check_errors(self) -> None:
        """Raises Broken where something that people did fell over."""
        for error in self._loop.errors():
            raise Broken(self._say(f"it fell over: {error!r}")) from error

    def close(self) -> str:
        """The hash of the trace."""
        self._loop.end()
        return hashlib.sha256("\n".join(self.watch.trace).encode()).hexdigest()

    def fail(self, what: str) -> None:
        raise Broken(self._say(what))

    def _say(self, what: str) -> str:
        last = "\n    ".join(self.watch.trace[-25:])
        again = f"python -m tests.simulation {self.seed}"
        return f"{what}\n  seed {self.seed}; once more: {again}\n  the last of its trace:\n    {last}"


async def forgiving(deed: Callable[[], Awaitable[object]]) -> None:
    """Somebody whose page shows an error tries again later, or not."""
    try:
        await deed()
    except (Unavailable, Contended):
        return


async def _started(house: House) -> None:
    house.dispatcher.start()
