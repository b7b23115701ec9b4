"""Style, script and icons: read once at start, packed once, served from memory under a name that changes with them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import brotli
from aiohttp import web

STATIC = Path(__file__).with_name("static")

MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes over the wire: plain, gzip and brotli."""

    media_type: str
    plain: bytes
    gzip: bytes
    brotli: bytes


@dataclass(frozen=True, slots=True)
class Assets:
    """All files by path (`js/codes.js`). `release` is a hash over all of them and part of every address, so that a
    browser may keep them for ever and modules always come from one and the same release."""

    release: str
    files: Mapping[str, Asset]

    def address(self, path: str) -> str:
        """The address of one file; a misspelt path is an error at the first render, not a 404 later."""
        if path not in self.files:
            raise LookupError(f"no such static file: {path}")
        return f"/static/{self.release}/{path}"

    def answer(self, request: web.Request, release: str, path: str) -> web.Response:
        """The file in the smallest form the browser takes. Another release's address is a 404: its tab reloads."""
        asset = self.files.get(path) if release == self.release else None
        if asset is None:
            raise web.HTTPNotFound
        body, encoding = choose(request.headers.get("Accept-Encoding", ""), asset)
        headers = {
            "Content-Type": asset.media_type,
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
        }
        if encoding:
            headers["Content-Encoding"] = encoding
        return web.Response(body=body, headers=headers)


def choose(accepted: str, asset: Asset) -> tuple[bytes, str]:
    """Brotli where it is taken, gzip next, plain else."""
    names = {part.split(";")[0].strip() for part in accepted.split(",")}
    if "br" in names:
        return asset.brotli, "br"
    if "gzip" in names:
        return asset.gzip, "gzip"
    return asset.plain, ""


def load_assets(folder: Path = STATIC) -> Assets:
    """Read and pack every file below `folder`; about a tenth of a second at start."""
    files: dict[str, Asset] = {}
    seen = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in MEDIA_TYPES):
        name, plain = path.relative_to(folder).as_posix(), path.read_bytes()
        seen.update(name.encode() + b"\0" + plain + b"\0")
        files[name] = Asset(
            MEDIA_TYPES[path.suffix], plain, gzip.compress(plain, 9, mtime=0), brotli.compress(plain, quality=11)
        )
    return Assets(seen.hexdigest()[:12], files)
