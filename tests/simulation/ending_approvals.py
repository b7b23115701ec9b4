"""What must be true of requests to second persons when everything works again and time has passed."""

from __future__ import annotations

from collections import Counter

from dialogs import approvals as ap
from tests.simulation.run import Simulation


def check_approvals(run: Simulation) -> None:
    """Raises `Broken` by way of the simulation."""
    items = [item for _, item in run.watch.items.values()]
    notes = Counter(item.check_id for item in items if item.template == "note.approval")
    calls = Counter(item.check_id for item in items if item.kind == "alert_text" and item.template == "tech.approval")
    for id, seen in run.watch.approvals.seen.items():
        run.counts[f"approval {ap.WORDS[type(seen.state)]}"] += 1
        run.counts["cleared"] += seen.was_cleared
        if not isinstance(seen.state, ap.Ended):
            run.fail(f"approval {id} never ended")
        if (notes[id] > 0) != (seen.wanted.ticket is not None):
            run.fail(f"approval {id} has {notes[id]} notes about ticket {seen.wanted.ticket}")
        if calls[id] != 1:
            run.fail(f"colleagues were called {calls[id]} times about approval {id}")
