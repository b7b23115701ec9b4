"""`watchword doctor --live`: one real text, one real ticket, and what the carrier has on record for our numbers.

Whoever asks for it has said yes: this is the one part of the doctor that others notice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import aiohttp

from bot.commands.operator import Mistake, Operator
from bot.doctor.findings import Finding
from bot.doctor.routes import look_at_numbers
from bot.wording import Wording
from channels.twilio.numbers import refuse_destination
from channels.twilio.own_numbers import FINAL, TextFate, fate_of
from channels.twilio.rest import TIMEOUT, Rest
from channels.twilio.sender import TwilioTexts
from dialogs.ports import SendLater, SendRefused, SendUnclear
from dialogs.turns import NumberFacts, TenantFacts
from psa.base import Can, NewTicketFields, Psa, PsaError
from psa.builtin import BuiltinPsa
from storage.tenants import CarrierAccount, StoredTenant
from storage.tickets import Tickets

#: How long the carrier is asked about the text, and how often, in seconds.
PATIENCE, EVERY = timedelta(seconds=60), 2.0
Pause = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Live:
    """What the live checks stand on. `to`: who gets the text, E.164."""

    operator: Operator
    tenant: StoredTenant
    number: NumberFacts
    account: CarrierAccount
    session: aiohttp.ClientSession
    rest: Rest
    texts: TwilioTexts
    to: str

    def question(self) -> str:
        """What is about to happen, to be asked before it does."""
        return f"Send one real text to {self.to} from {self.number.address}, which the carrier charges?"

    async def address(self) -> Finding:
        """Whether our own public address leads to us, certificate and all, as seen from this machine."""
        url = self.operator.settings.public_url + "/healthz"
        try:
            async with self.session.get(url, timeout=TIMEOUT, allow_redirects=False) as response:
                if response.status == 200 and b'"ok"' in await response.content.read(100):
                    return Finding("public address", "ok", f"{url} answers")
                text = f"{url} answers {response.status}, which is not us. Does the proxy lead here, unredirected?"
                return Finding("public address", "fail", text)
        except aiohttp.ClientSSLError:
            return Finding(
                "public address", "fail", f"the certificate of {url} is not good. The carrier refuses it too."
            )
        except (TimeoutError, aiohttp.ClientError, ValueError):
            return Finding("public address", "fail", f"{url} does not answer. Is the server running, and the proxy?")

    async def text(self, pause: Pause = asyncio.sleep) -> Finding:
        """Send a text and wait for the carrier's word that it was delivered."""
        facts = TenantFacts(self.tenant.id, self.tenant.name, self.tenant.settings, b"")
        body, _ = Wording(self.operator.settings.public_url).text(facts, "carrier.test", {}, "")
        key = self.operator.new_id()
        try:
            sid = await self.texts.send(to=self.to, sender=self.number.address, body=body, key=key)
        except SendRefused as why:
            return Finding("live text", "fail", f"the carrier refused it ({why.code}): {why}")
        except SendLater as why:
            return Finding("live text", "fail", f"it could not be sent ({why.code}): {why}. Is the way out open?")
        except SendUnclear:
            return Finding("live text", "warn", "it may have gone out: the carrier did not answer. Look at the phone.")
        return await self._fate(sid, pause)

    async def _fate(self, sid: str, pause: Pause) -> Finding:
        waited, fate = 0.0, TextFate("queued", "")
        while waited < PATIENCE.total_seconds():
            try:
                fate = await fate_of(self.rest, self.account, sid)
            except (SendRefused, SendLater) as why:
                return Finding(
                    "live text", "warn", f"sent; the carrier does not say how it fared ({why.code}). Look at the phone."
                )
            if fate.status in FINAL:
                break
            await pause(EVERY)
            waited += EVERY
        if fate.status in {"delivered", "read"}:
            return Finding("live text", "ok", f"delivered after about {waited:.0f} s, says the carrier")
        if fate.status in FINAL:
            code = f" with error {fate.error_code}" if fate.error_code else ""
            return Finding(
                "live text", "fail", f"{fate.status}{code}. See the table of codes in docs/how-to/connect-twilio.md"
            )
        return Finding(
            "live text",
            "warn",
            f"still {fate.status} after {waited:.0f} s. Look at the phone and at the carrier's log.",
        )

    async def numbers(self) -> list[Finding]:
        """Where the carrier sends the texts that come in on each of our numbers."""
        numbers = await self.operator.tenants.numbers(self.tenant.id)
        texted = [number.facts.address for number in numbers if number.facts.purpose != "voice"]
        return await look_at_numbers(self.rest, self.account, texted, self.operator.settings.public_url)

    async def ticket(self, client_id: str) -> Finding:
        """Open, note and close one ticket of this client."""
        psa: Psa = BuiltinPsa(
            self.tenant.id, Tickets(self.operator.database), self.operator.clock, self.operator.random
        )
        key = self.operator.new_id()
        fields = NewTicketFields(
            "Test of the ticket connection", "Opened by 'watchword doctor --live'.", client_id=client_id
        )
        try:
            made = await psa.create_ticket(fields, key=key)
            await psa.add_note(made.id, "A note, as after a check.", internal=True, key=key + "-note")
            left = await _close(psa, made.id)
        except PsaError as why:
            return Finding("live ticket", "fail", str(why))
        if left:
            return Finding("live ticket", "warn", f"{made.number}: opened and noted; close it by hand, it is {left}")
        return Finding("live ticket", "ok", f"{made.number}: opened, noted and closed")


@asynccontextmanager
async def live(operator: Operator, tenant: StoredTenant, to: str) -> AsyncIterator[Live]:
    """Everything the live checks need. Raises `Mistake` where something is not set up, or the text must not be sent."""
    numbers = [number.facts for number in await operator.tenants.numbers(tenant.id)]
    primary = next((n for n in numbers if n.purpose == "verification" and n.primary), None)
    account = await operator.tenants.carrier_account_for(primary.address) if primary is not None else None
    if primary is None or account is None:
        raise Mistake("There is no number with a carrier account to send from. Run 'watchword doctor' without --live.")
    refused = refuse_destination(to, tenant.settings.countries, primary.address)
    if refused is not None:
        raise Mistake(f"{to}: {refused.reason}")

    async def account_for(sender: str) -> CarrierAccount | None:
        return account

    async with aiohttp.ClientSession() as session:
        settings = operator.settings
        rest = Rest(session, base_url=settings.twilio_url, timeout=TIMEOUT)
        texts = TwilioTexts(
            session, account_for=account_for, public_url=settings.public_url, base_url=settings.twilio_url
        )
        yield Live(operator, tenant, primary, account, session, rest, texts, to)


async def _close(psa: Psa, ticket_id: str) -> str:
    """Close it with the first of the system's words that does; empty when it is closed, else its status."""
    if Can.SET_STATUS not in psa.can:
        return "still open"
    ticket = await psa.get_ticket(ticket_id)
    for word in await psa.statuses():
        if ticket.is_open and word.casefold() in {"closed", "resolved", "complete", "completed", "done"}:
            ticket = await psa.set_status(ticket_id, word)
    return ticket.status if ticket.is_open else ""
