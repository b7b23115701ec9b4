"""Codes and links of verifications in everything that is stored, before and after they end."""

from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Connection, select

from dialogs import user_verify as uv
from dialogs.effects import Code
from dialogs.turns import Settled
from storage.database import Unscoped
from storage.tables import metadata, verifications
from tests.fixtures.turn_parts import line
from tests.fixtures.turn_stores import SqliteHouse, StoredHouse, only
from tests.fixtures.verification_parts import (
    DIGITS,
    asking,
    begin,
    by_link,
    code_item,
    denied,
    expired,
    guessed,
    look,
    move,
    sent,
    verified,
)
from tests.fixtures.world import START

TOKEN = "q3JkTn0vXw7LrA5sBzEoU2yHdGfCi9pMm1KtVx8WbQ4"
SPOKEN = "8375920146"
SECRETS = (DIGITS, TOKEN, SPOKEN)


#: The stores that others can read beside.
kind = only("sqlite", "postgres")


async def dump(house: StoredHouse) -> bytes:
    """Every column of every row of every table, one after the other."""

    def work(conn: Connection) -> bytes:
        cells: list[bytes] = []
        for table in metadata.sorted_tables:
            for row in conn.execute(select(table)):
                cells += [value if isinstance(value, bytes) else str(value).encode() for value in row]
        return b"\n".join(cells)

    found = await house.database.read(Unscoped.OPERATOR, work)
    if isinstance(house, SqliteHouse):
        # And what the file still holds of rows that have changed since.
        found += house.bytes_on_disk()
    return found


async def is_nowhere(house: StoredHouse) -> None:
    found = await dump(house)
    assert len(found) > 10_000
    for secret in SECRETS:
        assert secret.encode() not in found
        assert b64encode(secret.encode()).rstrip(b"=") not in found
    assert sha256(DIGITS.encode()).hexdigest().encode() not in found, "a plain hash of six digits hides nothing"


async def sealed(house: StoredHouse) -> list[bool]:
    c = verifications.c
    bodies = select(c.body).order_by(c.id)
    found = await house.database.read(Unscoped.OPERATOR, lambda conn: list(conn.scalars(bodies)))
    return ["sealed" in body for body in found]


@pytest.mark.feature("SEC-17", "SEC-18")
@pytest.mark.parametrize("end", ["verified", "failed", "denied", "expired", "error"])
async def test_a_code_is_stored_as_ciphertext_while_it_lives_and_not_at_all_after(
    stored: StoredHouse, end: str
) -> None:
    world, ada = stored.world, stored.world.people[0]
    state = sent(world, ada)
    save = asking(world, ada, state)
    first = code_item(world, save)
    await begin(stored, save, outbox=(first,), audit=(line("euv.ask", contact_id=ada.id),))
    await is_nowhere(stored)
    assert await sealed(stored) == [True]
    (held,) = await stored.store.lease("w", START)
    assert held.item.payload["body"] == f"code {DIGITS}", "it is there for whoever sends it"
    await stored.store.settle([Settled(held, "sent", "twilio", "SM1")], START)
    await move(stored, save.id, guessed(state), outbox=(code_item(world, save),))
    kept = (await look(stored, verification_id=save.id)).live[0].state
    assert isinstance(kept, uv.Sent)
    assert kept.challenge.code == Code(DIGITS), "the same one can be sent again"
    await is_nowhere(stored)
    over = denied(state)
    ended: dict[str, uv.State] = {
        "verified": verified(state),
        "failed": uv.Failed(state.request, START, "wrong_codes", over.logged),
        "denied": over,
        "expired": expired(state),
        "error": uv.Undelivered(state.request, START, "30003", over.logged),
    }
    await move(stored, save.id, ended[end])
    await is_nowhere(stored)
    assert await sealed(stored) == [False]
    assert {row.body for row in await stored.outbox()} == {""}
    assert await stored.store.lease("w", START) == []


@pytest.mark.feature("SEC-17", "SEC-43")
async def test_of_a_link_only_its_hash_is_stored(stored: StoredHouse) -> None:
    world, ada = stored.world, stored.world.people[0]
    state = by_link(world, ada, spoken=SPOKEN)
    save = asking(world, ada, state, token=TOKEN)
    link: dict[str, Any] = {"template": "euv.send_sms_link"}
    payload = {"to": ada.mobile, "from": world.number.address, "body": f"https://help.example/v/{TOKEN}"}
    await begin(stored, save, outbox=(code_item(world, save, payload=payload, **link),))
    await is_nowhere(stored)
    assert await sealed(stored) == [True], "the number that is to be typed"
    assert sha256(TOKEN.encode()).hexdigest().encode() in await dump(stored)
    (held,) = await stored.store.lease("w", START)
    assert TOKEN in held.item.payload["body"]
    await stored.store.settle([Settled(held, "dead", error="30005")], START)
    await move(stored, save.id, verified(state))
    await is_nowhere(stored)
    assert await sealed(stored) == [False]
    assert {row.body for row in await stored.outbox()} == {""}
