"""Acts on checks of callers, and on announced calls."""

from __future__ import annotations

from typing import Protocol

from web.ports.acting import Acted, Acting


class CheckActs(Protocol):
    """Acts on technician verifications and announced calls. `direction` is one of `we_called_user`, `on_site`,
    `remote_session`, `user_called_us`; `ticket` is an id, `new` or `later`."""

    async def claim(
        self, who: Acting, check_id: str, *, direction: str, ticket: str, contact_id: str = ""
    ) -> Acted: ...

    async def release(self, who: Acting, check_id: str) -> Acted: ...

    async def take_over(self, who: Acting, check_id: str) -> Acted: ...

    async def verbal(self, who: Acting, check_id: str, *, note: str) -> Acted: ...

    async def reject(self, who: Acting, check_id: str, *, reason: str) -> Acted: ...

    async def link_ticket(self, who: Acting, check_id: str, *, ticket: str) -> Acted: ...

    async def resend(self, who: Acting, check_id: str) -> Acted: ...

    async def approve_note(self, who: Acting, check_id: str) -> Acted: ...

    async def code_shown(self, who: Acting, check_id: str) -> None:
        """Record that the claimer was shown the code (SEC-02); once per claim is enough."""
        ...

    async def announce(self, who: Acting, *, contact_id: str, direction: str, ticket: str, notify: bool) -> Acted:
        """Announce a call; `Acted.id` is the announced call's."""
        ...

    async def withdraw(self, who: Acting, announced_id: str) -> Acted: ...
