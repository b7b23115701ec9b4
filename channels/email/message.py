"""Putting a mail together: pure, and the same to the last byte however often it is done for the same effect.

Date, Message-ID and the boundary between the parts follow from the effect's id, so that a mail which is handed over
twice is one mail to every program that looks at the Message-ID.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import Literal
from uuid import UUID

from channels.email.end_user import Looks, in_page, in_plain
from dialogs.ports import ForEndUser

#: No header gets longer, whatever somebody's name is.
LONGEST_SUBJECT = 200
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{3,254}}\Z)(?=[^@]{{1,64}}@){_LOCAL}@{_LABEL}(?:\.{_LABEL})*")
#: What must not stand in a header: line breaks would begin another one, the rest shows nothing or turns text around.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
#: Our own looks, without a logo.
PLAIN = Looks()
_LINK = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)]")


class BadAddress(ValueError):
    """That cannot be a mail address, or not one that every server takes."""


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server and whom its mails come from. `login` empty: it asks for none. `trusted`: set by the operator, so
    it may stand anywhere; the others, set by tenants, must not stand in a network of ours (SEC-46)."""

    host: str
    port: int
    security: Literal["tls", "starttls"]
    login: str
    password: str = field(repr=False)
    sender: str
    sender_name: str = ""
    trusted: bool = False


def checked_address(text: str) -> str:
    """The address as it goes to servers: ASCII, the domain of other scripts in the form of the name system. Raises
    BadAddress; local parts of other scripts or in quotes are refused, since few servers take them."""
    local, at, domain = text.strip().rpartition("@")
    try:
        whole = f"{local}{at}{domain.encode('idna').decode() if not domain.isascii() else domain}"
    except UnicodeError as cause:
        raise BadAddress(text) from cause
    if not _ADDRESS.fullmatch(whole):
        raise BadAddress(text)
    return whole


def in_a_header(text: str, longest: int = LONGEST_SUBJECT) -> str:
    """Text that is safe in a header: on one line, and not too long."""
    return _CONTROLS.sub(" ", text).strip()[:longest]


def message_id(sender: str, key: str) -> str:
    """The Message-ID of the mail of that effect, with its angle brackets."""
    return f"<{key}@{sender.rpartition('@')[2]}>"


def compose(
    server: Server,
    *,
    to: str,
    subject: str,
    text: str,
    key: str,
    own_pages: str,
    looks: Looks = PLAIN,
    for_user: ForEndUser | None = None,
) -> bytes:
    """The mail as it goes over the wire: plain text, and the same as HTML. `key` is a UUIDv7. `own_pages`: how our own
    links begin; no other text becomes a link of ours. The logo goes along inside the mail, since programs do not fetch
    pictures from elsewhere. `for_user`: it goes to an end user. Raises BadAddress."""
    mail = EmailMessage(policy=SMTP)
    sender, receiver = checked_address(server.sender), checked_address(to)
    mail["From"] = Address(in_a_header(server.sender_name), addr_spec=sender)
    mail["To"] = Address(addr_spec=receiver)
    mail["Subject"] = in_a_header(subject)
    mail["Date"] = format_datetime(_minted(key))
    mail["Message-ID"] = message_id(sender, key)
    # So that nobody's holiday note answers a machine.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    logo, whose = looks.logo, in_a_header(server.sender_name)
    plain = "\n".join((text if for_user is None else in_plain(text, for_user)).splitlines()) + "\n"
    mail.set_content(plain, cte="quoted-printable")
    picture = f"logo@{sender.rpartition('@')[2]}" if logo else ""
    if for_user is None:
        html = in_html(plain, own_pages, picture, whose)
    else:
        html = in_page("\n".join(text.splitlines()), for_user, looks, own_pages, picture, whose)
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    if logo:
        _, shown = mail.iter_parts()
        assert isinstance(shown, EmailMessage)
        shown.add_related(logo, "image", "png", cid=f"<{picture}>", disposition="inline", filename="logo.png")
        shown.set_boundary(_boundary(key, "logo"))
    mail.set_boundary(_boundary(key))
    return mail.as_bytes()


def _boundary(*about: str) -> str:
    """Between parts of a mail: nobody's words hold it, and it is the same for the same mail."""
    return "=_" + hashlib.sha256("|".join(about).encode()).hexdigest()[:32]


def in_html(text: str, own_pages: str, picture: str = "", whose: str = "") -> str:
    """The same words as HTML: everything escaped, paragraphs kept, links to our own pages made so (SEC-52). `picture`:
    the Content-ID of the logo, and `whose` it is."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    body = "".join(f"<p>{'<br>'.join(_line(line, own_pages) for line in p.split(chr(10)))}</p>" for p in paragraphs)
    logo = f'<p><img src="cid:{escape(picture)}" alt="{escape(whose)}"></p>' if picture else ""
    return f'<!doctype html><html><head><meta charset="utf-8"></head><body>{logo}{body}</body></html>\n'


def _line(line: str, own_pages: str) -> str:
    pieces, at = [], 0
    for found in _LINK.finditer(line):
        if not found[0].startswith(own_pages + "/"):
            continue
        shown = escape(found[0])
        pieces += [escape(line[at : found.start()]), f'<a href="{shown}">{shown}</a>']
        at = found.end()
    return "".join(pieces) + escape(line[at:])


def _minted(key: str) -> datetime:
    """When the id was minted: a UUIDv7 begins with the milliseconds since 1970."""
    return datetime.fromtimestamp((UUID(key).int >> 80) // 1000, UTC)
