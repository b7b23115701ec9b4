"""What operators do past the turn, on each database: the fence, erasing, retention, the day's slot, rotation."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Table, func, insert, select

from dialogs.tech_verify import State
from storage.codec import KIND, dump_state, load_state, summary
from storage.database import Unscoped
from storage.digests import once_only
from storage.epochs import current_epoch, fence
from storage.erasure import erase
from storage.keys import Keyring, place
from storage.retention import sweep
from storage.rotation import Rotated, rotate
from storage.sealed.notes import Checkpoint
from storage.sealing import row_keys
from storage.slots import claim_slot, finish_slot
from storage.tables import (
    account_links,
    alerts,
    announced_calls,
    audit,
    challenge_sends,
    dialogs,
    fences,
    idempotency,
    inbound,
    known_browsers,
    log_ins,
    outbox,
    recovery_codes,
    technicians,
    tenants,
    timers,
)
from storage.times import id_from, micros
from tests.fixtures.kept import Kept
from tests.fixtures.world import MASTER_KEY, START, Person
from tests.unit.check_walks.world import CLAIMED, OPEN, PAT

#: A checkpoint outside, of nine lines.
SEEN = Checkpoint("watchword/1", 1, 9, b"r" * 32, START)


def made(at: datetime, n: int) -> str:
    """An id that sorts by its time."""
    return id_from(micros(at), n.to_bytes(10, "big"))


async def fill(kept: Kept) -> None:
    """An open and a claimed check, and everything that may hang on them."""
    world, now = kept.world, kept.clock.now()
    of = {"tenant_id": world.tenant_id}
    at = micros(now)
    ada, ben = world.people[0], world.people[1]

    def work(conn: Connection) -> None:
        live: list[tuple[Person, State]] = [(ada, OPEN), (ben, CLAIMED)]
        for n, (person, state) in enumerate(live):
            id, known = made(now, n), summary(state)
            keys = row_keys(conn, kept.keyring, world.tenant_id, person.id)
            seal = partial(keys.seal, bound_to=place("dialogs", "body", world.tenant_id, id))
            put(
                conn,
                dialogs,
                of,
                id=id,
                kind=KIND,
                version=3,
                state=known.state,
                is_live=True,
                body=dump_state(state, seal),
                channel="sms",
                our_address=world.number.address,
                their_address=person.mobile,
                conversation_id=made(now, 50 + n),
                contact_id=person.id,
                created_at=at,
                updated_at=at,
                expires_at=micros(now + timedelta(minutes=10)),
            )
            put(conn, timers, of, check_id=id, name="deadline", at=at)
            put(
                conn,
                challenge_sends,
                of,
                id=made(now, 60 + n),
                check_id=id,
                destination=person.mobile,
                prefix=person.mobile[:-4],
                segments=1,
                at=at,
            )
        items = (("text", "tv.code", 0), ("text", "desk.plain", None), ("ticket.create", "", 1), ("ticket.note", "", 1))
        for n, (kind, template, check) in enumerate(items):
            put(
                conn,
                outbox,
                of,
                id=made(now, 70 + n),
                kind=kind,
                lane=f"sms:{ada.mobile}",
                payload=b"sealed",
                template=template,
                check_id="" if check is None else made(now, check),
                contact_id=ada.id,
                status="waiting",
                fence=2,
                worker="gone",
                lease_until=at,
                created_at=at,
                due_at=at,
            )
        put(
            conn,
            log_ins,
            of,
            id=made(now, 80),
            technician_id=world.dana,
            digest="d",
            kind="cookie",
            created_at=at,
            last_seen_at=at,
            expires_at=micros(now + timedelta(hours=9)),
            proven_at=at,
        )
        put(conn, recovery_codes, of, technician_id=world.dana, digest="r")
        until = micros(now + timedelta(days=7))
        for n, used in ((84, None), (85, at)):
            put(
                conn,
                account_links,
                of,
                id=made(now, n),
                technician_id=world.dana,
                digest=f"link{n}",
                purpose="password",
                created_at=at,
                expires_at=until,
                used_at=used,
            )
        put(
            conn,
            known_browsers,
            of,
            id=made(now, 86),
            technician_id=world.dana,
            digest="k",
            created_at=at,
            expires_at=until,
        )
        put(conn, idempotency, of, key=b"k" * 32, request=b"r" * 32, at=at)
        put(
            conn,
            announced_calls,
            of,
            id=made(now, 81),
            contact_id=ada.id,
            technician_id=world.dana,
            technician_name="Dana",
            direction="we_called_user",
            ticket="later",
            created_at=at,
            expires_at=micros(now + timedelta(minutes=15)),
        )
        put(
            conn,
            inbound,
            of,
            id=made(now, 82),
            channel="sms",
            conversation_id=made(now, 50),
            contact_id=ada.id,
            once_key=once_only("once"),
            body=b"sealed",
            at=at,
        )
        put(conn, alerts, of, id=made(now, 83), kind="denied", at=at, contact_id=ada.id, body=b"sealed", seen_at=at)

    await kept.database.write(Unscoped.OPERATOR, work)


def put(conn: Connection, table: Table, of: dict[str, Any], **values: Any) -> None:
    conn.execute(insert(table).values(of | values))


async def found(kept: Kept, *columns: Any) -> list[tuple[Any, ...]]:
    query = select(*columns).order_by(*columns)
    return await kept.database.read(Unscoped.OPERATOR, lambda conn: [tuple(row) for row in conn.execute(query)])


@pytest.mark.feature("REL-13")
async def test_the_fence_ends_everything_of_before_in_one_go(kept: Kept) -> None:
    await fill(kept)
    now = kept.clock.now() + timedelta(minutes=1)
    done = await fence(kept.database, kept.keyring, now, kept.new_id, seen=lambda by: SEEN, reason="a test")
    assert (done.epoch, done.size, done.seen) == (2, 0, 9)
    assert (done.checks, done.texts, done.unclear, done.log_ins, done.calls, done.recovery_codes) == (2, 1, 2, 1, 1, 1)
    assert done.links == 1
    assert await kept.database.read(Unscoped.OPERATOR, current_epoch) == 2
    assert [(row[0], row[1]) for row in await found(kept, fences.c.epoch, fences.c.reason)] == [(2, "a test")]
    for state, live, version, body, until in await found(
        kept, dialogs.c.state, dialogs.c.is_live, dialogs.c.version, dialogs.c.body, dialogs.c.expires_at
    ):
        assert (state, live, version, until) == ("expired", False, 4, None)
        assert "sealed" not in body, "the code is gone with the live state"
        assert getattr(load_state(body, lambda cell: b""), "reason", "") == "restored"
    assert await found(kept, timers.c.check_id) == []
    assert {row[0] for row in await found(kept, challenge_sends.c.given_back_at)} == {micros(now)}
    sent = await found(kept, outbox.c.kind, outbox.c.template, outbox.c.status, outbox.c.payload, outbox.c.fence)
    assert sorted(sent, key=str) == sorted(
        [
            ("text", "tv.code", "dropped", None, 3),
            ("text", "desk.plain", "dropped", None, 3),
            ("ticket.create", "", "unknown", b"sealed", 3),
            ("ticket.note", "", "unknown", b"sealed", 3),
        ],
        key=str,
    )
    assert {row[0] for row in await found(kept, outbox.c.lease_until)} == {None}
    assert await found(kept, log_ins.c.revoked_at) == [(micros(now),)]
    assert await found(kept, idempotency.c.key) == []
    assert await found(kept, announced_calls.c.ended_at) == [(micros(now),)]
    assert await found(kept, recovery_codes.c.used_at) == [(micros(now),)]
    links = await found(kept, account_links.c.digest, account_links.c.expires_at)
    assert [(digest, until <= micros(now)) for digest, until in links] == [("link84", True), ("link85", False)]
    assert await found(kept, known_browsers.c.digest) == [], "every browser gives its second factor again"
    assert {row[0] for row in await found(kept, technicians.c.totp_step)} == {int(now.timestamp()) // 30}
    lines = await found(kept, audit.c.kind, audit.c.tenant_id)
    assert [kind for kind, _ in lines] == ["installation.restored"] * 2 + ["tv.void"] * 2
    assert {tenant for kind, tenant in lines if kind == "installation.restored"} == {
        kept.world.tenant_id,
        kept.other.tenant_id,
    }, "a line for each tenant"
    told = await found(kept, audit.c.kind, audit.c.tenant_id, audit.c.public)
    ours = next(json.loads(p) for k, t, p in told if k == "installation.restored" and t == kept.world.tenant_id)
    assert (ours["epoch"], ours["checks"], ours["seen"]) == (2, 2, 9)


@pytest.mark.feature("REL-13")
async def test_no_epoch_comes_twice(kept: Kept) -> None:
    """The checkpoints outside know of a restore that this backup is older than."""
    seen = replace(SEEN, epoch=4)
    done = await fence(kept.database, kept.keyring, kept.clock.now(), kept.new_id, seen=lambda by: seen)
    assert done.epoch == 5
    again = await fence(kept.database, kept.keyring, kept.clock.now(), kept.new_id, seen=lambda by: seen)
    assert again.epoch == 6


@pytest.mark.feature("SEC-56")
async def test_erasing_touches_one_person_only(kept: Kept) -> None:
    await fill(kept)
    ada, now = kept.world.people[0], kept.clock.now()
    done = await erase(kept.database, kept.keyring, kept.world.tenant_id, ada.id, now, kept.new_id)
    assert done is not None
    assert (done.ended, done.checks, done.texts, done.alerts, done.calls, done.addresses) == (1, 1, 4, 1, 1, 2)
    states = dict(await found(kept, dialogs.c.contact_id, dialogs.c.state))
    assert states == {ada.id: "expired", kept.world.people[1].id: "claimed"}
    assert await found(kept, inbound.c.body, inbound.c.once_key) == [(None, once_only("once"))]
    assert {row[0] for row in await found(kept, outbox.c.payload)} == {None}
    assert {row[0] for row in await found(kept, outbox.c.status)} == {"dropped"}
    assert not any(ada.mobile in row[0] for row in await found(kept, outbox.c.lane))
    assert await erase(kept.database, kept.keyring, kept.world.tenant_id, ada.id, now, kept.new_id) is None
    other = kept.other.people[0]
    assert await erase(kept.database, kept.keyring, kept.world.tenant_id, other.id, now, kept.new_id) is None


@pytest.mark.feature("SEC-56", "SEC-23")
async def test_retention_takes_words_and_leaves_keys(kept: Kept) -> None:
    await fill(kept)
    later = kept.clock.now() + timedelta(days=200)
    await fence(kept.database, kept.keyring, kept.clock.now(), kept.new_id, seen=lambda by: None)
    counted = await sweep(kept.database, later, dry_run=True)
    swept = await sweep(kept.database, later)
    assert swept.tenants == counted.tenants
    ours = swept.tenants[f"tenant-{kept.world.tenant_id[-4:]}"]
    assert ours["words of texts received"] == 1
    assert ours["numbers that codes were sent to"] == 2
    assert ours["ended log-ins"] == 1
    assert await found(kept, inbound.c.body, inbound.c.once_key) == [(None, once_only("once"))]
    again = await sweep(kept.database, later)
    assert not any(sum(counts.values()) for counts in again.tenants.values())
    await sweep(kept.database, later + timedelta(days=600))
    assert await found(kept, alerts.c.id) == []
    bodies = [row[0] for row in await found(kept, dialogs.c.body)]
    assert bodies
    assert not any(PAT.name in body for body in bodies)


async def test_of_many_replicas_one_gets_the_slot(kept: Kept) -> None:
    now = kept.clock.now()

    async def claimed(slot: str, at: datetime) -> int:
        tries = [claim_slot(kept.database, "job", slot, at) for _ in range(4)]
        return sum(await asyncio.gather(*tries))

    assert await claimed("monday", now) == 1
    assert await claimed("monday", now + timedelta(minutes=59)) == 0
    assert await claimed("monday", now + timedelta(minutes=61)) == 1, "whoever had it did not finish"
    await finish_slot(kept.database, "job", "monday", now)
    assert await claimed("monday", now + timedelta(hours=9)) == 0
    assert await claimed("tuesday", now + timedelta(hours=9)) == 1


@pytest.mark.feature("SEC-18")
async def test_rotating_bumps_versions_so_that_servers_read_anew(kept: Kept) -> None:
    before = await found(kept, tenants.c.id, tenants.c.version)
    both = Keyring([bytes(range(32, 64)), MASTER_KEY])
    assert await rotate(kept.database, both, lambda at, of: None) == Rotated(2, 0, False)
    assert await found(kept, tenants.c.id, tenants.c.version) == [(id, version + 1) for id, version in before]
    count = select(func.count()).select_from(tenants)
    assert await kept.database.read(Unscoped.ROUTING, lambda conn: conn.scalar(count)) == 2
