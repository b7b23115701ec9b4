"""Every page a person opens, and what shows when something is not granted."""

from web import stream
from web.brand import brand_routes
from web.pages import (
    approvals,
    assets,
    blocks,
    clients,
    codes,
    contact_addresses,
    contact_forms,
    directory,
    forgot,
    history,
    imports,
    links,
    log_page,
    pod,
    profile,
    published,
    reports,
    sign_in,
    simulator,
    simulator_microsoft,
    simulator_psa,
    tickets,
    verify_pages,
)
from web.pages.context import look
from web.pages.errors import show_problem
from web.pages.settings import settings_routes
from web.pages.verify_links import link_routes
from web.problems import ShowProblem
from web.routing import Route
from web.services import Services

__all__ = ["page_problem", "page_routes"]


def page_routes() -> tuple[Route, ...]:
    """All pages, the files they are made of, and the stream that keeps them current."""
    return (
        *assets.ROUTES,
        *brand_routes(),
        *sign_in.ROUTES,
        *links.ROUTES,
        *forgot.routes(),
        *codes.routes(),
        *blocks.ROUTES,
        *contact_forms.ROUTES,
        *contact_addresses.ROUTES,
        *clients.ROUTES,
        *imports.ROUTES,
        *directory.ROUTES,
        *tickets.ROUTES,
        *verify_pages.ROUTES,
        *approvals.ROUTES,
        *history.ROUTES,
        *log_page.ROUTES,
        *reports.ROUTES,
        *profile.ROUTES,
        *published.ROUTES,
        *settings_routes(),
        *pod.pod_routes(),
        *link_routes(lambda services: services.verifying),
        *simulator.ROUTES,
        *simulator_microsoft.ROUTES,
        *simulator_psa.ROUTES,
        *stream.ROUTES,
    )


def page_problem(services: Services) -> ShowProblem:
    """How refusals look. Templates and assets are read here, at start, so that no first visitor waits for it and a
    broken file stops the start."""
    look()
    return show_problem
