"""What an edge hands to the engine, and what it gets back: one vocabulary for every channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Inbound:
    """One authentic message from outside, translated and not yet understood.

    `provider_id` is the provider's own message id and the first key against replays. `replay_digest` is a second
    one (SEC-22): the SHA-256 of the signature, equal for every re-split of one genuine request; empty where a
    channel has none. `opt_out` is the provider's own reading of STOP, START and HELP when it gives one.
    Addresses are in the channel's canonical form: E.164 for texts.
    """

    channel: str
    provider: str
    provider_id: str
    our_address: str
    their_address: str
    text: str
    replay_digest: str = ""
    opt_out: Literal["", "stop", "start", "help"] = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an `Inbound`, after the commit: `taken`, `duplicate` or `unroutable` (no such number of ours)."""

    outcome: Literal["taken", "duplicate", "unroutable"]


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """The provider's later word on a message we sent. `status` is the provider's, lower case; reports may come in any
    order. `error_code` is the provider's number as text, empty when there is none."""

    provider: str
    provider_id: str
    status: str
    error_code: str = ""


class Receive(Protocol):
    """The engine's front door, injected into every channel."""

    async def __call__(self, inbound: Inbound) -> Receipt: ...


class ReportDelivery(Protocol):
    """Where a channel hands delivery reports. True when the report was known and not older than what we had."""

    async def __call__(self, report: DeliveryReport) -> bool: ...


class Unavailable(Exception):
    """The engine cannot take a message now (storage is down); the edge answers 503 so that the provider retries."""
