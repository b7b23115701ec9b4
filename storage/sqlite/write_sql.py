"""What a turn writes, as text for the driver's own cursor."""

from __future__ import annotations

from sqlalchemy import delete, null, or_, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from storage import tables as t
from storage.outbox_rules import CHECK_CODE, VERIFICATION_CODE
from storage.sqlite.ready import inserting, p, ready, word

_d, _o, _v, _a = t.dialogs.c, t.outbox.c, t.conversations.c, t.announced_calls.c
_s, _u = t.challenge_sends.c, t.suppressions.c

INSERT_INBOUND = inserting(
    t.inbound,
    "tenant_id",
    "id",
    "channel",
    "conversation_id",
    "contact_id",
    "once_key",
    "replay_key",
    "body",
    "at",
)
INSERT_ONCE = inserting(t.once, "tenant_id", "key", "at")

INSERT_CHECK = inserting(
    t.dialogs,
    "tenant_id",
    "id",
    "kind",
    "version",
    "state",
    "is_live",
    "body",
    "channel",
    "our_address",
    "their_address",
    "conversation_id",
    "contact_id",
    "technician_id",
    "ticket_id",
    "created_at",
    "updated_at",
    "expires_at",
)
UPDATE_CHECK = ready(
    update(t.dialogs)
    .where(_d.tenant_id == p("tenant"), _d.id == p("check"), _d.version == p("was"))
    .values(
        version=p("version_"),
        state=p("state_"),
        is_live=p("is_live_"),
        body=p("body_"),
        contact_id=p("contact_id_"),
        technician_id=p("technician_id_"),
        ticket_id=p("ticket_id_"),
        updated_at=p("updated_at_"),
        expires_at=p("expires_at_"),
    ),
    "version_",
    "state_",
    "is_live_",
    "body_",
    "contact_id_",
    "technician_id_",
    "ticket_id_",
    "updated_at_",
    "expires_at_",
    "tenant",
    "check",
    "was",
)

INSERT_DESK = inserting(
    t.conversations,
    "tenant_id",
    "id",
    "channel",
    "our_address",
    "their_address",
    "contact_id",
    "version",
    "desk",
    "created_at",
    "updated_at",
)
UPDATE_DESK = ready(
    update(t.conversations)
    .where(_v.tenant_id == p("tenant"), _v.id == p("conversation"), _v.version == p("was"))
    .values(contact_id=p("contact_id_"), version=p("version_"), desk=p("desk_"), updated_at=p("updated_at_")),
    "contact_id_",
    "version_",
    "desk_",
    "updated_at_",
    "tenant",
    "conversation",
    "was",
)

INSERT_AUDIT = inserting(
    t.audit,
    "tenant_id",
    "id",
    "seq",
    "at",
    "kind",
    "check_id",
    "contact_id",
    "technician_id",
    "ticket_id",
    "conversation_id",
    "channel",
    "public",
    "sealed",
    "leaf",
)

INSERT_OUTBOX = inserting(
    t.outbox,
    "tenant_id",
    "id",
    "kind",
    "lane",
    "payload",
    "template",
    "check_id",
    "conversation_id",
    "contact_id",
    "technician_id",
    "segments",
    "after_stop",
    "status",
    "created_at",
    "due_at",
    "drop_at",
)
#: Codes of a check that has ended and that nobody holds right now are never sent (SEC-17).
DROP_CODES = ready(
    update(t.outbox)
    .where(
        _o.tenant_id == p("tenant"),
        _o.check_id == p("check"),
        # The index leaves rows without a check out, and is used only where the statement does so too.
        _o.check_id != word(""),
        _o.done_at.is_(None),
        or_(_o.template.like(word(f"{CHECK_CODE}%")), _o.template.like(word(f"{VERIFICATION_CODE}%"))),
        or_(_o.lease_until.is_(None), _o.lease_until <= p("now")),
    )
    .values(payload=null(), status=word("dropped"), done_at=p("now"), error=word("the check has ended")),
    "now",
    "tenant",
    "check",
    "now",
)

INSERT_CHALLENGE = inserting(
    t.challenge_sends,
    "tenant_id",
    "id",
    "check_id",
    "destination",
    "prefix",
    "technician_id",
    "segments",
    "at",
)
GIVE_BACK = ready(
    update(t.challenge_sends)
    .where(_s.tenant_id == p("tenant"), _s.check_id == p("check"), _s.given_back_at.is_(None))
    .values(given_back_at=p("now")),
    "now",
    "tenant",
    "check",
)

_timer = insert_or(t.timers).values(tenant_id=p("tenant"), check_id=p("check"), name=p("name"), at=p("at"))
SET_TIMER = ready(
    _timer.on_conflict_do_update(
        index_elements=[t.timers.c.tenant_id, t.timers.c.check_id, t.timers.c.name], set_={"at": _timer.excluded.at}
    ),
    "tenant",
    "check",
    "name",
    "at",
)
END_TIMER = ready(
    delete(t.timers).where(
        t.timers.c.tenant_id == p("tenant"), t.timers.c.check_id == p("check"), t.timers.c.name == p("name")
    ),
    "tenant",
    "check",
    "name",
)
END_TIMERS = ready(
    delete(t.timers).where(t.timers.c.tenant_id == p("tenant"), t.timers.c.check_id == p("check")), "tenant", "check"
)

INSERT_ALERT = inserting(t.alerts, "tenant_id", "id", "kind", "at", "check_id", "contact_id", "body")

SUPPRESS = ready(
    insert_or(t.suppressions)
    .values(tenant_id=p("tenant"), their_address=p("their"), our_address=p("our"), by=p("by_"), at=p("at"))
    .on_conflict_do_nothing(),
    "tenant",
    "their",
    "our",
    "by_",
    "at",
)
#: Opting in again at one number ends the tenant-wide opt-out too: the sender has spoken last.
UNSUPPRESS = ready(
    delete(t.suppressions).where(
        _u.tenant_id == p("tenant"), _u.their_address == p("their"), _u.our_address.in_((word(""), p("our")))
    ),
    "tenant",
    "their",
    "our",
)
UNSUPPRESS_ALL = ready(
    delete(t.suppressions).where(_u.tenant_id == p("tenant"), _u.their_address == p("their")), "tenant", "their"
)

INSERT_ANNOUNCED = inserting(
    t.announced_calls,
    "tenant_id",
    "id",
    "contact_id",
    "technician_id",
    "technician_name",
    "direction",
    "ticket",
    "ticket_id",
    "ticket_number",
    "created_at",
    "expires_at",
)
_ending = (
    update(t.announced_calls)
    .where(_a.tenant_id == p("tenant"), _a.contact_id == p("contact"), _a.ended_at.is_(None), _a.expires_at > p("now"))
    .values(ended_at=p("now"))
)
END_ANNOUNCED = ready(_ending, "now", "tenant", "contact", "now")
END_ANNOUNCED_BY = ready(
    _ending.where(_a.technician_id == p("technician")), "now", "tenant", "contact", "now", "technician"
)
