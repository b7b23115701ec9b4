"""What makes verifications void from outside: a restore, a change of number, somebody who is forgotten, time."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from dialogs import user_verify as uv
from dialogs.turns import (
    AuditEvent,
    Decision,
    Facts,
    Taken,
    Turn,
    VerificationAsk,
    VerificationFacts,
)
from storage.codec import load_texts
from storage.contact_changes import AddressEdit, ContactChanges
from storage.database import Unscoped
from storage.epochs import fence
from storage.own_numbers import NumberInUse, OwnNumbers
from storage.tables import addresses, audit, verifications
from storage.times import micros
from tests.fixtures.turn_parts import new_id
from tests.fixtures.turn_stores import StoredHouse, only
from tests.fixtures.verification_parts import (
    LIFE,
    address_of,
    asking,
    begin,
    both_kinds,
    by_link,
    found,
    look,
    move,
    moved_to,
    row_of,
    sent,
    shields,
    verified,
)
from tests.fixtures.world import START, Person

MINUTE = timedelta(minutes=1)
AT = START + MINUTE
NEW = "+12125550188"


#: The stores that others can read beside.
kind = only("sqlite", "postgres")


async def is_over(house: StoredHouse, verification_id: str, reason: str) -> None:
    """It ended with everything that hangs on it, and the log says so."""
    row = await row_of(house, verification_id)
    assert (row.word, row.reason, row.logged, row.ended_at, row.expires_at) == ("expired", reason, "not_due", AT, None)
    assert await house.store.due_timers(START + LIFE) == []
    left = [(r.status, r.body) for r in await house.outbox() if "code" in r.body or r.error == "the check has ended"]
    assert left == [("dropped", "")]
    lines = {line.kind: line.public for line in await house.log() if line.kind.startswith("euv.")}
    told = {kind: (line["before"], line["after"], line["reason"]) for kind, line in lines.items()}
    assert told == {
        "euv.void": ("sent", "expired", reason),
        "euv.void_result": ("verified", "verified", reason),
    }, "the shield that was green has a line of its own"
    sends = (await look(house, AT, contact_id=row.contact_id, with_limits=True)).addresses
    assert all(address.sends.destination == () for address in sends), "what nobody can answer does not count"


async def told_of_ends(house: StoredHouse) -> set[tuple[str, str, str, str]]:
    """What the log says of those that were ended from outside: which, whose, by which technician, or by whom else."""
    lines = await found(
        house, audit.c.check_id, audit.c.contact_id, audit.c.technician_id, audit.c.kind, audit.c.public
    )
    ended = (line for line in lines if line[3] in ("euv.void", "euv.void_result"))
    return {(check, contact, by, str(load_texts(public).get("who", ""))) for check, contact, by, _, public in ended}


# --- a restore ------------------------------------------------------------------------------------------------------


@pytest.mark.feature("REL-13", "SEC-15")
async def test_a_restore_ends_what_is_open_and_every_shield(stored: StoredHouse) -> None:
    ada, ben = stored.world.people[:2]
    green, live = await both_kinds(stored, ada)
    assert await shields(stored, ada, AT) == 1
    done = await fence(stored.database, stored.keyring, AT, new_id, seen=lambda by: None)
    assert done.checks == 1
    await is_over(stored, live, "restored")
    assert await shields(stored, ada, AT) == await shields(stored, ada, START) == 0
    assert (await row_of(stored, green)).word == "verified", "that it was once stays on record"
    await begin(stored, asking(stored.world, ben, sent(stored.world, ben)))


@pytest.mark.feature("REL-13", "SEC-11")
async def test_a_code_that_was_used_is_not_good_again_after_a_restore(stored: StoredHouse) -> None:
    """The backup is older than the answer: in it the verification lives. Whoever still knows the code is late."""
    world, ada = stored.world, stored.world.people[0]
    save = asking(world, ada, sent(world, ada))
    await begin(stored, save)

    def body(conn: Connection) -> Any:
        return conn.execute(select(verifications).where(verifications.c.id == save.id)).mappings().one()

    older = dict(await stored.database.read(Unscoped.OPERATOR, body))
    await move(stored, save.id, verified(sent(world, ada)))

    def restore(conn: Connection) -> None:
        conn.execute(verifications.delete().where(verifications.c.id == save.id))
        conn.execute(verifications.insert().values(**older))

    await stored.database.write(Unscoped.OPERATOR, restore)
    await fence(stored.database, stored.keyring, AT, new_id, seen=lambda by: None)
    facts = await look(stored, AT, verification_id=save.id)
    assert facts.live == ()
    assert facts.verification is not None
    assert isinstance(facts.verification.state, uv.Expired)
    assert await shields(stored, ada, AT) == 0


@pytest.mark.feature("REL-13")
async def test_whoever_answers_while_it_ends_decides_anew(stored: StoredHouse) -> None:
    """The version goes up, so that a step from before comes to nothing."""
    world, ada = stored.world, stored.world.people[0]
    save = asking(world, ada, sent(world, ada))
    await begin(stored, save)
    before = (await look(stored, verification_id=save.id)).verification
    assert before is not None
    await fence(stored.database, stored.keyring, AT, new_id, seen=lambda by: None)
    seen: list[type[uv.State]] = []

    def decide(facts: Facts) -> Decision[str]:
        assert isinstance(facts, VerificationFacts)
        assert facts.verification is not None
        seen.append(type(facts.verification.state))
        if len(seen) == 1:
            return Decision("late", verifications=(moved_to(before, verified(sent(world, ada))),))
        return Decision("over")

    ask = VerificationAsk(world.tenant_id, verification_id=save.id)
    result = await stored.store.take(Turn(ask, decide, AT))
    assert result == Taken("over")
    assert seen == [uv.Expired, uv.Expired]


# --- a change of number ---------------------------------------------------------------------------------------------


def changes(house: StoredHouse) -> ContactChanges:
    return ContactChanges(house.database, house.keyring, lambda now: new_id())


async def edit(house: StoredHouse, person: Person, change: AddressEdit) -> int:
    event = AuditEvent(new_id(), AT, f"contact.address_{change.what}", technician_id=house.world.dana)
    done = await changes(house).edit_address(house.world.tenant_id, person.id, change, event, [])
    assert done.refused == ""
    return done.ended


@pytest.mark.feature("SEC-13", "SEC-15")
@pytest.mark.parametrize("address", ["mobile", "email"])
@pytest.mark.parametrize("what", ["changed", "removed"])
async def test_a_changed_address_ends_what_is_open_and_every_shield(
    stored: StoredHouse, address: str, what: Any
) -> None:
    ada, ben = stored.world.people[:2]
    green, live = await both_kinds(stored, ada)
    of_ben = asking(stored.world, ben, sent(stored.world, ben))
    await begin(stored, of_ben)
    value, after = (ada.mobile, NEW) if address == "mobile" else (ada.email, "ada@new.example")
    change = AddressEdit(what, address_of(ada, address), address, value, after if what == "changed" else "")
    assert await edit(stored, ada, change) == 1
    await is_over(stored, live, "number_changed")
    assert await shields(stored, ada, AT) == 0
    assert (await row_of(stored, green)).shield_ended
    assert (await row_of(stored, of_ben.id)).word == "sent"
    told = [line.public for line in await stored.log() if line.kind == f"contact.address_{what}"]
    assert [line["ended"] for line in told] == [1]


@pytest.mark.feature("SEC-13")
async def test_another_way_of_writing_it_ends_nothing(stored: StoredHouse) -> None:
    ada = stored.world.people[0]
    _, live = await both_kinds(stored, ada)
    rewritten = AddressEdit("changed", address_of(ada), "mobile", ada.mobile, "+1 212 555 0111", rewritten=True)
    added = AddressEdit("added", new_id(), "mobile", "", NEW)
    for change in (rewritten, added):
        assert await edit(stored, ada, change) == 0
    assert (await row_of(stored, live)).word == "sent"
    assert await shields(stored, ada, AT) == 1


@pytest.mark.feature("SEC-13", "SEC-15", "SEC-56")
async def test_another_name_is_about_that_one_alone_and_the_log_says_whose_doing_it_was(stored: StoredHouse) -> None:
    world, (ada, ben) = stored.world, stored.world.people[:2]
    of_ada, of_ben = await both_kinds(stored, ada), await both_kinds(stored, ben)
    event = AuditEvent(new_id(), AT, "contact.changed", technician_id=world.dana)
    done = await changes(stored).change_contact(
        world.tenant_id, ada.id, event, name="Mal Mallory", client_id=ada.client_id, locale=""
    )
    assert (done.refused, done.as_new, done.ended) == ("", True, 1)
    assert [(await row_of(stored, id_)).word for id_ in (of_ada[1], of_ben[1])] == ["expired", "sent"]
    assert [await shields(stored, person, AT) for person in (ada, ben)] == [0, 1]
    new = await found(stored, addresses.c.contact_id, addresses.c.changed_at)
    assert {contact_id for contact_id, at in new if at == micros(AT)} == {ada.id}
    assert await told_of_ends(stored) == {(id_, ada.id, world.dana, "") for id_ in of_ada}


@pytest.mark.feature("REL-13", "SEC-56")
async def test_the_log_says_that_a_restore_is_the_operators_doing(stored: StoredHouse) -> None:
    ada = stored.world.people[0]
    both = await both_kinds(stored, ada)
    await fence(stored.database, stored.keyring, AT, new_id, seen=lambda by: None)
    assert await told_of_ends(stored) == {(id_, ada.id, "", "operator") for id_ in both}


async def test_a_number_of_ours_stays_while_an_answer_may_come_to_it(stored: StoredHouse) -> None:
    ada = stored.world.people[0]
    _, live = await both_kinds(stored, ada)
    numbers = OwnNumbers(stored.database, stored.keyring)
    with pytest.raises(NumberInUse, match="live"):
        await numbers.remove_number(stored.world.tenant_id, stored.world.number.id)
    await move(stored, live, verified(by_link(stored.world, ada)))
    assert await numbers.remove_number(stored.world.tenant_id, stored.world.number.id)
