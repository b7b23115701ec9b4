"""What a turn writes, in three statements at most: first what must go before, then what is new, then what follows.

A mark names a row that only one may write. One that does not come back was lost to somebody faster.
"""

from __future__ import annotations

from storage import tables as t
from storage.postgres.approval_sql import INSERT_APPROVAL, UPDATE_APPROVAL
from storage.postgres.parts import Part, changing, inserting, only_codes
from storage.postgres.verification_sql import (
    END_SHIELDS,
    HOLD_ADDRESS,
    INSERT_LINK,
    INSERT_TRY,
    INSERT_VERIFICATION,
    UPDATE_VERIFICATION,
)

# --- before: what ends, and makes room ------------------------------------------------------------------------------

#: Nobody may be forgotten (`storage.erasure`) between the facts and a live check of theirs: it would be sealed under a
#: key that is gone, and neither end nor let its sender's next text through.
HOLD_CONTACT = Part(
    "contacts_",
    ("text", "text", "text"),
    "SELECT 'contact ' || c.tenant_id || i.check_id AS mark FROM {rows} AS i(tenant_id, id, check_id)"
    " JOIN contacts c ON c.tenant_id = i.tenant_id AND c.id = i.id FOR KEY SHARE OF c",
    (0, 1),
    claims=True,
)

UPDATE_CHECK = changing(
    t.dialogs,
    "UPDATE dialogs d SET version = i.version, state = i.state, is_live = i.is_live, body = i.body,"
    " contact_id = i.contact_id, technician_id = i.technician_id, ticket_id = i.ticket_id, updated_at = i.updated_at,"
    " expires_at = i.expires_at FROM {i} WHERE d.tenant_id = i.tenant_id AND d.id = i.id AND d.version = i.was",
    (
        *("version", "state", "is_live", "body", "contact_id", "technician_id", "ticket_id", "updated_at"),
        *("expires_at", "tenant_id", "id", "was:version"),
    ),
    # A check that ends makes room for one that goes to its contact.
    (2, 9, 10),
    mark="'check ' || d.tenant_id || d.id",
)
END_TIMER = changing(
    t.timers,
    "DELETE FROM timers t USING {i} WHERE t.tenant_id = i.tenant_id AND t.check_id = i.check_id AND t.name = i.name",
    ("tenant_id", "check_id", "name"),
    (0, 1, 2),
    mark="'timer ' || t.tenant_id || t.check_id || t.name",
)
#: Opting in again at one number ends the tenant-wide opt-out too: the sender has spoken last. An empty number of ours
#: ends every opt-out.
UNSUPPRESS = changing(
    t.suppressions,
    "DELETE FROM suppressions s USING {i} WHERE s.tenant_id = i.tenant_id AND s.their_address = i.their"
    " AND (i.our = '' OR s.our_address IN ('', i.our))",
    ("tenant_id", "their:their_address", "our:our_address"),
)
#: An empty technician ends everybody's.
END_ANNOUNCED = changing(
    t.announced_calls,
    "UPDATE announced_calls a SET ended_at = i.now FROM {i} WHERE a.tenant_id = i.tenant_id"
    " AND a.contact_id = i.contact_id AND a.ended_at IS NULL AND a.expires_at > i.now"
    " AND (i.technician_id = '' OR a.technician_id = i.technician_id)",
    ("tenant_id", "contact_id", "technician_id", "now:ended_at"),
)
#: In the order in which others take them too: the contact before an address of theirs.
BEFORE = (
    HOLD_CONTACT,
    HOLD_ADDRESS,
    UPDATE_CHECK,
    UPDATE_VERIFICATION,
    UPDATE_APPROVAL,
    END_TIMER,
    UNSUPPRESS,
    END_ANNOUNCED,
)

# --- what is new ----------------------------------------------------------------------------------------------------

INSERT_INBOUND = inserting(
    t.inbound,
    *("tenant_id", "id", "channel", "conversation_id", "contact_id", "once_key", "replay_key", "body", "at"),
    order=(0, 5),
    mark="'inbound ' || tenant_id || id",
)
INSERT_ONCE = inserting(
    t.once, "tenant_id", "key", "at", order=(0, 1), mark="'once ' || tenant_id || encode(key, 'hex')"
)
UPDATE_DESK = changing(
    t.conversations,
    "UPDATE conversations v SET contact_id = i.contact_id, version = i.version, desk = i.desk,"
    " updated_at = i.updated_at FROM {i} WHERE v.tenant_id = i.tenant_id AND v.id = i.id AND v.version = i.was",
    ("contact_id", "version", "desk", "updated_at", "tenant_id", "id", "was:version"),
    (4, 5),
    mark="'desk ' || v.tenant_id || v.id",
)
INSERT_DESK = inserting(
    t.conversations,
    *("tenant_id", "id", "channel", "our_address", "their_address", "contact_id", "version", "desk"),
    *("created_at", "updated_at"),
    order=(0, 4),
    mark="'desk ' || tenant_id || id",
)
INSERT_CHECK = inserting(
    t.dialogs,
    *("tenant_id", "id", "kind", "version", "state", "is_live", "body", "channel", "our_address", "their_address"),
    *("conversation_id", "contact_id", "technician_id", "ticket_id", "created_at", "updated_at", "expires_at"),
    order=(0, 9),
    mark="'check ' || tenant_id || id",
)
INSERT_OUTBOX = inserting(
    t.outbox,
    *("tenant_id", "id", "kind", "lane", "payload", "template", "check_id", "conversation_id", "contact_id"),
    *("technician_id", "segments", "after_stop", "status", "created_at", "due_at", "drop_at"),
)
INSERT_CHALLENGE = inserting(
    t.challenge_sends,
    *("tenant_id", "id", "check_id", "destination", "prefix", "technician_id", "segments", "at"),
)
#: Without a sequence: that is the sequencer's to give, in the order of commits.
INSERT_AUDIT = inserting(
    t.audit,
    *("tenant_id", "id", "at", "kind", "check_id", "contact_id", "technician_id", "ticket_id", "conversation_id"),
    *("channel", "public", "sealed", "leaf"),
)
INSERT_ALERT = inserting(t.alerts, "tenant_id", "id", "kind", "at", "check_id", "contact_id", "body")
SET_TIMER = inserting(
    t.timers,
    *("tenant_id", "check_id", "name", "at"),
    order=(0, 1, 2),
    conflict="ON CONFLICT (tenant_id, check_id, name) DO UPDATE SET at = excluded.at",
)
SUPPRESS = inserting(
    t.suppressions,
    *("tenant_id", "their_address", "our_address", "by", "at"),
    order=(0, 1, 2),
    conflict="ON CONFLICT DO NOTHING",
)
INSERT_ANNOUNCED = inserting(
    t.announced_calls,
    *("tenant_id", "id", "contact_id", "technician_id", "technician_name", "direction", "ticket", "ticket_id"),
    *("ticket_number", "created_at", "expires_at"),
)
#: Those that may be lost come first.
NEW = (
    *(INSERT_INBOUND, INSERT_ONCE, UPDATE_DESK, INSERT_DESK, INSERT_CHECK, INSERT_VERIFICATION),
    *(INSERT_OUTBOX, INSERT_CHALLENGE, INSERT_AUDIT, INSERT_ALERT, SET_TIMER, SUPPRESS, INSERT_ANNOUNCED),
    *(INSERT_LINK, INSERT_TRY, INSERT_APPROVAL),
)

# --- after: what follows from a check that has ended -----------------------------------------------------------------

GIVE_BACK = changing(
    t.challenge_sends,
    "UPDATE challenge_sends s SET given_back_at = i.now FROM {i} WHERE s.tenant_id = i.tenant_id"
    " AND s.check_id = i.check_id AND s.given_back_at IS NULL",
    ("tenant_id", "check_id", "now:at"),
    (0, 1),
)
END_TIMERS = changing(
    t.timers,
    "DELETE FROM timers t USING {i} WHERE t.tenant_id = i.tenant_id AND t.check_id = i.check_id",
    ("tenant_id", "check_id"),
    (0, 1),
)
#: Codes of a check that has ended and that nobody holds right now are never sent (SEC-17). A statement after the one
#: that ends the check: it must see what a worker has given back while that one waited for the check's row.
DROP_CODES = changing(
    t.outbox,
    only_codes(
        "UPDATE outbox o SET payload = NULL, status = 'dropped', done_at = i.now, error = 'the check has ended'"
        " FROM {i} WHERE o.tenant_id = i.tenant_id AND o.check_id = i.check_id AND o.check_id <> ''"
        " AND o.done_at IS NULL AND {codes} AND (o.lease_until IS NULL OR o.lease_until <= i.now)"
    ),
    ("tenant_id", "check_id", "now:created_at"),
    (0, 1),
)
AFTER = (GIVE_BACK, END_TIMERS, DROP_CODES, END_SHIELDS)

PARTS: tuple[Part, ...] = (*BEFORE, *NEW, *AFTER)
