"""What the API takes and gives about verifications of end users."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dialogs.number_signals import Line
from dialogs.user_verify import Action, Assurance, Method
from web.answers import Moment, Reply
from web.api.shapes import Id, Paged, TechnicianRef, TicketChoice, Words
from web.bodies import Strict

EndUserState = Literal["sent", "verified", "failed", "denied", "expired", "error"]
WayState = Literal["ready", "not_possible", "not_set_up"]


class VerifyWith(Strict):
    """Whom to ask and how. `address_id`: one of the contact's; without it the usual one for the method. `ticket`: an
    id; `new` has one opened for them; none, or `later`, for none yet. `note`: where address or ticket are not the
    contact's usual ones. `action`: what is to be done once it is clear who it is. `override`: why an open check of a
    caller is set aside, by a supervisor or the only technician on duty; it takes a fresh proof."""

    contact_id: Id
    address_id: Annotated[str, Field(max_length=64)] | None = None
    method: Annotated[str, Field(min_length=1, max_length=40)]
    ticket: Annotated[str, Field(max_length=64)] | None = None
    note: Words = ""
    action: Action = Action.STANDARD
    override: Words = ""


class CodeWith(Strict):
    """What the person has read out; spaces and dashes do not count."""

    code: Annotated[str, Field(min_length=1, max_length=64)]


class LinkTicketWith(Strict):
    """A ticket's id."""

    ticket: Id


class EndUserQuery(Paged):
    """Which verifications of end users."""

    state: EndUserState | None = None
    contact_id: Annotated[str, Field(max_length=64)] = ""
    ticket: Annotated[str, Field(max_length=64)] = ""
    technician_id: Annotated[str, Field(max_length=64)] = ""
    live: bool | None = None


class WaysQuery(Strict):
    """About which ticket (an id or `new`; none for none), and what is to be done once it is clear who it is."""

    ticket: Annotated[str, Field(max_length=64)] = ""
    action: Action = Action.STANDARD


class OverrideShown(Reply):
    """An open check of a caller was set aside. `alone`: by the only technician on duty, so a supervisor reviews it."""

    reason: str
    alone: bool


class SignalsShown(Reply):
    """What the carrier says of a mobile number. `line`: its kind. `sim`: whether its SIM was swapped within 7 days;
    null where the tenant does not have that asked. Unknown is not safe, and stands in nobody's way."""

    line: Line
    sim: Literal["swapped", "unswapped", "unknown"] | None


class EndUserVerification(Reply):
    """The technician checks the end user. No answer ever holds the code or the link.

    `destination` has most of it hidden. `good_for`: the classes of actions that the result is enough for, none before
    there is one; `enough`: whether `action` is among them. `delivery` is how far the message or call has come: waiting,
    sent, delivered, unclear, failed or dropped. `green_until`: until when the shield is green, null where it is not.
    `spoken_number`: two digits to say to the person, for whoever asked and while it lives. `reason`: why it ended.
    `age_seconds`: since the person answered. `ticket` is null while there is none; `ticket_choice` says whether one is
    being opened (`new`) or owed (`later`). `number_signals`: what the carrier said of the number before anything was
    sent, null where it was not asked."""

    kind: Literal["end_user"] = "end_user"
    id: str
    contact_id: str
    contact_name: str | None
    address_id: str | None
    destination: str
    destination_is_default: bool
    destination_is_new: bool
    method: Method
    state: EndUserState
    reason: str | None
    assurance: Assurance | None
    good_for: list[Action]
    action: Action
    enough: bool
    direction: Literal["user_called_us"] = "user_called_us"
    ticket: str | None
    ticket_number: str | None
    ticket_choice: TicketChoice
    other_contact: bool
    technician: TechnicianRef | None
    note: str | None
    override: OverrideShown | None
    lifted_by: str | None
    spoken_number: str | None
    tries_left: int
    logged: str | None
    delivery: str | None
    delivery_error: str | None
    delivery_words: str | None
    created_at: Moment
    expires_at: Moment | None
    ended_at: Moment | None
    green_until: Moment | None
    age_seconds: int | None
    number_signals: SignalsShown | None


class Way(Reply):
    """One method to one address and whether it works now. `why` is a machine word for what stands in the way, `message`
    what to do about it; `not_before`: when waiting helps. `note_for`: why a note is wanted, which is no obstacle.
    `override`: an override would help, and whoever asks may do it. `number_signals`: what the carrier has said of the
    number within 24 hours; it is asked when something is sent, never for this list. `approval`: the colleague's yes
    that it would use up, or the request that waits for one."""

    method: Method
    address_id: str | None
    state: WayState
    why: str | None
    message: str | None
    not_before: Moment | None
    note_for: list[str]
    override: bool
    assurance: Assurance
    good_for: list[Action]
    approval: str | None
    number_signals: SignalsShown | None
