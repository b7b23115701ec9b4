"""What technicians do."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dialogs.effects import (
    CreateTicket,
    EndAnnouncement,
    GiveBackChallenge,
    TellUser,
    WakeAt,
)
from dialogs.machine import Step
from dialogs.tech_verify import (
    MAX_HANDOVERS,
    NOBODY_CLAIMED,
    CheckRejected,
    Claimed,
    ClaimMade,
    ClaimReleased,
    ClaimTakenOver,
    Confirmed,
    Direction,
    Later,
    Logged,
    NewTicket,
    NoteApproved,
    Open,
    Rejected,
    ResendAsked,
    Rules,
    Several,
    Story,
    TicketChoice,
    VerballyConfirmed,
)
from tests.unit.check_walks.world import (
    CLAIM,
    CLAIMED,
    CLAIMED_DUE,
    CODE_TEXT,
    DANA,
    LEE,
    LIVE,
    NAMED_TEXT,
    NOW,
    OPEN,
    OPEN_DUE,
    PAT,
    STORY,
    T42,
    UNTOLD,
    WHO,
    Walk,
    after,
    expired_claimed,
    expired_unclaimed,
    note,
    told,
)

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
            (CreateTicket("ticket.tv", "c-1", {"contact": "Pat Reyes"}, DANA.id),),
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
    Walk(
        replace(OPEN, challenge=replace(LIVE, handovers=MAX_HANDOVERS)),
        TAKES,
        Step(replace(OPEN, challenge=replace(LIVE, handovers=MAX_HANDOVERS)), refused="too_many_handovers"),
    ),
    Walk(
        replace(CLAIMED, challenge=replace(LIVE, handovers=MAX_HANDOVERS)),
        ClaimTakenOver(LEE),
        Step(replace(CLAIMED, challenge=replace(LIVE, handovers=MAX_HANDOVERS)), refused="too_many_handovers"),
    ),
    Walk(OPEN_DUE, TAKES, expired_unclaimed("expired")),
    Walk(CLAIMED, ClaimMade(LEE, Direction.ON_SITE, Later()), Step(CLAIMED, refused="already_claimed")),
    Walk(CLAIMED, TAKES, Step(CLAIMED)),
    Walk(CLAIMED_DUE, TAKES, expired_claimed("expired")),
    Walk(
        CLAIMED,
        ClaimReleased(DANA),
        Step(
            Open(after("released", "Dana"), replace(LIVE, handovers=1), given_back=True),
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
            Claimed(
                after("taken_over", "Lee"),
                replace(LIVE, handovers=1),
                replace(CLAIM, technician=LEE, at=NOW),
                told=True,
            ),
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
