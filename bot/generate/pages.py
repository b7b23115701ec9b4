"""Which pages there are and where they lie."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from bot.app import installed_version
from bot.generate import commands, network, settings
from dialogs import reference as dialogs_reference
from storage import audit_kinds
from storage import reference as storage_reference
from web.app import described
from web.openapi import document

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference"


def openapi() -> str:
    """The description of the API, as `/docs/openapi.json` serves it."""
    return json.dumps(document(described(), installed_version()), indent=2, ensure_ascii=False) + "\n"


#: File below docs/reference -> what it must hold.
PAGES: Mapping[str, Callable[[], str]] = {
    **dialogs_reference.PAGES,
    "commands.md": commands.page,
    "settings.md": settings.page,
    "network.md": network.page,
    "schema.md": storage_reference.page,
    "audit-events.md": audit_kinds.page,
    "openapi.json": openapi,
}


def stale(folder: Path) -> list[str]:
    """Pages whose file is missing or says something else."""
    return [name for name, page in PAGES.items() if _held(folder / name) != page()]


def write(folder: Path, name: str) -> None:
    """Write one page, with the line ends of every system alike."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(PAGES[name](), "utf-8", newline="\n")


def _held(file: Path) -> str | None:
    return file.read_text("utf-8") if file.exists() else None
