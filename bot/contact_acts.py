"""Changing how a contact is reached, with the notices that go to the old address (SEC-13). Implements
`web.ports.ContactActs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.wording import Wording
from dialogs.effects import Value
from dialogs.ports import Clock, Randomness
from dialogs.turns import AuditEvent, OutboxItem, TenantFacts
from storage.contact_changes import AddressEdit, Also, ContactChanges
from storage.database import Database
from storage.directory import AddressTaken, Directory, StoredAddress, StoredContact
from storage.keys import Keyring
from storage.phones import is_landline
from storage.tenants import Tenants
from web.ports import AddressChanged, Untold

_TEMPLATES = {
    "changed": "contact.address_changed",
    "removed": "contact.address_removed",
    "added": "contact.address_added",
    "default": "contact.address_added",
}


@dataclass(frozen=True, slots=True)
class Told:
    """The notice that goes out, or why none does; both empty when there was nobody to tell."""

    notice: OutboxItem | None = None
    untold: Untold = ""


class ContactActs:
    """`can_mail(tenant_id)`: whether that tenant's mail has a way out."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        wording: Wording,
        can_mail: Callable[[str], Awaitable[bool]],
        clock: Clock,
        random: Randomness,
    ) -> None:
        self._directory = Directory(database, keyring)
        self._tenants = Tenants(database, keyring)
        self._changes = ContactChanges(database, keyring, random.new_id)
        self._wording = wording
        self._can_mail = can_mail
        self._clock = clock
        self._random = random

    async def edit_address(
        self,
        tenant_id: str,
        contact_id: str,
        edit: AddressEdit,
        event: AuditEvent,
        also: Also | None = None,
    ) -> AddressChanged:
        """Raises nothing for what people do: what is not granted is in `refused`. What `also` raises is raised
        here."""
        contact = await self._directory.contact(tenant_id, contact_id)
        if contact is None:
            return AddressChanged("not_found")
        told = Told() if edit.rewritten else await self._notice(tenant_id, contact, edit)
        try:
            edited = await self._changes.edit_address(
                tenant_id, contact_id, edit, event, [told.notice] if told.notice is not None else [], also
            )
        except AddressTaken:
            return AddressChanged("address_taken")
        if edited.refused:
            return AddressChanged(edited.refused)
        return AddressChanged(ended=edited.ended, told=told.notice is not None, untold=told.untold)

    async def _notice(self, tenant_id: str, contact: StoredContact, edit: AddressEdit) -> Told:
        to = _whom_to_tell(contact, edit)
        if to is None:
            return Told()
        kind, address = to
        tenant = await self._tenants.get(tenant_id)
        if tenant is None:
            return Told()
        facts = TenantFacts(tenant_id, tenant.name, tenant.settings, b"")
        values: dict[str, Value] = {"ending": ending(edit.after)} if edit.after else {}
        template = _TEMPLATES[edit.what]
        body, segments = self._wording.text(facts, template, values, contact.locale)
        if kind == "email":
            if not await self._can_mail(tenant_id):
                return Told(untold="no_mail_server")
            subject, _ = self._wording.text(facts, "contact.mail_subject", {}, contact.locale)
            return Told(self._item(contact, "mail", template, {"to": address, "subject": subject, "body": body}, 0))
        if is_landline(address):
            return Told(untold="landline")
        ours = await self._own_number(tenant_id)
        if not ours:
            return Told(untold="no_number")
        return Told(self._item(contact, "text", template, {"to": address, "from": ours, "body": body}, segments))

    def _item(
        self, contact: StoredContact, kind: str, template: str, payload: dict[str, str], segments: int
    ) -> OutboxItem:
        now = self._clock.now()
        id = self._random.new_id(now)
        return OutboxItem(
            id=id,
            kind="mail" if kind == "mail" else "text",
            lane=f"notice:{id}",
            payload=payload,
            due_at=now,
            contact_id=contact.id,
            template=template,
            segments=segments,
        )

    async def _own_number(self, tenant_id: str) -> str:
        """The primary verification number; people have texted it before."""
        numbers = [n.facts for n in await self._tenants.numbers(tenant_id) if n.facts.purpose == "verification"]
        return next((n.address for n in numbers if n.primary), "")


def ending(address: str) -> str:
    """What is told of a new address: enough for its owner to know it by, too little for anybody else."""
    return address[address.rfind("@") :] if "@" in address else address[-4:]


def _whom_to_tell(contact: StoredContact, edit: AddressEdit) -> tuple[str, str] | None:
    """Kind and value: the address that was there, else where they were reached so far."""
    if edit.what in ("changed", "removed"):
        return edit.kind, edit.before
    others = [a for a in contact.addresses if a.id != edit.address_id and a.is_default]
    by_kind: dict[str, StoredAddress] = {a.kind: a for a in others}
    for kind in dict.fromkeys((edit.kind, "mobile", "email", "phone")):
        if kind in by_kind:
            return kind, by_kind[kind].value
    return None
