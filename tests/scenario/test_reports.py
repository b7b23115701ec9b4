"""Reports against a set of calls that was counted by hand: every outcome, the borders of months, what is not counted.

The tenant's clocks are New York's. All that happens on 2 March happens before what is said to be the night of 31 March.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from bot.upkeep import Upkeep
from dialogs.turns import Timer
from storage.database import Unscoped
from storage.erasure import erase
from storage.keys import Keyring
from storage.reports import Reports, settle_all
from storage.tables import announced_calls, clients, dialogs, outbox, report_days
from storage.voiding import end_checks
from tests.fixtures.web_house import House, OpenWeb, Who
from tests.fixtures.world import MASTER_KEY
from web.pages import page_routes
from web.pages.errors import show_problem

pytestmark = pytest.mark.feature("TV-16")
TV = "/api/v1/technician-verifications"
REPORT = "/api/v1/reports/verifications"
ADA, BEN, CLEO, DEV, EVE, FINN = range(6)
ACME, BOLT = "Acme Dental", "Bolt Freight"


@dataclass
class Office:
    """People who call and text, and a clock."""

    house: House

    @property
    def tenant_id(self) -> str:
        return self.house.world.tenant_id

    def later(self, seconds: float) -> None:
        self.house.clock.advance(timedelta(seconds=seconds))

    def until(self, moment: str) -> None:
        """`2026-04-01T03:59:59`, in UTC."""
        at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        assert at > self.house.clock.now()
        self.house.clock.advance(at - self.house.clock.now())

    async def says(self, person: int, words: str) -> None:
        await self.house.text(self.house.world.people[person].mobile, words)

    async def asks(self, person: int) -> str:
        """`#verify`; the id of the check."""
        await self.says(person, "#verify")
        d = dialogs.c
        newest = select(d.id).where(d.tenant_id == self.tenant_id).order_by(d.created_at.desc(), d.id.desc())
        return str(await self.house.database.read(self.tenant_id, lambda conn: conn.scalar(newest.limit(1))))

    async def api(self, method: str, path: str, body: object = None, *, who: Who = "technician") -> Any:
        answer = await self.house.ask(method, path, body=body, bearer=await self.house.log_in(who))
        assert answer.status < 300, answer.text
        return answer.json if answer.raw else None

    async def act(self, check_id: str, act: str, body: object = None, *, who: Who = "technician") -> Any:
        return await self.api("POST", f"{TV}/{check_id}/{act}", body, who=who)

    async def claims(self, check_id: str, *, who: Who = "technician") -> None:
        """And is shown the code with it."""
        claimed = await self.act(check_id, "claim", {"direction": "we_called_user", "ticket": "later"}, who=who)
        assert claimed["code"]

    async def announces(self, person: int, *, who: Who = "technician") -> str:
        contact_id = self.house.world.people[person].id
        body = {"contact_id": contact_id, "direction": "we_called_user", "ticket": "later", "notify": False}
        return str((await self.api("POST", "/api/v1/announced-calls", body, who=who))["id"])

    async def runs_out(self, check_id: str) -> None:
        self.later(601)
        await self.house.engine.ring(Timer(self.tenant_id, check_id, "deadline", self.house.clock.now()))

    async def verified(self, person: int, *, shown: float, confirmed: float, who: Who = "technician") -> None:
        """A whole check; times in seconds since `#verify`."""
        check_id = await self.asks(person)
        self.later(shown)
        await self.claims(check_id, who=who)
        self.later(confirmed - shown)
        await self.says(person, "#confirm")

    async def report(self, month: str = "2026-03", *, who: Who = "admin") -> Any:
        return await self.api("GET", f"{REPORT}?month={month}", who=who)

    async def in_zone(self, zone: str) -> None:
        await self.house.services.tenants.change_settings(self.tenant_id, lambda was: replace(was, timezone=zone))

    async def write(self, work: Any) -> None:
        await self.house.database.write(Unscoped.OPERATOR, work)


@pytest.fixture
async def office(open_web: OpenWeb) -> AsyncIterator[Office]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as house:
        opened = Office(house)
        await opened.in_zone("America/New_York")
        yield opened


async def second_of_march(office: Office) -> None:
    """Thirteen calls of one day, and six requests that are no call.

    | call | outcome | client | technician | to the code | to #confirm |
    |---|---|---|---|---|---|
    | 1 Ada | verified | Acme | technician | 2.0 | 20.0 |
    | 2 Dev | verified | Bolt | other | 4.5 | 31.0 |
    | 3 Ben, at the second try | verified | Acme | technician | 1.0 | 10.0 |
    | 4 Cleo | spoken yes | Acme | technician | 3.0 | |
    | 5 Eve | denied | Bolt | nobody | | |
    | 6 Finn | alarm | Bolt | nobody | | |
    | 7 Eve | nobody claimed it | Bolt | nobody | | |
    | 8 Finn | no answer | Bolt | technician | 6.0 | |
    | 9 Dev | ended by a technician | Bolt | other | 5.0 | |
    | 10 Ada | texted STOP | Acme | nobody | | |
    | 11 Ada, announced | no check asked for | Acme | technician | | |
    | 12 Cleo, announced | verified | Acme | technician | 1.5 | 9.0 |
    | 13 Eve | confirmed, then denied | Bolt | other | 2.0 | |
    """
    await office.verified(ADA, shown=2.0, confirmed=20.0)
    await office.verified(DEV, shown=4.5, confirmed=31.0, who="other_technician")
    await office.asks(BEN)  # superseded: no call
    office.later(30)
    await office.verified(BEN, shown=1.0, confirmed=10.0)
    check_id = await office.asks(CLEO)
    office.later(3)
    await office.claims(check_id)
    office.later(8)
    await office.act(check_id, "verbal", {"note": "Said yes"})
    await office.asks(EVE)
    await office.says(EVE, "#deny")
    for words in ("#verify", "#confirm", "#confirm"):
        await office.says(FINN, words)
    office.later(1200)
    await office.runs_out(await office.asks(EVE))
    check_id = await office.asks(FINN)
    office.later(6)
    await office.claims(check_id)
    await office.runs_out(check_id)
    check_id = await office.asks(DEV)
    office.later(5)
    await office.claims(check_id)
    office.later(2)
    taken = await office.act(check_id, "take-over", who="other_technician")
    assert taken["code"], "shown a second time, to somebody else"
    await office.act(check_id, "reject", {"reason": "Wrong person"}, who="other_technician")
    for words in ("#verify", "STOP", "START"):
        await office.says(ADA, words)
    office.later(1)
    await office.announces(ADA)
    office.later(901)  # its time ran out
    withdrawn = await office.announces(DEV)
    await office.api("DELETE", f"/api/v1/announced-calls/{withdrawn}")
    await office.announces(CLEO)
    office.later(600)
    await office.announces(CLEO)  # anew: the one before is no call, though its time runs out without a check
    office.later(400)
    check_id = await office.asks(CLEO)
    office.later(1.5)
    assert (await office.api("GET", f"{TV}/{check_id}"))["code"]
    office.later(7.5)
    await office.says(CLEO, "#confirm")
    await office.verified(EVE, shown=2.0, confirmed=12.0, who="other_technician")
    office.later(60)
    await office.says(EVE, "#deny")
    await office.house.text(office.house.world.stranger, "#verify")
    await office.house.text(office.house.world.stranger, "hello")  # asked for nothing
    await _void(office, await office.asks(FINN))
    await office.asks(BEN)  # still running


async def _void(office: Office, check_id: str) -> None:
    """As after a restore."""
    random, clock = office.house.services.random, office.house.clock
    await office.write(
        lambda conn: end_checks(
            conn,
            Keyring([MASTER_KEY]),
            office.tenant_id,
            dialogs.c.id == check_id,
            "restored",
            clock.now(),
            lambda: random.new_id(clock.now()),
        )
    )


OUTCOMES = {
    "verified": 4,
    "spoken": 1,
    "without_technician": 0,
    "denied": 2,
    "alarm": 1,
    "unclaimed": 1,
    "unanswered": 1,
    "rejected": 1,
    "opted_out": 1,
    "no_check": 1,
}


def by_name(rows: Any) -> dict[str | None, Any]:
    return {row["name"]: row for row in rows}


async def test_every_outcome_is_counted_once_and_medians_are_those_of_the_calls(office: Office) -> None:
    await second_of_march(office)
    found = await office.report()
    total = found["total"]
    assert total["outcomes"] == OUTCOMES
    assert (total["calls"], total["verified"], total["share"]) == (13, 4, 4 / 13)
    assert sum(total["outcomes"].values()) == total["calls"]
    assert found["running"] == 1
    # Shown: 1.0 1.5 2.0 2.0 3.0 4.5 5.0 6.0; the middle two are 2.0 and 3.0. Confirmed: 9 10 20 31.
    assert (total["median_seconds_to_code"], total["median_seconds_to_confirm"]) == (2.5, 15.0)
    clients = by_name(found["clients"])
    assert {name: (row["calls"], row["verified"]) for name, row in clients.items()} == {ACME: (6, 3), BOLT: (7, 1)}
    assert clients[ACME]["median_seconds_to_confirm"] == 10.0
    assert clients[BOLT]["median_seconds_to_code"] == 4.75
    people = by_name(found["technicians"])
    assert {name: (row["calls"], row["verified"]) for name, row in people.items()} == {
        "Technician": (6, 3),
        "Other Technician": (3, 1),
        None: (4, 0),
    }
    assert people["Technician"]["outcomes"]["no_check"] == 1
    assert people["Other Technician"]["outcomes"]["denied"] == 1
    (by_text,) = found["methods"]
    assert (by_text["id"], by_text["calls"]) == ("sms", 12), "an announcement without a check was no check by text"
    assert found["refused"] == {"unknown_number": 1}
    assert found["alerts"] == {"denied": 1, "confirmed_unclaimed": 1, "nobody_claimed": 1, "late_deny": 1}
    second = found["days"][1]
    assert (second["day"], second["calls"], second["verified"], second["denied"], second["alarms"]) == (
        "2026-03-02",
        13,
        4,
        2,
        1,
    )
    assert sum(day["calls"] for day in found["days"]) == 13


async def test_a_check_that_outlives_its_announcement_is_one_call(office: Office) -> None:
    """Asked for in the fifteenth minute, confirmed in the seventeenth; and one that was asked for a moment too late."""
    await office.announces(ADA)
    office.later(890)
    check_id = await office.asks(ADA)
    office.later(100)
    await office.says(ADA, "#confirm")
    await office.announces(DEV)
    office.later(901)
    await office.verified(DEV, shown=1, confirmed=5)
    found = await office.report()
    assert (await office.api("GET", f"{TV}/{check_id}"))["state"] == "confirmed"
    outcomes = {name: row["outcomes"] for name, row in by_name(found["clients"]).items()}
    assert {name: {o: n for o, n in each.items() if n} for name, each in outcomes.items()} == {
        ACME: {"verified": 1},
        BOLT: {"verified": 1, "no_check": 1},
    }


async def test_months_begin_and_end_with_the_tenants_clocks(office: Office) -> None:
    """The clocks were changed in between: 1 April begins at 04:00 in UTC, and 1 March began at 05:00."""
    office.until("2026-04-01T03:59:59")
    check_id = await office.asks(ADA)
    office.later(1)  # April, to the microsecond
    await office.verified(DEV, shown=1.0, confirmed=5.0)
    await office.claims(check_id)
    await office.says(ADA, "#confirm")  # asked for in March, confirmed in April
    march, april = await office.report("2026-03"), await office.report("2026-04")
    assert [list(by_name(month["clients"])) for month in (march, april)] == [[ACME], [BOLT]]
    assert march["days"][-1] | {"texts": 0} == {
        "day": "2026-03-31",
        "calls": 1,
        "verified": 1,
        "denied": 0,
        "alarms": 0,
        "texts": 0,
        "segments": 0,
    }
    assert [day["day"] for day in april["days"]] == ["2026-04-01"], "no day that has not begun"
    for zone, calls in (("UTC", (0, 2)), ("America/Los_Angeles", (2, 0))):
        await office.in_zone(zone)
        assert ((await office.report("2026-03"))["total"]["calls"]) == calls[0], zone
        if calls[1]:
            assert ((await office.report("2026-04"))["total"]["calls"]) == calls[1], zone


@pytest.mark.parametrize(("zone", "border"), [("Asia/Kathmandu", "18:15"), ("Pacific/Auckland", "11:00")])
async def test_odd_zones_have_borders_too(office: Office, zone: str, border: str) -> None:
    await office.in_zone(zone)
    office.until(f"2026-03-31T{border}:00")
    office.house.clock.advance(timedelta(microseconds=-1))
    await office.asks(ADA)
    office.house.clock.advance(timedelta(microseconds=1))
    await office.asks(DEV)
    office.later(700)
    for month, client in (("2026-03", ACME), ("2026-04", BOLT)):
        found = await office.report(month)
        assert found["running"] == 1, client
        assert found["timezone"] == zone


async def test_texts_and_segments_are_those_the_carrier_took(office: Office) -> None:
    await office.asks(ADA)
    await office.says(ADA, "#deny")
    await office.asks(DEV)

    def as_sent(conn: Connection) -> None:
        mine = outbox.c.tenant_id == office.tenant_id
        ids = list(conn.scalars(select(outbox.c.id).where(mine, outbox.c.kind == "text").order_by(outbox.c.id)))
        assert len(ids) == 3
        for id_, values in zip(
            ids,
            (
                {"status": "sent", "segments": 2, "delivery": "delivered"},
                {"status": "sent", "segments": 3, "delivery": "undelivered"},
                {"status": "dead", "segments": 5},
            ),
            strict=True,
        ):
            conn.execute(update(outbox).where(mine, outbox.c.id == id_).values(**values))

    await office.write(as_sent)
    found = await office.report()
    assert (found["texts"], found["segments"], found["texts_not_delivered"]) == (2, 5, 1)
    assert (found["days"][1]["texts"], found["days"][1]["segments"]) == (2, 5)


async def test_what_is_settled_stays_as_it_was_counted(office: Office) -> None:
    await second_of_march(office)
    first = await office.report()
    await office.runs_out(await office.asks(DEV))
    counted = await office.report()
    assert counted["total"]["calls"] == first["total"]["calls"] + 1, "a day that is not settled is counted anew"
    office.later(4 * 86400)
    assert await settle_all(office.house.database, office.house.clock.now()) >= 1
    assert await settle_all(office.house.database, office.house.clock.now()) == 0, "it is done"
    # A year later announcements and contacts are gone; the month is what it was, but for the check that ran out.
    await office.write(lambda conn: conn.execute(delete(announced_calls)))
    await _erase(office, CLEO)
    kept = await office.report()
    assert kept["total"]["outcomes"]["no_check"] == 1
    assert {k: v for k, v in kept.items() if k != "days"} | {"running": 0} == {
        k: v for k, v in counted.items() if k != "days"
    } | {"running": 0}
    assert kept["days"][1] == counted["days"][1]
    await office.in_zone("Europe/Berlin")
    anew = await office.report()
    assert anew["total"]["outcomes"]["no_check"] == 0, "in another zone days are others, and are counted anew"
    assert by_name(anew["clients"])[None]["calls"] == 2, "whose contact was erased"


async def _erase(office: Office, person: int) -> None:
    house, now = office.house, office.house.clock.now()
    contact_id = house.world.people[person].id
    random = house.services.random
    await erase(house.database, Keyring([MASTER_KEY]), office.tenant_id, contact_id, now, lambda: random.new_id(now))


async def test_the_days_of_two_tenants_are_kept_apart(office: Office) -> None:
    await second_of_march(office)
    other = office.house.other.tenant_id
    await office.house.text(office.house.other.people[ADA].mobile, "#verify", world=office.house.other)
    office.later(5 * 86400)
    assert await Upkeep(office.house.database, office.house.clock).run_if_due() is not None, (
        "the day's work counts them"
    )
    rows = await office.house.database.read(
        Unscoped.OPERATOR,
        lambda conn: conn.execute(select(report_days.c.tenant_id, report_days.c.calls).order_by("calls")).all(),
    )
    assert {row.tenant_id for row in rows} == {office.tenant_id, other}
    assert [row.calls for row in rows if row.tenant_id == office.tenant_id][-1] == 13
    theirs = await Reports(office.house.database).first_month(other, "UTC")
    assert str(theirs) == "2026-03"


@pytest.mark.feature("SEC-36")
async def test_technicians_see_themselves_and_supervisors_everybody(office: Office) -> None:
    await second_of_march(office)
    names: dict[Who, list[str | None]] = {
        "technician": ["Technician"],
        "other_technician": ["Other Technician"],
        "supervisor": ["Technician", "Other Technician", None],
        "admin": ["Technician", "Other Technician", None],
    }
    for who, seen in names.items():
        assert [row["name"] for row in (await office.report(who=who))["technicians"]] == seen
        cookie = await office.house.log_in(who, "cookie")
        page = await office.house.ask("GET", "/reports?month=2026-03", cookie=cookie)
        file = await office.house.ask("GET", "/reports/by-technician.csv?month=2026-03", cookie=cookie)
        others = "Other Technician"
        assert (others in page.text, others in file.text) == (others in seen, others in seen), who


@pytest.mark.feature("SEC-52")
async def test_files_hold_the_same_numbers_and_run_no_formula(office: Office) -> None:
    await second_of_march(office)
    bad = "=HYPERLINK(1)"
    await office.write(lambda conn: conn.execute(update(clients).where(clients.c.name == BOLT).values(name=bad)))
    cookie = await office.house.log_in("admin", "cookie")

    async def rows(by: str) -> list[dict[str, str]]:
        answer = await office.house.ask("GET", f"/reports/by-{by}.csv?month=2026-03", cookie=cookie)
        assert answer.status == 200
        assert answer.headers["Content-Disposition"] == f'attachment; filename="watchword-2026-03-by-{by}.csv"'
        return list(csv.DictReader(io.StringIO(answer.text)))

    by_client = await rows("client")
    assert [(row["name"], row["calls"], row["share"]) for row in by_client] == [
        ("'" + bad, "7", "0.1429"),
        (ACME, "6", "0.5"),
    ]
    assert by_client[1]["median_seconds_to_confirm"] == "10.0"
    assert [row["calls"] for row in await rows("day") if row["calls"] != "0"] == ["13"]
    assert (await rows("month"))[-1]["verified"] == "4"
    assert (await rows("method"))[0]["unanswered"] == "1"
    assert (await office.house.ask("GET", "/reports/by-shoe-size.csv", cookie=cookie)).status == 404


async def test_the_page_says_what_each_figure_means(office: Office) -> None:
    cookie = await office.house.log_in("technician", "cookie")
    empty = await office.house.ask("GET", "/reports", cookie=cookie)
    assert "Nothing to count yet" in empty.text
    await second_of_march(office)
    cookie = await office.house.log_in("technician", "cookie")
    page = (await office.house.ask("GET", "/reports?month=2026-03", cookie=cookie)).text
    assert "31 %" in page
    assert "2.5 s" in page
    assert "15.0 s" in page
    for name in ("Call", "Verified", "Spoken yes", "Denied", "Alarm", "Median seconds to the code"):
        assert f"<dt>{name}</dt>" in page
    assert 'role="img"' in page
    assert '<th scope="row" class="num">2026-03-02</th><td>13</td><td>4</td>' in page
    assert "style=" not in page


@pytest.mark.parametrize("month", ["2026-13", "26-03", "2026-3", "x", "2026-04", "9999-01", "2026-03-01"])
async def test_a_month_that_is_none_or_has_not_begun_is_refused(office: Office, month: str) -> None:
    cookie = await office.house.log_in("technician", "cookie")
    page = await office.house.ask("GET", f"/reports?month={month}", cookie=cookie)
    assert page.status == 422
    assert "month" in page.text
    answer = await office.house.ask("GET", f"{REPORT}?month={month}", bearer=await office.house.log_in("technician"))
    assert answer.status == 422
