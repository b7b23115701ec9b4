"""One word for each thing (GE-03): menus say what DESIGN's glossary says, and words that would be a second name for
something are in no text that a person reads: pages, refusals, messages, commands, the description of the API."""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialogs.texts import LANGUAGES
from storage.audit_kinds import ABOUT, KINDS
from storage.tenant_settings import SETTINGS
from web.app import described
from web.openapi import document
from web.pages.settings.parts import PARTS
from web.ports import REFUSALS

ROOT = Path(__file__).parents[2]
MENU = ["Codes", "Contacts", "Tickets", "History", "Reports", "Settings"]
#: A word that must not be read -> the one that we use.
FORBIDDEN = {
    "agent": "technician",
    "agents": "technicians",
    "customer": "client",
    "customers": "clients",
    "operator's user": "technician",
    "end-user": "contact",
    "process": "copy, or what it does",
    "manager": "supervisor, or what it is",
    "sessions": "log-ins",
    "login session": "log-in",
    "utility": "what it does",
    "token bucket": "limit",
    "whitelist": "list of what is allowed",
    "blacklist": "blocked senders",
    "please note": "",
    "simply": "",
    "oops": "",
}
#: Where a forbidden word means something else, and what.
ELSEWHERE = re.compile(r"user agent|end-user verifications?|password manager|/api/v1/sessions", re.IGNORECASE)


def template_words(path: Path) -> str:
    """What a template says: its own text, and the texts it hands to `_()`."""
    source = path.read_text("utf-8")
    said = re.findall(r"""_\((?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")""", source)
    plain = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", " ", source, flags=re.DOTALL)
    return html.unescape(" ".join([plain, *(one or other for one, other in said)]))


def python_words(path: Path) -> Iterator[str]:
    """Texts in `_()`, in what is shown or raised: any string with a space in it that is no docstring. What settings are
    also found by (`also=`) is never shown: there the names of others belong."""
    tree = ast.parse(path.read_text("utf-8"))
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    told |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "also"}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in told
            and " " in node.value
        ):
            yield node.value


def everything_said() -> Iterator[tuple[str, str]]:
    """(where, what is said)."""
    for path in sorted((ROOT / "web" / "templates").glob("*.html")):
        yield path.name, template_words(path)
    for folder in ("web", "web/pages", "web/pages/settings", "bot/doctor", "bot/commands", "channels/twilio"):
        for path in sorted((ROOT / folder).glob("*.py")):
            for said in python_words(path):
                yield f"{folder}/{path.name}", said
    for template in LANGUAGES["en"].templates.values():
        yield template.id, f"{template.body} {template.about}"
    yield from LANGUAGES["en"].phrases.items()
    for word, (_status, said) in REFUSALS.items():
        yield word, said
    for setting in SETTINGS:
        yield setting.name, f"{setting.about} {setting.allowed}"
    for begins, kinds in KINDS.items():
        yield begins, ABOUT[begins] + " " + " ".join(kinds.values())
    yield (
        "openapi",
        " ".join(re.findall(r'"(?:summary|description)": "([^"]*)"', json.dumps(document(described(), "0")))),
    )


@pytest.mark.feature("GE-03")
def test_the_menu_has_the_words_of_the_glossary() -> None:
    frame = (ROOT / "web" / "templates" / "frame.html").read_text("utf-8")
    main = frame[frame.index("<nav") : frame.index("</nav>")]
    assert re.findall(r"\{\{ _\('([^']*)'\) \}\}</a>", main) == MENU


@pytest.mark.feature("GE-03")
def test_parts_of_settings_have_short_names_of_their_own() -> None:
    titles = [part.title for part in PARTS]
    assert len(titles) == len(set(titles))
    for part in PARTS:
        assert 1 <= len(part.title.split()) <= 3, part.title
        assert part.title[0].isupper(), part.title
        assert part.about.endswith("."), part.title
        assert not set(part.title.split()) & set(MENU), f"{part.title} is a word of the menu too"


@pytest.mark.feature("GE-03")
def test_nobody_reads_a_second_name_for_anything() -> None:
    found = []
    for where, said in everything_said():
        plain = ELSEWHERE.sub(" ", said)
        for word, ours in FORBIDDEN.items():
            if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", plain, re.IGNORECASE):
                found.append(f"{where}: {word!r}, we say {ours!r}: {said.strip()[:100]}")
    assert not found, "\n".join(found)


@pytest.mark.feature("GE-03")
def test_the_search_for_words_finds_them() -> None:
    said = dict(everything_said())
    assert "I am calling them" in said["parts.html"]
    assert any("Nobody is waiting" in text for text in said.values())
    assert sum(1 for _ in everything_said()) > 500
