"""The outbox as text for the driver's own cursor: who may be carried out, and what became of it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, not_, null, or_, select, update
from sqlalchemy.dialects.sqlite import insert as insert_or

from storage import tables as t
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
        _o.fence,
        _o.lease_until,
        _o.due_at,
        _o.drop_at,
        _o.first_attempt_at,
        exists().where(t.challenge_sends.c.tenant_id == _o.tenant_id, t.challenge_sends.c.id == _o.id),
    )
    .where(
        _o.done_at.is_(None),
        _o.due_at <= p("now"),
        or_(_o.lease_until.is_(None), _o.lease_until <= p("now")),
        _HEAD,
    )
    .order_by(_o.due_at, _o.id)
    .limit(p("limit"))
    .offset(ZERO),
    "now",
    "now",
    "limit",
)

_mine = and_(_o.tenant_id == p("tenant"), _o.id == p("id_"), _o.fence == p("fence_"), _o.done_at.is_(None))

TAKE_LEASE = ready(
    update(t.outbox)
    .where(_o.tenant_id == p("tenant"), _o.id == p("id_"))
    .values(
        attempt=p("attempt_"),
        fence=p("fence_"),
        worker=p("worker_"),
        lease_until=p("until"),
        first_attempt_at=p("first"),
    ),
    "attempt_",
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
        _o.template.like(word("tv.code%")),
        exists().where(t.dialogs.c.tenant_id == _o.tenant_id, t.dialogs.c.id == _o.check_id, not_(t.dialogs.c.is_live)),
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
    .values(status=p("status_"), worker=word(""), lease_until=null(), due_at=p("due"), error=p("error_")),
    "status_",
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
IS_LIVE = ready(
    select(t.dialogs.c.is_live).where(t.dialogs.c.tenant_id == p("tenant"), t.dialogs.c.id == p("check")),
    "tenant",
    "check",
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
NEXT_TIMER = ready(select(func.min(t.timers.c.at)))
#: A held head is due again when its lease has run out.
NEXT_OUTBOX = ready(
    select(func.min(case((_o.lease_until.is_(None), _o.due_at), else_=func.max(_o.lease_until, _o.due_at)))).where(
        _o.done_at.is_(None), _HEAD
    )
)
