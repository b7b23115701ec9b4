"""What every turn store promises about verifications of end users."""

from datetime import timedelta

import pytest

from dialogs import user_verify as uv
from dialogs.effects import Code
from dialogs.ports import Contended
from dialogs.tech_verify import Happened
from dialogs.turns import (
    CheckAsk,
    Decision,
    Duplicate,
    Facts,
    SaveCheck,
    Settled,
    Taken,
    Timer,
    Turn,
    VerificationAsk,
    VerificationFacts,
)
from tests.fixtures.turn_parts import (
    act,
    check_facts,
    confirmed,
    moved,
    new_check,
    new_id,
    open_state,
)
from tests.fixtures.turn_stores import House
from tests.fixtures.verification_parts import (
    DIGITS,
    GREEN,
    LIFE,
    asking,
    begin,
    by_link,
    code_item,
    denied,
    expired,
    look,
    move,
    moved_to,
    request,
    sent,
    tried,
    verified,
)
from tests.fixtures.world import START, Person

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def the_first(house: House) -> Person:
    return house.world.people[0]


async def test_there_is_one_live_verification_for_each_contact(house: House) -> None:
    """A second one is decided anew, and then sees the first."""
    ada = the_first(house)
    first, second = (asking(house.world, ada, sent(house.world, ada)) for _ in range(2))
    await begin(house, first)
    seen: list[int] = []

    def decide(facts: Facts) -> Decision[str]:
        assert isinstance(facts, VerificationFacts)
        seen.append(len(facts.live))
        ends = tuple(moved_to(v, expired(sent(house.world, ada))) for v in facts.live) if len(seen) > 1 else ()
        return Decision("", verifications=(second, *ends))

    ask = VerificationAsk(house.world.tenant_id, contact_id=ada.id)
    assert isinstance(await house.store.take(Turn(ask, decide, START)), Taken)
    assert seen == [1, 1], "the turn that ended nothing lost, and was decided again"
    found = await look(house, verification_id=first.id)
    assert [v.id for v in found.live] == [second.id]
    assert found.verification is not None
    assert isinstance(found.verification.state, uv.Expired)


async def test_who_never_gives_way_is_told_that_it_is_contended(house: House) -> None:
    ada = the_first(house)
    await begin(house, asking(house.world, ada, sent(house.world, ada)))
    with pytest.raises(Contended):
        await begin(house, asking(house.world, ada, sent(house.world, ada)))
    assert len((await look(house, contact_id=ada.id)).live) == 1


async def test_once_is_once_and_a_timer_goes_with_its_turn(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    ring = Timer(house.world.tenant_id, save.id, "euv_deadline", START + LIFE)
    await begin(house, save, timers=(ring,))
    assert await house.store.due_timers(START + LIFE) == [ring]
    ask = VerificationAsk(house.world.tenant_id, verification_id=save.id, once="call 1")
    assert isinstance(await house.store.take(Turn(ask, lambda _: Decision(""), START)), Taken)
    assert await house.store.take(Turn(ask, lambda _: Decision(""), START)) == Duplicate()
    rung = VerificationAsk(house.world.tenant_id, verification_id=save.id, timer="euv_deadline")
    assert isinstance(await house.store.take(Turn(rung, lambda _: Decision(""), START)), Taken)
    assert await house.store.take(Turn(rung, lambda _: Decision(""), START)) == Duplicate()
    assert await house.store.due_timers(START + LIFE) == []


@pytest.mark.feature("SEC-17")
async def test_what_has_ended_rings_no_more_and_sends_no_code(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    ring = Timer(house.world.tenant_id, save.id, "euv_deadline", START + LIFE)
    waiting = code_item(house.world, save)
    goodbye = code_item(house.world, save, template="euv.denied_thanks", challenge=False)
    await begin(house, save, timers=(ring,), outbox=(waiting, goodbye))
    await move(house, save.id, denied(sent(house.world, ada)))
    assert await house.store.due_timers(START + LIFE) == []
    rows = {row.id: (row.status, row.body) for row in await house.outbox()}
    assert rows == {waiting.id: ("dropped", ""), goodbye.id: ("waiting", f"code {DIGITS}")}
    (leased,) = await house.store.lease("w", START)
    assert leased.item.id == goodbye.id, "what carries no code goes out all the same"


@pytest.mark.feature("SEC-17")
@pytest.mark.parametrize("after", ["retry", "unknown", "released", "ran out"])
async def test_a_code_in_somebodys_hands_goes_no_further_once_it_has_ended(house: House, after: str) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save, outbox=(code_item(house.world, save),))
    (leased,) = await house.store.lease("w", START)
    assert leased.item.challenge
    await move(house, save.id, verified(sent(house.world, ada)))
    later = START + 61 * SECOND
    match after:
        case "released":
            await house.store.release_leases("w")
        case "ran out":
            assert await house.store.lease("other", later) == []
        case "retry":
            await house.store.settle([Settled(leased, "retry", retry_at=later)], START)
        case _:
            await house.store.settle([Settled(leased, "unknown", retry_at=later)], START)
    assert [(row.status, row.body) for row in await house.outbox()] == [("dropped", "")]
    assert await house.store.lease("w", later + 61 * SECOND) == []


@pytest.mark.feature("SEC-17")
async def test_a_code_that_was_sent_is_wiped(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save, outbox=(code_item(house.world, save),))
    (leased,) = await house.store.lease("w", START)
    await house.store.settle([Settled(leased, "sent", "twilio", "SM1")], START)
    assert [(row.status, row.body) for row in await house.outbox()] == [("sent", "")]


async def test_a_check_of_a_caller_does_not_count_as_its_end(house: House) -> None:
    """Ids of both kinds stand in the same column of the outbox."""
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    check = new_check(house.world, ada)
    await begin(house, save, outbox=(code_item(house.world, save),))
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", checks=(check,)))
    over = moved(await check_facts(house, check.id), confirmed(open_state(ada)))
    await act(house, CheckAsk(house.world.tenant_id, check.id), Decision("", checks=(over,)))
    (leased,) = await house.store.lease("w", START)
    assert leased.item.check_id == save.id


# --- both kinds in one turn -----------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-08", "SEC-15")
async def test_one_turn_ends_a_check_a_verification_and_the_shields(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    check = new_check(house.world, ada)
    await begin(house, save)
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", checks=(check,)))
    ended = SaveCheck(
        check.id,
        1,
        confirmed(open_state(ada)),
        check.channel,
        check.our_address,
        check.their_address,
        check.conversation_id,
        check.contact_id,
        check.created_at,
    )
    stored = (await look(house, verification_id=save.id)).verification
    assert stored is not None
    both = Decision(
        "",
        checks=(ended,),
        verifications=(moved_to(stored, denied(sent(house.world, ada))),),
        end_shields=(ada.id,),
    )
    await act(house, CheckAsk(house.world.tenant_id, check.id), both)
    found = await look(house, contact_id=ada.id)
    assert (found.live, found.denied_at) == ((), START)


async def test_a_turn_that_loses_writes_nothing_of_it(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, by_link(house.world, ada), token="t1")
    await begin(house, save)
    stale = moved_to((await look(house, verification_id=save.id)).live[0], verified(sent(house.world, ada)))
    await move(house, save.id, expired(sent(house.world, ada)))
    late = Decision("", verifications=(stale,), tries=(tried(save, "right", START),), end_shields=(ada.id,))
    with pytest.raises(Contended):
        await act(house, VerificationAsk(house.world.tenant_id, verification_id=save.id), late)
    found = await look(house, verification_id=save.id)
    assert found.tries == ()
    assert found.verification is not None
    assert isinstance(found.verification.state, uv.Expired)


async def test_states_of_every_kind_come_back_as_they_were(house: House) -> None:
    """With everything filled in that may be: a link with a number to be typed, a note, an override."""
    world = house.world

    def full(person: Person) -> uv.Sent:
        asked = request(
            world,
            person,
            note="her desk phone is broken",
            other_contact=True,
            lifted_by=new_id(),
            override=uv.Override("nobody else is here", alone=True),
            action=uv.Action.HIGH,
            ticket=None,
        )
        challenge = uv.Challenge(None, "digest", START + LIFE, Code("47"), 2, 1, "person")
        return uv.Sent(asked, challenge, (Happened(START, "euv_sent", "Dana"),), "CA1")

    def ends(live: uv.Sent) -> tuple[uv.State, ...]:
        asked, over = live.request, denied(live)
        return (
            uv.Verified(asked, START, uv.Assurance.TAP, START + GREEN, over.logged, live.trail),
            over,
            uv.Failed(asked, START, "wrong_numbers", over.logged),
            uv.Expired(asked, START, "number_changed", over.logged),
            uv.Undelivered(asked, START, "30003", over.logged),
        )

    for n, person in enumerate(world.people[:5]):
        state = full(person)
        save, end = asking(world, person, state), ends(state)[n]
        await begin(house, save)
        live = (await look(house, verification_id=save.id)).verification
        assert live is not None
        assert live.state == state
        await move(house, save.id, end)
        found = (await look(house, verification_id=save.id)).verification
        assert found is not None
        assert (found.state, found.version) == (end, 2)
