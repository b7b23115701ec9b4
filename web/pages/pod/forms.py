"""What the forms of the pod and of its sign-in window send."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from web.pages.forms import Direction, Form, Id

#: 43 characters, as all our tokens are.
Token = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_-]*$")]
Challenge = Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]*$")]
Slug = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9-]*$")]


class TakeForm(Form):
    """The frame's secret, and the code that the window has handed over; none where a person compares letters."""

    verifier: Annotated[Token, Field(min_length=20)]
    handed: Token = ""


class WindowForm(Form):
    """Which frame the window is for."""

    tenant: Slug
    challenge: Annotated[Challenge, Field(min_length=64)]


class WindowSignInForm(WindowForm):
    """Everything in one step, as on the console's own page."""

    login: Annotated[str, Field(max_length=254)]
    password: Annotated[str, Field(max_length=1024)]
    code: Annotated[str, Field(max_length=64)]


class WindowProofForm(WindowForm):
    """Password and second factor of whoever is signed in."""

    password: Annotated[str, Field(max_length=1024)]
    code: Annotated[str, Field(max_length=64)]


class PodAnnounceForm(Form):
    """I am calling the person on the screen."""

    contact_id: Id
    direction: Direction = "we_called_user"
    ticket: Id = "later"
    notify: Literal["", "yes"] = ""


class PodClaimForm(Form):
    """I have this one; `sure` is the second press, inside the frame."""

    contact_id: Id = ""
    direction: Direction = "we_called_user"
    ticket: Id = "later"
    sure: Literal["", "yes"] = ""
