"""Logos: what is taken, what is refused and why, and that nothing but the picture is kept (BR-01)."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
from PIL import Image, PngImagePlugin

from web.pictures import LARGEST_BAR, LARGEST_FILE, SIDE, BadPicture, for_bar, redraw


def picture(kind: str = "PNG", size: tuple[int, int] = (300, 120), **how: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (15, 76, 79)).save(out, kind, **how)
    return out.getvalue()


def noise(size: tuple[int, int]) -> bytes:
    """A picture that cannot be packed."""
    out = io.BytesIO()
    Image.frombytes("RGB", size, random.Random(4).randbytes(size[0] * size[1] * 3)).save(out, "PNG")
    return out.getvalue()


def bomb(side: int) -> bytes:
    """A small PNG that says it has `side` by `side` pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.feature("BR-01")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_logo_is_kept_as_a_png_of_our_own(kind: str) -> None:
    logo = redraw(picture(kind))
    assert logo.png.startswith(b"\x89PNG")
    assert (logo.width, logo.height) == (300, 120)
    assert redraw(logo.png).png == logo.png


@pytest.mark.feature("BR-01")
def test_a_big_one_is_made_smaller() -> None:
    logo = redraw(picture(size=(2000, 500)))
    assert (logo.width, logo.height) == (SIDE, SIDE // 4)


@pytest.mark.feature("BR-01", "SEC-45")
def test_nothing_but_the_picture_is_kept() -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", "<script>alert(1)</script>")
    hidden = picture(pnginfo=told) + b"<?php system($_GET['x']); ?><script>alert(2)</script>"
    kept = redraw(hidden).png
    for words in (b"script", b"php", b"Comment"):
        assert words not in kept
    exif = Image.Exif()
    exif[0x9286] = "Dana's desk, 52.5 N 13.4 E"
    assert b"52.5" not in redraw(picture("JPEG", exif=exif)).png


@pytest.mark.feature("BR-01", "SEC-45")
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no PNG, JPEG or WebP"),
        (b"hello", "no PNG, JPEG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "SVG and HTML"),
        (b"  <?xml version='1.0'?><svg/>", "SVG and HTML"),
        (b"<!DOCTYPE html><script>", "SVG and HTML"),
        (picture("GIF"), "no PNG, JPEG or WebP"),
        (picture("BMP"), "no PNG, JPEG or WebP"),
        (picture("PDF"), "no PNG, JPEG or WebP"),
        (picture()[:60], "broken"),
        (picture(size=(10, 10)), "16 a side"),
        (picture(size=(2001, 2001)), "2001 x 2001"),
        (bomb(60_000), "far too many pixels"),
        (bomb(1500), "broken"),
        (b"\0" * (LARGEST_FILE + 1), "Make it smaller"),
    ],
    ids=range(14),
)
def test_what_is_no_logo_is_refused_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(BadPicture, match=why):
        redraw(content)


@pytest.mark.feature("BR-01")
@pytest.mark.parametrize("content", [picture(), noise((400, 400)), picture(size=(512, 20)), picture(size=(20, 512))])
def test_the_one_for_the_bar_is_small(content: bytes) -> None:
    small = for_bar(redraw(content).png)
    assert len(small) <= LARGEST_BAR
    with Image.open(io.BytesIO(small)) as drawn:
        assert drawn.width <= 240
        assert drawn.height <= 56
