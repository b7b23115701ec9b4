"""Asking the carrier about a number before a code goes there (SEC-42), and keeping the answer for a day.

Every number is asked about, whatever it is called here: many a mobile stands where a desk phone should. Of those that
may be desk phones the kind is asked first, which is cheap, and the SIM only where there may be one.

Answers are kept in this process and nowhere else: a table of who swapped a SIM, and when, would have to be guarded,
erased and backed up, and all it could save is one more question for each replica or restart. What was known when a code
went out stands in the verification itself.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from weakref import WeakValueDictionary

import structlog

from bot.breakers import Breakers
from channels.twilio.numbers import refuse_call, refuse_destination
from dialogs import user_verify as uv
from dialogs.number_signals import NOTHING_KNOWN, KnownNumbers, NumberReport, Signals
from dialogs.ports import Clock, LookUpNumber, SendLater, SendRefused
from dialogs.settings import TenantSettings
from dialogs.turns import AddressFacts
from storage.directory import Directory, StoredAddress
from storage.tenants import Tenants

log = structlog.get_logger("number_lookups")

#: The caller waits, and so does the technician.
WAITS = 2.0
KEPT_FOR = timedelta(hours=24)
#: Of all tenants together; the oldest answer goes first, and costs one more question when it is wanted again.
KEPT_MOST = 20_000
#: Kinds of addresses that are numbers.
NUMBERS = frozenset({"mobile", "phone"})
#: Of others the carrier has said that no SIM is behind them.
MAY_HAVE_SIM = frozenset({"mobile", "unknown"})
_HOUR = timedelta(hours=1)
_PROVIDER = "lookups"


class KnowsNumbers(Protocol):
    """What verifying asks of it."""

    def known(self, tenant_id: str, settings: TenantSettings, addresses: Iterable[AddressFacts]) -> KnownNumbers:
        """What is known by now of these; asks nobody. Empty where the tenant has look-ups switched off."""
        ...

    async def before(self, tenant_id: str, contact_id: str, address_id: str, method: uv.Method) -> KnownNumbers:
        """What is known of the number that this request would go to, asked if need be; empty where nothing is to be
        asked. Raises nothing for what the carrier does, and waits for it only so long."""
        ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    number: str
    sender: str
    may_be_landline: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    at: datetime
    report: NumberReport
    with_sim: bool


class NumberLookups:
    """Implements `KnowsNumbers`: each number of a tenant is asked about once a day.

    No more questions an hour than the tenant's limit for codes, so that nobody runs up the bill by clicking; beyond
    that, and while the carrier fails again and again, a number is `unknown` at once.
    """

    def __init__(
        self,
        carrier: LookUpNumber,
        tenants: Tenants,
        directory: Directory,
        clock: Clock,
        *,
        waits: float = WAITS,
        keeps: int = KEPT_MOST,
    ) -> None:
        self._carrier = carrier
        self._tenants = tenants
        self._directory = directory
        self._clock = clock
        self._waits = waits
        self._keeps = keeps
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()
        self._asked: dict[str, deque[datetime]] = {}
        self._under_way: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._breakers = Breakers()

    def known(self, tenant_id: str, settings: TenantSettings, addresses: Iterable[AddressFacts]) -> KnownNumbers:
        # Inside a turn, on whatever thread that runs: it only reads.
        if settings.number_lookups == "off":
            return NOTHING_KNOWN
        now, with_sim = self._clock.now(), settings.number_lookups == "sim_swap"
        numbers = [a.value for a in addresses if a.kind in NUMBERS]
        found = {number: self._fresh(tenant_id, number, now, with_sim) for number in numbers}
        return {number: signals for number, signals in found.items() if signals is not None}

    async def before(self, tenant_id: str, contact_id: str, address_id: str, method: uv.Method) -> KnownNumbers:
        if uv.METHODS[method].channel not in ("sms", "phone"):
            return NOTHING_KNOWN
        tenant = await self._tenants.get(tenant_id)
        if tenant is None or tenant.settings.number_lookups == "off":
            return NOTHING_KNOWN
        contact = await self._directory.contact(tenant_id, contact_id)
        if contact is None or method not in tenant.settings.policy_of(contact.client_id).methods:
            return NOTHING_KNOWN
        address = _address(contact.addresses, address_id, method)
        if address is None or address.kind not in NUMBERS:
            return NOTHING_KNOWN
        sender = await self._sender(tenant_id)
        look = refuse_destination if uv.METHODS[method].channel == "sms" else refuse_call
        if not sender or look(address.value, tenant.settings.countries, sender) is not None:
            # Nothing will go there, so nothing is paid for.
            return NOTHING_KNOWN
        wanted = _Wanted(address.value, sender, may_be_landline=address.kind != "mobile")
        return {address.value: await self._look(tenant_id, wanted, tenant.settings)}

    async def _look(self, tenant_id: str, wanted: _Wanted, settings: TenantSettings) -> Signals:
        with_sim = settings.number_lookups == "sim_swap"
        with suppress(TimeoutError):
            async with asyncio.timeout(self._waits):
                # Two at once about the same number: the second takes what the first was told.
                lock = self._under_way.setdefault((tenant_id, wanted.number), asyncio.Lock())
                async with lock:
                    found = self._fresh(tenant_id, wanted.number, self._clock.now(), with_sim)
                    return found or await self._ask(tenant_id, wanted, settings)
        return Signals("unknown", "unknown" if with_sim else "")

    async def _ask(self, tenant_id: str, wanted: _Wanted, settings: TenantSettings) -> Signals:
        now, with_sim = self._clock.now(), settings.number_lookups == "sim_swap"
        unknown = Signals("unknown", "unknown" if with_sim else "")
        if not self._may_ask(tenant_id, settings, now):
            return unknown
        works = False
        try:
            at_once = with_sim and not wanted.may_be_landline
            report = await self._carrier.look_up(wanted.number, sender=wanted.sender, sim_swap=at_once)
            if with_sim and not at_once and report.line in MAY_HAVE_SIM:
                if not self._may_ask(tenant_id, settings, now):
                    return Signals(report.line, "unknown")
                report = await self._carrier.look_up(wanted.number, sender=wanted.sender, sim_swap=True)
            works = True
        except SendLater as why:
            log.warning("number_lookup_failed", tenant_id=tenant_id, error_code=why.code)
            return unknown
        except SendRefused as why:
            # It works, and will say the same of the next number: a log-in, or a package that nobody has bought.
            works = True
            log.warning("number_lookup_refused", tenant_id=tenant_id, error_code=why.code)
            return unknown
        finally:
            # Whoever waited too long is cancelled here, which is a failure too.
            self._breakers.heard(_PROVIDER, tenant_id, works, now)
        self._keep((tenant_id, wanted.number), _Kept(now, report, with_sim))
        return report.at(now)

    def _may_ask(self, tenant_id: str, settings: TenantSettings, now: datetime) -> bool:
        asked = self._asked.setdefault(tenant_id, deque())
        while asked and now - asked[0] >= _HOUR:
            asked.popleft()
        if len(asked) >= settings.limits.tenant_per_hour or self._breakers.admit(_PROVIDER, tenant_id, now) is not None:
            return False
        asked.append(now)
        return True

    def _fresh(self, tenant_id: str, number: str, now: datetime, with_sim: bool) -> Signals | None:
        """What was answered within a day, None otherwise: also where the SIM was not asked about then and is now."""
        kept = self._kept.get((tenant_id, number))
        if kept is None or not timedelta(0) <= now - kept.at < KEPT_FOR or (with_sim and not kept.with_sim):
            return None
        signals = kept.report.at(now)
        return signals if with_sim else Signals(signals.line)

    def _keep(self, key: tuple[str, str], kept: _Kept) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while len(self._kept) > self._keeps:
            self._kept.popitem(last=False)

    async def _sender(self, tenant_id: str) -> str:
        """The primary verification number, whose account asks; empty where there is none."""
        numbers = [n for n in await self._tenants.numbers(tenant_id) if n.channel == "sms"]
        return next((n.facts.address for n in numbers if n.facts.purpose == "verification" and n.facts.primary), "")


def _address(addresses: Sequence[StoredAddress], address_id: str, method: uv.Method) -> StoredAddress | None:
    """The one that is named, else the one the method goes to by itself: defaults stand first."""
    if address_id:
        return next((a for a in addresses if a.id == address_id), None)
    return next((a for kind in uv.METHODS[method].kinds for a in addresses if a.kind == kind), None)
