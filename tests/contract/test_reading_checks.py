"""What pages and the API read of checks, announced calls, alerts and the log, written by real turns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from dialogs import tech_verify as tv
from dialogs.effects import Code
from dialogs.messages import DeliveryReport
from dialogs.turns import (
    Alert,
    AnnouncedCall,
    Announcement,
    AuditEvent,
    CheckAsk,
    Decision,
    OutboxItem,
    SaveCheck,
    Settled,
    Taken,
    Turn,
)
from storage.alerts import Alerts
from storage.announced import AnnouncedCalls, get_announced
from storage.checks import Checks
from storage.database import Database, Unscoped
from storage.delivery import MEANINGS, delivery
from storage.log import Log
from storage.paging import BadCursor
from storage.postgres.store import PostgresTurnStore
from storage.sealed.sequencer import Sequencer
from storage.sqlite import SqliteDatabase, SqliteTurnStore
from storage.stream import REPLAYED, WAITING, Event, EventStream, StartOver
from tests.fixtures.kept import Kept
from tests.fixtures.world import World

T = TypeVar("T")
CODE = Code("473911")
RANKS = {"sent": 1, "delivered": 2, "undelivered": 2}


@dataclass
class House:
    """A turn store on the database, and what reads beside it. `sequencer` where lines get their place afterwards."""

    kept: Kept
    store: SqliteTurnStore | PostgresTurnStore
    checks: Checks
    sequencer: Sequencer | None = None
    told: list[Callable[[], None]] = field(default_factory=list)

    @property
    def tenant_id(self) -> str:
        return self.kept.world.tenant_id

    async def write(self, decision: Decision[None]) -> None:
        ask = CheckAsk(decision.tenant_id, "none")
        turn: Turn[None] = Turn(ask, lambda facts: decision, self.kept.clock.now())
        assert isinstance(await self.store.take(turn), Taken)
        if self.sequencer is not None:
            await self.sequencer.place()
        for callback in self.told:
            callback()

    def open_state(self, asker: tv.Asker | None = None, since: timedelta = timedelta()) -> tv.Open:
        now, ada = self.kept.clock.now() + since, self.kept.world.people[0]
        story = tv.Story(asker or tv.Known(ada.id, ada.name), now, (tv.Happened(now, "requested"),))
        return tv.Open(story, tv.Challenge(CODE, "digest", tv.Mode.COMPARE, now + timedelta(minutes=10)))

    def claimed(self, ticket: tv.TicketChoice, state: tv.Open | None = None) -> tv.Claimed:
        opened = state or self.open_state()
        who = tv.Technician(self.kept.world.dana, "Dana")
        claim = tv.Claim(who, tv.Direction.WE_CALLED_USER, ticket, self.kept.clock.now(), announced=True)
        return tv.Claimed(opened.story, opened.challenge, claim, told=True)

    async def save(
        self, state: tv.State, *, person: int | None = 0, outbox: tuple[OutboxItem, ...] = (), version: int = 0
    ) -> str:
        """A check of that person of the first tenant; None is a number that stands on several."""
        check_id, world = self.kept.new_id(), self.kept.world
        contact_id = "" if person is None else world.people[person].id
        their = world.people[person or 0].mobile
        save = SaveCheck(
            check_id,
            version,
            state,
            "sms",
            world.number.address,
            their,
            self.kept.new_id(),
            contact_id,
            self.kept.clock.now(),
        )
        texts = tuple(replace(item, check_id=check_id, contact_id=contact_id) for item in outbox)
        await self.write(Decision(None, world.tenant_id, checks=(save,), outbox=texts))
        return check_id

    def code_text(self, template: str = "tv.code") -> OutboxItem:
        now = self.kept.clock.now()
        payload = {"to": self.kept.world.people[0].mobile, "from": self.kept.world.number.address, "body": "b"}
        return OutboxItem(self.kept.new_id(), "text", self.kept.new_id(), payload, now, template=template)

    def event(self, kind: str, at: datetime | None = None) -> AuditEvent:
        return AuditEvent(
            self.kept.new_id(),
            at or self.kept.clock.now(),
            kind,
            check_id="c1",
            contact_id=self.kept.world.people[0].id,
            technician_id=self.kept.world.dana,
            public={"n": 1},
            sealed={"said": "canary words"},
        )

    async def log(self, *kinds: str, world: World | None = None) -> None:
        tenant_id = (world or self.kept.world).tenant_id
        at = [self.kept.clock.now() + timedelta(microseconds=n) for n in range(len(kinds))]
        events = tuple(replace(self.event(*each), contact_id="") for each in zip(kinds, at, strict=True))
        await self.write(Decision(None, tenant_id, audit=events))


@pytest.fixture
async def house(kept: Kept) -> AsyncIterator[House]:
    def rank(status: str) -> int:
        return RANKS.get(status, 0)

    checks = Checks(kept.database, kept.keyring)
    if isinstance(kept.database, SqliteDatabase):
        yield House(kept, SqliteTurnStore(kept.database, kept.keyring, rank), checks)
        return
    store, sequencer = PostgresTurnStore(kept.url, kept.keyring, rank), Sequencer(kept.url)
    yield House(kept, store, checks, sequencer)
    await store.close()
    await sequencer.close()


# --- checks


@pytest.mark.feature("SEC-02")
async def test_only_the_claimer_of_a_live_check_gets_the_code(house: House) -> None:
    now = house.kept.clock.now()
    theo = house.kept.world.technicians[1][0]
    dana = house.kept.world.dana
    claimed = await house.save(house.claimed(tv.Later()))
    unclaimed = await house.save(house.open_state(tv.Known(house.kept.world.people[1].id, "Ben")), person=1)
    row = await house.checks.get(house.tenant_id, claimed, for_technician=dana, now=now)
    assert row is not None
    assert row.code == "473911"
    assert isinstance(row.state, tv.Claimed)
    assert row.state.challenge.code == CODE
    assert "473911" not in repr(row)
    late = now + timedelta(minutes=10)
    for check_id, technician_id, at in (
        (claimed, theo, now),
        (claimed, "", now),
        (claimed, dana, late),
        (claimed, dana, None),
        (unclaimed, dana, now),
        (unclaimed, "", now),
    ):
        found = await house.checks.get(house.tenant_id, check_id, for_technician=technician_id, now=at)
        assert found is not None
        assert found.code == ""
        assert "473911" not in str(asdict(found))
    listed = await house.checks.page(house.tenant_id)
    assert len(listed.items) == 2
    assert "473911" not in str([asdict(row) for row in listed.items])
    assert await house.checks.get(house.kept.other.tenant_id, claimed, for_technician=dana, now=now) is None


@pytest.mark.feature("TV-16")
async def test_a_row_says_who_what_and_how_sure(house: House) -> None:
    now, world = house.kept.clock.now(), house.kept.world
    claimed = house.claimed(tv.Ticket("t-1", "1001"))
    done = tv.Confirmed(claimed.story, now, claimed.claim, "compare", tv.Logged.WRITTEN)
    row = await house.checks.get(house.tenant_id, await house.save(done))
    assert row is not None
    assert (row.word, row.channel, row.number, row.assurance, row.logged) == (
        "confirmed",
        "sms",
        "…11",
        "compare",
        "written",
    )
    assert row.contact is not None
    assert (row.contact.name, row.contact.client, row.candidates) == ("Ada Bishop", "Acme Dental", ())
    assert row.technician is not None
    assert (row.technician.id, row.technician.first_name) == (world.dana, "Dana")
    assert (row.ticket, row.ticket_id, row.ticket_number, row.needs_ticket) == ("ticket", "t-1", "1001", False)
    assert (row.direction, row.announced, row.ended_at) == ("we_called_user", True, now)
    assert [h.what for h in row.trail] == ["requested"]
    assert not row.is_live(now)
    assert world.people[0].mobile not in str(asdict(row))


async def test_a_number_on_several_contacts_names_the_candidates(house: House) -> None:
    ada, ben = house.kept.world.people[:2]
    check_id = await house.save(house.open_state(tv.Several((ada.id, ben.id, "erased"))), person=None)
    row = await house.checks.get(house.tenant_id, check_id)
    assert row is not None
    assert row.contact is None
    assert [c.name for c in row.candidates] == ["Ada Bishop", "Ben Cole"]
    assert (row.technician, row.ticket, row.delivery, row.direction) == (None, "", None, "")
    assert row.is_live(house.kept.clock.now())
    assert not row.is_live(house.kept.clock.now() + timedelta(minutes=10))


async def test_how_checks_ended_and_whether_they_need_a_ticket(house: House) -> None:
    now = house.kept.clock.now()
    claimed = house.claimed(tv.Later())
    story, claim = claimed.story, claimed.claim
    ended: dict[str, tv.State] = {
        "deadline": tv.Expired(story, now, None, "deadline", tv.Logged.NOT_DUE),
        "wrong_codes": tv.Alarm(story, now, claim, "wrong_codes", tv.Logged.WAITS_FOR_TICKET),
        "hung up": tv.Rejected(story, now, claim, "hung up", tv.Logged.WAITS_FOR_TICKET),
        "": tv.Denied(story, now, replace(claim, ticket=tv.NewTicket()), tv.Logged.WAITS_FOR_TICKET),
    }
    flags = {}
    for reason, state in ended.items():
        row = await house.checks.get(house.tenant_id, await house.save(state))
        assert row is not None
        assert row.reason == reason
        flags[row.word] = (row.ticket, row.needs_ticket)
    assert flags == {
        "expired": ("", False),
        "alarm": ("later", True),
        "rejected": ("later", True),
        "denied": ("new", False),
    }


async def test_lists_are_newest_first_filtered_and_paged(house: House) -> None:
    ids = []
    for i in range(5):
        house.kept.clock.advance(timedelta(seconds=i % 2))
        claim = house.claimed(tv.Ticket(f"t-{i % 2}", "1"))
        done = tv.Denied(claim.story, house.kept.clock.now(), claim.claim, tv.Logged.WRITTEN)
        ids.append(await house.save(done, person=i % 2))
    live = await house.save(house.open_state())

    async def listed(**wanted: object) -> list[str]:
        return [row.id for row in (await house.checks.page(house.tenant_id, **wanted)).items]  # type: ignore[arg-type]

    everything = await listed()
    assert everything[0] == live
    assert sorted(everything) == sorted([*ids, live])
    rows = (await house.checks.page(house.tenant_id)).items
    assert [r.created_at for r in rows] == sorted((r.created_at for r in rows), reverse=True)
    assert await listed(live=True) == [live]
    assert live not in await listed(live=False)
    assert sorted(await listed(contact_id=house.kept.world.people[1].id)) == sorted(ids[1::2])
    assert sorted(await listed(ticket_id="t-0")) == sorted(ids[::2])
    assert await listed(technician_id=house.kept.world.dana) == [i for i in everything if i != live]
    paged, cursor = [], ""
    while True:
        page = await house.checks.page(house.tenant_id, cursor=cursor, limit=2)
        paged += [row.id for row in page.items]
        if page.next is None:
            break
        cursor = page.next
    assert paged == everything
    with pytest.raises(BadCursor):
        await house.checks.page(house.tenant_id, cursor="nonsense")
    assert (await house.checks.page(house.kept.other.tenant_id)).items == ()


@pytest.mark.feature("Y-06")
async def test_the_newest_code_text_says_how_far_it_got(house: House) -> None:
    first, notice = house.code_text(), house.code_text("tv.claimed")
    check_id = await house.save(house.open_state(), outbox=(first, notice))

    async def words() -> str:
        row = await house.checks.get(house.tenant_id, check_id)
        assert row is not None
        assert row.delivery is not None
        return f"{row.delivery.state}: {row.delivery.words}"

    assert await words() == "waiting: Waiting to be sent."
    now = house.kept.clock.now()
    leased = {held.item.id: held for held in await house.store.lease("w", now)}
    sent = Settled(leased[first.id], "sent", provider="twilio", provider_id="SM1")
    failed = Settled(leased[notice.id], "dead", error="30007")
    await house.store.settle([sent, failed], now)
    assert await words() == "sent: Sent. The network has not yet said that it arrived."
    await house.store.report_delivery(DeliveryReport("twilio", "SM1", "undelivered", "30003"), now)
    assert await words() == (
        "failed: Not delivered. The phone is off or out of reach. Ask the person to check their signal. (error 30003)"
    )


@pytest.mark.feature("Y-06")
def test_every_outcome_of_a_text_has_words() -> None:
    now = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
    assert delivery("sent", "delivered", "", now).words == "Delivered."
    assert delivery("dropped", "", "", now).state == "dropped"
    assert delivery("waiting", "", "55555", now).words == "Waiting to be sent. So far: Error 55555."
    assert delivery("dead", "", "99999", now).words == "Not delivered. Error 99999."
    assert delivery("dead", "", "", now).words == "Not delivered. The reason is not known."
    for code, meaning in MEANINGS.items():
        assert meaning in delivery("sent", "undelivered", code, now).words
        assert code in delivery("sent", "undelivered", code, now).words


# --- announced calls and alerts


async def test_announced_calls_are_listed_while_they_live(house: House) -> None:
    now, world = house.kept.clock.now(), house.kept.world
    ada, ben = world.people[:2]
    calls = [
        AnnouncedCall(
            house.kept.new_id(),
            person.id,
            world.dana,
            "Dana",
            "we_called_user",
            "ticket",
            "t-1",
            "1001",
            now + timedelta(minutes=15),
        )
        for person in (ada, ben)
    ]
    await house.write(Decision(None, world.tenant_id, announcements=tuple(Announcement(c) for c in calls)))
    announced = AnnouncedCalls(house.kept.database)
    assert {row.contact_name for row in await announced.live(world.tenant_id, now)} == {"Ada Bishop", "Ben Cole"}
    (row,) = await announced.live(world.tenant_id, now, contact_id=ada.id)
    assert (row.id, row.ticket_number, row.expires_at) == (calls[0].id, "1001", calls[0].expires_at)
    assert row.is_live(now)
    assert await announced.live(world.tenant_id, now, technician_id="somebody") == ()
    assert await announced.live(world.tenant_id, now + timedelta(minutes=15)) == ()
    assert await announced.live(house.kept.other.tenant_id, now) == ()
    await house.write(Decision(None, world.tenant_id, announcements=(Announcement(calls[0], ends=True),)))
    assert [row.id for row in await announced.live(world.tenant_id, now)] == [calls[1].id]
    ended = await house.kept.database.read(world.tenant_id, lambda c: get_announced(c, world.tenant_id, calls[0].id))
    assert ended is not None
    assert not ended.is_live(now)
    assert await announced.get(house.kept.other.tenant_id, calls[1].id) is None


@pytest.mark.feature("Y-03")
async def test_alerts_wait_until_somebody_has_seen_them(house: House) -> None:
    now, world = house.kept.clock.now(), house.kept.world
    made = [
        Alert(house.kept.new_id(), kind, now + timedelta(seconds=i), "c1", contact, f"words {i}")
        for i, (kind, contact) in enumerate((("denied", world.people[0].id), ("nobody_claimed", "")))
    ]
    await house.write(Decision(None, world.tenant_id, alerts=tuple(made)))
    alerts = Alerts(house.kept.database, house.kept.keyring)
    assert [(a.kind, a.text) for a in await alerts.unseen(world.tenant_id)] == [
        ("nobody_claimed", "words 1"),
        ("denied", "words 0"),
    ]
    assert not await alerts.acknowledge(house.kept.other.tenant_id, made[0].id, world.dana, now)
    assert await alerts.acknowledge(world.tenant_id, made[0].id, world.dana, now)
    assert not await alerts.acknowledge(world.tenant_id, made[0].id, "another", now)
    assert [a.id for a in await alerts.unseen(world.tenant_id)] == [made[1].id]
    assert await alerts.count(world.tenant_id) == 1
    assert [(a.seen_by, a.seen_at) for a in await alerts.recent(world.tenant_id)] == [("", None), (world.dana, now)]
    assert await alerts.count(house.kept.other.tenant_id) == 0


# --- log and stream


@pytest.mark.feature("SEC-53", "SEC-37")
async def test_the_log_reads_without_what_was_sealed(house: House) -> None:
    later = house.kept.clock.now() + timedelta(microseconds=1)
    await house.write(
        Decision(None, house.tenant_id, audit=(house.event("tv.opened"), house.event("tv.claimed", later)))
    )
    await house.log("theirs", world=house.kept.other)
    await house.log("text.delivery", "text.opted_out")
    log = Log(house.kept.database)
    page = await log.after(house.tenant_id)
    assert [row.kind for row in page.items] == ["tv.opened", "tv.claimed", "text.delivery", "text.opted_out"]
    assert page.next is None
    assert "canary" not in str(page)
    assert page.items[0].public == {"n": 1}
    first = await log.after(house.tenant_id, limit=3)
    assert first.next is not None
    assert [row.kind for row in (await log.after(house.tenant_id, first.next)).items] == ["text.opted_out"]
    newest = await log.before(house.tenant_id, limit=2)
    assert [row.kind for row in newest.items] == ["text.opted_out", "text.delivery"]
    assert [row.kind for row in (await log.before(house.tenant_id, newest.next)).items] == ["tv.claimed", "tv.opened"]
    assert [row.kind for row in (await log.after(house.tenant_id, kind="text.")).items] == [
        "text.delivery",
        "text.opted_out",
    ]
    assert [row.kind for row in (await log.after(house.tenant_id, kind="tv.claimed")).items] == ["tv.claimed"]
    of_ada = await log.after(house.tenant_id, contact_id=house.kept.world.people[0].id, check_id="c1")
    assert len(of_ada.items) == 2
    assert await log.newest(house.tenant_id) == page.items[-1].seq
    assert await log.newest("01900000-0000-7000-8000-999999999999") == 0
    assert await log.unsealed(house.tenant_id) == ()


@pytest.fixture
async def stream(house: House) -> AsyncIterator[EventStream]:
    stream = EventStream(house.kept.database, look_every=60)
    house.told.append(stream.wake)
    running = asyncio.create_task(stream.run())
    yield stream
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def take(events: AsyncIterator[Event], n: int) -> list[str]:
    return [(await asyncio.wait_for(anext(events), 30)).kind for _ in range(n)]


@pytest.mark.feature("TV-07")
async def test_a_stream_replays_and_goes_on_without_a_gap(house: House, stream: EventStream) -> None:
    await house.log("a", "b", "c")
    first = (await Log(house.kept.database).after(house.tenant_id)).items[0]
    events = stream.subscribe(house.tenant_id, first.seq)
    assert await take(events, 2) == ["b", "c"]
    await house.log("d")
    await house.log("theirs", world=house.kept.other)
    await house.log("e", "f")
    assert await take(events, 3) == ["d", "e", "f"]
    fresh = stream.subscribe(house.tenant_id)
    waiting = asyncio.create_task(take(fresh, 1))
    await asyncio.sleep(0)
    while not waiting.done():
        await house.log("g")
    assert await waiting == ["g"]
    await events.aclose()
    await fresh.aclose()


async def test_many_readers_get_everything_once_while_the_log_grows(house: House, stream: EventStream) -> None:
    await house.log("0")
    start = await Log(house.kept.database).newest(house.tenant_id)
    kinds = [str(n) for n in range(1, 41)]

    async def read() -> list[str]:
        events = stream.subscribe(house.tenant_id, start)
        try:
            return await take(events, len(kinds))
        finally:
            await events.aclose()

    async def grow() -> None:
        for kind in kinds:
            await house.log(kind)

    *readings, _ = await asyncio.gather(*(read() for _ in range(5)), grow())
    assert readings == [kinds] * 5


class Held:
    """The same database, whose next answer is held back until `release`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.holds = False
        self.held, self.release = asyncio.Event(), asyncio.Event()

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        mine, self.holds = self.holds, False
        answer = await self._database.read(scope, work)
        if mine:
            self.held.set()
            await self.release.wait()
        return answer

    async def write(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        return await self._database.write(scope, work)


async def test_two_who_subscribe_at_once_miss_nothing_in_between(house: House) -> None:
    await house.log("a")
    database = Held(house.kept.database)
    stream = EventStream(database, look_every=60)
    running = asyncio.create_task(stream.run())
    database.holds = True
    early = stream.subscribe(house.tenant_id)
    first = asyncio.create_task(take(early, 2))
    await database.held.wait()
    await house.log("b")
    late = stream.subscribe(house.tenant_id)
    second = asyncio.create_task(take(late, 1))
    while not second.done():
        await house.log("c")
        stream.wake()
        await asyncio.wait((second,), timeout=0.01)
    database.release.set()
    stream.wake()
    assert await first == ["b", "c"], "what came between the look and the subscription"
    assert await second == ["c"]
    await early.aclose()
    await late.aclose()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_passed_by_while_somebody_looked_comes_without_another_commit(house: House) -> None:
    await house.log("a")
    database = Held(house.kept.database)
    stream = EventStream(database, look_every=60)
    running = asyncio.create_task(stream.run())
    there = stream.subscribe(house.tenant_id)
    first = asyncio.create_task(take(there, 1))
    while not first.done():
        await house.log("b")
        stream.wake()
        await asyncio.wait((first,), timeout=0.01)
    database.holds = True
    late = stream.subscribe(house.tenant_id)
    second = asyncio.create_task(take(late, 1))
    await database.held.wait()
    await house.log("c")
    stream.wake()
    while await take(there, 1) != ["c"]:
        pass
    database.release.set()
    assert await second == ["c"], "handed out while it looked, and nothing else comes"
    await there.aclose()
    await late.aclose()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.feature("REL-16")
async def test_who_missed_too_much_starts_over(house: House, stream: EventStream) -> None:
    await house.log("a")
    newest = await Log(house.kept.database).newest(house.tenant_id)
    slow = stream.subscribe(house.tenant_id, newest - 1)
    assert await take(slow, 1) == ["a"]
    await house.log(*["b"] * (WAITING + 50))
    watcher = stream.subscribe(house.tenant_id, newest + WAITING + 49)
    assert await take(watcher, 1) == ["b"]
    await house.log("end")
    assert await take(watcher, 1) == ["end"]
    with pytest.raises(StartOver):
        await take(slow, WAITING + 51)
    with pytest.raises(StartOver):
        await take(stream.subscribe(house.tenant_id, newest + 10_000), 1)
    await house.log(*["c"] * REPLAYED)
    with pytest.raises(StartOver):
        await take(stream.subscribe(house.tenant_id, 0), REPLAYED + 1)
    await watcher.aclose()


def test_events_hold_nothing_sealed() -> None:
    assert set(Event.__dataclass_fields__) == {"seq", "kind", "check_id", "contact_id", "technician_id", "public"}
    assert json.dumps(asdict(Event(1, "k", "c", "p", "t", {"n": 1})))
