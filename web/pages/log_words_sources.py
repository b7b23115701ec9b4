"""Lines of the log about contacts from Microsoft 365, as sentences."""

from __future__ import annotations

from collections.abc import Mapping

from storage.log import LogRow
from web.look import _

SAID: Mapping[str, str] = {
    "source.added": _("{who} added a source of contacts"),
    "source.changed": _("{who} changed a source of contacts"),
    "source.removed": _("{who} removed a source of contacts"),
    "source.consent_begun": _("{who} went to Microsoft to ask for an organisation's consent"),
    "source.consent_refused": _("{who} came back from Microsoft without consent, or not as they were sent"),
    "source.organisation_connected": _("{who} connected an organisation of Microsoft 365"),
    "source.organisation_mapped": _("{who} said whose contacts the people of an organisation are"),
    "source.organisation_disconnected": _("{who} disconnected an organisation of Microsoft 365"),
    "source.erased_let_back": _("{who} let people who were erased here come back from Microsoft 365"),
    "source.sync_asked": _("{who} had an organisation read at once"),
    "source.synced": _("An organisation was read to the end"),
    "source.problem": _("An organisation of Microsoft 365 could not be read"),
    "source.changes_wait": _("Many numbers and addresses changed at once in Microsoft 365: an admin is to decide"),
    "source.changes_approved": _("{who} had changes out of Microsoft 365 taken over"),
    "source.changes_refused": _("{who} left things as they are, and refused changes out of Microsoft 365"),
}
#: Of a contact, where it came from there and nobody did it by hand.
CAME: Mapping[str, str] = {
    "contact.added": _("{contact} came from Microsoft 365"),
    "contact.changed": _("Details of {contact} changed in Microsoft 365, and here with it"),
    "contact.address_added": _("{contact} got another number or address from Microsoft 365; the others were told"),
    "contact.address_changed": _("A number or address of {contact} changed in Microsoft 365; the old one was told"),
    "contact.address_removed": _("A number or address of {contact} went from Microsoft 365; it was told"),
    "contact.address_default": _("Microsoft 365 has another usual number or address for {contact}"),
}


def said_of(row: LogRow) -> str:
    """The sentence, with `{who}` and `{contact}` in it; empty where it is not about a source."""
    came = CAME.get(row.kind, "") if row.public.get("source") else ""
    return came or SAID.get(row.kind, "")
