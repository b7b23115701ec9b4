"""Verifications of end users that several want to change at once, and crashes in the middle."""

import asyncio
from datetime import datetime, timedelta

import pytest

from dialogs import user_verify as uv
from dialogs.ports import TurnStore
from dialogs.turns import (
    Decision,
    Facts,
    InboundFacts,
    Taken,
    Timer,
    Turn,
    VerificationAsk,
    VerificationFacts,
)
from storage.postgres import PostgresTurnStore
from tests.fixtures.turn_parts import (
    act,
    inbound_turn,
    new_check,
    said,
    text_item,
)
from tests.fixtures.turn_stores import House, MemoryHouse, PostgresHouse, rank
from tests.fixtures.verification_parts import (
    DIGITS,
    LIFE,
    asking,
    begin,
    by_link,
    code_item,
    denied,
    expired,
    guessed,
    look,
    moved_to,
    sent,
    tried,
    verified,
)
from tests.fixtures.world import START, Person

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def the_first(house: House) -> Person:
    return house.world.people[0]


async def answer(house: House, verification_id: str, state: uv.State, now: datetime) -> str:
    """`state` if the verification lives, else nothing: what a technician's right code does."""

    def decide(facts: Facts) -> Decision[str]:
        assert isinstance(facts, VerificationFacts)
        stored = facts.verification
        assert stored is not None
        if not isinstance(stored.state, uv.Sent):
            return Decision("over")
        return Decision("done", verifications=(moved_to(stored, state),), tries=(tried(stored, "right", now),))

    ask = VerificationAsk(house.world.tenant_id, verification_id=verification_id)
    result = await house.store.take(Turn(ask, decide, now))
    assert isinstance(result, Taken)
    return result.reply


@pytest.mark.feature("SEC-11")
async def test_of_fifty_right_answers_at_once_one_counts(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save)
    right = verified(sent(house.world, ada))
    replies = await asyncio.gather(*(answer(house, save.id, right, START) for _ in range(50)))
    assert sorted(replies) == ["done"] + ["over"] * 49
    assert len((await look(house, contact_id=ada.id)).tries) == 1


async def guess(house: House, verification_id: str) -> str:
    """A wrong code; the fifth ends it."""

    def decide(facts: Facts) -> Decision[str]:
        assert isinstance(facts, VerificationFacts)
        stored = facts.verification
        assert stored is not None
        if not isinstance(stored.state, uv.Sent):
            return Decision("over")
        state: uv.State = guessed(stored.state)
        if stored.state.challenge.wrong == 4:
            state = uv.Failed(stored.state.request, START, "wrong_codes", denied(stored.state).logged)
        return Decision("wrong", verifications=(moved_to(stored, state),), tries=(tried(stored, "wrong", START),))

    ask = VerificationAsk(house.world.tenant_id, verification_id=verification_id)
    result = await house.store.take(Turn(ask, decide, START))
    assert isinstance(result, Taken)
    return result.reply


@pytest.mark.feature("SEC-11")
async def test_of_many_wrong_answers_at_once_five_count(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save)
    replies = await asyncio.gather(*(guess(house, save.id) for _ in range(30)))
    assert sorted(replies) == ["over"] * 25 + ["wrong"] * 5
    found = await look(house, verification_id=save.id)
    assert found.verification is not None
    assert isinstance(found.verification.state, uv.Failed)
    assert len(found.tries) == 5


async def ask_with_limits(house: House, person: Person, store: TurnStore | None = None) -> int:
    """Ask somebody; how many codes the technician had sent by then."""
    world = house.world

    def decide(facts: Facts) -> Decision[int]:
        assert isinstance(facts, VerificationFacts)
        mobile = next(a for a in facts.addresses if a.kind == "mobile")
        save = asking(world, person, sent(world, person))
        return Decision(len(mobile.sends.technician), verifications=(save,), outbox=(code_item(world, save),))

    ask = VerificationAsk(world.tenant_id, contact_id=person.id, technician_id=world.dana, with_limits=True)
    result = await (store or house.store).take(Turn(ask, decide, START))
    assert isinstance(result, Taken)
    return result.reply


@pytest.mark.feature("SEC-39")
async def test_whoever_asks_at_the_same_time_is_counted(house: House) -> None:
    """Each sees those before it, also where several are taken in one go."""
    counts = await asyncio.gather(*(ask_with_limits(house, person) for person in house.world.people))
    assert sorted(counts) == list(range(len(house.world.people)))


@pytest.mark.feature("SEC-39", "SEC-06")
async def test_two_replicas_see_one_another_where_it_matters(on_server: PostgresHouse) -> None:
    """No limit is passed by asking at two places at once, nor is a check of a caller missed that begins just then."""
    world = on_server.world
    other = PostgresTurnStore(on_server.url, on_server.keyring, rank)

    async def check_of(person: Person) -> str:
        def decide(facts: InboundFacts) -> Decision[str]:
            if facts.verifications:
                return Decision("both are told")
            return Decision("checks", checks=(new_check(world, person),))

        result = await other.take(inbound_turn(said(world, person.mobile), decide, with_limits=True))
        assert isinstance(result, Taken)
        return str(result.reply)

    async def verify(person: Person) -> str:
        def decide(facts: Facts) -> Decision[str]:
            assert isinstance(facts, VerificationFacts)
            if facts.checks:
                return Decision("refused")
            return Decision("asked", verifications=(asking(world, person, sent(world, person)),))

        ask = VerificationAsk(world.tenant_id, contact_id=person.id)
        result = await on_server.store.take(Turn(ask, decide, START))
        assert isinstance(result, Taken)
        return result.reply

    try:
        pairs = await asyncio.gather(*(asyncio.gather(check_of(p), verify(p)) for p in world.people))
        # Again with everybody known, at both places.
        stores = (on_server.store, other) * 3
        counts = await asyncio.gather(
            *(count_sends(on_server, store, person) for store, person in zip(stores, world.people, strict=True))
        )
    finally:
        await other.close()
    assert all(tuple(pair) in {("checks", "refused"), ("both are told", "asked")} for pair in pairs), pairs
    assert sorted(counts) == list(range(6))


async def count_sends(house: PostgresHouse, store: TurnStore, person: Person) -> int:
    """Send something that counts, whatever else is going on with them."""
    world = house.world

    def decide(facts: Facts) -> Decision[int]:
        assert isinstance(facts, VerificationFacts)
        mobile = next(a for a in facts.addresses if a.kind == "mobile")
        item = text_item(world, person.mobile, challenge=True, technician_id=world.dana, contact_id=person.id)
        return Decision(len(mobile.sends.technician), outbox=(item,))

    ask = VerificationAsk(world.tenant_id, contact_id=person.id, technician_id=world.dana, with_limits=True)
    result = await store.take(Turn(ask, decide, START))
    assert isinstance(result, Taken)
    return result.reply


@pytest.mark.feature("SEC-11")
async def test_of_fifty_right_answers_at_two_replicas_one_counts(on_server: PostgresHouse) -> None:
    world, ada = on_server.world, on_server.world.people[0]
    save = asking(world, ada, sent(world, ada))
    await begin(on_server, save)
    other = PostgresTurnStore(on_server.url, on_server.keyring, rank)

    async def answer(store: PostgresTurnStore) -> str:
        def decide(facts: Facts) -> Decision[str]:
            assert isinstance(facts, VerificationFacts)
            stored = facts.verification
            assert stored is not None
            if not isinstance(stored.state, uv.Sent):
                return Decision("over")
            right = verified(stored.state)
            return Decision("right", verifications=(moved_to(stored, right),), tries=(tried(stored, "right", START),))

        ask = VerificationAsk(world.tenant_id, verification_id=save.id)
        result = await store.take(Turn(ask, decide, START))
        assert isinstance(result, Taken)
        return result.reply

    try:
        replies = await asyncio.gather(*(answer(store) for _ in range(25) for store in (on_server.store, other)))
    finally:
        await other.close()
    assert sorted(replies) == ["over"] * 49 + ["right"]
    assert len((await look(on_server, contact_id=ada.id)).tries) == 1


@pytest.mark.feature("SEC-11")
async def test_of_two_replicas_that_ask_the_same_person_one_gives_way(on_server: PostgresHouse) -> None:
    world, ada = on_server.world, on_server.world.people[0]
    other = PostgresTurnStore(on_server.url, on_server.keyring, rank)

    async def ask(store: PostgresTurnStore) -> str:
        def decide(facts: Facts) -> Decision[str]:
            assert isinstance(facts, VerificationFacts)
            if facts.live:
                return Decision("one is open")
            return Decision("asked", verifications=(asking(world, ada, sent(world, ada)),))

        result = await store.take(Turn(VerificationAsk(world.tenant_id, contact_id=ada.id), decide, START))
        assert isinstance(result, Taken)
        return result.reply

    try:
        replies = await asyncio.gather(*(ask(store) for _ in range(10) for store in (on_server.store, other)))
    finally:
        await other.close()
    assert sorted(replies) == ["asked"] + ["one is open"] * 19


# --- a crash --------------------------------------------------------------------------------------------------------


class Crash(Exception):
    """The process dies here."""


@pytest.mark.feature("REL-01")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_leaves_all_of_a_verification_or_nothing(when: str) -> None:
    house = MemoryHouse()
    ada = the_first(house)
    old = asking(house.world, ada, sent(house.world, ada))
    await begin(house, old, outbox=(code_item(house.world, old),))
    before = house.store.snapshot()
    stored = (await look(house, verification_id=old.id)).live[0]
    new = asking(house.world, ada, by_link(house.world, ada), token="t")
    decision = Decision(
        "",
        verifications=(moved_to(stored, expired(sent(house.world, ada))), new),
        outbox=(code_item(house.world, new),),
        tries=(tried(old, "wrong", START),),
        timers=(Timer(house.world.tenant_id, new.id, "euv_deadline", START + LIFE),),
        end_shields=(ada.id,),
    )

    def crash() -> None:
        raise Crash

    if when == "before":
        house.store.before_commit = crash
    else:
        house.store.after_commit = crash
    ask = VerificationAsk(house.world.tenant_id, contact_id=ada.id)
    with pytest.raises(Crash):
        await act(house, ask, decision)
    after = house.store.snapshot()
    if when == "before":
        assert after == before
        return
    assert {key[1]: v.version for key, v in after.verifications.items()} == {old.id: 2, new.id: 1}
    assert [(row.status, row.body) for row in await house.outbox()] == [("dropped", ""), ("waiting", f"code {DIGITS}")]
    assert list(after.links.values()) == [(house.world.tenant_id, new.id)]
    assert (len(after.tries), len(after.timers)) == (1, 1)
