"""What turns read and write of approvals, many at once. `n` says which turn a row belongs to."""

from __future__ import annotations

from storage import tables as t
from storage.postgres.parts import changing, inserting

#: The one asked for, and the live ones of the contact; the first column after `n` tells them apart. Not those whose
#: contact is erased, and their words with them. Arrays: n, tenant, contact, approval.
APPROVALS = """
SELECT i.n, a.id = i.approval, a.is_live, a.id, a.version, a.body, a.contact_id, a.their_address, a.created_at
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[]) AS i(n, tenant, contact, approval)
CROSS JOIN LATERAL (
  SELECT * FROM approvals x WHERE x.tenant_id = i.tenant AND x.contact_id = i.contact AND x.is_live
  UNION
  SELECT * FROM approvals y WHERE y.tenant_id = i.tenant AND y.id = i.approval
) a
WHERE a.body IS NOT NULL
"""

#: What is green of contacts, each with when its address was last changed. Arrays: n, tenant, contact, now.
GREEN = """
SELECT i.n, v.id, v.version, v.body, v.contact_id, v.our_address, v.their_address, v.created_at, k.changed_at
FROM unnest($1::integer[], $2::text[], $3::text[], $4::bigint[]) AS i(n, tenant, contact, now)
JOIN verifications v ON v.tenant_id = i.tenant AND v.contact_id = i.contact AND v.green_until > i.now
  AND v.shield_ended_at IS NULL
LEFT JOIN addresses k ON k.tenant_id = v.tenant_id AND k.id = v.address_id
"""

# --- writes ---------------------------------------------------------------------------------------------------------

UPDATE_APPROVAL = changing(
    t.approvals,
    "UPDATE approvals a SET version = i.version, state = i.state, is_live = i.is_live, body = i.body,"
    " decided_by = i.decided_by, verification_id = i.verification_id, updated_at = i.updated_at,"
    " expires_at = i.expires_at FROM {i} WHERE a.tenant_id = i.tenant_id AND a.id = i.id AND a.version = i.was",
    (
        *("version", "state", "is_live", "body", "decided_by", "verification_id", "updated_at", "expires_at"),
        *("tenant_id", "id", "was:version"),
    ),
    (8, 9),
    mark="'approval ' || a.tenant_id || a.id",
)
INSERT_APPROVAL = inserting(
    t.approvals,
    *("tenant_id", "id", "version", "kind", "state", "is_live", "body", "contact_id", "address_id", "their_address"),
    *("technician_id", "ticket_id", "decided_by", "verification_id", "created_at", "updated_at", "expires_at"),
    order=(0, 1),
    mark="'approval ' || tenant_id || id",
)
