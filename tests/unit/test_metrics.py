"""The page for monitors: what it counts, what it never says, and that it answers whatever the database does."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import structlog

from bot.logs import configure
from bot.metrics import Metrics, MetricsPage
from bot.metrics_measured import MeasuredStore
from dialogs.limits import PREFIX_PAUSED, SendCounts
from dialogs.messages import Unavailable
from dialogs.ports import Contended
from dialogs.settings import TenantSettings
from dialogs.turns import (
    Alert,
    AuditEvent,
    CheckAsk,
    CheckFacts,
    Decision,
    Duplicate,
    Leased,
    OutboxItem,
    Settled,
    Taken,
    TenantFacts,
    Turn,
    TurnResult,
)
from storage.health import Load
from storage.memory import MemoryTurnStore
from tests.fixtures.world import make_world

R = TypeVar("R")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LOAD = Load(
    waiting=3,
    oldest_due=NOW - timedelta(seconds=90),
    dead=2,
    late_timers=1,
    oldest_timer=NOW - timedelta(seconds=7),
    unplaced=4,
    oldest_unplaced=NOW - timedelta(seconds=5),
    unsealed=11,
    sealed_at=NOW - timedelta(minutes=3),
    backup_at=NOW - timedelta(hours=5),
    skew=timedelta(seconds=-2.5),
)


FACTS = CheckFacts(TenantFacts("tenant-1", "", TenantSettings(), b""), None, None, None, "", SendCounts())


def value(page: bytes, series: str) -> float | None:
    """The number behind a series, None when it is not there."""
    found = re.search(rf"^{re.escape(series)} (\S+)$", page.decode(), re.MULTILINE)
    return float(found[1]) if found else None


class Asked:
    """A database that is there, away, or silent."""

    def __init__(self) -> None:
        self.looks = 0
        self.away = False
        self.silent = asyncio.Event()
        self.silent.set()

    async def look(self) -> Load:
        self.looks += 1
        await self.silent.wait()
        if self.away:
            raise Unavailable("gone")
        return LOAD


def page_of(
    asked: Asked, metrics: Metrics | None = None, *, look_every: float = 0, webhooks: dict[str, int] | None = None
) -> MetricsPage:
    return MetricsPage(
        metrics or Metrics(),
        load=asked.look,
        now=NOW.timestamp,
        webhooks=webhooks if webhooks is not None else {},
        readers=lambda: 5,
        degraded=lambda: ("twilio", "twilio", "psa"),
        look_every=look_every,
        patience=0.05,
    )


@pytest.mark.feature("REL-17", "REL-11")
async def test_what_the_database_says() -> None:
    page = await page_of(Asked())()
    for series, expected in (
        ("watchword_database_up", 1),
        ("watchword_outbox_waiting", 3),
        ("watchword_outbox_oldest_seconds", 90),
        ("watchword_outbox_dead", 2),
        ("watchword_timers_late", 1),
        ("watchword_timers_oldest_seconds", 7),
        ("watchword_log_unplaced", 4),
        ("watchword_log_unplaced_seconds", 5),
        ("watchword_log_unsealed", 11),
        ("watchword_checkpoint_age_seconds", 180),
        ("watchword_backup_age_seconds", 18000),
        ("watchword_clock_skew_seconds", -2.5),
        ("watchword_event_stream_readers", 5),
        ('watchword_provider_spared{provider="twilio"}', 2),
        ('watchword_provider_spared{provider="psa"}', 1),
    ):
        assert value(page, series) == expected, series
    assert value(page, "watchword_redis_up") is None, "there is no Redis here"
    assert value(page, "process_cpu_seconds_total") is not None


@pytest.mark.feature("REL-17")
async def test_a_database_that_is_away_or_silent_is_said_to_be_down_in_time() -> None:
    asked = Asked()
    page = page_of(asked)
    asked.away = True
    away = await page()
    assert (value(away, "watchword_database_up"), value(away, "watchword_outbox_waiting")) == (0, None)
    asked.away = False
    asked.silent.clear()
    async with asyncio.timeout(2):
        silent = await page()
    assert value(silent, "watchword_database_up") == 0
    asked.silent.set()
    assert value(await page(), "watchword_database_up") == 1, "and it is back without a restart"


@pytest.mark.feature("REL-16", "REL-17")
async def test_many_who_ask_cost_one_look() -> None:
    asked = Asked()
    page = page_of(asked, look_every=3600)
    await asyncio.gather(*[page() for _ in range(20)])
    await page()
    assert asked.looks == 1


class Store(MemoryTurnStore):
    """Answers turns as it is told to, after the decision was made `races` times."""

    def __init__(self) -> None:
        super().__init__(lambda status: 0)
        self.races = 1
        self.outcome: Duplicate | Exception | None = None

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        for _ in range(self.races):
            decided = turn.decide(FACTS)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome or Taken(decided.reply)

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        return


def decision() -> Decision[str]:
    def line(before: str, after: str, kind: str = "tv.x") -> AuditEvent:
        return AuditEvent("a", NOW, kind, check_id="c-1", public={"before": before, "after": after})

    about_users = (line("sent", "verified", "euv.x"), line("sent", "sent", "euv.x"))
    lines = (line("open", "denied"), line("open", "open"), *about_users, AuditEvent("b", NOW, "desk.plain"))
    return Decision("x", "tenant-1", audit=lines, alerts=(Alert("i", "denied", NOW, "c-1", "p-1", "Ada said no"),))


@pytest.mark.feature("REL-17")
async def test_turns_are_counted_by_kind_and_outcome() -> None:
    metrics, inner = Metrics(), Store()
    store, page = MeasuredStore(inner, metrics), page_of(Asked(), metrics)
    turn = Turn(CheckAsk("tenant-1", "c-1"), lambda facts: decision(), NOW)
    inner.races = 3
    await store.take(turn)
    for outcome in (Duplicate(), Unavailable("gone"), Contended(), LookupError("a bug")):
        inner.outcome = outcome
        if isinstance(outcome, Exception):
            with pytest.raises(type(outcome)):
                await store.take(turn)
        else:
            assert await store.take(turn) == outcome
    item = OutboxItem("i", "text", "lane", {"to": "+12125550143"}, NOW)
    await store.settle([Settled(Leased("tenant-1", item, 1, 1), "dead")], NOW)
    said = await page()
    for outcome_word in ("taken", "duplicate", "unavailable", "contended", "error"):
        assert value(said, f'watchword_turn_seconds_count{{kind="check",outcome="{outcome_word}"}}') == 1
    assert value(said, 'watchword_checks_total{state="denied"}') == 1, "a lost race counts once"
    assert value(said, 'watchword_checks_total{state="open"}') is None, "nothing has changed there"
    assert value(said, 'watchword_checks_total{state="alarm"}') == 0, "what matters is there before it happens"
    assert value(said, 'watchword_checks_total{state="verified"}') is None, "that is no check of a caller"
    assert value(said, 'watchword_user_verifications_total{state="verified"}') == 1
    assert value(said, 'watchword_user_verifications_total{state="denied"}') == 0
    assert value(said, 'watchword_alerts_total{kind="denied"}') == 1
    assert value(said, 'watchword_outbox_settled_total{kind="text",outcome="dead"}') == 1


@pytest.mark.feature("REL-17", "SEC-20")
async def test_nothing_says_whose_it_is() -> None:
    metrics = Metrics()
    store = MeasuredStore(Store(), metrics)
    await store.take(Turn(CheckAsk("tenant-1", "c-1"), lambda facts: decision(), NOW))
    metrics.call("twilio", "text", "sent", 0.2)
    page = (await page_of(Asked(), metrics, webhooks={"sms.taken": 4, "sms.bad_signature": 2})()).decode()
    assert 'watchword_webhooks_total{hook="sms",outcome="bad_signature"} 2.0' in page
    for secret in ("tenant-1", "c-1", "p-1", "Ada", "+1212", make_world(1).name):
        assert secret not in page
    labels = set(re.findall(r'(\w+)="', page))
    assert labels == {"kind", "outcome", "state", "le", "provider", "call", "hook", "level"} - (
        set() if 'level="' in page else {"level"}
    )


@pytest.fixture
def logging_somewhere() -> Iterator[io.StringIO]:
    kept, out = structlog.get_config(), io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure(readable=False, out=out)
    yield out
    structlog.configure(**kept)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.feature("REL-17")
async def test_lines_of_the_log_are_counted_by_level(logging_somewhere: io.StringIO) -> None:
    structlog.get_logger().error("round_failed")
    structlog.get_logger().debug("not written, not counted")
    page = await page_of(Asked())()
    assert value(page, 'watchword_log_lines_total{level="error"}') == 1
    assert value(page, 'watchword_log_lines_total{level="debug"}') is None


@pytest.mark.feature("REL-07")
async def test_a_turn_pays_little_for_it() -> None:
    """Some 2 us on a quiet machine. Calls are counted instead, which come out the same on a busy one."""
    inner = Store()
    measured, made = MeasuredStore(inner, Metrics()), decision()
    turn = Turn(CheckAsk("tenant-1", "c-1"), lambda facts: made, NOW)

    async def calls_of(store: Store | MeasuredStore) -> int:
        calls = 0

        def count(frame: object, event: str, arg: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        await store.take(turn)  # what is made once is there from now on
        sys.setprofile(count)
        try:
            await store.take(turn)
        finally:
            sys.setprofile(None)
        return calls

    assert await calls_of(measured) - await calls_of(inner) <= 100


@pytest.mark.feature("REL-17")
async def test_every_name_in_the_guide_is_on_the_page() -> None:
    """An alarm on a name that does not exist never rings."""
    guide = (Path(__file__).parents[2] / "docs" / "how-to" / "monitor.md").read_text("utf-8")
    metrics = Metrics()
    store = MeasuredStore(Store(), metrics)
    paused = Alert("j", PREFIX_PAUSED, NOW, "", "", "Texts pause")
    await store.take(Turn(CheckAsk("tenant-1", "c-1"), lambda facts: replace(decision(), alerts=(paused,)), NOW))
    metrics.call("twilio", "text", "sent", 0.2)
    metrics.settled("text", "sent")

    async def there() -> bool:
        return True

    page = MetricsPage(
        metrics,
        load=Asked().look,
        now=NOW.timestamp,
        webhooks={"sms.bad_signature": 1},
        readers=lambda: 0,
        degraded=lambda: ("twilio",),
        redis=there,
    )
    said = (await page()).decode()
    known = set(re.findall(r"^# TYPE (\w+)", said, re.MULTILINE)) | set(re.findall(r"^(\w+)[{ ]", said, re.MULTILINE))
    named = set(re.findall(r"\b((?:watchword|process)_\w+)", guide))
    assert len(named) > 15
    assert named <= known
    for series in set(re.findall(r"\b(watchword_\w+\{[^}]*\})", guide)) - {'watchword_log_lines_total{level="error"}'}:
        name, _, labels = series.partition("{")
        assert any(line.startswith(name + "{") and labels[:-1] in line for line in said.splitlines()), series
