"""The English wording. Carriers review these texts and frightened people read them: short, plain, what to do now.

Written in GSM-7 only, two segments at most with a company name of 25 characters. Words that opt people out (STOP, END,
CANCEL, QUIT) never tell anybody what to do, save where opting out is the subject.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from dialogs.texts.english_phrases import PHRASES
from dialogs.texts.english_verify import VERIFYING
from dialogs.texts.english_verify_phrases import VERIFYING_PHRASES
from dialogs.texts.template import PLACEHOLDER, Language, Template

#: The two sentences of SEC-05: which way the code goes, and that it is never read out (or guessed).
THEY_FIRST = "THEY must say the code first; never read it out."
THEY_SAY = "THEY must say the code; never guess it."
ASKED = "You asked to check a caller."


def _all() -> Iterable[Template]:
    code = "{again}Code: {code}. Same code? Reply #confirm. Wrong or no code? HANG UP, reply #deny."
    heard = "{again}Heard it? Reply #confirm and the code. No code? HANG UP, reply #deny."
    says = " {tech} says they {doing} about {about}."
    yield _user(
        "tv.code",
        f"{{msp}}: {ASKED} {THEY_FIRST} {code}",
        "The code, after #verify. They compare it with what the caller says.",
        locked=(ASKED, THEY_FIRST),
        required="code",
    )
    yield _user(
        "tv.code_announced",
        f"{{msp}}: {ASKED} {THEY_FIRST} {code}{says}",
        "The code, when a technician had announced the call or has claimed the check.",
        locked=(ASKED, THEY_FIRST),
        required="code tech about doing",
    )
    yield _user(
        "tv.code_transfer",
        f"{{msp}}: {ASKED} {THEY_SAY} {heard}",
        "After #verify where the user gets no code and types the one they hear.",
        locked=(ASKED, THEY_SAY),
        also="again",
    )
    yield _user(
        "tv.code_transfer_announced",
        f"{{msp}}: {ASKED} {THEY_SAY} {heard}{says}",
        "The same, when a technician had announced the call or has claimed the check.",
        locked=(ASKED, THEY_SAY),
        required="tech about doing",
    )
    yield _user(
        "tv.early_confirm",
        "{msp}: WAIT. No technician has opened this check yet. Wait until the CALLER says the code. "
        "Unsure? HANG UP and call {phone}.",
        "#confirm came before any technician had claimed the check.",
        required="phone",
    )
    yield _user(
        "tv.alarm_unclaimed",
        "{msp}: WARNING. No {msp} technician has opened this check. HANG UP and call {phone}. We have been alerted.",
        "#confirm came a second time and still no technician had claimed the check.",
        required="phone",
    )
    yield _user(
        "tv.alarm_wrong_codes",
        "{msp}: WARNING. Too many wrong codes; this caller may not be ours. HANG UP and call {phone}. "
        "We have been alerted.",
        "Too many wrong codes.",
        required="phone",
    )
    yield _user(
        "tv.wrong_code",
        "{msp}: That code is WRONG. Did the caller say it? HANG UP and reply #deny. Mistyped? Reply #confirm and the "
        "code again. Tries left: {left}.{notice}",
        "#confirm came with a wrong code.",
        also="notice",
    )
    yield _user(
        "tv.code_needed",
        "{msp}: Reply #confirm and the code the CALLER says. They say none? HANG UP and reply #deny.{notice}",
        "#confirm came without a code where one is needed.",
        also="notice",
    )
    yield _user(
        "tv.hint",
        "{msp}: Your check is open. Did the caller say your code? Reply #confirm. If not, HANG UP and reply #deny. "
        "New code: #verify.{notice}",
        "Something else was written while a check is open.",
        also="notice",
    )
    yield _user(
        "tv.misdirected",
        "{msp}: #confirm does not count here. Send it to {number}, the number that answered your #verify.{notice}",
        "#confirm came to another number than the one that sent the code.",
        required="number",
        also="notice",
    )
    yield _user(
        "tv.claimed",
        "{tech} at {msp} says they {doing} about {about}. If that is not this call, HANG UP and reply #deny.",
        "Who has claimed the check.",
        required="tech about doing",
    )
    yield _user(
        "tv.taken_over",
        "{tech} at {msp} now has your check and says they {doing} about {about}. If that is not so, HANG UP and "
        "reply #deny.",
        "Another technician has taken the check over.",
        required="tech about doing",
    )
    yield _user(
        "tv.confirmed",
        "{msp}: Confirmed. Our technician {tech} says they {doing} about {about}. If that is not this call, HANG UP "
        "and reply #deny.",
        "It worked.",
        required="tech about",
        also="doing",
    )
    yield _user(
        "tv.confirmed_unclaimed",
        "{msp}: We noted your answer, but no technician has opened this check, so it proves little. "
        "Unsure? HANG UP and call {phone}.",
        "It worked, where your settings let a check be confirmed that nobody has claimed.",
        required="phone",
    )
    yield _user(
        "tv.denied",
        "{msp}: We have been alerted and the check is closed. HANG UP now. To reach us, call {phone}.",
        "#deny ended the check.",
        required="phone",
    )
    yield _user(
        "tv.late_deny",
        "{msp}: Thank you, we have been alerted. Still on that call? HANG UP. Tell us what they did: call {phone}.",
        "#deny came after the check had ended.",
        required="phone",
    )
    yield _user(
        "tv.rejected",
        "{msp}: Our team has closed this check; the code no longer counts. On a call you did not expect? HANG UP and "
        "call {phone}.",
        "A technician ended the check.",
        required="phone",
    )
    yield _user(
        "tv.expired",
        "{msp}: Time is up; this check no longer counts. Still on the call? Reply #verify to start again. Unsure? "
        "HANG UP and call {phone}.",
        "The check ran out after a technician had claimed it.",
        required="phone",
    )
    yield _user(
        "tv.nobody_claimed",
        "{msp}: Time is up, and no technician of ours has opened this check. On a call? HANG UP and call {phone}.",
        "The check ran out and no technician had it.",
        required="phone",
    )
    # Says nothing about whose number this is: strangers must learn neither names nor companies.
    yield Template(
        "desk.unknown",
        "We could not match your message to anybody. If you need help, call your IT support on the number you know.",
        (),
        frozenset(),
        frozenset(),
        "user",
        "The answer to strangers, once in 24 hours. It names nobody.",
    )
    yield _user(
        "desk.plain",
        "{msp}: We read no messages here. Want to check a caller? Reply #verify. Need help? Call {phone}.",
        "A known person wrote something that is no command.",
    )
    yield _user(
        "desk.nothing_open",
        "{msp}: No check is open, so nothing has changed. To check a caller, reply #verify. Unsure? HANG UP and call "
        "{phone}.",
        "#confirm or #deny came and no check is open.",
    )
    yield _user(
        "desk.help",
        "{msp}: This number checks callers. On a call? Reply #verify. Help: {phone}. Msg & data rates may apply. Reply "
        "STOP to opt out.",
        "The answer to HELP.",
    )
    yield _user(
        "desk.stopped",
        "{msp}: You have opted out and get no more texts from this number. Reply START to opt in again. Help: {phone}.",
        "The one answer to STOP.",
    )
    yield _user(
        "desk.started",
        "{msp}: You are opted in again. To check a caller, reply #verify. Msg & data rates may apply. Reply HELP for "
        "help.",
        "The answer to START.",
    )
    yield _user(
        "desk.too_many",
        "{msp}: That was too many checks. You can ask again at {at}. On a call now? HANG UP and call {phone}.",
        "#verify came too often.",
        required="at",
    )
    yield _user(
        "call.announced",
        "{msp}: {tech} will call you about {about}. To check that it is really them, reply #verify during the call.",
        "A technician is about to call.",
        required="tech",
        also="about",
    )
    # What stands there now is told by its end only: whoever has the old number may be a stranger by now.
    yield _user(
        "contact.address_changed",
        "{msp}: What we reach you by was changed from this to one ending {ending}. You did not ask for that? Call "
        "{phone}.",
        "Goes to the old number or e-mail address when it is changed.",
        required="phone",
        also="ending",
    )
    yield _user(
        "contact.address_removed",
        "{msp}: We no longer reach you here: this was taken off your record. You did not ask for that? Call {phone}.",
        "Goes to a number or e-mail address that is taken away.",
        required="phone",
    )
    yield _user(
        "contact.address_added",
        "{msp}: Another way to reach you was added to your record, ending {ending}. You did not ask for that? Call "
        "{phone}.",
        "Goes to where we reached somebody so far, when a number or e-mail address is added or used first from now on.",
        required="phone",
        also="ending",
    )
    yield _user(
        "contact.mail_subject",
        "{msp}: your contact data was changed",
        "Subject of the mail that tells of such a change.",
    )
    yield _user(
        "carrier.down",
        "{msp} cannot check callers right now. HANG UP and call {phone}.",
        "The carrier's own answer while it cannot reach us. It stands at the carrier: print it anew after a change.",
        required="phone",
    )
    yield _user(
        "carrier.test",
        "{msp}: This is a test. Texts from this number reach you; there is nothing to do.",
        "What 'watchword doctor --live' sends.",
    )
    yield _other(
        "tech.unclaimed",
        "{msp}: {contact} is checking a caller and nobody has claimed it. Claim it only if YOU are with them: {link}",
        "technician",
        "Nobody has claimed a check; goes to everybody on duty.",
        also="contact link",
    )
    yield from _notices()
    yield from _alerts()
    yield _other(
        "ticket.tv.title",
        "Call checked by {contact}",
        "ticket",
        "Title of a ticket that is opened for a check.",
        also="contact",
    )
    yield _other(
        "ticket.tv.body",
        "{contact} asked to check that a caller is really one of our technicians. "
        "The result follows as a note when the check has ended.",
        "ticket",
        "Text of a ticket that is opened for a check.",
        also="contact",
    )
    yield _other(
        "note.tv",
        "Technician verification: {outcome}\n"
        "Contact: {contact}\n"
        "Technician: {tech}, who said: {direction}\n"
        "Strength: {assurance}\n"
        "Remark: {remark}\n"
        "What happened (times in UTC):\n"
        "{trail}",
        "ticket",
        "The note that tells the whole check. A line whose values are all empty is left out.",
        also="outcome contact tech direction assurance remark trail",
    )
    yield _other(
        "note.tv_moved",
        "The technician verification noted here was moved to {ticket}.",
        "ticket",
        "Left in a ticket whose check was moved to another one.",
        also="ticket",
    )
    yield _other(
        "note.tv_late_deny",
        "WARNING: {contact} said #deny after this technician verification had ended. Treat the caller as a stranger: "
        "call {contact} on a number on record and look at what was done since.",
        "ticket",
        "Written when a check that had ended was denied after all.",
        also="contact tech",
    )


def _notices() -> Iterable[Template]:
    """What goes to the people on duty otherwise than as a text."""
    yield _other(
        "mail.unclaimed.subject",
        "{contact} is checking a caller: nobody has claimed it",
        "technician",
        "Subject of the mail that goes to everybody on duty who wants mails.",
        also="contact",
    )
    yield _other(
        "mail.unclaimed.body",
        "{contact} is checking a caller, and nobody has claimed the check.\n\n"
        "Claim it only if YOU are with them:\n{link}\n\n"
        "If nobody claims it, they are told to hang up.",
        "technician",
        "Nobody has claimed a check; the mail to everybody on duty who wants mails.",
        also="contact link",
    )
    yield _other(
        "post.unclaimed",
        "{contact} is checking a caller and nobody has claimed it. Claim it only if YOU are with them: {link}",
        "technician",
        "Nobody has claimed a check; posted to Teams connections that want it.",
        also="contact link",
    )


def _alerts() -> Iterable[Template]:
    """What stays in the console until a person has acknowledged it."""
    call = "Call them now on a number on record"
    for kind, body, about in (
        ("denied", f"{{contact}} said #deny: the caller may NOT be our technician. {call}.", "#deny."),
        (
            "late_deny",
            f"{{contact}} said #deny after their check had ended. {call} and look at what was done since.",
            "#deny after the check had ended.",
        ),
        (
            "confirmed_unclaimed",
            "{contact} said #confirm and nobody had claimed the check. "
            f"Somebody may be posing as one of you. {call}.",
            "#confirm came twice and nobody had claimed the check.",
        ),
        (
            "wrong_codes",
            f"{{contact}} sent wrong codes until their check was closed: the caller may not be ours. {call}.",
            "Too many wrong codes.",
        ),
        (
            "nobody_claimed",
            f"{{contact}} asked to check a caller and nobody claimed the check in time. {call}.",
            "The check ran out and no technician had it.",
        ),
    ):
        yield _other("alert." + kind, body, "technician", "Alert in the console: " + about, also="contact")
    yield _other(
        "alert.nobody_on_duty",
        "Nobody on duty could be told of an unclaimed check, so everybody else was. Say on your profile page that you "
        "are on duty, and give a mobile number or an e-mail address there.",
        "technician",
        "Alert in the console: nobody on duty could be reached.",
        also="",
    )
    yield _other(
        "alert.nobody_to_tell",
        "Nobody could be told of an unclaimed check: no technician has a mobile number or an e-mail address that we "
        "can use. Give yours on your profile page.",
        "technician",
        "Alert in the console: nobody at all could be reached.",
        also="",
    )
    yield _other(
        "alert.prefix_paused",
        "No texts go to {numbers} until {at}: of {sent} codes in 24 hours, {answered} got an "
        "answer. Somebody may be running up your bill in your contacts' names. Call people there on a number on "
        "record and ask. If they did ask, whoever runs Watchword can lower prefix_answered_percent.",
        "technician",
        "Alert in the console: hardly anybody answers at numbers like these.",
        also="",
    )


def _user(
    id: str, body: str, about: str, *, locked: tuple[str, ...] = (), required: str = "", also: str = ""
) -> Template:
    variables = frozenset(PLACEHOLDER.findall(body)) | {"msp", "phone"} | set(also.split())
    return Template(id, body, locked, variables, frozenset(required.split()), "user", about)


def _other(id: str, body: str, audience: Literal["technician", "ticket"], about: str, *, also: str) -> Template:
    variables = frozenset(PLACEHOLDER.findall(body)) | {"msp"} | set(also.split())
    return Template(id, body, (), variables, frozenset(), audience, about)


ENGLISH = Language("en", {t.id: t for t in (*_all(), *VERIFYING)}, {**PHRASES, **VERIFYING_PHRASES})
