"""What the outbox keeps of a mail to an end user beside its words, and how it comes out again.

All of it is put down when the mail is decided on, so that every try sends the same, whatever an admin changes between.
"""

from __future__ import annotations

from collections.abc import Mapping

from dialogs.effects import Code, Values
from dialogs.ports import ForEndUser
from dialogs.settings import TenantSettings
from dialogs.texts import language_for

#: `about` in the payload of such a mail.
ABOUT = "verification"


def beside_words(settings: TenantSettings, values: Values, locale: str = "") -> dict[str, str]:
    """What goes into the payload beside `to`, `subject` and `body`. `values`: of the effect; an empty `locale` means
    the tenant's."""
    code = next((value.digits for value in values.values() if isinstance(value, Code)), "")
    return {
        "about": ABOUT,
        "code": code,
        "button": language_for(locale or settings.locale).phrases["phrase.open_page"],
        "text": settings.mail_text,
        "signature": settings.mail_signature,
        "footer": settings.mail_footer,
    }


def for_end_user(payload: Mapping[str, str]) -> ForEndUser | None:
    """Read out of the payload again; None for mails to anybody else."""
    if payload.get("about") != ABOUT:
        return None
    return ForEndUser(**{name: payload.get(name, "") for name in ("code", "button", "text", "signature", "footer")})
