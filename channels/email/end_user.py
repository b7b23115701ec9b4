"""Mails to end users: the code large, the link as a button, and the tenant's own words under both.

What the mail is about stands first and is never moved (SEC-05): whoever reads one line reads which way the code goes.
Styles stand in the tags, because mail programs drop style sheets; nothing is fetched from anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape

from dialogs.ports import ForEndUser

_PAGE = (
    "margin:0;padding:24px 12px;background:#f5f3ee;color:#182326;font:16px/1.5 system-ui,'Segoe UI',Arial,sans-serif"
)
_CARD = "max-width:520px;margin:0 auto;padding:24px;background:#ffffff;border-top:6px solid {accent}"
_LARGE = "font-size:40px;line-height:1.3;letter-spacing:4px;font-weight:700;white-space:nowrap"
_BUTTON = (
    "display:inline-block;padding:14px 28px;border-radius:8px;background:{accent};color:{on_accent};"
    "font-weight:700;text-decoration:none"
)
_QUIET = "margin:24px 0 0;padding:16px 0 0;border-top:1px solid #dbd7cc;color:#536065;font-size:14px"


@dataclass(frozen=True, slots=True)
class Looks:
    """How a tenant's mails look. `logo`: a small PNG, empty for none. `accent`: of the bar and the button, `on_accent`
    what is read on it; both `#rrggbb`."""

    logo: bytes = field(default=b"", repr=False)
    accent: str = "#0f4c4f"
    on_accent: str = "#ffffff"


def in_plain(text: str, own: ForEndUser) -> str:
    """All of the words, for programs that show no HTML."""
    signature = f"-- \n{own.signature}" if own.signature else ""
    return "\n\n".join(part for part in (text.strip("\n"), own.text, signature, own.footer) if part)


def in_page(text: str, own: ForEndUser, looks: Looks, own_pages: str, picture: str, whose: str) -> str:
    """The same as HTML. `own_pages`: how our links begin, all others stay words. `picture`: Content-ID of the logo,
    empty for none, and `whose` it is."""
    logo = f'<p style="margin:0 0 16px"><img src="cid:{escape(picture)}" alt="{escape(whose)}"></p>' if picture else ""
    parts = [logo, _paragraphs(text, own, looks, own_pages), _lines(own.text), _lines(own.signature)]
    if own.footer:
        parts.append(f'<p style="{_QUIET}">{_broken(own.footer)}</p>')
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light">'
        f'</head><body style="{_PAGE}"><div style="{_CARD.format(accent=escape(looks.accent))}">{"".join(parts)}'
        "</div></body></html>\n"
    )


def _paragraphs(text: str, own: ForEndUser, looks: Looks, own_pages: str) -> str:
    made = []
    for part in re.split(r"\n\s*\n", text.strip()):
        lines = [_line(line, own, looks, own_pages) for line in part.split("\n") if line.strip()]
        if lines:
            made.append(f"<p>{'<br>'.join(lines)}</p>")
    return "".join(made)


def _line(line: str, own: ForEndUser, looks: Looks, own_pages: str) -> str:
    found = re.search(rf"{re.escape(own_pages)}/[^\s<>\"]*[^\s<>\".,;:!?)]", line)
    if found is not None:
        before, after = _plain(line[: found.start()], own), _plain(line[found.end() :], own)
        style = _BUTTON.format(accent=escape(looks.accent), on_accent=escape(looks.on_accent))
        button = f'<a href="{escape(found[0])}" style="{style}">{escape(own.button or found[0])}</a>'
        return f"{before}<br>{button}{after}" if before.strip() else f"{button}{after}"
    return _plain(line, own)


def _plain(words: str, own: ForEndUser) -> str:
    """Escaped, and the code large where it stands for itself."""
    if not own.code:
        return escape(words)
    pieces = re.split(rf"(?<!\d)({re.escape(own.code)})(?!\d)", words, maxsplit=1)
    if len(pieces) == 1:
        return escape(words)
    before, code, after = pieces
    return f'{escape(before)}<strong style="{_LARGE}">{escape(code)}</strong>{escape(after)}'


def _lines(own: str) -> str:
    return f"<p>{_broken(own)}</p>" if own else ""


def _broken(own: str) -> str:
    return "<br>".join(escape(line) for line in own.split("\n"))
