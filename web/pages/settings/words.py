"""Own words for the commands, in whatever languages people write; the originals always work (SEC-16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from aiohttp import web
from pydantic import Field

from dialogs.grammar import (
    ORIGINAL_WORDS,
    Command,
    Confirm,
    Deny,
    Help,
    NearMiss,
    Plain,
    Said,
    Start,
    Stop,
    Verify,
    read,
    tidy,
)
from dialogs.settings import SettingsError, TenantSettings
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.company import tenant_of
from web.pages.settings.parts import settings_page
from web.routing import Access, Call, Route, Surface

PATH = "/settings/words"
#: More than anybody needs; each is looked for in every text that comes in.
MOST_WORDS = 40
LONGEST_WORD = 30

COMMANDS: Mapping[Command, tuple[str, str]] = {
    "verify": ("#verify", _("Starts a check. It also works without # and with a word of courtesy beside it.")),
    "confirm": ("#confirm", _("Confirms. Always with #, and exactly as it is written here: it opens a door.")),
    "deny": ("#deny", _("Raises the alarm. It also works without #.")),
}

Words = Annotated[str, Field(max_length=2000)]


class WordsForm(Form):
    """Own words for each command, with commas."""

    verify: Words = ""
    confirm: Words = ""
    deny: Words = ""


class TryQuery(Form):
    """A text to see how it would be read; `said` is what a redirect carries."""

    text: Annotated[str, Field(max_length=1600)] = ""
    said: Annotated[str, Field(max_length=32)] = ""
    refused: Annotated[str, Field(max_length=32)] = ""


@dataclass(frozen=True, slots=True)
class CommandView:
    """One command: its name in the form, as people write it, what it does, which words are ours and which theirs."""

    name: Command
    shown: str
    about: str
    originals: str
    own: str


async def show_words(call: Call) -> web.StreamResponse:
    """All words, and how a text would be read."""
    asked: TryQuery = call.query
    tenant = await tenant_of(call)
    return _page(call, tenant.settings, {}, {}, text=asked.text)


async def change_words(call: Call) -> web.StreamResponse:
    """All of them at once, or nothing."""
    tenant = await tenant_of(call)
    typed: dict[str, str] = call.body.model_dump()
    words, wrong = _read(typed)
    if not wrong and words != dict(tenant.settings.words):
        noted = call.services.tenants.noting(tenant.id, line(call, "settings.changed", settings="words"))
        try:
            await noted.change_settings(tenant.id, lambda now: with_words(now, words))
        except SettingsError as bad:
            wrong = _where(str(bad), words)
    if wrong:
        return _page(call, tenant.settings, typed, wrong)
    return see_other(PATH, said="saved")


def with_words(settings: TenantSettings, words: Mapping[str, Command]) -> TenantSettings:
    """These own words in place of all others."""
    return replace(settings, words=words)


def _read(typed: Mapping[str, str]) -> tuple[dict[str, Command], dict[str, str]]:
    """The words out of the form, and what is wrong by field."""
    words: dict[str, Command] = {}
    wrong: dict[str, str] = {}
    for command in COMMANDS:
        for part in typed[command].replace("\n", ",").split(","):
            word = tidy(part).removeprefix("#").strip()
            if not word:
                continue
            if len(word) > LONGEST_WORD:
                wrong[command] = _("A word has at most %s letters.") % LONGEST_WORD
            elif words.get(word, command) != command:
                wrong[command] = _('"%(word)s" stands beside another command already.') % {"word": word}
            words[word] = command
    if len(words) > MOST_WORDS:
        wrong["verify"] = _("These are more than %s words. Fewer are easier to remember, too.") % MOST_WORDS
    return words, wrong


def _where(said: str, words: Mapping[str, Command]) -> dict[str, str]:
    """The fault beside the command whose word it names."""
    found = next((command for word, command in words.items() if repr(word) in said), "verify")
    return {found: said[:1].upper() + said[1:] + "."}


def _page(
    call: Call, settings: TenantSettings, typed: Mapping[str, str], wrong: Mapping[str, str], *, text: str = ""
) -> web.Response:
    own: dict[str, list[str]] = {}
    for word, command in settings.words.items():
        own.setdefault(command, []).append(word)
    commands = [
        CommandView(
            name,
            shown,
            about,
            ", ".join("#" + word for word, command in ORIGINAL_WORDS.items() if command == name),
            typed.get(name, ", ".join(own.get(name, ()))),
        )
        for name, (shown, about) in COMMANDS.items()
    ]
    values = {
        "commands": commands,
        "problems": wrong,
        "text": text,
        "read_as": _in_words(read(text, settings.words)) if text else "",
    }
    said = _("Not saved. Correct what is marked below.") if wrong else ""
    return settings_page(call, "words", "settings_words.html", values, status=422 if wrong else 200, problem=said)


def _in_words(said: Said) -> str:
    match said:
        case Stop(everywhere):
            return _("They opt out of every number of yours.") if everywhere else _("They opt out of this number.")
        case Start():
            return _("They opt in again.")
        case Help():
            return _("They ask what this number is.")
        case Verify():
            return _("A check starts: #verify.")
        case Confirm(digits):
            return _("They confirm with a code: #confirm.") if digits else _("They confirm: #confirm.")
        case Deny():
            return _("The alarm: #deny.")
        case NearMiss():
            return _("Nearly a command: nothing happens, and they get a hint.")
        case Plain():
            return _("No command: nothing happens.")


ROUTES = (
    Route("GET", PATH, show_words, Access.ADMIN, Surface.PAGE, "Command words", query=TryQuery),
    Route("POST", PATH, change_words, Access.ADMIN, Surface.PAGE, "Change command words", body=WordsForm, step_up=True),
)
