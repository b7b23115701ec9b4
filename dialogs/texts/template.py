"""What a message template is, and the variables that may stand in one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

#: How a text gets to whoever reads or hears it.
Medium: TypeAlias = Literal["text", "mail", "speech"]
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """One message in one language. Placeholders are `{name}`.

    `locked`: sentences that every wording must keep, word for word, in its first 160 characters (SEC-05). `variables`:
    what may stand in the body. `required`: what must. `audience` is who reads it: the end user, a technician, or
    whoever opens the ticket. `about` is one line for the settings page. `medium` is how it gets there: only a text is
    counted in segments, and in speech a code is read digit by digit.
    """

    id: str
    body: str
    locked: tuple[str, ...]
    variables: frozenset[str]
    required: frozenset[str]
    audience: Literal["user", "technician", "ticket"]
    about: str
    medium: Medium = "text"


@dataclass(frozen=True, slots=True)
class Language:
    """All templates and phrases of one locale. Phrases may hold the placeholders of the template they stand in."""

    locale: str
    templates: Mapping[str, Template]
    phrases: Mapping[str, str]


class TextError(ValueError):
    """A text cannot be put together: an unknown template or phrase, or a value that is missing."""
