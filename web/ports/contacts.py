"""Changes of how contacts are reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from dialogs.turns import AuditEvent

if TYPE_CHECKING:
    from storage.contact_changes import AddressEdit

#: Why nobody could be told of a change: no way out for mail, a number that takes no texts, no number of ours.
Untold = Literal["", "no_mail_server", "landline", "no_number"]


@dataclass(frozen=True, slots=True)
class AddressChanged:
    """What came of a change of how a contact is reached. `refused` is empty when it happened, else a machine word.
    `ended`: checks that ended with it. `told`: a notice is on its way to where they were reached before; `untold` why
    not; both empty when there was nobody to tell."""

    refused: Literal["", "not_found", "changed_meanwhile", "no_client", "address_taken"] = ""
    ended: int = 0
    told: bool = False
    untold: Untold = ""


class ContactActs(Protocol):
    """Changes of how contacts are reached (SEC-13)."""

    async def edit_address(
        self, tenant_id: str, contact_id: str, edit: AddressEdit, event: AuditEvent
    ) -> AddressChanged:
        """Do it, end what runs on the old number, tell the old address, note `event`."""
        ...
