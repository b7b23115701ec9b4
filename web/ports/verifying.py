"""Acts on verifications of end users: by technicians, by the page behind a link, by a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

from web.ports.acting import Acted, Acting

if TYPE_CHECKING:
    from dialogs.ways import WayNow


@dataclass(frozen=True, slots=True)
class CodeChecked:
    """What came of a typed code. `right`: the caller is verified. Else `refused` says why (`wrong_code` with
    `tries_left`, 0 when it is over now; or another machine word)."""

    id: str
    right: bool = False
    refused: str = ""
    tries_left: int = 0


@dataclass(frozen=True, slots=True)
class LinkShown:
    """What the page behind a verification link shows. `state`: `live`, `verified`, `denied`, `over` (ran out, replaced,
    taken back) or `failed`. `technician` is a first name, `about` a ticket number or empty. `types_number`: two digits
    that the technician says must be typed, `tries_left` times at most. `at`: when it ended, `until`: when it runs out.
    `wording`: the person is also checking a caller, or has just checked this very technician. `was_verified`: denied
    after it had been confirmed.
    """

    tenant_id: str
    verification_id: str
    state: Literal["live", "verified", "denied", "over", "failed"]
    msp: str
    phone: str
    technician: str
    about: str
    until: datetime
    at: datetime | None = None
    types_number: bool = False
    tries_left: int = 0
    locale: str = ""
    timezone: str = "UTC"
    wording: Literal["usual", "conflict", "introduced"] = "usual"
    was_verified: bool = False


@dataclass(frozen=True, slots=True)
class CallWords:
    """What our voice webhook answers. `say`: words without a code. `then`: `wait` (the code is on its way by another
    request), `press` (wait for a key, `say` asks for it), or `hang_up`."""

    say: str
    then: Literal["wait", "press", "hang_up"]


class VerificationActs(Protocol):
    """Acts on end-user verifications. `ticket` is an id or empty, and to begin with `new`; `method` and `action` are
    words of `dialogs.user_verify`."""

    async def methods(
        self, who: Acting, contact_id: str, *, ticket: str = "", action: str = "standard"
    ) -> Sequence[WayNow] | None:
        """Which methods can work now, by address, in the order of the client's policy; None: no such contact. What is
        `ready` would not be refused at this moment, given the note that it asks for."""
        ...

    async def start(
        self,
        who: Acting,
        *,
        contact_id: str,
        address_id: str,
        method: str,
        ticket: str = "",
        note: str = "",
        action: str = "standard",
        override: str = "",
        after: str | None = None,
    ) -> Acted:
        """Ask the user. `override`: the reason for which an open check of a caller is set aside, empty for none.
        `after`: the newest verification that whoever asks had seen, empty for none; where a live one is another and
        asks the same, this is a second press: nothing is sent, and that one's id comes back. None: ask in any case.
        `Acted.id` is the verification's, `not_before` when a refused send may be tried again."""
        ...

    async def may_override(self, who: Acting) -> bool:
        """Whether they may set an open check of a caller aside now: by rank, or because nobody else is on duty."""
        ...

    async def check(self, who: Acting, verification_id: str, *, code: str) -> CodeChecked:
        """The technician typed what they heard. Spaces and dashes do not count."""
        ...

    async def resend(self, who: Acting, verification_id: str) -> Acted: ...

    async def cancel(self, who: Acting, verification_id: str) -> Acted: ...

    async def link_ticket(self, who: Acting, verification_id: str, *, ticket: str) -> Acted: ...

    async def unlock(self, who: Acting, contact_id: str, *, method: str) -> Acted:
        """A method that too many wrong codes have locked may be used again; for admins."""
        ...

    async def look_at_link(self, token: str) -> LinkShown | None:
        """What the page shows; changes nothing. None for a token that is not ours."""
        ...

    async def confirm_link(self, token: str, *, number: str = "", left: int | None = None) -> LinkShown | None:
        """The person pressed Validate, with the number they typed where one is asked for. `left`: the tries that were
        left on the page they pressed it on; where fewer are by now it is a second press, and no try. None: count it."""
        ...

    async def disown_link(self, token: str) -> LinkShown | None:
        """The person pressed "This is not me", on a page that may be over by now. Whatever else they are asked then
        ends too; a link that ended a day ago only shows what became of it."""
        ...

    async def call_answered(
        self, tenant_id: str, verification_id: str, *, call_id: str, by: Literal["person", "machine", "unknown"]
    ) -> CallWords: ...

    async def call_keyed(self, tenant_id: str, verification_id: str, *, call_id: str, digit: str) -> CallWords: ...

    async def call_ended(self, tenant_id: str, verification_id: str, *, call_id: str, how: str) -> None: ...
