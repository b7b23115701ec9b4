"""The alert about changes that wait for an admin. It stands on consoles until somebody has seen it, and says how many
wait now, not how many waited when it came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from dialogs.turns import Alert
from storage.alerts import raise_unless_unseen, reword_unseen
from storage.keys import Keyring
from storage.tables import source_changes, source_organisations

KIND: Final = "source_changes"
_TEXT: Final = (
    "{names}: {many} numbers or mail addresses changed in Microsoft 365, many at once or after an admin had said no. "
    "Nothing changes here until an admin has looked at them: Settings, Microsoft 365."
)
#: Names in one alert.
_NAMED: Final = 3


def tell_waiting(
    conn: Connection,
    keyring: Keyring,
    tenant_id: str,
    now: datetime,
    new_id: Callable[[], str] | None = None,
    *,
    by: str = "",
) -> None:
    """Put an alert that nobody has seen right; where nothing waits any more it is seen, by whoever decided. `new_id`:
    more wait since, so that there is to be one."""
    text = _text(conn, tenant_id)
    reword_unseen(conn, keyring, tenant_id, KIND, text, now, by)
    if text and new_id is not None:
        raise_unless_unseen(conn, keyring, tenant_id, Alert(new_id(), KIND, now, "", "", text))


def _text(conn: Connection, tenant_id: str) -> str:
    """Empty where nothing waits."""
    c, o = source_changes.c, source_organisations.c
    query = select(o.name, func.count().label("many")).select_from(source_changes)
    query = query.join(source_organisations, (o.tenant_id == c.tenant_id) & (o.id == c.organisation_id))
    query = query.where(c.tenant_id == tenant_id, c.state == "waiting").group_by(o.id, o.name).order_by(o.name, o.id)
    rows = conn.execute(query).all()
    names = ", ".join(row.name for row in rows[:_NAMED]) + (", ..." if len(rows) > _NAMED else "")
    return _TEXT.format(names=names, many=sum(row.many for row in rows)) if rows else ""
