"""Reading organisations' people in the background. Any replica may do it: each organisation is read by one at a time,
page by page, and whoever begins goes on where the last page ended; see `storage/sources/sync.py`. One that does not
answer holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from bot.sources.carrying import Carrying
from dialogs.messages import Unavailable
from dialogs.people_source import DirectoryAccess, PeopleSource, SourceExpired, SourceLater, SourceRefused
from dialogs.ports import Clock, Randomness
from storage.database import Database
from storage.keys import CannotOpen, Keyring
from storage.phones import region_of
from storage.sources.contact_sources import access_of
from storage.sources.lease import Lease, Lost, begin_anew, claim, due, give_back, release_all
from storage.sources.sync import MOST_PAGES, Step, Work, keep_company, keep_missing, keep_page, put_off
from storage.tenants import Tenants
from storage.times import micros
from web.people_input import LOCALES

log = structlog.get_logger("contact_sync")

#: How often to look for what is due, or what another replica has left behind; our own acts wake us.
LOOK_EVERY_S: Final = 15.0
#: Organisations that one process reads at the same time.
AT_ONCE: Final = 4
#: Pages until another organisation may have its turn.
TURN: Final = 50
#: Until the next try, by how many have failed in a row: of what passes, and of what somebody has to see to.
PASSES: Final = (10.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
STAYS: Final = (300.0, 900.0, 3600.0)
#: Stands where the id of an organisation stands otherwise.
CARRYING: Final = "carrying"
#: A pause that is asked for is kept, but not for ever.
LONGEST_PAUSE_S: Final = 6 * 3600.0


class ContactSync:
    """One per process. `worker`: a name that no other process has; `is_alone`: there is no other process."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        source: PeopleSource,
        carrying: Carrying,
        clock: Clock,
        random: Randomness,
        *,
        worker: str,
        is_alone: bool = False,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._source = source
        self._carrying = carrying
        self._tenants = Tenants(database, keyring)
        self._clock = clock
        self._random = random
        self._worker = worker
        self._is_alone = is_alone
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """There is something to read, or to carry out."""
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. Steps are transactions, so that may happen at any time."""
        working: dict[asyncio.Task[None], str] = {}
        woken: asyncio.Task[object] = asyncio.create_task(self._wake.wait())
        to_carry = True
        try:
            if self._is_alone:
                # Whoever held anything is gone; nobody waits for a lease of theirs to end.
                await release_all(self._database)
            while True:
                if to_carry and CARRYING not in working.values():
                    working[asyncio.create_task(self._carry(), name="carry out changes")] = CARRYING
                    to_carry = False
                try:
                    await self._begin(working)
                except Unavailable:
                    log.warning("contact_sync_put_off")
                done, _ = await asyncio.wait(
                    {woken, *working}, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED
                )
                if woken in done:
                    self._wake.clear()
                    woken = asyncio.create_task(self._wake.wait())
                ended = [task for task in working if task in done]
                # A round that has ended may have brought changes; carrying them out brings no others.
                to_carry |= [working[task] for task in ended] != [CARRYING]
                for task in ended:
                    del working[task]
                    # Whatever it was, nobody else waits behind it, and its lease ends by itself.
                    if (error := task.exception()) is not None:
                        log.error("contact_sync_failed", error=type(error).__name__)
        finally:
            for each in (woken, *working):
                each.cancel()
            await asyncio.gather(woken, *working, return_exceptions=True)
            await release_all(self._database, self._worker)

    async def work(self) -> None:
        """Everything that is due now, one after another."""
        await self._carrying.work()
        now = self._clock.now()
        while found := await due(self._database, now, 1):
            ((tenant_id, organisation_id),) = found
            await self._read(tenant_id, organisation_id)
        await self._carrying.work()

    async def _carry(self) -> None:
        await self._carrying.work()

    async def _begin(self, working: dict[asyncio.Task[None], str]) -> None:
        read = tuple(id for id in working.values() if id != CARRYING)
        if len(read) >= AT_ONCE:
            return
        for tenant_id, organisation_id in await due(self._database, self._clock.now(), AT_ONCE - len(read), read):
            task = asyncio.create_task(self._read(tenant_id, organisation_id), name="contact sync")
            working[task] = organisation_id

    async def _read(self, tenant_id: str, organisation_id: str) -> None:
        """Some pages of one organisation, if nobody else is at it."""
        now = self._clock.now()
        taken = await self._database.write(
            tenant_id,
            lambda conn: claim(conn, self._keyring, tenant_id, organisation_id, self._worker, now, self._new_id(now)),
        )
        if taken is None:
            return
        try:
            if not await self._turn(taken):
                # Others first; the next turn goes on from here.
                await self._give_back(taken, {"due_at": micros(self._clock.now())})
        except Lost:
            # Another has it, or an admin has said meanwhile whose contacts they are: then it goes on with that.
            log.info("contact_sync_lost", tenant_id=tenant_id)
            await self._give_back(taken, {})

    async def _turn(self, taken: Lease) -> bool:
        """As many steps as there are, or as one turn has; whether there is nothing left to do now."""
        lease: Lease | None = taken
        region, access = await self._region(taken.tenant_id), await self._access(taken)
        for _ in range(TURN):
            if lease is None or access is None:
                return True
            lease = await self._step(lease, access, region)
        return lease is None

    async def _give_back(self, lease: Lease, values: Mapping[str, int]) -> None:
        """If it is still ours."""
        await self._database.write(lease.tenant_id, lambda conn: give_back(conn, lease, values))

    async def _step(self, lease: Lease, access: DirectoryAccess, region: str) -> Lease | None:
        """The next thing to do; None when that is for later."""
        try:
            if lease.step == "companies":
                company = await self._source.organisation(access)
                if company.id != lease.directory_id:
                    raise SourceRefused("other_organisation")
                return await self._take(lease, region, lambda conn, step: keep_company(conn, step, company))
            if lease.step == "missing":
                return await self._take(lease, region, keep_missing)
            page = await self._source.people(access, lease.cursor)
            if page.whole or lease.pages < MOST_PAGES:
                return await self._take(lease, region, lambda conn, step: keep_page(conn, step, page))
            await self._put_off(lease, "endless", "", STAYS, from_the_start=True)
        except SourceExpired:
            if not lease.is_anew:
                now = self._clock.now()
                return await self._database.write(
                    lease.tenant_id, lambda conn: begin_anew(conn, lease, now, self._new_id(now))
                )
            # From the start already: at once again would be for ever.
            await self._put_off(lease, "bad_answer", "expired", STAYS, from_the_start=True)
        except SourceRefused as why:
            await self._put_off(lease, why.code, why.detail, STAYS)
        except SourceLater as why:
            await self._put_off(lease, why.code, "", PASSES, pause=why.retry_after or 0.0)
        return None

    async def _take(self, lease: Lease, region: str, work: Work) -> Lease | None:
        step = self._step_of(lease, region)
        return await self._database.write(lease.tenant_id, lambda conn: work(conn, step))

    async def _put_off(
        self,
        lease: Lease,
        problem: str,
        detail: str,
        waits: tuple[float, ...],
        *,
        pause: float = 0.0,
        from_the_start: bool = False,
    ) -> None:
        usual = waits[min(lease.failures, len(waits) - 1)] * (0.5 + self._random.fraction())
        wait = max(usual, min(pause, LONGEST_PAUSE_S))
        log.warning("contact_sync_later", tenant_id=lease.tenant_id, why=problem)
        step = self._step_of(lease, "")
        due_at = step.now + timedelta(seconds=wait)
        await self._database.write(
            lease.tenant_id,
            lambda conn: put_off(conn, step, problem, detail, due_at, from_the_start=from_the_start),
        )

    async def _access(self, lease: Lease) -> DirectoryAccess | None:
        """The secret is opened once for each turn. None where that cannot be done."""
        try:
            access = await self._database.read(
                lease.tenant_id,
                lambda conn: access_of(conn, self._keyring, lease.tenant_id, lease.source_id, lease.directory_id),
            )
        except CannotOpen:
            await self._put_off(lease, "cannot_open", "", STAYS)
            return None
        if access is None:
            raise Lost
        return access

    async def _region(self, tenant_id: str) -> str:
        """Where numbers without a country code are read: where the tenant's own numbers are."""
        numbers = await self._tenants.numbers(tenant_id)
        return next((region for number in numbers if (region := region_of(number.facts.address))), "")

    def _step_of(self, lease: Lease, region: str) -> Step:
        now = self._clock.now()
        return Step(self._keyring, lease, region, now, self._new_id(now), speaks)

    def _new_id(self, now: datetime) -> Callable[[], str]:
        return lambda: self._random.new_id(now)


def speaks(locale: str) -> str:
    """The language of theirs that we have texts in: `en-GB` is answered in `en`. Empty where there is none."""
    return next((known for known in (locale, locale.partition("-")[0]) if known in LOCALES), "")
