"""I9: who has said STOP, and what has left since, but for the one answer to it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Stopped:
    """Since one STOP. What a worker held at that moment is on its way, as far as anybody can tell."""

    held: set[str]
    left: set[str] = field(default_factory=set)


class Stops:
    """By tenant, their address and ours; ours is empty for all of a tenant's numbers."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str, str], Stopped] = {}

    def stop(self, tenant_id: str, theirs: str, ours: str, held: set[str]) -> None:
        self._since.setdefault((tenant_id, theirs, ours), Stopped(held))

    def start(self, tenant_id: str, theirs: str, ours: str) -> None:
        for where in (ours, ""):
            self._since.pop((tenant_id, theirs, where), None)

    def leased(self, effect: str) -> None:
        """A worker takes it up now, and should have seen the STOP."""
        for stopped in self._since.values():
            stopped.held.discard(effect)

    def setting_out(self, tenant_id: str, theirs: str, ours: str, effect: str) -> int:
        """How many effects have set out since STOP, with this one."""
        most = 0
        for where in (ours, ""):
            stopped = self._since.get((tenant_id, theirs, where))
            if stopped is not None and effect not in stopped.held:
                stopped.left.add(effect)
                most = max(most, len(stopped.left))
        return most
