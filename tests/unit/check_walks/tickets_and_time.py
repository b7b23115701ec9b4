"""Tickets, timers, and everything that may still happen to a check that has ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from dialogs.effects import (
    AlertTechnicians,
    AlertTenant,
    CreateTicket,
    EndAnnouncement,
    NoteTicket,
    WakeAt,
)
from dialogs.machine import Step
from dialogs.tech_verify import (
    DEADLINE,
    Alarm,
    CheckRejected,
    CheckVoided,
    ClaimReleased,
    ClaimTakenOver,
    Confirmed,
    DeadlinePassed,
    Denied,
    DenyReceived,
    Ended,
    Event,
    Expired,
    Later,
    Logged,
    NewTicket,
    NobodyClaimedYet,
    NoteApproved,
    Rejected,
    ResendAsked,
    Superseded,
    TicketCreated,
    TicketFailed,
    TicketLinked,
    VerballyConfirmed,
)
from tests.unit.check_walks.by_technician import TAKES
from tests.unit.check_walks.world import (
    ASKED,
    BOTH,
    CLAIM,
    CLAIMED,
    CLAIMED_DUE,
    DANA,
    LEE,
    NOW,
    OPEN,
    OPEN_DUE,
    STORY,
    T42,
    T77,
    UNTIL,
    Walk,
    after,
    expired_claimed,
    expired_unclaimed,
    note,
    told,
)

WAITING = replace(CLAIMED, claim=replace(CLAIM, ticket=NewTicket()))
TICKETS = [
    Walk(OPEN, TicketLinked(DANA, T77), Step(OPEN, refused="not_claimed")),
    Walk(OPEN_DUE, TicketLinked(DANA, T77), expired_unclaimed("expired")),
    Walk(
        CLAIMED,
        TicketLinked(DANA, T77),
        Step(replace(CLAIMED, story=after("ticket_linked", "1077"), claim=replace(CLAIM, ticket=T77))),
    ),
    Walk(
        CLAIMED,
        TicketLinked(DANA, NewTicket()),
        Step(
            replace(WAITING, story=after("ticket_asked")),
            (CreateTicket("ticket.tv", "c-1", {"contact": "Pat Reyes"}, DANA.id),),
        ),
    ),
    # A second tap must not open a second ticket.
    Walk(WAITING, TicketLinked(DANA, NewTicket()), Step(WAITING)),
    Walk(CLAIMED, TicketLinked(LEE, T77), Step(CLAIMED, refused="not_yours")),
    Walk(CLAIMED_DUE, TicketLinked(DANA, T77), expired_claimed("expired")),
    Walk(WAITING, TicketCreated(T42), Step(replace(CLAIMED, story=after("ticket_created", "1042")))),
    Walk(CLAIMED, TicketCreated(T77), Step(CLAIMED)),
    Walk(
        WAITING,
        TicketFailed(),
        Step(replace(WAITING, story=after("ticket_failed"), claim=replace(CLAIM, ticket=Later()))),
    ),
    Walk(CLAIMED, TicketFailed(), Step(CLAIMED)),
]

TIME = [
    Walk(OPEN, DeadlinePassed(), Step(OPEN, (WakeAt(DEADLINE, UNTIL),))),
    Walk(OPEN_DUE, DeadlinePassed(), expired_unclaimed()),
    Walk(CLAIMED, DeadlinePassed(), Step(CLAIMED, (WakeAt(DEADLINE, UNTIL),))),
    Walk(CLAIMED_DUE, DeadlinePassed(), expired_claimed()),
    Walk(
        OPEN,
        NobodyClaimedYet(),
        Step(
            replace(OPEN, story=after("people_on_duty_alerted")),
            (AlertTechnicians("tech.unclaimed", {"contact": "Pat Reyes"}),),
        ),
    ),
    Walk(OPEN_DUE, NobodyClaimedYet(), expired_unclaimed()),
    Walk(
        OPEN,
        CheckVoided("restored"),
        Step(Expired(after("voided"), NOW, None, "restored", Logged.NOT_DUE), (EndAnnouncement(),)),
    ),
    # Without a word to the user, and without a note.
    Walk(
        CLAIMED,
        CheckVoided("erased"),
        Step(Expired(after("voided"), NOW, CLAIM, "erased", Logged.NOT_DUE), (EndAnnouncement(),)),
    ),
]

#: Every ended state with its outcome, strength and remark as the note tells them.
ENDED: list[tuple[Ended, str, str, str]] = [
    (Confirmed(STORY, ASKED, CLAIM, "verbal", Logged.WRITTEN, "said yes"), "confirmed", "verbal", "said yes"),
    (Denied(STORY, ASKED, CLAIM, Logged.WRITTEN), "denied", "", ""),
    (Rejected(STORY, ASKED, CLAIM, "a test", Logged.WRITTEN), "rejected", "", "a test"),
    (Superseded(STORY, ASKED, CLAIM, "v-2", Logged.WRITTEN), "superseded", "", ""),
    (Expired(STORY, ASKED, CLAIM, "deadline", Logged.WRITTEN), "expired", "", ""),
    (Expired(STORY, ASKED, CLAIM, "opted_out", Logged.WRITTEN), "opted_out", "", ""),
    (Alarm(STORY, ASKED, CLAIM, "wrong_codes", Logged.WRITTEN), "alarm", "", ""),
]


def afterwards() -> Iterator[Walk]:
    """What may still happen to a check that has ended; the same for every way it may have ended."""
    for ended, outcome, assurance, remark in ENDED:
        asks: list[Event] = [
            TAKES,
            ClaimReleased(DANA),
            ClaimTakenOver(LEE),
            VerballyConfirmed(DANA, "said yes"),
            CheckRejected(DANA, "a test"),
            ResendAsked(DANA),
        ]
        for ask in asks:
            yield Walk(ended, ask, Step(ended, refused="ended"))
        moved = after("ticket_linked", "1077")
        yield Walk(
            ended,
            TicketLinked(LEE, T77),
            Step(
                replace(ended, story=moved, claim=replace(CLAIM, ticket=T77)),
                (
                    NoteTicket("42", "note.tv_moved", {"ticket": "1077"}),
                    note(moved, outcome, assurance, remark, ticket="77"),
                ),
            ),
        )
        yield Walk(ended, TicketLinked(LEE, T42), Step(ended))
        yield Walk(
            ended,
            TicketLinked(LEE, NewTicket()),
            Step(
                replace(
                    ended,
                    story=after("ticket_asked"),
                    claim=replace(CLAIM, ticket=NewTicket()),
                    logged=Logged.WAITS_FOR_TICKET,
                ),
                (
                    NoteTicket("42", "note.tv_moved", {"ticket": "phrase.new_ticket"}),
                    CreateTicket("ticket.tv", "c-1", {"contact": "Pat Reyes"}, DANA.id),
                ),
            ),
        )
        nobody = replace(ended, claim=None, logged=Logged.NOT_DUE)
        yield Walk(nobody, TicketLinked(LEE, T42), Step(nobody, refused="not_claimed"))
        waiting = replace(ended, claim=replace(CLAIM, ticket=NewTicket()), logged=Logged.WAITS_FOR_TICKET)
        made = after("ticket_created", "1042")
        yield Walk(
            waiting,
            TicketCreated(T42),
            Step(replace(ended, story=made), (note(made, outcome, assurance, remark),)),
        )
        yield Walk(ended, TicketCreated(T77), Step(ended))
        yield Walk(
            waiting,
            TicketFailed(),
            Step(replace(waiting, story=after("ticket_failed"), claim=replace(CLAIM, ticket=Later()))),
        )
        yield Walk(ended, TicketFailed(), Step(ended))
        due = replace(ended, logged=Logged.WAITS_FOR_APPROVAL)
        yield Walk(due, NoteApproved(LEE), Step(ended, (note(STORY, outcome, assurance, remark),)))
        yield Walk(ended, NoteApproved(LEE), Step(ended, refused="no_note_due"))
        if not isinstance(ended, Denied | Superseded):
            late = replace(ended, story=after("denied_late"))
            alarm = (told("tv.late_deny"), AlertTenant("late_deny", BOTH))
            yield Walk(ended, DenyReceived(), Step(late, (*alarm, NoteTicket("42", "note.tv_late_deny", BOTH))))
            yield Walk(due, DenyReceived(), Step(replace(late, logged=due.logged), alarm))
            yield Walk(late, DenyReceived(), Step(late))
