"""Where the time of a plain text goes, part by part, on one thread with nothing beside it.

Of each part the best of many batches is kept: it is what the part costs, and what the neighbours cost is not in it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime
from itertools import islice

from bench.stored import File
from bench.texts import Target, Texts, mobiles
from bench.world import SMS_PATH, Wanted, World, open_world
from bot.app import listen
from bot.drafts import Draft
from bot.inbound import Reading
from bot.wording import Wording
from channels.twilio import form, signature
from channels.twilio.texts import to_inbound
from dialogs.messages import Inbound, Receipt
from dialogs.turns import Decision, Facts, InboundAsk, InboundFacts, Turn
from storage.keys import Key, Lots, RowKeys, TenantKey, place
from storage.sqlite import SqliteDatabase
from storage.sqlite.decisions import DecisionWriter
from storage.sqlite.facts import FactLoader
from storage.tenants import CarrierAccount
from storage.turn_facts import Loaded

BATCH, BATCHES = 32, 40
A_DAY_S = 25 * 3600


class Best:
    """The least that each part took in any batch of `size`, in microseconds a text."""

    def __init__(self, size: int = BATCH) -> None:
        self._size = size
        self.least: dict[str, float] = {}
        self._now: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - began)

    def add(self, name: str, seconds: float) -> None:
        self._now[name] = self._now.get(name, 0.0) + seconds

    def end_batch(self) -> None:
        for name, took in self._now.items():
            self.least[name] = min(self.least.get(name, 1e9), took / self._size * 1e6)
        self._now = {}


async def measure_parts(stored: File) -> dict[str, float]:
    """Part -> microseconds for one text."""
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(listen("127.0.0.1", 0))
        world = await open_world(listening, Wanted(stored.url, contacts=BATCH * BATCHES, background=False), stack)
        best = Best()
        turns = _Turns(world, best)
        people = list(islice(mobiles(), BATCH * BATCHES))
        for body in ("Hello?", "My mail does not open since this morning."):
            best.least.clear()
            world.clock.advance(A_DAY_S)
            for at in range(0, len(people), BATCH):
                turns.batch(people[at : at + BATCH], body)
        _time_sealing(best)
        return best.least


class Arrivals:
    """Texts as the web layer hands them on, with a watch on what it does to them."""

    def __init__(self, world: World, best: Best) -> None:
        self._best = best
        filled = world.filled
        url = world.house.settings.public_url + SMS_PATH
        self._urls = signature.url_spellings(url)
        self._texts = Texts(Target(url, filled.account_sid, filled.auth_token, filled.number), secrets.randbits(32))
        self._account = CarrierAccount(filled.tenant_id, filled.account_sid, filled.auth_token)

    def arrive(self, person: str, body: str, together: str = "") -> Inbound:
        """`together`: the one part that all of it is counted as."""
        raw = self._texts.request(person, body)
        head, _, raw_form = raw.partition(b"\r\n\r\n")
        signed = head.partition(b"X-Twilio-Signature: ")[2].partition(b"\r\n")[0].decode()
        part = self._best.part
        with part(together or "form"):
            pairs = form.read_pairs(raw_form)
        with part(together or "signature"):
            text = signature.signed_text(pairs)
            assert signature.is_genuine(signed, "", self._urls, text, self._account)
        with part(together or "distrust and translate"):
            return to_inbound(form.check_text(pairs, text), signed)


class _Turns:
    def __init__(self, world: World, best: Best) -> None:
        self._world = world
        self._best = best
        self._arrivals = Arrivals(world, best)
        house = world.house
        assert isinstance(house.database, SqliteDatabase), "the parts are those of the store on a file"
        self._connection = house.database.connection
        cursor = self._connection.cursor()
        self._loader = FactLoader(cursor, house.keyring)
        self._writer = DecisionWriter(cursor)
        self._wording = Wording(house.settings.public_url)

    def batch(self, people: list[str], body: str) -> None:
        part, now = self._best.part, self._world.clock.now()
        arrived = [self._arrivals.arrive(person, body) for person in people]
        with part("begin and commit"):
            self._connection.execute("BEGIN IMMEDIATE")
            self._writer.begin()
        for inbound in arrived:
            with part("facts"):
                found = self._loader.load(InboundAsk(inbound), now)
            assert isinstance(found, Loaded)
            with part("decide"):
                decision = self._decide(found.facts, inbound, now)
            with part("write"):
                self._writer.write(Turn(InboundAsk(inbound), _decided, now), decision, found.facts, found.keys)
        with part("begin and commit"):
            self._connection.commit()
        self._best.end_batch()

    def _decide(self, facts: Facts, inbound: Inbound, now: datetime) -> Decision[Receipt]:
        assert isinstance(facts, InboundFacts)
        random = self._world.house.random
        return Reading(facts, inbound, Draft(facts.tenant, now, random, self._wording), random, False).decide()


def _decided(facts: Facts) -> Decision[Receipt]:
    raise AssertionError("this turn is decided already")


def _time_sealing(best: Best) -> None:
    """Of the writing: what the three seals take."""
    tenant = "0" * 36
    keys = RowKeys(TenantKey(tenant, Key(b"k" * 32, b"\x02", Lots()), b""))
    for _ in range(BATCHES):
        with best.part("of it, three seals"):
            for _ in range(3 * BATCH):
                keys.seal(b"x" * 100, place("outbox", "payload", tenant, tenant))
        best.end_batch()


def describe(parts: dict[str, float]) -> str:
    return "\n".join(f"{name:<28}{took:>8.1f} us" for name, took in parts.items())
