"""The benchmark's own honesty: it counts what a run has written, and refuses one that wrote less or more. No test here
looks at how long anything took."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from bench.__main__ import read_options
from bench.load import Broken, Run, percentile, run
from bench.measure import ANSWERED, CHECK, FIRST, HELLO, LEAN, PLAIN, QUIET, SENDERS, R, Side, Size, people_needed
from bench.processes import Ended, Server, start
from bench.report import table, verdict
from bench.rows import COUNTED, WrongRows, check_answers, check_rows, count_rows
from bench.texts import Target, Texts, mobiles
from bot.app import listen
from channels.twilio import form, signature
from channels.twilio.numbers import refuse_destination
from storage.migrations import migrate
from storage.tenants import CarrierAccount

ACCOUNT = CarrierAccount("", "AC" + "0" * 32, "made-up-token")
TARGET = Target("http://127.0.0.1:1/webhooks/twilio/sms", ACCOUNT.account_sid, ACCOUNT.auth_token, "+12125550100")
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
    assert verdict([0.5, 0.6]) == "Above the must."
    assert verdict([0.3, 0.4]) == "Below the must."
    assert verdict([0.4, 0.5]).startswith("Around")
    assert verdict([0.7, 0.8]) == "Above the stretch value."


def test_a_misspelt_option_ends_the_program() -> None:
    with pytest.raises(SystemExit):
        read_options(["--ful"])
    assert read_options(["--full"]).full


async def test_a_server_that_writes_nothing_is_refused(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path / 'bench.db'}")
    async with AsyncExitStack() as stack:
        reference = await start(stack, "reference", ACCOUNT.account_sid, ACCOUNT.auth_token)
        facts = {
            "account_sid": ACCOUNT.account_sid,
            "auth_token": ACCOUNT.auth_token,
            "number": TARGET.to,
            "contacts": people_needed(TINY),
        }
        idle = Server(reference.process, {**facts, **reference.facts})
        side = Side(reference, idle, tmp_path / "bench.db", TINY)
        with pytest.raises(WrongRows, match="inbound gained 0 rows, not 12"):
            await side.open_conversations()


async def test_a_whole_run_against_the_real_house_counts(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        house = await start(stack, "house", tmp_path, str(people_needed(TINY)))
        reference = await start(stack, "reference", house.facts["account_sid"], house.facts["auth_token"])
        side = Side(reference, house, tmp_path / "bench.db", TINY)
        await side.open_conversations()
        results = await side.rounds()
        assert set(results) == {(kind, many) for kind in (HELLO, R, LEAN, PLAIN, QUIET, CHECK) for many in SENDERS}
        assert all(one.runs for one in results.values())
        assert all(set(one.ratios) == {R, LEAN} for one in results.values())
        assert "must 0.45 of R / stretch 0.70 of R" in table(results)
        with pytest.raises(WrongRows, match="conversations gained 0 rows, not 12"):
            await side.counted(side.texts.batch(people(12), "Hello again"), 8, FIRST)
        assert count_rows(tmp_path / "bench.db")["inbound"] > 12


async def test_a_process_that_does_not_start_is_said_to_have_ended(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(Ended):
            await start(stack, "house", tmp_path / "missing", "1")


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
