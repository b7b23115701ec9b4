"""Whose carrier account signs and sends: looked up in storage, kept at hand for a few seconds.

A webhook asks before its signature is checked, so the answer must be cheap; a changed secret counts within seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta

from channels.twilio.numbers import RefusedDestination, refuse_call, refuse_destination
from dialogs.ports import Clock
from storage.tenants import CarrierAccount, Tenants

KEPT_FOR = timedelta(seconds=5)
#: More than any installation has; an attacker who invents account sids must not fill the memory.
KEPT_MOST = 1000


class Carriers:
    """Accounts by sid and by number, and where a tenant's texts may go."""

    def __init__(self, tenants: Tenants, clock: Clock) -> None:
        self._tenants = tenants
        self._clock = clock
        self._kept: dict[str, tuple[datetime, CarrierAccount | None]] = {}

    async def by_sid(self, account_sid: str) -> CarrierAccount | None:
        """The account with this sid, or None."""
        return await self._keep(account_sid, self._tenants.find_carrier_account)

    async def for_number(self, number: str) -> CarrierAccount | None:
        """The account that owns one of our numbers, or None."""
        return await self._keep(number, self._tenants.carrier_account_for)

    async def refuse_destination(self, to: str, our_number: str, tenant_id: str) -> str:
        """Why a text must not go to `to`; empty when it may (SEC-39)."""
        return await self._refuse(refuse_destination, to, our_number, tenant_id)

    async def refuse_call(self, to: str, our_number: str, tenant_id: str) -> str:
        """Why `to` must not be called; empty when it may."""
        return await self._refuse(refuse_call, to, our_number, tenant_id)

    async def _refuse(
        self,
        look: Callable[[str, Collection[str], str], RefusedDestination | None],
        to: str,
        our_number: str,
        tenant_id: str,
    ) -> str:
        tenant = await self._tenants.get(tenant_id)
        refused = look(to, tenant.settings.countries if tenant is not None else (), our_number)
        return refused.word if refused is not None else ""

    async def _keep(self, key: str, find: Callable[[str], Awaitable[CarrierAccount | None]]) -> CarrierAccount | None:
        now = self._clock.now()
        kept = self._kept.get(key)
        if kept is not None and timedelta(0) <= now - kept[0] < KEPT_FOR:
            return kept[1]
        found = await find(key)
        if len(self._kept) >= KEPT_MOST:
            self._kept.clear()
        self._kept[key] = (now, found)
        return found
