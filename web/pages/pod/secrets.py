"""What binds a sign-in window to the frame that opened it.

The frame holds a verifier that it shows nobody, and gives the window its challenge, which tells nothing about it. Only
who has the verifier can take what the window hands over; letters made of the challenge let a person see that both
windows are about the same frame.
"""

from __future__ import annotations

from hashlib import sha256

#: Without letters and digits that look or sound alike.
_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_COUNT = 6


def challenge_of(verifier: str) -> str:
    """64 hexadecimal digits."""
    return sha256(f"watchword pod|{verifier}".encode()).hexdigest()


def code_digest(code: str, challenge: str) -> str:
    """What is stored of a code that a script hands over; it is good for this one frame."""
    return sha256(f"watchword pod code|{challenge}|{code}".encode()).hexdigest()


def pairing_digest(challenge: str) -> str:
    """What is stored when a person says that both windows show the same letters."""
    return sha256(f"watchword pod pairing|{challenge}".encode()).hexdigest()


def letters_of(challenge: str) -> str:
    """Six letters and digits to compare by eye, in two groups: `KX7 4M2`."""
    rest = int(sha256(f"watchword pod letters|{challenge}".encode()).hexdigest(), 16)
    made = ""
    for _place in range(_COUNT):
        rest, at = divmod(rest, len(_LETTERS))
        made += _LETTERS[at]
    return f"{made[:3]} {made[3:]}"
