"""Lines of the log that pages and API write beside what they change (SEC-56): who, by which log-in, from where."""

from __future__ import annotations

from dialogs.turns import AuditEvent
from identity.sessions import address_block
from web.log_in import origin_of
from web.routing import Call


def line(call: Call, kind: str, **public: str | int) -> AuditEvent:
    """A line about what the one who is signed in does now; a program is named by its key. `public` holds ids, words and
    counts; nothing that was typed."""
    who, now = call.who, call.services.clock.now()
    facts: dict[str, str | int] = {
        **public,
        "by_key" if who.kind == "key" else "by_log_in": who.log_in_id,
        "address": address_block(origin_of(call.request, call.services).address),
    }
    return AuditEvent(call.services.random.new_id(now), now, kind, technician_id=who.technician_id, public=facts)
