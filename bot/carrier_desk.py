"""Trying the carrier from the settings page: one text, one look at it, one look at where the numbers point."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

import aiohttp

from bot.doctor.routes import look_at_numbers
from bot.wording import Wording
from channels.twilio.numbers import refuse_destination
from channels.twilio.rest import Rest
from channels.twilio.trial import RawAnswer, look_at_text, try_text
from channels.twilio.webhooks import STATUS_PATH
from dialogs.ports import Clock
from dialogs.turns import TenantFacts
from storage.database import Database
from storage.opt_outs import opted_out
from storage.tenants import CarrierAccount, Tenants
from web.ports import CarrierAnswer, CarrierFinding

#: Texts that only try the number. Each process counts for itself: they are an admin's, who could raise any bound.
MOST, WITHIN = 5, timedelta(minutes=10)
NO_ACCOUNT = "No carrier account is entered yet. Enter the account SID and its auth token first."


class TwilioDesk:
    """`web.ports.CarrierDesk` over Twilio, or the stand-in at `base_url`. The session is handed in."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        tenants: Tenants,
        database: Database,
        clock: Clock,
        *,
        public_url: str,
        base_url: str,
    ) -> None:
        self._rest = Rest(session, base_url=base_url)
        self._tenants = tenants
        self._database = database
        self._clock = clock
        self._public_url = public_url
        self._wording = Wording(public_url)
        self._tried: dict[str, deque[datetime]] = {}

    async def try_text(self, tenant_id: str, *, sender: str, to: str) -> CarrierAnswer:
        tenant = await self._tenants.get(tenant_id)
        account = await self._account(tenant_id, sender)
        if tenant is None or account is None:
            return CarrierAnswer(problem=NO_ACCOUNT)
        refused = refuse_destination(to, tenant.settings.countries, sender)
        if refused is not None:
            return CarrierAnswer(problem=f"Not sent. {refused.reason}")
        if await self._database.read(tenant_id, lambda conn: opted_out(conn, tenant_id, [to], sender)):
            return CarrierAnswer(problem="Not sent. That phone has opted out with STOP. Text START from it first.")
        if not self._may_try(tenant_id):
            minutes = WITHIN.seconds // 60
            return CarrierAnswer(problem=f"Not sent. {MOST} tests in {minutes} minutes are enough. Wait a few minutes.")
        facts = TenantFacts(tenant.id, tenant.name, tenant.settings, b"")
        body, _ = self._wording.text(facts, "carrier.test", {}, "")
        callback = self._public_url + STATUS_PATH
        return _answer(await try_text(self._rest, account, to=to, sender=sender, body=body, callback=callback))

    async def look_at_text(self, tenant_id: str, *, sender: str, sid: str) -> CarrierAnswer:
        account = await self._account(tenant_id, sender)
        if account is None:
            return CarrierAnswer(problem=NO_ACCOUNT)
        return _answer(await look_at_text(self._rest, account, sid))

    async def look_at_numbers(self, tenant_id: str) -> Sequence[CarrierFinding]:
        numbers = [n.facts for n in await self._tenants.numbers(tenant_id) if n.facts.purpose != "voice"]
        account = await self._account(tenant_id, numbers[0].address) if numbers else None
        if account is None:
            return (CarrierFinding("Twilio", "fail", NO_ACCOUNT if numbers else "No number is entered yet."),)
        found = await look_at_numbers(self._rest, account, [n.address for n in numbers], self._public_url)
        return tuple(CarrierFinding(f.check, f.state, f.text) for f in found)

    async def _account(self, tenant_id: str, number: str) -> CarrierAccount | None:
        """Of this tenant alone, whoever owns the number now."""
        found = await self._tenants.carrier_account_for(number)
        return found if found is not None and found.tenant_id == tenant_id else None

    def _may_try(self, tenant_id: str) -> bool:
        now, tried = self._clock.now(), self._tried.setdefault(tenant_id, deque(maxlen=MOST))
        if len(tried) == MOST and now - tried[0] < WITHIN:
            return False
        tried.append(now)
        return True


def _answer(raw: RawAnswer) -> CarrierAnswer:
    return CarrierAnswer(raw.status, raw.body, raw.problem, raw.sid, raw.state, raw.is_final)
