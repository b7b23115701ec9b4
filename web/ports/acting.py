"""Who acts, and what came of an act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Role = Literal["technician", "admin"]


@dataclass(frozen=True, slots=True)
class Acting:
    """Who is doing this: a signed-in technician, or a program with an integration key (`kind` is `key`, `log_in_id` the
    key's id, `technician_id` empty, `name` the key's name). `log_in_id` is the log-in it comes by, `kind` how it was
    shown; `pod`: by the cookie of a frame inside the ticket system. `proven_at` is when password and second factor were
    last given. `ui_access`: whether the console is open to them, or the pod alone. `scopes`: of a key."""

    tenant_id: str
    technician_id: str
    name: str
    first_name: str
    role: Role
    supervisor: bool
    log_in_id: str
    kind: Literal["cookie", "pod", "bearer", "key"]
    proven_at: datetime
    ui_access: bool = True
    scopes: frozenset[str] = frozenset()

    @property
    def actor_id(self) -> str:
        """The technician's id or the key's: whose calls these are, where that matters and not who they are."""
        return self.technician_id or self.log_in_id


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of an act on a check or an announced call.

    `refused` is empty when it happened, else a machine word that `REFUSALS` turns into a status and a sentence.
    `not_before` is when a refused resend may be tried again.
    """

    id: str
    refused: str = ""
    not_before: datetime | None = None
