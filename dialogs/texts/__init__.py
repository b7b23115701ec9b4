"""Every word a person reads: templates, the rules for a tenant's own wording, and what a text costs to send.

An effect names a template and values; this room turns them into words in the reader's language.
"""

from dialogs.texts.catalogue import LANGUAGES, find_template, language_for
from dialogs.texts.overrides import LOCKED_WITHIN, MAX_LENGTHS, MAX_SEGMENTS, SAMPLES, Fault, check_override, faults
from dialogs.texts.render import TenantValues, render
from dialogs.texts.segments import Segments, segments, strange_in
from dialogs.texts.template import PLACEHOLDER, Language, Template, TextError
from dialogs.texts.times import clock_and_zone

__all__ = [
    "LANGUAGES",
    "LOCKED_WITHIN",
    "MAX_LENGTHS",
    "MAX_SEGMENTS",
    "PLACEHOLDER",
    "SAMPLES",
    "Fault",
    "Language",
    "Segments",
    "Template",
    "TenantValues",
    "TextError",
    "check_override",
    "clock_and_zone",
    "faults",
    "find_template",
    "language_for",
    "render",
    "segments",
    "strange_in",
]
