"""Statements that were compiled once, for every engine of this process over the same kind of database.

SQLAlchemy keeps them by engine. A file has an engine for each of its connections, all of which would compile the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storage.remembered import Remembered

#: As many as three engines would keep by themselves.
_ROOM = 1500


class _Shared:
    """What SQLAlchemy asks of a `compiled_cache`. Its key begins with the engine's dialect; here that counts by kind,
    and by the server's version, which some statements are written by."""

    def __init__(self) -> None:
        self._kept = Remembered[Any](_ROOM)

    def get(self, key: tuple[Any, ...]) -> Any:
        return self._kept.get(_kind(*key))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._kept[_kind(*key)] = compiled


def _kind(dialect: Any, *rest: Any) -> tuple[Any, ...]:
    return (dialect.name, dialect.driver, dialect.server_version_info, *rest)


#: What an engine is opened with.
SHARED: Mapping[str, Any] = {"compiled_cache": _Shared()}
