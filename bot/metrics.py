"""What a monitor reads at `/metrics`: numbers about work, providers and the database, and never whose they are.

No tenant, no number and no id is ever a label; every label is a word of this code. Numbers that turns and sends leave
behind cost about a microsecond each; those of the database are read when somebody asks, at most every few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bot.logs import lines_by_level
from bot.metrics_load import SKEW_MATTERS, Counted, LoadGauges
from bot.readiness import shared
from dialogs.messages import Unavailable
from dialogs.turns import AnnounceAsk, Ask, CheckAsk, Decision, InboundAsk, VerificationAsk
from storage.health import Load

__all__ = ["CONTENT_TYPE_PLAIN_0_0_4", "SKEW_MATTERS", "Degraded", "Metrics", "MetricsPage"]

#: How long an answer of the database stands, in seconds, however many ask.
LOOK_EVERY = 5.0
#: What a page may wait for the database, in seconds; a monitor gives up after ten.
PATIENCE = 2.0

_TURN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
_KINDS: Mapping[type[Ask], str] = {
    InboundAsk: "text",
    CheckAsk: "check",
    AnnounceAsk: "announcement",
    VerificationAsk: "verification",
}


class Degraded(Protocol):
    """Names of providers that are being spared because a breaker is not closed; once for each such breaker."""

    def __call__(self) -> Iterable[str]: ...


class Metrics:
    """One per process, with a registry of its own. The methods are for the event loop's thread."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._turns = Histogram(
            "watchword_turn_seconds",
            "Turns, from being taken up to the commit.",
            ("kind", "outcome"),
            buckets=_TURN_SECONDS,
            registry=self.registry,
        )
        self._checks = Counter(
            "watchword_checks", "Checks that have come into a state.", ("state",), registry=self.registry
        )
        self._verifications = Counter(
            "watchword_user_verifications",
            "Verifications of end users that have come into a state.",
            ("state",),
            registry=self.registry,
        )
        self._alerts = Counter("watchword_alerts", "Alerts raised in consoles.", ("kind",), registry=self.registry)
        self._calls = Histogram(
            "watchword_provider_seconds",
            "Attempts that called a provider.",
            ("provider", "call", "outcome"),
            buckets=_CALL_SECONDS,
            registry=self.registry,
        )
        self._settled = Counter(
            "watchword_outbox_settled", "What became of attempts.", ("kind", "outcome"), registry=self.registry
        )
        #: Children by their labels: looking one up through the library costs more than counting.
        self._turn_of: dict[tuple[type[Ask], str], Histogram] = {}
        self._call_of: dict[tuple[str, str, str], Histogram] = {}
        self._state_of: dict[str, Counter] = {}
        for state in ("confirmed", "denied", "alarm", "expired"):
            self._state_of[state] = self._checks.labels(state)
        for state in ("verified", "failed", "denied", "expired", "error"):
            self._verifications.labels(state)
        self._alerts.labels("cross_purpose")

    def turn(self, ask: type[Ask], outcome: str, seconds: float) -> None:
        """A turn has ended: `taken`, `duplicate`, `unroutable`, or how it failed."""
        child = self._turn_of.get((ask, outcome))
        if child is None:
            child = self._turn_of[ask, outcome] = self._turns.labels(_KINDS.get(ask, "other"), outcome)
        child.observe(seconds)

    def decided(self, decision: Decision[Any]) -> None:
        """What a committed turn has decided: into which states checks came, and which alerts were raised."""
        for event in decision.audit:
            after = event.public.get("after")
            if after is None or after == event.public.get("before"):
                continue
            state = str(after)
            if event.kind.startswith("approval."):
                # Neither a check nor a verification: a person asked a person.
                continue
            if event.kind.startswith("euv."):
                self._verifications.labels(state).inc()
            else:
                child = self._state_of.get(state)
                if child is None:
                    child = self._state_of[state] = self._checks.labels(state)
                child.inc()
        for alert in decision.alerts:
            self._alerts.labels(alert.kind).inc()

    def call(self, provider: str, call: str, outcome: str, seconds: float) -> None:
        """An attempt that called a provider has ended, as `settled` has it, or with an `error` of our own."""
        child = self._call_of.get((provider, call, outcome))
        if child is None:
            child = self._call_of[provider, call, outcome] = self._calls.labels(provider, call, outcome)
        child.observe(seconds)

    def settled(self, kind: str, outcome: str) -> None:
        """An attempt at an outbox item: `sent`, `retry`, `unknown`, `dead`, `dropped`."""
        self._settled.labels(kind, outcome).inc()


class MetricsPage:
    """The page: what `Metrics` has gathered, and what the house and its database say now.

    `load`: a fresh look at the database. `webhooks`: counts by `<hook>.<what became of it>`. `readers`: open event
    streams. `log_in_trouble`: the log does not fit its seals. `degraded`: providers that are being spared. `redis`:
    whether Redis answers, None without Redis.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        load: Callable[[], Awaitable[Load]],
        now: Callable[[], float],
        webhooks: Mapping[str, int],
        readers: Callable[[], int],
        log_in_trouble: Callable[[], bool] = lambda: False,
        degraded: Degraded = lambda: (),
        redis: Callable[[], Awaitable[bool]] | None = None,
        look_every: float = LOOK_EVERY,
        patience: float = PATIENCE,
    ) -> None:
        self._registry = metrics.registry
        self._look = shared(load, look_every)
        self._redis = shared(redis, look_every) if redis is not None else None
        self._patience = patience
        self._gauges = LoadGauges(now)
        self._registry.register(self._gauges)
        self._registry.register(
            Counted(
                "watchword_webhooks", "Webhooks, by what became of them.", ("hook", "outcome"), lambda: _split(webhooks)
            )
        )
        self._registry.register(
            Counted(
                "watchword_log_lines",
                "Lines of the log.",
                ("level",),
                lambda: {(k,): v for k, v in lines_by_level().items()},
            )
        )
        Gauge("watchword_event_stream_readers", "Open event streams.", registry=self._registry).set_function(readers)
        trouble = Gauge("watchword_log_in_trouble", "Whether the log does not fit its seals.", registry=self._registry)
        trouble.set_function(lambda: float(log_in_trouble()))
        self._spared = Gauge(
            "watchword_provider_spared",
            "Breakers that are open, of all tenants.",
            ("provider",),
            registry=self._registry,
        )
        self._degraded = degraded

    async def __call__(self) -> bytes:
        """The page. Answers within a few seconds, whatever the database does; then `watchword_database_up` is 0."""
        self._gauges.load, self._gauges.redis = await asyncio.gather(self._database(), self._redis_answers())
        self._spared.clear()
        for provider in self._degraded():
            self._spared.labels(provider).inc()
        return generate_latest(self._registry)

    async def _database(self) -> Load | None:
        try:
            async with asyncio.timeout(self._patience):
                return await self._look()
        except (Unavailable, TimeoutError):
            return None

    async def _redis_answers(self) -> bool | None:
        if self._redis is None:
            return None
        try:
            async with asyncio.timeout(self._patience):
                return await self._redis()
        except TimeoutError:
            return False


def _split(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    """`sms.bad_signature` as the labels `sms` and `bad_signature`."""
    return {(name.partition(".")[0], name.partition(".")[2]): count for name, count in counts.items()}
