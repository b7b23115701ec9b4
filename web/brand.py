"""What a tenant's looks are on the wire: a style sheet with colours and the logo of the bar, and the logo itself.

Addresses carry a hash of what is behind them and never change, so browsers keep them for ever. Nobody need be signed
in: links that people get by text show the logo, too.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections import OrderedDict
from collections.abc import Mapping

import brotli
from aiohttp import web

from storage.brands import Brand, Mark
from web.contrast import Colour, as_hex, mixed, ratio, read_colour, worst
from web.pictures import for_bar
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

#: What text of the brand's colour stands on: paper, cards and sunken places of `watchword.css`.
GROUNDS: Mapping[str, tuple[Colour, ...]] = {
    "light": ((0xF5, 0xF3, 0xEE), (0xFF, 0xFE, 0xFB), (0xEC, 0xEA, 0xE3)),
    "dark": ((0x10, 0x18, 0x1A), (0x18, 0x22, 0x25), (0x0C, 0x12, 0x14)),
}
#: The two ends of the band on pages of links that people are sent, as they are called among a tenant's colours.
BAND = ("band_from", "band_to")
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
_FOREVER = "public, max-age=31536000, immutable"
_ID = re.compile(r"[0-9a-f-]{36}")
_HASH = re.compile(r"[0-9a-f]{16}")
#: Style sheets at hand; drawing a logo small takes milliseconds.
_KEPT = 64


def sheet_address(tenant_id: str, mark: Mark) -> str:
    """Where the style sheet is."""
    return f"/brand/{tenant_id}/{mark.hash}.css"


def logo_address(tenant_id: str, mark: Mark) -> str:
    """Where the logo is."""
    return f"/brand/{tenant_id}/{mark.hash}/logo.png"


def on_colour(colour: Colour) -> Colour:
    """White or black, whichever is read better on this colour."""
    return WHITE if ratio(WHITE, colour) >= ratio(BLACK, colour) else BLACK


def on_band(start: Colour, end: Colour) -> Colour:
    """White or black, whichever is read better everywhere between these two."""
    return max((WHITE, BLACK), key=lambda words: worst(words, band(start, end)))


def band(start: Colour, end: Colour) -> tuple[Colour, ...]:
    """What lies between two colours, as browsers draw it."""
    return tuple(mixed(start, end, share / 16) for share in range(17))


def style_sheet(brand: Brand) -> str:
    """Colours as the names of `watchword.css`, and the logo for the bar."""
    rules: list[str] = []
    light, dark = (read_colour(brand.colours.get(name, "")) for name in ("light", "dark"))
    if light is not None and dark is not None:
        for name, one, other in (
            ("accent", light, dark),
            ("accent-hover", mixed(light, BLACK, 0.2), mixed(dark, WHITE, 0.25)),
            ("on-accent", on_colour(light), on_colour(dark)),
        ):
            rules.append(f"--{name}: light-dark({as_hex(one)}, {as_hex(other)});")
    start, end = (read_colour(brand.colours.get(name, "")) for name in BAND)
    if start is not None and end is not None:
        words = on_band(start, end)
        for name, one in (("band-from", start), ("band-to", end), ("on-band", words)):
            rules.append(f"--{name}: {as_hex(one)};")
    sheet = f":root {{ {' '.join(rules)} }}\n" if rules else ""
    if brand.logo:
        drawn = base64.b64encode(for_bar(brand.logo)).decode()
        wide = min(7.5, round(2.25 * brand.width / brand.height, 3))
        sheet += (
            f".brand .logo {{ inline-size: {wide}rem; block-size: 2.25rem; "
            f"background: url(data:image/png;base64,{drawn}) center / contain no-repeat; }}\n"
        )
    return sheet


class Looks:
    """The handlers; together they keep the style sheets that were last asked for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, bytes]] = OrderedDict()

    async def sheet(self, call: Call) -> web.StreamResponse:
        """The style sheet of these very looks."""
        tenant_id, hash = _asked(call)
        found = self._kept.get((tenant_id, hash))
        if found is None:
            brand = await call.services.brands.find(tenant_id, hash)
            if brand is None:
                raise not_found()
            plain = (await asyncio.to_thread(style_sheet, brand)).encode()
            found = self._kept[tenant_id, hash] = (plain, brotli.compress(plain))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        headers = {"Cache-Control": _FOREVER, "Content-Type": "text/css; charset=utf-8", "Vary": "Accept-Encoding"}
        if "br" in call.request.headers.get("Accept-Encoding", ""):
            return web.Response(body=found[1], headers=headers | {"Content-Encoding": "br"})
        return web.Response(body=found[0], headers=headers)

    async def logo(self, call: Call) -> web.StreamResponse:
        """The logo itself."""
        tenant_id, hash = _asked(call)
        brand = await call.services.brands.find(tenant_id, hash)
        if brand is None or not brand.logo:
            raise not_found()
        return web.Response(body=brand.logo, headers={"Cache-Control": _FOREVER, "Content-Type": "image/png"})


def _asked(call: Call) -> tuple[str, str]:
    tenant_id, hash = call.request.match_info["tenant_id"], call.request.match_info["hash"]
    if not _ID.fullmatch(tenant_id) or not _HASH.fullmatch(hash):
        raise not_found()
    return tenant_id, hash


def brand_routes() -> tuple[Route, ...]:
    """Both, around one set of handlers."""
    looks = Looks()
    return (
        Route(
            "GET",
            "/brand/{tenant_id}/{hash}.css",
            looks.sheet,
            Access.PUBLIC,
            Surface.ASSET,
            "A tenant's colours",
            anonymous=True,
        ),
        Route(
            "GET",
            "/brand/{tenant_id}/{hash}/logo.png",
            looks.logo,
            Access.PUBLIC,
            Surface.ASSET,
            "A tenant's logo",
            anonymous=True,
        ),
    )
