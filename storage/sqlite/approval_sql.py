"""Approvals as text for the driver's own cursor: what a turn reads of them, and what it writes."""

from __future__ import annotations

from sqlalchemy import and_, select, text, update

from storage import tables as t
from storage.sqlite.ready import inserting, p, ready

_a, _v, _k = t.approvals.c, t.verifications.c, t.addresses.c

_APPROVAL = select(_a.id, _a.version, _a.body, _a.contact_id, _a.their_address, _a.created_at).where(
    _a.tenant_id == p("tenant")
)
#: Not one whose contact is erased, and its words with them.
APPROVAL = ready(_APPROVAL.where(_a.id == p("approval"), _a.body.is_not(None)), "tenant", "approval")
#: The partial index counts only where the statement says `is_live` as it does.
LIVE_OF_CONTACT = ready(
    _APPROVAL.where(text("approvals.is_live"), _a.contact_id == p("contact"), _a.body.is_not(None)),
    "tenant",
    "contact",
)

#: When a technician asked lately, whatever came of it.
ASKED_BY = ready(
    select(_a.created_at)
    .where(_a.tenant_id == p("tenant"), _a.technician_id == p("technician"), _a.created_at > p("since"))
    .order_by(_a.created_at),
    *("tenant", "technician", "since"),
)

#: What is green of a contact, each with when its address was last changed.
GREEN_OF_CONTACT = ready(
    select(
        _v.id,
        _v.version,
        _v.body,
        _v.contact_id,
        _v.our_address,
        _v.their_address,
        _v.created_at,
        _k.changed_at,
    )
    .select_from(t.verifications.outerjoin(t.addresses, and_(_k.tenant_id == _v.tenant_id, _k.id == _v.address_id)))
    .where(
        _v.tenant_id == p("tenant"),
        _v.contact_id == p("contact"),
        _v.green_until > p("now"),
        _v.shield_ended_at.is_(None),
    ),
    *("tenant", "contact", "now"),
)

INSERT_APPROVAL = inserting(
    t.approvals,
    *("tenant_id", "id", "version", "kind", "state", "is_live", "body", "contact_id", "address_id", "their_address"),
    *("technician_id", "ticket_id", "decided_by", "verification_id", "created_at", "updated_at", "expires_at"),
)
UPDATE_APPROVAL = ready(
    update(t.approvals)
    .where(_a.tenant_id == p("tenant"), _a.id == p("approval"), _a.version == p("was"))
    .values(
        version=p("version_"),
        state=p("state_"),
        is_live=p("is_live_"),
        body=p("body_"),
        decided_by=p("decided_by_"),
        verification_id=p("verification_id_"),
        updated_at=p("updated_at_"),
        expires_at=p("expires_at_"),
    ),
    *("version_", "state_", "is_live_", "body_", "decided_by_", "verification_id_", "updated_at_", "expires_at_"),
    *("tenant", "approval", "was"),
)
