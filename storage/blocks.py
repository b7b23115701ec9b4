"""Senders whom a technician has blocked: for a time, or for good.

Nothing a blocked sender texts starts anything or is answered, and no text of ours goes to them; each is put into the
log all the same. Turns look at the table themselves; here it is filled, shown and emptied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, delete, insert, or_, select

from dialogs.turns import AuditEvent
from storage.database import Database
from storage.keys import Keyring
from storage.noting import Noting
from storage.tables import addresses, audit, blocks, conversations, dialogs, tenants, verifications
from storage.times import maybe_micros, maybe_moment, micros, moment
from storage.voiding import end_verifications

#: A reason is read by colleagues months later: a word is not enough, and a letter is too much.
SHORTEST_REASON, LONGEST_REASON = 5, 300


@dataclass(frozen=True, slots=True)
class Block:
    """One blocked sender. `until` is None for a ban, which is for good."""

    address: str
    reason: str
    technician_id: str
    at: datetime
    until: datetime | None


class Blocks:
    """A tenant's blocked senders."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def noting(self, tenant_id: str, event: AuditEvent) -> Blocks:
        """The same, but what it changes is put into the log in the same transaction; see `Noting`."""
        return Blocks(Noting(self._database, self._keyring, tenant_id, event), self._keyring)

    async def put(self, tenant_id: str, block: Block, new_id: Callable[[], str], *, over_ban: bool = True) -> bool:
        """Block a sender, or block them longer, shorter or for another reason. `block.address` is canonical.
        `over_ban`: also where they are blocked for good; without it such a block stays, and the answer is False.

        Verifications by this number end, and what was proven by it is green no longer: whoever is blocked because the
        phone was stolen must not be let in by it."""

        def work(conn: Connection) -> bool:
            # One at a time for each tenant, or two at the same moment would both find the place free.
            conn.execute(select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update(key_share=True))
            ban = (blocks.c.their_address == block.address) & blocks.c.until.is_(None)
            if not over_ban and conn.scalar(select(blocks.c.their_address).where(_of(tenant_id), ban)) is not None:
                return False
            conn.execute(delete(blocks).where(_of(tenant_id), blocks.c.their_address == block.address))
            conn.execute(
                insert(blocks).values(
                    tenant_id=tenant_id,
                    their_address=block.address,
                    reason=block.reason,
                    technician_id=block.technician_id,
                    at=micros(block.at),
                    until=maybe_micros(block.until),
                )
            )
            by_it = verifications.c.their_address == block.address
            end_verifications(
                conn, self._keyring, tenant_id, by_it, "blocked", block.at, new_id, by=block.technician_id
            )
            return True

        return await self._database.write(tenant_id, work)

    async def lift(self, tenant_id: str, address: str, *, ban: bool = True) -> bool:
        """Let them through again; False when they were not blocked, or for good and `ban` does not allow that."""
        gone = delete(blocks).where(_of(tenant_id), blocks.c.their_address == address)
        if not ban:
            gone = gone.where(blocks.c.until.is_not(None))
        return await self._database.write(tenant_id, lambda conn: conn.execute(gone).rowcount == 1)

    async def live(
        self, tenant_id: str, now: datetime, *, after: str = "", limit: int = 100
    ) -> tuple[tuple[Block, ...], str]:
        """Those who are blocked at `now`, by address, and the address to go on after, empty when there are no more."""
        query = select(blocks).where(_of(tenant_id), _runs(now)).order_by(blocks.c.their_address).limit(limit + 1)
        if after:
            query = query.where(blocks.c.their_address > after)
        rows = await self._database.read(tenant_id, lambda conn: conn.execute(query).mappings().all())
        found = tuple(_block(row) for row in rows[:limit])
        return found, found[-1].address if len(rows) > limit else ""

    async def of(self, tenant_id: str, addresses: Sequence[str], now: datetime) -> dict[str, Block]:
        """By address, those of these that are blocked at `now`."""
        query = select(blocks).where(_of(tenant_id), blocks.c.their_address.in_(addresses), _runs(now))
        rows = await self._database.read(tenant_id, lambda conn: conn.execute(query).mappings().all())
        return {row["their_address"]: _block(row) for row in rows}


def _of(tenant_id: str) -> ColumnElement[bool]:
    return blocks.c.tenant_id == tenant_id


def _runs(now: datetime) -> ColumnElement[bool]:
    return or_(blocks.c.until.is_(None), blocks.c.until > micros(now))


def _block(row: RowMapping) -> Block:
    return Block(
        row["their_address"], row["reason"], row["technician_id"], moment(row["at"]), maybe_moment(row["until"])
    )


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom to block. `contact_id` is empty for a stranger; with it, what is written about them goes when they do."""

    address: str
    contact_id: str = ""


def sender_behind(
    conn: Connection, tenant_id: str, *, check_id: str = "", line_id: str = "", address_id: str = ""
) -> Sender | None:
    """Who asked for a check, who sent what a line of the log is about, or a contact by one of their addresses."""
    if check_id:
        query = select(dialogs.c.their_address, dialogs.c.contact_id).where(
            dialogs.c.tenant_id == tenant_id, dialogs.c.id == check_id
        )
    elif line_id:
        of = (audit.c.tenant_id == conversations.c.tenant_id) & (audit.c.conversation_id == conversations.c.id)
        query = (
            select(conversations.c.their_address, conversations.c.contact_id)
            .join(audit, of)
            .where(conversations.c.tenant_id == tenant_id, audit.c.id == line_id)
        )
    else:
        query = select(addresses.c.value, addresses.c.contact_id).where(
            addresses.c.tenant_id == tenant_id, addresses.c.id == address_id
        )
    row = conn.execute(query).first()
    return None if row is None else Sender(row[0], row[1])


def contact_at(conn: Connection, tenant_id: str, address: str) -> str:
    """The one contact with this address; empty for none, and for several."""
    query = select(addresses.c.contact_id).where(addresses.c.tenant_id == tenant_id, addresses.c.value == address)
    found = set(conn.scalars(query))
    return found.pop() if len(found) == 1 else ""
