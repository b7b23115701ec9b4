"""What all of the house stands on: clock, keys, database, the turn over it, and what copies of us share."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from bot.background import Background
from bot.clock import DatabaseClock, SystemClock
from bot.engine import Engine
from bot.metrics import Metrics
from bot.metrics_measured import MeasuredStore
from bot.opening import OpenStore, check_database, open_database, open_store
from bot.settings import BadSetting, Settings
from bot.skew import look_at_time
from bot.wording import Wording
from channels.twilio.texts import DELIVERY_RANK
from dialogs.ports import Clock, Randomness, TurnStore
from storage.database import OpenDatabase
from storage.keys import Keyring
from storage.shared import Shared, open_shared
from storage.tenants import Tenants


@dataclass(frozen=True, slots=True)
class Ground:
    """`stack` closes what was opened, last first. `kept`: the turn store as it was opened; `store`: the same, measured.
    `shared`: what other replicas of this installation see as well. `counts`: webhooks that were answered, by what
    became of them. `background` and `metrics` are added to by whatever is built on this."""

    settings: Settings
    clock: Clock
    random: Randomness
    keyring: Keyring
    stack: AsyncExitStack
    database: OpenDatabase
    shared: Shared
    kept: OpenStore
    store: TurnStore
    engine: Engine
    tenants: Tenants
    wording: Wording
    metrics: Metrics
    background: Background
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def machine(self) -> Clock:
        """What this machine's own clock says: its log goes by it, and so does every other program on it."""
        return SystemClock() if isinstance(self.clock, DatabaseClock) else self.clock


async def open_ground(
    settings: Settings, clock: Clock, random: Randomness, stack: AsyncExitStack, *, durable: bool
) -> Ground:
    """Open the database, which has been migrated, and what is shared. Raises BadSetting."""
    keyring = Keyring((settings.master_key, *settings.previous_master_keys))
    database = open_database(settings, durable=durable)
    stack.push_async_callback(database.close)
    await check_database(settings, database, keyring)
    if isinstance(clock, DatabaseClock):
        await look_at_time(database, clock)
    # A file has one process, which has nobody to share with.
    redis_url = "" if settings.is_sqlite else settings.redis_url
    try:
        shared = await stack.enter_async_context(open_shared(redis_url, clock, me=random.new_id(clock.now())))
    except ValueError as bad:
        raise BadSetting(f"WATCHWORD_REDIS_URL: {bad}") from None
    metrics = Metrics()
    kept = open_store(settings, database, keyring, lambda status: DELIVERY_RANK.get(status, 0))
    stack.push_async_callback(kept.close)
    store, wording = MeasuredStore(kept, metrics), Wording(settings.public_url)
    return Ground(
        settings=settings,
        clock=clock,
        random=random,
        keyring=keyring,
        stack=stack,
        database=database,
        shared=shared,
        kept=kept,
        store=store,
        engine=Engine(store, clock, random, wording, shared.limits),
        tenants=Tenants(database, keyring),
        wording=wording,
        metrics=metrics,
        background=Background(),
    )
