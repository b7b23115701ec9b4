"""What `watchword doctor` asks the PostgreSQL server about itself. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from storage.postgres.row_security import why_unfit


@dataclass(frozen=True, slots=True)
class ServerHealth:
    """`version` as the server counts, 160003 for 16.3. `unfit`: why the role must not serve, "" when it may.
    `connected`: connections of everybody now; `reserved`: kept for superusers. `durable`: setting -> value."""

    version: int
    unfit: str
    max_connections: int
    reserved: int
    connected: int
    encrypted: bool
    durable: Mapping[str, str] = field(default_factory=dict)

    def switched_off(self, name: str) -> bool:
        return self.durable.get(name) == "off"


def read_server(conn: Connection) -> ServerHealth:
    """Needs the operator's scope."""
    numbers = conn.execute(
        text(
            "SELECT current_setting('server_version_num')::int, current_setting('max_connections')::int,"
            " current_setting('superuser_reserved_connections')::int, (SELECT count(*) FROM pg_stat_activity"
            " WHERE datname IS NOT NULL), (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())"
        )
    ).one()
    version, most, reserved, connected, encrypted = numbers
    names = ("fsync", "full_page_writes", "synchronous_commit")
    durable = {name: conn.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar_one() for name in names}
    return ServerHealth(version, why_unfit(conn), most, reserved, connected, bool(encrypted), durable)
