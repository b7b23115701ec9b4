"""Every table, once, for every database. Tenant keys come first; times are microseconds since 1970 in UTC.

Three kinds of columns: ids, kinds and counts are plain; what a person said or was told is `sealed` (encrypted under
the contact's key, see `storage/keys.py`); the directory (names, numbers, addresses) is plain, because it is searched,
and goes away as rows when a contact is erased.

Tables in `BEFORE_TENANT` may be read before the tenant is known, because they are how the tenant is found.
"""

from storage.tables import (
    approving,
    arriving,
    checks,
    directory,
    log,
    marks,
    people,
    sending,
    sources,
    tenant,
    ticket_store,
    tools,
    verifying,
)
from storage.tables.approving import approvals
from storage.tables.arriving import idempotency, inbound, once
from storage.tables.checks import announced_calls, conversations, dialogs
from storage.tables.directory import addresses, blocks, clients, contacts, imports
from storage.tables.log import audit, audit_tiles, checkpoints, fences, report_days
from storage.tables.marks import installation
from storage.tables.people import (
    account_links,
    integration_keys,
    known_browsers,
    log_in_failures,
    log_ins,
    recovery_codes,
    technicians,
)
from storage.tables.scopes import BEFORE_TENANT, OF_THE_INSTALLATION, WORK_QUEUES
from storage.tables.sending import alerts, challenge_sends, early_reports, outbox, suppressions, timers
from storage.tables.shapes import metadata
from storage.tables.sources import (
    contact_sources,
    source_changes,
    source_consents,
    source_left,
    source_organisations,
    source_people,
)
from storage.tables.tenant import brands, carrier_accounts, mail_servers, numbers, tenants
from storage.tables.ticket_store import ticket_notes, tickets
from storage.tables.tools import teams_connections, webhook_deliveries, webhooks
from storage.tables.verifying import closing_waivers, verification_links, verification_tries, verifications

#: The files that hold tables, in the order of the reference page.
PARTS = (
    tenant,
    directory,
    sources,
    people,
    checks,
    verifying,
    approving,
    arriving,
    sending,
    tools,
    log,
    ticket_store,
    marks,
)

__all__ = [
    "BEFORE_TENANT",
    "OF_THE_INSTALLATION",
    "PARTS",
    "WORK_QUEUES",
    "account_links",
    "addresses",
    "alerts",
    "announced_calls",
    "approvals",
    "audit",
    "audit_tiles",
    "blocks",
    "brands",
    "carrier_accounts",
    "challenge_sends",
    "checkpoints",
    "clients",
    "closing_waivers",
    "contact_sources",
    "contacts",
    "conversations",
    "dialogs",
    "early_reports",
    "fences",
    "idempotency",
    "imports",
    "inbound",
    "installation",
    "integration_keys",
    "known_browsers",
    "log_in_failures",
    "log_ins",
    "mail_servers",
    "metadata",
    "numbers",
    "once",
    "outbox",
    "recovery_codes",
    "report_days",
    "source_changes",
    "source_consents",
    "source_left",
    "source_organisations",
    "source_people",
    "suppressions",
    "teams_connections",
    "technicians",
    "tenants",
    "ticket_notes",
    "tickets",
    "timers",
    "verification_links",
    "verification_tries",
    "verifications",
    "webhook_deliveries",
    "webhooks",
]
