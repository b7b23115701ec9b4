"""Which methods can work now: what stands in the way, in which order it is told, and the interlock's boundaries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from dialogs.effects import Code
from dialogs.interlock import Interlock, interlock
from dialogs.limits import SendCounts
from dialogs.number_signals import Line, Signals, Sim
from dialogs.settings import TenantSettings
from dialogs.tech_verify import (
    Alarm,
    Challenge,
    Claim,
    Claimed,
    Confirmed,
    Denied,
    Direction,
    Expired,
    Happened,
    Known,
    Later,
    Logged,
    Mode,
    NewTicket,
    Open,
    Rejected,
    State,
    Story,
    Superseded,
    Technician,
    Ticket,
)
from dialogs.turns import AddressFacts, ContactFacts, StoredCheck, TenantFacts, Try, VerificationFacts
from dialogs.user_verify import METHODS, Action, Assurance, Method, Policy
from dialogs.ways import WayNow, obstacle, ways

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HAIR = timedelta(microseconds=1)
TEN = 10 * MINUTE

MOBILE = AddressFacts("a-mobile", "mobile", "+12125550142", True, None)
OTHER_MOBILE = AddressFacts("a-other", "mobile", "+12125550143", False, None)
LANDLINE = AddressFacts("a-phone", "phone", "+12125550199", True, None)
MAIL = AddressFacts("a-mail", "email", "pat@fabrikam.example", True, None)
BUILT = {method for method, facts in METHODS.items() if facts.built}
READY = {"mail_ready": True, "call_ready": True, "texts_ready": True}


def found(
    *addresses: AddressFacts,
    policy: Policy | None = None,
    clients: dict[str, Policy] | None = None,
    number: str = "+12125550100",
    checks: tuple[StoredCheck, ...] = (),
    denied_at: datetime | None = None,
    tries: tuple[Try, ...] = (),
) -> VerificationFacts:
    settings = TenantSettings(policy=policy or Policy(), client_policies=clients or {})
    return VerificationFacts(
        tenant=TenantFacts("T", "Northwind", settings, b""),
        contact=ContactFacts("c-1", "Pat Reyes", "cl-1", "Fabrikam"),
        addresses=addresses or (MOBILE, LANDLINE, MAIL),
        our_number=number,
        verification=None,
        live=(),
        checks=checks,
        denied_at=denied_at,
        tries=tries,
    )


def all_ways(facts: VerificationFacts, **how: Any) -> tuple[WayNow, ...]:
    return ways(facts, NOW, **{"technician_id": "t-1", "ticket_id": "42", "other_contact": False, **READY, **how})


def by(facts: VerificationFacts, **how: Any) -> dict[tuple[str, str], WayNow]:
    return {(way.method.value, way.address_id): way for way in all_ways(facts, **how)}


def one(facts: VerificationFacts, method: Method = Method.SMS_CODE, address_id: str = "a-mobile", **how: Any) -> WayNow:
    usual: dict[str, Any] = {"technician_id": "t-1", "ticket_id": "42", "other_contact": False, **READY, **how}
    return obstacle(facts, NOW, method=method, address_id=address_id, **usual)


# --- what can work ---------------------------------------------------------------------------------------------------


@pytest.mark.feature("EV-16")
def test_everything_ready_in_the_order_of_the_policy() -> None:
    ready = [(w.method, w.address_id) for w in all_ways(found()) if w.state == "ready"]
    assert ready == [
        (Method.SMS_CODE, "a-mobile"),
        (Method.SMS_LINK, "a-mobile"),
        (Method.EMAIL_CODE, "a-mail"),
        (Method.EMAIL_LINK, "a-mail"),
        (Method.VOICE_CALL, "a-phone"),
        (Method.VOICE_CALL, "a-mobile"),
    ]
    others = {w.method: (w.state, w.why) for w in all_ways(found()) if w.state != "ready"}
    assert others == {m: ("not_set_up", "method_not_set_up") for m in METHODS if m not in BUILT}


@pytest.mark.feature("VP-01")
def test_the_policy_of_the_client_says_which_and_in_which_order() -> None:
    own = Policy(methods=(Method.EMAIL_CODE, Method.SMS_CODE))
    assert [w.method for w in all_ways(found(clients={"cl-1": own}))] == [Method.EMAIL_CODE, Method.SMS_CODE]
    assert len({w.method for w in all_ways(found(clients={"cl-2": own}))}) == len(METHODS)


@pytest.mark.feature("EV-38")
@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ((MAIL,), {"sms_code": "no_mobile", "sms_link": "no_mobile", "voice_call": "no_phone"}),
        (
            (LANDLINE,),
            {"sms_code": "no_mobile", "sms_link": "no_mobile", "email_code": "no_email", "email_link": "no_email"},
        ),
        ((MOBILE,), {"email_code": "no_email", "email_link": "no_email"}),
    ],
)
def test_a_method_without_an_address_says_which_one_is_missing(
    addresses: tuple[AddressFacts, ...], expected: dict[str, str]
) -> None:
    told = {w.method.value: w.why for w in all_ways(found(*addresses)) if w.state == "not_possible"}
    assert told == expected
    assert all(w.address_id == "" for w in all_ways(found(*addresses)) if w.state == "not_possible")


@pytest.mark.feature("EV-34")
def test_every_address_is_a_way_of_its_own() -> None:
    shown = by(found(MOBILE, OTHER_MOBILE))
    assert shown["sms_code", "a-mobile"].note_for == ()
    assert shown["sms_code", "a-other"].note_for == ("other_address",)
    assert shown["sms_code", "a-other"].state == "ready", "a note is no obstacle"


@pytest.mark.parametrize(
    ("facts", "how", "expected"),
    [
        (found(number=""), {}, {"sms": "no_number_of_ours", "phone": "no_number_of_ours", "email": ""}),
        (found(), {"texts_ready": False}, {"sms": "method_not_set_up", "phone": "", "email": ""}),
        (found(), {"call_ready": False}, {"sms": "", "phone": "method_not_set_up", "email": ""}),
        (found(), {"mail_ready": False}, {"sms": "", "phone": "", "email": "no_mail_server"}),
    ],
)
def test_what_the_tenant_has_not_set_up(
    facts: VerificationFacts, how: dict[str, bool], expected: dict[str, str]
) -> None:
    told = {METHODS[w.method].channel: (w.state, w.why) for w in all_ways(facts, **how) if w.method in BUILT}
    assert told == {c: ("not_set_up", why) if why else ("ready", "") for c, why in expected.items()}


@pytest.mark.feature("SEC-12", "EV-32", "EV-33")
@pytest.mark.parametrize(
    ("address", "other", "reasons"),
    [
        (MOBILE, False, ()),
        (MOBILE, True, ("other_contact",)),
        (replace(MOBILE, is_default=False), False, ("other_address",)),
        (replace(MOBILE, changed_at=NOW - timedelta(days=7) + HAIR), False, ("new_address",)),
        (replace(MOBILE, changed_at=NOW - timedelta(days=7)), False, ()),
        (replace(MOBILE, is_default=False, changed_at=NOW), True, ("other_address", "new_address", "other_contact")),
    ],
)
def test_what_needs_a_note(address: AddressFacts, other: bool, reasons: tuple[str, ...]) -> None:
    assert by(found(address), other_contact=other)["sms_code", "a-mobile"].note_for == reasons
    for note, written in (
        ("", False),
        ("   too few ", False),
        ("x" * 9, False),
        ("Manager ok", True),
        ("x" * 40, True),
    ):
        way = one(found(address), other_contact=other, note=note)
        assert way.why == ("" if written or not reasons else "address_note_required")
        assert way.note_for == reasons
    off = found(address, policy=Policy(note_required=False))
    assert one(off, other_contact=other) == WayNow(Method.SMS_CODE, "a-mobile", "ready")


# --- what a request may name ----------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-12")
@pytest.mark.parametrize(
    ("method", "address_id", "why"),
    [
        (Method.SMS_CODE, "a-mobile", ""),
        (Method.SMS_CODE, "", "address_not_found"),
        (Method.SMS_CODE, "+12125550142", "address_not_found"),
        (Method.SMS_CODE, "a-stranger", "address_not_found"),
        (Method.SMS_CODE, "a-mail", "method_needs_other_address"),
        (Method.SMS_CODE, "a-phone", "method_needs_other_address"),
        (Method.EMAIL_LINK, "a-mobile", "method_needs_other_address"),
        (Method.VOICE_CALL, "a-mail", "method_needs_other_address"),
        (Method.DUO_PUSH, "", "method_not_set_up"),
        (Method.EMAIL_CODE, "a-mail", "method_not_allowed"),
    ],
)
def test_only_an_address_on_record_and_a_method_of_the_policy(method: Method, address_id: str, why: str) -> None:
    policy = Policy(methods=(Method.SMS_CODE, Method.EMAIL_LINK, Method.VOICE_CALL, Method.DUO_PUSH))
    assert one(found(policy=policy), method, address_id).why == why


@pytest.mark.feature("SEC-09")
@pytest.mark.parametrize("high_is", ["report_only", "enforced"])
@pytest.mark.parametrize("action", Action)
def test_risky_work_by_a_weak_method_is_refused_only_where_the_policy_says_so(high_is: Any, action: Action) -> None:
    refused = high_is == "enforced" and action is Action.HIGH
    for way in all_ways(found(policy=Policy(high_is=high_is)), action=action):
        if way.method in BUILT:
            assert way.why == ("assurance_too_low" if refused else "")
            assert one(found(policy=Policy(high_is=high_is)), way.method, way.address_id, action=action).why == way.why


@pytest.mark.feature("SEC-09")
def test_a_typed_number_counts_for_what_a_link_is_worth() -> None:
    policy = Policy(high_is="enforced", high_needs=Assurance.CODE)
    for spoken in (False, True):
        facts = found(policy=replace(policy, spoken_number=spoken))
        assert one(facts, Method.SMS_LINK, action=Action.HIGH).why == ("" if spoken else "assurance_too_low")
        assert one(facts, Method.EMAIL_LINK, "a-mail", action=Action.HIGH).why == "assurance_too_low"
        assert one(facts, Method.SMS_CODE, action=Action.HIGH).why == ""


# --- what stands in the way for a while -----------------------------------------------------------------------------


@pytest.mark.feature("SEC-08")
@pytest.mark.parametrize(("ago", "denied"), [(timedelta(), True), (30 * MINUTE - HAIR, True), (30 * MINUTE, False)])
def test_after_a_denial_nothing_goes_out_for_half_an_hour(ago: timedelta, denied: bool) -> None:
    facts = found(denied_at=NOW - ago)
    for way in all_ways(facts):
        if way.method in BUILT:
            assert way.why == ("denied_lately" if denied else "")
            assert way.not_before == (NOW - ago + 30 * MINUTE if denied else None)
            assert not way.override
    assert one(facts, overriding=True).why == ("denied_lately" if denied else ""), "nobody overrides a denial"


@pytest.mark.parametrize(
    ("suppressed", "text", "call"), [("", "", ""), ("opted_out", "opted_out", ""), ("blocked", "blocked", "blocked")]
)
def test_stop_is_about_texts_and_a_block_is_about_everything(suppressed: Any, text: str, call: str) -> None:
    shown = by(found(replace(MOBILE, suppressed=suppressed), MAIL))
    assert shown["sms_code", "a-mobile"].why == shown["sms_link", "a-mobile"].why == text
    assert shown["voice_call", "a-mobile"].why == call
    assert shown["email_code", "a-mail"].why == ""


def test_locks_are_of_one_method() -> None:
    wrong = tuple(Try(str(i), "u", "c-1", Method.SMS_CODE, "t-1", NOW - MINUTE * i, "wrong") for i in range(10))
    shown = by(found(tries=wrong))
    locked = shown["sms_code", "a-mobile"]
    assert (locked.state, locked.why, locked.not_before) == ("not_possible", "method_locked", NOW + 15 * MINUTE)
    assert shown["sms_link", "a-mobile"].state == "ready"


@pytest.mark.parametrize(
    ("ago", "not_before"),
    [
        ([10], NOW + timedelta(seconds=20)),
        ([30], None),
        ([60, 120, 599], NOW + timedelta(seconds=1)),
        ([60, 120, 600], None),
    ],
)
def test_limits_say_when_the_next_may_go(ago: list[int], not_before: datetime | None) -> None:
    sends = SendCounts(destination=tuple(NOW - timedelta(seconds=s) for s in ago))
    way = one(found(replace(MOBILE, sends=sends)))
    assert (way.why, way.not_before) == (("too_many_sends", not_before) if not_before else ("", None))
    assert one(found(replace(MOBILE, sends=sends), MAIL), Method.EMAIL_CODE, "a-mail").why == ""


# --- the interlock --------------------------------------------------------------------------------------------------

DANA, LEE = Technician("t-1", "Dana"), Technician("t-2", "Lee")
STORY = Story(Known("c-1", "Pat Reyes"), NOW)
CLAIM = Claim(DANA, Direction.WE_CALLED_USER, Ticket("42", "1042"), NOW)


def live(*, until: datetime = NOW + MINUTE, claimed: bool = False) -> State:
    challenge = Challenge(Code("482913"), "x", Mode.COMPARE, until)
    return Claimed(STORY, challenge, CLAIM, told=True) if claimed else Open(STORY, challenge)


def confirmed(at: datetime = NOW, claim: Claim | None = CLAIM, assurance: Any = "compare") -> State:
    return Confirmed(STORY, at, claim, assurance, Logged.WRITTEN)


def check(state: State, id: str = "v-1", created: datetime = NOW - TEN) -> StoredCheck:
    return StoredCheck(id, 1, state, "sms", "+12125550100", "+12125550142", "conv", "c-1", created)


def locked(
    *states: StoredCheck, ticket_id: str = "42", technician_id: str = "t-1", contact_id: str = "c-1"
) -> Interlock:
    return interlock(states, NOW, contact_id=contact_id, technician_id=technician_id, ticket_id=ticket_id)


@pytest.mark.feature("SEC-06")
@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (live(), Interlock(conflict=True)),
        (live(claimed=True), Interlock(conflict=True)),
        # Past its deadline, though its timer has not rung: it ended then.
        (live(until=NOW), Interlock(conflict=True, not_before=NOW + TEN)),
        (live(until=NOW - TEN + HAIR), Interlock(conflict=True, not_before=NOW + HAIR)),
        (live(until=NOW - TEN), Interlock()),
        (Denied(STORY, NOW, None, Logged.NOT_DUE), Interlock(conflict=True, not_before=NOW + TEN)),
        (Denied(STORY, NOW - TEN + HAIR, CLAIM, Logged.WRITTEN), Interlock(conflict=True, not_before=NOW + HAIR)),
        (Denied(STORY, NOW - TEN, CLAIM, Logged.WRITTEN), Interlock()),
        (
            Alarm(STORY, NOW - MINUTE, None, "confirmed_unclaimed", Logged.NOT_DUE),
            Interlock(conflict=True, not_before=NOW + 9 * MINUTE),
        ),
        (Rejected(STORY, NOW, CLAIM, "a test", Logged.WRITTEN), Interlock(conflict=True, not_before=NOW + TEN)),
        (
            Expired(STORY, NOW, CLAIM, "deadline", Logged.WRITTEN),
            Interlock(conflict=True, not_before=NOW + TEN),
        ),
        (Superseded(STORY, NOW, CLAIM, "v-2", Logged.WRITTEN), Interlock()),
        (confirmed(), Interlock(lifted_by="v-1")),
        (confirmed(assurance="transfer"), Interlock(lifted_by="v-1")),
        (confirmed(NOW - TEN + HAIR), Interlock(lifted_by="v-1")),
        (confirmed(NOW - TEN), Interlock()),
        (confirmed(assurance="verbal"), Interlock(conflict=True, not_before=NOW + TEN)),
        (confirmed(claim=None, assurance="unclaimed"), Interlock(conflict=True, not_before=NOW + TEN)),
        (confirmed(claim=replace(CLAIM, technician=LEE)), Interlock(conflict=True, not_before=NOW + TEN)),
        (
            confirmed(claim=replace(CLAIM, ticket=Ticket("77", "1077"))),
            Interlock(conflict=True, not_before=NOW + TEN),
        ),
        (confirmed(claim=replace(CLAIM, ticket=Later())), Interlock(conflict=True, not_before=NOW + TEN)),
    ],
)
def test_a_check_of_a_caller_stands_in_the_way(state: State, expected: Interlock) -> None:
    assert locked(check(state)) == expected


@pytest.mark.feature("SEC-06")
@pytest.mark.parametrize(
    "ended",
    [confirmed(NOW - 12 * MINUTE), Expired(STORY, NOW - 12 * MINUTE, CLAIM, "deadline", Logged.WRITTEN)],
)
def test_denied_afterwards_is_denied(ended: Confirmed | Expired) -> None:
    """What was confirmed and then denied lifts nothing, and the ten minutes begin with the denial."""
    story = replace(STORY, trail=(Happened(NOW - MINUTE, "denied_late"),))
    denied = replace(ended, story=story)
    assert locked(check(denied)) == Interlock(conflict=True, not_before=NOW + 9 * MINUTE)
    assert locked(check(ended)) == Interlock()


@pytest.mark.feature("SEC-06")
@pytest.mark.parametrize("ticket", [Later(), NewTicket()])
def test_both_about_no_ticket_is_the_same_ticket(ticket: Later | NewTicket) -> None:
    done = check(confirmed(claim=replace(CLAIM, ticket=ticket)))
    assert locked(done, ticket_id="") == Interlock(lifted_by="v-1")
    assert locked(check(confirmed()), ticket_id="").conflict


@pytest.mark.feature("SEC-06")
def test_a_check_by_whoever_shares_the_phone_stands_in_the_way_and_lifts_nothing() -> None:
    assert locked(check(live(claimed=True)), contact_id="c-2") == Interlock(conflict=True)
    assert locked(check(confirmed()), contact_id="c-2") == Interlock(conflict=True, not_before=NOW + TEN)


@pytest.mark.feature("SEC-06")
@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_check_decides(order: int) -> None:
    denied = check(Denied(STORY, NOW - 5 * MINUTE, CLAIM, Logged.WRITTEN), "v-0", NOW - 6 * MINUTE)
    done = check(confirmed(NOW - MINUTE), "v-1", NOW - 2 * MINUTE)
    asked_anew = check(live(), "v-2", NOW)
    replaced = check(Superseded(STORY, NOW, CLAIM, "v-9", Logged.WRITTEN), "v-3", NOW)
    assert locked(*(denied, done)[::order]) == Interlock(lifted_by="v-1")
    assert locked(*(done, replaced)[::order]) == Interlock(lifted_by="v-1")
    assert locked(*(done, asked_anew)[::order]) == Interlock(conflict=True)


@pytest.mark.feature("SEC-06")
@pytest.mark.parametrize("order", [1, -1])
def test_of_two_checks_at_the_same_instant_the_later_id_decides(order: int) -> None:
    """STOP between two #verify: what the person has confirmed since is what they have in mind."""
    stopped = check(Expired(STORY, NOW - MINUTE, None, "opted_out", Logged.NOT_DUE), "v-1", NOW - MINUTE)
    assert locked(*(stopped, check(confirmed(), "v-2", NOW - MINUTE))[::order]) == Interlock(lifted_by="v-2")
    assert locked(*(stopped, check(confirmed(), "v-0", NOW - MINUTE))[::order]).conflict


@pytest.mark.feature("SEC-06")
def test_the_interlock_stops_every_built_method_and_only_an_override_helps() -> None:
    facts = found(checks=(check(live()),))
    for way in all_ways(facts):
        if way.method in BUILT:
            assert (way.state, way.why, way.override) == ("not_possible", "direction_conflict", True)
    assert one(facts, overriding=True).state == "ready"
    assert one(facts).not_before is None
    lifted = found(checks=(check(confirmed()),))
    assert one(lifted).state == "ready"
    assert one(lifted, ticket_id="77").why == "direction_conflict"
    assert one(lifted, technician_id="t-2").why == "direction_conflict"


@pytest.mark.feature("SEC-06")
def test_an_override_is_no_help_where_something_else_is_in_the_way_too() -> None:
    busy, stopped = replace(MOBILE, sends=SendCounts(destination=(NOW,))), replace(MOBILE, suppressed="opted_out")
    for address in (busy, stopped):
        shown = by(found(address, MAIL, checks=(check(live()),)))
        assert (shown["sms_code", "a-mobile"].why, shown["sms_code", "a-mobile"].override) == (
            "direction_conflict",
            False,
        )
        assert shown["email_code", "a-mail"].override
    denied = by(found(checks=(check(live()),), denied_at=NOW))
    assert not any(way.override for way in denied.values())


def test_the_gravest_is_told_first() -> None:
    """What a technician must know comes before what they can wait for."""
    wrong = tuple(Try(str(i), "u", "c-1", Method.SMS_CODE, "t-1", NOW, "wrong") for i in range(10))
    busy = SendCounts(destination=(NOW,))
    facts = found(
        replace(MOBILE, suppressed="opted_out", sends=busy),
        policy=Policy(high_is="enforced"),
        checks=(check(live()),),
        denied_at=NOW,
        tries=wrong,
    )
    told: list[str] = []
    lighter_by: tuple[dict[str, Any], ...] = (
        {"denied_at": None},
        {"checks": ()},
        {},
        {"addresses": (replace(MOBILE, sends=busy),)},
        {"tries": ()},
        {"addresses": (MOBILE,)},
    )
    for lighter in lighter_by:
        told.append(one(facts, action=Action.STANDARD if len(told) > 2 else Action.HIGH).why)
        facts = replace(facts, **lighter)
    assert told == [
        "denied_lately",
        "direction_conflict",
        "assurance_too_low",
        "opted_out",
        "method_locked",
        "too_many_sends",
    ]
    assert one(facts).state == "ready"


# --- what the carrier says of a number ------------------------------------------------------------------------------

SWAPPED = {MOBILE.value: Signals("mobile", "swapped")}


@pytest.mark.feature("SEC-42", "SEC-09")
def test_a_number_whose_sim_was_swapped_lately_is_not_enough_for_high_risk_work() -> None:
    """Also where weak methods are only written down. Whoever has the SIM gets texts and calls alike; a desk phone,
    the mailbox and another mobile are not that number. What is called a desk phone here and has a SIM is none."""
    facts = found(MOBILE, OTHER_MOBILE, LANDLINE, MAIL)
    none = {LANDLINE.value: Signals("landline"), MAIL.value: Signals("mobile", "swapped")}
    told = by(facts, known=SWAPPED | none, action=Action.HIGH)
    assert {way: shown.why for way, shown in told.items() if shown.state != "not_set_up"} == {
        ("sms_code", "a-mobile"): "sim_swapped",
        ("sms_code", "a-other"): "",
        ("sms_link", "a-mobile"): "sim_swapped",
        ("sms_link", "a-other"): "",
        ("email_code", "a-mail"): "",
        ("email_link", "a-mail"): "",
        ("voice_call", "a-phone"): "",
        ("voice_call", "a-mobile"): "sim_swapped",
        ("voice_call", "a-other"): "",
    }
    mobile = by(facts, known={LANDLINE.value: Signals("mobile", "swapped")}, action=Action.HIGH)
    assert mobile["voice_call", "a-phone"].why == "sim_swapped"
    assert one(facts, known=SWAPPED, action=Action.HIGH).why == "sim_swapped"
    assert one(facts, known=SWAPPED, overriding=True, note="A long note", action=Action.HIGH).why == "sim_swapped"
    enforced = found(MOBILE, policy=Policy(high_is="enforced"))
    assert one(enforced, known=SWAPPED, action=Action.HIGH).why == "assurance_too_low"


@pytest.mark.feature("SEC-42")
@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("line", get_args(Line))
@pytest.mark.parametrize("sim", get_args(Sim))
def test_nothing_else_that_the_carrier_says_stands_in_the_way(action: Action, line: Line, sim: Sim) -> None:
    """Unknown is shown and blocks nobody; internet numbers are marked, not banned."""
    known = {MOBILE.value: Signals(line, sim)}
    told, plain = by(found(), known=known, action=action), by(found(), action=action)
    blocked = {way for way in told if told[way].state != plain[way].state}
    expected = {way for way in plain if plain[way].state == "ready" and way[1] == "a-mobile"}
    assert blocked == (expected if (action, sim) == (Action.HIGH, "swapped") else set())
    assert {way for way in told if told[way].signals is not None} == expected, "and it is shown for all of them"
    assert {told[way].signals for way in expected} == {Signals(line, sim)}
