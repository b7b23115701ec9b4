"""Starting a check, and what the user says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dialogs.effects import (
    AlertTenant,
    CreateTicket,
    EndAnnouncement,
    GiveBackChallenge,
    TellUser,
    WakeAt,
)
from dialogs.machine import Step
from dialogs.tech_verify import (
    MAX_HINTS,
    NOBODY_CLAIMED,
    Alarm,
    Announced,
    Blank,
    Claim,
    Claimed,
    Confirmed,
    ConfirmMisdirected,
    ConfirmReceived,
    Denied,
    DenyReceived,
    Direction,
    Expired,
    Happened,
    Logged,
    Mode,
    NearMissReceived,
    NewerRequested,
    NewTicket,
    Open,
    OptedOut,
    Rules,
    Several,
    Story,
    Superseded,
    VerifyRequested,
)
from tests.unit.check_walks.world import (
    BOTH,
    CLAIM,
    CLAIMED,
    CLAIMED_DUE,
    CODE,
    CODE_TEXT,
    DANA,
    DAY_END,
    FOLDED,
    LIVE,
    NO_CLAIM,
    NOW,
    OPEN,
    OPEN_DUE,
    PAT,
    TRANSFER,
    UNTOLD,
    WHO,
    Walk,
    after,
    expired_claimed,
    expired_unclaimed,
    note,
    told,
)

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
                CreateTicket("ticket.tv", "c-1", {"contact": "Pat Reyes"}, DANA.id),
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
            (told("tv.confirmed_unclaimed"),),
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
