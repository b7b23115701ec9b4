"""What the pages' forms send, checked field by field; a field too many is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

#: An id of ours or of the ticket system, or nothing.
Id = Annotated[str, Field(max_length=64, pattern=r"^[!-~]*$")]
Direction = Literal["we_called_user", "on_site", "remote_session", "user_called_us"]


class Form(BaseModel):
    """The base of every form."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Press(Form):
    """A button and nothing else; `back` is the page to return to."""

    back: Annotated[str, Field(max_length=300)] = ""


class SignInForm(Form):
    """Everything in one step: who, password, and the app's six digits or a recovery code."""

    login: Annotated[str, Field(max_length=254)]
    password: Annotated[str, Field(max_length=1024)]
    code: Annotated[str, Field(max_length=64)]
    next: Annotated[str, Field(max_length=300)] = ""


class StepUpForm(Form):
    """Password and second factor of whoever is signed in."""

    password: Annotated[str, Field(max_length=1024)]
    code: Annotated[str, Field(max_length=64)]
    next: Annotated[str, Field(max_length=300)] = ""


class DutyForm(Form):
    """Whether alerts are texted to me from now on."""

    on_duty: Literal["yes", "no"]


class ClaimForm(Press):
    """I have this one, in this way, about this ticket; `contact_id` where the number stands on several."""

    direction: Direction = "we_called_user"
    ticket: Id = "later"
    contact_id: Id = ""


class VerbalForm(Press):
    """What they said."""

    note: Annotated[str, Field(max_length=2000)] = ""


class RejectForm(Press):
    """Why it ends."""

    reason: Annotated[str, Field(max_length=500)] = ""


class TicketForm(Press):
    """Which ticket: an id or `new`."""

    ticket: Id


class NewTicketForm(Press):
    """A ticket for a contact; without a title it gets one. `key`: of the form, so that sent twice it is one ticket."""

    contact_id: Id
    title: Annotated[str, Field(max_length=300)] = ""
    body: Annotated[str, Field(max_length=20_000)] = ""
    key: Id = ""


class NoteForm(Press):
    """A note, and whether the client may read it."""

    note: Annotated[str, Field(max_length=20_000)] = ""
    public: Literal["", "yes"] = ""
    key: Id = ""


class StatusForm(Press):
    """A ticket's new state, in the ticket system's own word. `waiver`: why nobody was verified."""

    status: Annotated[str, Field(max_length=60)]
    waiver: Annotated[str, Field(max_length=2000)] = ""


class BlockForm(Press):
    """Whom to block (a check, a line of the log, or an address of a contact), for how many hours (0: for good), and
    why."""

    check_id: Id = ""
    line_id: Id = ""
    address_id: Id = ""
    hours: Literal["1", "24", "720", "0"] = "24"
    reason: Annotated[str, Field(max_length=300)] = ""


class UnblockForm(Press):
    """Whom to let through again."""

    address: Annotated[str, Field(max_length=254)]


class AnnounceForm(Form):
    """I am calling them."""

    contact_id: Id
    direction: Direction = "we_called_user"
    ticket: Id = "later"
    notify: Literal["", "yes"] = ""


class PhoneText(Form):
    """A text from a simulated phone: a quick button, or typed words."""

    sender: Annotated[str, Field(max_length=32, alias="from")]
    to: Annotated[str, Field(max_length=32)]
    text: Annotated[str, Field(max_length=1600)] = ""
    quick: Annotated[str, Field(max_length=32)] = ""


class PhoneAct(Form):
    """What somebody does with a simulated phone: a key or a button during a call, how it answers from now on, or what
    the carrier says of its number."""

    phone: Annotated[str, Field(max_length=32)]
    act: Annotated[str, Field(pattern=r"^([0-9*#]|pick_up|hang_up|)$")] = ""
    answers: Annotated[str, Field(max_length=32)] = ""
    line: Annotated[str, Field(max_length=32)] = ""


class Advance(Form):
    """Seconds to move the demo's clock forward, a year at most."""

    advance_s: Annotated[float, Field(ge=0, le=366 * 24 * 3600)]
