"""Words whose time is over, and people who are to be forgotten: gone from every row, with the log whole."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from bot.upkeep import Upkeep
from dialogs.settings import Retention, SettingsError, TenantSettings, check_settings
from storage.account_links import NewLink
from storage.directory import NewAddress
from storage.retention import sweep
from storage.sealed.verify import verify
from storage.settings_json import dump_settings, load_settings
from storage.tables import known_browsers
from storage.times import micros
from tests.fixtures.addresses import put_address
from tests.fixtures.demo_house import DemoHouse, code_in
from tests.scenario.test_commands import Done, Shell

DAY = 24 * 3600
ADDRESS = NewAddress("01900000-0000-7000-8000-00000000ffff", "mobile", "")
SECRET = "the blue folder is under the desk"


def operator(house: DemoHouse) -> Shell:
    settings = house.house.settings
    return Shell(
        {
            "WATCHWORD_DATABASE_URL": settings.database_url,
            "WATCHWORD_MASTER_KEY": base64.b64encode(settings.master_key).decode(),
        }
    )


async def run(shell: Shell, *words: str, typed: str = "") -> Done:
    return await asyncio.to_thread(lambda: shell(*words, typed=typed))


async def rows(house: DemoHouse, query: str, **values: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await house.rows(query, **values)]


LINES = "SELECT seq, leaf, sealed FROM audit ORDER BY seq"


async def a_busy_day(house: DemoHouse) -> str:
    """Ada confirms with a ticket, writes something, and an alert is seen; the id of her check."""
    ada = house.contact("ada")
    id = await house.verify(ada)
    await house.claim(id, ticket=str(ada.open_ticket))
    await house.text(ada, f"#confirm {code_in(house.texts_to(ada)[-1])}")
    await house.text(ada, SECRET, sid="SM" + "a1" * 16)
    ben = house.contact("ben")
    await house.verify(ben)
    await house.text(ben, "#deny")
    answer = await house.api("GET", "/api/v1/alerts")
    for alert in answer.json["items"]:
        await house.api("POST", f"/api/v1/alerts/{alert['id']}/acknowledge")
    await house.announce(house.contact("cleo"))
    return id


# --- retention ------------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-56", "SEC-23")
async def test_words_go_when_their_time_is_over_and_a_replay_stays_a_duplicate(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await a_busy_day(demo)
    assert (await rows(demo, "SELECT count(*) FROM inbound WHERE body IS NOT NULL"))[0][0] > 3
    before = await rows(demo, "SELECT count(*), count(once_key), count(replay_key) FROM inbound")
    lines = await rows(demo, LINES)

    await demo.advance(179 * DAY)
    assert sum((await swept(demo)).values()) == 0, "nothing is old enough yet"
    await demo.advance(2 * DAY)
    counted = await swept(demo, dry_run=True)
    assert counted["words of texts received"] > 3
    assert await swept(demo) == counted
    assert sum((await swept(demo)).values()) == 0
    assert await rows(demo, "SELECT count(*) FROM inbound WHERE body IS NOT NULL") == [(0,)]
    assert await rows(demo, "SELECT count(*) FROM outbox WHERE payload IS NOT NULL") == [(0,)]
    assert await rows(demo, "SELECT count(*) FROM challenge_sends") == [(0,)]
    assert await rows(demo, "SELECT count(*) FROM alerts") == [(1,)], "alerts are kept for a year"
    assert "Ada" in str(await rows(demo, "SELECT body FROM dialogs WHERE id = :id", id=id)), "stories for two"

    # The same text once more, as the provider might send it again: nothing happens (SEC-23).
    assert await rows(demo, "SELECT count(*), count(once_key), count(replay_key) FROM inbound") == before
    left, events = demo.left(), await rows(demo, "SELECT count(*) FROM audit")
    assert await demo.text(ada, SECRET, sid="SM" + "a1" * 16) == 200
    assert (demo.left(), await rows(demo, "SELECT count(*) FROM audit")) == (left, events)

    await demo.advance(300 * DAY)
    await demo.advance(250 * DAY)
    await swept(demo)
    assert await rows(demo, "SELECT count(*) FROM alerts WHERE seen_at IS NOT NULL") == [(0,)]
    assert await rows(demo, "SELECT count(*) FROM announced_calls") == [(0,)]
    assert "Ada" not in str(await rows(demo, "SELECT body FROM dialogs WHERE id = :id", id=id))
    kept = await demo.check(id)
    assert (kept["state"], kept["technician"]["id"]) == ("confirmed", demo.technician("dana").id)
    assert (await rows(demo, LINES))[: len(lines)] == lines


async def swept(house: DemoHouse, *, dry_run: bool = False) -> Mapping[str, int]:
    done = await sweep(house.house.database, house.house.clock.now(), dry_run=dry_run)
    (counts,) = done.tenants.values()
    return counts


def _remember(row: Mapping[str, object], conn: Connection) -> None:
    conn.execute(insert(known_browsers).values(row))


async def test_links_and_browsers_that_have_run_out_go_in_the_end(demo: DemoHouse) -> None:
    services, now, dana = demo.house.services, demo.house.clock.now(), demo.technician("dana").id
    tenant = demo.seeded.tenant_id
    for name, lasts in (("old", timedelta(days=1)), ("new", timedelta(days=200))):
        link = NewLink(demo.house.random.new_id(now), name.ljust(64), "password", now + lasts)
        await services.account_links.make(tenant, dana, link, now)
        values = {"digest": name.ljust(64), "created_at": micros(now), "expires_at": micros(now + lasts)}
        row = {"tenant_id": tenant, "id": demo.house.random.new_id(now), "technician_id": dana, **values}
        await demo.house.database.write(tenant, partial(_remember, row))
    await demo.advance(92 * DAY)
    counts = await swept(demo)
    assert counts["links into accounts that have run out"] == 1
    assert counts["browsers that are known no longer"] == 1
    for table in ("account_links", "known_browsers"):
        assert [kept[0].strip() for kept in await rows(demo, f"SELECT digest FROM {table}")] == ["new"]  # noqa: S608


@pytest.mark.feature("SEC-56")
async def test_what_is_still_open_or_unseen_stays(demo: DemoHouse) -> None:
    await demo.verify(demo.contact("ada"))
    await demo.text(demo.contact("ben"), "#deny")
    await demo.settings(
        lambda s: replace(s, retention=Retention(timedelta(days=7), timedelta(days=7), timedelta(days=7)))
    )
    await demo.advance(30 * DAY)
    await swept(demo)
    unseen = await rows(demo, "SELECT count(*) FROM alerts WHERE seen_at IS NULL")
    assert unseen[0][0] >= 1
    assert await rows(demo, "SELECT count(*) FROM outbox WHERE done_at IS NULL AND payload IS NULL") == [(0,)]


@pytest.mark.feature("SEC-56")
async def test_one_replica_does_it_once_a_day(demo: DemoHouse) -> None:
    await a_busy_day(demo)
    await demo.advance(200 * DAY)
    one, other = (Upkeep(demo.house.database, demo.house.clock) for _ in range(2))
    done = await asyncio.gather(one.run_if_due(), other.run_if_due())
    assert [result is not None for result in done].count(True) == 1
    assert await one.run_if_due() is None
    await demo.advance(DAY)
    assert await other.run_if_due() is not None


@pytest.mark.feature("SEC-56")
async def test_a_day_that_a_replica_did_not_finish_is_another_ones(demo: DemoHouse) -> None:
    await demo.advance(DAY)

    class Died(Exception):
        pass

    class Dying:
        """A database that goes away after the slot is claimed."""

        def __init__(self) -> None:
            self.write = demo.house.database.write

        async def read(self, *rest: Any) -> Any:
            raise Died

    with pytest.raises(Died):
        await Upkeep(Dying(), demo.house.clock).run_if_due()
    assert await Upkeep(demo.house.database, demo.house.clock).run_if_due() is None, "the first may be at it still"
    await demo.advance(3601)
    assert await Upkeep(demo.house.database, demo.house.clock).run_if_due() is not None


@pytest.mark.feature("SEC-56")
async def test_retention_from_the_command_line(demo: DemoHouse) -> None:
    await a_busy_day(demo)
    shell = operator(demo)
    assert "Nothing is old enough to go." in (await run(shell, "retention", "run", "--dry-run")).out
    done = await run(shell, "retention", "run")
    assert done.code == 0
    assert "Nothing is old enough to go." in done.out
    set_ = await run(shell, "tenant", "set", "keep_messages=30d")
    assert "keep_messages=30d" in set_.out
    for wrong in ("keep_messages=1d", "keep_checks=4000d", "keep_alerts=a while"):
        refused = await run(shell, "tenant", "set", wrong)
        assert refused.code == 2
        assert wrong.split("=")[0] in refused.err


def test_settings_of_before_get_the_defaults() -> None:
    assert load_settings("{}").retention == Retention()
    own = TenantSettings(retention=Retention(keep_messages=timedelta(days=30)))
    assert load_settings(dump_settings(own)) == own
    with pytest.raises(SettingsError, match="keep_checks"):
        check_settings(TenantSettings(retention=Retention(keep_checks=timedelta(days=1))))


# --- erasure --------------------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-56")
async def test_an_erased_person_is_in_no_row_and_the_log_is_whole(demo: DemoHouse) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    id = await a_busy_day(demo)
    open_id = await demo.verify(ada)
    await demo.claim(open_id)
    code = code_in(demo.texts_to(ada)[-1])
    block = {"address": ada.mobile, "hours": 1, "reason": f"{ada.name} writes all night"}
    assert (await demo.api("POST", "/api/v1/blocks", block)).status == 201
    lines = await rows(demo, LINES)
    bens = await rows(demo, "SELECT body, their_address FROM dialogs WHERE contact_id = :who", who=ben.id)

    done = await run(operator(demo), "contact", "erase", ada.mobile, typed="y\n")
    assert done.code == 0, done
    assert "1 of them open" in done.out
    assert "What stays: the log" in done.out

    for table, wanted in (("contacts", "id"), ("addresses", "contact_id"), ("announced_calls", "contact_id")):
        assert await rows(demo, f"SELECT count(*) FROM {table} WHERE {wanted} = :who", who=ada.id) == [(0,)]  # noqa: S608
    everything = await demo.everything()
    # The built-in ticket store is the ticket system: what stands there is told to stay.
    tickets = {"tickets", "ticket_notes"}
    text = str({table: found for table, found in everything.items() if table not in tickets})
    for gone in (ada.mobile, ada.name, ada.email):
        assert gone not in text
    assert await rows(
        demo, "SELECT count(*) FROM inbound WHERE contact_id = :who AND body IS NOT NULL", who=ada.id
    ) == [(0,)]
    assert await rows(demo, "SELECT body, their_address FROM dialogs WHERE contact_id = :who", who=ben.id) == bens

    # The log stands as it stood, and says what was done.
    await demo.idle()
    now = await rows(demo, LINES)
    assert now[: len(lines)] == lines
    kinds = [row[0] for row in await rows(demo, "SELECT kind FROM audit WHERE seq > :n ORDER BY seq", n=len(lines))]
    assert kinds == ["tv.void", "operator.contact_erased"]
    report = await verify(demo.house.database, demo.house.keyring, None)
    assert not report.findings, [str(finding) for finding in report.findings]

    # The check that ran is over, its code is worth nothing, and the number is a stranger's.
    over = await demo.check(open_id)
    assert (over["state"], over["reason"]) == ("expired", "erased")
    assert (await demo.check(id))["state"] == "confirmed"
    sent = len(demo.texts_to(ada))
    await demo.text(ada, f"#confirm {code}")
    assert (await demo.check(open_id))["state"] == "expired"
    assert not any("Confirmed." in text for text in demo.texts_to(ada)[sent:])


@pytest.mark.feature("SEC-56")
async def test_who_is_meant_is_asked_before_anything_is_erased(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    shell = operator(demo)
    said_no = await run(shell, "contact", "erase", ada.email, typed="n\n")
    assert said_no.code == 0
    assert "Nothing was changed" in said_no.out
    unknown = await run(shell, "contact", "erase", "+12125559999", "--yes")
    assert unknown.code == 2
    assert "Nobody in" in unknown.err
    query = "SELECT value FROM addresses GROUP BY value HAVING count(DISTINCT contact_id) > 1"
    shared = [row[0] for row in await rows(demo, query)]
    if shared:
        several = await run(shell, "contact", "erase", shared[0], "--yes")
        assert several.code == 2
        assert "by the id" in several.err
    assert (await run(shell, "contact", "erase", ada.id, "--yes")).code == 0
    again = await run(shell, "contact", "erase", ada.id, "--yes")
    assert again.code == 2


@pytest.mark.feature("SEC-56")
async def test_a_number_that_somebody_else_has_too_stays_theirs(demo: DemoHouse) -> None:
    shell, ada, ben = operator(demo), demo.contact("ada"), demo.contact("ben")
    await put_address(demo.house.database, demo.seeded.tenant_id, ben.id, replace(ADDRESS, value=ada.mobile))
    await demo.text(ada, "#verify")
    ((id,),) = await rows(demo, "SELECT id FROM dialogs WHERE their_address = :at", at=ada.mobile)
    await run(shell, "contact", "erase", ada.id, "--yes")
    assert await rows(demo, "SELECT contact_id FROM addresses WHERE value = :at", at=ada.mobile) == [(ben.id,)]
    assert await rows(demo, "SELECT their_address FROM dialogs WHERE id = :id", id=id) == [(ada.mobile,)]
