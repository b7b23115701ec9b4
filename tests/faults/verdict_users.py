"""What must hold of verifications of end users when a fault is over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from tests.faults.traffic import Traffic

#: How a check may end -> how a verification may.
_ENDS = {"confirmed": "verified", "expired": "expired"}
TOKEN = re.compile(r"/v/([A-Za-z0-9_-]{43})")


def users(
    traffic: Traffic, verifications: Sequence[Any], audit: Sequence[Any], ends: Collection[str], held: Collection[str]
) -> Iterator[str]:
    """Rows of the two tables, how checks may end, and ids of what may still wait."""
    live = Counter(row.contact_id for row in verifications if row.is_live)
    if live and max(live.values()) > 1:
        yield f"a contact has {max(live.values())} live verifications"
    may = {_ENDS[end] for end in ends}
    states = {row.id: row.state for row in verifications}
    for story in traffic.users:
        state = states.get(story.id, "gone")
        if state not in may and (story.step == "told" or story.id not in held):
            yield f"a verification that came to {story.step!r} is {state}"
    verified = Counter(row.check_id for row in audit if row.kind.startswith("euv.") and _verifies(row.public))
    if verified and max(verified.values()) > 1:
        yield "a verification was right twice"
    if verified.keys() != {row.id for row in verifications if row.state == "verified"}:
        yield "the log tells of other verifications than there are"
    asked = Counter[str]()
    for story in traffic.users:
        asked[story.person.id] += story.asked
    made = Counter(row.contact_id for row in verifications)
    for contact_id, times in made.items():
        if times > asked[contact_id]:
            yield f"{asked[contact_id]} requests made {times} verifications"
    over = [row for row in verifications if not row.is_live]
    if any(re.search(r'"(code|spoken)":\s*[^n\s]', row.body) for row in over):
        yield "a verification that is over still has its code"


def _verifies(public: str) -> bool:
    return bool(re.search(r'"before":\s*"sent"', public) and re.search(r'"after":\s*"verified"', public))


def tokens(phones: Collection[Sequence[str]]) -> set[str]:
    """Of links that came to phones."""
    return {token for bodies in phones for body in bodies for token in TOKEN.findall(body)}
