"""Technician verification, step by step: one line per declared way and target, each compared as a whole step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from dialogs.effects import (
    AlertTechnicians,
    AlertTenant,
    Code,
    CreateTicket,
    Effect,
    EndAnnouncement,
    GiveBackChallenge,
    NoteTicket,
    TellUser,
    Value,
    WakeAt,
)
from dialogs.machine import Step
from dialogs.reference import PAGES
from dialogs.tech_verify import (
    DEADLINE,
    MAX_HINTS,
    MAX_TRAIL,
    NOBODY_CLAIMED,
    Alarm,
    Announced,
    Blank,
    Challenge,
    CheckRejected,
    Claim,
    Claimed,
    ClaimMade,
    ClaimReleased,
    ClaimTakenOver,
    Confirmed,
    ConfirmMisdirected,
    ConfirmReceived,
    DeadlinePassed,
    Denied,
    DenyReceived,
    Direction,
    Ended,
    Env,
    Event,
    Expired,
    Happened,
    Known,
    Later,
    Logged,
    Mode,
    NearMissReceived,
    NewerRequested,
    NewTicket,
    NobodyClaimedYet,
    NoteApproved,
    Open,
    OptedOut,
    Rejected,
    ResendAsked,
    Rules,
    Several,
    State,
    Story,
    Superseded,
    Technician,
    Ticket,
    TicketChoice,
    TicketCreated,
    TicketFailed,
    TicketLinked,
    VerballyConfirmed,
    VerifyRequested,
    machine,
)

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
ASKED = NOW - timedelta(seconds=30)
UNTIL = ASKED + timedelta(minutes=10)
CODE = Code("482913")
PAT = Known("c-1", "Pat Reyes")
DANA = Technician("t-1", "Dana")
LEE = Technician("t-2", "Lee")
T42 = Ticket("42", "1042")
T77 = Ticket("77", "1077")

STORY = Story(PAT, ASKED, (Happened(ASKED, "requested"),))
LIVE = Challenge(CODE, "right", Mode.COMPARE, UNTIL)
DUE = replace(LIVE, expires_at=NOW)
CLAIM = Claim(DANA, Direction.WE_CALLED_USER, T42, ASKED)
NO_CLAIM = Rules(require_claim=False)

OPEN = Open(STORY, LIVE)
OPEN_DUE = Open(STORY, DUE)
CLAIMED = Claimed(STORY, LIVE, CLAIM, told=True)
CLAIMED_DUE = Claimed(STORY, DUE, CLAIM, told=True)
UNTOLD = replace(CLAIMED, told=False)
TRANSFER = replace(CLAIMED, challenge=replace(LIVE, mode=Mode.TRANSFER))

WHO: dict[str, Value] = {"tech": "Dana", "doing": "phrase.we_called_user", "about": "1042"}
FOLDED: dict[str, Value] = {"notice": "phrase.notice", **WHO}
BOTH: dict[str, Value] = {"contact": "Pat Reyes", "tech": "Dana"}
CODE_TEXT = TellUser("tv.code", {"again": "", "code": CODE}, drop_at=UNTIL, challenge=True)
NAMED_TEXT = TellUser("tv.code_announced", {"again": "", "code": CODE, **WHO}, drop_at=UNTIL, challenge=True)
DAY_END = WakeAt(DEADLINE, NOW + timedelta(minutes=10))


def after(what: str, who: str = "", story: Story = STORY) -> Story:
    """The story with one more line, told now."""
    return replace(story, trail=(*story.trail, Happened(NOW, what, who)))


def told(template: str, **values: Value) -> TellUser:
    return TellUser(template, values)


def note(story: Story, outcome: str, assurance: str = "", remark: str = "", ticket: str = "42") -> NoteTicket:
    values: dict[str, Value] = {
        **BOTH,
        "outcome": "phrase.outcome_" + outcome,
        "assurance": "phrase.assurance_" + assurance if assurance else "",
        "direction": "phrase.note_we_called_user",
        "remark": remark,
        "trail": "\n".join(f"{line.at.isoformat()}|{line.what}|{line.who}" for line in story.trail),
    }
    return NoteTicket(ticket, "note.tv", values)


@dataclass(frozen=True, slots=True)
class Walk:
    """In `state`, under `rules`, `event` at NOW gives exactly `step`."""

    state: State
    event: Event
    step: Step[State]
    rules: Rules = field(default_factory=Rules)

    def __str__(self) -> str:
        return f"{type(self.state).__name__}-{type(self.event).__name__}-{type(self.step.state).__name__}"


def expired_unclaimed(refused: str = "") -> Step[State]:
    story = after("expired")
    effects = (told("tv.nobody_claimed"), AlertTenant("nobody_claimed", {"contact": "Pat Reyes"}), EndAnnouncement())
    return Step(Expired(story, NOW, None, "deadline", Logged.NOT_DUE), effects, refused)


def expired_claimed(refused: str = "") -> Step[State]:
    story = after("expired")
    effects = (told("tv.expired"), note(story, "expired"), EndAnnouncement())
    return Step(Expired(story, NOW, CLAIM, "deadline", Logged.WRITTEN), effects, refused)


STARTS = [
    Walk(
        Blank(),
        VerifyRequested(PAT, CODE, "right"),
        Step(
            Open(Story(PAT, NOW, (Happened(NOW, "requested"),)), replace(LIVE, expires_at=DAY_END.at)),
            (replace(CODE_TEXT, drop_at=DAY_END.at), DAY_END, WakeAt(NOBODY_CLAIMED, NOW + timedelta(seconds=20))),
        ),
    ),
    Walk(
        Blank(),
        VerifyRequested(PAT, CODE, "right", again=True),
        Step(
            Open(
                Story(PAT, NOW, (Happened(NOW, "requested"),)),
                replace(LIVE, expires_at=DAY_END.at, mode=Mode.TRANSFER),
            ),
            (
                TellUser("tv.code_transfer", {"again": "phrase.again"}, drop_at=DAY_END.at, challenge=True),
                DAY_END,
                WakeAt(NOBODY_CLAIMED, NOW + timedelta(seconds=20)),
            ),
        ),
        Rules(mode=Mode.TRANSFER),
    ),
    Walk(
        Blank(),
        VerifyRequested(
            Several(("c-1", "c-2")), CODE, "right", Announced(PAT, DANA, Direction.WE_CALLED_USER, NewTicket())
        ),
        Step(
            Claimed(
                Story(PAT, NOW, (Happened(NOW, "requested"), Happened(NOW, "claimed_by_announcement", "Dana"))),
                replace(LIVE, expires_at=DAY_END.at),
                Claim(DANA, Direction.WE_CALLED_USER, NewTicket(), NOW, announced=True),
                told=True,
            ),
            (
                TellUser(
                    "tv.code_announced",
                    {"again": "", "code": CODE, **WHO, "about": "phrase.new_ticket"},
                    drop_at=DAY_END.at,
                    challenge=True,
                ),
                DAY_END,
                CreateTicket("ticket.tv", "c-1", {"contact": "Pat Reyes"}),
            ),
        ),
    ),
]

BY_USER = [
    Walk(
        OPEN,
        ConfirmReceived(),
        Step(Open(after("confirmed_early"), replace(LIVE, confirmed_early=True)), (told("tv.early_confirm"),)),
    ),
    Walk(
        replace(OPEN, challenge=replace(LIVE, confirmed_early=True)),
        ConfirmReceived("right"),
        Step(
            Alarm(after("alarm_confirmed_unclaimed"), NOW, None, "confirmed_unclaimed", Logged.NOT_DUE),
            (
                told("tv.alarm_unclaimed"),
                AlertTenant("confirmed_unclaimed", {"contact": "Pat Reyes"}),
                EndAnnouncement(),
            ),
        ),
    ),
    Walk(OPEN_DUE, ConfirmReceived("right"), expired_unclaimed()),
    Walk(
        OPEN,
        ConfirmReceived("right"),
        Step(
            Confirmed(after("confirmed"), NOW, None, "unclaimed", Logged.NOT_DUE),
            (told("tv.confirmed_unclaimed"), GiveBackChallenge()),
        ),
        NO_CLAIM,
    ),
    Walk(
        OPEN,
        ConfirmReceived("wrong"),
        Step(Open(after("wrong_code"), replace(LIVE, wrong_codes=1)), (told("tv.wrong_code", notice="", left=4),)),
        NO_CLAIM,
    ),
    Walk(
        replace(OPEN, challenge=replace(LIVE, mode=Mode.TRANSFER)),
        ConfirmReceived(),
        Step(replace(OPEN, challenge=replace(LIVE, mode=Mode.TRANSFER, hints=1)), (told("tv.code_needed", notice=""),)),
        NO_CLAIM,
    ),
    Walk(
        CLAIMED,
        ConfirmReceived(),
        Step(
            Confirmed(after("confirmed"), NOW, CLAIM, "compare", Logged.WRITTEN),
            (
                TellUser("tv.confirmed", WHO),
                GiveBackChallenge(),
                note(after("confirmed"), "confirmed", "compare"),
                EndAnnouncement(),
            ),
        ),
    ),
    Walk(
        TRANSFER,
        ConfirmReceived("right"),
        Step(
            Confirmed(after("confirmed"), NOW, CLAIM, "transfer", Logged.WAITS_FOR_APPROVAL),
            (TellUser("tv.confirmed", WHO), GiveBackChallenge(), EndAnnouncement()),
        ),
        Rules(ticket_logging="ask"),
    ),
    Walk(
        TRANSFER,
        ConfirmReceived(),
        Step(replace(TRANSFER, challenge=replace(TRANSFER.challenge, hints=1)), (told("tv.code_needed", notice=""),)),
    ),
    Walk(
        CLAIMED,
        ConfirmReceived("wrong"),
        Step(
            replace(CLAIMED, story=after("wrong_code"), challenge=replace(LIVE, wrong_codes=1)),
            (told("tv.wrong_code", notice="", left=4),),
        ),
    ),
    # The notice that was saved up is folded into the first text that goes out.
    Walk(
        UNTOLD,
        ConfirmReceived("wrong"),
        Step(
            replace(CLAIMED, story=after("wrong_code"), challenge=replace(LIVE, wrong_codes=1)),
            (told("tv.wrong_code", left=4, **FOLDED),),
        ),
    ),
    Walk(
        replace(CLAIMED, challenge=replace(LIVE, wrong_codes=4)),
        ConfirmReceived("wrong"),
        Step(
            Alarm(after("alarm_wrong_codes"), NOW, CLAIM, "wrong_codes", Logged.WRITTEN),
            (
                told("tv.alarm_wrong_codes"),
                AlertTenant("wrong_codes", BOTH),
                note(after("alarm_wrong_codes"), "alarm"),
                EndAnnouncement(),
            ),
        ),
    ),
    Walk(CLAIMED_DUE, ConfirmReceived("right"), expired_claimed()),
    Walk(
        OPEN,
        ConfirmMisdirected("+12125550100"),
        Step(
            replace(OPEN, challenge=replace(LIVE, hints=1)),
            (told("tv.misdirected", notice="", number="+12125550100"),),
        ),
    ),
    Walk(OPEN_DUE, ConfirmMisdirected("+12125550100"), expired_unclaimed()),
    Walk(
        UNTOLD,
        ConfirmMisdirected("+12125550100"),
        Step(
            replace(CLAIMED, challenge=replace(LIVE, hints=1)),
            (told("tv.misdirected", number="+12125550100", **FOLDED),),
        ),
    ),
    Walk(CLAIMED_DUE, ConfirmMisdirected("+12125550100"), expired_claimed()),
    Walk(
        OPEN, NearMissReceived(), Step(replace(OPEN, challenge=replace(LIVE, hints=1)), (told("tv.hint", notice=""),))
    ),
    Walk(OPEN_DUE, NearMissReceived(), expired_unclaimed()),
    Walk(
        TRANSFER,
        NearMissReceived(),
        Step(replace(TRANSFER, challenge=replace(TRANSFER.challenge, hints=1)), (told("tv.code_needed", notice=""),)),
    ),
    Walk(
        replace(CLAIMED, challenge=replace(LIVE, hints=MAX_HINTS)),
        NearMissReceived(),
        Step(replace(CLAIMED, challenge=replace(LIVE, hints=MAX_HINTS))),
    ),
    Walk(CLAIMED_DUE, NearMissReceived(), expired_claimed()),
    Walk(
        OPEN,
        DenyReceived(),
        Step(
            Denied(after("denied"), NOW, None, Logged.NOT_DUE),
            (
                told("tv.denied"),
                GiveBackChallenge(),
                AlertTenant("denied", {"contact": "Pat Reyes"}),
                EndAnnouncement(),
            ),
        ),
    ),
    Walk(
        OPEN_DUE,
        DenyReceived(),
        Step(
            Expired(after("expired", story=after("denied_late")), NOW, None, "deadline", Logged.NOT_DUE),
            (
                told("tv.denied"),
                AlertTenant("nobody_claimed", {"contact": "Pat Reyes"}),
                EndAnnouncement(),
                AlertTenant("denied", {"contact": "Pat Reyes"}),
            ),
        ),
    ),
    Walk(
        CLAIMED,
        DenyReceived(),
        Step(
            Denied(after("denied"), NOW, CLAIM, Logged.WRITTEN),
            (
                told("tv.denied"),
                GiveBackChallenge(),
                AlertTenant("denied", BOTH),
                note(after("denied"), "denied"),
                EndAnnouncement(),
            ),
        ),
    ),
    Walk(
        CLAIMED_DUE,
        DenyReceived(),
        Step(
            Expired(after("expired", story=after("denied_late")), NOW, CLAIM, "deadline", Logged.WRITTEN),
            (
                told("tv.denied"),
                note(after("expired", story=after("denied_late")), "expired"),
                EndAnnouncement(),
                AlertTenant("denied", BOTH),
            ),
        ),
    ),
    Walk(
        OPEN,
        OptedOut(),
        Step(Expired(after("opted_out"), NOW, None, "opted_out", Logged.NOT_DUE), (EndAnnouncement(),)),
    ),
    Walk(
        CLAIMED,
        OptedOut(),
        Step(
            Expired(after("opted_out"), NOW, CLAIM, "opted_out", Logged.WRITTEN),
            (note(after("opted_out"), "opted_out"), EndAnnouncement()),
        ),
    ),
    # The announcement lives on: the newer check claims itself by it.
    Walk(
        OPEN,
        NewerRequested("v-2"),
        Step(Superseded(after("superseded"), NOW, None, "v-2", Logged.NOT_DUE)),
    ),
    Walk(
        CLAIMED,
        NewerRequested("v-2"),
        Step(
            Superseded(after("superseded"), NOW, CLAIM, "v-2", Logged.WRITTEN),
            (note(after("superseded"), "superseded"),),
        ),
    ),
]

TAKES = ClaimMade(DANA, Direction.WE_CALLED_USER, T42)
LONG_AGO = replace(STORY, requested_at=NOW - timedelta(seconds=60))


def claimed_now(story: Story = STORY, *, is_told: bool, ticket: TicketChoice = T42) -> Claimed:
    claim = replace(CLAIM, at=NOW, ticket=ticket)
    return Claimed(after("claimed", "Dana", story), LIVE, claim, told=is_told)


BY_TECHNICIAN = [
    Walk(OPEN, TAKES, Step(claimed_now(is_told=False))),
    Walk(
        replace(OPEN, story=LONG_AGO), TAKES, Step(claimed_now(LONG_AGO, is_told=True), (TellUser("tv.claimed", WHO),))
    ),
    # After a release the user is told the new name, however soon it comes.
    Walk(replace(OPEN, given_back=True), TAKES, Step(claimed_now(is_told=True), (TellUser("tv.claimed", WHO),))),
    # Somebody warned that nobody has opened the check is told at once when somebody does.
    Walk(
        replace(OPEN, challenge=replace(LIVE, confirmed_early=True)),
        TAKES,
        Step(
            replace(claimed_now(is_told=True), challenge=replace(LIVE, confirmed_early=True)),
            (TellUser("tv.claimed", WHO),),
        ),
    ),
    Walk(
        OPEN,
        replace(TAKES, ticket=NewTicket()),
        Step(
            claimed_now(is_told=False, ticket=NewTicket()),
            (CreateTicket("ticket.tv", "c-1", {"contact": "Pat Reyes"}),),
        ),
    ),
    Walk(
        replace(OPEN, story=replace(STORY, asker=Several(("c-1", "c-2")))),
        replace(TAKES, contact=PAT),
        Step(claimed_now(is_told=False)),
    ),
    Walk(OPEN, replace(TAKES, direction=Direction.USER_CALLED_US), Step(OPEN, refused="user_called_us")),
    Walk(
        OPEN,
        replace(TAKES, ticket=Later()),
        Step(OPEN, refused="ticket_required"),
        Rules(ticket_at_claim="required"),
    ),
    Walk(OPEN_DUE, TAKES, expired_unclaimed("expired")),
    Walk(CLAIMED, ClaimMade(LEE, Direction.ON_SITE, Later()), Step(CLAIMED, refused="already_claimed")),
    Walk(CLAIMED, TAKES, Step(CLAIMED)),
    Walk(CLAIMED_DUE, TAKES, expired_claimed("expired")),
    Walk(
        CLAIMED,
        ClaimReleased(DANA),
        Step(
            Open(after("released", "Dana"), LIVE, given_back=True),
            (EndAnnouncement(), WakeAt(NOBODY_CLAIMED, NOW + timedelta(seconds=20))),
        ),
    ),
    Walk(CLAIMED, ClaimReleased(LEE), Step(CLAIMED, refused="not_yours")),
    Walk(CLAIMED_DUE, ClaimReleased(DANA), expired_claimed("expired")),
    Walk(OPEN, ClaimReleased(DANA), Step(OPEN, refused="not_claimed")),
    Walk(OPEN_DUE, ClaimReleased(DANA), expired_unclaimed("expired")),
    Walk(
        UNTOLD,
        ClaimTakenOver(LEE),
        Step(
            Claimed(after("taken_over", "Lee"), LIVE, replace(CLAIM, technician=LEE, at=NOW), told=True),
            (TellUser("tv.taken_over", {**WHO, "tech": "Lee"}), EndAnnouncement()),
        ),
    ),
    Walk(CLAIMED, ClaimTakenOver(DANA), Step(CLAIMED)),
    Walk(CLAIMED_DUE, ClaimTakenOver(LEE), expired_claimed("expired")),
    Walk(OPEN, ClaimTakenOver(LEE), Step(OPEN, refused="not_claimed")),
    Walk(OPEN_DUE, ClaimTakenOver(LEE), expired_unclaimed("expired")),
    Walk(
        UNTOLD,
        VerballyConfirmed(DANA, " said yes "),
        Step(
            Confirmed(after("confirmed_verbally", "Dana"), NOW, CLAIM, "verbal", Logged.WRITTEN, "said yes"),
            (
                TellUser("tv.claimed", WHO),
                GiveBackChallenge(),
                note(after("confirmed_verbally", "Dana"), "confirmed", "verbal", "said yes"),
                EndAnnouncement(),
            ),
        ),
    ),
    Walk(CLAIMED, VerballyConfirmed(LEE, "said yes"), Step(CLAIMED, refused="not_yours")),
    Walk(CLAIMED, VerballyConfirmed(DANA, "  "), Step(CLAIMED, refused="note_required")),
    Walk(CLAIMED_DUE, VerballyConfirmed(DANA, "said yes"), expired_claimed("expired")),
    Walk(OPEN, VerballyConfirmed(DANA, "said yes"), Step(OPEN, refused="not_claimed")),
    Walk(OPEN_DUE, VerballyConfirmed(DANA, "said yes"), expired_unclaimed("expired")),
    Walk(
        OPEN,
        CheckRejected(LEE, "a test"),
        Step(
            Rejected(after("rejected", "Lee"), NOW, None, "a test", Logged.NOT_DUE),
            (told("tv.rejected"), GiveBackChallenge(), EndAnnouncement()),
        ),
    ),
    Walk(OPEN, CheckRejected(LEE, ""), Step(OPEN, refused="reason_required")),
    Walk(OPEN_DUE, CheckRejected(LEE, "a test"), expired_unclaimed("expired")),
    Walk(
        CLAIMED,
        CheckRejected(DANA, "a test"),
        Step(
            Rejected(after("rejected", "Dana"), NOW, CLAIM, "a test", Logged.WRITTEN),
            (
                told("tv.rejected"),
                GiveBackChallenge(),
                note(after("rejected", "Dana"), "rejected", remark="a test"),
                EndAnnouncement(),
            ),
        ),
    ),
    Walk(CLAIMED, CheckRejected(LEE, "a test"), Step(CLAIMED, refused="not_yours")),
    Walk(CLAIMED_DUE, CheckRejected(DANA, "a test"), expired_claimed("expired")),
    Walk(OPEN, ResendAsked(LEE), Step(Open(after("resent", "Lee"), LIVE), (CODE_TEXT,))),
    Walk(OPEN_DUE, ResendAsked(LEE), expired_unclaimed("expired")),
    Walk(UNTOLD, ResendAsked(DANA), Step(replace(CLAIMED, story=after("resent", "Dana")), (NAMED_TEXT,))),
    Walk(CLAIMED, ResendAsked(LEE), Step(CLAIMED, refused="not_yours")),
    Walk(CLAIMED_DUE, ResendAsked(DANA), expired_claimed("expired")),
    Walk(OPEN, NoteApproved(DANA), Step(OPEN, refused="no_note_due")),
    Walk(CLAIMED, NoteApproved(DANA), Step(CLAIMED, refused="no_note_due")),
]

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
            (CreateTicket("ticket.tv", "c-1", {"contact": "Pat Reyes"}),),
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
                    CreateTicket("ticket.tv", "c-1", {"contact": "Pat Reyes"}),
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


WALKS = [*STARTS, *BY_USER, *BY_TECHNICIAN, *TICKETS, *TIME, *afterwards()]
NO_CODE_TYPES = (Confirmed, Denied, Rejected, Superseded, Expired, Alarm)


@pytest.mark.feature(
    "TV-08", "TV-12", "TV-22", "TV-23", "TV-24", "TV-26", "SEC-01", "SEC-03", "SEC-04", "SEC-08", "Y-01", "Y-03"
)
@pytest.mark.parametrize("walk", WALKS, ids=str)
def test_walk(walk: Walk) -> None:
    assert machine.step(walk.state, walk.event, Env(NOW, walk.rules)) == walk.step


def test_every_pair_is_declared_or_ignored() -> None:
    assert machine.undeclared() == []


def test_walks_cover_exactly_the_declared_edges() -> None:
    declared = {(e.source, e.event, t) for e in machine.edges.values() for t in e.targets}
    assert {(type(w.state), type(w.event), type(w.step.state)) for w in WALKS} == declared


@pytest.mark.parametrize(("source", "event"), machine.ignored, ids=lambda c: c.__name__)
def test_ignored_pairs_say_why(source: type[State], event: type[Event]) -> None:
    assert len(machine.ignored[source, event]) > 10


@pytest.mark.feature("SEC-17")
@pytest.mark.parametrize("state", NO_CODE_TYPES)
def test_ended_states_have_no_room_for_a_code(state: type[Any]) -> None:
    """The codec wipes nothing: a code is gone with the state that held it."""
    assert not {Code, Challenge} & set(field_types(state))


def test_the_live_states_do_have_one() -> None:
    assert {Code, Challenge} <= set(field_types(Open))


def field_types(record: type[Any]) -> Iterator[type[Any]]:
    """Every record type that can be reached from this one's fields."""
    for annotation in get_type_hints(record).values():
        for part in (annotation, *get_args(annotation)):
            if isinstance(part, type):
                yield part
                if is_dataclass(part):
                    yield from field_types(part)


@pytest.mark.feature("SEC-01", "SEC-03")
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("typed", [None, "right", "wrong", "another check's"])
@pytest.mark.parametrize("state", ["open", "claimed"])
def test_which_answers_confirm(mode: Mode, typed: str | None, state: str) -> None:
    """The matrix of SEC-03: only a claimed check, only a right code, a bare answer only where codes are compared."""
    challenge = replace(LIVE, mode=mode)
    before: State = Open(STORY, challenge) if state == "open" else replace(CLAIMED, challenge=challenge)
    step = machine.step(before, ConfirmReceived(typed), Env(NOW, Rules()))
    expected = state == "claimed" and (typed == "right" or (typed is None and mode is Mode.COMPARE))
    assert isinstance(step.state, Confirmed) is expected


@pytest.mark.feature("SEC-02", "Y-04")
@pytest.mark.parametrize(
    "call",
    [
        Announced(PAT, DANA, Direction.USER_CALLED_US, T42),
        Announced(PAT, DANA, Direction.WE_CALLED_USER, Later()),
        Announced(Known("c-9", "Somebody else"), DANA, Direction.WE_CALLED_USER, T42),
    ],
    ids=["they called us", "no ticket", "another contact"],
)
def test_an_announced_call_cannot_do_what_a_claim_may_not(call: Announced) -> None:
    step = machine.step(Blank(), VerifyRequested(PAT, CODE, "right", call), Env(NOW, Rules(ticket_at_claim="required")))
    assert isinstance(step.state, Open)
    assert TellUser("tv.code", {"again": "", "code": CODE}, DAY_END.at, True) in step.effects


@pytest.mark.feature("SEC-02")
@pytest.mark.parametrize("pick", [None, Known("c-9", "Somebody else")])
def test_one_of_several_contacts_must_be_picked(pick: Known | None) -> None:
    several = replace(OPEN, story=replace(STORY, asker=Several(("c-1", "c-2"))))
    step = machine.step(several, replace(TAKES, contact=pick), Env(NOW, Rules()))
    assert step == Step(several, refused="pick_contact")


@pytest.mark.feature("SEC-08")
@pytest.mark.parametrize("state", [CLAIMED, CLAIMED_DUE, OPEN, OPEN_DUE])
def test_after_a_denial_the_right_code_is_worth_nothing(state: State) -> None:
    env = Env(NOW, Rules())
    denied = machine.step(state, DenyReceived(), env)
    assert any(isinstance(e, AlertTenant) and e.kind == "denied" for e in denied.effects)
    assert machine.step(denied.state, ConfirmReceived("right"), env) == Step(denied.state)


@pytest.mark.feature("TV-25", "SEC-20")
def test_the_note_tells_every_step_in_order_and_no_code() -> None:
    env = Env(NOW, Rules())
    state: State = OPEN
    effects: tuple[Effect, ...] = ()
    for event in (ConfirmReceived(), TAKES, ConfirmReceived("wrong"), ClaimTakenOver(LEE), ConfirmReceived("right")):
        step = machine.step(state, event, env)
        state, effects = step.state, effects + step.effects
    (written,) = [e for e in effects if isinstance(e, NoteTicket)]
    assert written.values["trail"] == (
        "2026-03-01T13:59:30+00:00|requested|\n"
        "2026-03-01T14:00:00+00:00|confirmed_early|\n"
        "2026-03-01T14:00:00+00:00|claimed|Dana\n"
        "2026-03-01T14:00:00+00:00|wrong_code|\n"
        "2026-03-01T14:00:00+00:00|taken_over|Lee\n"
        "2026-03-01T14:00:00+00:00|confirmed|"
    )
    assert not any(isinstance(value, Code) or "482913" in str(value) for value in written.values.values())


def test_a_name_with_a_line_break_starts_no_line_of_its_own() -> None:
    forged = replace(DANA, first_name="Dana\n2026-03-01T14:00:00+00:00|confirmed|")
    taken = machine.step(OPEN, replace(TAKES, technician=forged), Env(NOW, Rules())).state
    (written,) = [
        e for e in machine.step(taken, DenyReceived(), Env(NOW, Rules())).effects if isinstance(e, NoteTicket)
    ]
    assert len(str(written.values["trail"]).splitlines()) == 3


def test_the_trail_keeps_its_first_line_and_stays_bounded() -> None:
    state: State = OPEN
    for _ in range(MAX_TRAIL + 10):
        state = machine.step(state, ResendAsked(LEE), Env(NOW, Rules())).state
    assert isinstance(state, Open)
    assert len(state.story.trail) == MAX_TRAIL
    assert state.story.trail[0] == STORY.trail[0]


@pytest.mark.feature("Y-01")
def test_hints_come_to_an_end() -> None:
    state, answers = OPEN, 0
    for _ in range(20):
        step = machine.step(state, NearMissReceived(), Env(NOW, Rules()))
        assert isinstance(step.state, Open)
        state, answers = step.state, answers + len(step.effects)
    assert answers == MAX_HINTS


@pytest.mark.feature("TV-23")
def test_a_resend_repeats_the_code_and_prolongs_nothing() -> None:
    step = machine.step(OPEN, ResendAsked(LEE), Env(NOW + timedelta(minutes=9), Rules()))
    assert isinstance(step.state, Open)
    assert step.state.challenge == LIVE
    assert step.effects == (CODE_TEXT,)


def test_no_repr_shows_the_code() -> None:
    for walk in WALKS:
        assert CODE.digits not in repr(walk.step)
        assert CODE.digits not in str(fields(walk.step.state))


@pytest.mark.parametrize("name", PAGES)
def test_the_page_in_the_reference_is_current(name: str) -> None:
    committed = Path(__file__).parents[2] / "docs" / "reference" / name
    assert committed.read_text("utf-8") == PAGES[name]()
