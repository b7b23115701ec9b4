"""`docs/reference/commands.md`: every command with its arguments and options, from the command line itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from bot.cli import app

INTRO = """# Commands

This page is generated from `bot/cli.py` and `bot/commands/`; edit those, then run `python3 dev.py generate`.

In a checkout, `python3 dev.py run` is `watchword demo`; the other commands are in `.venv/bin/watchword`. An installed
copy has `watchword` on its path. Commands other than `demo`, `features` and `version` read their settings from the
environment ([settings.md](settings.md)) and may run while the server does.

Exit codes: 0 done, 1 a check or a file has problems, 2 what was asked for cannot be done (nothing was changed).
"""


def page() -> str:
    """The whole page, ending in one newline."""
    return "\n".join([INTRO, *_command(get_command(app), "watchword")]).rstrip() + "\n"


def _command(command: Any, path: str) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from _command(inner, f"{path} {name}")
        return
    arguments = [p for p in command.params if isinstance(p, TyperArgument)]
    options = [p for p in command.params if isinstance(p, TyperOption)]
    shown = " ".join([path, *(_usage(p) for p in arguments), *(["[OPTIONS]"] if options else [])])
    yield f"## `{path}`\n"
    yield f"{inspect.cleandoc(command.help or '')}\n"
    yield f"```\n{shown}\n```\n"
    if arguments or options:
        yield "| | meaning | default |\n|---|---|---|"
        parameters: list[TyperArgument | TyperOption] = [*arguments, *options]
        for parameter in parameters:
            about = _cell(parameter.help or "") + _choices(parameter)
            yield f"| `{_name(parameter)}` | {about} | {_default(parameter)} |"
        yield ""


def _usage(argument: TyperArgument) -> str:
    name = argument.metavar or (argument.name or "").upper()
    return name if argument.required else f"[{name}]"


def _name(parameter: TyperArgument | TyperOption) -> str:
    if isinstance(parameter, TyperArgument):
        return parameter.metavar or (parameter.name or "").upper()
    return ", ".join(parameter.opts)


def _choices(parameter: TyperArgument | TyperOption) -> str:
    annotation: Any = parameter.type_descriptor.annotation
    origin: Any = get_origin(annotation)
    if origin is not Literal:
        return ""
    return " One of " + ", ".join(f"`{word}`" for word in get_args(annotation)) + "."


def _default(parameter: TyperArgument | TyperOption) -> str:
    if parameter.required:
        return "needed"
    return f"`{parameter.default}`" if parameter.default not in (None, "", False) else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
