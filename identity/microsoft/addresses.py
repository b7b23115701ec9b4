"""What names an organisation: its directory id, or a domain of its own."""

from __future__ import annotations

import re

from dialogs.people_source import SourceRefused

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
#: A dot at least: `common`, `organizations` and `consumers` mean somebody else to Entra than one organisation.
_DOMAIN = re.compile(r"(?=.{4,253}\Z)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+")
_NUMBERS = re.compile(r"[0-9.]+")


def is_guid(text: str) -> bool:
    """Whether it is an id as Microsoft writes them, in lower case."""
    return _GUID.fullmatch(text) is not None


def is_domain(text: str) -> bool:
    """Whether it is a domain's name, in lower case and in ASCII."""
    return _DOMAIN.fullmatch(text) is not None and not _NUMBERS.fullmatch(text)


def read_organisation(typed: str) -> str:
    """A directory id or a domain as somebody typed it, in the one way it is written here. Raises `SourceRefused`."""
    tidied = typed.strip().lower().rstrip(".")
    if not is_guid(tidied) and not tidied.isascii():
        try:
            tidied = tidied.encode("idna").decode("ascii")
        except UnicodeError:
            raise SourceRefused("bad_address") from None
    if not (is_guid(tidied) or is_domain(tidied)):
        raise SourceRefused("bad_address")
    return tidied


def read_application(typed: str) -> str:
    """An application (client) id, in lower case. Raises `SourceRefused`."""
    tidied = typed.strip().lower()
    if not is_guid(tidied):
        raise SourceRefused("unknown_application")
    return tidied
