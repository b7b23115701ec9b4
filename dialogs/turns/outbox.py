"""What a turn wants carried out, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from dialogs.turns.records import Barred
from dialogs.turns.saves import Alert, AuditEvent, Suppression

OutboxKind: TypeAlias = Literal[
    "text", "alert_text", "ticket.create", "ticket.note", "mail", "teams_post", "call", "call_say"
]


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One thing to carry out, rendered once; retries send this same payload (REL-03). `id` is the idempotency key.

    `payload` by kind, all values text. text: to, from, body. alert_text, which becomes a text, a mail or both for each
    person on duty, and a post for each Teams connection that wants it: to (empty), from, body, subject, mail, post.
    ticket.create: contact_id, title, body. ticket.note: ticket_id, body. mail: to, subject, body, and `about`
    (`verification`) where it goes to an end user. teams_post: connection_id, body. call: to, from, verification_id.
    call_say: call_id, from, body, then (`again` or `hang_up`).

    `lane` keeps order: only the head of a lane is carried out. `challenge`: counts against the limits until given back;
    `segments` is what a text costs.
    """

    id: str
    kind: OutboxKind
    lane: str
    payload: Mapping[str, str]
    due_at: datetime
    drop_at: datetime | None = None
    check_id: str = ""
    conversation_id: str = ""
    contact_id: str = ""
    technician_id: str = ""
    template: str = ""
    challenge: bool = False
    after_stop: bool = False
    segments: int = 0


@dataclass(frozen=True, slots=True)
class Leased:
    """An outbox item that this worker may carry out until the lease ends. `fence` must come back with the outcome; a
    stale one is ignored. `suppressed`: the destination has opted out or been blocked since. `unknown`: an earlier
    attempt may have gone out (REL-04), `unclear` counts such attempts. `first_attempt_at` is None on the first
    attempt."""

    tenant_id: str
    item: OutboxItem
    attempt: int
    fence: int
    suppressed: Barred = ""
    unknown: bool = False
    first_attempt_at: datetime | None = None
    unclear: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of one attempt.

    sent: done, `provider_id` is the provider's. retry: again at `retry_at`. unknown: it may have gone out, look before
    sending again at `retry_at`. dead: given up, `error` says why. dropped: not to be sent any more (expired, opted
    out). Codes are wiped from the payload on sent, dead and dropped. `tried` False goes with retry and unknown: nothing
    was sent this time, so the attempt does not count, and what was unclear before stays as unclear as it was.
    """

    leased: Leased
    outcome: Literal["sent", "retry", "unknown", "dead", "dropped"]
    provider: str = ""
    provider_id: str = ""
    error: str = ""
    retry_at: datetime | None = None
    audit: tuple[AuditEvent, ...] = ()
    alerts: tuple[Alert, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    tried: bool = True
