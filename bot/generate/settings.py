"""`docs/reference/settings.md`: what the operator sets in the environment, and what each tenant sets for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dialogs.settings import TenantSettings
from storage.setting_spelling import TenantSetting
from storage.tenant_settings import SETTINGS


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
        "Where the database is. For one process `sqlite:///` and a path; four slashes make the path absolute: "
        "`sqlite:////var/lib/watchword/watchword.db`. For several `postgresql://role:password@host/name`, with a role "
        "that is no superuser.",
        "needed, or the next",
    ),
    Variable("WATCHWORD_DATABASE_URL_FILE", "A file that holds that address, password and all.", "needed, or the last"),
    Variable(
        "WATCHWORD_OWNER_DATABASE_URL",
        "PostgreSQL only: the same database as the role that owns its tables. `migrate` and `restore` use it; with it, "
        "the role that serves cannot change or delete lines of the log. Also with `_FILE`.",
        "the role that serves owns the tables",
    ),
    Variable("WATCHWORD_OWNER_DATABASE_URL_FILE", "A file that holds that address.", "none"),
    Variable(
        "WATCHWORD_REDIS_URL",
        "`redis://:password@host:6379/0`, or `rediss://` with TLS. It makes several processes on one PostgreSQL hear "
        "of one another faster; losing it costs speed only.",
        "none",
    ),
    Variable("WATCHWORD_REDIS_URL_FILE", "A file that holds that address.", "none"),
    Variable(
        "WATCHWORD_CHECKPOINTS_FILE",
        "The file outside the database that keeps the signed heads of the log: docs/explanation/the-sealed-log.md. "
        "Put it where whoever can change the database cannot.",
        "beside a SQLite file; none with PostgreSQL",
    ),
    Variable("WATCHWORD_CHECKPOINT_WEBHOOK", "An address to which each new head is posted as well.", "none"),
    Variable(
        "WATCHWORD_METRICS_TOKEN",
        "What `/metrics` asks for as bearer token. Without it only this machine gets an answer, and behind a proxy "
        "nobody does. Also with `_FILE`.",
        "none",
    ),
    Variable("WATCHWORD_METRICS_TOKEN_FILE", "A file that holds that token.", "none"),
    Variable(
        "WATCHWORD_MAIL_URL",
        "The mail server for tenants that have none of their own: `smtps://login:password@host:465` (TLS from the "
        "start) or `smtp://login:password@host:587` (STARTTLS). Mail never leaves unencrypted. Also with `_FILE`.",
        "none: such tenants send texts only",
    ),
    Variable("WATCHWORD_MAIL_URL_FILE", "A file that holds that address, password and all.", "none"),
    Variable(
        "WATCHWORD_MAIL_FROM", "Whom mails by that server come from: `Help desk <desk@example.com>`.", "needed with it"
    ),
    Variable(
        "WATCHWORD_WORKFLOW_HOSTS",
        "Hosts that Teams connections may have besides Microsoft's usual ones, with commas between them; with a dot in "
        "front, everything below: `.logic.azure.cn`.",
        "none",
    ),
    Variable(
        "WATCHWORD_PRIVATE_TARGETS",
        "Networks that webhooks and connections of tenants may lead into although they are not public, as address/bits "
        "with commas between them: `10.20.0.0/16`. There, and only there, http is allowed too.",
        "none",
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
    Variable(
        "WATCHWORD_TWILIO_LOOKUPS_URL",
        "Where the carrier is asked about numbers; for tests and stand-ins.",
        "`https://lookups.twilio.com`",
    ),
    Variable(
        "WATCHWORD_ENTRA_URL",
        "Where Microsoft gives out tokens and administrators consent; for national clouds, tests and stand-ins.",
        "`https://login.microsoftonline.com`",
    ),
    Variable(
        "WATCHWORD_GRAPH_URL",
        "Where people of Microsoft 365 are read; for national clouds, tests and stand-ins.",
        "`https://graph.microsoft.com`",
    ),
)

INTRO = """# Settings

This page is generated from `bot/generate/settings.py` and `storage/tenant_settings.py`; edit those, then run
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
    "policy": "### Verification of end users\n\nFor every client without a policy of its own.",
    "limits": "### Limits\n\nThey count codes that nobody has answered; an answered one is given back.",
    "retention": "### How long words are kept\n\nDays: `90d`. A daily job takes them away; the log stays, and so do "
    "the keys by which a text that comes twice is known.",
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
