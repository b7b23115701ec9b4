"""Everything an admin sets by screen: one file for each part, one list of the parts."""

from web.pages.settings.brand import ROUTES as BRAND
from web.pages.settings.company import ROUTES as COMPANY
from web.pages.settings.home import ROUTES as HOME
from web.pages.settings.keys import ROUTES as KEYS
from web.pages.settings.mail import ROUTES as MAIL
from web.pages.settings.mail_words import ROUTES as MAIL_WORDS
from web.pages.settings.microsoft import ROUTES as MICROSOFT
from web.pages.settings.microsoft_changes import ROUTES as MICROSOFT_CHANGES
from web.pages.settings.microsoft_consent import ROUTES as MICROSOFT_CONSENT
from web.pages.settings.microsoft_organisation import ROUTES as MICROSOFT_ORGANISATION
from web.pages.settings.numbers import ROUTES as NUMBERS
from web.pages.settings.people import ROUTES as PEOPLE
from web.pages.settings.person import ROUTES as PERSON
from web.pages.settings.pod import ROUTES as POD
from web.pages.settings.policies import ROUTES as POLICIES
from web.pages.settings.registration import ROUTES as REGISTRATION
from web.pages.settings.teams import ROUTES as TEAMS
from web.pages.settings.texts import ROUTES as TEXTS
from web.pages.settings.verification import ROUTES as VERIFICATION
from web.pages.settings.webhooks import ROUTES as WEBHOOKS
from web.pages.settings.words import ROUTES as WORDS
from web.routing import Route


def settings_routes() -> tuple[Route, ...]:
    """All pages of settings."""
    return (
        *HOME,
        *BRAND,
        *TEXTS,
        *COMPANY,
        *KEYS,
        *NUMBERS,
        *MAIL,
        *MAIL_WORDS,
        *TEAMS,
        *MICROSOFT,
        *MICROSOFT_CONSENT,
        *MICROSOFT_ORGANISATION,
        *MICROSOFT_CHANGES,
        *REGISTRATION,
        *POD,
        *VERIFICATION,
        *POLICIES,
        *WORDS,
        *WEBHOOKS,
        *PEOPLE,
        *PERSON,
    )
