"""`docs/reference/settings.md`: what the operator sets in the environment, and what each tenant sets for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.commands.tenant_settings import SETTINGS, TenantSetting
from dialogs.settings import TenantSettings


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the environment."""

    name: str
    about: str
    default: str


#: A test compares the names with those that `bot/settings.py` reads.
VARIABLES = (
    Variable(
        "WATCHWORD_DATABASE_URL",
        "Where the database is: `sqlite:///` and a path. Four slashes make the path absolute: "
        "`sqlite:////var/lib/watchword/watchword.db`. In this version it is a SQLite file.",
        "needed",
    ),
    Variable(
        "WATCHWORD_MASTER_KEY",
        "The key that opens all others: 32 random bytes in base64 or hex, from `openssl rand -base64 32`. Whoever has "
        "it and the database can read everything; whoever loses it can read nothing any more.",
        "needed, or the next",
    ),
    Variable("WATCHWORD_MASTER_KEY_FILE", "A file that holds the master key and nothing else.", "needed, or the last"),
    Variable(
        "WATCHWORD_PREVIOUS_MASTER_KEYS",
        "Master keys that were replaced and may still be in use, with commas between them.",
        "none",
    ),
    Variable(
        "WATCHWORD_PUBLIC_URL",
        "Scheme and host under which the world reaches the server, such as `https://verify.example.com`, without a "
        "path. The carrier's signatures are checked against it, and links begin with it.",
        "needed to serve",
    ),
    Variable(
        "WATCHWORD_TWILIO_URL", "Where the carrier's interface is; for tests and stand-ins.", "`https://api.twilio.com`"
    ),
)

INTRO = """# Settings

This page is generated from `bot/generate/settings.py` and `bot/commands/tenant_settings.py`; edit those, then run
`python3 dev.py generate`.

## Of the installation

They are read from the environment once, when a command starts. A wrong one stops the start and says what to do. The
demo needs none of them.

| variable | meaning | default |
|---|---|---|"""

TENANT = """
## Of a tenant

Set with `watchword tenant set NAME=VALUE`, shown with `watchword tenant set`. A running server takes a change up with
the next message. Times are a number and a unit: `20s`, `10m`, `1h`. Besides these, `name` is the name that texts show.
"""

PARTS = {
    "": "### Name, language, reach",
    "rules": "### Technician verification",
    "limits": "### Limits\n\nThey count codes that nobody has answered; an answered one is given back.",
}


def page() -> str:
    """The whole page, ending in one newline."""
    return "\n".join([INTRO, *_variables(), TENANT, *_settings()]).rstrip() + "\n"


def _variables() -> Iterator[str]:
    for variable in VARIABLES:
        yield f"| `{variable.name}` | {variable.about} | {variable.default} |"


def _settings() -> Iterator[str]:
    for part, heading in PARTS.items():
        yield f"{heading}\n\n| setting | meaning | allowed | default |\n|---|---|---|---|"
        for setting in SETTINGS:
            if setting.part == part:
                yield f"| `{setting.name}` | {setting.about} | {setting.allowed} | {_default(setting)} |"
        yield ""


def _default(setting: TenantSetting) -> str:
    shown = setting.show(setting.value_in(TenantSettings()))
    return f"`{shown}`" if shown else "none"
