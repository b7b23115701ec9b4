"""What turns read: each statement finds its facts for many turns at once. `n` says which turn a row belongs to."""

from __future__ import annotations

from storage.codec import KIND

_CHECK = (
    "d.id, d.version, d.body, d.channel, d.our_address, d.their_address, d.conversation_id, d.contact_id, d.created_at"
)


def _filled(text: str) -> str:
    """With the columns of a check, and the kind of dialog that turns are about."""
    return text.replace("{check}", _CHECK).replace("{kind}", KIND)


#: Whose number it is, before the tenant is known. Arrays: channel, our address.
NUMBERS = """
SELECT n.channel, n.address, n.tenant_id
FROM unnest($1::text[], $2::text[]) AS i(channel, our)
JOIN numbers n ON n.channel = i.channel AND n.address = i.our
"""

TENANTS = "SELECT id, version, name, settings, key FROM tenants WHERE id = ANY ($1::text[])"

#: Everything that hangs on the two addresses of a text. A row for each contact with the sender's number, or one without
#: a contact. Arrays: n, channel, our, their address, once key, replay key, now.
ROUTE = _filled("""
SELECT i.n, n.tenant_id, n.id, n.purpose, n.is_primary, n.opt_out_by, t.version,
  EXISTS (SELECT FROM inbound s WHERE s.tenant_id = n.tenant_id AND s.once_key = i.once),
  EXISTS (SELECT FROM inbound s WHERE s.tenant_id = n.tenant_id AND s.replay_key = i.replay),
  CASE WHEN EXISTS (SELECT FROM blocks b
    WHERE b.tenant_id = n.tenant_id AND b.their_address = i.their AND (b.until IS NULL OR b.until > i.now))
  THEN 'blocked' WHEN EXISTS (SELECT FROM suppressions s
    WHERE s.tenant_id = n.tenant_id AND s.their_address = i.their AND s.our_address IN ('', n.address))
  THEN 'opted_out' ELSE '' END,
  v.id, v.version, v.desk,
  EXISTS (SELECT FROM dialogs d WHERE d.tenant_id = n.tenant_id AND d.kind = '{kind}' AND d.their_address = i.their
    AND d.channel = i.channel),
  EXISTS (SELECT FROM dialogs d WHERE d.is_live AND d.contact_id <> '' AND d.tenant_id = n.tenant_id
    AND d.kind = '{kind}' AND d.contact_id = c.id),
  EXISTS (SELECT FROM announced_calls a WHERE a.tenant_id = n.tenant_id AND a.contact_id = c.id
    AND a.expires_at > i.now AND a.ended_at IS NULL),
  EXISTS (SELECT FROM verifications e WHERE e.is_live AND e.tenant_id = n.tenant_id AND e.contact_id = c.id),
  c.id, c.name, c.client_id, w.name, c.locale, c.key
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::bigint[])
  AS i(n, channel, our, their, once, replay, now)
JOIN numbers n ON n.channel = i.channel AND n.address = i.our
JOIN tenants t ON t.id = n.tenant_id
LEFT JOIN conversations v ON v.tenant_id = n.tenant_id AND v.channel = i.channel AND v.their_address = i.their
  AND v.our_address = n.address
LEFT JOIN addresses k ON k.tenant_id = n.tenant_id AND k.value = i.their
LEFT JOIN contacts c ON c.tenant_id = n.tenant_id AND c.id = k.contact_id
LEFT JOIN clients w ON w.tenant_id = n.tenant_id AND w.id = c.client_id
""")

#: Live checks of a sender and the newest ended one, then live checks of contacts; each with the key of its contact.
#: Arrays: n, tenant, channel, their address; n, tenant, contact.
AROUND = _filled("""
SELECT i.n, {check}, c.key
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[]) AS i(n, tenant, channel, their)
CROSS JOIN LATERAL (
  (SELECT * FROM dialogs l WHERE l.is_live AND l.tenant_id = i.tenant AND l.kind = '{kind}'
    AND l.channel = i.channel AND l.their_address = i.their)
  UNION ALL
  (SELECT * FROM dialogs e WHERE NOT e.is_live AND e.tenant_id = i.tenant AND e.kind = '{kind}'
    AND e.channel = i.channel AND e.their_address = i.their
    ORDER BY e.created_at DESC, e.id DESC LIMIT 1)
) d
LEFT JOIN contacts c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
UNION ALL
SELECT i.n, {check}, c.key
FROM unnest($5::integer[], $6::text[], $7::text[]) AS i(n, tenant, contact)
JOIN dialogs d ON d.is_live AND d.contact_id <> '' AND d.tenant_id = i.tenant AND d.kind = '{kind}'
  AND d.contact_id = i.contact
LEFT JOIN contacts c ON c.tenant_id = d.tenant_id AND c.id = d.contact_id
""")

#: Arrays: n, tenant, contact, now.
ANNOUNCED = """
SELECT i.n, a.id, a.contact_id, a.technician_id, a.technician_name, a.direction, a.ticket, a.ticket_id,
  a.ticket_number, a.expires_at
FROM unnest($1::integer[], $2::text[], $3::text[], $4::bigint[]) AS i(n, tenant, contact, now)
JOIN announced_calls a ON a.tenant_id = i.tenant AND a.contact_id = i.contact AND a.expires_at > i.now
  AND a.ended_at IS NULL
ORDER BY i.n, a.id
"""

#: One check, its contact, and the contact picked. Arrays: n, tenant, check, timer, once key, pick, now.
CHECK = _filled("""
SELECT i.n, t.version,
  EXISTS (SELECT FROM timers r WHERE r.tenant_id = i.tenant AND r.check_id = i.checked AND r.name = i.timer),
  EXISTS (SELECT FROM once o WHERE o.tenant_id = i.tenant AND o.key = i.once),
  CASE WHEN EXISTS (SELECT FROM blocks b
    WHERE b.tenant_id = i.tenant AND b.their_address = d.their_address AND (b.until IS NULL OR b.until > i.now))
  THEN 'blocked' WHEN EXISTS (SELECT FROM suppressions s
    WHERE s.tenant_id = i.tenant AND s.their_address = d.their_address AND s.our_address IN ('', d.our_address))
  THEN 'opted_out' ELSE '' END,
  {check},
  c.id, c.name, c.client_id, w.name, c.locale, c.key,
  p.id, p.name, p.client_id, q.name, p.locale, p.key
FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::bigint[])
  AS i(n, tenant, checked, timer, once, pick, now)
JOIN tenants t ON t.id = i.tenant
LEFT JOIN dialogs d ON d.tenant_id = i.tenant AND d.id = i.checked
LEFT JOIN contacts c ON c.tenant_id = i.tenant AND c.id = d.contact_id
LEFT JOIN clients w ON w.tenant_id = c.tenant_id AND w.id = c.client_id
LEFT JOIN contacts p ON p.tenant_id = i.tenant AND p.id = i.pick
LEFT JOIN clients q ON q.tenant_id = p.tenant_id AND q.id = p.client_id
""")

#: A contact, the mobile to text, and the number to text from. Arrays: n, tenant, contact, now.
ANNOUNCE = """
SELECT i.n, t.version, m.value, o.address,
  CASE WHEN EXISTS (SELECT FROM blocks b
    WHERE b.tenant_id = i.tenant AND b.their_address = m.value AND (b.until IS NULL OR b.until > i.now))
  THEN 'blocked' WHEN EXISTS (SELECT FROM suppressions s
    WHERE s.tenant_id = i.tenant AND s.their_address = m.value AND s.our_address IN ('', COALESCE(o.address, '')))
  THEN 'opted_out' ELSE '' END,
  c.id, c.name, c.client_id, w.name, c.locale, c.key
FROM unnest($1::integer[], $2::text[], $3::text[], $4::bigint[]) AS i(n, tenant, contact, now)
JOIN tenants t ON t.id = i.tenant
LEFT JOIN contacts c ON c.tenant_id = i.tenant AND c.id = i.contact
LEFT JOIN clients w ON w.tenant_id = c.tenant_id AND w.id = c.client_id
LEFT JOIN LATERAL (
  SELECT k.value, k.is_default, count(*) OVER () AS known FROM addresses k
  WHERE k.tenant_id = i.tenant AND k.contact_id = c.id AND k.kind = 'mobile'
  ORDER BY k.is_default DESC, k.value LIMIT 1
) m ON m.is_default OR m.known = 1
LEFT JOIN LATERAL (
  SELECT n.address FROM numbers n
  WHERE n.tenant_id = i.tenant AND n.channel = 'sms' AND n.purpose = 'verification'
  ORDER BY n.is_primary DESC, n.id LIMIT 1
) o ON true
"""

#: Unanswered challenges of a tenant, those to one destination, what all of them cost, and codes to one prefix: the
#: newest, how many, how many of them answered, and whether there is an alert with the newest one's id. Arrays: tenant,
#: since; n, tenant, since, destination; tenant, since; tenant, since, prefix. Columns: which of the four, n or 0,
#: tenant, at or segments, prefix, technician or id of the newest, sent, answered, told.
SENDS = """
SELECT 0, 0, s.tenant_id, s.at, s.prefix, s.technician_id, 0, 0, false
FROM unnest($1::text[], $2::bigint[]) AS i(tenant, since)
JOIN challenge_sends s ON s.tenant_id = i.tenant AND s.at > i.since AND s.given_back_at IS NULL
UNION ALL
SELECT 1, i.n, s.tenant_id, s.at, '', '', 0, 0, false
FROM unnest($3::integer[], $4::text[], $5::bigint[], $6::text[]) AS i(n, tenant, since, destination)
JOIN challenge_sends s ON s.tenant_id = i.tenant AND s.destination = i.destination AND s.at > i.since
  AND s.given_back_at IS NULL
UNION ALL
SELECT 2, 0, i.tenant, COALESCE(
  (SELECT sum(s.segments) FROM challenge_sends s WHERE s.tenant_id = i.tenant AND s.at > i.since), 0)::bigint,
  '', '', 0, 0, false
FROM unnest($7::text[], $8::bigint[]) AS i(tenant, since)
UNION ALL
SELECT 3, 0, i.tenant, newest.at, i.prefix, newest.id, codes.sent, codes.answered,
  EXISTS (SELECT FROM alerts a WHERE a.tenant_id = i.tenant AND a.id = newest.id)
FROM unnest($9::text[], $10::bigint[], $11::text[]) AS i(tenant, since, prefix)
CROSS JOIN LATERAL (
  SELECT count(*)::integer AS sent, count(s.given_back_at)::integer AS answered FROM challenge_sends s
  WHERE s.tenant_id = i.tenant AND s.prefix = i.prefix AND s.at > i.since AND s.check_id <> ''
) codes
CROSS JOIN LATERAL (
  SELECT s.at, s.id FROM challenge_sends s
  WHERE s.tenant_id = i.tenant AND s.prefix = i.prefix AND s.at > i.since AND s.check_id <> ''
  ORDER BY s.at DESC, s.id DESC LIMIT 1
) newest
"""

#: Arrays: tenant, contact.
KEYS = """
SELECT c.tenant_id, c.id, c.key
FROM unnest($1::text[], $2::text[]) AS i(tenant, contact)
JOIN contacts c ON c.tenant_id = i.tenant AND c.id = i.contact
"""
