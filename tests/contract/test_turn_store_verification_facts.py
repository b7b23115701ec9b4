"""What every turn store finds for a verification of an end user."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dialogs import user_verify as uv
from dialogs.limits import SendCounts
from dialogs.tech_verify import Happened
from dialogs.turns import (
    CheckAsk,
    Decision,
    Suppression,
    Taken,
    Turn,
    Unroutable,
    VerificationAsk,
    VerificationFacts,
)
from tests.fixtures.turn_parts import (
    act,
    check_facts,
    confirmed,
    facts_for,
    moved,
    new_check,
    open_state,
)
from tests.fixtures.turn_stores import House
from tests.fixtures.verification_parts import (
    asking,
    begin,
    code_item,
    denied,
    look,
    move,
    sent,
    tried,
    verified,
)
from tests.fixtures.world import START, Person

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def the_first(house: House) -> Person:
    return house.world.people[0]


async def test_what_is_saved_is_found_by_its_id_and_by_its_contact(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save)
    by_id = await look(house, verification_id=save.id)
    by_contact = await look(house, contact_id=ada.id)
    assert by_id.verification is not None
    assert (by_id.verification.state, by_id.verification.version) == (save.state, 1)
    assert by_id.contact == ada.facts
    assert by_id.verification.their_address == ada.mobile
    assert by_id.verification.our_address == house.world.number.address
    assert by_id.verification.created_at == START
    assert by_contact.live == by_id.live == (by_id.verification,)
    assert by_contact.verification is None
    assert by_id.our_number == house.world.number.address


async def test_nobody_and_nothing_is_found_for_ids_that_are_none(house: House) -> None:
    ada = the_first(house)
    await begin(house, asking(house.world, ada, sent(house.world, ada)))
    none: tuple[dict[str, Any], ...] = (
        {"contact_id": "nobody"},
        {"verification_id": "none"},
        {"verification_id": "none", "contact_id": ada.id},
    )
    for wanted in none:
        found = await look(house, **wanted)
        assert (found.verification, found.contact, found.addresses, found.live) == (None, None, (), ())
    ask = VerificationAsk("no tenant", contact_id=ada.id)
    assert await house.store.take(Turn(ask, lambda facts: Decision(facts), START)) == Unroutable()


@pytest.mark.feature("SEC-07")
async def test_another_tenant_does_not_find_it(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save)
    ask = VerificationAsk(house.other.tenant_id, verification_id=save.id)
    result = await house.store.take(Turn(ask, lambda facts: Decision(facts), START))
    assert isinstance(result, Taken)
    assert isinstance(result.reply, VerificationFacts)
    assert result.reply.verification is None


async def test_addresses_come_with_their_default_first_and_why_no_text_may_go_there(house: House) -> None:
    ada = the_first(house)
    stop = Suppression(True, house.world.number.address, ada.mobile, "word")
    await act(house, CheckAsk(house.world.tenant_id, "none"), Decision("", suppressions=(stop,)))
    found = (await look(house, contact_id=ada.id)).addresses
    assert [(a.kind, a.value, a.is_default, a.suppressed) for a in found] == [
        ("email", ada.email, True, ""),
        ("mobile", ada.mobile, True, "opted_out"),
    ]
    await house.block(ada.mobile, None)
    await house.block(ada.email, None)
    found = (await look(house, contact_id=ada.id)).addresses
    assert [a.suppressed for a in found] == ["", "blocked"], "texts are not what goes to an e-mail address"


async def test_sends_are_counted_for_the_address_asked_for_or_for_all(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save, outbox=(code_item(house.world, save),))
    everything = (await look(house, contact_id=ada.id, with_limits=True, technician_id=house.world.dana)).addresses
    assert [(a.kind, len(a.sends.destination), len(a.sends.technician)) for a in everything] == [
        ("email", 0, 1),
        ("mobile", 1, 1),
    ]
    email = next(a.id for a in everything if a.kind == "email")
    one = (await look(house, contact_id=ada.id, with_limits=True, address_id=email)).addresses
    assert [a.sends == SendCounts() for a in one] == [False, True]
    assert one[0].sends.tenant == (START,)
    assert all(a.sends == SendCounts() for a in (await look(house, contact_id=ada.id)).addresses)


async def test_what_was_answered_is_given_back(house: House) -> None:
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save, outbox=(code_item(house.world, save),))
    await move(house, save.id, verified(sent(house.world, ada)), give_back=(save.id,))
    found = (await look(house, contact_id=ada.id, with_limits=True)).addresses
    assert [a.sends.destination for a in found] == [(), ()]
    assert [a.sends.segments_today for a in found] == [1, 1]


@pytest.mark.feature("SEC-06")
async def test_checks_of_callers_are_seen_while_they_live_and_for_half_an_hour(house: House) -> None:
    ada, ben = house.world.people[:2]
    check, of_ben = new_check(house.world, ada), new_check(house.world, ben)
    ask = CheckAsk(house.world.tenant_id, "none")
    await act(house, ask, Decision("", checks=(check, of_ben)))
    found = (await look(house, contact_id=ada.id)).checks
    assert [c.id for c in found] == [check.id]
    over = moved(await check_facts(house, check.id), confirmed(open_state(ada)))
    await act(house, CheckAsk(house.world.tenant_id, check.id), Decision("", checks=(over,)))
    newer = new_check(house.world, ada)
    await act(house, ask, Decision("", checks=(newer,)))
    assert [c.id for c in (await look(house, contact_id=ada.id)).checks] == [newer.id, check.id]
    later = START + 30 * MINUTE
    assert [c.id for c in (await look(house, later - SECOND, contact_id=ada.id)).checks] == [newer.id, check.id]
    assert [c.id for c in (await look(house, later, contact_id=ada.id)).checks] == [newer.id]


@pytest.mark.feature("SEC-06")
async def test_a_check_by_somebody_who_may_be_them_is_seen_too(house: House) -> None:
    """Their number stands on several contacts, and nobody has said yet who asks."""
    ada = the_first(house)
    nobodys = new_check(house.world, ada, contact="")
    ask = CheckAsk(house.world.tenant_id, "none")
    await act(house, ask, Decision("", checks=(nobodys,)))
    assert [(c.id, c.contact_id) for c in (await look(house, contact_id=ada.id)).checks] == [(nobodys.id, "")]
    over = moved(await check_facts(house, nobodys.id), confirmed(open_state(ada)))
    await act(house, CheckAsk(house.world.tenant_id, nobodys.id), Decision("", checks=(over,)))
    assert len((await look(house, contact_id=ada.id)).checks) == 1
    assert (await look(house, START + 30 * MINUTE, contact_id=ada.id)).checks == ()
    assert (await look(house, contact_id=house.world.people[1].id)).checks == ()


@pytest.mark.feature("SEC-08")
async def test_a_denial_is_seen_for_half_an_hour(house: House) -> None:
    ada, ben = house.world.people[:2]
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save)
    at = START + MINUTE
    await move(house, save.id, denied(sent(house.world, ada), at), at)
    assert (await look(house, at, contact_id=ada.id)).denied_at == at
    assert (await look(house, at + 30 * MINUTE - SECOND, contact_id=ada.id)).denied_at == at
    assert (await look(house, at + 30 * MINUTE, contact_id=ada.id)).denied_at is None
    assert (await look(house, at, contact_id=ben.id)).denied_at is None


@pytest.mark.feature("SEC-08")
async def test_a_denial_after_the_end_is_seen_as_long(house: House) -> None:
    """Whoever says "this was not me" after somebody was verified is believed no less."""
    ada = the_first(house)
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save)
    done = verified(sent(house.world, ada), START + MINUTE)
    await move(house, save.id, done, START + MINUTE)
    assert (await look(house, START + 2 * MINUTE, contact_id=ada.id)).denied_at is None
    at = START + 2 * HOUR
    story = (*done.trail, Happened(at, uv.DENIED_LATE))
    await move(house, save.id, replace(done, trail=story), at)
    assert (await look(house, at, contact_id=ada.id)).denied_at == at
    assert (await look(house, at + 30 * MINUTE, contact_id=ada.id)).denied_at is None


@pytest.mark.feature("SEC-14")
async def test_tries_come_newest_first_and_are_counted_by_technician(house: House) -> None:
    ada, ben = house.world.people[:2]
    dana, theo = (id_ for id_, _ in house.world.technicians)
    save = asking(house.world, ada, sent(house.world, ada))
    old = tried(save, "wrong", START - HOUR, dana)
    tries = (
        old,
        tried(save, "wrong", START, dana),
        tried(save, "wrong", START, theo),
        tried(save, "right", START, dana),
    )
    await begin(house, save, tries=tries)
    found = await look(house, contact_id=ada.id, technician_id=dana)
    assert [t.id for t in found.tries] == [t.id for t in reversed(tries)]
    assert found.tries[-1] == old
    assert found.wrong_by_technician == 1, "neither the one of an hour ago nor Theo's"
    assert (await look(house, contact_id=ben.id, technician_id=dana)).tries == ()
    assert (await look(house, contact_id=ben.id, technician_id=dana)).wrong_by_technician == 1
    assert (await look(house, contact_id=ada.id)).wrong_by_technician == 0


@pytest.mark.feature("SEC-14")
async def test_overrides_of_a_day_are_counted(house: House) -> None:
    ada, ben = house.world.people[:2]
    override = uv.Override("she called from the front desk", alone=True)
    save = asking(house.world, ada, sent(house.world, ada, override=override))
    await begin(house, save)
    await begin(house, asking(house.world, ben, sent(house.world, ben)))
    for at, count in ((START, 1), (START + 24 * HOUR - SECOND, 1), (START + 24 * HOUR, 0)):
        assert (
            await look(house, at, contact_id=ben.id, technician_id=house.world.dana)
        ).overrides_by_technician == count
    assert (await look(house, contact_id=ben.id)).overrides_by_technician == 0


async def test_a_text_finds_the_live_verifications_of_its_sender(house: House) -> None:
    ada, ben = house.world.people[:2]
    save = asking(house.world, ada, sent(house.world, ada))
    await begin(house, save)
    await begin(house, asking(house.world, ben, sent(house.world, ben)))
    assert [(v.id, v.state) for v in (await facts_for(house, ada.mobile)).verifications] == [(save.id, save.state)]
    await move(house, save.id, verified(sent(house.world, ada)))
    assert (await facts_for(house, ada.mobile)).verifications == ()
    assert (await facts_for(house, house.world.stranger)).verifications == ()
