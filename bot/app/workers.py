"""What runs beside the server for as long as it does, and who is woken by what."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import partial

import aiohttp

from bot.app.ground import Ground
from bot.app.outward import Outward
from bot.clock import DatabaseClock, SystemClock
from bot.contact_acts import ContactActs
from bot.dispatcher import Dispatcher
from bot.importing import Importing
from bot.log_keeping import LogKeeping, keep_log
from bot.skew import keep_time, watch_skew
from bot.sources.opening import SourcesDesk, microsoft_people, open_sources
from bot.turning_back import turn_back
from bot.upkeep import Upkeep
from bot.webhook_feed import WebhookFeed
from storage.feed import Feed
from storage.stream import EventStream


@dataclass(frozen=True, slots=True)
class Workers:
    """`dispatcher` empties the outbox and rings timers; `stream` tells open pages; `telling` tells other tools;
    `contact_acts`: by which pages and `sources` alike change contacts."""

    dispatcher: Dispatcher
    stream: EventStream
    keeping: LogKeeping
    telling: WebhookFeed
    importing: Importing
    contact_acts: ContactActs
    sources: SourcesDesk


def open_workers(ground: Ground, outward: Outward) -> Workers:
    """All of them, in the order in which they are begun; nothing runs yet."""
    database, keyring, clock, random = ground.database, ground.keyring, ground.clock, ground.random
    background = ground.background
    # A name that no other process has, here or elsewhere: leases are given back by it.
    worker = f"{socket.gethostname()}:{os.getpid()}:{random.new_id(clock.now())[-6:]}"
    dispatcher = Dispatcher(ground.store, ground.engine, outward.delivery, clock, worker=worker)
    stream = EventStream(database, fan_out=ground.shared.fan_out)
    background.add("event stream", stream.run)
    keeping = keep_log(
        ground.settings, database, keyring, clock, random, session=outward.session, background=background
    )
    if ground.shared.fan_out is not None:
        feed = Feed(database, stream)
        background.add("feed", feed.run)
        keeping.placed(feed.placed)
    ground.stack.push_async_callback(keeping.sealer.close)
    _wake_all(ground, dispatcher, stream, keeping)
    telling = WebhookFeed(database, keyring, outward.outbound, clock, random)
    background.add("webhook feed", telling.run)
    for gained in (ground.kept.on_commit, database.on_commit, ground.shared.wakeups.on_wake, keeping.placed):
        gained(telling.wake)
    background.add("upkeep", Upkeep(database, clock).run)
    background.add("shields", partial(turn_back, database, clock))
    importing = Importing(database, keyring, clock, random)
    background.add("imports", importing.run)
    contact_acts = ContactActs(database, keyring, ground.wording, outward.post.can_mail, clock, random)
    sources = _sources(ground, contact_acts, worker)
    background.add("contact sync", sources.sync.run)
    if isinstance(clock, DatabaseClock):
        background.add("time", partial(keep_time, database, clock))
    background.add("clock", partial(watch_skew, database, ground.machine))
    if isinstance(clock, SystemClock):
        for wake in (dispatcher.wake, keeping.sealer.wake, telling.wake, sources.sync.wake):
            clock.on_advance(wake)
    return Workers(dispatcher, stream, keeping, telling, importing, contact_acts, sources)


def _sources(ground: Ground, contact_acts: ContactActs, worker: str) -> SourcesDesk:
    """Contacts from outside. Whoever is asked for them gets no cookies of another organisation."""
    asking = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
    ground.stack.push_async_callback(asking.close)
    return open_sources(
        ground.settings,
        ground.database,
        ground.keyring,
        microsoft_people(asking, ground.settings, ground.clock),
        contact_acts,
        ground.clock,
        ground.random,
        worker=worker,
    )


def _wake_all(ground: Ground, dispatcher: Dispatcher, stream: EventStream, keeping: LogKeeping) -> None:
    """Who hears of a commit: here at once, in other replicas by PostgreSQL and, where there is one, by Redis."""

    def wake() -> None:
        dispatcher.wake()
        stream.wake()
        keeping.wake()

    wakeups = ground.shared.wakeups
    for writer in (ground.kept, ground.database):
        writer.on_commit(wake)
        writer.on_commit(wakeups.tell)
    keeping.placed(stream.wake)
    keeping.placed(wakeups.tell)
    wakeups.on_wake(wake)
    if not ground.settings.is_sqlite:
        from storage.postgres import Listening

        ground.background.add("listening", Listening(ground.settings.database_url, wake).run)
