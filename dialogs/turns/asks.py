"""Asks: what a turn is about, and so which facts it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from dialogs.messages import Inbound


@dataclass(frozen=True, slots=True)
class InboundAsk:
    """A text has come in. `with_limits`: count unanswered challenges too (only `#verify` needs them).

    The inbound is recorded with the turn; a repeat of `(provider, provider_id)` or of `replay_digest` is a duplicate,
    for ever (SEC-23).
    """

    inbound: Inbound
    with_limits: bool = False


@dataclass(frozen=True, slots=True)
class CheckAsk:
    """Something happens to one check: a technician acts, a timer rings, the PSA answers.

    `once`: a key under which this may happen one time only, empty when repeats are harmless. `timer`: the name of the
    timer that rang; the row is removed with the turn, and its absence makes the turn a duplicate. `pick`: a contact
    to look up. `technician_id` with `with_limits`: whose sends to count.
    """

    tenant_id: str
    check_id: str
    once: str = ""
    timer: str = ""
    pick: str = ""
    technician_id: str = ""
    with_limits: bool = False


@dataclass(frozen=True, slots=True)
class AnnounceAsk:
    """A technician announces a call to a contact, or takes the announcement back (`withdraw`: its id).

    `with_limits` asks for the counts too, with `technician_id` for the bound per technician."""

    tenant_id: str
    contact_id: str
    withdraw: str = ""
    technician_id: str = ""
    with_limits: bool = False


@dataclass(frozen=True, slots=True)
class VerificationAsk:
    """A verification of an end user begins or a second person is asked (`contact_id`), or something happens to a
    verification (`verification_id`) or to an approval (`approval_id`), whose contact is looked up then.

    `once` and `timer` as for a check. `technician_id`: whose wrong codes, overrides and requests to second
    persons to count. `with_limits`: count
    sends, to the address `address_id` or, where that is empty, to every address of the contact.
    """

    tenant_id: str
    contact_id: str = ""
    verification_id: str = ""
    address_id: str = ""
    technician_id: str = ""
    once: str = ""
    timer: str = ""
    with_limits: bool = False
    approval_id: str = ""

    @property
    def about(self) -> str:
        """Whose timer rings: the verification's or the approval's."""
        return self.verification_id or self.approval_id


Ask: TypeAlias = InboundAsk | CheckAsk | AnnounceAsk | VerificationAsk
