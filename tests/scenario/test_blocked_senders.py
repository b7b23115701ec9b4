"""Senders whom a technician blocks: nothing starts, nobody answers, nothing goes to them, and all of it is logged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiohttp.test_utils import make_mocked_request
from sqlalchemy import select

from storage.blocks import Block, Blocks
from storage.database import Database, Unscoped
from storage.keys import Keyring
from storage.tables import addresses, audit, outbox
from tests.fixtures.pages import press, see
from tests.fixtures.verification_parts import address_of
from tests.fixtures.web_house import House, OpenWeb, Who
from tests.fixtures.world import MASTER_KEY, Person
from web.blocking import unblock
from web.pages import page_routes
from web.pages.errors import show_problem
from web.ports import Acting
from web.problems import Problem
from web.routing import Call

TV = "/api/v1/technician-verifications"
REASON = "texts us all night"


@pytest.fixture
async def house(open_web: OpenWeb) -> AsyncIterator[House]:
    async with open_web(pages=page_routes(), show_problem=show_problem) as opened:
        yield opened


class Overtaken(Blocks):
    """Somebody blocks them for good right after the first look."""

    def __init__(self, database: Database, keyring: Keyring, ban: Block) -> None:
        super().__init__(database, keyring)
        self.ban: Block | None = ban

    async def of(self, tenant_id: str, addresses: Sequence[str], now: datetime) -> dict[str, Block]:
        found = await super().of(tenant_id, addresses, now)
        if self.ban is not None:
            ban, self.ban = self.ban, None
            await self.put(tenant_id, ban, lambda: uuid4().hex)
        return found


async def lines(house: House, kind: str) -> list[Any]:
    await house.place_lines()
    query = select(audit).where(audit.c.kind == kind).order_by(audit.c.at, audit.c.id)
    return list(await house.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query).mappings().all()))


async def waiting(house: House) -> int:
    """Texts that are to leave."""
    query = select(outbox.c.id).where(outbox.c.kind == "text")
    return len(await house.database.read(Unscoped.OPERATOR, lambda conn: conn.execute(query).all()))


async def test_a_stranger_is_blocked_from_their_line_and_let_through_again(house: House) -> None:
    stranger = house.world.stranger
    await house.text(stranger, "#verify")
    (line,) = await lines(house, "desk.stranger")
    form = await see(house, f"/blocks/new?line_id={line['id']}")
    assert form.status == 200
    assert stranger[-4:] in form.text
    assert stranger not in form.text.replace(" ", "").replace("-", ""), "the whole number is nobody's business"
    done = await press(house, "/blocks", line_id=line["id"], hours="24", reason=REASON)
    assert (done.status, done.headers["Location"]) == (303, "/codes?said=blocked")

    before = await waiting(house)
    for words in ("#verify", "hello", "START", "HELP"):
        await house.text(stranger, words)
    assert await waiting(house) == before
    assert len(await lines(house, "desk.blocked")) == 4
    listed = await see(house, "/blocks")
    assert REASON in listed.text

    (noted,) = await lines(house, "sender.blocked")
    assert json.loads(noted["public"])["hours"] == 24
    assert noted["technician_id"] == house.people["technician"].id
    assert stranger not in noted["public"]
    assert REASON.encode() not in noted["sealed"]

    lifted = await press(house, "/blocks/lift", address=stranger)
    assert lifted.headers["Location"] == "/blocks?said=unblocked"
    await house.text(stranger, "hello")
    assert len(await lines(house, "desk.blocked")) == 4
    assert (await press(house, "/blocks/lift", address=stranger)).status == 404


async def test_a_block_ends_by_itself_and_a_ban_does_not(house: House) -> None:
    ada, ben = house.world.people[:2]
    asked: tuple[tuple[Person, str, Who], ...] = ((ada, "1", "technician"), (ben, "0", "supervisor"))
    for person, hours, who in asked:
        await house.text(person.mobile, "hello")
        line = (await lines(house, "desk.plain"))[-1]
        assert (await press(house, "/blocks", who, line_id=line["id"], hours=hours, reason=REASON)).status == 303
    house.clock.advance(timedelta(hours=1))
    await house.text(ada.mobile, "hello")
    assert len(await lines(house, "desk.blocked")) == 0
    house.clock.advance(timedelta(days=3650))
    await house.text(ben.mobile, "hello")
    assert len(await lines(house, "desk.blocked")) == 1


async def test_only_those_who_may_ban_lift_a_ban(house: House) -> None:
    ada = house.world.people[0]
    await house.text(ada.mobile, "hello")
    (line,) = await lines(house, "desk.plain")
    refused = await press(house, "/blocks", line_id=line["id"], hours="0", reason=REASON)
    assert refused.status == 422
    assert "supervisor" in refused.text
    assert REASON in refused.text, "what was typed is not lost"
    assert (await press(house, "/blocks", "admin", line_id=line["id"], hours="0", reason=REASON)).status == 303
    assert (await press(house, "/blocks/lift", address=ada.mobile)).status == 403
    assert "Let through again" not in (await see(house, "/blocks")).text
    assert (await press(house, "/blocks/lift", "supervisor", address=ada.mobile)).status == 303


@pytest.mark.feature("SEC-36")
async def test_the_api_asks_for_the_same_rank_and_the_same_reason_as_the_page(house: House) -> None:
    ada, bearer = house.world.people[0], await house.log_in("technician")
    body = {"address": ada.mobile, "hours": None, "reason": REASON}
    mine = await house.ask("POST", "/api/v1/blocks", bearer=bearer, body=body)
    assert (mine.status, mine.json["error"]) == (403, "not_allowed")
    admin = await house.log_in("admin")
    for empty in ("       ", "  a  b  "):
        refused = await house.ask("POST", "/api/v1/blocks", bearer=admin, body=body | {"reason": empty})
        assert (refused.status, refused.json["error"]) == (422, "invalid"), "blanks tell nobody anything"
    assert (await house.ask("POST", "/api/v1/blocks", bearer=admin, body=body)).status == 201
    path = f"/api/v1/blocks/{ada.mobile}"
    lifted = await house.ask("DELETE", path, bearer=bearer)
    assert (lifted.status, lifted.json["error"]) == (403, "not_allowed")
    assert await lines(house, "sender.unblocked") == []
    assert (await house.ask("DELETE", path, bearer=await house.log_in("supervisor"))).status == 204


@pytest.mark.feature("SEC-36")
async def test_whoever_lifts_a_block_that_has_just_become_one_for_good_is_told(house: House) -> None:
    """Between the look and the act somebody else was faster."""
    ada, services, tenant_id = house.world.people[0], house.services, house.world.tenant_id
    now = house.clock.now()
    ban = Block(ada.mobile, REASON, house.people["admin"].id, now, None)
    first = replace(ban, until=now + timedelta(hours=1))
    await services.blocks.put(tenant_id, first, lambda: services.random.new_id(now))
    overtaken = Overtaken(house.database, Keyring([MASTER_KEY]), ban)
    mina = house.people["technician"]
    who = Acting(tenant_id, mina.id, "Mina", "Mina", "technician", False, "log-in", "cookie", now)
    call = Call(make_mocked_request("POST", "/blocks/lift"), replace(services, blocks=overtaken), who)
    with pytest.raises(Problem) as refused:
        await unblock(call, ada.mobile)
    assert (refused.value.status, refused.value.error) == (403, "not_allowed")
    assert await lines(house, "sender.unblocked") == []
    assert [b.until for b in (await services.blocks.live(tenant_id, now))[0]] == [None]


@pytest.mark.feature("SEC-36")
async def test_nobody_gets_rid_of_a_ban_by_blocking_again_for_an_hour(house: House) -> None:
    ada = house.world.people[0]
    await house.text(ada.mobile, "hello")
    (line,) = await lines(house, "desk.plain")
    assert (await press(house, "/blocks", "admin", line_id=line["id"], hours="0", reason=REASON)).status == 303
    shorter = await press(house, "/blocks", line_id=line["id"], hours="1", reason=REASON)
    assert shorter.status == 422
    assert "blocked for good" in shorter.text
    body = {"address": ada.mobile, "hours": 1, "reason": REASON}
    refused = await house.ask("POST", "/api/v1/blocks", bearer=await house.log_in("technician"), body=body)
    assert (refused.status, refused.json["error"]) == (403, "not_allowed")
    assert len(await lines(house, "sender.blocked")) == 1, "and nothing says that it was done"
    blocks, tenant_id = house.services.blocks, house.world.tenant_id
    assert not await blocks.lift(tenant_id, ada.mobile, ban=False)
    house.clock.advance(timedelta(days=3650))
    assert [b.until for b in (await blocks.live(tenant_id, house.clock.now()))[0]] == [None]
    assert (await press(house, "/blocks", "supervisor", line_id=line["id"], hours="1", reason=REASON)).status == 303


async def test_two_who_block_at_once_leave_one_block(house: House) -> None:
    bearer, ada = await house.log_in("technician"), house.world.people[0]
    body = {"address": ada.mobile, "hours": 2, "reason": REASON}
    made = await asyncio.gather(
        *(house.ask("POST", "/api/v1/blocks", bearer=bearer, body=body | {"hours": h}) for h in range(1, 9))
    )
    assert {one.status for one in made} == {201}
    assert len((await house.ask("GET", "/api/v1/blocks", bearer=bearer)).json["items"]) == 1


async def test_blocking_from_a_check_ends_it_and_the_reason_must_say_something(house: House) -> None:
    ada = house.world.people[0]
    await house.text(ada.mobile, "#verify")
    bearer = await house.log_in("technician")
    (check,) = (await house.ask("GET", TV, bearer=bearer)).json["items"]
    assert (await press(house, "/blocks", check_id=check["id"], reason=" x ")).status == 422
    assert (await press(house, "/blocks", check_id=check["id"], reason=REASON)).status == 303
    assert (await house.ask("GET", f"{TV}/{check['id']}", bearer=bearer)).json["state"] == "rejected"
    again = await house.ask("POST", f"{TV}/{check['id']}/resend", bearer=bearer, body={}, validate=False)
    assert again.status in (409, 404)
    announce = {"contact_id": ada.id, "direction": "we_called_user", "ticket": "later", "notify": True}
    refused = await house.ask("POST", "/api/v1/announced-calls", bearer=bearer, body=announce)
    assert (refused.status, refused.json["error"]) == (409, "blocked")


@pytest.mark.feature("SEC-36", "SEC-37")
async def test_nobody_blocks_past_their_tenant(house: House) -> None:
    ada = house.world.people[0]
    await house.text(ada.mobile, "hello")
    (line,) = await lines(house, "desk.plain")
    for fields in (
        {"line_id": line["id"]},
        {"line_id": "01900000-0000-7000-8000-00000000dead"},
        {"line_id": "nonsense"},
        {},
        {"line_id": line["id"], "check_id": line["id"]},
    ):
        answer = await press(house, "/blocks", "other_admin", reason=REASON, **fields)
        assert answer.status == 404, fields
    await press(house, "/blocks", line_id=line["id"], reason=REASON)
    assert REASON not in (await see(house, "/blocks", "other_admin")).text
    assert (await press(house, "/blocks/lift", "other_admin", address=ada.mobile)).status == 404


@pytest.mark.feature("SEC-36", "SEC-37")
async def test_a_contact_is_blocked_by_a_number_on_their_page_and_only_one_of_the_same_tenant(house: House) -> None:
    ada = house.world.people[0]
    number = address_of(ada)
    assert (await see(house, f"/blocks/new?address_id={number}", "other_admin")).status == 404
    assert (await press(house, "/blocks", "other_admin", address_id=number, reason=REASON)).status == 404
    assert (await see(house, f"/blocks/new?address_id={number}")).status == 200
    assert (await press(house, "/blocks", address_id=number, reason=REASON)).status == 303
    (noted,) = await lines(house, "sender.blocked")
    assert (noted["tenant_id"], noted["contact_id"]) == (house.world.tenant_id, ada.id)
    now = house.clock.now()
    assert list(await house.services.blocks.of(house.world.tenant_id, [ada.mobile], now)) == [ada.mobile]


async def test_a_block_of_a_number_that_several_share_is_written_down_under_none_of_them(house: House) -> None:
    """What is sealed for one contact goes when that one is forgotten, and the others are blocked still."""
    bearer, (ada, ben) = await house.log_in("technician"), house.world.people[:2]
    theirs = (addresses.c.tenant_id == house.world.tenant_id) & (addresses.c.id == address_of(ben))
    shared = addresses.update().where(theirs).values(value=ada.mobile)
    await house.database.write(house.world.tenant_id, lambda conn: conn.execute(shared))
    for address in (ada.mobile, house.world.people[2].mobile):
        body = {"address": address, "hours": 2, "reason": REASON}
        assert (await house.ask("POST", "/api/v1/blocks", bearer=bearer, body=body)).status == 201
    noted = await lines(house, "sender.blocked")
    assert [line["contact_id"] for line in noted] == ["", house.world.people[2].id]


async def test_programs_and_scripts_block_by_the_api(house: House) -> None:
    bearer, ada = await house.log_in("technician"), house.world.people[0]
    body = {"address": ada.mobile, "hours": 2, "reason": REASON}
    made = await house.ask("POST", "/api/v1/blocks", bearer=bearer, body=body)
    assert (made.status, made.json["until"]) == (201, "2026-03-02T11:00:00Z")
    (listed,) = (await house.ask("GET", "/api/v1/blocks", bearer=bearer)).json["items"]
    assert listed == made.json
    assert (await house.ask("POST", "/api/v1/blocks", bearer=bearer, body=body | {"hours": None})).status == 403
    for wrong in ({"address": "12"}, {"address": ""}, {"check_id": "01900000-0000-7000-8000-00000000dead"}):
        assert (await house.ask("POST", "/api/v1/blocks", bearer=bearer, body=body | wrong)).status == 422
    path = f"/api/v1/blocks/{ada.mobile}"
    stranger = await house.ask("DELETE", path, bearer=await house.log_in("other_admin"))
    assert stranger.status == 404
    assert (await house.ask("DELETE", path, bearer=bearer)).status == 204
    assert (await house.ask("DELETE", path, bearer=bearer)).status == 404
