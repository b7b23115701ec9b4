"""Where the user of a turn is reached, and which check or verification its effects belong to."""

from __future__ import annotations

from dataclasses import dataclass

from dialogs.turns import StoredCheck, StoredVerification


@dataclass(frozen=True, slots=True)
class Thread:
    """Where the user of a turn is reached: which conversation, from which of our numbers, in which language. `channel`
    is `sms`, `email` or `phone`."""

    conversation_id: str
    channel: str
    our_address: str
    their_address: str
    locale: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The check or verification that effects belong to. `page`: where technicians see it; `psa_lane`: in what order its
    tickets and notes are written; `check_id`: its id where it is a check, which alerts lead to."""

    id: str
    contact_id: str
    channel: str
    our_address: str
    conversation_id: str
    page: str
    psa_lane: str
    check_id: str


def of_check(check: StoredCheck) -> Subject:
    """A technician verification."""
    return Subject(
        check.id,
        check.contact_id,
        check.channel,
        check.our_address,
        check.conversation_id,
        f"/codes/{check.id}",
        "psa:" + check.conversation_id,
        check.id,
    )


def of_verification(one: StoredVerification, channel: str) -> Subject:
    """A verification of an end user."""
    return Subject(
        one.id, one.contact_id, channel, one.our_address, "", f"/verifications/{one.id}", "psa:" + one.id, ""
    )
