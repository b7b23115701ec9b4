"""The simulator of demo mode: stand-ins for everything outside, and the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from web.ports.simulated_microsoft import SimulatedMicrosoft


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One thing that left, as the outbox inspector shows it. `to` and `sender` are addresses of the channel."""

    channel: str
    to: str
    sender: str
    text: str
    payload: Mapping[str, object]
    at: datetime


@dataclass(frozen=True, slots=True)
class Phone:
    """A simulated phone: one of the seeded contacts' or an unknown one's."""

    number: str
    label: str


@dataclass(frozen=True, slots=True)
class PsaScreen:
    """A ticket as the simulated ticket system shows it. `tenant` is the short name of whoever uses it; `ticket_id` is
    empty where the screen is of a contact alone."""

    tenant: str
    contact_id: str
    name: str
    company: str
    email: str
    ticket_id: str = ""


CallState = Literal["ringing", "talking", "ended", "declined", "missed", "failed"]


@dataclass(frozen=True, slots=True)
class PhoneCall:
    """A call to a simulated phone. `words`: everything that was spoken so far. `can_press`: somebody is on it."""

    id: str
    state: CallState
    words: str
    at: datetime
    can_press: bool


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """A seeded log-in that the simulator shows. `code` is what its authenticator app would show now."""

    login: str
    password: str
    code: str
    role: str


class Simulator(Protocol):
    """Demo mode only: the stand-ins for everything outside, and the clock."""

    @property
    def microsoft(self) -> SimulatedMicrosoft:
        """The stand-in for Microsoft 365."""
        ...

    def accounts(self) -> Sequence[DemoAccount]:
        """Who can sign in here, with everything it takes."""
        ...

    def phones(self) -> Sequence[Phone]: ...

    def verification_numbers(self) -> Sequence[str]: ...

    async def text(self, sender: str, to: str, body: str) -> int:
        """Send a text from a simulated phone through the signed webhook; returns the webhook's HTTP status."""
        ...

    def outbox(self) -> Sequence[SentMessage]:
        """Everything that left, newest first."""
        ...

    def received_by(self, phone: str) -> Sequence[SentMessage]:
        """What one phone sent and got, oldest first, for the phone's screen; own texts have `sender` = the phone."""
        ...

    def psa_screens(self) -> Sequence[PsaScreen]:
        """What can be opened in the simulated ticket system, which shows the pod in a frame."""
        ...

    def calls_to(self, phone: str) -> Sequence[PhoneCall]:
        """Calls to one phone, newest first."""
        ...

    def answering(self, phone: str) -> str:
        """How the phone behaves when it rings; a word of `simulator.call_records.MANNERS`."""
        ...

    def set_answering(self, phone: str, how: str) -> bool:
        """From the next call on. False for a word that is not one."""
        ...

    def line_of(self, phone: str) -> str:
        """What the carrier says of the number when it is asked; a word of `simulator.lookups.MANNERS`."""
        ...

    def set_line(self, phone: str, how: str) -> bool:
        """From the next question on. False for a word that is not one."""
        ...

    def on_call(self, phone: str, act: str) -> bool:
        """`pick_up`, `hang_up`, or the key that is pressed. False when there is no call for that."""
        ...

    def workflow_address(self) -> str:
        """Where the simulated workflow takes posts to a Teams channel."""
        ...

    def tool_address(self) -> str:
        """Where the demo's stand-in of another tool takes events."""
        ...

    def advance(self, seconds: float) -> datetime:
        """Move the application's clock forward; never back. Returns the new time."""
        ...

    def now(self) -> datetime: ...
