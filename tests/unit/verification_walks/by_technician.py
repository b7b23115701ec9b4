"""What a technician does: ask, ask again, take back, link a ticket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from dialogs.effects import AlertTenant, CreateTicket, NoteTicket, PlaceCall, TellUser, WakeAt
from dialogs.machine import Step
from dialogs.tech_verify import Happened, Logged
from dialogs.user_verify import (
    DEADLINE,
    Asked,
    Assurance,
    Blank,
    CancelAsked,
    Challenge,
    Denied,
    Ended,
    Expired,
    Failed,
    Method,
    NewerAsked,
    Override,
    Policy,
    ResendAsked,
    Sent,
    TicketCreated,
    TicketFailed,
    TicketLinked,
    Undelivered,
    Verified,
)
from tests.unit.verification_walks.world import (
    ASKS,
    BOTH,
    BY_CALL,
    BY_LINK,
    CODE,
    CODE_TEXT,
    DANA,
    DAY_END,
    HEARD,
    LEE,
    LINK,
    LINKED,
    LIVE,
    MAILBOX,
    NO_TICKET,
    NOW,
    PLACING,
    RINGING,
    SENT,
    SPOKEN,
    T42,
    T77,
    WHO,
    Walk,
    after,
    due,
    expired,
    grew,
    note,
    told_on,
    verified,
)

_NEW = Challenge(CODE, "right", DAY_END.at)
_TOLD = (Happened(NOW, "euv_asked", "Dana"),)
_ABOUT_NEW = replace(ASKS, ticket=None, ticket_asked=True)
_BY_MAIL = replace(ASKS, method=Method.EMAIL_CODE, destination=MAILBOX)
_ALONE = replace(ASKS, override=Override("They sit next to me.", alone=True))
_SUPERVISED = replace(ASKS, override=Override("They sit next to me.", alone=False))
_LIFTED = replace(ASKS, lifted_by="v-1")
_OVERRIDDEN = (Happened(NOW, "euv_overridden", "Dana"), *_TOLD)
_SAYS = {**WHO, "until": DAY_END.at, "code": CODE}
_REVIEW = AlertTenant("override_to_review", {**BOTH, "reason": "They sit next to me."})

ASKING = [
    Walk(
        Blank(),
        Asked(ASKS, "right", CODE),
        Step(
            Sent(ASKS, _NEW, _TOLD),
            (TellUser("euv.send_sms_code", _SAYS, drop_at=DAY_END.at, challenge=True), DAY_END),
        ),
    ),
    Walk(
        Blank(),
        Asked(replace(ASKS, ticket=None), "right", CODE),
        Step(
            Sent(replace(ASKS, ticket=None), replace(_NEW, expires_at=NOW + timedelta(minutes=2)), _TOLD),
            (
                TellUser(
                    "euv.send_sms_code",
                    {**_SAYS, "about": "phrase.no_ticket", "until": NOW + timedelta(minutes=2)},
                    drop_at=NOW + timedelta(minutes=2),
                    challenge=True,
                ),
                WakeAt(DEADLINE, NOW + timedelta(minutes=2)),
            ),
        ),
        Policy(code_lifetime=timedelta(minutes=2)),
    ),
    Walk(
        Blank(),
        Asked(_ABOUT_NEW, "right", CODE),
        Step(
            Sent(_ABOUT_NEW, _NEW, _TOLD),
            (
                TellUser(
                    "euv.send_sms_code",
                    {**_SAYS, "about": "phrase.new_ticket"},
                    drop_at=DAY_END.at,
                    challenge=True,
                ),
                DAY_END,
                CreateTicket("ticket.euv", "c-1", BOTH, "t-1"),
            ),
        ),
    ),
    Walk(
        Blank(),
        Asked(_BY_MAIL, "right", CODE),
        Step(
            Sent(_BY_MAIL, _NEW, _TOLD),
            (TellUser("euv.send_email_code", _SAYS, drop_at=DAY_END.at, challenge=True), DAY_END),
        ),
    ),
    Walk(
        Blank(),
        Asked(BY_LINK, "token", link=LINK, spoken=SPOKEN, spoken_digest="right"),
        Step(
            Sent(
                BY_LINK,
                Challenge(None, "token", NOW + timedelta(minutes=9), spoken=SPOKEN, spoken_digest="right"),
                _TOLD,
            ),
            (
                TellUser(
                    "euv.send_sms_link",
                    {**WHO, "until": NOW + timedelta(minutes=9), "link": LINK},
                    drop_at=NOW + timedelta(minutes=9),
                    challenge=True,
                ),
                WakeAt(DEADLINE, NOW + timedelta(minutes=9)),
            ),
        ),
        Policy(link_lifetime=timedelta(minutes=9)),
    ),
    Walk(
        Blank(),
        Asked(BY_CALL, "right", CODE),
        Step(Sent(BY_CALL, _NEW, _TOLD), (PlaceCall(DAY_END.at), DAY_END)),
    ),
    Walk(
        Blank(),
        Asked(_SUPERVISED, "right", CODE, conflict=True),
        Step(
            Sent(_SUPERVISED, replace(_NEW, wording="conflict"), _OVERRIDDEN),
            (TellUser("euv.send_sms_code_conflict", _SAYS, drop_at=DAY_END.at, challenge=True), DAY_END),
        ),
    ),
    Walk(
        Blank(),
        Asked(_ALONE, "right", CODE, conflict=True),
        Step(
            Sent(_ALONE, replace(_NEW, wording="conflict"), _OVERRIDDEN),
            (TellUser("euv.send_sms_code_conflict", _SAYS, drop_at=DAY_END.at, challenge=True), DAY_END, _REVIEW),
        ),
    ),
    Walk(
        Blank(),
        Asked(_LIFTED, "right", CODE, introduced=True),
        Step(
            Sent(_LIFTED, replace(_NEW, wording="introduced"), _TOLD),
            (TellUser("euv.send_sms_code_introduced", _SAYS, drop_at=DAY_END.at, challenge=True), DAY_END),
        ),
    ),
    Walk(
        Blank(),
        Asked(replace(ASKS, method=Method.DUO_PUSH), "right", CODE),
        Step(Blank(), refused="method_not_set_up"),
    ),
    Walk(Blank(), Asked(BY_LINK, "token", CODE), Step(Blank(), refused="method_not_set_up")),
]

_RESENT = grew(SENT, "resent|Dana", sends=2)
_HUNG_UP = replace(HEARD, call_over=True)
_CALLED_BACK = replace(grew(_HUNG_UP, "resent|Dana", sends=2), call_awaited=True)
_CONFLICT = replace(SENT, challenge=replace(LIVE, wording="conflict"))

AGAIN = [
    Walk(SENT, ResendAsked(DANA), Step(_RESENT, (CODE_TEXT,))),
    Walk(
        _CONFLICT,
        ResendAsked(DANA),
        Step(grew(_CONFLICT, "resent|Dana", sends=2), (replace(CODE_TEXT, template="euv.send_sms_code_conflict"),)),
    ),
    Walk(SENT, ResendAsked(LEE), Step(SENT, refused="not_your_verification")),
    Walk(LINKED, ResendAsked(DANA), Step(LINKED, refused="nothing_to_resend")),
    Walk(RINGING, ResendAsked(DANA), Step(RINGING, refused="call_under_way")),
    Walk(HEARD, ResendAsked(DANA), Step(HEARD, refused="call_under_way")),
    Walk(PLACING, ResendAsked(DANA), Step(PLACING, refused="call_under_way")),
    Walk(_HUNG_UP, ResendAsked(DANA), Step(_CALLED_BACK, (PlaceCall(LIVE.expires_at),))),
    Walk(_CALLED_BACK, ResendAsked(DANA), Step(_CALLED_BACK, refused="call_under_way")),
    Walk(due(SENT), ResendAsked(DANA), expired("deadline", refused="verification_over")),
    Walk(SENT, CancelAsked(DANA), expired("cancelled", "cancelled|Dana")),
    Walk(SENT, CancelAsked(LEE), Step(SENT, refused="not_your_verification")),
    Walk(due(SENT), CancelAsked(LEE), expired("deadline", refused="verification_over")),
    Walk(SENT, NewerAsked("u-2"), expired("superseded")),
    Walk(due(SENT), NewerAsked("u-2"), expired("deadline")),
]

_ABOUT_77 = replace(ASKS, ticket=T77)
_WAITS = replace(SENT, request=_ABOUT_NEW)
TICKETS = [
    Walk(
        NO_TICKET,
        TicketLinked(DANA, T77),
        Step(replace(grew(NO_TICKET, "ticket_linked|1077"), request=_ABOUT_77)),
    ),
    Walk(
        _WAITS,
        TicketLinked(DANA, T77),
        Step(replace(grew(SENT, "ticket_linked|1077"), request=_ABOUT_77)),
    ),
    Walk(
        _WAITS,
        TicketCreated(T77),
        Step(replace(grew(SENT, "ticket_created|1077"), request=_ABOUT_77)),
    ),
    Walk(
        due(_WAITS),
        TicketCreated(T77),
        Step(replace(due(grew(SENT, "ticket_created|1077")), request=_ABOUT_77)),
    ),
    Walk(_WAITS, TicketFailed(), Step(replace(grew(SENT, "ticket_failed"), request=replace(ASKS, ticket=None)))),
    Walk(SENT, TicketCreated(T77), Step(SENT)),
    Walk(SENT, TicketFailed(), Step(SENT)),
    Walk(SENT, TicketLinked(DANA, T42), Step(SENT)),
    Walk(SENT, TicketLinked(LEE, T77), Step(SENT, refused="not_your_verification")),
    Walk(due(SENT), TicketLinked(DANA, T77), expired("deadline", refused="verification_over")),
]

#: One of each kind of ended verification, with how it ended and the values that its note carries.
ENDED: tuple[tuple[Ended, str, dict[str, str]], ...] = (
    (verified(SENT, Assurance.CODE, after("verified_code|Dana")), "verified", {"assurance": "phrase.strength_code"}),
    (Failed(ASKS, NOW, "wrong_codes", Logged.WRITTEN, after("failed")), "wrong_codes", {}),
    (Denied(ASKS, NOW, "page", Logged.WRITTEN, after("denied_page")), "denied", {}),
    (Expired(ASKS, NOW, "cancelled", Logged.WRITTEN, after("cancelled|Dana")), "cancelled", {}),
    (Undelivered(ASKS, NOW, "30006", Logged.WRITTEN, after("undelivered")), "undelivered", {"why": "30006"}),
)
_VOID = Expired(ASKS, NOW, "restored", Logged.NOT_DUE, after("voided"))


def afterwards() -> Iterator[Walk]:
    for state, outcome, said in ENDED:
        trail = told_on(state, "ticket_linked|1077")
        linked = replace(state, request=_ABOUT_77, trail=trail)
        there = note(trail, outcome, ticket="77", assurance=said.get("assurance", ""), why=said.get("why", ""))
        left = NoteTicket("42", "note.euv_moved", {"ticket": "1077"})
        unlogged = replace(state, request=replace(ASKS, ticket=None), logged=Logged.WAITS_FOR_TICKET)
        waits = replace(state, request=_ABOUT_NEW, logged=Logged.WAITS_FOR_TICKET)
        made = told_on(state, "ticket_created|1077")
        told = note(made, outcome, ticket="77", assurance=said.get("assurance", ""), why=said.get("why", ""))
        written = replace(state, request=_ABOUT_77, trail=made)
        yield Walk(waits, TicketCreated(T77), Step(written, (told,)))
        dropped = replace(waits, request=replace(ASKS, ticket=None), trail=told_on(state, "ticket_failed"))
        yield Walk(waits, TicketFailed(), Step(dropped))
        yield Walk(state, TicketCreated(T77), Step(state))
        yield Walk(state, TicketFailed(), Step(state))
        yield Walk(state, TicketLinked(LEE, T42), Step(state))
        yield Walk(state, TicketLinked(LEE, T77), Step(linked, (left, there)))
        yield Walk(unlogged, TicketLinked(DANA, T77), Step(linked, (there,)))
        if isinstance(state, Verified):
            over, late = replace(state, green_until=NOW), replace(_ABOUT_77, linked_late=True)
            yield Walk(over, TicketLinked(LEE, T77), Step(replace(over, request=late, trail=trail), (left, there)))
        yield Walk(state, ResendAsked(DANA), Step(state, refused="verification_over"))
        yield Walk(state, CancelAsked(LEE), Step(state, refused="verification_over"))
    voided = replace(_VOID, request=_ABOUT_77, trail=after("voided", "ticket_linked|1077"))
    yield Walk(_VOID, TicketLinked(DANA, T77), Step(voided))
    silent = replace(_VOID, request=_ABOUT_77, trail=after("voided", "ticket_created|1077"))
    yield Walk(replace(_VOID, request=_ABOUT_NEW), TicketCreated(T77), Step(silent))
