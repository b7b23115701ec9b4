"""What the demo puts in place of everything outside: phones, log-ins, outbox inspector, clock, watched tickets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import ClassVar, Literal

from bot.clock import SystemClock
from bot.demo_microsoft import DemoMicrosoft
from bot.demo_notices import DemoNotices
from bot.seeds import CHANNEL_NUMBER, DEMO_SLUG, LANDLINES, SHARED_MOBILE, UNKNOWN_MOBILE, VERIFICATION_NUMBER, Seeded
from dialogs.ports import Clock
from identity.totp import code_at
from psa.base import Can, NewTicketFields, Psa, PsaUnavailable, TicketNote, TicketPage, TicketRef
from psa.builtin import BuiltinPsa
from simulator.call_records import MANNERS, Call
from simulator.calls import NoCall
from simulator.carrier import Carrier
from simulator.lookups import MANNERS as LINES
from simulator.lookups import Lookups
from simulator.tool import PATH as TOOL_PATH
from simulator.tool import Tool
from web.ports import CallState, DemoAccount, Phone, PhoneCall, PsaScreen, SentMessage


class DemoWorld:
    """The stand-ins for everything outside, and the clock. Implements `web.ports.Simulator`."""

    def __init__(
        self,
        clock: SystemClock,
        carrier: Carrier,
        lookups: Lookups,
        notices: DemoNotices,
        microsoft: DemoMicrosoft,
    ) -> None:
        self._clock = clock
        self._wall = SystemClock()
        self.carrier = carrier
        self.lookups = lookups
        self.notices = notices
        self.microsoft = microsoft
        self.tool = Tool(self._tool_secrets, clock)
        #: Where the stand-in of another tool takes events, and what finds its secrets once the demo runs.
        self.base_url = ""
        self.webhooks: Callable[[], Awaitable[Sequence[tuple[str, tuple[str, ...]]]]] | None = None
        self.seeded: Seeded | None = None
        self.written: list[SentMessage] = []
        #: While this is set no ticket can be read or written, as if the ticket system were switched off.
        self.tickets_down = False

    def accounts(self) -> Sequence[DemoAccount]:
        """Who can sign in, with the code their authenticator shows. Those apps go by the real time."""
        now = self._wall.now()
        return [DemoAccount(t.login, t.password, code_at(t.totp_secret, now), t.role) for t in self._seeded.technicians]

    def phones(self) -> Sequence[Phone]:
        known = [Phone(c.mobile, f"{c.name}, {c.client}") for c in self._seeded.contacts]
        desks = [Phone(number, f"{name}'s desk phone") for name, number in LANDLINES.items()]
        shared = Phone(SHARED_MOBILE, "Ina Jones and Jon Kerr, who share it")
        seeded = [*known, *desks, shared, Phone(UNKNOWN_MOBILE, "Somebody unknown"), *self.microsoft.phones()]
        # Whoever was entered since and has got a text or a call has a phone as well.
        reached = dict.fromkeys(str(entry["to"]) for entry in reversed(self.carrier.outbox()))
        there = {phone.number for phone in seeded}
        return [*seeded, *(Phone(number, f"The phone {number}") for number in reached if number not in there)]

    def psa_screens(self) -> Sequence[PsaScreen]:
        people = self._seeded.contacts
        tickets = [c for c in people if c.open_ticket]
        shown = [(c, c.open_ticket or "") for c in tickets] + [(c, "") for c in people]
        return [PsaScreen(DEMO_SLUG, c.id, c.name, c.client, c.email, ticket) for c, ticket in shown]

    def verification_numbers(self) -> Sequence[str]:
        return [VERIFICATION_NUMBER, CHANNEL_NUMBER]

    async def text(self, sender: str, to: str, body: str) -> int:
        return (await self.carrier.text(sender, to, body)).status

    def calls_to(self, phone: str) -> Sequence[PhoneCall]:
        return [
            PhoneCall(call.sid, _call_state(call), call.spoken, call.created, can_press=call.status == "in-progress")
            for call in self.carrier.calls.to(phone)
        ]

    def answering(self, phone: str) -> str:
        return self.carrier.calls.manner_of(phone)

    def set_answering(self, phone: str, how: str) -> bool:
        manner = next((known for known in MANNERS if known == how), None)
        if manner is not None:
            self.carrier.calls.answer(phone, manner)
        return manner is not None

    def line_of(self, phone: str) -> str:
        return self.lookups.manner_of(phone)

    def set_line(self, phone: str, how: str) -> bool:
        manner = next((known for known in LINES if known == how), None)
        if manner is not None:
            self.lookups.set_manner(phone, manner)
        return manner is not None

    def on_call(self, phone: str, act: str) -> bool:
        calls = self.carrier.calls
        try:
            match act:
                case "pick_up":
                    calls.pick_up(phone)
                case "hang_up":
                    calls.hang_up(phone)
                case _:
                    calls.press(phone, act)
        except NoCall:
            return False
        return True

    def outbox(self) -> Sequence[SentMessage]:
        mails_and_posts = (*self.notices.mailbox.outbox(), *self.notices.workflow.outbox())
        left = (*self.carrier.outbox(), *mails_and_posts, *self.tool.outbox())
        everything = [_sent(entry) for entry in left] + self.written
        return sorted(everything, key=lambda message: message.at, reverse=True)

    def received_by(self, phone: str) -> Sequence[SentMessage]:
        texts = (entry for entry in self.carrier.outbox() if entry["channel"] == "sms")
        both = [_sent(entry) for entry in (*texts, *self.carrier.texted())]
        mine = [message for message in both if phone in {message.to, message.sender}]
        return sorted(mine, key=lambda message: message.at)

    def advance(self, seconds: float) -> datetime:
        return self._clock.advance(seconds)

    def now(self) -> datetime:
        return self._clock.now()

    def workflow_address(self) -> str:
        """Where the simulated workflow takes posts to a Teams channel."""
        return self.notices.workflow.address(self.carrier.public_url)

    def tool_address(self) -> str:
        return self.base_url + TOOL_PATH

    async def _tool_secrets(self) -> Sequence[str]:
        """Nobody pastes a secret into the demo's tool: it knows those of every webhook that leads to it."""
        if self.webhooks is None:
            return ()
        known = await self.webhooks()
        return [secret for url, secrets in known if url == self.tool_address() for secret in secrets]

    @property
    def _seeded(self) -> Seeded:
        if self.seeded is None:
            raise LookupError("the demo has not been filled yet")
        return self.seeded


def _call_state(call: Call) -> CallState:
    match call.status:
        case "in-progress":
            return "talking"
        case "queued" | "initiated" | "ringing":
            return "ringing"
        case "completed":
            return "ended"
        case "busy":
            return "declined"
        case "no-answer":
            return "missed"
        case _:
            return "failed"


def _sent(entry: dict[str, object]) -> SentMessage:
    payload = entry["payload"]
    return SentMessage(
        channel=str(entry["channel"]),
        to=str(entry["to"]),
        sender=str(entry["from"]),
        text=str(entry["text"]),
        payload=payload if isinstance(payload, dict) else {},
        at=datetime.fromisoformat(str(entry["at"])),
    )


class WatchedPsa:
    """A connector whose writes the outbox inspector shows too. The same key twice shows once."""

    can: ClassVar[Can] = BuiltinPsa.can

    def __init__(self, inner: Psa, world: DemoWorld, clock: Clock) -> None:
        self._to = inner
        self._world = world
        self._clock = clock

    @property
    def _inner(self) -> Psa:
        """The connector, while the ticket system answers."""
        if self._world.tickets_down:
            raise PsaUnavailable("The ticket system of the demo is switched off.")
        return self._to

    async def check(self) -> None:
        await self._inner.check()

    async def get_ticket(self, ticket_id: str) -> TicketRef:
        return await self._inner.get_ticket(ticket_id)

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
        return await self._inner.search_tickets(
            contact_id=contact_id,
            client_id=client_id,
            technician_id=technician_id,
            query=query,
            open_only=open_only,
            cursor=cursor,
        )

    async def create_ticket(self, fields: NewTicketFields, *, key: str) -> TicketRef:
        made = await self._inner.create_ticket(fields, key=key)
        self._show(made.id, fields.title, "ticket", key)
        return made

    async def add_note(self, ticket_id: str, body: str, *, internal: bool, key: str, author: str = "") -> None:
        await self._inner.add_note(ticket_id, body, internal=internal, key=key, author=author)
        self._show(ticket_id, body, "note", key)

    async def notes(self, ticket_id: str) -> tuple[TicketNote, ...]:
        return await self._inner.notes(ticket_id)

    async def statuses(self) -> tuple[str, ...]:
        return await self._inner.statuses()

    async def set_status(self, ticket_id: str, status: str) -> TicketRef:
        return await self._inner.set_status(ticket_id, status)

    async def assign(self, ticket_id: str, technician_id: str) -> TicketRef:
        return await self._inner.assign(ticket_id, technician_id)

    def _show(self, to: str, text: str, kind: Literal["ticket", "note"], key: str) -> None:
        written = self._world.written
        if any(message.payload.get("key") == key for message in written):
            return
        payload = {"kind": kind, "key": key}
        written.append(SentMessage("psa", to, "watchword", text, payload, self._clock.now()))
        del written[:-2000]
