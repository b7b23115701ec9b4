"""The programming interface, version 1: the same acts and reads as the console, as JSON with a bearer token."""

from web.api import (
    announced,
    approvals,
    blocks,
    checks,
    clients,
    contact_writes,
    contacts,
    end_users,
    keys,
    people,
    policies,
    records,
    reports,
    sessions,
    settings,
    texts,
    tickets,
    ways,
)
from web.routing import Route


def routes() -> tuple[Route, ...]:
    """Every route of version 1, in the order in which a newcomer would read them."""
    return (
        *sessions.ROUTES,
        *people.ROUTES,
        *checks.ROUTES,
        *end_users.ROUTES,
        *ways.ROUTES,
        *approvals.ROUTES,
        *announced.ROUTES,
        *contacts.ROUTES,
        *contact_writes.ROUTES,
        *clients.ROUTES,
        *tickets.ROUTES,
        *blocks.ROUTES,
        *records.ROUTES,
        *reports.ROUTES,
        *settings.ROUTES,
        *policies.ROUTES,
        *texts.ROUTES,
        *keys.ROUTES,
    )
