"""Mail servers, Teams connections and the roll on both databases: sealed, each tenant's own, and in the log."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, select, update

from bot.mail_route import MailRoute
from bot.mail_setting import read_mail
from dialogs.turns import AuditEvent
from storage.database import Unscoped
from storage.duty import Roll
from storage.mail_servers import MailServer, MailServers
from storage.people import NewTechnician, People
from storage.tables import audit, mail_servers, teams_connections, technicians
from storage.teams_connections import MOST, NameTaken, TeamsConnection, TeamsConnections, TooMany
from tests.fixtures.kept import Kept
from tests.fixtures.stand_ins import START
from tests.fixtures.turn_parts import new_id

SERVER = MailServer("smtp.acme.example", 587, "starttls", "desk", "s3cret wörd", "desk@acme.example", "Acme")
URL = "https://prod-1.westus.logic.azure.com:443/workflows/abc?sig=s3cret"


def connection(name: str = "Help desk", url: str = URL, events: tuple[str, ...] = ("unclaimed",)) -> TeamsConnection:
    return TeamsConnection(new_id(), name, url, "", frozenset(events), "", START)


async def kinds(kept: Kept) -> list[str]:
    return await kept.database.read(Unscoped.OPERATOR, lambda c: list(c.scalars(select(audit.c.kind))))


def event(kept: Kept, kind: str) -> AuditEvent:
    return AuditEvent(new_id(), kept.clock.now(), kind)


@pytest.mark.feature("SEC-20")
async def test_a_mail_server_is_kept_sealed_and_read_back(kept: Kept) -> None:
    servers, mine, now = MailServers(kept.database, kept.keyring), kept.world.tenant_id, kept.clock.now()
    assert await servers.get(mine) is None
    await servers.noting(mine, event(kept, "settings.mail_changed")).put(mine, SERVER, now)
    found = await servers.get(mine)
    assert found is not None
    assert (found.server, found.updated_at) == (SERVER, now)
    assert SERVER.password not in repr(found)
    row = await kept.database.read(Unscoped.OPERATOR, lambda c: c.execute(select(mail_servers)).mappings().one())
    assert SERVER.password.encode() not in bytes(row["password"])
    await servers.put(mine, replace(SERVER, host="smtp2.acme.example", login="", password=""), now)
    found = await servers.get(mine)
    assert found is not None
    assert (found.server.host, found.server.password) == ("smtp2.acme.example", "")
    assert await servers.get(kept.other.tenant_id) is None
    assert not await servers.remove(kept.other.tenant_id)
    assert await servers.noting(mine, event(kept, "settings.mail_removed")).remove(mine)
    assert not await servers.noting(mine, event(kept, "settings.mail_removed")).remove(mine)
    assert await servers.get(mine) is None
    assert [kind for kind in await kinds(kept) if kind.startswith("settings.")] == [
        "settings.mail_changed",
        "settings.mail_removed",
    ]


@pytest.mark.feature("OM-01", "SEC-46")
async def test_who_has_no_server_sends_by_the_operators(kept: Kept) -> None:
    servers, mine, now = MailServers(kept.database, kept.keyring), kept.world.tenant_id, kept.clock.now()
    common = read_mail("smtps://desk:secret@mail.operator.example", "Desk <desk@operator.example>")
    assert common is not None
    route = MailRoute(servers, common)
    assert await route.of(mine) == common
    await servers.put(mine, SERVER, now)
    own = await route.of(mine)
    assert own is not None
    assert (own.host, own.sender, own.trusted) == (SERVER.host, SERVER.sender, False)
    assert await route.of(kept.other.tenant_id) == common
    await servers.remove(mine)
    assert await route.of(mine) == common
    assert await MailRoute(servers).of(mine) is None


@pytest.mark.feature("TC-06", "SEC-20")
async def test_connections_are_added_changed_and_removed(kept: Kept) -> None:
    stored, mine = TeamsConnections(kept.database, kept.keyring), kept.world.tenant_id
    desk, night = connection(), connection("Night shift", events=("alarm", "unclaimed"))
    for new in (night, desk):
        await stored.noting(mine, event(kept, "settings.teams_added")).add(mine, new)
    host = "prod-1.westus.logic.azure.com"
    assert await stored.all(mine) == (replace(desk, host=host), replace(night, host=host))
    assert URL not in repr(await stored.all(mine))
    row = await kept.database.read(Unscoped.OPERATOR, lambda c: list(c.scalars(select(teams_connections.c.url))))
    assert all(b"s3cret" not in bytes(url) for url in row)
    with pytest.raises(NameTaken):
        await stored.noting(mine, event(kept, "settings.teams_added")).add(mine, connection())
    with pytest.raises(NameTaken):
        await stored.change(mine, night.id, name="Help desk", events=frozenset())
    await stored.change(mine, night.id, name="Night", events=frozenset({"alarm"}))
    found = await stored.get(mine, night.id)
    assert found is not None
    assert (found.name, found.events, found.url) == ("Night", frozenset({"alarm"}), URL)
    await stored.change(mine, night.id, name="Night", events=frozenset(), url="https://x.webhook.office.com/y")
    found = await stored.get(mine, night.id)
    assert found is not None
    assert (found.host, found.url) == ("x.webhook.office.com", "https://x.webhook.office.com/y")
    assert await stored.remove(mine, night.id)
    assert not await stored.remove(mine, night.id)
    assert await kinds(kept) == ["settings.teams_added"] * 2


@pytest.mark.feature("TC-06", "SEC-37")
async def test_a_connection_is_its_own_tenants(kept: Kept) -> None:
    stored, mine, theirs = TeamsConnections(kept.database, kept.keyring), kept.world.tenant_id, kept.other.tenant_id
    new = connection()
    await stored.add(mine, new)
    assert await stored.get(theirs, new.id) is None
    assert await stored.wanting(theirs, "unclaimed") == ()
    assert not await stored.change(theirs, new.id, name="Theirs", events=frozenset())
    assert not await stored.remove(theirs, new.id)
    assert await stored.wanting(mine, "unclaimed") == (new.id,)
    assert await stored.wanting(mine, "alarm") == ()
    await stored.add(theirs, replace(connection(), id=new_id()))


async def test_there_is_an_end_to_connections(kept: Kept) -> None:
    stored, mine = TeamsConnections(kept.database, kept.keyring), kept.world.tenant_id
    for n in range(MOST):
        await stored.add(mine, connection(f"Channel {n}"))
    with pytest.raises(TooMany):
        await stored.add(mine, connection("One more"))


@pytest.mark.feature("NG-08", "NG-11")
async def test_the_roll_is_of_accounts_in_use(kept: Kept) -> None:
    people, mine = People(kept.database, kept.keyring), kept.world.tenant_id
    now, ids = kept.clock.now(), sorted(new_id() for _ in range(4))
    for n, id in enumerate(ids):
        login = f"roll-{n}@acme.example" if n != 1 else "roll-1"
        await people.add(mine, NewTechnician(id, login, "Roll Call", "technician", "hash", "SECRET", ()), now)
    given: tuple[tuple[str, dict[str, object]], ...] = (
        (ids[0], {"mobile": "+13475550170", "notify_by": "sms,email"}),
        (ids[1], {"email": "", "on_duty": False, "notify_by": "email,pigeon"}),
        (ids[2], {"disabled_at": 1}),
        (ids[3], {"password_hash": ""}),
    )

    def change(c: Connection) -> None:
        for id, values in given:
            this = (technicians.c.tenant_id == mine, technicians.c.id == id)
            c.execute(update(technicians).where(*this).values(**values))

    await kept.database.write(mine, change)
    found = {one.id: one for one in await Roll(kept.database).active(mine) if one.id in ids}
    assert found.keys() == {ids[0], ids[1]}
    first, second = found[ids[0]], found[ids[1]]
    assert (first.mobile, first.email, first.ways, first.on_duty) == (
        "+13475550170",
        "roll-0@acme.example",
        frozenset({"sms", "email"}),
        True,
    )
    assert (second.email, second.ways, second.on_duty) == ("", frozenset({"email"}), False)
