"""The page for firewalls names every host that is built into the code, and none that is not (GE-01)."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bot.generate.network import INBOUND, OUTBOUND, page
from bot.settings import Settings
from channels.twilio.lookups import DEFAULT_URL as LOOKUPS_URL
from channels.twilio.rest import DEFAULT_URL
from identity.microsoft.graph import GRAPH_URL
from identity.microsoft.tokens import ENTRA_URL

ROOT = Path(__file__).parents[2]
ROOMS = ("bot", "channels", "dialogs", "identity", "manifests", "psa", "storage", "voice", "web")
#: Hosts that stand for somebody's own, in examples and tests of addresses.
MADE_UP = re.compile(r"(^|\.)(example(\.(com|org|net))?|invalid|test|localhost|host)$|^127\.|^YOUR-|^\{|^\[")
URL = re.compile(r"(?:https?|wss?|smtps?)://([A-Za-z0-9{}\[\].-]+)")


def built_in() -> dict[str, str]:
    """Every host that stands in our code, with a file it stands in."""
    found = {}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            for host in URL.findall(path.read_text("utf-8")):
                if "." in host.strip(".") and not MADE_UP.search(host):
                    found[host.rstrip(".")] = str(path.relative_to(ROOT))
    return found


@pytest.mark.feature("GE-01")
def test_every_host_in_the_code_is_on_the_page() -> None:
    found = built_in()
    assert found, "the search finds nothing"
    missing = {host: path for host, path in found.items() if f"`{host}`" not in page()}
    assert not missing


@pytest.mark.feature("GE-01")
def test_the_page_names_the_defaults_of_the_code() -> None:
    named = {line.host for line in OUTBOUND if re.fullmatch(r"[a-z0-9.-]+\.[a-z]+", line.host)}
    defaults = {
        "twilio_url": DEFAULT_URL,
        "twilio_lookups_url": LOOKUPS_URL,
        "entra_url": ENTRA_URL,
        "graph_url": GRAPH_URL,
    }
    assert named == {urlsplit(url).hostname for url in defaults.values()}
    assert {name: Settings.__dataclass_fields__[name].default for name in defaults} == defaults
    assert {line.port for line in INBOUND} == {"443", str(Settings.__dataclass_fields__["port"].default)}


@pytest.mark.feature("GE-01")
def test_pages_load_nothing_from_elsewhere() -> None:
    """So that browsers need one host alone."""
    for path in [*(ROOT / "web" / "templates").glob("*.html"), *(ROOT / "web" / "static").rglob("*.*")]:
        if path.suffix in {".html", ".css", ".js"}:
            text = path.read_text("utf-8")
            assert not re.search(
                r"""(?:src|href|action)=["']?(?:https?:)?//|url\(["']?(?:https?:)?//|@import""", text
            ), path
