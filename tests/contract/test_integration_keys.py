"""Keys of other programs at rest, on both databases: hashed, named once, of one tenant, over when they are over."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from dialogs.turns import AuditEvent
from identity.integration_keys import LONGEST_DAYS, PREFIX, NewKey, ends, is_over, looks_like_one, new_key
from storage.integration_keys import MOST_KEYS, IntegrationKeys, KeyToKeep, NameTaken, StoredKey, TooManyKeys
from storage.log import Log
from tests.fixtures.kept import Kept

MAKER = "01900000-0000-7000-8000-00000000d00d"


def _keys(kept: Kept) -> IntegrationKeys:
    return IntegrationKeys(kept.database, kept.keyring)


async def _add(
    kept: Kept, name: str = "dashboard", *, days: int = 30, tenant_id: str = "", scopes: str = "checks:read"
) -> tuple[NewKey, str]:
    """A key as it was shown, and its id."""
    new, id, now = new_key(kept.randomness), kept.new_id(), kept.clock.now()
    made = KeyToKeep(id, name, new.begins, new.digest, frozenset(scopes.split()), MAKER, ends(now, days))
    await _keys(kept).add(tenant_id or kept.world.tenant_id, made, now)
    return new, id


async def _found(kept: Kept, new: NewKey) -> StoredKey:
    found = await _keys(kept).find(new.digest)
    assert found is not None
    return found


@pytest.mark.feature("SEC-35")
async def test_a_key_is_found_by_its_hash_with_what_it_may_do(kept: Kept) -> None:
    new, id = await _add(kept, scopes="tickets:read checks:read")
    assert new.key.startswith(PREFIX)
    assert len(new.key) == len(PREFIX) + 43, "256 bits"
    assert looks_like_one(new.key)
    assert new.key.startswith(new.begins)
    assert len(new.begins) <= 12, "most of it stays unknown"
    found = await _found(kept, new)
    assert (found.tenant_id, found.id, found.name) == (kept.world.tenant_id, id, "dashboard")
    assert found.scopes == {"checks:read", "tickets:read"}
    assert (found.created_at, found.expires_at) == (kept.clock.now(), kept.clock.now() + timedelta(days=30))
    assert (found.last_used_at, found.revoked_at, found.maker) == (None, None, "")
    assert await _keys(kept).find("0" * 64) is None
    assert await _keys(kept).find(new.key) is None, "it is the hash that is kept"
    assert await _keys(kept).names(kept.world.tenant_id, [id, MAKER]) == {id: "dashboard"}
    assert await _keys(kept).names(kept.other.tenant_id, [id]) == {}


@pytest.mark.feature("SEC-35")
async def test_it_ends_to_the_second_and_within_a_year(kept: Kept) -> None:
    new, _ = await _add(kept, days=LONGEST_DAYS)
    found, last = await _found(kept, new), kept.clock.now() + timedelta(days=365)
    assert not is_over(found, last - timedelta(microseconds=1))
    assert is_over(found, last)
    for days in (0, -1, LONGEST_DAYS + 1):
        with pytest.raises(ValueError, match="365"):
            ends(kept.clock.now(), days)


@pytest.mark.feature("SEC-35")
async def test_revoked_is_over_and_only_once_and_only_by_its_own_tenant(kept: Kept) -> None:
    keys, mine = _keys(kept), kept.world.tenant_id
    new, id = await _add(kept)
    assert not await keys.revoke(kept.other.tenant_id, id, kept.clock.now())
    assert not is_over(await _found(kept, new), kept.clock.now())
    event = AuditEvent(kept.new_id(), kept.clock.now(), "settings.key_revoked", public={"key": id})
    assert await keys.noting(mine, event).revoke(mine, id, kept.clock.now())
    assert is_over(await _found(kept, new), kept.clock.now())
    assert not await keys.revoke(mine, id, kept.clock.now() + timedelta(days=1))
    assert (await _found(kept, new)).revoked_at == kept.clock.now(), "the first time stays"
    ended, ended_id = await _add(kept, "another", days=1)
    assert not await keys.revoke(mine, ended_id, kept.clock.now() + timedelta(days=1)), "it has run out by then"
    assert (await _found(kept, ended)).revoked_at is None


@pytest.mark.feature("SEC-35")
async def test_last_used_is_written_once_a_minute(kept: Kept) -> None:
    keys, start = _keys(kept), kept.clock.now()
    new, id = await _add(kept)
    await keys.touch(await _found(kept, new), start)
    assert (await _found(kept, new)).last_used_at == start
    for seconds, written in ((59, 0), (60, 60), (119, 60)):
        await keys.touch(await _found(kept, new), start + timedelta(seconds=seconds))
        assert (await _found(kept, new)).last_used_at == start + timedelta(seconds=written), seconds
    held = await _found(kept, new)
    await keys.revoke(kept.world.tenant_id, id, start)
    await keys.touch(held, start + timedelta(hours=1))
    assert (await _found(kept, new)).last_used_at == start + timedelta(seconds=60), "a revoked key is used no more"


@pytest.mark.feature("SEC-35")
async def test_a_name_belongs_to_one_key_that_works(kept: Kept) -> None:
    first, id = await _add(kept, "Dashboard")
    with pytest.raises(NameTaken):
        await _add(kept, "dashboard")
    await _add(kept, "dashboard", tenant_id=kept.other.tenant_id)
    await _keys(kept).revoke(kept.world.tenant_id, id, kept.clock.now())
    await _add(kept, "dashboard", days=1)
    kept.clock.advance(timedelta(days=1))
    await _add(kept, "dashboard")
    assert len(await _keys(kept).all(kept.world.tenant_id)) == 3
    assert [key.tenant_id for key in await _keys(kept).all(kept.other.tenant_id)] == [kept.other.tenant_id]
    assert (await _found(kept, first)).name == "Dashboard"


@pytest.mark.feature("SEC-35")
async def test_a_button_pressed_often_makes_one_key_and_no_line_for_the_others(kept: Kept) -> None:
    async def press() -> bool:
        new, id, now = new_key(kept.randomness), kept.new_id(), kept.clock.now()
        event = AuditEvent(kept.new_id(), now, "settings.key_made", public={"key": id})
        made = KeyToKeep(id, "dashboard", new.begins, new.digest, frozenset({"checks:read"}), MAKER, ends(now, 1))
        try:
            await _keys(kept).noting(kept.world.tenant_id, event).add(kept.world.tenant_id, made, now)
        except NameTaken:
            return False
        return True

    assert sorted(await asyncio.gather(*(press() for _ in range(8)))) == [False] * 7 + [True]
    log = Log(kept.database)
    lines = (
        *(await log.after(kept.world.tenant_id, kind="settings.key_made")).items,
        *(line for line in await log.unsealed(kept.world.tenant_id) if line.kind == "settings.key_made"),
    )
    (key,) = await _keys(kept).all(kept.world.tenant_id)
    assert [line.public["key"] for line in lines] == [key.id]


@pytest.mark.feature("SEC-35")
async def test_there_is_an_end_to_how_many(kept: Kept) -> None:
    for number in range(MOST_KEYS):
        await _add(kept, f"key {number}", days=1)
    with pytest.raises(TooManyKeys):
        await _add(kept, "one more")
    kept.clock.advance(timedelta(days=1))
    await _add(kept, "one more")
