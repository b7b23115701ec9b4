"""What the forms about people and their accounts send."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from web.pages.forms import Form

#: Longer than anything we take, so that what is too long gets a sentence instead of a refusal.
Line = Annotated[str, Field(max_length=300)]
Secret = Annotated[str, Field(max_length=1024)]
Tick = Literal["", "yes"]


class PersonForm(Form):
    """Somebody's account, as an admin sets it."""

    name: Line = ""
    role: Literal["technician", "admin"] = "technician"
    supervisor: Tick = ""
    mobile: Line = ""
    email: Line = ""
    use_mfa: Tick = ""
    ui_access: Tick = ""


class InviteForm(PersonForm):
    """Somebody new. `send`: whether the link goes to them by mail or text too."""

    login: Line = ""
    send: Tick = ""


class DefaultsForm(Form):
    """What an invitation is for, unless somebody chooses otherwise."""

    invited_role: Literal["technician", "admin"]


class ProfileForm(Form):
    """My own account. `sms` and `by_email`: how alerts come while I am on duty."""

    name: Line = ""
    mobile: Line = ""
    email: Line = ""
    sms: Tick = ""
    by_email: Tick = ""


class PasswordForm(Form):
    """Another password of mine: who I am, and the new one twice."""

    password: Secret = ""
    code: Annotated[str, Field(max_length=64)] = ""
    new: Secret = ""
    again: Secret = ""


class ForgotForm(Form):
    """Who forgot."""

    login: Annotated[str, Field(max_length=254)] = ""


class NewPasswordForm(Form):
    """A new password by a link, and the second factor."""

    new: Secret = ""
    again: Secret = ""
    code: Annotated[str, Field(max_length=64)] = ""


class SetUpForm(Form):
    """One of two steps: the password, chosen or proven; then the first code of the app. `carried` ties them."""

    password: Secret = ""
    again: Secret = ""
    code: Annotated[str, Field(max_length=64)] = ""
    carried: Annotated[str, Field(max_length=4096)] = ""
