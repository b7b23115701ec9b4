"""Reading a file of contacts, as spreadsheets save it: rows that are fit to import, and what is wrong with the others.

Pure: nothing is written, so that a file can be tried until it is clean.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from storage.directory import tidy_email
from storage.phones import BadNumber, is_landline, to_e164

#: The command line takes this many; a page takes fewer, see `most` of `parse_contacts_csv`.
MOST_ROWS = 50_000
#: Of a sheet. More are no columns but an attempt to keep us busy.
MOST_COLUMNS = 500
LONGEST_NAME = 120
LONGEST_EMAIL = 254

#: What a heading may be called, compared by letters alone.
HEADINGS: Mapping[str, str] = {
    "name": "name",
    "fullname": "name",
    "displayname": "name",
    "contact": "name",
    "contactname": "name",
    "firstname": "first name",
    "givenname": "first name",
    "lastname": "last name",
    "surname": "last name",
    "familyname": "last name",
    "client": "client",
    "clientname": "client",
    "company": "client",
    "companyname": "client",
    "organisation": "client",
    "organization": "client",
    "mobile": "mobile",
    "mobilephone": "mobile",
    "mobilenumber": "mobile",
    "cell": "mobile",
    "cellphone": "mobile",
    "phone": "phone",
    "phonenumber": "phone",
    "telephone": "phone",
    "landline": "phone",
    "office": "phone",
    "officephone": "phone",
    "workphone": "phone",
    "businessphone": "phone",
    "email": "email",
    "emailaddress": "email",
    "mail": "email",
    "workemail": "email",
}
_EMAIL = re.compile(r"[^@\s<>(),;:\"\\\[\]]+@[^@\s<>(),;:\"\\\[\].]+(?:\.[^@\s<>(),;:\"\\\[\].]+)+")
#: Control, format, surrogate, private and unassigned characters.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_EXTENSION = re.compile(r"(?:x|ext|extension|#)\.?\s*\d+\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a line: where, what is wrong, and what to do. An `error` keeps the line out, a `warning`
    does not. `line` counts as an editor does; `column` is the heading, empty for the whole line."""

    line: int
    column: str
    what: str
    remedy: str
    severity: Literal["error", "warning"] = "error"


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One contact of the file, everything in canonical form; what is missing is empty."""

    line: int
    name: str
    client: str
    mobile: str
    phone: str
    email: str

    @property
    def key(self) -> tuple[str, str]:
        """Two lines with the same key mean the same person."""
        return (self.client.casefold(), self.name.casefold())

    @property
    def addresses(self) -> tuple[tuple[Literal["mobile", "phone", "email"], str], ...]:
        """Kind and value of those that are there."""
        phone = "" if self.phone == self.mobile else self.phone
        found: tuple[tuple[Literal["mobile", "phone", "email"], str], ...] = (
            ("mobile", self.mobile),
            ("phone", phone),
            ("email", self.email),
        )
        return tuple((kind, value) for kind, value in found if value)


@dataclass(frozen=True, slots=True)
class ParsedImport:
    """Rows that can be imported, and the problems, by line."""

    rows: tuple[ContactRow, ...]
    problems: tuple[Problem, ...]


def parse_contacts_csv(file: bytes | str, region: str, *, most: int = MOST_ROWS) -> ParsedImport:
    """Read a file with a line of headings, separated by commas, semicolons or tabs, in UTF-8.

    `region` is where numbers without a country code are read, as an ISO code; empty: they are errors.
    """
    try:
        text = file.decode("utf-8-sig") if isinstance(file, bytes) else file.removeprefix("\ufeff")
    except UnicodeDecodeError:
        return _nothing(1, "The file is not in UTF-8.", "Save it as “CSV UTF-8” and try again.")
    if not text.strip():
        return _nothing(1, "The file is empty.", "Save the sheet with its headings and try again.")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    rows: list[ContactRow] = []
    problems: list[Problem] = []
    try:
        lines = _lines(reader)
        line, headings = next(lines)
        if len(headings) > MOST_COLUMNS:
            return _nothing(line, f"There are {len(headings)} columns.", f"Leave at most {MOST_COLUMNS}.")
        columns = [HEADINGS.get(_letters(heading), "") for heading in headings]
        missing = _bad_headings(line, headings, columns)
        if missing:
            return ParsedImport((), tuple(missing))
        problems += _unknown_headings(line, headings, columns)
        # Lines with something wrong count too, or a file of nothing else would never end.
        for many, (line, cells) in enumerate(lines):
            if many >= most:
                what = f"More than {most} contacts; from here on nothing is read."
                problems.append(Problem(line, "", what, "Split the file."))
                break
            row, wrong = _read_row(line, columns, cells, region)
            problems += wrong
            if row is not None:
                rows.append(row)
    except csv.Error:
        what = "From here on the file cannot be read as a table."
        problems.append(Problem(reader.line_num, "", what, "Look for a stray quotation mark in or above this line."))
    return _without_repeats(rows, problems)


class _Reader(Protocol):
    """csv's own reader, whose type has no public name."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...


def _lines(reader: _Reader) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not blank, with the number of the line they start on (a quoted cell may span several)."""
    start = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield start, cells
        start = reader.line_num + 1


def _delimiter(text: str) -> str:
    first = text.lstrip().partition("\n")[0]
    return max(",;\t", key=first.count)


def _letters(heading: str) -> str:
    return "".join(c for c in heading.casefold() if c.isalnum())


def _bad_headings(line: int, headings: list[str], columns: list[str]) -> list[Problem]:
    seen = ", ".join(h.strip() for h in headings if h.strip())[:200]
    wrong = []
    if "name" not in columns and not {"first name", "last name"} <= set(columns):
        what = f"No column is called name. Found: {seen}."
        wrong.append(Problem(line, "name", what, "Call the column with people's names “name”."))
    if "client" not in columns:
        what = f"No column is called client. Found: {seen}."
        wrong.append(Problem(line, "client", what, "Call the column with company names “client”."))
    if not {"mobile", "phone", "email"} & set(columns):
        what = f"No column is called mobile, phone or email. Found: {seen}."
        wrong.append(Problem(line, "", what, "Add at least one of them."))
    for column in sorted({c for c in columns if c and columns.count(c) > 1}):
        wrong.append(Problem(line, column, f"Two columns mean {column}.", "Delete one, or give it another heading."))
    return wrong


def _unknown_headings(line: int, headings: list[str], columns: list[str]) -> list[Problem]:
    unknown = [h.strip() for h, column in zip(headings, columns, strict=True) if h.strip() and not column]
    if not unknown:
        return []
    named = ", ".join(f"“{heading[:40]}”" for heading in unknown[:10])
    remedy = "Nothing, if they hold nothing we need: name, client, mobile, phone and email are read."
    return [Problem(line, "", f"Not read: {named}{' and more' if len(unknown) > 10 else ''}.", remedy, "warning")]


def _read_row(line: int, columns: list[str], cells: list[str], region: str) -> tuple[ContactRow | None, list[Problem]]:
    wrong: list[Problem] = []
    if any(cell.strip() for cell in cells[len(columns) :]):
        what = "There are more cells than headings."
        return None, [Problem(line, "", what, "Put cells that hold a comma or semicolon in quotation marks.")]
    given = {c: tidy(cell) for c, cell in zip(columns, cells, strict=False) if c}
    name = given.get("name") or " ".join(filter(None, (given.get("first name"), given.get("last name"))))
    client = given.get("client", "")
    for column, value in (("name", name), ("client", client)):
        wrong += _check_name(line, column, value)
    numbers = {column: _number(line, column, given.get(column, ""), region, wrong) for column in ("mobile", "phone")}
    email = tidy_email(given.get("email", ""))
    if email and not is_email(email):
        wrong.append(Problem(line, "email", f"“{email[:60]}” is not an e-mail address.", "Correct or empty the cell."))
    row = ContactRow(line, name, client, numbers["mobile"], numbers["phone"], email)
    if not row.addresses and not wrong:
        what = "There is no mobile, phone or e-mail."
        wrong.append(Problem(line, "", what, "Add one: nobody can be verified without."))
    return (None if any(p.severity == "error" for p in wrong) else row), wrong


def is_email(tidied: str) -> bool:
    """Whether it may be somebody's e-mail address."""
    return len(tidied) <= LONGEST_EMAIL and _EMAIL.fullmatch(tidied) is not None


def wrong_name(column: str, value: str) -> tuple[str, str] | None:
    """What is wrong with a tidied name and what to do, None when nothing is."""
    if not value:
        return f"The {column} is missing.", "Fill it in."
    if len(value) > LONGEST_NAME:
        return f"The {column} has {len(value)} characters.", f"Use at most {LONGEST_NAME}."
    if value[0] in "=+-@":
        return f"The {column} starts with “{value[0]}”, which spreadsheets run as a formula.", "Take the sign away."
    return None


def _check_name(line: int, column: str, value: str) -> list[Problem]:
    wrong = wrong_name(column, value)
    return [] if wrong is None else [Problem(line, column, *wrong)]


def _number(line: int, column: str, typed: str, region: str, wrong: list[Problem]) -> str:
    if not typed:
        return ""
    try:
        e164 = to_e164(typed, region)
    except BadNumber as why:
        wrong.append(Problem(line, column, f"“{typed[:40]}” {why}.", "Correct or empty the cell."))
        return ""
    if _EXTENSION.search(typed):
        what = f"The extension in “{typed[:40]}” is left out."
        wrong.append(Problem(line, column, what, "Nothing, if the number alone reaches the person.", "warning"))
    if column == "mobile" and is_landline(e164):
        what = f"{e164} is a landline: texts will not arrive."
        wrong.append(Problem(line, column, what, "Move it to the phone column.", "warning"))
    return e164


def tidy(cell: str) -> str:
    """White space folded; invisible and control characters out, which only ever come in by accident or malice."""
    seen = (c for c in unicodedata.normalize("NFC", cell) if c.isspace() or unicodedata.category(c) not in _UNSEEN)
    return " ".join("".join(seen).split())


def _without_repeats(rows: list[ContactRow], problems: list[Problem]) -> ParsedImport:
    """One row for each person; a number that several share stays, with a warning."""
    first: dict[tuple[str, str], ContactRow] = {}
    owners: dict[str, ContactRow] = {}
    for row in rows:
        before = first.setdefault(row.key, row)
        if before is not row:
            problems.append(_repeat(row, before))
            continue
        for kind, value in row.addresses:
            owner = owners.setdefault(value, row)
            if owner is not row:
                what = f"{value} also belongs to {owner.name} (line {owner.line})."
                remedy = "If they share it, leave it: technicians pick the right person. Otherwise correct one of them."
                problems.append(Problem(row.line, kind, what, remedy, "warning"))
    ordered = sorted(problems, key=lambda p: (p.line, p.column, p.what))
    return ParsedImport(tuple(first.values()), tuple(ordered))


def _repeat(row: ContactRow, before: ContactRow) -> Problem:
    if row.addresses == before.addresses:
        return Problem(row.line, "", f"The same as line {before.line}; left out.", "Nothing.", "warning")
    what = f"{row.name} of {row.client} stands in line {before.line} already, with other addresses."
    return Problem(row.line, "name", what, "One person: join the lines. Two: tell them apart by name.")


def _nothing(line: int, what: str, remedy: str) -> ParsedImport:
    return ParsedImport((), (Problem(line, "", what, remedy),))
