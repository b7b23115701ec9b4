"""How other tools are told: what is sent with an event, and when it is tried again (SEC-47). Pure.

Standard Webhooks (github.com/standard-webhooks): `webhook-id`, `webhook-timestamp` and `webhook-signature`, which holds
a `v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body` for each secret that signs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from dialogs.ports import OutboundAnswer
from storage.webhook_cells import PREFIX
from storage.webhook_events import TEST
from storage.webhook_queue import Outcome

#: From one try to the next; after the last there is none.
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
#: A pause grows by up to this share of it, so that what failed together does not come back together.
JITTER = 0.1
#: Whoever asks for a longer pause is given this one.
LONGEST = timedelta(hours=24)
#: The other side wants no more.
GONE = 410


def headers_of(message_id: str, at: datetime, body: bytes, secrets: Sequence[str]) -> Mapping[str, str]:
    """What goes with the body. `secrets`: as they are shown, one or two."""
    stamp = str(int(at.timestamp()))
    signed = f"{message_id}.{stamp}.".encode() + body
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def judged(event: str, attempt: int, said: OutboundAnswer | str, now: datetime, fraction: float) -> Outcome:
    """What a try comes to. `attempt` counts from 1; `said`: the answer, or in words why there was none; `fraction`: of
    the jitter, in [0, 1). A test that a person sends is tried once: they look at the answer and send another."""
    status = 0 if isinstance(said, str) else said.status
    if 200 <= status < 300:
        return Outcome("sent", status)
    why = said if isinstance(said, str) else _in_words(status)
    if status == GONE:
        return Outcome("dead", status, why, gone=True)
    if event == TEST or attempt > len(PAUSES):
        return Outcome("dead", status, why)
    pause = PAUSES[attempt - 1] * (1 + JITTER * fraction)
    if not isinstance(said, str) and said.retry_after is not None:
        pause = max(pause, min(LONGEST, timedelta(seconds=said.retry_after)))
    return Outcome("waiting", status, why, now + pause)


def works(said: OutboundAnswer | str) -> bool:
    """Whether somebody is there: refusals count as there."""
    return not isinstance(said, str) and said.status < 500


def _in_words(status: int) -> str:
    if 300 <= status < 400:
        return f"It answered {status}, a redirect. Redirects are not followed: enter the address it leads to."
    if status == GONE:
        return "It answered 410: it wants no more. The webhook was switched off."
    if status in (401, 403):
        return f"It answered {status}: it refuses. Is the secret there the one that was shown here?"
    return f"It answered {status}."
