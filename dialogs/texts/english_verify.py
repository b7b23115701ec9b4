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
    yield from _second_person()
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
            "with {tech}.",
            "the only technician on duty overrode an open check of a caller.",
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
            "{tech} overrode open checks of callers more than 5 times within a day. Ask them why.",
            "a technician overrides often.",
        ),
    ):
        also = "contact tech reason" if kind == "override_to_review" else "contact tech"
        yield _template("alert." + kind, body, "technician", "Alert in the console: " + about, also=also)


def _second_person() -> Iterable[Template]:
    """To the colleagues who may decide."""
    also = "destination unusual until"
    yield _template(
        "tech.approval",
        "{msp}: {tech} asks for a second person: {contact}, {action}. Look and decide by {until}: {link}",
        "technician",
        "A technician needs a colleague's yes; goes to everybody on duty who may give it.",
        also=also,
    )
    yield _template(
        "mail.approval.subject",
        "{tech} asks for a second person: {contact}",
        "technician",
        "Subject of the mail that goes to everybody on duty who may decide and wants mails.",
        also=also + " action",
        medium="mail",
    )
    yield _template(
        "mail.approval.body",
        "{tech} asks a colleague to agree: {contact}, {action}.\n\n"
        "Look at why, ask {tech} if anything is odd, and decide by {until}:\n{link}\n\n"
        "Nothing is sent or done before somebody agrees.",
        "technician",
        "A technician needs a colleague's yes; the mail to everybody on duty who may give it.",
        also=also,
        medium="mail",
    )
    yield _template(
        "post.approval",
        "{tech} asks for a second person: {contact}, {action}. Look and decide by {until}: {link}",
        "technician",
        "A technician needs a colleague's yes; posted to Teams connections that want to know of unclaimed checks.",
        also=also,
    )


def _notes() -> Iterable[Template]:
    yield _template(
        "ticket.euv.title", "Call by {contact}", "ticket", "Title of a ticket that is opened for a verification."
    )
    yield _template(
        "ticket.euv.body",
        "{contact} called. {tech} asked them to show that it is them; the result follows as a note.",
        "ticket",
        "Text of a ticket that is opened for a verification.",
        also="contact tech",
    )
    yield _template(
        "note.euv",
        "End-user verification: {outcome}\n"
        "Contact: {contact}{whose}\n"
        "Asked by: {method}, {destination}{unusual}\n"
        "The carrier says: {line}{sim}\n"
        "Technician: {tech}\n"
        "Strength: {assurance}\n"
        "Wanted for: {action}{enough}\n"
        "Note: {remark}\n"
        "Second person who agreed: {approver}\n"
        "Sent although they were checking a caller: {reason}{alone}\n"
        "What happened (times in UTC):\n"
        "{trail}",
        "ticket",
        "The note that tells the whole verification. A line whose values are all empty is left out.",
        also="why",
    )
    yield _template(
        "note.approval",
        "Second person: {outcome}\n"
        "Contact: {contact}\n"
        "Asked for by {tech}: {action}\n"
        "Why: {remark}\n"
        "Decided by: {approver}\n"
        "Why not: {reason}\n"
        "Verified by: {method} and {second_method}\n"
        "What happened (times in UTC):\n"
        "{trail}",
        "ticket",
        "The note that tells what a second person was asked for and said. A line whose values are all empty is left "
        "out.",
        also="destination unusual",
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
