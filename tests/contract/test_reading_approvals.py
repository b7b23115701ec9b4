"""Requests to a second person as pages read them, and what is left of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from dialogs import approvals as ap
from dialogs import user_verify as uv
from dialogs.turns import Decision, Timer, Turn, VerificationAsk
from storage.epochs import fence
from storage.erasure import erase
from storage.tables import approvals
from tests.fixtures.approval_parts import (
    ALEX,
    DANA,
    MINUTE,
    TWO,
    WHY,
    granted,
    new,
    put,
    reading,
    step,
    the_first,
    waiting,
    wanted,
)
from tests.fixtures.turn_parts import new_id
from tests.fixtures.turn_stores import StoredHouse, only
from tests.fixtures.verification_parts import address_of, asking, begin, found, look, move, sent, verified
from tests.fixtures.world import START

#: The stores that others can read beside.
kind = only("sqlite", "postgres")


@pytest.mark.feature("SEC-56", "SEC-18")
async def test_its_words_are_sealed_and_go_with_their_contact(stored: StoredHouse) -> None:
    world, ada = stored.world, the_first(stored)
    save = new(ada, waiting(ada))
    ring = Timer(world.tenant_id, save.id, ap.DEADLINE, START + MINUTE)
    await put(stored, save, ring)
    ((body, their),) = await found(stored, approvals.c.body, approvals.c.their_address)
    assert WHY.encode() not in body
    assert their == ada.mobile
    assert await erase(stored.database, stored.keyring, world.tenant_id, ada.id, START + MINUTE, new_id)
    assert await found(stored, approvals.c.body, approvals.c.their_address, approvals.c.state) == [
        (None, "", "expired")
    ]
    assert await stored.store.due_timers(START + MINUTE) == []
    assert "approval.void" in [line.kind for line in await stored.log()]
    row = await reading(stored).get(world.tenant_id, save.id)
    assert row is not None
    assert (row.state, row.note, row.contact_name, row.address) == ("expired", "", "", "")
    assert (row.technician_id, row.ticket_id) == ("t1", "T-1")
    assert (await look(stored, approval_id=save.id)).approval is None


@pytest.mark.feature("REL-13")
async def test_a_restore_ends_them(stored: StoredHouse) -> None:
    world, ada = stored.world, the_first(stored)
    save = new(ada, granted(ada))
    await put(stored, save)
    await fence(stored.database, stored.keyring, START + MINUTE, new_id, seen=lambda by: None)
    assert await step(stored, save.id, ap.Use(DANA, address_of(ada), "T-1", "v1")) == "approval_over"
    row = await reading(stored).get(world.tenant_id, save.id)
    assert row is not None
    assert (row.state, row.reason, row.decided_by_id) == ("expired", "restored", "t2")


async def test_lists_tell_what_has_run_out_and_whose_turn_it_is(stored: StoredHouse) -> None:
    world, (ada, ben) = stored.world, stored.world.people[:2]
    for person, state in ((ada, waiting(ada)), (ben, waiting(ben)), (ada, granted(ada))):
        await put(stored, new(person, state))
    await put(stored, new(ada, ap.Refused(wanted(ada), START, ALEX, "no")))
    now = reading(stored)
    assert len((await now.page(world.tenant_id)).items) == 4
    live = (await now.page(world.tenant_id, live=True)).items
    assert sorted(row.state for row in live) == ["granted", "waiting", "waiting"]
    assert all(row.is_live(START) for row in live)
    over = (await now.page(world.tenant_id, live=False)).items
    assert [(row.state, row.reason, row.until) for row in over] == [("refused", "no", None)]
    assert len((await now.page(world.tenant_id, contact_id=ben.id)).items) == 1
    assert len((await now.page(world.tenant_id, technician_id="t2")).items) == 0
    first = await now.page(world.tenant_id, limit=3)
    assert len((await now.page(world.tenant_id, limit=3, cursor=first.next or "")).items) == 1
    (row,) = (row for row in live if row.state == "granted")
    assert (row.note, row.address, row.unusual, row.ticket_number) == (WHY, "...0142", "new_address", "1234")
    assert (row.contact_name, row.decided_by_id, row.decided_at) == (ada.name, "t2", START)
    late = reading(stored, START + ap.DECIDE_WITHIN)
    assert {row.state for row in (await late.page(world.tenant_id, live=False)).items} == {"expired", "refused"}
    assert (await late.page(world.tenant_id, live=True)).items == ()
    assert await now.waiting_for(world.tenant_id, "t2", START, supervisor=False) == 2
    assert await now.waiting_for(world.tenant_id, "t1", START, supervisor=True) == 0, "nobody decides their own"
    assert await now.waiting_for(world.tenant_id, "t2", START + ap.DECIDE_WITHIN, supervisor=True) == 0
    policy = uv.Policy(approver="supervisor")
    await stored.change_settings(replace(world.settings, policy=policy))
    assert await now.waiting_for(world.tenant_id, "t2", START, supervisor=False) == 0
    assert await now.waiting_for(world.tenant_id, "t2", START, supervisor=True) == 2


@pytest.mark.feature("SEC-09", "SEC-15")
async def test_the_clearance_as_pages_read_it(stored: StoredHouse) -> None:
    world, ada = stored.world, the_first(stored)
    by_two, now = uv.Policy(high_by_two=True), reading(stored)

    async def read(at: datetime = START + MINUTE) -> ap.Clearance:
        return await now.clearance(world.tenant_id, ada.id, "T-1", by_two, at)

    assert (await read()).missing == ("two_methods",)
    first = asking(world, ada, sent(world, ada))
    await begin(stored, first)
    await move(stored, first.id, verified(sent(world, ada)))
    mail = uv.Destination(address_of(ada, "email"), "email", "a...@x", is_default=True, is_new=False)
    by_mail = sent(world, ada, destination=mail, method=uv.Method.EMAIL_CODE)
    second = replace(asking(world, ada, by_mail), their_address=ada.email)
    await begin(stored, second)
    await move(stored, second.id, verified(by_mail))
    assert (await read()).missing == ("approval",)
    await put(stored, new(ada, granted(ada, first.id, second.id)))
    cleared = await read()
    assert (cleared.cleared, cleared.until, cleared.approved_by) == (True, START + ap.SEND_WITHIN, "Alex")
    assert set(cleared.methods) == set(TWO)
    assert not (await read(START + ap.SEND_WITHIN)).cleared
    ask = VerificationAsk(world.tenant_id, contact_id=ada.id)
    await stored.store.take(Turn(ask, lambda _: Decision("", end_shields=(ada.id,)), START))
    assert (await read()).missing == ("two_methods",), "a denial or another number ends it"
