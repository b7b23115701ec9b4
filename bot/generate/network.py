"""`docs/reference/network.md`: which hosts and ports Watchword needs, for whoever keeps a firewall (GE-01)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.settings import Settings
from channels.teams.posts import HOSTS
from channels.twilio.call_urls import CALL_STATUS_PATH, VOICE_PATH
from channels.twilio.webhooks import SMS_PATH, STATUS_PATH


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a firewall's list. `host` and `port` as they are written there."""

    host: str
    port: str
    why: str
    needed: str


def _default(name: str) -> str:
    """The host that a setting has when nobody sets it."""
    default = Settings.__dataclass_fields__[name].default
    return urlsplit(str(default)).hostname or ""


#: A test finds every address that is built into the code here.
OUTBOUND = (
    Line(_default("twilio_url"), "443", "Texts and calls go out, numbers are looked up.", "always"),
    Line(
        _default("twilio_lookups_url"),
        "443",
        "The carrier is asked about numbers before codes go there.",
        "with the setting `number_lookups`",
    ),
    Line(_default("entra_url"), "443", "Tokens for directories of organisations.", "with contacts from Microsoft 365"),
    Line(_default("graph_url"), "443", "People of those organisations are read.", "with contacts from Microsoft 365"),
    Line("your database", "5432", "PostgreSQL. With SQLite there is no such connection.", "with PostgreSQL"),
    Line("your Redis", "6379", "Copies of Watchword hear of one another faster.", "with Redis"),
    Line("your mail server", "465 or 587", "Mail to technicians: TLS from the start, or STARTTLS.", "with mail"),
    Line(
        "the hosts of your Teams workflows",
        "443",
        f"Notices in channels. They end in {', '.join(f'`{end}`' for end in HOSTS)}, or as "
        "`WATCHWORD_WORKFLOW_HOSTS` says.",
        "with Teams connections",
    ),
    Line("the hosts of your own webhooks", "443", "Other tools are told what has happened.", "with webhooks"),
    Line("the address of your checkpoint webhook", "443", "Signed heads of the log are kept elsewhere.", "with one"),
    Line("a resolver for names", "53", "All of the above are found by name.", "always"),
)
INBOUND = (
    Line("the proxy in front", "443", "Browsers, the carrier, other tools, all by HTTPS.", "from the world"),
    Line("Watchword itself", "8080", "The proxy passes requests on; `--port` changes it.", "from the proxy alone"),
)

INTRO = """# Hosts and ports

This page is generated from `bot/generate/network.py`; edit that, then run `python3 dev.py generate`. A test compares it
with the addresses that are built into the code.

## Out of the server

Nothing else is called: no statistics, no update check, no fonts or scripts from elsewhere.

| host | port | why | needed |
|---|---|---|---|"""

MIDDLE = """
Every provider's address can be replaced by a setting, such as `WATCHWORD_TWILIO_URL`: see [settings](settings.md).
Addresses that admins enter (webhooks, Teams) are refused when they lead into networks of your own, unless
`WATCHWORD_PRIVATE_TARGETS` allows it.

## Into the server

| what listens | port | why | open to |
|---|---|---|---|"""

END = f"""
Paths that the carrier uses are `{SMS_PATH}` and `{STATUS_PATH}` for texts, `{VOICE_PATH}` and
`{CALL_STATUS_PATH}` for calls. Twilio has no fixed addresses to allow: each request is proven by its signature, so do
not filter those paths by address. `/metrics` answers this machine, and others
only with a token. Everything else can be kept to the networks in which your technicians work, if they need no claim
page on their phones.

## For the networks of technicians and clients

Browsers need your own address on port 443 and nothing else: pages load nothing from other hosts. The console keeps one
connection open for a long time (server-sent events), so a filter in between must not cut or buffer it. Phones need no
internet at all: the people you serve use text messages.
"""


def page() -> str:
    """The whole page, ending in one newline."""
    return "\n".join([INTRO, *_rows(OUTBOUND), MIDDLE, *_rows(INBOUND), END]).rstrip() + "\n"


def _rows(lines: tuple[Line, ...]) -> Iterator[str]:
    for line in lines:
        yield f"| {f'`{line.host}`' if '.' in line.host else line.host} | {line.port} | {line.why} | {line.needed} |"
