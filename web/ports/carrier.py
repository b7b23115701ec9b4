"""Asking the carrier, for whoever sets numbers up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class CarrierAnswer:
    """What came of asking the carrier, for whoever sets a number up. `status`: HTTP, 0 when nothing was asked or no
    answer came. `body`: the answer as it came, JSON with line breaks. `problem`: what is wrong and what to do, empty
    when nothing is. `sid`: the carrier's id of the text, `state`: its word for how far the text has got, `is_final`
    when no other follows."""

    status: int = 0
    body: str = field(default="", repr=False)
    problem: str = ""
    sid: str = ""
    state: str = ""
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class CarrierFinding:
    """What the carrier has on record about one number of ours, and what to do unless all is well (`ok`)."""

    about: str
    state: Literal["ok", "warn", "fail", "skip"]
    text: str


class CarrierDesk(Protocol):
    """Asks the carrier on behalf of whoever sets the numbers up."""

    async def try_text(self, tenant_id: str, *, sender: str, to: str) -> CarrierAnswer:
        """Send one text that says it is a test, from a number of the tenant's to an E.164 number."""
        ...

    async def look_at_text(self, tenant_id: str, *, sender: str, sid: str) -> CarrierAnswer:
        """How far that text has got."""
        ...

    async def look_at_numbers(self, tenant_id: str) -> Sequence[CarrierFinding]:
        """Where the tenant's numbers send the texts that come in on them."""
        ...
