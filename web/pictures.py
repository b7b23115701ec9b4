"""A logo somebody uploaded, drawn anew: what is kept is a picture and nothing else that may have been in the file.

The one room that knows Pillow. Blocking and at times slow: call it in a thread.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field

from PIL import Image, UnidentifiedImageError

LARGEST_FILE = 512 * 1024
#: Pixels; the same number is a bound against files that are small and unpack to gigabytes.
LARGEST_PICTURE = 4_000_000
#: Sides of what is kept: for pages of their own, and for the bar on top of every page.
SIDE, BAR_WIDTH, BAR_HEIGHT = 512, 240, 56
#: The picture in the bar stands in a style sheet that every page loads.
LARGEST_BAR = 4 * 1024
_FORMATS = ("PNG", "JPEG", "WEBP")


class BadPicture(ValueError):
    """The file is no logo we take; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Logo:
    """PNG, 512 pixels a side at most."""

    png: bytes = field(repr=False)
    width: int
    height: int


def redraw(content: bytes) -> Logo:
    """Raises `BadPicture`."""
    if len(content) > LARGEST_FILE:
        raise BadPicture(f"The file has {len(content) // 1024} KiB. Make it smaller than {LARGEST_FILE // 1024} KiB.")
    head = content[:256].lstrip().lower()
    if head.startswith((b"<svg", b"<?xml", b"<!doctype", b"<html")):
        raise BadPicture("SVG and HTML may hold programs, so they are not taken. Save the logo as PNG, JPEG or WebP.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as found:
                width, height = found.size
                if width * height > LARGEST_PICTURE:
                    raise BadPicture(
                        f"The picture has {width} x {height} pixels. Make it smaller: 1,000 pixels a side are plenty."
                    )
                if min(width, height) < 16:
                    raise BadPicture(f"The picture has {width} x {height} pixels. Take one with 16 a side at least.")
                drawn = found.convert("RGBA")
    except BadPicture:
        raise
    except UnidentifiedImageError:
        raise BadPicture("This is no PNG, JPEG or WebP picture, whatever its name says.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadPicture("The picture has far too many pixels. Make it smaller: 1,000 a side are plenty.") from None
    # A broken or hostile file makes the library raise nearly anything of these.
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Warning) as why:
        raise BadPicture("The file is broken: the picture in it cannot be read to its end. Save it anew.") from why
    drawn.thumbnail((SIDE, SIDE))
    return Logo(_png(drawn), *drawn.size)


def for_bar(png: bytes) -> bytes:
    """A logo of ours for the bar on top of pages, PNG of 4 KiB at most."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as found:
        drawn = found.convert("RGBA")
    drawn.thumbnail((BAR_WIDTH, BAR_HEIGHT))
    small = _png(drawn)
    while len(small) > LARGEST_BAR:
        # A photograph: fewer colours first, which nobody sees at this size, then fewer pixels.
        few = _png(drawn.quantize(64, method=Image.Quantize.FASTOCTREE))
        if len(few) <= LARGEST_BAR:
            return few
        drawn = drawn.resize((max(16, drawn.width * 3 // 4), max(16, drawn.height * 3 // 4)))
        small = _png(drawn)
    return small


def _png(drawn: Image.Image) -> bytes:
    out = io.BytesIO()
    drawn.save(out, "PNG", optimize=True)
    return out.getvalue()
