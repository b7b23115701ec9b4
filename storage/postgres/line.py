"""One connection of a store's own, opened when it is needed and again when it was lost.

Not from a pool: the statements of the turn are prepared once per connection and used for as long as it lasts, and one
batch follows another. It goes straight to the server; a pooler that hands connections out by transaction loses both
the prepared statements and the settings below.

`synchronous_commit` stays as the server has it, which is `on`: a message is acknowledged after the commit and the
provider then forgets it, so a commit that a power cut can undo would lose it for good. A batch shares one flush of the
log, so waiting for it costs each turn little.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from dialogs.messages import Unavailable
from storage.postgres.connecting import connect
from storage.postgres.failures import ERRORS, why_down
from storage.postgres.row_security import Reason

#: Seconds a statement may take; the slowest of ours takes some hundredths. The driver waits 2 s longer for a server
#: that says nothing, and connecting anew takes 5 s at most: whoever waits is told within 11 s, before the carrier gives
#: up on us after 15 s (REL-07).
_STATEMENT_TIMEOUT_S = 4.0
_SETTINGS: Final = {
    "application_name": "watchword turns",
    # Every row is found by an index, and plans are kept: making one takes longer than carrying it out.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # Two replicas that want the same rows wait for one another's batch, which is over in milliseconds.
    "lock_timeout": "3000",
    "default_transaction_isolation": "read committed",
    # A frozen replica must not hold its locks for long: what it had open is undone, and it is told when it wakes.
    "idle_in_transaction_session_timeout": "5000",
}
#: After so many transactions plans are made anew, and again whenever there have been four times as many: while a table
#: is nearly empty every index on it looks as good as the right one. Later the server's own statistics see to it.
_FIRST_PLANS = 4
#: Pauses between attempts to connect, doubling; meanwhile callers are told at once.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 1.0


_ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Line:
    """Raises Unavailable where the server cannot be reached."""

    def __init__(self, url: str, outside: Reason | None = None) -> None:
        """`outside`: what may be seen outside transactions too, for reads that are worth no transaction of their own;
        nothing without."""
        self._url = url
        self._settings = _SETTINGS if outside is None else {**_SETTINGS, "watchword.scope": outside.value}
        self._connection: Any = None
        self._pause = _FIRST_PAUSE_S
        self._not_before = 0.0
        self._transactions = 0
        self._replan_at = _FIRST_PLANS

    def begin(self, seen: str) -> str:
        """SQL that opens a transaction; `seen` comes from `seeing`."""
        self._transactions += 1
        if self._transactions < self._replan_at:
            return f"BEGIN; {seen}"
        self._replan_at *= 4
        return f"DISCARD PLANS; BEGIN; {seen}"

    async def connection(self) -> Any:
        """An asyncpg connection that is open as far as anybody knows, outside any transaction."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        loop = asyncio.get_running_loop()
        if loop.time() < self._not_before:
            raise Unavailable("the database cannot be reached")
        try:
            self._connection = await connect(self._url, statement_timeout=_STATEMENT_TIMEOUT_S, settings=self._settings)
        except ERRORS as why:
            self._not_before = loop.time() + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)
            raise Unavailable(why_down(why) or f"the database refuses us ({type(why).__name__})") from why
        self._pause, self._not_before = _FIRST_PAUSE_S, 0.0
        self._transactions, self._replan_at = 0, _FIRST_PLANS
        return self._connection

    def drop(self) -> None:
        """Nothing more can be said on this connection; the server undoes what it had not committed."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def undo(self, why: BaseException | None = None) -> None:
        """Roll back what is open, or drop the connection where that cannot work: after a time-out, say."""
        if self._connection is None:
            return
        if isinstance(why, TimeoutError) or self._connection.is_closed():
            self.drop()
            return
        try:
            await self._connection.execute("ROLLBACK")
        except ERRORS:
            self.drop()

    async def close(self) -> None:
        if self._connection is not None:
            try:
                await self._connection.close(timeout=2)
            except ERRORS:
                self._connection.terminate()
            self._connection = None


def is_id(text: str) -> bool:
    """Whether it has the form of a tenant's id; whatever has not is nobody's."""
    return _ID.fullmatch(text) is not None


def seeing(reason: Reason, tenant_ids: Iterable[str] = (), locks: Sequence[int] = ()) -> str:
    """SQL that sets what the rest of the transaction may see, and takes locks that end with it, one after the other.

    Without values of its own it goes to the server together with `BEGIN`. Raises ValueError for an id that is none."""
    ids = ",".join(tenant_ids)
    if ids and not all(map(is_id, ids.split(","))):
        raise ValueError("a tenant's id that is none")
    text = f"SET LOCAL watchword.scope = '{reason.value}'; SET LOCAL watchword.tenants = '{ids}'"
    return "; ".join((text, *(f"SELECT pg_advisory_xact_lock({int(key)})" for key in sorted(set(locks)))))
