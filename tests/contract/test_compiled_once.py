"""A statement is compiled once, however many connections and databases it runs on."""

from typing import Any

from sqlalchemy import Connection, event, select

from storage import tables as t
from storage.database import Unscoped
from tests.fixtures.kept import Opening


def _compiled(connection: Connection) -> Any:
    """What the statement had been compiled to when it ran on this connection."""
    seen: list[Any] = []

    def note(conn: Connection, cursor: Any, words: str, values: Any, context: Any, many: bool) -> None:
        seen.append(context.compiled)

    event.listen(connection, "before_cursor_execute", note)
    try:
        connection.execute(select(t.tenants.c.name, t.tenants.c.id).order_by(t.tenants.c.id.desc()))
    finally:
        event.remove(connection, "before_cursor_execute", note)
    return seen[-1]


async def test_all_connections_and_databases_share_it(opening: Opening) -> None:
    found = []
    for _ in range(2):
        async with opening() as kept:
            found.append(await kept.database.read(Unscoped.OPERATOR, _compiled))
            found.append(await kept.database.write(Unscoped.OPERATOR, _compiled))
    assert all(each is found[0] for each in found)
