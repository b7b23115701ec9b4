"""`watchword features`: how much of the product is proven by tests, from the last test run in this checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.commands.operator import Mistake, say, say_rows
from bot.features import report

ROOT = Path(__file__).resolve().parents[2]


def features(
    area: Annotated[str, typer.Argument(help="One area, such as TV, row by row; none shows all areas.")] = "",
) -> None:
    """How many rows of the feature list a passing test carries."""
    listed = ROOT / "tests" / "features.toml"
    if not listed.exists():
        raise Mistake("The feature list is part of a checkout, and this is an installed copy.")
    areas = report(listed, ROOT / ".build" / "features.json")
    if area:
        found = next((one for one in areas if one.key.casefold() == area.casefold()), None)
        if found is None:
            raise Mistake(f"There is no area {area!r}. There is: {', '.join(one.key for one in areas)}")
        rows = [
            (row.id, "failing" if row.failed else "proven" if row.covered else "-", row.label) for row in found.features
        ]
        say_rows(("ID", "STATE", "FEATURE"), rows)
        say(f"{found.name}: {found.covered} of {found.total}")
        return
    say_rows(("AREA", "PROVEN", "OF", "NAME"), [(a.key, str(a.covered), str(a.total), a.name) for a in areas])
    say(
        f"All: {sum(a.covered for a in areas)} of {sum(a.total for a in areas)}. From the last test run in this folder."
    )
