"""One-time passwords from an authenticator app: the secret, its QR code, and the check of a typed code.

A code is good for the step it belongs to and its two neighbours, and for one use: whoever checks one must store the
step that was used and hand it back next time.
"""

from __future__ import annotations

import base64
import hmac
import io
from datetime import datetime

import pyotp
import segno

from dialogs.ports import Randomness
from identity.draws import draw

STEP_SECONDS = 30
DIGITS = 6
SECRET_BYTES = 20


def new_secret(randomness: Randomness) -> str:
    """160 bits as base32, the form that people type where no camera helps."""
    return base64.b32encode(draw(randomness, SECRET_BYTES)).decode()


def provisioning_uri(secret: str, *, login: str, issuer: str) -> str:
    """The `otpauth://` address an authenticator app reads. It holds the secret: show it once, keep it nowhere."""
    return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name=issuer)


def qr_svg(uri: str) -> str:
    """The address as a QR code: one `<svg>` element for a page. Light ground and border are part of it, since
    scanners fail on a dark page without them."""
    out = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(
        out,
        kind="svg",
        xmldecl=False,
        svgns=False,
        omitsize=True,
        border=4,
        dark="#000",
        light="#fff",
        svgclass=None,
        lineclass=None,
        nl=False,
    )
    return out.getvalue().decode()


def qr_terminal(uri: str) -> str:
    """The address as a QR code in half blocks, for a terminal with a dark or a light ground."""
    out = io.StringIO()
    segno.make(uri, error="l", micro=False).terminal(out, border=2, compact=True)
    return out.getvalue()


def code_at(secret: str, now: datetime) -> str:
    """The code an authenticator app shows now."""
    return pyotp.TOTP(secret).generate_otp(_step(now))


def verify(secret: str, typed: str, now: datetime, *, last_step: int) -> int | None:
    """The time step the typed code belongs to, or None when it is wrong, too old, or not newer than `last_step`.

    Every neighbour is compared, also after a hit, so that time tells nothing about the clock of the phone.
    """
    tidy = "".join(typed.split())
    if len(tidy) != DIGITS or not (tidy.isascii() and tidy.isdecimal()):
        return None
    totp = pyotp.TOTP(secret)
    here = _step(now)
    found: int | None = None
    for step in (here - 1, here, here + 1):
        if hmac.compare_digest(totp.generate_otp(step), tidy) and step > last_step:
            found = step
    return found


def _step(now: datetime) -> int:
    return int(now.timestamp()) // STEP_SECONDS
