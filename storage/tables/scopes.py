"""Which tables are read without naming a tenant, and why they may be."""

from __future__ import annotations

#: Read before the tenant is known, because they are how it is found; everything else is scoped (SEC-37).
BEFORE_TENANT = frozenset(
    {
        "tenants",
        "numbers",
        "carrier_accounts",
        "technicians",
        "log_ins",
        "log_in_failures",
        "account_links",
        "verification_links",
        "known_browsers",
        "integration_keys",
        "brands",
        "installation",
    }
)

#: Worked through across tenants by the dispatcher alone.
WORK_QUEUES = frozenset({"outbox", "timers", "early_reports"})

#: About the whole installation: the log's tree is one for all tenants. For the sequencer and the operator.
OF_THE_INSTALLATION = frozenset({"audit_tiles", "checkpoints", "fences"})
