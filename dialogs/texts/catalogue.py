"""Which languages there are, and which one a locale gets."""

from __future__ import annotations

from collections.abc import Mapping

from dialogs.texts.english import ENGLISH
from dialogs.texts.pseudo import PSEUDO
from dialogs.texts.template import Language, Template, TextError

LANGUAGES: Mapping[str, Language] = {language.locale: language for language in (ENGLISH, PSEUDO)}


def language_for(locale: str) -> Language:
    """`en-GB` gets `en`; a language that we do not have gets English, which is better than silence."""
    return LANGUAGES.get(locale) or LANGUAGES.get(locale.partition("-")[0]) or ENGLISH


def find_template(template_id: str, locale: str) -> Template:
    """Raises `TextError` when there is no such template."""
    template = language_for(locale).templates.get(template_id)
    if template is None:
        raise TextError(f"there is no text named {template_id}")
    return template
