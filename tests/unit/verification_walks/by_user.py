"""What the user does: says the code, presses Validate, denies, opts out, and picks up the phone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dialogs.effects import AlertTenant, EndShields, GiveBackChallenge, NoteTicket, SayOnCall, TellUser, WakeAt
from dialogs.machine import Step
from dialogs.tech_verify import Logged
from dialogs.user_verify import (
    DEADLINE,
    MAX_SAYS,
    Assurance,
    CallAnswered,
    CallEnded,
    CallKeyed,
    CallPlaced,
    CodeTyped,
    DeadlinePassed,
    Denied,
    Disowned,
    Expired,
    Failed,
    LinkConfirmed,
    OptedOut,
    Policy,
    SendFailed,
    Verified,
    Voided,
)
from tests.unit.verification_walks.by_technician import ENDED
from tests.unit.verification_walks.world import (
    ASKS,
    BOTH,
    BY_CALL,
    BY_LINK,
    CODE,
    DANA,
    DENIED,
    HEARD,
    LEE,
    LINKED,
    LIVE,
    NO_TICKET,
    NOW,
    NUMBERED,
    PLACING,
    RINGING,
    SENT,
    UNTIL,
    WHO,
    Walk,
    after,
    due,
    expired,
    grew,
    note,
    told_on,
    undelivered,
    verified,
)

_RIGHT = after("verified_code|Dana")
_DONE = verified(SENT, Assurance.CODE, _RIGHT)
_FOURTH = replace(SENT, challenge=replace(LIVE, wrong=4))
_FIFTH = after("wrong_code|Dana", "failed")
_CROSS = AlertTenant("cross_purpose", BOTH)
_CROSSED = after("cross_purpose|Dana", "failed")

CODES = [
    Walk(
        SENT,
        CodeTyped(DANA, "right"),
        Step(_DONE, (GiveBackChallenge(), note(_RIGHT, "verified", assurance="phrase.strength_code"))),
    ),
    Walk(
        NO_TICKET,
        CodeTyped(DANA, "right"),
        Step(
            replace(verified(NO_TICKET, Assurance.CODE, _RIGHT), green_until=NOW + timedelta(hours=2)),
            (GiveBackChallenge(),),
        ),
        Policy(green_for=timedelta(hours=2)),
    ),
    Walk(SENT, CodeTyped(DANA, "wrong"), Step(grew(SENT, "wrong_code|Dana", wrong=1), refused="wrong_code")),
    Walk(
        _FOURTH,
        CodeTyped(DANA, "wrong"),
        Step(Failed(ASKS, NOW, "wrong_codes", Logged.WRITTEN, _FIFTH), (note(_FIFTH, "wrong_codes"),), "wrong_code"),
    ),
    Walk(
        SENT,
        CodeTyped(DANA, "right", other_purpose=True),
        Step(grew(SENT, "cross_purpose|Dana", wrong=1), (_CROSS,), "cross_purpose_code"),
    ),
    Walk(
        _FOURTH,
        CodeTyped(DANA, "right", other_purpose=True),
        Step(
            Failed(ASKS, NOW, "wrong_codes", Logged.WRITTEN, _CROSSED),
            (note(_CROSSED, "wrong_codes"), _CROSS),
            "cross_purpose_code",
        ),
    ),
    Walk(SENT, CodeTyped(LEE, "right"), Step(SENT, refused="not_your_verification")),
    Walk(LINKED, CodeTyped(DANA, "token"), Step(LINKED, refused="not_a_code_method")),
    Walk(due(SENT), CodeTyped(DANA, "right"), expired("deadline", refused="verification_over")),
]

_PRESSED = after("verified_link")
_THIRD = after("wrong_number", "failed")
LINKS = [
    Walk(
        LINKED,
        LinkConfirmed(),
        Step(
            verified(LINKED, Assurance.TAP, _PRESSED),
            (
                GiveBackChallenge(),
                note(_PRESSED, "verified", request=BY_LINK, assurance="phrase.strength_tap"),
            ),
        ),
    ),
    Walk(
        NUMBERED,
        LinkConfirmed("right"),
        Step(
            verified(NUMBERED, Assurance.CODE, _PRESSED),
            (
                GiveBackChallenge(),
                note(_PRESSED, "verified", request=BY_LINK, assurance="phrase.strength_code"),
            ),
        ),
    ),
    Walk(NUMBERED, LinkConfirmed(), Step(NUMBERED, refused="number_needed")),
    Walk(NUMBERED, LinkConfirmed("wrong"), Step(grew(NUMBERED, "wrong_number", wrong=1), refused="wrong_number")),
    Walk(
        replace(NUMBERED, challenge=replace(NUMBERED.challenge, wrong=2)),
        LinkConfirmed("wrong"),
        Step(
            Failed(BY_LINK, NOW, "wrong_numbers", Logged.WRITTEN, _THIRD),
            (note(_THIRD, "wrong_numbers", request=BY_LINK),),
            "wrong_number",
        ),
    ),
    Walk(
        NUMBERED,
        LinkConfirmed("wrong", last=True),
        Step(
            Failed(BY_LINK, NOW, "wrong_numbers", Logged.WRITTEN, _THIRD),
            (note(_THIRD, "wrong_numbers", request=BY_LINK),),
            "wrong_number",
        ),
    ),
    Walk(SENT, LinkConfirmed(), Step(SENT, refused="not_a_link_method")),
    Walk(due(LINKED), LinkConfirmed(), expired("deadline", request=BY_LINK, refused="verification_over")),
]

_THANKS = TellUser("euv.denied_thanks")
_DENIED_TEXT = after("denied_text")
_DENIED_PAGE = after("denied_page")
DENIALS = [
    Walk(
        SENT,
        Disowned("text"),
        Step(
            Denied(ASKS, NOW, "text", Logged.WRITTEN, _DENIED_TEXT),
            (_THANKS, GiveBackChallenge(), DENIED, EndShields(), note(_DENIED_TEXT, "denied")),
        ),
    ),
    Walk(
        due(LINKED),
        Disowned("page"),
        Step(
            Denied(BY_LINK, NOW, "page", Logged.WRITTEN, _DENIED_PAGE),
            (GiveBackChallenge(), DENIED, EndShields(), note(_DENIED_PAGE, "denied", request=BY_LINK)),
        ),
    ),
    Walk(SENT, OptedOut(), expired("opted_out")),
    *(
        walk
        for state, _, _ in ENDED
        if not isinstance(state, Denied)
        for walk in (
            Walk(
                state,
                Disowned("text"),
                Step(
                    replace(state, trail=told_on(state, "denied_late")),
                    (_THANKS, DENIED, EndShields(), NoteTicket("42", "note.euv_late_deny", BOTH)),
                ),
            ),
            Walk(
                replace(state, request=replace(ASKS, ticket=None), logged=Logged.WAITS_FOR_TICKET),
                Disowned("page"),
                Step(
                    replace(
                        state,
                        request=replace(ASKS, ticket=None),
                        logged=Logged.WAITS_FOR_TICKET,
                        trail=told_on(state, "denied_late"),
                    ),
                    (DENIED, EndShields()),
                ),
            ),
        )
    ),
    *(Walk(state, Disowned("text"), Step(state)) for state, _, _ in ENDED if isinstance(state, Denied)),
    *(Walk(state, CodeTyped(DANA, "right"), Step(state, refused="verification_over")) for state, _, _ in ENDED),
]

_SAYS = SayOnCall("CA1", "euv.send_voice_code", {**WHO, "code": CODE}, drop_at=UNTIL, then="again")
_UNKNOWN = grew(RINGING, "call_unknown")
_LAST = replace(HEARD, challenge=replace(HEARD.challenge, says=MAX_SAYS - 1))
CALLS = [
    Walk(PLACING, CallPlaced("CA1"), Step(RINGING)),
    Walk(RINGING, CallPlaced("CA1"), Step(RINGING)),
    Walk(
        replace(HEARD, call_over=True, call_awaited=True),
        CallPlaced("CA2"),
        Step(
            replace(
                HEARD,
                call_id="CA2",
                calls_before=("CA1",),
                challenge=replace(HEARD.challenge, call_answered=""),
            )
        ),
    ),
    Walk(
        RINGING,
        CallAnswered("person", "CA1"),
        Step(grew(RINGING, "call_person", call_answered="person", says=1), (_SAYS,)),
    ),
    Walk(
        PLACING,
        CallAnswered("person", "CA1"),
        Step(grew(RINGING, "call_person", call_answered="person", says=1), (_SAYS,)),
    ),
    Walk(HEARD, CallAnswered("person", "CA1"), Step(HEARD)),
    Walk(RINGING, CallAnswered("unknown", "CA1"), Step(_UNKNOWN)),
    Walk(RINGING, CallAnswered("machine", "CA1"), undelivered("machine", "call_machine")),
    Walk(
        replace(HEARD, call_id="CA2", challenge=replace(HEARD.challenge, call_answered="")),
        CallAnswered("machine", "CA2"),
        Step(replace(grew(HEARD, "call_machine", call_answered=""), call_id="CA2", call_over=True)),
    ),
    Walk(due(RINGING), CallAnswered("person", "CA1"), expired("deadline", request=BY_CALL)),
    Walk(
        _UNKNOWN,
        CallKeyed("1", "CA1"),
        Step(
            replace(
                _UNKNOWN,
                trail=(*_UNKNOWN.trail, *after("call_keyed", trail=())),
                challenge=replace(LIVE, call_answered="person", says=1),
            ),
            (_SAYS,),
        ),
    ),
    Walk(HEARD, CallKeyed("1", "CA1"), Step(grew(HEARD, "call_keyed", says=2), (_SAYS,))),
    Walk(
        _LAST,
        CallKeyed("1", "CA1"),
        Step(
            grew(_LAST, "call_keyed", says=MAX_SAYS),
            (replace(_SAYS, template="euv.send_voice_code_last", then="hang_up"),),
        ),
    ),
    Walk(
        grew(HEARD, says=MAX_SAYS),
        CallKeyed("1", "CA1"),
        Step(grew(HEARD, says=MAX_SAYS)),
    ),
    Walk(HEARD, CallKeyed("7", "CA1"), Step(HEARD)),
    Walk(due(HEARD), CallKeyed("1", "CA1"), expired("deadline", request=BY_CALL)),
    Walk(HEARD, CallEnded("completed", "CA1"), Step(replace(grew(HEARD, "call_over"), call_over=True))),
    Walk(replace(HEARD, call_over=True), CallEnded("completed", "CA1"), Step(replace(HEARD, call_over=True))),
    Walk(HEARD, CallEnded("completed", "CA0"), Step(HEARD)),
    Walk(RINGING, CallEnded("no-answer", "CA1"), undelivered("no-answer", "call_over", why="phrase.why_no_answer")),
    Walk(PLACING, CallEnded("busy", "CA1"), undelivered("busy", "call_over")),
    Walk(
        _UNKNOWN,
        CallEnded("completed", "CA1"),
        undelivered("not_heard", "call_unknown", "call_over"),
    ),
    Walk(SENT, SendFailed("30006"), undelivered("30006", "send_failed", request=ASKS, why="30006")),
    Walk(
        replace(SENT, challenge=replace(LIVE, sends=2)),
        SendFailed("30006"),
        Step(grew(SENT, "send_failed", sends=2, failed=1)),
    ),
    Walk(HEARD, SendFailed("21220"), undelivered("21220", "send_failed", why="21220")),
]

_VOIDED = after("voided")
_ALARMED = expired("alarm")
TIME = [
    Walk(SENT, DeadlinePassed(), Step(SENT, (WakeAt(DEADLINE, UNTIL),))),
    Walk(due(SENT), DeadlinePassed(), expired("deadline")),
    Walk(
        SENT,
        Voided("number_changed"),
        Step(Expired(ASKS, NOW, "number_changed", Logged.NOT_DUE, _VOIDED), (EndShields(),)),
    ),
    Walk(SENT, Voided("alarm"), Step(_ALARMED.state, (EndShields(), *_ALARMED.effects))),
    *(
        Walk(state, Voided("restored"), Step(state, (EndShields(),)))
        for state, _, _ in ENDED
        if isinstance(state, Verified)
    ),
]
