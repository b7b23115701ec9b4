"""What pages and the API read of verifications, written by real turns, on every database."""

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from dialogs import user_verify as uv
from dialogs.messages import DeliveryReport
from dialogs.tech_verify import Ticket
from dialogs.turns import Settled
from storage.keys import CannotOpen
from storage.paging import BadCursor
from storage.tables import verifications
from storage.verification_delivery import verification_delivery
from storage.verifications import Verifications
from tests.fixtures.turn_stores import StoredHouse, only
from tests.fixtures.verification_parts import (
    DIGITS,
    GREEN,
    LIFE,
    address_of,
    asking,
    begin,
    by_link,
    code_item,
    denied,
    expired,
    guessed,
    look,
    move,
    put,
    sent,
    verified,
)
from tests.fixtures.world import START

MINUTE = timedelta(minutes=1)


#: The stores that others can read beside.
kind = only("sqlite", "postgres")


def nothing_secret(shown: object) -> bool:
    return DIGITS not in str(shown) and "Code(***)" not in str(shown)


@pytest.mark.feature("SEC-17")
async def test_a_row_says_everything_but_the_code(stored: StoredHouse, reading: Verifications) -> None:
    world, ada = stored.world, stored.world.people[0]
    save = await put(stored, ada, sent(world, ada, note="she is at her desk"))
    row = await reading.get(world.tenant_id, save.id, for_technician=world.dana, now=START)
    assert row is not None
    assert (row.word, row.method, row.assurance, row.reason, row.logged) == ("sent", "sms_code", "", "", "")
    assert row.contact is not None
    assert (row.contact.name, row.contact_id, row.address_id) == (ada.name, ada.id, address_of(ada))
    assert (row.destination, row.destination_kind, row.destination_is_default) == ("…11", "mobile", True)
    assert row.technician is not None
    assert (row.technician.first_name, row.ticket_id, row.ticket_number) == ("Dana", "T-1", "1234")
    assert (row.action, row.note, row.override, row.other_contact) == ("standard", "she is at her desk", None, False)
    assert (row.created_at, row.expires_at, row.ended_at) == (START, START + LIFE, None)
    assert (row.tries_left, row.delivery, row.spoken) == (5, None, "")
    assert row.is_live(START + LIFE - MINUTE)
    assert not row.is_live(START + LIFE)
    assert not row.is_green(START)
    assert nothing_secret(asdict(row)), "its code is neither told nor there at all"


async def test_how_it_ended_is_told(stored: StoredHouse, reading: Verifications) -> None:
    world, people = stored.world, stored.world.people
    over = denied(sent(world, people[0]))
    ends: dict[str, uv.State] = {
        "verified": verified(sent(world, people[0]), START + MINUTE),
        "denied text": over,
        "failed wrong_codes": uv.Failed(over.request, START, "wrong_codes", over.logged),
        "expired superseded": expired(sent(world, people[0])),
        "error 30003": uv.Undelivered(over.request, START, "30003", over.logged),
    }
    for person, (words, state) in zip(people, ends.items(), strict=False):
        save = await put(stored, person, sent(world, person))
        await move(stored, save.id, state)
        row = await reading.get(world.tenant_id, save.id)
        assert row is not None
        assert f"{row.word} {row.reason}".strip() == words
        assert (row.tries_left, row.expires_at, row.logged) == (0, None, "not_due")
        assert row.assurance == ("code" if words == "verified" else "")
        assert row.green_until == (START + MINUTE + GREEN if words == "verified" else None)
        assert row.is_green(START + MINUTE) is (words == "verified")
        assert row.ended_at == (START + MINUTE if words == "verified" else START)


async def test_tries_that_are_left_are_those_of_the_clients_policy(stored: StoredHouse, reading: Verifications) -> None:
    world, ada, dev = stored.world, stored.world.people[0], stored.world.people[3]
    strict = replace(world.settings, client_policies={ada.client_id: uv.Policy(max_wrong_codes=3)})
    for person in (ada, dev):
        await put(stored, person, guessed(sent(world, person)))
    before = await reading.page(world.tenant_id)
    assert {row.contact_id: row.tries_left for row in before.items} == {ada.id: 4, dev.id: 4}
    await stored.change_settings(strict)
    after = await reading.page(world.tenant_id)
    assert {row.contact_id: row.tries_left for row in after.items} == {ada.id: 2, dev.id: 4}


@pytest.mark.feature("SEC-43")
async def test_the_number_to_be_said_is_for_whoever_asked_and_while_it_lives(
    stored: StoredHouse, reading: Verifications
) -> None:
    world, ada, ben = stored.world, *stored.world.people[:2]
    dana, theo = (id_ for id_, _ in world.technicians)
    save = await put(stored, ada, by_link(world, ada, spoken="47"))
    plain = await put(stored, ben, by_link(world, ben))

    async def spoken(id_: str, technician_id: str, now: datetime) -> tuple[str, int]:
        row = await reading.get(world.tenant_id, id_, for_technician=technician_id, now=now)
        assert row is not None
        return row.spoken, row.tries_left

    assert await spoken(save.id, dana, START) == ("47", 3)
    assert await spoken(save.id, theo, START) == ("", 3)
    assert await spoken(save.id, dana, START + LIFE) == ("", 3)
    assert await spoken(plain.id, dana, START) == ("", 0), "nothing is typed on that page"
    assert [row.spoken for row in (await reading.page(world.tenant_id)).items] == ["", ""]
    await move(stored, save.id, expired(by_link(world, ada)))
    assert await spoken(save.id, dana, START) == ("", 0)


async def test_lists_are_newest_first_and_fit_what_was_asked_for(stored: StoredHouse, reading: Verifications) -> None:
    world, ada, ben = stored.world, *stored.world.people[:2]
    tenant = world.tenant_id
    first = await put(stored, ada, sent(world, ada))
    await move(stored, first.id, expired(sent(world, ada)))
    second = await put(stored, ada, sent(world, ada, START + MINUTE, ticket=None))
    third = await put(stored, ben, sent(world, ben, START + MINUTE, ticket=Ticket("T-2", "2222")))
    newest = [third.id, second.id, first.id]

    async def ids(**wanted: Any) -> list[str]:
        return [row.id for row in (await reading.page(tenant, **wanted)).items]

    assert await ids() == newest
    assert await ids(live=True) == newest[:2]
    assert await ids(live=False) == [first.id]
    assert await ids(contact_id=ada.id) == newest[1:]
    assert await ids(ticket_id="T-2") == [third.id]
    assert await ids(technician_id=world.dana) == newest
    assert await ids(technician_id="somebody") == []
    assert await ids(since=START + MINUTE) == newest[:2]
    assert [row.id for row in await reading.of_contact(tenant, ada.id, limit=1)] == [second.id]
    assert [row.id for row in await reading.of_ticket(tenant, "T-1")] == [first.id]
    assert await reading.of_ticket(tenant, "") == ()
    assert (await reading.page(stored.other.tenant_id)).items == ()
    assert await reading.get(stored.other.tenant_id, first.id) is None
    pages, cursor = [], ""
    for _ in newest:
        page = await reading.page(tenant, cursor=cursor, limit=1)
        pages += [row.id for row in page.items]
        cursor = page.next or ""
    assert (pages, cursor) == (newest, "")
    with pytest.raises(BadCursor):
        await reading.page(tenant, cursor="nonsense")


async def test_what_became_of_the_message_is_that_of_the_newest(stored: StoredHouse, reading: Verifications) -> None:
    world, ada = stored.world, stored.world.people[0]
    save = asking(world, ada, sent(world, ada))
    item = code_item(world, save)
    await begin(stored, save, outbox=(item,))

    async def told() -> tuple[str, str]:
        row = await reading.get(world.tenant_id, save.id)
        assert row is not None
        assert row.delivery is not None
        return row.delivery.state, row.delivery.error

    assert await told() == ("waiting", "")
    (leased,) = await stored.store.lease("w", START)
    await stored.store.settle([Settled(leased, "unknown", error="unclear", retry_at=START)], START)
    assert await told() == ("unclear", "unclear")
    (leased,) = await stored.store.lease("w", START)
    await stored.store.settle([Settled(leased, "sent", "twilio", "SM1")], START)
    assert await told() == ("sent", "")
    await stored.store.report_delivery(DeliveryReport("twilio", "SM1", "undelivered", "30003"), START)
    assert await told() == ("failed", "30003")
    await move(stored, save.id, sent(world, ada), outbox=(code_item(world, save),))
    assert await told() == ("waiting", ""), "it was sent once more"
    thanks = code_item(world, save, template="euv.denied_thanks", challenge=False)
    await move(stored, save.id, denied(sent(world, ada)), outbox=(thanks,))
    assert await told() == ("dropped", "the check has ended"), "what else goes to them tells nothing of the code"


@pytest.mark.parametrize(
    ("row", "state", "words"),
    [
        (("mail", "waiting", "", "connect"), "waiting", "The mail server cannot be reached"),
        (("mail", "sent", "", ""), "sent", "the mail server has taken it"),
        (("mail", "unknown", "", "unclear"), "unclear", "did not say whether it took the mail"),
        (("mail", "dead", "", "smtp_550"), "failed", "Error smtp_550"),
        (("mail", "dropped", "", "expired"), "dropped", "its time had run out"),
        (("call", "waiting", "", ""), "waiting", "On its way."),
        (("call", "sent", "", ""), "sent", "Calling."),
        (("call", "sent", "ringing", ""), "sent", "The phone rings."),
        (("call", "sent", "answered", ""), "delivered", "Somebody has picked up."),
        (("call", "sent", "busy", ""), "failed", "the line is busy"),
        (("call", "sent", "no-answer", ""), "failed", "nobody picked up"),
        (("call", "dead", "", "21215"), "failed", "Calls to this country are not allowed"),
        (("call", "unknown", "", "unclear"), "unclear", "did not say whether it took the call"),
        (("call_say", "sent", "", ""), "delivered", "The code was said on the phone."),
        (("call_say", "dead", "", "call_over"), "failed", "The call ended before the code could be said"),
        (("text", "sent", "delivered", ""), "delivered", "Delivered."),
        (("text", "unknown", "", "unclear"), "unclear", "did not say whether it took the text"),
    ],
)
def test_each_way_has_its_own_words(row: tuple[str, str, str, str], state: str, words: str) -> None:
    said = verification_delivery(*row, START)
    assert said.state == state
    assert words in said.words


# --- again ----------------------------------------------------------------------------------------------------------


@pytest.mark.feature("REL-01", "SEC-17")
async def test_after_a_restart_everything_is_as_it_was(stored: StoredHouse) -> None:
    world, ada, ben = stored.world, *stored.world.people[:2]
    live = await put(stored, ada, sent(world, ada))
    over = await put(stored, ben, sent(world, ben))
    await move(stored, over.id, verified(sent(world, ben)))
    before = [await look(stored, verification_id=save.id) for save in (live, over)]
    await stored.close()
    again = stored.again()
    try:
        after = [await look(again, verification_id=save.id) for save in (live, over)]
        assert [(f.verification, f.live, f.tries) for f in after] == [(f.verification, f.live, f.tries) for f in before]
        shields = await Verifications(again.database, again.keyring).shields(world.tenant_id, ben.id, START)
        assert [s.verification_id for s in shields] == [over.id]
        assert after[0].verification is not None
        await move(again, live.id, verified(sent(world, ada)))
    finally:
        await again.close()


@pytest.mark.feature("SEC-18")
async def test_a_code_copied_into_another_row_does_not_open(stored: StoredHouse) -> None:
    """Ciphertext is bound to its place: of two states that were exchanged neither can be read."""
    world, ada, ben = stored.world, *stored.world.people[:2]
    saves = [await put(stored, person, sent(world, person)) for person in (ada, ben)]

    def exchange(conn: Connection) -> None:
        c = verifications.c
        bodies = {row.id: row.body for row in conn.execute(select(c.id, c.body).where(c.tenant_id == world.tenant_id))}
        for mine, other in ((saves[0].id, saves[1].id), (saves[1].id, saves[0].id)):
            this = (c.tenant_id == world.tenant_id) & (c.id == mine)
            conn.execute(verifications.update().where(this).values(body=bodies[other]))

    await stored.database.write(world.tenant_id, exchange)
    for save in saves:
        with pytest.raises(CannotOpen):
            await look(stored, verification_id=save.id)
