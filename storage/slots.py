"""Work that one replica does once a day: whoever claims the day's slot first. A claim that was not finished within an
hour is anybody's again, so the work must bear to be run twice."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage.database import Database, Unscoped
from storage.tables import installation
from storage.times import micros

TAKEN_OVER_AFTER = timedelta(hours=1)


async def claim_slot(database: Database, job: str, slot: str, now: datetime) -> bool:
    """Claim it, on one replica of all; False when another has it, or it is done."""
    try:
        return await database.write(Unscoped.OPERATOR, lambda conn: claim(conn, job, slot, now))
    except IntegrityError:
        return False  # the very first claim, and another replica was faster


async def finish_slot(database: Database, job: str, slot: str, now: datetime) -> None:
    """Its work is done."""
    await database.write(Unscoped.OPERATOR, lambda conn: finish(conn, job, slot, now))


def claim(conn: Connection, job: str, slot: str, now: datetime) -> bool:
    """Claim `slot` of `job`, such as a date; False when it is claimed or done. On two connections at once one of them
    gets it: the row is compared and set in one statement, or inserted under its key."""
    row = installation.c.name == job
    held = conn.scalar(select(installation.c.value).where(row))
    mine = json.dumps({"slot": slot, "at": micros(now), "done": False})
    if held is None:
        conn.execute(insert(installation).values(name=job, value=mine))
        return True
    before = json.loads(held)
    fresh = before["done"] or before["at"] > micros(now - TAKEN_OVER_AFTER)
    if before["slot"] == slot and fresh:
        return False
    taken = update(installation).where(row, installation.c.value == held).values(value=mine)
    return conn.execute(taken).rowcount == 1


def finish(conn: Connection, job: str, slot: str, now: datetime) -> None:
    """The slot's work is done."""
    done = json.dumps({"slot": slot, "at": micros(now), "done": True})
    conn.execute(update(installation).where(installation.c.name == job).values(value=done))
