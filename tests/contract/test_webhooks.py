"""Telling other tools, over the log of both databases: each line once, whoever looks, whatever stops in between; tries
shared among replicas; nothing held up by a tool that hangs (SEC-47)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from bot.webhook_feed import GIVEN_UP_ALERT, GONE_ALERT, MOST_EACH, WebhookFeed
from bot.webhook_rules import PAUSES
from dialogs.ports import OutboundAnswer, OutboundFailed, OutboundRefused
from dialogs.turns import AuditEvent
from storage.alerts import Alerts
from storage.database import Unscoped
from storage.log import Log
from storage.noting import append_audit
from storage.retention import sweep
from storage.retention_rules import DELIVERIES_KEPT
from storage.sealed.sequencer import Sequencer
from storage.tables import webhook_deliveries, webhooks
from storage.webhook_events import EVENTS, told_as_test
from storage.webhook_lines import make_out
from storage.webhooks import MOST, NewWebhook, TooMany, Webhooks
from tests.fixtures.kept import Kept
from tests.fixtures.standard_webhooks import verify

pytestmark = pytest.mark.feature("SEC-47")

URL = "https://tool.example/hooks"


@dataclass(slots=True)
class Outside:
    """Every tool there is. `says` is what the next tries come to, then `otherwise`; `hold` keeps them waiting."""

    otherwise: OutboundAnswer | Exception = field(default_factory=lambda: OutboundAnswer(204))
    says: list[OutboundAnswer | Exception] = field(default_factory=list)
    got: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    came: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)

    async def check(self, url: str) -> None:
        return

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> OutboundAnswer:
        self.got.append((url, dict(headers), body))
        self.came.set()
        self.under_way[url] += 1
        self.most[url] = max(self.most[url], self.under_way[url])
        try:
            if self.hold is not None and "slow" in url:
                await self.hold.wait()
        finally:
            self.under_way[url] -= 1
        self.done[url] += 1
        self.came.set()
        said = self.says.pop(0) if self.says else self.otherwise
        if isinstance(said, Exception):
            raise said
        return said

    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, headers, _ in self.got]


@dataclass(slots=True)
class Place:
    """A tenant's log with tools that are told of it."""

    kept: Kept
    outside: Outside
    feed: WebhookFeed
    hooks: Webhooks
    sequencer: Sequencer | None

    @property
    def tenant(self) -> str:
        return self.kept.world.tenant_id

    async def add(self, name: str = "Board", url: str = URL, events: Sequence[str] = tuple(EVENTS)) -> tuple[str, str]:
        """A new webhook's id and secret."""
        id = self.kept.new_id()
        new = NewWebhook(id, name, url, "tool.example", events, self.kept.world.dana)
        return id, await self.hooks.add(self.tenant, new, self.kept.clock.now())

    async def happen(self, kind: str = "alert.denied", *, place: bool = True, tenant: str = "", **public: str) -> str:
        """A line of the log; on PostgreSQL it gets its place when `place`."""
        event = AuditEvent(self.kept.new_id(), self.kept.clock.now(), kind, check_id="check-1", public=public)
        whose = tenant or self.tenant
        await self.kept.database.write(whose, lambda c: append_audit(c, self.kept.keyring, whose, event))
        if place:
            await self.place()
        return event.id

    async def place(self) -> None:
        if self.sequencer is not None:
            await self.sequencer.place()

    def another_feed(self) -> WebhookFeed:
        """Another replica, or this one after a restart."""
        parts = (self.kept.database, self.kept.keyring, self.outside, self.kept.clock, self.kept.randomness)
        return WebhookFeed(*parts)

    async def look(self, feed: WebhookFeed | None = None) -> None:
        """Make out and set out until nothing more is due and every try is over."""
        feed, before = feed or self.feed, -1
        await feed.make_out()
        while before < len(self.outside.got):
            before = len(self.outside.got)
            await feed.set_out()
            await feed.at_rest()

    async def later(self, pause: timedelta) -> None:
        self.kept.clock.advance(pause)
        await self.look()

    async def rows(self) -> list[tuple[str, int, str]]:
        """(status, tries, error) of every delivery, oldest first."""
        row = webhook_deliveries.c
        query = select(row.status, row.attempt, row.error).where(row.tenant_id == self.tenant)
        found = await self.kept.database.read(self.tenant, lambda c: c.execute(query.order_by(row.id)).all())
        return [(r.status, r.attempt, r.error) for r in found]

    async def logged(self, kind: str) -> int:
        await self.place()
        return len((await Log(self.kept.database).before(self.tenant, kind=kind)).items)


@pytest.fixture
async def place(kept: Kept) -> AsyncIterator[Place]:
    outside = Outside()
    sequencer = Sequencer(kept.url) if kept.url else None
    feed = WebhookFeed(kept.database, kept.keyring, outside, kept.clock, kept.randomness)
    try:
        yield Place(kept, outside, feed, Webhooks(kept.database, kept.keyring), sequencer)
    finally:
        if outside.hold is not None:
            outside.hold.set()
        await feed.at_rest()
        if sequencer is not None:
            await sequencer.close()


# --- from the log to the other side ---------------------------------------------------------------------------------


async def test_what_happens_is_told_once_signed_and_in_order(place: Place) -> None:
    await place.happen("alert.wrong_codes")
    _, secret = await place.add()
    lines = [
        await place.happen("alert.denied"),
        await place.happen("sign_in.granted"),
        await place.happen("tv.release", before="claimed", after="open"),
    ]
    for _ in range(3):
        await place.look()
    assert sorted(place.outside.ids()) == sorted([lines[0], lines[2]])
    for url, headers, body in place.outside.got:
        assert url == URL
        assert verify(secret, headers, body, place.kept.clock.now())
    assert {json.loads(body)["type"] for _, _, body in place.outside.got} == {"alert.raised", "verification.released"}
    assert await place.rows() == [("sent", 1, "")] * 2


async def test_only_what_was_chosen_and_only_of_its_own_tenant(place: Place) -> None:
    await place.add(events=["verification.denied", "contact.changed"])
    await place.happen("alert.denied")
    line = await place.happen("tv.deny", before="claimed", after="denied")
    await place.happen("tv.deny", tenant=place.kept.other.tenant_id, before="claimed", after="denied")
    await place.look()
    assert place.outside.ids() == [line]


async def test_a_line_that_gets_its_place_later_is_told_of_and_none_before_it_is_lost(place: Place) -> None:
    """On PostgreSQL lines are committed without a place; the feed may look in between at any time."""
    await place.add()
    lines = []
    for n in range(6):
        lines.append(await place.happen(place=n % 3 == 2))
        await place.look()
    await place.place()
    await place.look()
    assert place.outside.ids() == lines


async def test_more_lines_than_one_look_takes(place: Place) -> None:
    await place.add()
    await place.add("Only denials", events=["verification.denied"])
    lines = [await place.happen(place=False) for _ in range(230)]
    lines.append(await place.happen("tv.deny", place=False, before="claimed", after="denied"))
    await place.place()
    await place.look()
    assert Counter(place.outside.ids()) == Counter(lines) + Counter(lines[-1:])


async def test_the_technician_of_that_moment_is_named(place: Place) -> None:
    await place.add(events=["verification.claimed", "verification.confirmed"])
    await place.happen("tv.claim_check", before="open", after="claimed", claimer="tech-1")
    await place.happen("tv.take_over", before="claimed", after="claimed", claimer="tech-2")
    await place.happen("tv.confirm", before="claimed", after="confirmed", assurance="code")
    await place.look()
    said = sorted((json.loads(body) for _, _, body in place.outside.got), key=lambda e: str(e["data"]))
    assert sorted((e["type"], e["data"]["technician_id"]) for e in said) == [
        ("verification.claimed", "tech-1"),
        ("verification.claimed", "tech-2"),
        ("verification.confirmed", "tech-2"),
    ]


async def test_two_replicas_at_once_tell_each_line_once(place: Place) -> None:
    other = place.another_feed()
    await place.add()
    await place.add("Second", url="https://second.example/")
    lines = []
    for _ in range(5):
        lines += [await place.happen(place=False) for _ in range(8)]
        await place.place()
        await asyncio.gather(place.look(), place.look(other), place.look(place.another_feed()))
    place.kept.clock.advance(timedelta(minutes=2))
    await place.look()
    assert Counter(place.outside.ids()) == Counter(dict.fromkeys(lines, 2))


async def test_a_restart_between_any_two_steps_loses_nothing(place: Place) -> None:
    """A process that falls after making out, or in the middle of a try, leaves it to the next one."""
    await place.add(url="https://slow.example/")
    line = await place.happen()
    scanned = await make_out(place.kept.database, place.tenant, {}, place.kept.clock.now(), place.kept.new_id)
    assert scanned.made == 1
    place.outside.hold = asyncio.Event()
    falls = place.another_feed()
    running = asyncio.create_task(falls.run())
    async with asyncio.timeout(10):
        await place.outside.came.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    place.outside.hold = None
    await place.look()
    assert place.outside.ids() == [line], "its lease still runs"
    await place.later(timedelta(seconds=61))
    assert place.outside.ids() == [line, line], "once more, with the same id"
    assert await place.rows() == [("sent", 2, "")]


async def test_who_was_too_slow_does_not_overwrite_who_came_after(place: Place) -> None:
    await place.add(url="https://slow.example/")
    await place.happen()
    held = place.outside.hold = asyncio.Event()
    await place.feed.make_out()
    await place.feed.set_out()
    await place.outside.came.wait()
    place.kept.clock.advance(timedelta(seconds=61))
    place.outside.hold = None
    await place.look(place.another_feed())
    assert await place.rows() == [("sent", 2, "")]
    place.outside.otherwise = OutboundAnswer(500)
    held.set()
    await place.feed.at_rest()
    assert await place.rows() == [("sent", 2, "")]


async def test_the_late_outcome_of_an_earlier_try_does_not_count(place: Place) -> None:
    await place.add(url="https://slow.example/")
    await place.happen()
    held = place.outside.hold = asyncio.Event()
    await place.feed.make_out()
    await place.feed.set_out()
    await place.outside.came.wait()
    place.kept.clock.advance(timedelta(seconds=61))
    place.outside.hold, place.outside.says = None, [OutboundAnswer(404)]
    await place.look(place.another_feed())
    held.set()
    await place.feed.at_rest()
    assert await place.rows() == [("waiting", 2, "It answered 404.")]


async def test_one_that_is_added_is_told_of_nothing_that_was_before_it(place: Place) -> None:
    await place.add("Older, and never told of anything", events=["channel.back"])
    await place.happen()
    await place.happen()
    await place.add("Newer")
    line = await place.happen()
    await place.look()
    assert place.outside.ids() == [line]


async def test_off_is_told_nothing_and_on_begins_anew(place: Place) -> None:
    id, _ = await place.add()
    place.outside.otherwise = OutboundAnswer(500)
    await place.happen()
    await place.look()
    assert await place.hooks.switch(place.tenant, id, on=False, now=place.kept.clock.now())
    assert not await place.hooks.switch(place.tenant, id, on=False, now=place.kept.clock.now())
    place.outside.otherwise = OutboundAnswer(204)
    await place.happen()
    await place.later(timedelta(days=1))
    assert len(place.outside.got) == 1
    assert await place.hooks.switch(place.tenant, id, on=True, now=place.kept.clock.now())
    await place.look()
    line = await place.happen()
    await place.look()
    assert place.outside.ids()[1:] == [line]
    assert [status for status, _, _ in await place.rows()] == ["dead", "sent"]


# --- tries ----------------------------------------------------------------------------------------------------------


async def test_a_failure_is_tried_on_schedule_with_the_same_words_and_then_given_up(place: Place) -> None:
    await place.add()
    place.outside.otherwise = OutboundFailed("Nothing answers at the address.")
    line = await place.happen()
    await place.look()
    for n, pause in enumerate(PAUSES, start=1):
        await place.later(pause - timedelta(milliseconds=1))
        assert len(place.outside.got) == n, f"before {pause} have passed"
        await place.later(pause * 0.1 + timedelta(seconds=31))
        assert len(place.outside.got) == n + 1, f"after {pause}"
    await place.later(timedelta(days=3))
    assert len(place.outside.got) == len(PAUSES) + 1
    assert place.outside.ids() == [line] * 10
    assert len({body for _, _, body in place.outside.got}) == 1
    assert await place.rows() == [("dead", 10, "Nothing answers at the address.")]
    assert await place.logged("webhook.given_up") == 1
    alerts = await Alerts(place.kept.database, place.kept.keyring).unseen(place.tenant)
    assert [alert.kind for alert in alerts] == [GIVEN_UP_ALERT]


async def test_a_target_that_turned_private_is_tried_again_and_shown_why(place: Place) -> None:
    await place.add()
    place.outside.says = [OutboundRefused("tool.example leads to a private network.")]
    await place.happen()
    await place.look()
    assert await place.rows() == [("waiting", 1, "tool.example leads to a private network.")]
    await place.later(timedelta(seconds=6))
    assert await place.rows() == [("sent", 2, "")]


async def test_gone_switches_it_off_and_says_so(place: Place) -> None:
    id, _ = await place.add()
    place.outside.otherwise = OutboundAnswer(410)
    await place.happen()
    await place.look()
    await place.happen()
    await place.later(timedelta(days=1))
    found = await place.hooks.find(place.tenant, id)
    assert found is not None
    assert (found.disabled_why, len(place.outside.got)) == ("gone", 1)
    assert await place.logged("webhook.gone") == 1
    alerts = await Alerts(place.kept.database, place.kept.keyring).unseen(place.tenant)
    assert [alert.kind for alert in alerts] == [GONE_ALERT]


async def test_one_that_hangs_holds_up_nobody_else(place: Place) -> None:
    await place.add("Slow", url="https://slow.example/")
    await place.add("Quick", url="https://quick.example/")
    place.outside.hold = asyncio.Event()
    for _ in range(40):
        await place.happen(place=False)
    await place.place()
    running = asyncio.create_task(place.feed.run())
    async with asyncio.timeout(20):
        while place.outside.done["https://quick.example/"] < 40:
            place.outside.came.clear()
            await place.outside.came.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert place.outside.most["https://slow.example/"] == MOST_EACH
    place.outside.hold.set()


async def test_one_that_fails_again_and_again_is_left_alone_and_tried_one_at_a_time(place: Place) -> None:
    await place.add()
    place.outside.otherwise = OutboundAnswer(503)
    for _ in range(12):
        await place.happen(place=False)
    await place.place()
    await place.look()
    tried = len(place.outside.got)
    assert tried < 12
    await place.look()
    assert len(place.outside.got) == tried, "it rests"
    await place.later(timedelta(seconds=31))
    assert len(place.outside.got) == tried + 1, "one probe"
    place.outside.otherwise = OutboundAnswer(204)
    for _ in range(4):
        await place.later(timedelta(minutes=6))
    assert [status for status, _, _ in await place.rows()] == ["sent"] * 12


async def test_by_hand_is_tried_at_once_and_again_with_the_same_id(place: Place) -> None:
    id, _ = await place.add()
    now, delivery = place.kept.clock.now(), place.kept.new_id()
    place.outside.says = [OutboundAnswer(500)]
    assert await place.hooks.put(place.tenant, id, delivery, told_as_test("test-1", now), now)
    await place.feed.tell_now(place.tenant, delivery)
    [sent] = await place.hooks.deliveries(place.tenant, id)
    assert (sent.status, sent.answer, sent.error) == ("dead", 500, "It answered 500.")
    assert await place.hooks.again(place.tenant, id, delivery, now)
    await place.feed.tell_now(place.tenant, delivery)
    [sent] = await place.hooks.deliveries(place.tenant, id)
    assert (sent.status, sent.answer, sent.attempt) == ("sent", 204, 1)
    assert place.outside.ids() == ["test-1", "test-1"]
    assert not await place.hooks.again(place.kept.other.tenant_id, id, delivery, now)
    await place.feed.tell_now(place.kept.other.tenant_id, delivery)
    assert len(place.outside.got) == 2


async def test_by_hand_is_not_lost_when_whoever_was_asked_falls(place: Place) -> None:
    id, _ = await place.add()
    now = place.kept.clock.now()
    await place.hooks.put(place.tenant, id, place.kept.new_id(), told_as_test("test-1", now), now)
    await place.look()
    assert place.outside.got == []
    await place.later(timedelta(seconds=31))
    assert place.outside.ids() == ["test-1"]


# --- what is kept ---------------------------------------------------------------------------------------------------


async def test_while_secrets_change_both_sign_for_a_day(place: Place) -> None:
    id, first = await place.add()
    second = await place.hooks.rotate(place.tenant, id, place.kept.clock.now())
    assert second
    await place.happen()
    await place.look()
    await place.later(timedelta(hours=23, minutes=59))
    await place.happen()
    await place.look()
    await place.later(timedelta(minutes=2))
    await place.happen()
    await place.look()
    at = place.kept.clock.now()
    hits = []
    for _, headers, body in place.outside.got:
        then = at.fromtimestamp(int(headers["webhook-timestamp"]), at.tzinfo)
        hits.append((verify(first, headers, body, then), verify(second, headers, body, then)))
    assert hits == [(True, True), (True, True), (False, True)]


async def test_secrets_have_32_bytes_and_neither_they_nor_the_address_lie_open(place: Place) -> None:
    id, secret = await place.add(url="https://tool.example/hooks?token=s3cret-token")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert secret != (await place.add("Other"))[1]
    row = await place.kept.database.read(
        place.tenant,
        lambda c: c.execute(select(webhooks).where(webhooks.c.tenant_id == place.tenant, webhooks.c.id == id)).one(),
    )
    lies = repr(row).encode() + bytes(row.url) + bytes(row.secrets)
    assert b"s3cret-token" not in lies
    assert secret.encode() not in lies
    assert "s3cret" not in repr(NewWebhook("1", "x", "https://s3cret/", "x", (), "y"))


async def test_a_spoilt_address_is_given_up_and_holds_up_nobody(place: Place) -> None:
    id, _ = await place.add("Spoilt")
    await place.add("Well", url="https://well.example/")
    spoil = update(webhooks).where(webhooks.c.tenant_id == place.tenant, webhooks.c.id == id).values(url=b"spoilt")
    await place.kept.database.write(place.tenant, lambda c: c.execute(spoil))
    await place.happen()
    await place.look()
    assert [url for url, _, _ in place.outside.got] == ["https://well.example/"]
    assert sorted(status for status, _, _ in await place.rows()) == ["sent", "waiting"]


async def test_there_may_be_so_many_and_no_more(place: Place) -> None:
    for n in range(MOST):
        await place.add(f"Tool {n}")
    with pytest.raises(TooMany):
        await place.add("One more")
    assert len(await place.hooks.listed(place.tenant)) == MOST
    assert await place.hooks.listed(place.kept.other.tenant_id) == ()


async def test_what_was_told_is_forgotten_after_thirty_days_and_what_waits_is_not(place: Place) -> None:
    await place.add()
    await place.happen()
    await place.look()
    place.outside.otherwise = OutboundAnswer(500)
    await place.happen()
    await place.look()
    far = place.kept.clock.now() + DELIVERIES_KEPT + timedelta(days=2)
    await sweep(place.kept.database, far)
    assert [status for status, _, _ in await place.rows()] == ["waiting"]


async def test_removing_one_removes_what_it_was_to_be_told(place: Place) -> None:
    id, _ = await place.add()
    place.outside.otherwise = OutboundAnswer(500)
    await place.happen()
    await place.look()
    assert not await place.hooks.remove(place.kept.other.tenant_id, id)
    assert await place.hooks.remove(place.tenant, id)
    await place.later(timedelta(days=1))
    assert (await place.rows(), len(place.outside.got)) == ([], 1)
    count = select(func.count()).select_from(webhook_deliveries)
    assert await place.kept.database.read(Unscoped.OPERATOR, lambda c: c.scalar(count)) == 0


async def test_many_lines_that_nobody_wants_move_its_place_on_now_and_then(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.webhook_lines.PLACE_EVERY", 5)
    id, _ = await place.add(events=["channel.back"])
    for _ in range(7):
        await place.happen()
        await place.look()
    query = select(webhooks.c.after).where(webhooks.c.tenant_id == place.tenant, webhooks.c.id == id)
    assert await place.kept.database.read(place.tenant, lambda c: c.scalar(query)) == 5
    line = await place.happen("channel.back")
    await place.look(place.another_feed())
    assert place.outside.ids() == [line]
