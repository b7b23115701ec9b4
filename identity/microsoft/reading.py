"""From what Graph says of somebody to a person that can be used. What cannot be used is left out and named; nothing
that somebody wrote into a directory makes a whole page fail."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from dialogs.people_source import PersonKind, SourceOrganisation, SourcePerson
from identity.microsoft.addresses import is_domain, is_guid

LONGEST_NAME = 120
LONGEST_EMAIL = 254
LONGEST_NUMBER = 50
MOST_NUMBERS = 5
MOST_DOMAINS = 500
#: Asked for of everybody. A person of whom one of these is not said is not whole.
FIELDS: Final = (
    "id",
    "displayName",
    "mail",
    "userPrincipalName",
    "mobilePhone",
    "businessPhones",
    "accountEnabled",
    "userType",
    "preferredLanguage",
)
_EMAIL = re.compile(r"[^@\s<>(),;:\"\\\[\]]+@[^@\s<>(),;:\"\\\[\].]+(?:\.[^@\s<>(),;:\"\\\[\].]+)+")
_NUMBER = re.compile(r"[0-9+(][0-9+()./\s\-\u2010-\u2015;,#*=:A-Za-z]*")
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_GUEST = "#ext#"
#: Format, private and unassigned characters: seen by nobody, and pasted along by many programs.
_UNSEEN = frozenset({"Cf", "Co", "Cn"})
#: Control characters and halves of characters: nothing that was typed.
_BROKEN = frozenset({"Cc", "Cs"})
#: What spreadsheets take for the beginning of a formula.
_FORMULA = "=+-@ "


_Reader: TypeAlias = Callable[[str], str]


class Unusable(ValueError):
    """A value that is there and cannot be used."""


def external_id(entry: object) -> str:
    """The id of an entry of a list, empty where it names nobody."""
    said = entry.get("id") if isinstance(entry, Mapping) else None
    lowered = said.lower() if isinstance(said, str) and len(said) < 100 else ""
    return lowered if is_guid(lowered) else ""


def is_whole(entry: Mapping[str, object]) -> bool:
    """Whether everything that was asked for is said; in a round of changes what has not changed may be missing."""
    return all(name in entry for name in FIELDS)


def read_person(entry: Mapping[str, object]) -> SourcePerson:
    """A person whose entry has an id. What is missing in it is empty there."""
    left_out: list[str] = []

    def one(name: str, key: str, read: _Reader) -> str:
        try:
            return read(line(entry.get(key)))
        except Unusable:
            left_out.append(name)
            return ""

    login = one("login", "userPrincipalName", _email)
    name = one("name", "displayName", _name) or login.partition("@")[0][:LONGEST_NAME].lstrip(_FORMULA)
    phones, passed_over = _numbers(entry.get("businessPhones"))
    left_out += ["phones"] if passed_over else []
    kind = _kind(entry)
    return SourcePerson(
        external_id=external_id(entry),
        name=name,
        kind=kind if name else "unreadable",
        email=one("email", "mail", _email),
        mobile=one("mobile", "mobilePhone", _number),
        phones=phones,
        login=login,
        locale=one("locale", "preferredLanguage", _locale),
        left_out=tuple(left_out),
    )


def read_organisation_entry(entry: object) -> SourceOrganisation | None:
    """An organisation, or None for what is none."""
    id = external_id(entry)
    if not id or not isinstance(entry, Mapping):
        return None
    ranked: list[tuple[int, str]] = []
    said = entry.get("verifiedDomains")
    for domain in said[:MOST_DOMAINS] if isinstance(said, list) else []:
        name = domain.get("name") if isinstance(domain, Mapping) else None
        lowered = name.lower() if isinstance(name, str) else ""
        if is_domain(lowered):
            ranked.append(
                (0 if domain.get("isDefault") is True else 2 if domain.get("isInitial") is True else 1, lowered)
            )
    domains = tuple(dict.fromkeys(name for _, name in sorted(ranked, key=lambda pair: pair[0])))
    try:
        name = _name(line(entry.get("displayName")))
    except Unusable:
        name = ""
    return SourceOrganisation(id, name or next(iter(domains), id), domains)


def line(value: object) -> str:
    """One line of text as it is read: spaces folded, what nobody sees taken out. None is empty. Raises `Unusable`."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 2000:
        raise Unusable
    kinds = [(c, unicodedata.category(c)) for c in unicodedata.normalize("NFC", value)]
    if any(kind in _BROKEN and not c.isspace() for c, kind in kinds):
        raise Unusable
    return " ".join("".join(c for c, kind in kinds if kind not in _UNSEEN).split())


def _name(tidied: str) -> str:
    kept = tidied.lstrip(_FORMULA)
    if tidied and not kept:
        raise Unusable
    return kept[:LONGEST_NAME].rstrip()


def _email(tidied: str) -> str:
    if tidied and (len(tidied) > LONGEST_EMAIL or not _EMAIL.fullmatch(tidied)):
        raise Unusable
    return tidied


def _number(tidied: str) -> str:
    digits = sum(c.isdigit() for c in tidied)
    if tidied and (len(tidied) > LONGEST_NUMBER or not 4 <= digits <= 25 or not _NUMBER.fullmatch(tidied)):
        raise Unusable
    return tidied


def _locale(tidied: str) -> str:
    if tidied and not _LOCALE.fullmatch(tidied):
        raise Unusable
    return tidied.replace("_", "-")


def _numbers(value: object) -> tuple[tuple[str, ...], bool]:
    """The numbers of a list, and whether some of it could not be used."""
    if value is None:
        return (), False
    if not isinstance(value, Sequence) or isinstance(value, str):
        return (), True
    found: dict[str, None] = {}
    passed_over = len(value) > MOST_NUMBERS
    for one in value[:MOST_NUMBERS]:
        try:
            number = _number(line(one))
        except Unusable:
            passed_over = True
            continue
        if number:
            found[number] = None
    return tuple(found), passed_over


def _kind(entry: Mapping[str, object]) -> PersonKind:
    enabled, type = entry.get("accountEnabled"), entry.get("userType")
    # Accounts older than the field have none; those of guests say so in the name they sign in with.
    guest = type == "Guest" or (type is None and _GUEST in str(entry.get("userPrincipalName", ""))[:2000].lower())
    if guest:
        return "guest"
    if type not in ("Member", None) or not isinstance(enabled, bool):
        return "unreadable"
    return "member" if enabled else "disabled"
