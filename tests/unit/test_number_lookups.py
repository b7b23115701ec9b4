"""When the carrier is asked about a number, what is kept of its answers, and that nobody waits or pays for more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from bot.breakers import IN_A_ROW, REST
from bot.number_lookups import KEPT_FOR, NumberLookups
from dialogs.number_signals import SWAPPED_FOR, Line, NumberReport, Signals
from dialogs.ports import SendLater, SendRefused
from dialogs.settings import Limits, TenantSettings
from dialogs.turns import AddressFacts, NumberFacts
from dialogs.user_verify import Method, Policy
from storage.database import Database, Unscoped
from storage.directory import Directory, StoredAddress, StoredContact
from storage.keys import Keyring
from storage.tenants import StoredNumber, StoredTenant, Tenants
from tests.fixtures.stand_ins import START, StandingClock
from tests.fixtures.world import MASTER_KEY

OURS, MOBILE, OTHER, DESK = "+12125550100", "+12125550142", "+12125550143", "+12125550199"
ON = TenantSettings(number_lookups="sim_swap")
SWAPPED, FINE, UNKNOWN = Signals("mobile", "swapped"), Signals("mobile", "unswapped"), Signals("unknown", "unknown")
SECOND = timedelta(seconds=1)
T = TypeVar("T")


@dataclass(slots=True)
class Carrier:
    """A `LookUpNumber` that says the same of every number. `silent`: it never answers."""

    says: NumberReport | Exception = field(default_factory=lambda: NumberReport("mobile", "swapped"))
    silent: bool = False
    asked: list[tuple[str, str, bool]] = field(default_factory=list)

    async def look_up(self, number: str, *, sender: str, sim_swap: bool) -> NumberReport:
        self.asked.append((number, sender, sim_swap))
        if self.silent:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


class FewTenants(Tenants):
    """Any tenant there is, with the same settings."""

    def __init__(self, settings: TenantSettings, database: Database) -> None:
        super().__init__(database, Keyring([MASTER_KEY]))
        self.settings = settings

    async def get(self, tenant_id: str) -> StoredTenant | None:
        return StoredTenant(tenant_id, tenant_id, "Northwind", self.settings, 1) if tenant_id != "gone" else None

    async def numbers(self, tenant_id: str) -> tuple[StoredNumber, ...]:
        if tenant_id == "mute":
            return ()
        return (StoredNumber(tenant_id, "sms", NumberFacts("n", OURS, "verification", True, "carrier")),)


class OneContact(Directory):
    """Ada, with a number for each case."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, Keyring([MASTER_KEY]))
        self.mobile = MOBILE

    async def contact(self, tenant_id: str, contact_id: str) -> StoredContact | None:
        if contact_id != "ada":
            return None
        addresses = (
            StoredAddress("mobile", "ada", "mobile", self.mobile, True, None),
            StoredAddress("desk", "ada", "phone", DESK, True, None),
            StoredAddress("mail", "ada", "email", "ada@fabrikam.example", True, None),
            StoredAddress("abroad", "ada", "mobile", "+4915123456789", False, None),
            StoredAddress("other", "ada", "mobile", OTHER, False, None),
        )
        return StoredContact("ada", "Ada", "client", "Fabrikam", "", addresses)


class NoDatabase:
    """A `Database` that nothing here reads."""

    async def read(self, scope: str | Unscoped, work: Callable[[Connection], T]) -> T:
        raise AssertionError("nothing here is stored")

    write = read


@dataclass(slots=True)
class House:
    carrier: Carrier
    tenants: FewTenants
    directory: OneContact
    clock: StandingClock
    lookups: NumberLookups

    async def before(
        self, tenant: str = "t", address: str = "mobile", method: Method = Method.SMS_CODE, contact: str = "ada"
    ) -> dict[str, Signals]:
        return dict(await self.lookups.before(tenant, contact, address, method))

    def known(self, tenant: str = "t", *numbers: str) -> dict[str, Signals]:
        addresses = [AddressFacts("a", "mobile", number, True, None) for number in numbers or (MOBILE,)]
        return dict(self.lookups.known(tenant, self.tenants.settings, addresses))


def house(
    says: NumberReport | Exception | None = None, settings: TenantSettings = ON, *, waits: float = 60, keeps: int = 100
) -> House:
    carrier, clock, nothing = Carrier(), StandingClock(), NoDatabase()
    if says is not None:
        carrier.says = says
    tenants, directory = FewTenants(settings, nothing), OneContact(nothing)
    lookups = NumberLookups(carrier, tenants, directory, clock, waits=waits, keeps=keeps)
    return House(carrier, tenants, directory, clock, lookups)


# --- what the carrier says ------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-42")
@pytest.mark.parametrize(
    ("says", "heard"),
    [
        (NumberReport("mobile", "swapped"), SWAPPED),
        (NumberReport("mobile", "swapped", START - timedelta(days=900)), FINE),
        (NumberReport("mobile", "unswapped"), FINE),
        (NumberReport("voip", "unknown"), Signals("voip", "unknown")),
        (NumberReport("unknown", "unknown"), UNKNOWN),
        (SendLater("20429", "busy"), UNKNOWN),
        (SendRefused("20003", "log-in refused"), UNKNOWN),
    ],
)
async def test_what_the_carrier_says_is_heard_and_trouble_is_unknown(
    says: NumberReport | Exception, heard: Signals
) -> None:
    assert await house(says).before() == {MOBILE: heard}


@pytest.mark.feature("SEC-42")
async def test_a_carrier_that_never_answers_is_waited_for_only_so_long() -> None:
    one = house(waits=0.01)
    one.carrier.silent = True
    assert await one.before() == {MOBILE: UNKNOWN}
    assert one.known() == {}, "what nobody knows is not kept, so that the next one may learn it"
    one.carrier.silent = False
    patient = NumberLookups(one.carrier, one.tenants, one.directory, one.clock, waits=60)
    assert await patient.before("t", "ada", "mobile", Method.SMS_CODE) == {MOBILE: SWAPPED}


@pytest.mark.feature("SEC-42")
def test_a_swap_grows_old_after_seven_days() -> None:
    report = NumberReport("mobile", "swapped", START)
    assert report.at(START + SWAPPED_FOR - timedelta(microseconds=1)) == SWAPPED
    assert report.at(START + SWAPPED_FOR) == FINE
    assert report.at(START - timedelta(days=900)) == SWAPPED, "their clock may be ahead of ours"
    assert NumberReport("mobile", "swapped").at(START + timedelta(days=900)) == SWAPPED


# --- who is asked, and how often ------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-42")
async def test_off_by_default_and_then_nobody_is_asked() -> None:
    assert TenantSettings().number_lookups == "off"
    one = house(settings=TenantSettings())
    assert await one.before() == {}
    assert one.known() == {}
    assert one.carrier.asked == []


@pytest.mark.feature("SEC-42")
async def test_line_type_alone_asks_nothing_about_the_sim() -> None:
    one = house(NumberReport("voip"), TenantSettings(number_lookups="line_type"))
    assert await one.before() == {MOBILE: Signals("voip")}
    assert one.carrier.asked == [(MOBILE, OURS, False)]
    one.tenants.settings = ON
    assert one.known() == {}, "the SIM was not asked about"
    one.carrier.says = NumberReport("voip", "unswapped")
    assert await one.before() == {MOBILE: Signals("voip", "unswapped")}
    one.tenants.settings = TenantSettings(number_lookups="line_type")
    assert await one.before() == one.known() == {MOBILE: Signals("voip")}, "and what is not wanted is not shown"
    assert len(one.carrier.asked) == 2


@pytest.mark.feature("SEC-42")
@pytest.mark.parametrize(
    ("how", "asked"),
    [
        ({}, MOBILE),
        ({"address": ""}, MOBILE),
        ({"address": "other"}, OTHER),
        ({"method": Method.SMS_LINK}, MOBILE),
        ({"method": Method.VOICE_CALL, "address": "mobile"}, MOBILE),
        # Calls go to the desk phone by themselves, and there may be a SIM in it.
        ({"method": Method.VOICE_CALL, "address": ""}, DESK),
        ({"method": Method.VOICE_CALL, "address": "desk"}, DESK),
        ({"method": Method.EMAIL_CODE, "address": "mail"}, None),
        ({"address": "mail"}, None),
        ({"address": "somebody-else's"}, None),
        # Nothing goes there, so nothing is paid for.
        ({"address": "abroad"}, None),
        ({"contact": "nobody"}, None),
        ({"tenant": "gone"}, None),
        ({"tenant": "mute"}, None),
    ],
)
async def test_only_numbers_that_something_would_go_to_are_asked_about(how: dict[str, str], asked: str | None) -> None:
    one = house()
    method = Method(how.pop("method", Method.SMS_CODE))
    heard = await one.before(method=method, **how)
    assert {number for number, _, _ in one.carrier.asked} == ({asked} if asked else set())
    assert heard == ({asked: SWAPPED} if asked else {})


@pytest.mark.feature("SEC-42")
async def test_of_a_desk_phone_the_kind_is_asked_first_and_the_sim_only_where_there_may_be_one() -> None:
    asked: dict[Line, list[bool]] = {
        "landline": [False],
        "voip": [False],
        "mobile": [False, True],
        "unknown": [False, True],
    }
    for line, sims in asked.items():
        one = house(NumberReport(line, "swapped") if len(sims) > 1 else NumberReport(line))
        heard = await one.before(address="desk", method=Method.VOICE_CALL)
        assert heard == {DESK: Signals(line, "swapped" if len(sims) > 1 else "")}
        assert one.carrier.asked == [(DESK, OURS, sim) for sim in sims]
        assert await one.before(address="desk", method=Method.VOICE_CALL) == heard, "and it is known for the day"
        assert len(one.carrier.asked) == len(sims)
    limited = house(settings=replace(ON, limits=Limits(tenant_per_hour=1)))
    assert await limited.before(address="desk", method=Method.VOICE_CALL) == {DESK: Signals("mobile", "unknown")}


@pytest.mark.feature("SEC-42", "VP-01")
async def test_a_method_that_the_client_does_not_allow_costs_nothing() -> None:
    one = house(settings=replace(ON, client_policies={"client": Policy(methods=(Method.EMAIL_CODE,))}))
    assert await one.before() == {}
    assert one.carrier.asked == []


@pytest.mark.feature("SEC-42")
async def test_an_answer_is_kept_for_a_day_and_for_its_tenant_alone() -> None:
    one = house()
    for _ in range(3):
        assert await one.before() == {MOBILE: SWAPPED}
    assert len(one.carrier.asked) == 1
    assert one.known() == {MOBILE: SWAPPED}
    assert one.known("another") == {}
    assert one.known("t", OTHER) == {}
    assert await one.before("another") == {MOBILE: SWAPPED}
    assert len(one.carrier.asked) == 2, "what one tenant has paid for is not told another"
    one.clock.advance(KEPT_FOR - SECOND)
    one.carrier.says = NumberReport("mobile", "unswapped")
    assert await one.before() == {MOBILE: SWAPPED}
    one.clock.advance(SECOND)
    assert one.known() == {}
    assert await one.before() == {MOBILE: FINE}
    assert len(one.carrier.asked) == 3


@pytest.mark.feature("SEC-42")
async def test_a_kept_swap_grows_old_too() -> None:
    one = house(NumberReport("mobile", "swapped", START - SWAPPED_FOR + SECOND))
    assert await one.before() == {MOBILE: SWAPPED}
    one.clock.advance(SECOND)
    assert await one.before() == {MOBILE: FINE}
    assert len(one.carrier.asked) == 1


@pytest.mark.feature("SEC-42")
async def test_fifty_at_once_ask_once() -> None:
    one = house()
    assert await asyncio.gather(*(one.before() for _ in range(50))) == [{MOBILE: SWAPPED}] * 50
    assert len(one.carrier.asked) == 1


@pytest.mark.feature("SEC-42", "SEC-38")
async def test_what_is_kept_is_bounded() -> None:
    one = house(keeps=3)
    numbers = [f"+1212555010{n}" for n in range(5)]
    for number in numbers:
        one.directory.mobile = number
        await one.before()
    assert set(one.known("t", *numbers)) == set(numbers[-3:])
    one.directory.mobile = numbers[0]
    assert await one.before() == {numbers[0]: SWAPPED}, "and is asked for again where it was dropped"
    assert len(one.carrier.asked) == 6


@pytest.mark.feature("SEC-42", "SEC-39")
async def test_no_more_questions_an_hour_than_codes_may_go_out() -> None:
    one = house(settings=replace(ON, limits=Limits(tenant_per_hour=2)))
    heard = []
    for number in (MOBILE, OTHER, DESK):
        one.directory.mobile = number
        heard.append(await one.before())
    assert heard == [{MOBILE: SWAPPED}, {OTHER: SWAPPED}, {DESK: UNKNOWN}]
    assert await one.before("another") == {DESK: SWAPPED}, "each tenant by itself"
    one.clock.advance(timedelta(hours=1))
    assert await one.before() == {DESK: SWAPPED}


@pytest.mark.feature("SEC-42", "REL-06")
async def test_a_carrier_that_fails_again_and_again_is_left_alone_for_a_while() -> None:
    one = house(SendLater("http_503", "away"))
    for _ in range(IN_A_ROW + 3):
        assert await one.before() == {MOBILE: UNKNOWN}
    assert len(one.carrier.asked) == IN_A_ROW
    assert await one.before("another") == {MOBILE: UNKNOWN}
    assert len(one.carrier.asked) == IN_A_ROW + 1, "another tenant's account may work"
    one.carrier.says = NumberReport("mobile", "unswapped")
    one.clock.advance(REST)
    assert await one.before() == {MOBILE: FINE}


@pytest.mark.feature("SEC-42", "REL-06")
async def test_a_log_in_that_is_refused_leaves_the_others_alone_no_longer_than_it_must() -> None:
    """It answers at once, so nobody is kept waiting; what admins correct counts with the next code."""
    one = house(SendRefused("20003", "log-in refused"))
    for _ in range(IN_A_ROW + 3):
        assert await one.before() == {MOBILE: UNKNOWN}
    one.carrier.says = NumberReport("mobile", "unswapped")
    assert await one.before() == {MOBILE: FINE}
