"""What the pages tell people to type exists, and the pages they are sent to do too."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from bot.cli import app
from storage.tenant_settings import BY_NAME

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def told(page: Path) -> Iterator[str]:
    """Every `watchword ...` in code, in blocks and between backticks."""
    text = page.read_text("utf-8")
    if page.name == "commands.md":
        return
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from re.findall(r"^(?:\S*/)?(watchword [a-z].*)$", block, re.MULTILINE)
    yield from re.findall(r"`(watchword [a-z][^`]*)`", text)


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    command, rest = get_command(app), words
    while isinstance(command, TyperGroup):
        assert rest, f"{words} stops in the middle"
        assert rest[0] in command.commands, f"there is no command {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_on_the_page_exist(page: Path) -> None:
    for line in told(page):
        words = shlex.split(line.rstrip(".").replace("...", ""))[1:]
        if words[1:] == ["--help"]:
            continue
        command, rest = command_of(words)
        options = {name for p in command.params if isinstance(p, TyperOption) for name in (*p.opts, *p.secondary_opts)}
        assert {word for word in rest if word.startswith("--")} <= options, line
        for word in rest:
            name, equals, _ = word.partition("=")
            if equals and not word.startswith("--"):
                assert name in {*BY_NAME, "name", "NAME"}, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_there_is_something_to_check() -> None:
    assert sum(1 for page in PAGES for _ in told(page)) > 20
