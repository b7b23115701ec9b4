"""The history as people read it: plain words, conditions, one check's whole story; and for admins the log itself."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import select

from storage.database import Unscoped
from storage.erasure import erase
from storage.keys import Keyring
from storage.log import Filters
from storage.tables import dialogs, installation
from tests.fixtures.web_house import Answer, House, OpenWeb, Who
from tests.fixtures.world import MASTER_KEY
from web.pages import page_routes
from web.pages.errors import show_problem

pytestmark = pytest.mark.feature("TV-16")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TV = "/api/v1/technician-verifications"
LOG = "/history/log"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


async def see(house: House, path: str, who: Who = "technician") -> Answer:
    return await house.ask("GET", path, cookie=await house.log_in(who, "cookie"))


async def press(house: House, path: str, fields: Mapping[str, str] | None = None, *, who: Who = "admin") -> Answer:
    cookie = await house.log_in(who, "cookie")
    return await house.ask("POST", path, cookie=cookie, raw=urlencode(fields or {}).encode(), headers=FORM)


def sentences(answer: Answer) -> list[str]:
    """What the rows say, in order."""
    assert answer.status == 200, answer.text
    return [unescape(found) for found in re.findall(r"<li><div><strong>(.*?)</strong>", answer.text)]


async def in_zone(house: House, zone: str) -> None:
    await house.services.tenants.change_settings(house.world.tenant_id, lambda was: replace(was, timezone=zone))


async def newest_check(house: House) -> str:
    d = dialogs.c
    newest = select(d.id).where(d.tenant_id == house.world.tenant_id).order_by(d.created_at.desc(), d.id.desc())
    return str(await house.database.read(house.world.tenant_id, lambda conn: conn.scalar(newest.limit(1))))


async def whole_check(house: House, person: int = 0, *, wrong: bool = False) -> str:
    """Asked for, claimed with a new ticket, confirmed."""
    mobile = house.world.people[person].mobile
    await house.text(mobile, "#verify")
    check_id = await newest_check(house)
    house.clock.advance(timedelta(seconds=3))
    token = await house.log_in("technician")
    body = {"direction": "we_called_user", "ticket": "later"}
    claimed = await house.ask("POST", f"{TV}/{check_id}/claim", bearer=token, body=body)
    assert claimed.status == 200, claimed.text
    if wrong:
        digits = str((int(claimed.json["code"]) + 1) % 1_000_000).zfill(6)
        await house.text(mobile, f"#confirm {digits}")
    house.clock.advance(timedelta(seconds=9))
    await house.text(mobile, "#confirm")
    return check_id


async def test_the_history_tells_in_plain_words_who_did_what(house: House) -> None:
    empty = await see(house, "/history")
    assert "Nothing has happened yet" in empty.text
    check_id = await whole_check(house, wrong=True)
    told = sentences(await see(house, "/history"))
    assert told == [
        "Ada Bishop confirmed",
        "Ada Bishop typed a wrong code",
        "Technician was shown the code of Ada Bishop",
        "Technician claimed the check of Ada Bishop",
        "Ada Bishop asked for a check; the code was sent",
    ]
    story = await see(house, f"/history/checks/{check_id}")
    assert sentences(story) == told[::-1], "a story is told from its beginning"
    assert "<h2>Confirmed</h2>" in story.text
    assert "They compared the code with their text" in story.text
    assert house.world.people[0].mobile not in story.text


@pytest.mark.feature("SEC-56", "SEC-20")
async def test_what_people_wrote_is_in_no_line(house: House) -> None:
    token = await house.log_in("technician")
    await house.text(house.world.people[0].mobile, "#verify")
    check_id = await newest_check(house)
    await house.ask("POST", f"{TV}/{check_id}/reject", bearer=token, body={"reason": "canary words"})
    for who in ("technician", "admin"):
        for path in ("/history", f"/history/checks/{check_id}"):
            page = await see(house, path, who)
            assert page.text.count("canary words") == (1 if "checks" in path else 0), "the card has the reason"
            assert house.world.people[0].mobile not in page.text


async def test_conditions_find_what_they_say(house: House) -> None:
    first = await whole_check(house, 0)
    house.clock.advance(timedelta(days=2))
    await whole_check(house, 3)
    await house.text(house.world.people[1].mobile, "hello there")
    ada, bolt = house.world.people[0], house.world.people[3].client_id
    technician = house.people["technician"].id
    for query, expected in (
        ({"person": "Ada"}, {"Ada Bishop"}),
        ({"person": ada.mobile}, {"Ada Bishop"}),
        ({"person": "ada@acme.example"}, {"Ada Bishop"}),
        ({"contact": ada.id}, {"Ada Bishop"}),
        ({"client": bolt}, {"Dev Eder"}),
        ({"about": "desk."}, {"Ben Cole"}),
        ({"technician": technician}, {"Ada Bishop", "Dev Eder"}),
        ({"since": "2026-03-04"}, {"Dev Eder", "Ben Cole"}),
        ({"until": "2026-03-02"}, {"Ada Bishop"}),
        ({"since": "2026-03-03", "until": "2026-03-03"}, set()),
        ({"client": bolt, "until": "2026-03-02"}, set()),
    ):
        page = await see(house, "/history?" + urlencode(query))
        names = {name for name in ("Ada Bishop", "Ben Cole", "Dev Eder") if any(name in s for s in sentences(page))}
        assert names == expected, query
        assert ("Nothing fits" in page.text) == (not expected)
    several = await see(house, "/history?person=acme")
    assert "Several people fit" in several.text
    assert f"/history?contact={ada.id}" in several.text
    assert "No contact fits" in (await see(house, "/history?person=Zoe")).text
    assert f"/history/checks/{first}" in (await see(house, f"/history?contact={ada.id}")).text


async def test_a_ticket_is_found_by_the_number_people_read(house: House) -> None:
    token, ada = await house.log_in("technician"), house.world.people[0]
    made = await house.ask(
        "POST", "/api/v1/tickets", bearer=token, body={"contact_id": ada.id, "title": "Printer is on fire"}
    )
    await house.text(ada.mobile, "#verify")
    check_id = await newest_check(house)
    body = {"direction": "we_called_user", "ticket": made.json["id"]}
    await house.ask("POST", f"{TV}/{check_id}/claim", bearer=token, body=body)
    await house.text(house.world.people[3].mobile, "#verify")
    for typed in (made.json["number"], "#" + made.json["number"], made.json["id"]):
        told = sentences(await see(house, "/history?" + urlencode({"ticket": typed})))
        assert told == ["Technician claimed the check of Ada Bishop"], typed
    assert sentences(await see(house, "/history?ticket=999999")) == []


async def test_days_are_those_of_the_tenants_clocks_and_wrong_ones_are_explained(house: House) -> None:
    await whole_check(house)  # 2 March, 09:00 in UTC, is 1 March, 23:00 in Honolulu
    for zone, day, found in (
        ("UTC", "2026-03-02", True),
        ("Pacific/Honolulu", "2026-03-02", False),
        ("Pacific/Honolulu", "2026-03-01", True),
    ):
        await in_zone(house, zone)
        page = await see(house, f"/history?since={day}&until={day}")
        assert bool(sentences(page)) == found, (zone, day)
        assert zone in page.text
    for query, said in (
        ("since=2026-02-30", "This is no day"),
        ("until=yesterday", "This is no day"),
        ("since=2026-03-05&until=2026-03-01", "lies before the first one"),
    ):
        page = await see(house, "/history?" + query)
        assert page.status == 422
        assert said in page.text
        assert 'aria-invalid="true"' in page.text
        assert query.split("&")[0].split("=")[1] in page.text, "what was typed stays"


async def test_pages_lead_to_older_lines_and_end(house: House) -> None:
    for _ in range(3):
        await whole_check(house)
        house.clock.advance(timedelta(minutes=20))
    for _ in range(50):
        await house.text(house.world.people[1].mobile, "hello")
    path, seen = "/history", list[str]()
    while path:
        page = await see(house, path)
        seen += sentences(page)
        older = re.search(r'<a href="(/history\?[^"]*before=\d+)"', page.text)
        path = unescape(older.group(1)) if older else ""
    assert len(seen) == 50 + 3 * 4
    assert seen[-1] == "Ada Bishop asked for a check; the code was sent"


@pytest.mark.feature("SEC-36", "SEC-37")
async def test_the_history_of_another_tenant_is_not_there(house: House) -> None:
    check_id = await whole_check(house)
    assert sentences(await see(house, "/history", "other_admin")) == []
    for path in (f"/history/checks/{check_id}", f"/history/checks/{house.world.tenant_id}"):
        assert (await see(house, path, "other_admin")).status == 404
    assert (await press(house, f"/history/checks/{check_id}/receipt", who="other_admin")).status == 404


@pytest.mark.feature("SEC-56")
async def test_somebody_who_was_erased_has_no_name_in_it(house: House) -> None:
    check_id = await whole_check(house)
    now, ada, random = house.clock.now(), house.world.people[0], house.services.random
    keyring = Keyring([MASTER_KEY])
    await erase(house.database, keyring, house.world.tenant_id, ada.id, now, lambda: random.new_id(now))
    told = sentences(await see(house, "/history"))
    assert told[0].startswith("A contact was erased: the key, the name, the addresses and every word are gone")
    assert told[1] == "Somebody who was erased confirmed"
    for path in ("/history", f"/history/checks/{check_id}"):
        assert "Ada" not in (await see(house, path)).text


# --- the log itself


@pytest.mark.feature("SEC-34", "SEC-56")
async def test_an_export_asks_for_a_fresh_proof_and_is_noted(house: House) -> None:
    check_id = await whole_check(house)
    cookie = await house.log_in("admin", "cookie")
    days = {"since": "2026-03-02", "until": "2026-03-02", "format": "csv"}
    house.clock.advance(timedelta(seconds=301))
    stale = await house.ask("POST", LOG + "/export", cookie=cookie, raw=urlencode(days).encode(), headers=FORM)
    assert stale.status == 401
    assert check_id not in stale.text
    assert await _kinds(house, "log.") == []
    done = await press(house, LOG + "/export", days)
    assert done.status == 200
    assert done.headers["Content-Disposition"] == ('attachment; filename="watchword-log-2026-03-02-to-2026-03-02.csv"')
    rows = list(csv.DictReader(io.StringIO(done.text)))
    assert [row["kind"] for row in rows] == [
        "tv.issue_code",
        "tv.claim_check",
        "tv.code_shown",
        "tv.confirm",
        "log.exported",
    ]
    assert {row["opened"] for row in rows} == {""}
    assert {row["tenant_id"] for row in rows} == {house.world.tenant_id}
    await house.place_lines()
    (noted,) = (await house.services.log.search(house.world.tenant_id, Filters(kind="log."))).items
    assert noted.technician_id == house.people["admin"].id
    assert {name: noted.public[name] for name in ("format", "opened", "lines", "since", "until")} == {
        "format": "csv",
        "opened": 0,
        "lines": 4,
        "since": "2026-03-02",
        "until": "2026-03-02",
    }


@pytest.mark.feature("SEC-52", "SEC-56")
async def test_an_export_with_words_runs_no_formula_and_json_has_all_of_it(house: House) -> None:
    token = await house.log_in("technician")
    await house.text(house.world.people[0].mobile, "#verify")
    check_id = await newest_check(house)
    await house.ask("POST", f"{TV}/{check_id}/reject", bearer=token, body={"reason": "=cmd"})
    days = {"since": "2026-03-01", "until": "2026-03-31", "opened": "yes"}
    done = await press(house, LOG + "/export", {"format": "jsonl", **days})
    head, *lines = [json.loads(line) for line in done.text.splitlines()]
    assert head["format"] == "watchword-audit-export/1"
    assert head["tenant_id"] == house.world.tenant_id
    assert lines[0]["opened"] == {"from": house.world.people[0].mobile}
    for row in csv.reader(io.StringIO((await press(house, LOG + "/export", {"format": "csv", **days})).text)):
        assert not [cell for cell in row if cell[:1] in ("=", "+", "-", "@")]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"since": "", "until": "2026-03-02"}, "This is no day"),
        ({"since": "2026-03-02", "until": "soon"}, "This is no day"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "lies before the first one"),
    ],
)
async def test_an_export_of_no_days_is_explained(house: House, fields: dict[str, str], said: str) -> None:
    answer = await press(house, LOG + "/export", {"format": "jsonl", **fields})
    assert answer.status == 422
    assert said in answer.text
    assert '<option value="jsonl" selected>' in answer.text, "what was chosen stays"
    assert await _kinds(house, "log.") == []


@pytest.mark.feature("SEC-55")
async def test_a_receipt_is_given_and_its_own_program_checks_it(house: House, tmp_path: Path) -> None:
    check_id = await whole_check(house)
    done = await press(house, f"/history/checks/{check_id}/receipt")
    assert done.status == 200
    assert done.headers["Content-Disposition"] == f'attachment; filename="receipt-{check_id}.json"'
    program = await see(house, LOG + "/check_receipt.py", "admin")
    page = (await see(house, LOG, "admin")).text
    (key,) = re.findall(r"<code[^>]*>(watchword/[^<]+)</code>", page)
    (tmp_path / "receipt.json").write_bytes(done.raw)
    (tmp_path / "check_receipt.py").write_bytes(program.raw)
    command = [sys.executable, "check_receipt.py", "receipt.json", unescape(key)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: ASYNC221  short
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Outcome: confirmed" in ran.stdout
    assert await _kinds(house, "log.") == ["log.receipt_made"]
    (tmp_path / "receipt.json").write_bytes(done.raw.replace(b"confirmed", b"denied123"))
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: ASYNC221  short
    assert ran.returncode == 1


@pytest.mark.feature("SEC-55")
async def test_the_page_says_how_far_the_log_is_sealed(house: House) -> None:
    page = (await see(house, LOG, "admin")).text
    assert "Nothing is sealed yet" in page
    check_id = await whole_check(house)
    await press(house, f"/history/checks/{check_id}/receipt")  # seals what there is
    page = (await see(house, LOG, "admin")).text
    assert "over 4 lines" in page
    assert "1 line; nothing protects it until the next seal" in page, "the line about the receipt"
    started = await press(house, LOG + "/check", {"lines": "10000"})
    assert started.headers["Location"] == LOG + "?said=log_check"
    again = await press(house, LOG + "/check", {"lines": "10000"})
    assert again.headers["Location"] == LOG + "?said=log_check_runs"
    assert "The check has begun." in (await see(house, LOG, "admin")).text
    cookie = await house.log_in("admin", "cookie")
    state = await house.ask("GET", LOG, cookie=cookie, headers={"Accept": "application/json"})
    assert state.json == {"state": "running", "done": 0, "total": 0}
    wrong = {"state": "done", "wanted": 10000, "done": 5, "total": 5, "at": 1, "problems": ["Line 3 is missing."]}
    await house.database.write(
        Unscoped.OPERATOR,
        lambda conn: conn.execute(
            installation.update().where(installation.c.name == "log_check").values(value=json.dumps(wrong))
        ),
    )
    page = (await see(house, LOG, "admin")).text
    assert "The log does not fit its seals." in page
    assert "Line 3 is missing." in page
    assert "Tell whoever runs Watchword today" in page


@pytest.mark.feature("SEC-36")
async def test_the_log_itself_is_for_admins(house: House) -> None:
    check_id = await whole_check(house)
    for who in ("technician", "supervisor"):
        for path in (LOG, LOG + "/check_receipt.py"):
            assert (await see(house, path, who)).status == 403, path
        for path in (LOG + "/check", LOG + "/export", f"/history/checks/{check_id}/receipt"):
            assert (await press(house, path, who=who)).status == 403, path
        assert LOG not in (await see(house, "/history", who)).text
        assert "receipt" not in (await see(house, f"/history/checks/{check_id}", who)).text


# --- the API


async def test_the_api_takes_the_same_conditions(house: House) -> None:
    await whole_check(house, 0)
    await whole_check(house, 3)
    token = await house.log_in("technician")
    bolt = house.world.people[3]
    for query, contacts in (
        ({"client_id": bolt.client_id}, {bolt.id}),
        ({"technician_id": house.people["technician"].id}, {house.world.people[0].id, bolt.id}),
        ({"since": "2026-03-02T10:00:12+01:00", "kind": "tv.issue_code"}, {bolt.id}),
        ({"until": "2026-03-02T09:00:12Z", "kind": "tv.issue_code"}, {house.world.people[0].id}),
        ({"ticket": "T-1"}, set()),
    ):
        answer = await house.ask("GET", "/api/v1/audit?" + urlencode(query), bearer=token)
        assert {row["contact_id"] for row in answer.json["items"]} == contacts, query
    for wrong in ("since=2026-03-02T09:00:00", "since=yesterday", "after=-1", "colour=red"):
        assert (await house.ask("GET", f"/api/v1/audit?{wrong}", bearer=token)).status == 422, wrong


async def _kinds(house: House, kind: str) -> list[str]:
    await house.place_lines()
    return [row.kind for row in (await house.services.log.search(house.world.tenant_id, Filters(kind=kind))).items]
