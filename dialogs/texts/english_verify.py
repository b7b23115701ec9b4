"""The English wording of end-user verification, by the same rules as the rest.

What carries a code that is read aloud begins with its direction and the warning (SEC-05): a code for people who called
us must not become a key for somebody who called them. Speech has no capitals, which voices spell out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from dialogs.texts.template import PLACEHOLDER, Template

CODE_FOR = "Code for when YOU CALLED US"
LINK_FOR = "Link for when YOU CALLED US"
CALLED_YOU = "If someone called you and asks for it, HANG UP"
ALSO = "You ALSO asked to check a caller"
ANYONE_ELSE = "If anyone else asks for it, HANG UP"
JUST_CHECKED_CODE = "whom you just checked, asks for this code"
JUST_CHECKED_LINK = "whom you just checked, sends you this link"
SPOKEN_FOR = "This code is for when you called us"
SPOKEN_CALLED_YOU = "If someone called you and asks for it, hang up"
SPOKEN_ALSO = "You also asked to check a caller"
SPOKEN_JUST_CHECKED = "whom you just checked, asks for this code"
SPOKEN_ANYONE_ELSE = "If anyone else asks for it, hang up"

_VARIABLES = frozenset({"msp", "phone", "tech", "about", "until"})
_WHEN: Mapping[str, str] = {
    "": "",
    "_conflict": " For somebody who is also checking a caller.",
    "_introduced": " For somebody who has just checked this very technician.",
}


def _all() -> Iterable[Template]:
    yield from _texts()
    yield from _mails()
    yield from _speech()
    yield _told(
        "euv.denied_thanks",
        "{msp}: Thank you, we have been alerted, and that code or link is dead. Somebody on the phone about it? HANG "
        "UP. To reach us, call {phone}.",
        "#deny ended a verification that we had asked for.",
        required="phone",
    )
    yield _told(
        "tv.also_verifying",
        "{msp}: We ALSO just sent you a code or link for when YOU CALLED US. The caller you are checking must NEVER "
        "get it. Unsure? HANG UP and call {phone}.",
        "#verify came while we were verifying the same person.",
        required="phone",
    )
    yield from _alerts()
    yield from _notes()


def _texts() -> Iterable[Template]:
    deny = "You did not call? Reply #deny."
    for way, about in (("code", "The code by text."), ("link", "The link by text.")):
        code = way == "code"
        sent = f"{CODE_FOR}: {{code}}" if code else LINK_FOR
        direction = CODE_FOR if code else LINK_FOR
        usual = f"{{tech}} asks about {{about}}. {deny}" if code else "For {tech}, open it and press Validate: {link}"
        yield _send(
            f"sms_{way}", f"{{msp}}: {sent}. {CALLED_YOU}. {usual}", about, locked=(direction, CALLED_YOU), holds=way
        )
        theirs = f"that caller must never get it. {deny}" if code else "never open it for that caller: {link}"
        yield _send(
            f"sms_{way}_conflict",
            f"{{msp}}: {sent}. {CALLED_YOU}. {ALSO}; {theirs}",
            about,
            locked=(direction, CALLED_YOU, ALSO),
            holds=way,
        )
        asks = f"{JUST_CHECKED_CODE}: {{code}}" if code else JUST_CHECKED_LINK
        then = "Was it not you? Reply #deny." if code else "Open it and press Validate: {link}"
        yield _send(
            f"sms_{way}_introduced",
            f"{{msp}}: {{tech}}, {asks}. {ANYONE_ELSE}. {then}",
            about,
            locked=(JUST_CHECKED_CODE if code else JUST_CHECKED_LINK, ANYONE_ELSE),
            holds=way,
            required="tech",
        )


def _mails() -> Iterable[Template]:
    """Code and link stand on a line of their own. No subject holds either of them: it shows on locked screens."""
    not_you = "You did not call us? Pass on nothing, and call {phone}."
    for way, about in (("code", "The code by mail."), ("link", "The link by mail.")):
        code = way == "code"
        direction = CODE_FOR if code else LINK_FOR
        what = "{code}" if code else "{link}"
        asks = (
            "{tech} at {msp} asks for it about {about}. It works until {until}."
            if code
            else "To show {tech} at {msp} that it is you, open it and press Validate. It is about {about} and works "
            "until {until}."
        )
        first = f"{direction}. {CALLED_YOU}."
        yield _send(
            f"email_{way}.body",
            f"{first}\n\n{what}\n\n{asks}\n\n{not_you}",
            about,
            locked=(direction, CALLED_YOU),
            holds=way,
            medium="mail",
        )
        yield _send(
            f"email_{way}_conflict.body",
            f"{first} {ALSO}; that caller must never get it.\n\n{what}\n\n{asks}\n\n{not_you}",
            about,
            locked=(direction, CALLED_YOU, ALSO),
            holds=way,
            medium="mail",
        )
        checked = JUST_CHECKED_CODE if code else JUST_CHECKED_LINK
        after = "It is about {about} and works until {until}."
        yield _send(
            f"email_{way}_introduced.body",
            f"{{tech}}, {checked}. {ANYONE_ELSE}.\n\n{what}\n\n{'' if code else 'Open it and press Validate. '}{after}"
            "\n\nWas it not you? Pass on nothing, and call {phone}.",
            about,
            locked=(checked, ANYONE_ELSE),
            holds=way,
            required="tech",
            medium="mail",
        )
        for variant, subject in (
            ("", f"{{msp}}: {way} for when YOU CALLED US"),
            ("_conflict", f"{{msp}}: {way} for when YOU CALLED US"),
            ("_introduced", f"{{msp}}: {way} from {{tech}}, whom you just checked"),
        ):
            said = f"Subject of the mail with the {way}." + _WHEN[variant]
            yield _template(f"euv.send_email_{way}{variant}.subject", subject, "user", said, medium="mail")


def _speech() -> Iterable[Template]:
    about = "The code in a phone call, read twice."
    for variant, first, locked in (
        ("", f"{SPOKEN_FOR}. {SPOKEN_CALLED_YOU}.", (SPOKEN_FOR, SPOKEN_CALLED_YOU)),
        (
            "_conflict",
            f"{SPOKEN_FOR}. {SPOKEN_CALLED_YOU}. {SPOKEN_ALSO}; that caller must never get it.",
            (SPOKEN_FOR, SPOKEN_CALLED_YOU, SPOKEN_ALSO),
        ),
        (
            "_introduced",
            f"{{tech}}, {SPOKEN_JUST_CHECKED}. {SPOKEN_ANYONE_ELSE}.",
            (SPOKEN_JUST_CHECKED, SPOKEN_ANYONE_ELSE),
        ),
    ):
        # It says who calls, though the greeting could: it may cut that off, and then nobody would have said it.
        twice = f"{first} This is {{msp}}. Your code is: {{code}}. Once more: {{code}}."
        for again, then in (("", "To hear it again, press 1."), ("_last", "Goodbye.")):
            yield _send(
                f"voice_code{variant}{again}",
                f"{twice} {then}",
                about if not again else "The code in a phone call, for the last time.",
                locked=locked,
                holds="code",
                medium="speech",
            )
    for name, words, said in (
        ("greeting", "Hello. {tech} asked for a code for you. One moment.", "First words to a person."),
        (
            "press",
            "Hello, this is {msp} with a code that {tech} asked for. To hear it, press 1.",
            "First words when nobody knows whether a person or a machine picked up.",
        ),
        ("machine", "{msp} tried to reach you. There is nothing to do. Goodbye.", "To an answering machine: no code."),
        ("over", "This code is no longer needed. Goodbye.", "The verification ended while the call was on."),
        ("goodbye", "Goodbye.", "The last word of a call."),
    ):
        yield _template("euv.voice_" + name, words, "user", "Phone call: " + said, also="tech", medium="speech")


def _alerts() -> Iterable[Template]:
    call = "Call {contact} now on a number on record"
    for kind, body, about in (
        (
            "euv_denied",
            "{contact} says that it was not them: somebody may be posing as them to {tech}. Do nothing for that "
            f"caller. {call}.",
            "somebody denied a verification.",
        ),
        (
            "override_to_review",
            "{tech}, alone on duty, sent {contact} a code although they were checking a caller: {reason} Look at it "
            "with them.",
            "the only technician on duty set the rule of opposite directions aside.",
        ),
        (
            "cross_purpose",
            "{tech} typed the code of a check of a CALLER where {contact} was to be verified. Somebody may be playing "
            f"both against each other. {call}.",
            "the code of a check was tried in a verification.",
        ),
        (
            "many_wrong_codes",
            "{tech} typed more than 10 wrong codes within an hour. Ask them what they are doing.",
            "a technician typed many wrong codes.",
        ),
        (
            "many_overrides",
            "{tech} set the rule of opposite directions aside more than 5 times within a day. Ask them why.",
            "a technician overrides often.",
        ),
    ):
        also = "contact tech reason" if kind == "override_to_review" else "contact tech"
        yield _template("alert." + kind, body, "technician", "Alert in the console: " + about, also=also)


def _notes() -> Iterable[Template]:
    yield _template(
        "note.euv",
        "End-user verification: {outcome}\n"
        "Contact: {contact}{whose}\n"
        "Asked by: {method}, {destination}{unusual}\n"
        "Technician: {tech}\n"
        "Strength: {assurance}\n"
        "Wanted for: {action}{enough}\n"
        "Note: {remark}\n"
        "Sent although they were checking a caller: {reason}{alone}\n"
        "What happened (times in UTC):\n"
        "{trail}",
        "ticket",
        "The note that tells the whole verification. A line whose values are all empty is left out.",
        also="why",
    )
    yield _template(
        "note.euv_moved",
        "The end-user verification noted here was moved to {ticket}.",
        "ticket",
        "Left in a ticket whose verification was moved to another one.",
    )
    yield _template(
        "note.euv_late_deny",
        "WARNING: {contact} said that it was not them, after this end-user verification had ended. Treat whoever was "
        "verified as a stranger: call {contact} on a number on record and look at what was done since.",
        "ticket",
        "Written when a verification that had ended was denied after all.",
        also="tech",
    )


def _send(
    name: str,
    body: str,
    about: str,
    *,
    locked: tuple[str, ...],
    holds: str,
    required: str = "",
    medium: Literal["text", "mail", "speech"] = "text",
) -> Template:
    when = next(_WHEN[variant] for variant in ("_conflict", "_introduced", "") if variant in name)
    return _template(
        "euv.send_" + name,
        body,
        "user",
        about + when,
        locked=locked,
        required=f"{holds} {required}",
        also="tech about until",
        medium=medium,
    )


def _told(id: str, body: str, about: str, *, required: str) -> Template:
    return _template(id, body, "user", about, required=required)


def _template(
    id: str,
    body: str,
    audience: Literal["user", "technician", "ticket"],
    about: str,
    *,
    locked: tuple[str, ...] = (),
    required: str = "",
    also: str = "",
    medium: Literal["text", "mail", "speech"] = "text",
) -> Template:
    theirs = _VARIABLES - {"tech", "about", "until"} if audience == "user" else frozenset({"msp"})
    variables = frozenset(PLACEHOLDER.findall(body)) | theirs | frozenset(also.split())
    return Template(id, body, locked, variables, frozenset(required.split()), audience, about, medium)


VERIFYING: tuple[Template, ...] = tuple(_all())

VERIFYING_PHRASES: Mapping[str, str] = {
    "phrase.open_page": "Open the page",
    "phrase.outcome_euv_verified": "VERIFIED",
    "phrase.outcome_euv_wrong_codes": "NOT verified, too many wrong codes",
    "phrase.outcome_euv_wrong_numbers": "NOT verified, too many wrong numbers",
    "phrase.outcome_euv_denied": "DENIED: the user says that it was not them. Treat the caller as a stranger.",
    "phrase.outcome_euv_deadline": "not verified, no answer in time",
    "phrase.outcome_euv_superseded": "not verified, replaced by a newer one",
    "phrase.outcome_euv_cancelled": "not verified, taken back by the technician",
    "phrase.outcome_euv_opted_out": "not verified, the user opted out of texts",
    "phrase.outcome_euv_undelivered": "not verified, it never arrived ({why})",
    "phrase.why_machine": "an answering machine picked up",
    "phrase.why_busy": "the line was busy",
    "phrase.why_no_answer": "nobody picked up",
    "phrase.why_failed": "the call failed",
    "phrase.why_canceled": "the call was cancelled",
    "phrase.why_not_heard": "the call ended before the code was read",
    "phrase.why_opted_out": "they have opted out of texts",
    "phrase.why_blocked": "the number is blocked",
    "phrase.method_sms_code": "code by text",
    "phrase.method_sms_link": "link by text",
    "phrase.method_email_code": "code by e-mail",
    "phrase.method_email_link": "link by e-mail",
    "phrase.method_voice_call": "code by phone call",
    "phrase.method_teams_code": "code in Teams",
    "phrase.method_teams_link": "link in Teams",
    "phrase.method_portal_confirm": "request in the portal",
    "phrase.method_portal_sms_code": "code by text, typed in the portal",
    "phrase.method_duo_push": "Duo push",
    "phrase.method_authenticator_push": "Microsoft Authenticator push",
    "phrase.method_passkey": "passkey",
    "phrase.strength_verbal": "weak; the technician's own word.",
    "phrase.strength_email": "weak; whoever reads that mailbox could answer.",
    "phrase.strength_tap": "fair; they pressed a button and typed nothing. Links can be passed on live.",
    "phrase.strength_code": "medium; they had the code. Codes can be passed on live.",
    "phrase.strength_app": "good; an app that only they have on their phone.",
    "phrase.strength_passkey": "very good; a passkey cannot be passed on.",
    "phrase.action_info": "information only",
    "phrase.action_standard": "everyday work",
    "phrase.action_high": "risky work, such as a password reset or a change of number",
    "phrase.not_enough": ". This method is NOT enough for that by your policy",
    "phrase.other_contact": " (the ticket is another person's)",
    "phrase.other_address": " (not their usual address)",
    "phrase.new_address": " (changed less than 7 days ago)",
    "phrase.override_alone": " (alone on duty; to be reviewed)",
    "phrase.trail_euv_overridden": "{who} set aside that the user was also checking a caller",
    "phrase.trail_euv_asked": "{who} asked",
    "phrase.trail_euv_resent": "{who} had it sent again",
    "phrase.trail_euv_wrong_code": "{who} typed a wrong code",
    "phrase.trail_euv_cross_purpose": "WARNING: {who} typed the code of a check of a caller; refused",
    "phrase.trail_euv_wrong_number": "A wrong number was typed on the page behind the link",
    "phrase.trail_euv_verified_code": "{who} typed the right code",
    "phrase.trail_euv_verified_link": "The user confirmed on the page behind the link",
    "phrase.trail_euv_failed": "Too many wrong answers; it is over",
    "phrase.trail_euv_denied_text": "The user said #deny",
    "phrase.trail_euv_denied_page": 'The user pressed "This is not me"',
    "phrase.trail_euv_denied_late": "The user said that it was not them, too late to change the outcome",
    "phrase.trail_euv_deadline": "The time ran out",
    "phrase.trail_euv_superseded": "A newer one took its place",
    "phrase.trail_euv_cancelled": "{who} took it back",
    "phrase.trail_euv_opted_out": "The user opted out of texts",
    "phrase.trail_euv_voided": "Ended without a result: made void",
    "phrase.trail_euv_undelivered": "It never arrived",
    "phrase.trail_euv_send_failed": "The provider could not deliver it",
    "phrase.trail_euv_call_person": "A person picked up; the code was read",
    "phrase.trail_euv_call_unknown": "Somebody or something picked up and was asked to press a key",
    "phrase.trail_euv_call_machine": "An answering machine picked up; no code was left",
    "phrase.trail_euv_call_keyed": "A key was pressed; the code was read",
    "phrase.trail_euv_call_over": "The call ended",
    "phrase.trail_euv_ticket_linked": "Ticket {who} was linked",
}
