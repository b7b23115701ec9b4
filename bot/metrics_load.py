"""Collectors of values that somebody else keeps: the database's state, and counts that are kept as plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storage.health import Load

#: From here on app and database disagree about when codes expire (REL-11).
SKEW_MATTERS = timedelta(seconds=2)


class LoadGauges(Collector):
    """Gauges of the last look at the database; none but the two that say it is down when there was no answer.

    `now`: seconds since 1970, by the clock that due times are compared with.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.load: Load | None = None
        self.redis: bool | None = None

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("watchword_database_up", "Whether the database answers.", float(self.load is not None))
        if self.redis is not None:
            yield GaugeMetricFamily("watchword_redis_up", "Whether Redis answers.", float(self.redis))
        if self.load is not None:
            yield from self._of(self.load)

    def describe(self) -> Iterator[Metric]:
        """Names only, for the registry, which would collect for them otherwise."""
        return iter(())

    def _of(self, load: Load) -> Iterator[Metric]:
        for name, about, value in (
            ("outbox_waiting", "Items that are due.", load.waiting),
            ("outbox_oldest_seconds", "How long the oldest item has been due.", self._since(load.oldest_due)),
            ("outbox_dead", "Items given up in the last day.", load.dead),
            ("timers_late", "Timers that should have rung.", load.late_timers),
            ("timers_oldest_seconds", "How late the latest timer is.", self._since(load.oldest_timer)),
            ("log_unplaced", "Lines of the log that have no place in it yet.", load.unplaced),
            ("log_unplaced_seconds", "How long the oldest of them waits.", self._since(load.oldest_unplaced)),
            ("log_unsealed", "Lines of the log that no checkpoint covers.", load.unsealed),
        ):
            yield GaugeMetricFamily("watchword_" + name, about, float(value))
        for name, about, at in (
            ("checkpoint_age_seconds", "Age of the newest checkpoint.", load.sealed_at),
            ("backup_age_seconds", "Age of the newest backup.", load.backup_at),
        ):
            # What has never been has no age; a monitor asks for it with absent().
            if at is not None:
                yield GaugeMetricFamily("watchword_" + name, about, self._since(at))
        if load.skew is not None:
            about = "How far the database's clock is ahead of ours."
            yield GaugeMetricFamily("watchword_clock_skew_seconds", about, load.skew.total_seconds())

    def _since(self, at: datetime | None) -> float:
        return 0.0 if at is None else max(0.0, self._now() - at.timestamp())


class Counted(Collector):
    """Counters that are kept elsewhere as plain numbers, by the values of their labels."""

    def __init__(
        self, name: str, about: str, labels: tuple[str, ...], counts: Callable[[], Mapping[tuple[str, ...], float]]
    ) -> None:
        self._name, self._about, self._labels, self._counts = name, about, labels, counts

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._about, labels=self._labels)
        for values, count in self._counts().items():
            family.add_metric(values, count)
        yield family

    def describe(self) -> Iterator[Metric]:
        return iter(())
