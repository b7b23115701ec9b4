"""What ends all log-ins ends those too that are about to begin: a sign-in with the old password is still being compared
while the password changes, the second factor goes or the account is switched off (SEC-33, SI-09)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from identity import links, totp
from identity.passwords import Cost, Passwords
from identity.sign_in import LogInGranted, Origin, Proof, Refused, SignIn
from storage.account_links import NewLink
from tests.fixtures.pages import press
from tests.fixtures.web_house import PASSWORD, House, OpenWeb
from web.pages import page_routes
from web.pages.errors import show_problem

HERE = Origin("127.0.0.1", "Firefox")
NEW = "another battery staple horse"


class Slow(Passwords):
    """Compares passwords, and something else happens before the answer is there."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]], cost: Cost) -> None:
        super().__init__(cost)
        self._meanwhile = meanwhile

    async def verify(self, stored: str | None, password: str) -> bool:
        right = await super().verify(stored, password)
        await self._meanwhile()
        return right


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def _nothing() -> None:
    return None


async def _sign_in(
    house: House, meanwhile: Callable[[], Awaitable[object]], *, passes: int = 1
) -> LogInGranted | Refused:
    services, dana = house.services, house.people["technician"]
    slow = Slow(meanwhile, Cost(memory_kib=64, passes=passes))
    signing = SignIn(services.accounts, slow, house.clock, services.random)
    return await signing.log_in(dana.login, Proof(PASSWORD, totp.code_at(dana.secret, house.clock.now())), HERE)


async def _another_password(house: House) -> None:
    dana, services = house.people["technician"], house.services
    hashed = await services.passwords.hash(NEW)
    await services.people.change_password(dana.tenant_id, dana.id, hashed, house.clock.now(), keep_log_in="")


async def _no_second_factor(house: House) -> None:
    dana, services, now = house.people["technician"], house.services, house.clock.now()
    minted = links.mint("second_factor", services.random, now)
    link = NewLink(services.random.new_id(now), minted.digest, "second_factor", minted.expires_at)
    await services.people.drop_second_factor(dana.tenant_id, dana.id, link, now)


async def _off(house: House) -> None:
    dana, people = house.people["technician"], house.services.people
    await people.disable(dana.tenant_id, dana.id, house.clock.now())


@pytest.mark.feature("SEC-33", "SI-09")
@pytest.mark.parametrize("end", [_another_password, _no_second_factor, _off])
async def test_no_log_in_begins_after_all_have_ended(house: House, end: Callable[[House], Awaitable[None]]) -> None:
    dana, services = house.people["technician"], house.services
    came = await _sign_in(house, lambda: end(house))
    await services.people.enable(dana.tenant_id, dana.id)
    assert came == Refused("wrong")
    assert await services.accounts.log_ins(dana.tenant_id, dana.id, house.clock.now()) == ()


@pytest.mark.feature("SEC-33")
async def test_a_hash_made_anew_never_brings_an_old_password_back(house: House) -> None:
    """Signing in at another cost keeps a new hash of what was typed; it must not go over a newer password."""
    dana, services = house.people["technician"], house.services
    granted = await _sign_in(house, _nothing, passes=2)
    assert isinstance(granted, LogInGranted)
    before = await services.accounts.account(dana.tenant_id, dana.id)
    assert before is not None
    assert "t=2" in before.password_hash, "a hash at the new cost"
    house.clock.advance(timedelta(minutes=1))
    assert await _sign_in(house, lambda: _another_password(house), passes=3) == Refused("wrong")
    after = await services.accounts.account(dana.tenant_id, dana.id)
    assert after is not None
    assert await services.passwords.verify(after.password_hash, NEW)
    assert not await services.passwords.verify(after.password_hash, PASSWORD)


@pytest.mark.feature("SEC-43")
async def test_of_two_who_use_a_link_at_once_one_gets_in(house: House) -> None:
    """Each has chosen a password and set up an app by then."""
    dana, services, now = house.people["technician"], house.services, house.clock.now()
    minted = links.mint("password", services.random, now)
    link = NewLink(services.random.new_id(now), minted.digest, "password", minted.expires_at)
    await services.account_links.make(dana.tenant_id, dana.id, link, now)
    found = await services.account_links.find(minted.digest)
    assert found is not None
    used = await asyncio.gather(
        *(services.account_links.set_password(found, password_hash=f"hash {n}", now=now) for n in range(8))
    )
    assert sorted(used) == [False] * 7 + [True]
    account = await services.accounts.account(dana.tenant_id, dana.id)
    assert account is not None
    assert account.password_hash == f"hash {used.index(True)}"
    assert (await press(house, minted.path, new=NEW, again=NEW, code="000000")).status == 410
