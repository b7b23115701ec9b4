"""The benchmark's own honesty: it counts what a run has written, and refuses one that wrote less or more. No test here
looks at how long anything took."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import cast

import pytest

from bench import consoles, drain, fill, growth, screen
from bench.__main__ import read_options
from bench.carrier import Carrier
from bench.load import Broken, Run, percentile, run
from bench.measure import (
    CHECK,
    CORE,
    HELLO,
    LEAN,
    PLAIN,
    QUIET,
    TEXTS,
    R,
    References,
    Results,
    Slice,
    measure,
    rounds,
)
from bench.plans import suspicious
from bench.processes import Ended, Load, Server, start, start_house
from bench.report import ALONE, SERVER_TURN, table, to_core
from bench.rows import WrongRows, check_answers, check_rows
from bench.side import ANSWERED, FIRST, SENDERS, Side, Size, people_needed
from bench.stored import COUNTED, POSTGRES, SQLITE, File, ended_cpu, living_cpu, new_file
from bench.texts import Target, Texts, mobiles
from bot.app import listen
from channels.twilio import form, signature
from channels.twilio.numbers import refuse_destination
from storage.audit_lines import StoredLine, canonical, leaf
from storage.tenants import CarrierAccount
from tests.fixtures.postgres import Cluster

ACCOUNT = CarrierAccount("", "AC" + "0" * 32, "made-up-token")
TARGET = Target("http://127.0.0.1:1/webhooks/twilio/sms", ACCOUNT.account_sid, ACCOUNT.auth_token, "+12125550100")
NOBODY = cast("Side", None)
TINY = Size(rounds=1, texts=12, verifies=4, alone=3, reference=20)


def people(many: int) -> list[str]:
    return list(islice(mobiles(), many))


def test_texts_are_genuine_and_never_repeat_an_id() -> None:
    seen = set()
    for request in Texts(TARGET).batch(people(50), "Hello?").requests:
        head, _, body = request.partition(b"\r\n\r\n")
        signed = head.partition(b"X-Twilio-Signature: ")[2].partition(b"\r\n")[0].decode()
        pairs = form.read_pairs(body)
        text = signature.signed_text(pairs)
        assert signature.is_genuine(signed, "", signature.url_spellings(TARGET.url), text, ACCOUNT)
        seen.add(form.check_text(pairs, text)["MessageSid"])
    assert len(seen) == 50


def test_repeats_are_the_very_bytes_that_were_sent_before() -> None:
    batch = Texts(TARGET).batch(people(40), "Hello?", repeated=0.1)
    assert (batch.fresh, batch.repeats, len(batch.requests)) == (40, 4, 44)
    assert set(batch.requests[40:]) <= set(batch.requests[:40])


def test_made_up_numbers_are_valid_and_spread_over_prefixes() -> None:
    numbers = people(5000)
    assert len(set(numbers)) == 5000
    assert len({number[:-4] for number in numbers}) > 400
    assert all(refuse_destination(number, (), TARGET.to) is None for number in numbers[::50])


def test_percentiles_are_by_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50.0, 99.0, 100.0)
    assert percentile([7.0], 0.99) == 7.0


def test_rows_that_are_missing_or_too_many_are_refused() -> None:
    batch = Texts(TARGET).batch(people(20), "Hello?", repeated=0.1)
    before = dict.fromkeys(COUNTED, 5)
    right = {name: 5 + ANSWERED.get(name, 0) * 20 for name in COUNTED}
    check_rows(ANSWERED, batch, before, right)
    for name in ANSWERED:
        for wrong in (-1, 1):
            with pytest.raises(WrongRows, match=name):
                check_rows(ANSWERED, batch, before, {**right, name: right[name] + wrong})


def test_answers_other_than_200_are_refused() -> None:
    batch = Texts(TARGET).batch(people(3), "Hello?")
    check_answers(batch, Run(1.0, (0.1,) * 3, {200: 3}))
    for statuses in ({200: 2}, {200: 2, 503: 1}, {403: 3}):
        with pytest.raises(WrongRows):
            check_answers(batch, Run(1.0, (0.1,) * 3, statuses))


def test_a_range_around_the_bound_is_no_verdict() -> None:
    assert SERVER_TURN.verdict([0.31, 0.4]) == "HIT"
    assert SERVER_TURN.verdict([0.31, 0.5]) == "HIT, around the aim"
    assert SERVER_TURN.verdict([0.45, 0.5]) == "HIT, aim too"
    assert SERVER_TURN.verdict([0.2, 0.29]) == "MISS"
    assert SERVER_TURN.verdict([0.2, 0.31]).startswith("around")
    assert ALONE.verdict([0.5, 0.6]) == "HIT"
    assert ALONE.verdict([0.61, 0.7]) == "MISS"
    assert ALONE.verdict([0.4, 0.42]) == "HIT, aim too"


def test_a_lone_sender_is_compared_with_the_core_turn_of_the_same_round() -> None:
    def slow(*seconds: float) -> Slice:
        return Slice([Run(1.0, (wait,), {200: 1}) for wait in seconds])

    results: Results = {(POSTGRES, PLAIN, 1): slow(0.001, 0.004), ("", CORE, 1): slow(0.002, 0.002)}
    assert to_core(results) == [0.5, 2.0]


def test_growth_is_the_ratio_to_the_smallest_within_a_round() -> None:
    def grown(conversations: int, *cpu: float) -> growth.Grown:
        one = Load(Run(1.0, (0.01,), {200: 1}), 0.0, 0.0)
        many = [Load(Run(1.0, (0.01,), {200: 1}), us / 2, us / 2) for us in cpu]
        return growth.Grown(NOBODY, conversations, many, [one] * len(many))

    small, large = grown(1000, 100.0, 200.0, 100.0), grown(1_000_000, 110.0, 300.0, 110.0)
    assert large.cpu_us() == [110.0, 300.0, 110.0]
    assert "the dearest costs 1.10 of the least; must <= 1.2: HIT" in growth.describe("x", [small, large])
    assert "MISS" in growth.describe("x", [small, grown(1_000_000, 130.0, 260.0, 120.0)])


def test_plans_that_read_what_they_need_not_are_named() -> None:
    def step(kind: str, table: str, condition: str = "", **more: object) -> dict[str, object]:
        name = "Recheck Cond" if kind.startswith("Bitmap") else "Index Cond"
        return {"Node Type": kind, "Relation Name": table, **({name: condition} if condition else {}), **more}

    right = step("Index Scan", "inbound", "((tenant_id = i.tenant) AND (once_key = i.once))")
    assert suspicious(step("Nested Loop", "", Plans=[right, step("Seq Scan", "tenants")])) == []
    whole = step("Seq Scan", "inbound")
    tenants = step("Bitmap Heap Scan", "audit", "(tenant_id = i.tenant)")
    skipping = step("Index Only Scan", "contacts", "(id = k.contact_id)")
    assert suspicious(step("Nested Loop", "", Plans=[right, whole, step("Limit", "", Plans=[tenants, skipping])])) == [
        "inbound from end to end",
        "audit, all rows of a tenant",
        "contacts, once for each tenant",
    ]


def test_a_text_that_goes_out_twice_is_refused() -> None:
    outside = Carrier(arrivals=[("+1", 1.0), ("+2", 2.0), ("+1", 3.0)])
    assert outside.once_each(since=1) == {"+2": 2.0, "+1": 3.0}
    with pytest.raises(WrongRows, match="1 of 3 texts"):
        outside.once_each()


def test_processor_time_is_counted_of_the_living_and_of_children_that_ended() -> None:
    before = living_cpu(os.getpid()), ended_cpu(os.getpid())
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    sum(range(1_000_000))
    assert living_cpu(os.getpid()) > before[0]
    assert ended_cpu(os.getpid()) > before[1]
    assert living_cpu(2**22 - 1) == ended_cpu(2**22 - 1) == 0.0


def test_a_misspelt_option_ends_the_program() -> None:
    with pytest.raises(SystemExit):
        read_options(["--ful"])
    assert read_options(["--full"]).full


async def test_a_server_that_writes_nothing_is_refused(tmp_path: Path) -> None:
    stored = await new_file(tmp_path)
    async with AsyncExitStack() as stack:
        reference = await start(stack, "reference", account_sid=ACCOUNT.account_sid, auth_token=ACCOUNT.auth_token)
        facts = {
            "account_sid": ACCOUNT.account_sid,
            "auth_token": ACCOUNT.auth_token,
            "number": TARGET.to,
            "contacts": people_needed(TINY),
        }
        idle = Server(reference.process, {**facts, **reference.facts}, {})
        side = Side(idle, stored, TINY)
        with pytest.raises(WrongRows, match="inbound gained 0 rows, not 12"):
            await side.open_conversations()


async def test_a_whole_run_on_a_file_counts(tmp_path: Path) -> None:
    stored = await new_file(tmp_path)
    async with AsyncExitStack() as stack:
        house = await start_house(stack, stored, contacts=people_needed(TINY))
        facts = house.facts
        reference = await start(
            stack, "reference", account_sid=facts["account_sid"], auth_token=facts["auth_token"], core_url=""
        )
        side = Side(house, stored, TINY)
        await side.open_conversations()
        results = await rounds(References(reference, house, TINY), [side], TINY, core=False)
        kinds = {("", HELLO), ("", R), ("", LEAN), (SQLITE, PLAIN), (SQLITE, QUIET), (SQLITE, CHECK)}
        assert set(results) == {(*kind, many) for kind in kinds for many in SENDERS}
        assert all(one.runs for one in results.values())
        assert all(set(one.ratios) == {R, LEAN} for one in results.values())
        assert ">= 0.45 / 0.7" in table(results)
        with pytest.raises(WrongRows, match="conversations gained 0 rows, not 12"):
            await side.counted(side.batch(people(12), "Hello again"), 8, FIRST)
        assert (await stored.count())["inbound"] > 12


async def test_a_whole_run_on_both_engines_counts(tmp_path: Path, postgres: Cluster) -> None:
    results = await measure(tmp_path, TINY, postgres.server)
    engines = {(engine, kind) for engine in (SQLITE, POSTGRES) for kind in TEXTS}
    kinds = {("", HELLO), ("", R), ("", LEAN), ("", CORE)} | engines
    assert set(results) == {(*kind, many) for kind in kinds for many in SENDERS}
    by_server = [one for (engine, kind, _), one in results.items() if engine == POSTGRES or kind == CORE]
    assert all(min(one.server_us) > 0 for one in by_server)
    text = table(results)
    assert ">= 0.3 / 0.45" in text
    assert "<= 0.6 / 0.42" in text
    assert "in the server, which is" in text


async def test_what_is_filled_in_is_a_log_that_can_be_verified(tmp_path: Path) -> None:
    stored = await new_file(tmp_path)
    (grown,) = await growth.measure_growth([stored], 1, [120], 20)
    assert grown.conversations == 120
    with closing(sqlite3.connect(stored.path)) as connection:
        connection.row_factory = sqlite3.Row
        lines = connection.execute("SELECT * FROM audit ORDER BY seq").fetchall()
        assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
        names = StoredLine.__dataclass_fields__
        assert all(leaf(canonical(StoredLine(**{n: line[n] for n in names}))) == line["leaf"] for line in lines)
        tenants = connection.execute("SELECT count(DISTINCT tenant_id) FROM conversations").fetchone()
        assert tuple(tenants) == (1 + fill.OTHERS,)


async def test_every_item_of_a_full_outbox_goes_out_once(tmp_path: Path) -> None:
    stored = await new_file(tmp_path)
    drained = await drain.measure_drain(stored, items=15)
    assert drained.items == 15
    assert await stored.waiting() == 0


async def test_consoles_are_told_of_every_event_and_their_questions_are_answered(tmp_path: Path) -> None:
    costs = await consoles.measure_consoles(await new_file(tmp_path), rows=6, consoles=3, events=2)
    assert [len(costs.alone), len(costs.told), len(costs.asked_for_it), len(costs.asked_for_all)] == [2, 2, 3, 3]
    assert min(*costs.alone, *costs.told, *costs.asked_for_it, *costs.asked_for_all, *costs.page) > 0
    assert 100 < costs.event_bytes < 5000
    assert 0 < costs.rows_bytes < costs.page_bytes
    assert "told to all" in consoles.describe(SQLITE, costs)


async def test_a_console_that_hears_nothing_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consoles, "PATIENCE_S", 0.2)
    listening = consoles.Consoles()
    listening.rows = [1, 0]
    with pytest.raises(TimeoutError):
        await listening.wait_for(1)


def test_the_screen_is_judged_by_the_tab_in_front() -> None:
    found = screen.Screen(
        least=[0.01] * 4,
        one=[0.03] * 4,
        front=[0.04] * 4,
        least_crowd=[0.5] * 40,
        crowd=[9.0] * 40,
        shown=[0.02] * 9,
        missed=4,
        least_cpu=0.005,
        one_cpu=0.04,
        hidden_cpu=0.001,
    )
    said = screen.describe(SQLITE, found)
    assert "HIT, aim too" in said
    assert "4.0 of the least" in said
    assert "18.0 of as many least pages" in said
    assert "40 for the console, 1 for a hidden one" in said


async def test_a_process_that_does_not_start_is_said_to_have_ended(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(Ended):
            await start_house(stack, File(tmp_path / "missing" / "x.db"))


async def test_a_connection_that_is_cut_is_no_answer() -> None:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
    with pytest.raises((Broken, OSError)):
        await run(
            "127.0.0.1",
            port,
            Texts(replace(TARGET, url=f"http://127.0.0.1:{port}/x")).batch(people(2), "x").requests,
            1,
        )
