"""What the API takes and gives about second persons."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dialogs.user_verify import Method
from web.answers import Moment, Reply
from web.api.end_user_shapes import Way
from web.api.shapes import Contact, Id, Listed, Paged, TechnicianRef, Words
from web.bodies import Strict

ApprovalKind = Literal["address", "high"]
ApprovalState = Literal["waiting", "granted", "refused", "withdrawn", "used", "expired"]
Missing = Literal["two_methods", "other_method", "said_method", "approval", "decision", "not_offered"]


class AskWith(Strict):
    """What a colleague is to agree to. `address`: one code or link to `address_id`, which is not the contact's usual
    one or a new one. `high`: high-risk work, after two independent methods. `ticket`: an id; none, or `later`, for
    none. `note`: why, in 10 characters or more."""

    kind: ApprovalKind
    contact_id: Id
    address_id: Annotated[str, Field(max_length=64)] | None = None
    ticket: Annotated[str, Field(max_length=64)] | None = None
    note: Words = ""


class NoWith(Strict):
    """Why not; may be empty. Whoever asked reads it, and so does the ticket."""

    reason: Words = ""


class ApprovalQuery(Paged):
    """Which requests."""

    state: ApprovalState | None = None
    contact_id: Annotated[str, Field(max_length=64)] = ""
    ticket: Annotated[str, Field(max_length=64)] = ""
    technician_id: Annotated[str, Field(max_length=64)] = ""
    live: bool | None = None


class Approval(Reply):
    """One request to a second person. `destination` has most of it hidden. `unusual`: why the address needs one.
    `until`: by when somebody must decide, or how long the yes counts; null once it is over. `reason`: why not, or why
    it ended. `may_decide`: whether it is yours to decide. `methods`: for high-risk work, the two that it rests on.
    `verification_id`: what it was used for."""

    id: str
    kind: ApprovalKind
    state: ApprovalState
    contact_id: str
    contact_name: str | None
    address_id: str | None
    destination: str | None
    unusual: Literal["other_address", "new_address"] | None
    ticket: str | None
    ticket_number: str | None
    technician: TechnicianRef
    note: str
    created_at: Moment
    until: Moment | None
    decided_by: TechnicianRef | None
    decided_at: Moment | None
    reason: str | None
    verification_id: str | None
    methods: list[Method]
    may_decide: bool


class HighRisk(Reply):
    """Whether high-risk work is cleared for this contact and ticket now. `until`: how long. `methods`: those that
    count; `approved_by`: the second person's first name, null where one method alone was enough. `missing`: what
    comes next, null when cleared: `two_methods`, `other_method` (one counts), `said_method` (one must be a code that
    is read out), `approval` (ask a second person), `decision` (somebody was asked), `not_offered` (no method alone
    was enough, and the policy does not take two). `message` says it in words."""

    cleared: bool
    until: Moment | None
    methods: list[Method]
    approved_by: str | None
    approval_id: str | None
    missing: Missing | None
    message: str


class Ways(Listed[Way]):
    """Every method to every address. `high_risk`: about the same ticket."""

    high_risk: HighRisk


class ContactWhole(Contact):
    """A contact. `high_risk`: about the ticket asked for, or about none."""

    high_risk: HighRisk
