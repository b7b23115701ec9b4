"""Everything an admin sets by screen: one file for each part, one list of the parts."""

from web.pages.settings.home import ROUTES as HOME
from web.routing import Route


def settings_routes() -> tuple[Route, ...]:
    """All pages of settings."""
    return (*HOME,)
