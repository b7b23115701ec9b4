"""The outside as the simulation and the crash tests see it: a carrier and a ticket system with state and moods.

Both write what they took in to a ledger, which outlives a crash of the house: in memory or in a file.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from dialogs.ports import Clock, SendLater, SendRefused, SendUnclear
from psa.base import (
    Can,
    NewTicketFields,
    PsaRejected,
    PsaUnavailable,
    PsaUnclear,
    TicketMissing,
    TicketNote,
    TicketPage,
    TicketRef,
)

#: What an outside system does with one request. `lost`: it never arrived and nobody said so; `taken`: it arrived and
#: the answer was lost; `later`: refused for now; `never`: refused for good.
Mood = Literal["well", "later", "lost", "taken", "never"]
#: Is told each time control passes between the house and the outside; may raise, kill or do nothing.
Point = Callable[[str], None]


class Weather(Protocol):
    """Decides how the outside behaves, one request at a time."""

    def mood(self, system: str) -> Mood:
        """`system`: carrier, carrier.find or psa."""
        ...

    def pause(self, system: str) -> Awaitable[None]:
        """How long the answer takes."""
        ...


class Calm:
    """Everything works at once."""

    def mood(self, system: str) -> Mood:
        return "well"

    async def pause(self, system: str) -> None:
        return None


def nothing(point: str) -> None:
    """No point matters."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that the outside took in. `of`: the tenant of a ticket system or of a mail, empty for the carrier."""

    kind: Literal["text", "ticket", "note", "mail", "call", "say"]
    id: str
    at: datetime
    values: Mapping[str, str]
    of: str = ""


class Ledger:
    """Append-only. With a path, every row is a line of that file at once and is read back at the start."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.rows: list[Row] = []
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                plain = json.loads(line)
                at = datetime.fromisoformat(plain["at"])
                self.rows.append(Row(plain["kind"], plain["id"], at, plain["values"], plain["of"]))

    def append(self, row: Row) -> None:
        self.rows.append(row)
        if self._path is not None:
            plain = {"kind": row.kind, "id": row.id, "at": row.at.isoformat(), "values": dict(row.values), "of": row.of}
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(plain) + "\n")

    def of_kind(self, kind: str) -> list[Row]:
        return [row for row in self.rows if row.kind == kind]


class Carrier:
    """Texts: `dialogs.ports.SendText`. Refuses who has opted out, as carriers do; lists what it took for `find`."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        weather: Weather | None = None,
        at: Point = nothing,
        taken: Callable[[str], None] = nothing,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._weather: Weather = weather or Calm()
        self._at = at
        self._taken = taken
        #: Their address and ours, of people who have sent STOP to a number whose opt-outs the carrier keeps.
        self.opted_out: set[tuple[str, str]] = set()

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        self._at("send:before")
        mood = self._weather.mood("carrier")
        await self._weather.pause("carrier")
        if mood == "later":
            raise SendLater("20429", "too many requests", retry_after=3.0)
        if mood == "lost":
            raise SendUnclear("no answer")
        if mood == "never":
            raise SendRefused("21211", "not a number")
        if (to, sender) in self.opted_out:
            raise SendRefused("21610", "opted out", opted_out=True)
        provider_id = f"SM{len(self._ledger.of_kind('text')) + 1:032x}"
        values = {"to": to, "from": sender, "body": body, "key": key}
        self._ledger.append(Row("text", provider_id, self._clock.now(), values))
        self._taken(provider_id)
        self._at("send:taken")
        if mood == "taken":
            raise SendUnclear("no answer")
        await self._weather.pause("carrier")
        self._at("send:after")
        return provider_id

    async def find(self, *, to: str, sender: str, body: str, since: datetime) -> str | None:
        self._at("find:before")
        mood = self._weather.mood("carrier.find")
        await self._weather.pause("carrier")
        if mood != "well":
            raise SendLater("20429", "too many requests")
        for row in reversed(self._ledger.of_kind("text")):
            found = (row.values["to"], row.values["from"], row.values["body"]) == (to, sender, body)
            if found and row.at >= since - timedelta(seconds=1):
                return row.id
        return None


class TicketSystem:
    """One tenant's ticket system: a full `psa.base.Psa`. One key is one ticket, and one note."""

    can: ClassVar[Can] = Can.CREATE_TICKET | Can.INTERNAL_NOTE

    def __init__(
        self,
        tenant_id: str,
        ledger: Ledger,
        clock: Clock,
        weather: Weather | None = None,
        at: Point = nothing,
        tickets: Mapping[str, TicketRef] | None = None,
    ) -> None:
        self._tenant_id = tenant_id
        self._ledger = ledger
        self._clock = clock
        self._weather: Weather = weather or Calm()
        self._at = at
        #: Tickets that were there before: id -> ticket.
        self._tickets = dict(tickets or {})

    async def check(self) -> None:
        return None

    async def get_ticket(self, ticket_id: str) -> TicketRef:
        mood = self._weather.mood("psa")
        await self._weather.pause("psa")
        if mood != "well":
            raise PsaUnavailable("down")
        found = self._all().get(ticket_id)
        if found is None:
            raise TicketMissing("no such ticket")
        return found

    async def search_tickets(
        self,
        *,
        contact_id: str = "",
        client_id: str = "",
        technician_id: str = "",
        query: str = "",
        open_only: bool = True,
        cursor: str = "",
    ) -> TicketPage:
        return TicketPage(tuple(self._all().values()), None)

    async def create_ticket(self, fields: NewTicketFields, *, key: str) -> TicketRef:
        self._at("ticket:before")
        mood = await self._answering()
        made = self._with_key("ticket", key)
        if made is None:
            number = str(1000 + len(self._mine("ticket")))
            values = {
                "key": key,
                "number": number,
                "title": fields.title,
                "body": fields.body,
                "client_id": fields.client_id,
                "contact_id": fields.contact_id,
            }
            made = Row("ticket", f"t-{number}", self._clock.now(), values, self._tenant_id)
            self._ledger.append(made)
        self._at("ticket:taken")
        if mood == "taken":
            raise PsaUnclear("no answer")
        self._at("ticket:after")
        return self._ref(made)

    async def add_note(self, ticket_id: str, body: str, *, internal: bool, key: str, author: str = "") -> None:
        self._at("note:before")
        mood = await self._answering()
        if ticket_id not in self._all():
            raise TicketMissing("no such ticket")
        if self._with_key("note", key) is None:
            values = {"key": key, "ticket_id": ticket_id, "body": body}
            row = Row("note", f"n-{len(self._mine('note'))}", self._clock.now(), values, self._tenant_id)
            self._ledger.append(row)
        self._at("note:taken")
        if mood == "taken":
            raise PsaUnclear("no answer")
        self._at("note:after")

    async def notes(self, ticket_id: str) -> tuple[TicketNote, ...]:
        rows = [row for row in self._mine("note") if row.values["ticket_id"] == ticket_id]
        return tuple(TicketNote(row.at, "Watchword", row.values["body"], True) for row in rows)

    async def statuses(self) -> tuple[str, ...]:
        return ("open", "closed")

    async def set_status(self, ticket_id: str, status: str) -> TicketRef:
        return await self.get_ticket(ticket_id)

    async def assign(self, ticket_id: str, technician_id: str) -> TicketRef:
        return await self.get_ticket(ticket_id)

    async def _answering(self) -> Mood:
        mood = self._weather.mood("psa")
        await self._weather.pause("psa")
        match mood:
            case "later":
                raise PsaUnavailable("down", retry_after=2.0)
            case "lost":
                raise PsaUnclear("no answer")
            case "never":
                raise PsaRejected("no")
            case _:
                return mood

    def _mine(self, kind: str) -> list[Row]:
        return [row for row in self._ledger.rows if row.kind == kind and row.of == self._tenant_id]

    def _with_key(self, kind: str, key: str) -> Row | None:
        return next((row for row in self._mine(kind) if row.values["key"] == key), None)

    def _all(self) -> dict[str, TicketRef]:
        return self._tickets | {row.id: self._ref(row) for row in self._mine("ticket")}

    def _ref(self, row: Row) -> TicketRef:
        values = row.values
        return TicketRef(
            row.id, values["number"], values["title"], "open", True, values["client_id"], values["contact_id"]
        )
