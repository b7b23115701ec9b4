"""How much of the product is proven: reads the feature list and the outcome of the last test run, and joins them.

A feature counts as covered when at least one passing test carries its id. Nothing here prints; the command line does.
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

#: For each feature id, the tests that carry it: {"TV-01": {"passed": [...], "failed": [...]}}.
Results: TypeAlias = dict[str, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Feature:
    """One row of the feature list with the tests that carry it."""

    id: str
    label: str
    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def covered(self) -> bool:
        """Whether a passing test carries it; a failing one beside it is shown, not counted."""
        return bool(self.passed)


@dataclass(frozen=True, slots=True)
class Area:
    """The features of one part of the product."""

    key: str
    name: str
    features: tuple[Feature, ...]

    @property
    def covered(self) -> int:
        """How many rows are covered."""
        return sum(feature.covered for feature in self.features)

    @property
    def total(self) -> int:
        """How many rows there are."""
        return len(self.features)


def read_features(path: Path) -> tuple[Area, ...]:
    """The feature list, before anyone has tested anything."""
    table = tomllib.loads(path.read_text("utf-8"))
    return tuple(
        Area(key, name, tuple(Feature(id_, label) for id_, label in table[key].items()))
        for key, name in table["areas"].items()
    )


def read_results(path: Path) -> Results:
    """What the last runs left behind; nothing when no test has run in this checkout."""
    if not path.exists():
        return {}
    results: Results = json.loads(path.read_text("utf-8"))
    return results


def join(areas: tuple[Area, ...], results: Results) -> tuple[Area, ...]:
    """The list with its tests; results of ids that have left the list are dropped."""

    def with_tests(feature: Feature) -> Feature:
        found = results.get(feature.id, {})
        return Feature(feature.id, feature.label, tuple(found.get("passed", ())), tuple(found.get("failed", ())))

    return tuple(Area(area.key, area.name, tuple(map(with_tests, area.features))) for area in areas)


def report(features: Path, results: Path) -> tuple[Area, ...]:
    """The whole report: one entry for each area, in the order of the list."""
    return join(read_features(features), read_results(results))
