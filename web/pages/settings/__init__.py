"""Everything an admin sets by screen: one file for each part, one list of the parts."""

from web.pages.settings.company import ROUTES as COMPANY
from web.pages.settings.home import ROUTES as HOME
from web.pages.settings.keys import ROUTES as KEYS
from web.pages.settings.numbers import ROUTES as NUMBERS
from web.pages.settings.registration import ROUTES as REGISTRATION
from web.pages.settings.verification import ROUTES as VERIFICATION
from web.pages.settings.words import ROUTES as WORDS
from web.routing import Route


def settings_routes() -> tuple[Route, ...]:
    """All pages of settings."""
    return (*HOME, *COMPANY, *KEYS, *NUMBERS, *REGISTRATION, *VERIFICATION, *WORDS)
