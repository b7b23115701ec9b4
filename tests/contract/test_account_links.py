"""Links into accounts and known browsers against the real tables: used once, one person's, gone with the rest."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from identity import links, totp
from identity.enrolment import Enrolled, enrol
from identity.passwords import Cost, Passwords
from identity.people_store import BrowserStore
from identity.sessions import token_digest
from identity.sign_in import LogInGranted, Origin, Proof, Refused, SignIn
from storage.account_links import AccountLinks, NewLink, StoredLink
from storage.accounts import Accounts
from storage.database import Unscoped
from storage.known_browsers import KnownBrowsers
from storage.people import Invited, NewTechnician, People
from storage.tables import technicians
from tests.fixtures.kept import Kept

PASSWORD = "plum kettle orbit lantern"
LOGIN = "noor@msp.example"
HOME = Origin("192.0.2.7", "Mozilla/5.0 Firefox/140.0")


@dataclass
class Team:
    """Noor, who can sign in, and her links."""

    kept: Kept
    people: People
    store: AccountLinks
    sign_in: SignIn
    id: str
    enrolled: Enrolled

    @property
    def tenant_id(self) -> str:
        return self.kept.world.tenant_id

    def code(self) -> str:
        """A code that was not used yet."""
        self.kept.clock.advance(timedelta(seconds=30))
        return totp.code_at(self.enrolled.totp_secret, self.kept.clock.now())

    async def link(self, purpose: links.Purpose) -> StoredLink:
        now = self.kept.clock.now()
        minted = links.mint(purpose, self.kept.randomness, now)
        new = NewLink(self.kept.new_id(), minted.digest, purpose, minted.expires_at)
        await self.store.make(self.tenant_id, self.id, new, now)
        found = await self.store.find(minted.digest)
        assert found is not None
        return found

    async def again(self, link: StoredLink) -> StoredLink:
        found = await self.store.find(link.digest)
        assert found is not None
        return found


@pytest.fixture
async def team(kept: Kept) -> Team:
    people, accounts = People(kept.database, kept.keyring), Accounts(kept.database, kept.keyring)
    browsers: BrowserStore = KnownBrowsers(kept.database)
    passwords = Passwords(Cost(memory_kib=64, passes=1))
    id = kept.new_id()
    enrolled = await enrol(
        passwords, kept.randomness, technician_id=id, login=LOGIN, name="Noor Haas", password=PASSWORD, issuer="MSP"
    )
    new = NewTechnician(
        id, LOGIN, "Noor Haas", "technician", enrolled.password_hash, enrolled.totp_secret, enrolled.recovery_digests
    )
    await people.add(kept.world.tenant_id, new, kept.clock.now())
    sign_in = SignIn(accounts, passwords, kept.clock, kept.randomness, browsers=browsers)
    return Team(kept, people, AccountLinks(kept.database, kept.keyring), sign_in, id, enrolled)


@pytest.mark.feature("SI-10", "SEC-11")
async def test_a_link_works_once_even_for_who_holds_it_from_before(team: Team) -> None:
    link, now = await team.link("password"), team.kept.clock.now()
    assert link.is_open(now)
    done = await asyncio.gather(*(team.store.set_password(link, password_hash=f"h{n}", now=now) for n in range(8)))
    assert sorted(done) == [False] * 7 + [True]
    assert not await team.store.set_password(link, password_hash="late", now=now)
    assert (await team.again(link)).used_at == now
    assert not (await team.again(link)).is_open(now)


@pytest.mark.feature("SI-10")
async def test_using_one_link_ends_the_others_and_a_newer_one_the_older(team: Team) -> None:
    now = team.kept.clock.now()
    older, newer, other = await team.link("password"), await team.link("password"), await team.link("invitation")
    assert not (await team.again(older)).is_open(now)
    assert (await team.again(newer)).is_open(now)
    assert await team.store.set_password(newer, password_hash="h", now=now)
    ended = await team.again(other)
    assert (ended.used_at, ended.expires_at) == (None, now)


@pytest.mark.feature("SI-09", "SI-10")
async def test_a_link_is_open_only_where_the_account_has_the_gap_it_fills(team: Team) -> None:
    now = team.kept.clock.now()
    every: tuple[links.Purpose, ...] = ("invitation", "password", "second_factor")
    by_purpose = {purpose: await team.link(purpose) for purpose in every}
    assert {purpose for purpose, link in by_purpose.items() if link.is_open(now)} == {"password"}
    dropped = NewLink(team.kept.new_id(), "d" * 64, "second_factor", now + timedelta(hours=1))
    assert await team.people.drop_second_factor(team.tenant_id, team.id, dropped, now)
    later = {p: replace(await team.again(link), expires_at=dropped.expires_at) for p, link in by_purpose.items()}
    open_now = {purpose for purpose, link in later.items() if link.is_open(now)}
    assert open_now == {"second_factor"}
    stored = await team.store.find("d" * 64)
    assert stored is not None
    digests = ("e" * 64,)
    for expected in (True, False):
        assert expected is await team.store.set_second_factor(
            stored, totp_secret="A" * 32, totp_step=7, recovery_digests=digests, now=now
        )
    assert not await team.people.drop_second_factor(team.kept.other.tenant_id, team.id, dropped, now)


@pytest.mark.feature("SEC-37")
async def test_what_a_page_carries_opens_for_its_own_link_alone(team: Team) -> None:
    one, two = await team.link("password"), await team.link("password")
    text = await team.store.carry(one, {"secret": "plain words"})
    assert "plain" not in text
    assert await team.store.carried(one, text) == {"secret": "plain words"}
    assert await team.store.carried(two, text) is None
    for broken in ("", "x", text[:-4], text[:20] + ("A" if text[20] != "A" else "B") + text[21:], "ü" * 8):
        assert await team.store.carried(one, broken) is None, broken


@pytest.mark.feature("SI-04")
async def test_a_known_browser_counts_only_while_the_account_allows_it(team: Team) -> None:
    await team.people.change(team.tenant_id, team.id, use_mfa=False)
    granted = await team.sign_in.log_in(LOGIN, Proof(PASSWORD, team.code()), HOME)
    assert isinstance(granted, LogInGranted)
    assert granted.known_token

    async def without_code(known: str) -> bool:
        answer = await team.sign_in.log_in(LOGIN, Proof(PASSWORD, " "), HOME, known=known)
        return isinstance(answer, LogInGranted)

    assert await without_code(granted.known_token)
    assert not await without_code("x" * 43)
    assert not await without_code("")
    wrong = await team.sign_in.log_in(LOGIN, Proof(PASSWORD, "000000"), HOME, known=granted.known_token)
    assert wrong == Refused("wrong"), "a wrong code is wrong in any browser"
    # The row is there still, as if both happened at once: what the account says now counts.
    this = technicians.c.id == team.id
    await team.kept.database.write(
        Unscoped.OPERATOR, lambda conn: conn.execute(update(technicians).where(this).values(use_mfa=True))
    )
    assert not await without_code(granted.known_token)


@pytest.mark.feature("SI-09", "SEC-33")
async def test_nobody_signs_in_to_an_account_that_waits_for_its_person(team: Team) -> None:
    now = team.kept.clock.now()
    link = NewLink(team.kept.new_id(), "i" * 64, "invitation", now + timedelta(days=7))
    await team.people.invite(
        team.tenant_id, Invited(team.kept.new_id(), "new@msp.example", "New Person", "admin"), link, now
    )
    for password in ("", "nobody has this password", PASSWORD):
        for code in ("", "000000"):
            answer = await team.sign_in.log_in("new@msp.example", Proof(password, code), HOME)
            assert answer == Refused("wrong")


def test_what_is_stored_of_a_link_is_a_hash_and_each_purpose_lasts_its_time(kept: Kept) -> None:
    now = kept.clock.now()
    minutes: dict[links.Purpose, int] = {"invitation": 7 * 24 * 60, "password": 30, "second_factor": 24 * 60}
    for purpose, lasts in minutes.items():
        minted = links.mint(purpose, kept.randomness, now)
        token = minted.path.rpartition("/")[2]
        assert minted.digest == token_digest(token)
        assert len(token) >= 43
        assert minted.expires_at - now == timedelta(minutes=lasts)
        assert token not in repr(minted)
