"""The operator's own mail server, for tenants that have set up none: `WATCHWORD_MAIL_URL` and `WATCHWORD_MAIL_FROM`."""

from __future__ import annotations

from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from channels.email.message import BadAddress, Server, checked_address, in_a_header

#: TLS from the first byte, or after STARTTLS; each with the port it usually has.
_SCHEMES = {"smtps": ("tls", 465), "smtp": ("starttls", 587)}


def read_mail(url: str, sender: str) -> Server | None:
    """The server, None when neither is given. Raises ValueError, which names the variable and repeats no password."""
    if not url and not sender:
        return None
    if not url or not sender:
        raise ValueError("WATCHWORD_MAIL_URL and WATCHWORD_MAIL_FROM go together: set both, or neither.")
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        scheme, host, port = "", "", None
    if scheme not in _SCHEMES or not host:
        raise ValueError(
            "WATCHWORD_MAIL_URL must be smtps://login:password@host:465 (TLS from the start) or "
            "smtp://login:password@host:587 (STARTTLS). In the password write / as %2F, : as %3A, @ as %40."
        )
    security, usual = _SCHEMES[scheme]
    name, address = parseaddr(sender)
    try:
        address = checked_address(address)
    except BadAddress:
        raise ValueError(
            "WATCHWORD_MAIL_FROM must be a mail address, with a name before it if you like: "
            "Help desk <desk@example.com>."
        ) from None
    return Server(
        host=host,
        port=port or usual,
        security="tls" if security == "tls" else "starttls",
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        sender=address,
        sender_name=in_a_header(name),
        trusted=True,
    )
