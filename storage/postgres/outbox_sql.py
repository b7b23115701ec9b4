"""The outbox and the timers: who may be carried out, and what became of it. `n` says which item a row is about."""

from __future__ import annotations

from storage.postgres.parts import only_codes

#: Nothing unfinished of the same lane is older, whoever holds it. Lanes of two tenants never wait for one another.
_HEAD = """NOT EXISTS (SELECT FROM outbox b WHERE b.done_at IS NULL AND b.lane = o.lane AND b.tenant_id = o.tenant_id
    AND b.id < o.id)"""


def _filled(text: str) -> str:
    return only_codes(text.replace("{head}", _HEAD))


#: Shared out among tenants (SEC-38): each tenant's line is read by the index, no further than it may be wanted. Values:
#: now, limit, tenants that get none. The outer conditions count again for a row that somebody has just let go.
DUE = _filled("""
WITH RECURSIVE busy(tenant_id) AS (
  SELECT min(o.tenant_id) FROM outbox o WHERE o.done_at IS NULL
  UNION ALL
  SELECT (SELECT min(o.tenant_id) FROM outbox o WHERE o.done_at IS NULL AND o.tenant_id > busy.tenant_id)
  FROM busy WHERE busy.tenant_id IS NOT NULL
),
turns AS (
  SELECT busy.tenant_id, h.id, h.due_at,
    row_number() OVER (PARTITION BY busy.tenant_id ORDER BY h.due_at, h.id) AS round
  FROM busy CROSS JOIN LATERAL (
    SELECT o.id, o.due_at FROM outbox o
    WHERE o.tenant_id = busy.tenant_id AND o.done_at IS NULL AND o.due_at <= $1
      AND (o.lease_until IS NULL OR o.lease_until <= $1) AND {head}
    ORDER BY o.due_at, o.id LIMIT $2
  ) h
  WHERE busy.tenant_id <> ALL ($3::text[])
),
chosen AS (SELECT * FROM turns ORDER BY round, due_at, id LIMIT $2)
SELECT o.tenant_id, o.id, o.kind, o.lane, o.payload, o.template, o.check_id, o.conversation_id, o.contact_id,
  o.technician_id, o.segments, o.after_stop, o.status, o.attempt, o.unclear, o.fence, o.lease_until, o.due_at,
  o.drop_at, o.first_attempt_at
FROM chosen JOIN outbox o ON o.tenant_id = chosen.tenant_id AND o.id = chosen.id
WHERE o.done_at IS NULL AND (o.lease_until IS NULL OR o.lease_until <= $1)
ORDER BY chosen.round, chosen.due_at, chosen.id
FOR UPDATE OF o SKIP LOCKED
""")

#: What else a worker must know. Arrays: n, tenant, id, check, contact.
ABOUT = """
SELECT i.n, t.version, c.key,
  EXISTS (SELECT FROM challenge_sends s WHERE s.tenant_id = i.tenant AND s.id = i.id),
  EXISTS (SELECT FROM dialogs d WHERE d.tenant_id = i.tenant AND d.id = i.checked AND NOT d.is_live)
  OR EXISTS (SELECT FROM verifications v WHERE v.tenant_id = i.tenant AND v.id = i.checked AND NOT v.is_live)
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[]) AS i(n, tenant, id, checked, contact)
JOIN tenants t ON t.id = i.tenant
LEFT JOIN contacts c ON c.tenant_id = i.tenant AND c.id = i.contact
"""

#: Where nothing may be sent, and why. Value: now. Arrays: n, tenant, their, our address.
SUPPRESSED = """
SELECT i.n, CASE WHEN b.their_address IS NOT NULL THEN 'blocked' ELSE 'opted_out' END
FROM unnest($2::integer[], $3::text[], $4::text[], $5::text[]) AS i(n, tenant, their, our)
LEFT JOIN blocks b ON b.tenant_id = i.tenant AND b.their_address = i.their AND (b.until IS NULL OR b.until > $1)
WHERE b.their_address IS NOT NULL OR EXISTS (SELECT FROM suppressions s
  WHERE s.tenant_id = i.tenant AND s.their_address = i.their AND s.our_address IN ('', i.our))
"""

#: Values: worker, until, now. Arrays: tenant, id, unclear, unknown.
TAKE = """
UPDATE outbox o SET status = CASE WHEN i.unknown THEN 'unknown' ELSE 'waiting' END, attempt = o.attempt + 1,
  unclear = i.unclear, fence = o.fence + 1, worker = $1, lease_until = $2,
  first_attempt_at = COALESCE(o.first_attempt_at, $3)
FROM unnest($4::text[], $5::text[], $6::smallint[], $7::boolean[]) AS i(tenant, id, unclear, unknown)
WHERE o.tenant_id = i.tenant AND o.id = i.id
"""

#: Values: until, now. Arrays: tenant, id, fence.
RENEW = """
UPDATE outbox o SET lease_until = $1
FROM unnest($3::text[], $4::text[], $5::integer[]) AS i(tenant, id, fence)
WHERE o.tenant_id = i.tenant AND o.id = i.id AND o.fence = i.fence AND o.done_at IS NULL AND o.lease_until > $2
"""

#: What a worker holds: its tenants, and the checks of its codes.
HELD = _filled("""
SELECT o.tenant_id, CASE WHEN {codes} THEN o.check_id ELSE '' END
FROM outbox o WHERE o.done_at IS NULL AND o.worker = $1 AND o.lease_until IS NOT NULL
""")
#: Nothing was tried under these leases, so the attempt does not count. The fence stays: it never goes down. A code
#: whose check has ended is wiped instead of waiting on (SEC-17). Values: worker. Arrays: tenant, check: the ended.
RELEASE = _filled("""
WITH over AS (
  UPDATE outbox o SET payload = NULL, status = 'dropped', worker = '', lease_until = NULL, done_at = o.due_at,
    error = 'the check has ended'
  FROM unnest($2::text[], $3::text[]) AS i(tenant, checked)
  WHERE o.tenant_id = i.tenant AND o.check_id = i.checked AND o.check_id <> '' AND o.done_at IS NULL AND o.worker = $1
    AND o.lease_until IS NOT NULL AND {codes}
  RETURNING o.tenant_id, o.id
)
UPDATE outbox o SET attempt = o.attempt - 1, worker = '', lease_until = NULL,
  first_attempt_at = CASE WHEN o.attempt <= 1 THEN NULL ELSE o.first_attempt_at END
WHERE o.done_at IS NULL AND o.worker = $1 AND o.lease_until IS NOT NULL
  AND (o.tenant_id, o.id) NOT IN (TABLE over)
""")

#: Those of these checks that have ended; none of them can end until the transaction is over. In one order, as all who
#: hold checks. Arrays: tenant, check.
OVER = """
WITH held AS (
  SELECT d.tenant_id, d.id, d.is_live FROM dialogs d
  JOIN unnest($1::text[], $2::text[]) AS i(tenant, checked) ON d.tenant_id = i.tenant AND d.id = i.checked
  ORDER BY d.tenant_id, d.id
  FOR SHARE OF d
), verifying AS (
  SELECT v.tenant_id, v.id, v.is_live FROM verifications v
  JOIN unnest($1::text[], $2::text[]) AS i(tenant, checked) ON v.tenant_id = i.tenant AND v.id = i.checked
  ORDER BY v.tenant_id, v.id
  FOR SHARE OF v
)
SELECT tenant_id, id FROM held WHERE NOT is_live
UNION ALL
SELECT tenant_id, id FROM verifying WHERE NOT is_live
"""

#: One attempt's end, where the fence still counts. `again`: not done yet; `untried`: nothing was sent this time.
#: Arrays: n, tenant, id, fence, status, again, untried, unclear more, due, provider, provider id, error, wipe.
SETTLE = """
UPDATE outbox o SET
  status = CASE WHEN i.untried THEN o.status ELSE i.status END,
  attempt = CASE WHEN i.untried THEN o.attempt - 1 ELSE o.attempt END,
  first_attempt_at = CASE WHEN i.untried AND o.attempt <= 1 THEN NULL ELSE o.first_attempt_at END,
  unclear = o.unclear + i.more,
  worker = '', lease_until = NULL,
  due_at = CASE WHEN i.again THEN i.at ELSE o.due_at END,
  done_at = CASE WHEN i.again THEN NULL ELSE i.at END,
  provider = CASE WHEN i.again THEN o.provider ELSE i.provider END,
  provider_id = CASE WHEN i.again THEN o.provider_id ELSE i.provider_id END,
  error = i.error,
  payload = CASE WHEN i.wipe THEN NULL ELSE o.payload END
FROM unnest($1::integer[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::boolean[], $7::boolean[],
    $8::smallint[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::boolean[])
  AS i(n, tenant, id, fence, status, again, untried, more, at, provider, provider_id, error, wipe)
WHERE o.tenant_id = i.tenant AND o.id = i.id AND o.fence = i.fence AND o.done_at IS NULL
RETURNING i.n
"""

#: Versions of tenants, by id.
VERSIONS = "SELECT id, version FROM tenants WHERE id = ANY ($1::text[])"

#: Reports that came before we knew the id. Arrays: provider, provider id.
EARLY = """
SELECT e.provider, e.provider_id, e.status, e.error_code
FROM unnest($1::text[], $2::text[]) AS i(provider, provider_id)
JOIN early_reports e ON e.provider = i.provider AND e.provider_id = i.provider_id
ORDER BY e.at, e.status
"""
END_EARLY = """
DELETE FROM early_reports e USING unnest($1::text[], $2::text[]) AS i(provider, provider_id)
WHERE e.provider = i.provider AND e.provider_id = i.provider_id
"""
#: Arrays: provider, provider id, status, error code, at.
KEEP_EARLY = """
INSERT INTO early_reports (provider, provider_id, status, error_code, at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
ON CONFLICT DO NOTHING
"""
#: Reports on messages that are none of ours.
END_STALE_EARLY = "DELETE FROM early_reports WHERE at < $1"

#: Arrays: provider, provider id.
BY_PROVIDER = """
SELECT o.provider, o.provider_id, o.tenant_id, o.id, o.delivery_rank, o.check_id, o.contact_id, o.technician_id,
  o.conversation_id
FROM unnest($1::text[], $2::text[]) AS i(provider, provider_id)
JOIN outbox o ON o.provider = i.provider AND o.provider_id = i.provider_id AND o.provider_id <> ''
"""
#: Arrays: tenant, id, status, rank, error.
DELIVERED = """
UPDATE outbox o SET delivery = i.status, delivery_rank = i.rank, error = i.error
FROM unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::text[]) AS i(tenant, id, status, rank, error)
WHERE o.tenant_id = i.tenant AND o.id = i.id AND o.delivery_rank < i.rank
"""

DUE_TIMERS = """
SELECT tenant_id, check_id, name, at FROM timers WHERE at <= $1 ORDER BY at, check_id, name LIMIT $2
"""
#: Only while it still rings at this time; one that was moved since will ring then.
END_THIS_TIMER = """
DELETE FROM timers WHERE tenant_id = $1 AND check_id = $2 AND name = $3 AND at = $4 RETURNING name
"""
#: The first free head in the order of the index; and what is held, which is due again when its lease runs out.
NEXT = _filled("""
SELECT least(
  (SELECT min(at) FROM timers),
  (SELECT o.due_at FROM outbox o WHERE o.done_at IS NULL AND o.lease_until IS NULL AND {head}
    ORDER BY o.due_at LIMIT 1),
  (SELECT min(greatest(o.due_at, o.lease_until)) FROM outbox o WHERE o.done_at IS NULL AND o.lease_until IS NOT NULL)
)
""")
