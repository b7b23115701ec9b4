"""Signing in against the real tables: the rules of `identity` and the promises of `storage.accounts` together."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select

from identity import totp
from identity.enrolment import Enrolled, enrol
from identity.passwords import Cost, Passwords
from identity.people_store import PeopleStore
from identity.sessions import is_over, token_digest
from identity.sign_in import LogInGranted, Origin, Proof, Refused, SignIn, canonical_login
from storage.accounts import Accounts, canonical
from storage.database import Unscoped
from storage.people import LoginTaken, NewTechnician, People
from storage.tables import log_in_failures, technicians
from tests.fixtures.kept import Kept

PASSWORD = "plum kettle orbit lantern"
HOME = Origin("192.0.2.7", "Mozilla/5.0 Firefox/140.0")
LOGIN = "Noor@MSP.example"


class CountedPasswords(Passwords):
    """Counts hashes, because they are what takes the time."""

    def __init__(self, cost: Cost) -> None:
        super().__init__(cost)
        self.hashed = 0

    async def verify(self, stored: str | None, password: str) -> bool:
        self.hashed += 1
        return await super().verify(stored, password)


@dataclass
class Desk:
    """One technician who can sign in."""

    kept: Kept
    accounts: Accounts
    people: People
    passwords: CountedPasswords
    sign_in: SignIn
    id: str
    enrolled: Enrolled = field(repr=False)

    def code(self) -> str:
        return totp.code_at(self.enrolled.totp_secret, self.kept.clock.now())

    async def try_in(
        self, login: str = LOGIN, password: str = PASSWORD, code: str | None = None, origin: Origin = HOME
    ) -> LogInGranted | Refused:
        return await self.sign_in.log_in(login, Proof(password, self.code() if code is None else code), origin)

    async def get_in(self) -> LogInGranted:
        self.kept.clock.advance(timedelta(seconds=30))
        granted = await self.try_in()
        assert isinstance(granted, LogInGranted)
        return granted


@pytest.fixture
async def desk(kept: Kept) -> Desk:
    accounts, people = Accounts(kept.database, kept.keyring), People(kept.database, kept.keyring)
    store: PeopleStore = accounts
    passwords = CountedPasswords(Cost(memory_kib=64, passes=1))
    technician_id = kept.new_id()
    enrolled = await enrol(
        passwords,
        kept.randomness,
        technician_id=technician_id,
        login=LOGIN,
        name="Noor Haas",
        password=PASSWORD,
        issuer="MSP",
    )
    new = NewTechnician(
        technician_id,
        LOGIN,
        "Noor Haas",
        "admin",
        enrolled.password_hash,
        enrolled.totp_secret,
        enrolled.recovery_digests,
    )
    await people.add(kept.world.tenant_id, new, kept.clock.now())
    sign_in = SignIn(store, passwords, kept.clock, kept.randomness)
    return Desk(kept, accounts, people, passwords, sign_in, technician_id, enrolled)


@pytest.mark.feature("SEC-33")
async def test_everything_right_signs_in(desk: Desk) -> None:
    granted = await desk.try_in(login="  noor@msp.EXAMPLE ")
    assert isinstance(granted, LogInGranted)
    assert (granted.tenant_id, granted.technician_id) == (desk.kept.world.tenant_id, desk.id)
    assert granted.token not in repr(granted)
    found = await desk.accounts.find_log_in(token_digest(granted.token), desk.kept.clock.now())
    assert found is not None
    assert (found.role, found.first_name, found.kind) == ("admin", "Noor", "cookie")
    assert (found.address_block, found.browser) == ("192.0.2.0/24", "firefox")
    assert found.proven_at == desk.kept.clock.now()
    assert not is_over(found, desk.kept.clock.now())
    assert granted.expires_at == desk.kept.clock.now() + timedelta(hours=12)


@pytest.mark.feature("SEC-33")
async def test_whatever_is_wrong_has_the_same_words_and_the_same_work(desk: Desk) -> None:
    right = desk.code()
    wrong_code = "000000" if right != "000000" else "111111"
    answers, work = set(), set()
    for login, password, code in (
        ("nobody@msp.example", PASSWORD, right),
        (LOGIN, PASSWORD + "!", right),
        (LOGIN, PASSWORD, wrong_code),
        (LOGIN, PASSWORD, "0000-0000-0000-0000"),
        (LOGIN, PASSWORD + "!", desk.enrolled.recovery_codes[0]),
        (LOGIN, "x" * 400, right),
        ("", "", ""),
    ):
        before = desk.passwords.hashed
        answers.add(await desk.try_in(login, password, code))
        work.add(desk.passwords.hashed - before)
    assert answers == {Refused("wrong")}
    assert work == {1}
    used = await desk.accounts.recovery_digests(desk.kept.world.tenant_id, desk.id)
    assert used == frozenset(desk.enrolled.recovery_digests)


@pytest.mark.feature("SEC-33", "SEC-56")
async def test_a_refusal_writes_as_often_for_nobody_as_for_somebody(desk: Desk) -> None:
    """Writing takes longest after hashing; a line of the log for known logins alone would tell which there are."""
    commits = 0

    def count() -> None:
        nonlocal commits
        commits += 1

    desk.kept.database.on_commit(count)
    written: dict[str, list[int]] = {LOGIN: [], "nobody@msp.example": []}
    for login, counts in written.items():
        for _ in range(12):
            before = commits
            await desk.try_in(login, "wrong" * 4)
            counts.append(commits - before)
    assert written[LOGIN] == written["nobody@msp.example"] == [2] * 10 + [1] * 2


@pytest.mark.feature("SEC-33")
async def test_a_code_signs_in_once_also_when_two_come_at_once(desk: Desk) -> None:
    outcomes = await asyncio.gather(desk.try_in(), desk.try_in())
    assert sorted(type(o).__name__ for o in outcomes) == ["LogInGranted", "Refused"]
    assert await desk.try_in() == Refused("wrong")
    desk.kept.clock.advance(timedelta(seconds=30))
    assert isinstance(await desk.try_in(), LogInGranted)


@pytest.mark.feature("SEC-33")
async def test_a_recovery_code_signs_in_once(desk: Desk) -> None:
    code = desk.enrolled.recovery_codes[3].upper()
    outcomes = await asyncio.gather(desk.try_in(code=code), desk.try_in(code=code))
    granted = [o for o in outcomes if isinstance(o, LogInGranted)]
    assert [g.recovery_codes_left for g in granted] == [9]
    assert await desk.try_in(code=code) == Refused("wrong")
    again = await desk.try_in(code=desk.enrolled.recovery_codes[4])
    assert isinstance(again, LogInGranted)
    assert again.recovery_codes_left == 8


@pytest.mark.feature("SEC-33", "Y-01")
async def test_ten_wrong_tries_close_the_account_known_or_not(desk: Desk) -> None:
    clock = desk.kept.clock
    for login in (LOGIN, "nobody@msp.example"):
        for _ in range(10):
            assert await desk.try_in(login, "wrong" * 4) == Refused("wrong")
        hashed = desk.passwords.hashed
        assert await desk.try_in(login) == Refused("throttled", clock.now() + timedelta(minutes=15))
        assert desk.passwords.hashed == hashed
    clock.advance(timedelta(minutes=15))
    assert isinstance(await desk.try_in(), LogInGranted)
    clock.advance(timedelta(seconds=30))
    for _ in range(9):
        assert await desk.try_in(password="wrong" * 4) == Refused("wrong")
    assert isinstance(await desk.try_in(), LogInGranted), "a success forgets the failures before it"


@pytest.mark.feature("SEC-33")
async def test_many_tries_at_once_do_not_slip_past_the_bound(desk: Desk) -> None:
    outcomes = await asyncio.gather(*(desk.try_in(password="wrong" * 4) for _ in range(25)))
    assert sum(o == Refused("wrong") for o in outcomes) == 10


@pytest.mark.feature("SEC-33")
async def test_fifty_wrong_tries_close_an_address_and_not_its_neighbour(desk: Desk) -> None:
    for i in range(50):
        assert await desk.try_in(f"guess{i}@msp.example") == Refused("wrong")
    refused = await desk.try_in()
    assert refused == Refused("throttled", desk.kept.clock.now() + timedelta(hours=1))
    assert isinstance(await desk.try_in(origin=Origin("192.0.2.8", "")), LogInGranted)


async def test_failures_are_kept_a_day_and_name_nobody(desk: Desk) -> None:
    await desk.try_in("my password in the wrong box", "x")
    desk.kept.clock.advance(timedelta(hours=25))
    await desk.try_in("my password in the wrong box", "x")
    rows = await desk.kept.database.read(Unscoped.ROUTING, lambda c: c.execute(select(log_in_failures)).all())
    assert len(rows) == 2
    assert "password" not in str(rows)


@pytest.mark.feature("SEC-29")
async def test_signing_in_again_ends_the_token_the_browser_held(desk: Desk) -> None:
    first = await desk.get_in()
    desk.kept.clock.advance(timedelta(seconds=30))
    second = await desk.sign_in.log_in(LOGIN, Proof(PASSWORD, desk.code()), HOME, replaces=first.token)
    assert isinstance(second, LogInGranted)
    assert second.token != first.token
    now = desk.kept.clock.now()
    old = await desk.accounts.find_log_in(token_digest(first.token), now)
    assert old is not None
    assert is_over(old, now)


@pytest.mark.feature("SEC-29", "SEC-34")
async def test_proving_again_gives_a_new_token_and_the_old_one_is_nobodys(desk: Desk) -> None:
    tenant_id, clock = desk.kept.world.tenant_id, desk.kept.clock
    first = await desk.get_in()
    clock.advance(timedelta(minutes=10))
    wrong = await desk.sign_in.prove_again(tenant_id, desk.id, first.log_in_id, Proof("x", desk.code()), HOME)
    assert wrong == Refused("wrong")
    away = Origin("198.51.100.9", "Chrome/140")
    fresh = await desk.sign_in.prove_again(tenant_id, desk.id, first.log_in_id, Proof(PASSWORD, desk.code()), away)
    assert isinstance(fresh, LogInGranted)
    assert await desk.accounts.find_log_in(token_digest(first.token), clock.now()) is None
    found = await desk.accounts.find_log_in(token_digest(fresh.token), clock.now())
    assert found is not None
    assert (found.id, found.proven_at, found.expires_at) == (first.log_in_id, clock.now(), first.expires_at)
    assert (found.address_block, found.browser) == ("198.51.100.0/24", "chrome")
    await desk.accounts.revoke(tenant_id, desk.id, first.log_in_id, clock.now())
    clock.advance(timedelta(seconds=30))
    ended = await desk.sign_in.prove_again(tenant_id, desk.id, first.log_in_id, Proof(PASSWORD, desk.code()), away)
    assert ended == Refused("ended")


@pytest.mark.feature("SEC-33")
async def test_a_disabled_technician_is_out_at_once_and_stays_out(desk: Desk) -> None:
    tenant_id, clock = desk.kept.world.tenant_id, desk.kept.clock
    other = NewTechnician(desk.kept.new_id(), "ada@msp.example", "Ada Moss", "admin", "h", "A" * 32, ())
    await desk.people.add(tenant_id, other, clock.now())
    granted = await desk.get_in()
    assert await desk.people.disable(tenant_id, desk.id, clock.now())
    assert await desk.accounts.find_log_in(token_digest(granted.token), clock.now()) is None
    assert await desk.accounts.log_ins(tenant_id, desk.id, clock.now()) == ()
    assert await desk.try_in(password="wrong" * 4) == Refused("wrong")
    clock.advance(timedelta(seconds=30))
    assert await desk.try_in() == Refused("disabled")
    assert not await desk.people.disable(tenant_id, desk.id, clock.now())
    assert await desk.people.enable(tenant_id, desk.id)
    old = await desk.accounts.find_log_in(token_digest(granted.token), clock.now())
    assert old is not None
    assert is_over(old, clock.now()), "an old log-in does not come back to life"


async def test_log_ins_are_touched_once_a_minute_listed_and_ended_one_by_one(desk: Desk) -> None:
    tenant_id, clock = desk.kept.world.tenant_id, desk.kept.clock
    first, second = await desk.get_in(), await desk.get_in()
    listed = await desk.accounts.log_ins(tenant_id, desk.id, clock.now())
    assert [x.id for x in listed] == [second.log_in_id, first.log_in_id]
    for after, seen in ((59, 0), (61, 61)):
        now = clock.now() + timedelta(seconds=after)
        await desk.accounts.touch(listed[0], now)
        found = await desk.accounts.find_log_in(token_digest(second.token), now)
        assert found is not None
        assert found.last_seen_at == clock.now() + timedelta(seconds=seen)
    other = desk.kept.other.tenant_id
    assert not await desk.accounts.revoke(other, desk.id, first.log_in_id, clock.now())
    assert not await desk.accounts.revoke(tenant_id, desk.kept.world.dana, first.log_in_id, clock.now())
    assert await desk.accounts.revoke(tenant_id, desk.id, first.log_in_id, clock.now())
    assert not await desk.accounts.revoke(tenant_id, desk.id, first.log_in_id, clock.now())
    assert await desk.accounts.revoke_all(tenant_id, desk.id, clock.now()) == 1


@pytest.mark.feature("SEC-18")
async def test_the_second_factor_is_sealed_at_rest_and_bound_to_its_row(desk: Desk) -> None:
    query = select(technicians.c.totp_secret).where(technicians.c.id == desk.id)
    stored = await desk.kept.database.read(Unscoped.ROUTING, lambda c: c.scalar(query))
    assert stored is not None
    assert desk.enrolled.totp_secret.encode() not in stored
    account = await desk.accounts.find_account(canonical_login(LOGIN))
    assert account is not None
    assert account.totp_secret == desk.enrolled.totp_secret
    assert desk.enrolled.totp_secret not in repr(account)


async def test_a_new_second_factor_ends_everything_old(desk: Desk) -> None:
    tenant_id, clock = desk.kept.world.tenant_id, desk.kept.clock
    granted = await desk.get_in()
    secret = totp.new_secret(desk.kept.randomness)
    assert await desk.people.reset_second_factor(tenant_id, desk.id, secret, ("d" * 64,), clock.now())
    found = await desk.accounts.find_log_in(token_digest(granted.token), clock.now())
    assert found is not None
    assert is_over(found, clock.now())
    clock.advance(timedelta(seconds=30))
    assert await desk.try_in() == Refused("wrong")
    assert await desk.try_in(code=desk.enrolled.recovery_codes[0]) == Refused("wrong")
    assert isinstance(await desk.try_in(code=totp.code_at(secret, clock.now())), LogInGranted)
    assert not await desk.people.reset_second_factor(tenant_id, "nobody", secret, (), clock.now())


async def test_a_hash_of_another_cost_is_renewed_at_sign_in(desk: Desk) -> None:
    dearer = Passwords(Cost(memory_kib=128, passes=1))
    sign_in = SignIn(desk.accounts, dearer, desk.kept.clock, desk.kept.randomness)
    assert isinstance(await sign_in.log_in(LOGIN, Proof(PASSWORD, desk.code()), HOME), LogInGranted)
    account = await desk.accounts.find_account(LOGIN)
    assert account is not None
    assert not dearer.needs_rehash(account.password_hash)


async def test_logins_are_unique_over_all_tenants_and_technicians_are_not_shared(desk: Desk) -> None:
    new = NewTechnician(desk.kept.new_id(), "NOOR@msp.example", "Noor Two", "technician", "h", "A" * 32, ())
    with pytest.raises(LoginTaken):
        await desk.people.add(desk.kept.other.tenant_id, new, desk.kept.clock.now())
    assert await desk.people.technician(desk.kept.other.tenant_id, desk.id) is None
    assert not await desk.people.change(desk.kept.other.tenant_id, desk.id, role="technician")
    assert await desk.people.change(desk.kept.world.tenant_id, desk.id, on_duty=False, mobile="+12125550199")
    me = await desk.people.technician(desk.kept.world.tenant_id, desk.id)
    assert me is not None
    assert (me.on_duty, me.mobile, me.role) == (False, "+12125550199", "admin")
    names = [t.name for t in await desk.people.technicians(desk.kept.world.tenant_id)]
    assert names == ["Dana Test", "Noor Haas", "Theo Test"]


@pytest.mark.parametrize("login", ["  A@B.example ", "STRASSE", "straße", "Ünal"])
def test_both_rooms_compare_logins_alike(login: str) -> None:
    assert canonical(login) == canonical_login(login)
