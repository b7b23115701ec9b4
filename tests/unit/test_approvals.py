"""A second person: what each state answers, and what is enough for high-risk work (SEC-09, SEC-12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.approvals import (
    Clearance,
    Env,
    Granted,
    GreenShield,
    State,
    Use,
    Used,
    Waiting,
    clearance,
    machine,
    pair,
)
from dialogs.tech_verify import Technician, Ticket
from dialogs.user_verify import FAMILIES, Assurance, Method, Policy, faults
from tests.unit.approval_walks import (
    ADDRESS,
    ALEX,
    DANA,
    GRANTED,
    GRANTED_HIGH,
    HIGH,
    MINUTE,
    NOW,
    WAITING_HIGH,
    WALKS,
    YES_HIGH,
    Walk,
)

BY_TWO = Policy(high_by_two=True)
TEXT = GreenShield("v1", Method.SMS_CODE, Assurance.CODE, "7", NOW + 30 * MINUTE)
MAIL = GreenShield("v2", Method.EMAIL_CODE, Assurance.EMAIL, "7", NOW + 20 * MINUTE)
CALL = GreenShield("v3", Method.VOICE_CALL, Assurance.CODE, "7", NOW + 30 * MINUTE)
KEY = GreenShield("v4", Method.PASSKEY, Assurance.PASSKEY, "7", NOW + 25 * MINUTE)


@pytest.mark.feature("SEC-12", "SEC-09")
@pytest.mark.parametrize("walk", WALKS)
def test_every_step(walk: Walk) -> None:
    assert walk.taken == walk.step


def test_every_declared_way_is_walked() -> None:
    assert not machine.undeclared()
    walked = {(type(w.state), type(w.event), type(w.step.state)) for w in WALKS}
    declared = {(e.source, e.event, target) for e in machine.in_order() for target in e.targets}
    assert walked == declared


def test_what_is_ignored_changes_nothing() -> None:
    for state, event in ((type(w.state), type(w.event)) for w in WALKS):
        assert (state, event) not in machine.ignored


@pytest.mark.feature("SEC-12")
@given(
    by=st.sampled_from([DANA, ALEX, Technician("t3", "Kim")]),
    address=st.sampled_from(["a1", "a2", ""]),
    ticket=st.sampled_from(["7", "8", ""]),
    minutes=st.integers(0, 30),
)
def test_a_yes_is_good_for_one_send_only(by: Technician, address: str, ticket: str, minutes: int) -> None:
    """By whoever asked, to that address, about that ticket, in time; and then never again."""
    env, use = Env(NOW + minutes * MINUTE), Use(by, address, ticket, "v9")
    step = machine.step(GRANTED, use, env)
    assert isinstance(step.state, Used) == ((by, address, ticket) == (DANA, "a1", "7") and minutes < 15)
    assert bool(step.refused) != isinstance(step.state, Used)
    again = machine.step(step.state, use, env)
    assert again.refused
    assert not isinstance(step.state, Used) or again.state == step.state


# --- two independent methods ----------------------------------------------------------------------------------------


@pytest.mark.feature("SEC-09")
def test_every_method_has_a_family() -> None:
    assert FAMILIES.keys() == set(Method)


@pytest.mark.feature("SEC-09")
@pytest.mark.parametrize("one", list(Method))
@pytest.mark.parametrize("other", list(Method))
def test_two_methods_of_one_family_are_one(one: Method, other: Method) -> None:
    shields = (replace(TEXT, method=one), replace(MAIL, method=other))
    assert (pair(shields, "7", NOW) is not None) == (FAMILIES[one] != FAMILIES[other])


@pytest.mark.feature("SEC-09", "SEC-10")
def test_two_bare_taps_are_no_pair_and_a_number_that_was_said_makes_them_one() -> None:
    text, mail = TAPS
    assert pair(TAPS, "7", NOW) is None
    assert pair((replace(text, assurance=Assurance.CODE), mail), "7", NOW) is not None
    assert pair((text, MAIL), "7", NOW) == (text, MAIL), "a code by mail was read out on this call"


@pytest.mark.feature("SEC-09")
def test_the_pair_that_stands_longest_is_taken() -> None:
    later = replace(MAIL, verification_id="v5", until=NOW + 29 * MINUTE)
    assert pair((TEXT, CALL, MAIL, later), "7", NOW) == (TEXT, later)


DOUBTS = {
    "another ticket": replace(MAIL, ticket_id="8"),
    "turned back": replace(MAIL, until=NOW),
    "changed lately": replace(MAIL, changed_at=NOW - timedelta(days=7) + MINUTE),
    "new sim": replace(MAIL, swapped=True),
    "interlock set aside": replace(MAIL, overridden=True),
}


@pytest.mark.feature("SEC-09", "SEC-13", "SEC-15", "SEC-42")
@pytest.mark.parametrize("why", DOUBTS)
def test_what_may_be_an_impostors_counts_for_nothing(why: str) -> None:
    granted: list[tuple[str, State]] = [("x", GRANTED_HIGH)]
    assert clearance((TEXT, DOUBTS[why]), granted, BY_TWO, "7", NOW) == Clearance(
        methods=(Method.SMS_CODE,), missing=("other_method",)
    )


@pytest.mark.feature("SEC-13")
def test_a_number_counts_again_after_seven_days_and_a_shield_about_no_ticket_for_any() -> None:
    settled = replace(MAIL, changed_at=NOW - timedelta(days=7))
    assert clearance((TEXT, settled), [("x", GRANTED_HIGH)], BY_TWO, "7", NOW).cleared
    assert clearance((TEXT, replace(MAIL, ticket_id="")), [("x", GRANTED_HIGH)], BY_TWO, "7", NOW).cleared


# --- clearance ------------------------------------------------------------------------------------------------------

TWO = (Method.SMS_CODE, Method.EMAIL_CODE)
TAPS = (
    replace(TEXT, method=Method.SMS_LINK, assurance=Assurance.TAP),
    replace(MAIL, method=Method.EMAIL_LINK, assurance=Assurance.EMAIL),
)
NEXT: list[tuple[tuple[GreenShield, ...], list[tuple[str, State]], Policy, Clearance]] = [
    ((), [], BY_TWO, Clearance(missing=("two_methods",))),
    ((TEXT,), [], BY_TWO, Clearance(methods=(Method.SMS_CODE,), missing=("other_method",))),
    ((TEXT, CALL), [], BY_TWO, Clearance(methods=(Method.SMS_CODE, Method.VOICE_CALL), missing=("other_method",))),
    ((TEXT, MAIL), [], BY_TWO, Clearance(methods=TWO, missing=("approval",))),
    (TAPS, [], BY_TWO, Clearance(methods=(Method.SMS_LINK, Method.EMAIL_LINK), missing=("said_method",))),
    ((TEXT, MAIL), [("x", WAITING_HIGH)], BY_TWO, Clearance(methods=TWO, missing=("decision",), approval_id="x")),
    # About another ticket, about an address, run out: not what is asked here.
    (
        (TEXT, MAIL),
        [
            ("x", Waiting(replace(HIGH, ticket=Ticket("8", "1043")), NOW + MINUTE)),
            ("y", Waiting(ADDRESS, NOW + MINUTE)),
            ("z", Waiting(HIGH, NOW)),
            ("w", GRANTED),
        ],
        BY_TWO,
        Clearance(methods=TWO, missing=("approval",)),
    ),
    (
        (TEXT, MAIL),
        [("x", GRANTED_HIGH)],
        BY_TWO,
        Clearance(True, NOW + 20 * MINUTE, TWO, "Alex", (), "x"),
    ),
    # Whatever the policy says: two methods and a colleague are not offered, or one method is enough.
    ((TEXT, MAIL), [("x", GRANTED_HIGH)], Policy(), Clearance(missing=("not_offered",))),
    ((TEXT, KEY), [], Policy(), Clearance(True, NOW + 25 * MINUTE, (Method.PASSKEY,))),
    ((KEY,), [], replace(BY_TWO, high_needs=Assurance.PASSKEY), Clearance(True, NOW + 25 * MINUTE, (Method.PASSKEY,))),
]


@pytest.mark.feature("SEC-09")
@pytest.mark.parametrize(("shields", "approvals", "policy", "expected"), NEXT)
def test_what_is_missing_for_high_risk_work(
    shields: tuple[GreenShield, ...], approvals: list[tuple[str, State]], policy: Policy, expected: Clearance
) -> None:
    assert clearance(shields, approvals, policy, "7", NOW) == expected


@pytest.mark.feature("SEC-09", "SEC-15")
def test_a_clearance_ends_with_either_of_its_shields_and_with_its_time() -> None:
    granted: list[tuple[str, State]] = [("x", GRANTED_HIGH)]
    assert clearance((TEXT, MAIL), granted, BY_TWO, "7", NOW + 19 * MINUTE).cleared
    assert not clearance((TEXT, MAIL), granted, BY_TWO, "7", NOW + 20 * MINUTE).cleared
    # One shield was ended and the contact verified anew: what the colleague agreed to is not there any more.
    anew = replace(MAIL, verification_id="v6")
    assert clearance((TEXT, anew), granted, BY_TWO, "7", NOW).missing == ("approval",)
    long = Granted(HIGH, replace(YES_HIGH, until=NOW + 30 * MINUTE))
    assert clearance((TEXT, MAIL), [("x", long)], BY_TWO, "7", NOW).until == NOW + 20 * MINUTE
    one = Granted(HIGH, replace(YES_HIGH, rests_on=("v1",)))
    assert not clearance((TEXT, MAIL), [("x", one)], BY_TWO, "7", NOW).cleared


@pytest.mark.feature("SEC-09", "SEC-07")
@pytest.mark.parametrize("policy", [BY_TWO, Policy()], ids=["two", "one"])
def test_a_strong_method_clears_only_where_it_counts(policy: Policy) -> None:
    assert clearance((KEY,), [], policy, "7", NOW).cleared
    for doubtful in (replace(KEY, ticket_id="8"), replace(KEY, overridden=True), replace(KEY, until=NOW)):
        assert not clearance((doubtful,), [], policy, "7", NOW).cleared


@pytest.mark.feature("SEC-09")
def test_a_yes_whose_time_is_over_clears_nothing_though_its_timer_has_not_rung() -> None:
    agreed = replace(GRANTED_HIGH.agreed, until=NOW)
    over = [("x", replace(GRANTED_HIGH, agreed=agreed))]
    assert clearance((TEXT, MAIL), over, BY_TWO, "7", NOW).missing == ("approval",)


@pytest.mark.feature("SEC-09")
def test_a_policy_that_wants_two_methods_must_allow_two() -> None:
    assert not list(faults(BY_TWO))
    assert any("high_by_two" in fault for fault in faults(replace(BY_TWO, methods=(Method.SMS_CODE, Method.SMS_LINK))))
