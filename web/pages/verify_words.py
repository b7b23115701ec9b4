"""Words for the verification of end users: methods, what stands in their way, how each ended, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping

from dialogs.number_signals import Line, Signals, Sim
from dialogs.user_verify import Action, Assurance, Method
from web.look import _
from web.ports import REFUSALS

#: On the button's list: what will happen.
DO: Mapping[Method, str] = {
    Method.SMS_CODE: _("Text a code"),
    Method.SMS_LINK: _("Text a link"),
    Method.EMAIL_CODE: _("Mail a code"),
    Method.EMAIL_LINK: _("Mail a link"),
    Method.VOICE_CALL: _("Call and say a code"),
    Method.TEAMS_CODE: _("Code in Teams"),
    Method.TEAMS_LINK: _("Link in Teams"),
    Method.PORTAL_CONFIRM: _("Ask in the portal"),
    Method.PORTAL_SMS_CODE: _("Texted code, typed into the portal"),
    Method.DUO_PUSH: _("Duo push"),
    Method.AUTHENTICATOR_PUSH: _("Microsoft Authenticator"),
    Method.PASSKEY: _("Passkey"),
}
#: In lists: what happened.
DID: Mapping[Method, str] = {
    **DO,
    Method.SMS_CODE: _("Code by text"),
    Method.SMS_LINK: _("Link by text"),
    Method.EMAIL_CODE: _("Code by mail"),
    Method.EMAIL_LINK: _("Link by mail"),
    Method.VOICE_CALL: _("Code by a call"),
    Method.PORTAL_CONFIRM: _("Button in the portal"),
}
#: Why a way cannot work now, in the few words a list has room for.
WHY: Mapping[str, str] = {
    "method_not_set_up": _("no account at the carrier set up"),
    "method_not_allowed": _("not allowed for this client"),
    "method_locked": _("locked after wrong codes"),
    "method_disabled": _("switched off after wrong codes"),
    "direction_conflict": _("they are checking a caller right now"),
    "denied_lately": _("they said somebody poses as them"),
    "opted_out": _("opted out of texts (STOP)"),
    "blocked": _("this number is blocked"),
    "no_mobile": _("no mobile number on record"),
    "no_phone": _("no phone number on record"),
    "no_email": _("no e-mail address on record"),
    "no_number_of_ours": _("no number of yours to send from"),
    "no_mail_server": _("no mail server set up"),
    "too_many_sends": _("the limit is reached"),
    "prefix_paused": _("texts to such numbers pause"),
    "sim_swapped": _("its SIM was swapped lately"),
    "address_not_found": _("no address on record"),
    "approval_required": _("a second person must agree"),
    "approval_waiting": _("a second person was asked"),
}
ACTIONS: Mapping[Action, str] = {
    Action.STANDARD: _("Usual help"),
    Action.INFO: _("Information only"),
    Action.HIGH: _("High risk: passwords, sign-in, rights, payments"),
}
#: The same within a sentence.
ACTIONS_IN_WORDS: Mapping[Action, str] = {
    Action.INFO: _("information"),
    Action.STANDARD: _("usual help"),
    Action.HIGH: _("high-risk work"),
}
ASSURANCES: Mapping[Assurance, str] = {
    Assurance.VERBAL: _("a spoken yes"),
    Assurance.EMAIL: _("e-mail"),
    Assurance.TAP: _("a tap"),
    Assurance.CODE: _("a typed code"),
    Assurance.APP: _("an app with a number to match"),
    Assurance.PASSKEY: _("a passkey"),
}
#: What the note is asked for.
NOTE_FOR: Mapping[str, str] = {
    "other_address": _("it is not their usual number or address"),
    "new_address": _("the number or address is new"),
    "other_contact": _("the ticket is another person's"),
}
#: What the carrier says of a number, where that is worth a word: most are plain mobile numbers.
LINES: Mapping[Line, str] = {
    "landline": _("a landline"),
    "voip": _("an internet number (VoIP)"),
    "other": _("neither a mobile number nor a landline"),
    "unknown": _("kind of number unknown"),
}
SIMS: Mapping[Sim, str] = {
    "swapped": _("SIM swapped less than 7 days ago: not for high-risk work"),
    "unswapped": _("SIM not swapped in the last 7 days"),
    "unknown": _("SIM swap unknown"),
}
#: State in the API's word -> what a list says.
OUTCOMES: Mapping[str, str] = {
    "sent": _("Waiting for their answer"),
    "verified": _("Verified"),
    "failed": _("Not verified: too many wrong answers"),
    "denied": _("They say it is not them"),
    "expired": _("Ran out without an answer"),
    "error": _("It did not reach them"),
}
#: Why one ended, where the reason says more than the state.
REASONS: Mapping[str, str] = {
    "superseded": _("Replaced by a newer one"),
    "cancelled": _("Taken back"),
    "opted_out": _("Ended: they texted STOP"),
    "restored": _("Ended: the database was restored from a backup"),
    "erased": _("Ended: their data was erased"),
    "number_changed": _("Ended: their number or address was changed"),
    "blocked": _("Ended: their number was blocked"),
    "asker_off": _("Ended: the account that asked was switched off"),
    "alarm": _("Ended by an alarm: they were checking a caller who is none of ours"),
    "machine": _("An answering machine picked up: no code was said to it"),
    "busy": _("The line was busy"),
    "no-answer": _("Nobody picked up"),
    "canceled": _("The call was cancelled"),
    "not_heard": _("The call ended before the code was said"),
    "unclear": _("The carrier never said whether it went out"),
    "not_callable": _("Numbers of this kind are not called"),
    "country_not_allowed": _("Texts and calls to this country are switched off"),
    "wrong_numbers": _("Not verified: too many wrong numbers"),
}
#: State -> what to do now.
NEXT: Mapping[str, str] = {
    "failed": _("Treat this caller as a stranger. Hang up, and call the person on a number on record."),
    "denied": _(
        "Somebody may be posing as them. End the call, tell your team, and call the person on a number on record."
    ),
    "expired": _("Nothing is proven. Ask once more below, or choose another way."),
    "error": _("Nothing is proven. Choose another way below."),
}


def outcome(state: str, reason: str) -> str:
    """How it stands, in one line."""
    return REASONS.get(reason, OUTCOMES.get(state, state)) if state != "verified" else OUTCOMES[state]


def of_number(signals: Signals | None) -> str:
    """What the carrier says of a number, in a few words; empty where it was not asked, or has nothing to remark."""
    said = (LINES.get(signals.line), SIMS.get(signals.sim)) if signals is not None else ()
    return ", ".join(words for words in said if words)


def why(word: str) -> str:
    """What stands in the way, in a few words; an unknown word of ours says its whole sentence."""
    return WHY.get(word) or (REFUSALS[word][1] if word in REFUSALS else word)
