"""Mail and texts to technicians about their accounts, by the outbox: they survive a crash and are tried again."""

from __future__ import annotations

from datetime import datetime

from bot.drafts import Draft
from bot.engine import Engine
from bot.mail_route import MailRoute
from dialogs.texts import segments
from dialogs.turns import OutboxItem
from storage.outbox_rules import ACCOUNT
from storage.tenants import Tenants


class OutboxPost:
    """Implements `web.ports.Post`. What is written is wiped from the outbox once it has left."""

    def __init__(self, engine: Engine, route: MailRoute, tenants: Tenants) -> None:
        self._engine = engine
        self._route = route
        self._tenants = tenants

    async def can_mail(self, tenant_id: str) -> bool:
        """Whether there is a mail server: the tenant's own, or the operator's for everybody."""
        return await self._route.of(tenant_id) is not None

    async def mail(
        self,
        tenant_id: str,
        *,
        to: str,
        subject: str,
        text: str,
        technician_id: str = "",
        until: datetime | None = None,
    ) -> None:
        """Raises LookupError without a mail server."""
        if not await self.can_mail(tenant_id):
            raise LookupError("no mail server is set up")

        def make(draft: Draft) -> OutboxItem:
            id = draft.new_id()
            return OutboxItem(
                id=id,
                kind="mail",
                # Mails have no order to keep, so none waits for another one.
                lane="mail:" + id,
                payload={"to": to, "subject": subject, "body": text},
                due_at=draft.now,
                drop_at=until,
                technician_id=technician_id,
                template=ACCOUNT,
            )

        await self._engine.put_out(tenant_id, make)

    async def can_text(self, tenant_id: str) -> bool:
        """Whether there is a number and an account at the carrier."""
        return bool(await self._sender(tenant_id))

    async def text(
        self, tenant_id: str, *, to: str, text: str, technician_id: str = "", until: datetime | None = None
    ) -> None:
        """Raises LookupError without a number to text from."""
        sender = await self._sender(tenant_id)
        if not sender:
            raise LookupError("there is no number to text from")

        def make(draft: Draft) -> OutboxItem:
            return OutboxItem(
                id=draft.new_id(),
                kind="text",
                lane="account:" + to,
                payload={"to": to, "from": sender, "body": text},
                due_at=draft.now,
                drop_at=until,
                technician_id=technician_id,
                template=ACCOUNT,
                segments=segments(text).count,
            )

        await self._engine.put_out(tenant_id, make)

    async def _sender(self, tenant_id: str) -> str:
        """The primary verification number; empty where there is none, or no account that owns it."""
        for number in await self._tenants.numbers(tenant_id):
            if number.channel == "sms" and number.facts.purpose == "verification" and number.facts.primary:
                account = await self._tenants.carrier_account_for(number.facts.address)
                return number.facts.address if account is not None else ""
        return ""
