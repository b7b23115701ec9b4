"""The ways an end user can be verified, and what each of them is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Method(StrEnum):
    """One way to verify a caller. The names are fixed: the API and stored records use them."""

    SMS_CODE = "sms_code"
    SMS_LINK = "sms_link"
    EMAIL_CODE = "email_code"
    EMAIL_LINK = "email_link"
    VOICE_CALL = "voice_call"
    TEAMS_CODE = "teams_code"
    TEAMS_LINK = "teams_link"
    PORTAL_CONFIRM = "portal_confirm"
    PORTAL_SMS_CODE = "portal_sms_code"
    DUO_PUSH = "duo_push"
    AUTHENTICATOR_PUSH = "authenticator_push"
    PASSKEY = "passkey"


class Assurance(StrEnum):
    """How much a result is worth, weakest first (SEC-09). Every typed code and every tap can be passed on live by
    somebody who has both people on the line; only the last two resist that."""

    VERBAL = "verbal"
    EMAIL = "email"
    TAP = "tap"
    CODE = "code"
    APP = "app"
    PASSKEY = "passkey"

    @property
    def strength(self) -> int:
        """Larger is stronger."""
        return list(Assurance).index(self)


class Action(StrEnum):
    """What the technician wants to do once they know who it is."""

    INFO = "info"
    STANDARD = "standard"
    HIGH = "high"


Channel = Literal["sms", "email", "phone", "teams", "portal", "push"]
Way = Literal["code", "link", "push"]


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """What is fixed about a method. `kinds`: addresses of a contact it can go to, the better ones first; empty: it
    needs none. `interlocked`: an open check of a caller stands in its way (SEC-06). `built`: it works in this version;
    the others are shown as not set up."""

    channel: Channel
    way: Way
    assurance: Assurance
    kinds: tuple[str, ...]
    interlocked: bool
    built: bool


METHODS: Mapping[Method, MethodFacts] = {
    Method.SMS_CODE: MethodFacts("sms", "code", Assurance.CODE, ("mobile",), True, True),
    Method.SMS_LINK: MethodFacts("sms", "link", Assurance.TAP, ("mobile",), True, True),
    Method.EMAIL_CODE: MethodFacts("email", "code", Assurance.EMAIL, ("email",), True, True),
    Method.EMAIL_LINK: MethodFacts("email", "link", Assurance.EMAIL, ("email",), True, True),
    Method.VOICE_CALL: MethodFacts("phone", "code", Assurance.CODE, ("phone", "mobile"), True, True),
    Method.TEAMS_CODE: MethodFacts("teams", "code", Assurance.CODE, (), True, False),
    Method.TEAMS_LINK: MethodFacts("teams", "link", Assurance.TAP, (), True, False),
    Method.PORTAL_CONFIRM: MethodFacts("portal", "push", Assurance.TAP, (), False, False),
    Method.PORTAL_SMS_CODE: MethodFacts("portal", "code", Assurance.CODE, ("mobile",), False, False),
    Method.DUO_PUSH: MethodFacts("push", "push", Assurance.TAP, (), False, False),
    Method.AUTHENTICATOR_PUSH: MethodFacts("push", "push", Assurance.APP, (), False, False),
    Method.PASSKEY: MethodFacts("push", "push", Assurance.PASSKEY, (), False, False),
}

Family = Literal["phone", "mail", "teams", "portal", "app"]
#: Two methods are independent when whoever has taken over what one goes to has not got the other with it.
FAMILIES: Mapping[Method, Family] = {
    Method.SMS_CODE: "phone",
    Method.SMS_LINK: "phone",
    Method.VOICE_CALL: "phone",
    # It is typed in the portal, but goes to the same phone.
    Method.PORTAL_SMS_CODE: "phone",
    Method.EMAIL_CODE: "mail",
    Method.EMAIL_LINK: "mail",
    Method.TEAMS_CODE: "teams",
    Method.TEAMS_LINK: "teams",
    Method.PORTAL_CONFIRM: "portal",
    Method.DUO_PUSH: "app",
    Method.AUTHENTICATOR_PUSH: "app",
    Method.PASSKEY: "app",
}

#: The order in which a technician is offered them: what resists passing on first, a call to a landline last (EV-16).
DEFAULT_ORDER: tuple[Method, ...] = (
    Method.PASSKEY,
    Method.AUTHENTICATOR_PUSH,
    Method.DUO_PUSH,
    Method.SMS_CODE,
    Method.SMS_LINK,
    Method.TEAMS_CODE,
    Method.TEAMS_LINK,
    Method.PORTAL_CONFIRM,
    Method.PORTAL_SMS_CODE,
    Method.EMAIL_CODE,
    Method.EMAIL_LINK,
    Method.VOICE_CALL,
)
