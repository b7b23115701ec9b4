"""The outbox as text for the driver's own cursor: who may be carried out, and what became of it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, not_, null, or_, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from storage import tables as t
from storage.outbox_rules import CHECK_CODE, VERIFICATION_CODE
from storage.sqlite.ready import ONE, ZERO, p, ready, word

_o, _e = t.outbox.c, t.early_reports.c
_before = t.outbox.alias("before")

#: Nothing unfinished of the same lane is older. Lanes of two tenants never wait for one another.
_HEAD: ColumnElement[bool] = ~exists().where(
    _before.c.done_at.is_(None),
    _before.c.lane == _o.lane,
    _before.c.tenant_id == _o.tenant_id,
    _before.c.id < _o.id,
)

#: Tenants that have work, one after the other: one step in the index for each, however much work it is (SEC-38).
NEXT_TENANT = ready(
    select(func.min(_o.tenant_id)).where(_o.done_at.is_(None), _o.tenant_id > p("tenant")),
    "tenant",
)
#: What is due of one tenant. Read row by row, and no further than it is wanted: the index has the order.
DUE = ready(
    select(
        _o.tenant_id,
        _o.id,
        _o.kind,
        _o.lane,
        _o.payload,
        _o.template,
        _o.check_id,
        _o.conversation_id,
        _o.contact_id,
        _o.technician_id,
        _o.segments,
        _o.after_stop,
        _o.status,
        _o.attempt,
        _o.unclear,
        _o.fence,
        _o.lease_until,
        _o.due_at,
        _o.drop_at,
        _o.first_attempt_at,
        exists().where(t.challenge_sends.c.tenant_id == _o.tenant_id, t.challenge_sends.c.id == _o.id),
    )
    .where(
        _o.tenant_id == p("tenant"),
        _o.done_at.is_(None),
        _o.due_at <= p("now"),
        or_(_o.lease_until.is_(None), _o.lease_until <= p("now")),
        _HEAD,
    )
    .order_by(_o.due_at, _o.id),
    "tenant",
    "now",
    "now",
)

_mine = and_(_o.tenant_id == p("tenant"), _o.id == p("id_"), _o.fence == p("fence_"), _o.done_at.is_(None))

TAKE_LEASE = ready(
    update(t.outbox)
    .where(_o.tenant_id == p("tenant"), _o.id == p("id_"))
    .values(
        status=p("status_"),
        attempt=p("attempt_"),
        unclear=p("unclear_"),
        fence=p("fence_"),
        worker=p("worker_"),
        lease_until=p("until"),
        first_attempt_at=p("first"),
    ),
    "status_",
    "attempt_",
    "unclear_",
    "fence_",
    "worker_",
    "until",
    "first",
    "tenant",
    "id_",
)
RENEW = ready(
    update(t.outbox).where(_mine, _o.lease_until > p("now")).values(lease_until=p("until")),
    "until",
    "tenant",
    "id_",
    "fence_",
    "now",
)
#: Nothing was tried under these leases, so the attempt does not count. The fence stays: it never goes down.
RELEASE = ready(
    update(t.outbox)
    .where(_o.done_at.is_(None), _o.worker == p("worker_"), _o.lease_until.is_not(None))
    .values(
        attempt=_o.attempt - ONE,
        worker=word(""),
        lease_until=null(),
        first_attempt_at=case((_o.attempt <= ONE, null()), else_=_o.first_attempt_at),
    ),
    "worker_",
)
#: A code whose check has ended while this worker held it does not go back to waiting: it is wiped (SEC-17).
DROP_HELD = ready(
    update(t.outbox)
    .where(
        _o.done_at.is_(None),
        _o.worker == p("worker_"),
        _o.lease_until.is_not(None),
        or_(_o.template.like(word(f"{CHECK_CODE}%")), _o.template.like(word(f"{VERIFICATION_CODE}%"))),
        or_(
            *(
                exists().where(of.c.tenant_id == _o.tenant_id, of.c.id == _o.check_id, not_(of.c.is_live))
                for of in (t.dialogs, t.verifications)
            )
        ),
    )
    .values(
        payload=null(),
        status=word("dropped"),
        worker=word(""),
        lease_until=null(),
        done_at=_o.due_at,
        error=word("the check has ended"),
    ),
    "worker_",
)
FINISH = ready(
    update(t.outbox)
    .where(_mine)
    .values(
        status=p("status_"),
        worker=word(""),
        lease_until=null(),
        done_at=p("done"),
        provider=p("provider_"),
        provider_id=p("provider_id_"),
        error=p("error_"),
    ),
    "status_",
    "done",
    "provider_",
    "provider_id_",
    "error_",
    "tenant",
    "id_",
    "fence_",
)
AGAIN = ready(
    update(t.outbox)
    .where(_mine)
    .values(
        status=p("status_"),
        unclear=_o.unclear + p("more"),
        worker=word(""),
        lease_until=null(),
        due_at=p("due"),
        error=p("error_"),
    ),
    "status_",
    "more",
    "due",
    "error_",
    "tenant",
    "id_",
    "fence_",
)
#: Put off without a try. What was unclear stays so.
PUT_OFF = ready(
    update(t.outbox)
    .where(_mine)
    .values(
        attempt=_o.attempt - ONE,
        worker=word(""),
        lease_until=null(),
        due_at=p("due"),
        first_attempt_at=case((_o.attempt <= ONE, null()), else_=_o.first_attempt_at),
        error=p("error_"),
    ),
    "due",
    "error_",
    "tenant",
    "id_",
    "fence_",
)
#: What carried a code keeps none once it is done with; other texts stay, sealed, for the history.
WIPE = ready(
    update(t.outbox).where(_o.tenant_id == p("tenant"), _o.id == p("id_")).values(payload=null()), "tenant", "id_"
)

BY_PROVIDER = ready(
    select(
        _o.tenant_id, _o.id, _o.delivery_rank, _o.check_id, _o.contact_id, _o.technician_id, _o.conversation_id
    ).where(_o.provider == p("provider_"), _o.provider_id == p("provider_id_"), _o.provider_id != word("")),
    "provider_",
    "provider_id_",
)
DELIVERED = ready(
    update(t.outbox)
    .where(_o.tenant_id == p("tenant"), _o.id == p("id_"))
    .values(delivery=p("delivery_"), delivery_rank=p("rank"), error=p("error_")),
    "delivery_",
    "rank",
    "error_",
    "tenant",
    "id_",
)
KEEP_EARLY = ready(
    insert_or(t.early_reports)
    .values(
        provider=p("provider_"), provider_id=p("provider_id_"), status=p("status_"), error_code=p("code"), at=p("at_")
    )
    .on_conflict_do_nothing(),
    "provider_",
    "provider_id_",
    "status_",
    "code",
    "at_",
)
EARLY = ready(
    select(_e.status, _e.error_code)
    .where(_e.provider == p("provider_"), _e.provider_id == p("provider_id_"))
    .order_by(_e.at, _e.status),
    "provider_",
    "provider_id_",
)
END_EARLY = ready(
    delete(t.early_reports).where(_e.provider == p("provider_"), _e.provider_id == p("provider_id_")),
    "provider_",
    "provider_id_",
)
#: Reports on messages that are none of ours.
END_STALE_EARLY = ready(delete(t.early_reports).where(_e.at < p("before")), "before")

DUE_TIMERS = ready(
    select(t.timers.c.tenant_id, t.timers.c.check_id, t.timers.c.name, t.timers.c.at)
    .where(t.timers.c.at <= p("now"))
    .order_by(t.timers.c.at, t.timers.c.check_id, t.timers.c.name)
    .limit(p("limit"))
    .offset(ZERO),
    "now",
    "limit",
)
#: Only while it still rings at this time; one that was moved since will ring then.
END_THIS_TIMER = ready(
    delete(t.timers).where(
        t.timers.c.tenant_id == p("tenant"),
        t.timers.c.check_id == p("check"),
        t.timers.c.name == p("name_"),
        t.timers.c.at == p("at_"),
    ),
    "tenant",
    "check",
    "name_",
    "at_",
)
NEXT_TIMER = ready(select(func.min(t.timers.c.at)))
#: Heads by when they are due, to be read up to the first that nobody holds. A held one is due again when its lease has
#: run out, which is never before it was due.
NEXT_OUTBOX = ready(select(_o.due_at, _o.lease_until).where(_o.done_at.is_(None), _HEAD).order_by(_o.due_at))
