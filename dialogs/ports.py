"""Protocols the rooms are handed: clock, randomness, the turn store, outbound texts. Implemented below or in bot/."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from dialogs.effects import Code
from dialogs.messages import DeliveryReport
from dialogs.number_signals import NumberReport
from dialogs.turns import Alert, AuditEvent, Leased, Settled, Timer, Turn, TurnResult

R = TypeVar("R")


class Clock(Protocol):
    """The one clock: UTC, aware. Expiry, limits and leases all use it; SQL is handed the value."""

    def now(self) -> datetime: ...


class Randomness(Protocol):
    """Where unpredictable values come from, so that a simulation can be repeated."""

    def code(self, length: int) -> Code:
        """Uniform decimal digits, leading zeros kept."""
        ...

    def new_id(self, now: datetime) -> str:
        """A UUIDv7: sorts by time, minted before the insert."""
        ...

    def token(self) -> str:
        """256 bits, base64url, for log-ins and links."""
        ...

    def fraction(self) -> float:
        """Uniform in [0, 1), for the jitter of retries; not for secrets."""
        ...


class TurnStore(Protocol):
    """Makes turns durable and keeps the outbox. Memory, SQLite and PostgreSQL keep this same promise."""

    async def take(self, turn: Turn[R]) -> TurnResult[R]:
        """Load the facts, decide, write, commit; all or nothing. Returns after the commit.

        Raises `Unavailable` when storage is down, and `Contended` after five lost races (REL-09).
        """
        ...

    async def due_timers(self, now: datetime, limit: int = 100) -> Sequence[Timer]:
        """Timers whose time has come, oldest first. They go away with the turn that handles them."""
        ...

    async def put_aside(self, timer: Timer, audit: AuditEvent, alert: Alert) -> None:
        """Take away a timer that cannot be rung, and leave a line in the log and an alert in its place (REL-15)."""
        ...

    async def lease(
        self,
        worker: str,
        now: datetime,
        *,
        limit: int = 32,
        lasts: timedelta = timedelta(seconds=60),
        full: Collection[str] = (),
    ) -> Sequence[Leased]:
        """Heads of lanes that are due and that nobody holds, each with a new fence.

        Shared out among tenants (SEC-38): the oldest of each tenant comes before anybody's second, and so on. Tenants
        in `full` have their share under way and get none.
        """
        ...

    async def renew(self, leased: Sequence[Leased], now: datetime, *, lasts: timedelta = timedelta(seconds=60)) -> None:
        """Prolong leases that are still ours."""
        ...

    async def settle(self, outcomes: Sequence[Settled], now: datetime) -> None:
        """Write outcomes; one whose fence is stale is ignored."""
        ...

    async def release_leases(self, worker: str) -> None:
        """Give back everything this worker holds, at shutdown."""
        ...

    async def report_delivery(self, report: DeliveryReport, now: datetime) -> bool:
        """Move the delivery state of a sent message forward, never back; True when it moved."""
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """When the next timer or outbox item is due; None when nothing waits."""
        ...


class Contended(Exception):
    """Five tries lost the race for one conversation; the edge answers 503."""


class SendText(Protocol):
    """A channel that sends texts. `key` is the effect's id, the same on every retry."""

    async def send(self, *, to: str, sender: str, body: str, key: str) -> str:
        """Hand the text to the provider and return its message id.

        Raises `SendRefused` (never retry), `SendLater` (nothing went out, retry) or `SendUnclear` (it may have).
        """
        ...

    async def find(self, *, to: str, sender: str, body: str, since: datetime) -> str | None:
        """The provider's id of such a message sent since then, or None; asked before an unclear send is repeated."""
        ...


@dataclass(frozen=True, slots=True)
class ForEndUser:
    """What a mail to an end user has beside its words. `code`: the digits in them, written large; `button`: what stands
    on the button that leads to our page. `text`, `signature`, `footer`: the tenant's own, as they were when the mail
    was decided on, so that a retry says the same."""

    code: str = field(default="", repr=False)
    button: str = ""
    text: str = ""
    signature: str = ""
    footer: str = ""


class SendMail(Protocol):
    """Sends mails by a tenant's own mail server. `key` is the effect's id, a UUIDv7, the same on every retry: date and
    Message-ID follow from it, so that a repeat is the same mail to every program that looks."""

    async def send(
        self, tenant_id: str, *, to: str, subject: str, text: str, key: str, for_user: ForEndUser | None = None
    ) -> str:
        """Hand the mail over and return its Message-ID. `for_user`: it goes to an end user. Raises `SendRefused`
        (never retry), `SendLater` (nothing went out, retry) or `SendUnclear` (it may have gone out)."""
        ...


class SendCall(Protocol):
    """Calls people and speaks to them. Calls cannot be repeated harmlessly: somebody's phone rings each time."""

    async def call(self, *, to: str, sender: str, verification_id: str, key: str) -> str:
        """Place a call whose first words are asked of our voice webhook, and return the provider's id of it.

        Raises as `SendText.send` does."""
        ...

    async def find(self, *, to: str, sender: str, since: datetime) -> str | None:
        """The provider's id of such a call placed since then, or None; asked before an unclear call is repeated."""
        ...

    async def say(self, *, call_id: str, sender: str, verification_id: str, body: str, then: str) -> None:
        """Speak on a call under way. `then`: `again` waits for a key and asks our webhook, `hang_up` ends the call.
        Digits of codes stand in `body` as they are to be read. Raises as `SendText.send` does; `SendRefused` with
        `call_over` when the call has ended."""
        ...


class LookUpNumber(Protocol):
    """Asks the carrier about somebody's number; every question costs the tenant money."""

    async def look_up(self, number: str, *, sender: str, sim_swap: bool) -> NumberReport:
        """What is known of `number` (E.164); the account that owns our number `sender` asks and pays. `sim_swap`: ask
        about the SIM too. What the carrier cannot say is `unknown` in the report. Raises `SendRefused` when it will not
        answer, `SendLater` when it cannot now."""
        ...


class SendPost(Protocol):
    """Posts to the Teams connections of tenants."""

    async def post(self, tenant_id: str, connection_id: str, text: str) -> str:
        """Post plain text and return the HTTP status that was answered. Raises `SendRefused` and `SendLater`."""
        ...


class SendRefused(Exception):
    """The provider will never take this message. `code` is the provider's error code; `opted_out` when it says that
    the recipient has sent STOP."""

    def __init__(self, code: str, message: str, *, opted_out: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.opted_out = opted_out


class SendLater(Exception):
    """Nothing went out; try again, not before `retry_after` seconds when the provider says so."""

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after = retry_after


class SendUnclear(Exception):
    """The request left and no answer came: the message may have gone out."""


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """What an address outside answered. `body` is cut at 1 MiB; `retry_after` in seconds where it was said."""

    status: int
    body: bytes = b""
    retry_after: float | None = None


class OutboundRefused(Exception):
    """We do not go there: the address is not https, or leads into a network of ours (SEC-46). The text says why."""


class OutboundFailed(Exception):
    """No answer. The text says why, without the address, which may hold a secret."""


class Outbound(Protocol):
    """Goes to addresses that tenants entered, and nowhere near our own networks (SEC-46)."""

    async def check(self, url: str) -> None:
        """Raises `OutboundRefused` when we would not go there, names resolved as they are now."""
        ...

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> OutboundAnswer:
        """POST once, following no redirect. Raises `OutboundRefused` and `OutboundFailed`."""
        ...
