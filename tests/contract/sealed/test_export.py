"""The log as a file: every line, opened only on demand, and harmless to a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from dialogs.turns import AuditEvent
from storage.audit_lines import StoredLine, canonical, leaf
from storage.database import Unscoped
from storage.noting import append_audit
from storage.sealed import notes
from storage.sealed.export import COLUMNS, Format, Wanted, count, export
from storage.sealed.signing import existing_signer
from tests.fixtures.sealed_log import SealedLog
from tests.fixtures.stand_ins import START
from tests.fixtures.world import row_id

pytestmark = pytest.mark.feature("SEC-56")


async def exported(log: SealedLog, wanted: Wanted | None = None, how: Format = "jsonl") -> str:
    kept, chosen = log.kept, wanted or Wanted()
    by = await log.look(lambda conn: existing_signer(conn, kept.keyring))
    return "".join([piece async for piece in export(kept.database, kept.keyring, by, chosen, how)])


async def lines(log: SealedLog, wanted: Wanted | None = None) -> list[dict[str, Any]]:
    _, *rest = (await exported(log, wanted)).splitlines()
    return [json.loads(line) for line in rest]


async def note(log: SealedLog, tenant_id: str, event: AuditEvent) -> None:
    def work(conn: Connection) -> None:
        append_audit(conn, log.kept.keyring, tenant_id, event)

    await log.kept.database.write(Unscoped.OPERATOR, work)


async def test_every_line_is_there_with_its_hash_and_under_a_checkpoint(log: SealedLog) -> None:
    await log.sealed(2105)
    text = (await exported(log)).splitlines()
    head = json.loads(text[0])
    by = await log.look(lambda conn: existing_signer(conn, log.kept.keyring))
    assert notes.check(head["checkpoint"], by.origin, by.public).size == 2105
    assert head["public_key"] == notes.verifier_key(by.origin, by.public)
    found = [json.loads(line) for line in text[1:]]
    assert [line["seq"] for line in found] == list(range(1, 2106))
    assert found[7]["public"] == {"after": "confirmed", "before": "claimed", "n": 7, "name": "Zoë"}
    assert found[7]["opened"] is None
    stored = {row.seq: row for row in await log.rows()}
    row = stored[8]
    assert found[7]["leaf"] == row.leaf.hex()
    hashed = StoredLine(*(getattr(row, name) for name in StoredLine.__slots__))
    assert leaf(canonical(hashed)).hex() == found[7]["leaf"]
    assert "line 7" not in text[8]


async def test_words_are_opened_on_demand_and_only_while_their_key_exists(log: SealedLog) -> None:
    await log.sealed(2)
    assert [line["opened"] for line in await lines(log, Wanted(opened=True))] == [
        {"words": "line 0"},
        {"words": "line 1"},
    ]
    contact = log.kept.world.people[0].id
    await log.tamper(" ".join(("DELETE FROM contacts WHERE id =", f"'{contact}'")))
    opened = [line["opened"] for line in await lines(log, Wanted(opened=True))]
    assert opened == ["cannot be opened: its key has been destroyed"] * 2


async def test_a_tenant_and_a_span_of_time_can_be_chosen(log: SealedLog) -> None:
    kept = log.kept
    await log.sealed(3)
    later = START + timedelta(days=2)
    await note(log, kept.other.tenant_id, AuditEvent(row_id(1), later, "tv.expire"))
    await note(log, kept.world.tenant_id, AuditEvent(row_id(2), later, "tv.expire"))
    await log.place()
    wanted = Wanted(kept.other.tenant_id)
    assert [line["id"] for line in await lines(log, wanted)] == [row_id(1)]
    assert await count(kept.database, wanted) == 1
    wanted = Wanted(kept.world.tenant_id, since=START + timedelta(days=1))
    assert [line["id"] for line in await lines(log, wanted)] == [row_id(2)]
    assert len(await lines(log, Wanted(until=START + timedelta(days=1)))) == 3
    assert len(await lines(log)) == 5


async def test_lines_without_a_place_come_last(on_postgres: SealedLog) -> None:
    log = on_postgres
    await log.sealed(1)
    for n in (3, 2):
        at = START + timedelta(hours=n)
        await note(log, log.kept.world.tenant_id, AuditEvent(row_id(n), at, "tv.expire"))
    assert [(line["seq"], line["id"]) for line in await lines(log)][1:] == [(None, row_id(2)), (None, row_id(3))]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
async def test_a_spreadsheet_runs_nothing(on_file: SealedLog, first: str) -> None:
    formula = first + "1+cmd|' /C calc'!A0"
    event = AuditEvent(row_id(1), START, "tv.expire", ticket_id=formula, channel=formula[:16])
    await note(on_file, on_file.kept.world.tenant_id, event)
    head, row = csv.reader(io.StringIO(await exported(on_file, how="csv")))
    assert tuple(head) == COLUMNS
    cells = dict(zip(head, row, strict=True))
    assert cells["ticket_id"] == "'" + formula
    assert cells["channel"] == "'" + formula[:16]
    assert not any(cell[:1] in set("=+-@\t\r") for cell in row)
    assert cells["at"] == START.isoformat()
