"""What lies on the disk, and what is there after a crash or a restart."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, func, select, update

from dialogs.turns import CheckAsk, Decision, Settled
from storage import tables
from storage.audit_lines import StoredLine, canonical, leaf
from storage.database import Unscoped
from storage.sqlite import AlreadyRunning, SqliteDatabase, SqliteTurnStore
from tests.fixtures.turn_parts import (
    CODE,
    act,
    check_facts,
    claimed,
    confirmed,
    inbound_turn,
    line,
    moved,
    new_check,
    nothing,
    open_state,
    said,
    text_item,
)
from tests.fixtures.turn_stores import SqliteHouse, rank
from tests.fixtures.world import START, make_world

ROOT = Path(__file__).parents[2]


# --- what lies on the disk ------------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-17", "SEC-18")
async def test_no_code_and_no_words_are_ever_on_the_disk(on_disk: SqliteHouse) -> None:
    """The whole life of a check; the file, its log and everything beside it are searched at every step."""
    ada = on_disk.world.people[0]
    check = new_check(on_disk.world, ada)
    item = text_item(
        on_disk.world,
        ada.mobile,
        f"code {CODE}",
        check_id=check.id,
        contact_id=ada.id,
        template="tv.code",
        challenge=True,
    )
    secret = "a very private remark"
    decision = Decision("", checks=(check,), outbox=(item,), audit=(line(sealed={"note": secret}, contact_id=ada.id),))
    await on_disk.store.take(inbound_turn(said(on_disk.world, ada.mobile, secret), lambda f: decision))
    await on_disk.store.take(inbound_turn(said(on_disk.world, on_disk.world.stranger, secret), nothing()))

    def nowhere() -> None:
        found = on_disk.bytes_on_disk()
        assert len(found) > 100_000
        assert CODE.encode() not in found
        assert secret.encode() not in found

    nowhere()
    claim = moved(await check_facts(on_disk, check.id), claimed(open_state(ada), on_disk.world.dana))
    await act(on_disk, CheckAsk(on_disk.world.tenant_id, check.id), Decision("", checks=(claim,)))
    nowhere()
    held = await on_disk.store.lease("w", START)
    assert held[0].item.payload["body"] == f"code {CODE}"
    await on_disk.store.settle([Settled(held[0], "sent", "twilio", "SM1")], START)
    over = moved(await check_facts(on_disk, check.id), confirmed(open_state(ada)))
    await act(on_disk, CheckAsk(on_disk.world.tenant_id, check.id), Decision("", checks=(over,)))
    nowhere()
    bodies = await on_disk.database.read(Unscoped.OPERATOR, lambda c: list(c.scalars(select(tables.dialogs.c.body))))
    assert len(bodies) == 1
    assert "sealed" not in bodies[0]
    payloads = await on_disk.database.read(
        Unscoped.OPERATOR, lambda c: list(c.scalars(select(tables.outbox.c.payload)))
    )
    assert payloads == [None]


@pytest.mark.feature("SEC-54", "SEC-56")
async def test_every_line_of_the_log_has_its_leaf_and_erasing_a_contact_leaves_it_whole(on_disk: SqliteHouse) -> None:
    ada = on_disk.world.people[0]
    events = (line("one", contact_id=ada.id, sealed={"a": "b"}, public={"z": 1, "a": "ü"}), line("two"))
    await act(on_disk, CheckAsk(on_disk.world.tenant_id, "none"), Decision("", audit=events))
    columns = [tables.audit.c[f.name] for f in fields(StoredLine)]

    def leaves(connection: Connection) -> list[bool]:
        rows = connection.execute(select(*columns, tables.audit.c.leaf)).all()
        return [leaf(canonical(StoredLine(*row[:-1]))) == row[-1] for row in rows]

    assert await on_disk.database.read(Unscoped.OPERATOR, leaves) == [True, True]
    await on_disk.database.write(
        Unscoped.OPERATOR, lambda c: c.execute(delete(tables.contacts).where(tables.contacts.c.id == ada.id))
    )
    assert await on_disk.database.read(Unscoped.OPERATOR, leaves) == [True, True]
    tampered = update(tables.audit).where(tables.audit.c.kind == "two").values(kind="three")
    await on_disk.database.write(Unscoped.OPERATOR, lambda c: c.execute(tampered))
    assert sorted(await on_disk.database.read(Unscoped.OPERATOR, leaves)) == [False, True]


@pytest.mark.feature("SEC-56")
async def test_what_was_to_be_sent_to_an_erased_contact_is_given_up_and_holds_nobody_up(on_disk: SqliteHouse) -> None:
    ada = on_disk.world.people[0]
    gone = text_item(on_disk.world, ada.mobile, contact_id=ada.id)
    after = text_item(on_disk.world, "+1", "after")
    await act(on_disk, CheckAsk(on_disk.world.tenant_id, "none"), Decision("", outbox=(gone, after)))
    await on_disk.database.write(
        Unscoped.OPERATOR, lambda c: c.execute(delete(tables.contacts).where(tables.contacts.c.id == ada.id))
    )
    assert await on_disk.store.lease("w", START) == []
    (held,) = await on_disk.store.lease("w", START)
    assert held.item.payload["body"] == "after"


# --- restarts and other processes -----------------------------------------------------------------------------------


@pytest.mark.feature("REL-12")
async def test_everything_goes_on_after_a_restart(seeded_file: Path) -> None:
    check = new_check(make_world(), make_world().people[0])
    for n in range(3):
        house = SqliteHouse(seeded_file)
        decision = Decision("", audit=(line(f"run {n}"), line()), checks=(check,) if n == 0 else ())
        await act(house, CheckAsk(house.world.tenant_id, "none"), decision)
        assert [entry.kind for entry in await house.log()][-2] == f"run {n}"
        facts = await check_facts(house, check.id)
        assert facts.check is not None
        assert facts.check.state == check.state
        await house.store.close()


async def test_a_second_store_on_the_same_file_is_refused_until_the_first_is_closed(on_disk: SqliteHouse) -> None:
    second = SqliteDatabase(on_disk.path)
    with pytest.raises(AlreadyRunning, match="stop that one first"):
        SqliteTurnStore(second, on_disk.keyring, rank)
    # The command line works beside it.
    count = await second.read(Unscoped.OPERATOR, lambda c: c.scalar(select(func.count()).select_from(tables.tenants)))
    assert count == 2
    await second.close()


async def test_a_second_process_is_refused_too(on_disk: SqliteHouse) -> None:
    code = (
        "import sys; from pathlib import Path; from storage.sqlite import *; from storage.keys import Keyring;"
        "SqliteTurnStore(SqliteDatabase(Path(sys.argv[1])), Keyring([bytes(range(32))]), len)"
    )
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", code, str(on_disk.path)], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode != 0
    assert "is in use by another Watchword" in ran.stderr


KILLED = """
import asyncio, sys
from pathlib import Path
from storage.keys import Keyring
from storage.sqlite import SqliteDatabase, SqliteTurnStore
from dialogs.turns import Decision
from tests.fixtures.turn_parts import inbound_turn, line, said
from tests.fixtures.world import MASTER_KEY, make_world

async def main():
    store = SqliteTurnStore(SqliteDatabase(Path(sys.argv[1])), Keyring([MASTER_KEY]), len)
    async def sender(k):
        for i in range(100_000):
            await store.take(inbound_turn(said(make_world(), "+1", f"{k}-{i}", sid=f"SM{k}-{i}"),
                                          lambda f: Decision("", audit=(line(f"{k}-{i}", id=f"{k}-{i}"),))))
            print(f"{k}-{i}", flush=True)
    await asyncio.gather(*(sender(k) for k in range(8)))

asyncio.run(main())
"""


@pytest.mark.feature("REL-01")
async def test_killed_in_the_middle_every_answered_turn_is_there_and_every_turn_is_whole(seeded_file: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(seeded_file), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    answered = [(await child.stdout.readline()).decode().strip() for _ in range(300)]
    child.send_signal(signal.SIGKILL)
    answered += [
        text.strip() for text in (await child.stdout.read()).decode().splitlines(keepends=True) if "\n" in text
    ]
    await child.wait()
    assert all(answered)
    house = SqliteHouse(seeded_file)
    kinds, words = {entry.kind for entry in await house.log()}, set(await house.words())
    assert set(answered) <= kinds
    assert kinds == words
    await house.store.close()
