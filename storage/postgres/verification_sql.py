"""What turns read and write of verifications of end users, many at once. `n` says which turn a row belongs to."""

from __future__ import annotations

from storage import tables as t
from storage.codec import KIND
from storage.postgres.parts import Part, changing, inserting

_STATED = "v.id, v.version, v.body, v.contact_id, v.our_address, v.their_address, v.created_at, v.shield_ended_at"


def _filled(text: str) -> str:
    """With the columns of a verification, and the kind of dialog that checks of callers are."""
    return text.replace("{stated}", _STATED).replace("{kind}", KIND)


#: A verification, whose it is or is to be, and what is counted. Arrays: n, tenant, contact, verification, timer, once
#: key, technician, approval, lately, hour ago, day ago.
VERIFY = _filled("""
SELECT i.n, t.version,
  EXISTS (SELECT FROM timers r WHERE r.tenant_id = i.tenant AND r.name = i.timer
    AND r.check_id = CASE WHEN i.verification = '' THEN i.approval ELSE i.verification END),
  EXISTS (SELECT FROM once o WHERE o.tenant_id = i.tenant AND o.key = i.once),
  COALESCE((SELECT n.address FROM numbers n
    WHERE n.tenant_id = i.tenant AND n.channel = 'sms' AND n.purpose = 'verification'
    ORDER BY n.is_primary DESC, n.id LIMIT 1), ''),
  (SELECT max(d.denied_at) FROM verifications d WHERE d.tenant_id = i.tenant AND d.contact_id = c.id
    AND d.denied_at > i.lately),
  (SELECT count(*) FROM verification_tries y WHERE i.technician <> '' AND y.tenant_id = i.tenant
    AND y.technician_id = i.technician AND y.at > i.hour AND y.outcome = 'wrong')::integer,
  (SELECT count(*) FROM verifications x WHERE i.technician <> '' AND x.tenant_id = i.tenant
    AND x.technician_id = i.technician AND x.created_at > i.day AND x.is_override)::integer,
  ARRAY(SELECT q.created_at FROM approvals q WHERE i.technician <> '' AND i.verification = ''
    AND q.tenant_id = i.tenant AND q.technician_id = i.technician AND q.created_at > i.hour ORDER BY q.created_at),
  {stated},
  c.id, c.name, c.client_id, w.name, c.locale, c.key
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::text[], $8::text[],
    $9::bigint[], $10::bigint[], $11::bigint[])
  AS i(n, tenant, contact, verification, timer, once, technician, approval, lately, hour, day)
JOIN tenants t ON t.id = i.tenant
LEFT JOIN verifications v ON v.tenant_id = i.tenant AND v.id = i.verification
LEFT JOIN approvals a ON i.approval <> '' AND a.tenant_id = i.tenant AND a.id = i.approval
LEFT JOIN contacts c ON c.tenant_id = i.tenant
  AND c.id = CASE WHEN i.verification <> '' THEN v.contact_id WHEN i.approval <> '' THEN a.contact_id ELSE i.contact END
LEFT JOIN clients w ON w.tenant_id = c.tenant_id AND w.id = c.client_id
""")

#: Live ones of contacts. Arrays: n, tenant, contact.
LIVE = _filled("""
SELECT i.n, {stated}
FROM unnest($1::integer[], $2::text[], $3::text[]) AS i(n, tenant, contact)
JOIN verifications v ON v.is_live AND v.tenant_id = i.tenant AND v.contact_id = i.contact
""")

#: A contact's addresses and why no text may go there. Arrays: n, tenant, contact, our address, now.
ADDRESSES = """
SELECT i.n, k.id, k.kind, k.value, k.is_default, k.changed_at,
  CASE WHEN k.kind = 'email' THEN '' WHEN EXISTS (SELECT FROM blocks b
    WHERE b.tenant_id = i.tenant AND b.their_address = k.value AND (b.until IS NULL OR b.until > i.now))
  THEN 'blocked' WHEN EXISTS (SELECT FROM suppressions s
    WHERE s.tenant_id = i.tenant AND s.their_address = k.value AND s.our_address IN ('', i.our))
  THEN 'opted_out' ELSE '' END
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::bigint[]) AS i(n, tenant, contact, our, now)
JOIN addresses k ON k.tenant_id = i.tenant AND k.contact_id = i.contact
"""

#: Live checks by a contact, or by anybody with a number of theirs, and those that ended lately; each with the key of
#: its contact. Arrays: n, tenant, contact, yesterday, lately.
CHECKS_LATELY = _filled("""
SELECT i.n, d.id, d.version, d.body, d.channel, d.our_address, d.their_address, d.conversation_id, d.contact_id,
  d.created_at, c.key
FROM unnest($1::integer[], $2::text[], $3::text[], $4::bigint[], $5::bigint[])
  AS i(n, tenant, contact, yesterday, lately)
CROSS JOIN LATERAL (
  SELECT * FROM dialogs a WHERE a.is_live AND a.contact_id <> '' AND a.tenant_id = i.tenant AND a.kind = '{kind}'
    AND a.contact_id = i.contact
  UNION ALL
  SELECT * FROM dialogs e WHERE NOT e.is_live AND e.tenant_id = i.tenant AND e.kind = '{kind}'
    AND e.contact_id = i.contact AND e.created_at > i.yesterday AND e.updated_at > i.lately
  UNION ALL
  SELECT s.* FROM addresses k JOIN dialogs s ON s.tenant_id = k.tenant_id AND s.their_address = k.value
    AND s.kind = '{kind}' AND s.channel = 'sms' AND s.created_at > i.yesterday
    AND (s.is_live OR s.updated_at > i.lately)
  WHERE k.tenant_id = i.tenant AND k.contact_id = i.contact
) d
LEFT JOIN contacts c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
""")

#: The newest tries of contacts. Arrays: n, tenant, contact. Value: how many of each.
TRIES = """
SELECT i.n, y.id, y.verification_id, y.contact_id, y.method, y.technician_id, y.at, y.outcome
FROM unnest($1::integer[], $2::text[], $3::text[]) AS i(n, tenant, contact)
CROSS JOIN LATERAL (
  SELECT * FROM verification_tries z WHERE z.tenant_id = i.tenant AND z.contact_id = i.contact
  ORDER BY z.at DESC, z.id DESC LIMIT $4
) y
ORDER BY i.n, y.at DESC, y.id DESC
"""

# --- writes ---------------------------------------------------------------------------------------------------------

#: Nobody may be asked at an address that is theirs no longer by the time it is written down (SEC-13): whoever changes
#: it meanwhile has made this one lose, and whoever does so afterwards finds it and ends it.
HOLD_ADDRESS = Part(
    "addresses_",
    ("text", "text", "text", "text"),
    "SELECT 'address ' || a.tenant_id || i.verification_id AS mark"
    " FROM {rows} AS i(tenant_id, id, value, verification_id)"
    " JOIN addresses a ON a.tenant_id = i.tenant_id AND a.id = i.id AND a.value = i.value FOR SHARE OF a",
    (0, 1),
    claims=True,
)
#: A shield that was ended stays so, whatever else becomes of the verification.
UPDATE_VERIFICATION = changing(
    t.verifications,
    "UPDATE verifications v SET version = i.version, state = i.state, is_live = i.is_live, body = i.body,"
    " assurance = i.assurance, ticket_id = i.ticket_id, linked_late = i.linked_late, is_override = i.is_override,"
    " updated_at = i.updated_at,"
    " expires_at = i.expires_at, ended_at = i.ended_at, denied_at = i.denied_at,"
    " green_until = CASE WHEN v.shield_ended_at IS NULL THEN i.green_until ELSE v.green_until END"
    " FROM {i} WHERE v.tenant_id = i.tenant_id AND v.id = i.id AND v.version = i.was",
    (
        *("version", "state", "is_live", "body", "assurance", "ticket_id", "linked_late", "is_override", "updated_at"),
        *("expires_at", "ended_at", "denied_at", "green_until", "tenant_id", "id", "was:version"),
    ),
    (12, 13),
    mark="'verification ' || v.tenant_id || v.id",
)
INSERT_VERIFICATION = inserting(
    t.verifications,
    *("tenant_id", "id", "version", "state", "is_live", "body", "method", "assurance", "contact_id", "address_id"),
    *("our_address", "their_address", "technician_id", "ticket_id", "action", "is_override", "created_at"),
    *("updated_at", "expires_at", "ended_at", "denied_at", "green_until"),
    order=(0, 8),
    mark="'verification ' || tenant_id || id",
)
INSERT_LINK = inserting(t.verification_links, "tenant_id", "id", "digest", "created_at")
INSERT_TRY = inserting(
    t.verification_tries,
    *("tenant_id", "id", "verification_id", "contact_id", "method", "technician_id", "at", "outcome"),
)
#: Also those that have turned back by themselves: a clock that jumps back must not make them green again.
END_SHIELDS = changing(
    t.verifications,
    "UPDATE verifications v SET green_until = least(v.green_until, i.now), shield_ended_at = i.now FROM {i}"
    " WHERE v.tenant_id = i.tenant_id AND v.contact_id = i.contact_id AND v.green_until IS NOT NULL"
    " AND v.shield_ended_at IS NULL",
    ("tenant_id", "contact_id", "now:updated_at"),
    (0, 1),
    name="verifications_shields",
)
