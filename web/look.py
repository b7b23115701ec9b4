"""How pages are made: one Jinja environment, escaping always on, and an error for every name that is not there."""

from __future__ import annotations

import base64
import gettext
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from urllib.parse import urlencode

import brotli
from aiohttp import web
from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup

from web.asked import NOBODY, Asked
from web.assets import STATIC, Assets, load_assets

TEMPLATES = Path(__file__).with_name("templates")

#: English is written in the templates themselves; a catalogue read here would replace it.
translations = gettext.NullTranslations()
_ = translations.gettext


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page shows around its own content.

    `section` is the navigation entry that is lit; `name` is empty when nobody is signed in; `csrf` goes into every
    form; `said` is one sentence about what the last form did, `refused` one about what it did not do; `troubles` are
    providers that fail: what that means, and since when. `admin`: settings are in the navigation. `console`: whether
    there is a navigation at all; accounts of the pod have none. `sheet`: the address of the tenant's own colours and
    logo, empty for ours; `logo`: whether there is one, which then stands in place of ours. `asked`: what waits for a
    second person.
    """

    title: str
    section: str = ""
    name: str = ""
    on_duty: bool | None = None
    supervisor: bool = False
    admin: bool = False
    console: bool = True
    sheet: str = ""
    logo: bool = False
    csrf: str = ""
    demo: bool = False
    now: datetime = field(default_factory=lambda: datetime.fromtimestamp(0, UTC))
    said: str = ""
    refused: str = ""
    troubles: tuple[tuple[str, datetime], ...] = ()
    asked: Asked = NOBODY


class _Compiled(BytecodeCache):
    """What templates were compiled to, for every look of this process. A file that has changed is compiled anew."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        kept = self._kept.get(bucket.key)
        if kept is not None:
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


_compiled = _Compiled()


class Look:
    """Templates and assets together; made once at start."""

    def __init__(self, assets: Assets | None = None) -> None:
        self.assets = assets or load_assets()
        self.templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            bytecode_cache=_compiled,
        )
        self.templates.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]
        self.templates.globals |= {"static": self.assets.address, "icon": icon, "favicon": favicon()}
        self.templates.filters |= {
            "iso": iso,
            "clock": clock,
            "day": day,
            "spelled": spelled,
            "grouped": grouped,
            "asked": asked,
        }

    def html(self, template: str, frame: Frame, values: Mapping[str, object] | None = None) -> str:
        """The page as text."""
        return self.templates.get_template(template).render(page=frame, **(values or {}))

    def answer(
        self,
        request: web.Request,
        template: str,
        frame: Frame,
        values: Mapping[str, object] | None = None,
        *,
        status: int = 200,
        packed: bool = True,
    ) -> web.Response:
        """The page as an answer, packed for the browser. It is never kept by anyone in between."""
        body = self.html(template, frame, values).encode()
        headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
        return self.pack(request, body, headers, "text/html", status=status, packed=packed)

    def pack(
        self,
        request: web.Request,
        body: bytes,
        headers: dict[str, str],
        content_type: str,
        *,
        status: int = 200,
        packed: bool = True,
    ) -> web.Response:
        """An answer, made small where the browser takes that."""
        if packed and "br" in request.headers.get("Accept-Encoding", "") and len(body) > 800:
            # Quality 5 packs a page in about a millisecond. What is reflected into a page never stands beside a code.
            body, headers["Content-Encoding"] = brotli.compress(body, quality=5), "br"
        return web.Response(body=body, status=status, headers=headers, content_type=content_type, charset="utf-8")


@cache
def icon(name: str) -> Markup:
    """An icon of `static/icons` as inline SVG. It is decoration: the word beside it says what it means."""
    drawn = (STATIC / "icons" / f"{name}.svg").read_text().strip()
    return Markup(drawn.replace("<svg ", '<svg class="icon" aria-hidden="true" focusable="false" ', 1))  # noqa: S704 - our own file


def favicon() -> str:
    """Our sign for the tab, inside the page: a request of its own would be one too many."""
    drawn = (STATIC / "icons" / "mark.svg").read_bytes().strip()
    return "data:image/svg+xml;base64," + base64.b64encode(drawn).decode()


def iso(at: datetime) -> str:
    """For `<time datetime>` and for the scripts, which put it into the reader's own zone."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def clock(at: datetime) -> str:
    """Hours and minutes in UTC, said to be so; scripts replace it by the reader's own time."""
    return at.astimezone(UTC).strftime("%H:%M UTC")


def asked(query: Mapping[str, str]) -> str:
    """What stands behind a page's path in a link, `?` included; empty values and `all` are left out."""
    said = {name: value for name, value in query.items() if value and value != "all"}
    return f"?{urlencode(said)}" if said else ""


def day(at: datetime) -> str:
    """Day and time in UTC, said to be so; scripts replace it by the reader's own time."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def grouped(code: str) -> str:
    """`870421` -> `870 421`, `12345678` -> `1234 5678`: groups a person can read out in one breath."""
    size = 3 if len(code) % 3 == 0 else 4
    return " ".join(code[i : i + size] for i in range(0, len(code), size))


def spelled(code: str) -> str:
    """`870421` -> `8 7 0 4 2 1`, so that a screen reader says digits and not a number in the hundreds of thousands."""
    return " ".join(code)
