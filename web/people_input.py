"""What people type about people, made canonical or refused with a sentence that says how to write it. Pages and API
share it, and it lets in what a file of contacts lets in."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialogs.texts import LANGUAGES
from dialogs.texts.pseudo import PSEUDO
from storage.contacts_csv import is_email, tidy, wrong_name
from storage.directory import Kind, tidy_email
from storage.phones import BadNumber, example_of, to_e164
from web.look import _

#: Language tags of the texts we have, "" for the tenant's own.
LOCALES = ("", *(locale for locale in LANGUAGES if locale != PSEUDO.locale))
KIND_WORDS = {"mobile": _("mobile number"), "phone": _("phone number"), "email": _("e-mail address")}


class BadInput(ValueError):
    """What was typed will not do; the message is a sentence for whoever typed it."""


@dataclass(slots=True)
class Checked:
    """Values that have been read so far, and what was wrong, by field."""

    problems: dict[str, str] = field(default_factory=dict)

    def name(self, where: str, typed: str, what: str = "name") -> str:
        """A person's or a company's name."""
        try:
            return read_name(typed, what)
        except BadInput as wrong:
            self.problems[where] = str(wrong)
            return ""

    def address(self, where: str, kind: Kind, typed: str, region: str) -> str:
        """A number or e-mail address; empty for nothing typed."""
        if not typed.strip():
            return ""
        try:
            return read_address(kind, typed, region)
        except BadInput as wrong:
            self.problems[where] = str(wrong)
            return ""

    def locale(self, where: str, given: str, *, before: str = "") -> str:
        """One of the languages there are, or the one that was set `before`."""
        if given not in (*LOCALES, before):
            self.problems[where] = _("There are no texts in that language. Choose one from the list.")
            return ""
        return given


def read_name(typed: str, what: str = "name") -> str:
    """Raises `BadInput`."""
    name = tidy(typed)
    wrong = wrong_name(what, name)
    if wrong is not None:
        raise BadInput(" ".join(wrong))
    return name


def read_address(kind: Kind, typed: str, region: str) -> str:
    """E.164, or an e-mail address in small letters. `region`: where numbers without a country code are. Raises
    `BadInput`."""
    value = tidy(typed)
    if kind == "email":
        email = tidy_email(value)
        if not is_email(email):
            raise BadInput(_("“%s” is not an e-mail address. Write it like ada@company.example.") % value[:60])
        return email
    try:
        return to_e164(value, region)
    except BadNumber as why:
        example = example_of(region or "US")
        raise BadInput(_("“%s” %s. Write it like %s.") % (value[:40], why, example)) from None
