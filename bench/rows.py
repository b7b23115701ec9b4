"""Whether a run counts: a fast server that writes nothing looks like a record."""

from __future__ import annotations

from collections.abc import Mapping

from bench.load import Run
from bench.texts import Batch


class WrongRows(Exception):
    """The run does not count: the tables have not gained what was sent."""


def check_answers(batch: Batch, run: Run) -> None:
    """Every request was answered, each with 200. Raises WrongRows."""
    if run.statuses != {200: len(batch.requests)}:
        raise WrongRows(f"{len(batch.requests)} requests were sent and answered {dict(run.statuses)}")


def check_rows(per_text: Mapping[str, int], batch: Batch, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """The tables named in `per_text` gained so many rows for each fresh text, none for a repeat. Raises WrongRows."""
    for name, each in per_text.items():
        gained = after[name] - before[name]
        if gained != each * batch.fresh:
            raise WrongRows(
                f"{name} gained {gained} rows, not {each * batch.fresh}: {batch.fresh} fresh texts, "
                f"{batch.repeats} repeats"
            )
