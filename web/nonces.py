"""A mark for one rendering of a page that anybody may open who has its link: only what was rendered can be sent back.

Programs that follow links, and ones that post to whatever they find, have never seen the page; and what was written
down from one link's page is worth nothing on another's (SEC-43).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta

#: How long a page may stand open before it has to be drawn anew.
GOOD_FOR = timedelta(minutes=10)
_SHAPE = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9_-]{1,64})\.([0-9a-f]{64})")


def make_nonce(token: str, salt: str, now: datetime) -> str:
    """For the page behind the link with this token; `salt` is random and new for each rendering."""
    seconds = int(now.timestamp())
    return f"{seconds}.{salt}.{_sealed(token, seconds, salt)}"


def nonce_holds(nonce: str, token: str, now: datetime) -> bool:
    """Whether we have made it for this link within the last ten minutes."""
    found = _SHAPE.fullmatch(nonce)
    if found is None:
        return False
    made, salt, sealed = int(found[1]), found[2], found[3]
    age = now.timestamp() - made
    in_time = -1 <= age < GOOD_FOR.total_seconds()
    return hmac.compare_digest(sealed, _sealed(token, made, salt)) and in_time


def _sealed(token: str, seconds: int, salt: str) -> str:
    """Keyed by the link's own secret, so that no key of the installation's is needed."""
    return hmac.new(token.encode(), f"watchword link page|{seconds}|{salt}".encode(), hashlib.sha256).hexdigest()
