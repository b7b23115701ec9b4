"""Every page a person opens, and what shows when something is not granted."""

from web import stream
from web.pages import assets, blocks, codes, directory, profile, sign_in, simulator, tickets
from web.pages.context import look
from web.pages.errors import show_problem
from web.pages.settings import settings_routes
from web.problems import ShowProblem
from web.routing import Route
from web.services import Services

__all__ = ["page_problem", "page_routes"]


def page_routes() -> tuple[Route, ...]:
    """All pages, the files they are made of, and the stream that keeps them current."""
    return (
        *assets.ROUTES,
        *sign_in.ROUTES,
        *codes.routes(),
        *blocks.ROUTES,
        *directory.ROUTES,
        *tickets.ROUTES,
        *profile.ROUTES,
        *settings_routes(),
        *simulator.ROUTES,
        *stream.ROUTES,
    )


def page_problem(services: Services) -> ShowProblem:
    """How refusals look. Templates and assets are read here, at start, so that no first visitor waits for it and a
    broken file stops the start."""
    look()
    return show_problem
