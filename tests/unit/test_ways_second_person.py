"""When a colleague has to agree before anything goes to an address, and what a yes lets out (SEC-12, SEC-09)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from dialogs.approvals import Agreed, Expired, Granted, State, Waiting, Wanted
from dialogs.second_person import MOST_ASKS, PER, next_ask
from dialogs.tech_verify import Technician, Ticket
from dialogs.turns import AddressFacts, StoredApproval
from dialogs.user_verify import NEW_FOR, Action, Destination, Method, Policy
from dialogs.ways import WayNow, obstacle, ways
from tests.unit.test_ways import MAIL, MINUTE, MOBILE, NOW, OTHER_MOBILE, READY, found

HOW: dict[str, Any] = READY
WHY = "Her boss is with me"
NEW = replace(MOBILE, id="a-new", changed_at=NOW - MINUTE)
OLD = replace(MOBILE, changed_at=NOW - NEW_FOR)


def asked(
    state: str, address: AddressFacts = OTHER_MOBILE, *, by: str = "t1", ticket: str = "7", value: str = ""
) -> StoredApproval:
    about = Ticket(ticket, "1042") if ticket else None
    to = Destination(address.id, address.kind, "...0143", address.is_default, is_new=False)
    wanted = Wanted("address", "c1", "Pat Reyes", Technician(by, "Dana"), about, WHY, NOW, to)
    agreed = Agreed(Technician("t2", "Alex"), NOW, NOW + MINUTE)
    states: dict[str, State] = {
        "waiting": Waiting(wanted, NOW + MINUTE),
        "granted": Granted(wanted, agreed),
        "late": Waiting(wanted, NOW),
        "over": Granted(wanted, replace(agreed, until=NOW)),
        "expired": Expired(wanted, NOW, "over", agreed),
        "high": Granted(replace(wanted, kind="high", destination=None), agreed),
    }
    return StoredApproval("x", 1, states[state], "c1", value or address.value, NOW)


def look(
    address: AddressFacts, *approvals: StoredApproval, policy: Policy | None = None, ticket: str = "7", note: str = WHY
) -> WayNow:
    """A code by text, as it is asked for."""
    facts = replace(found(address, policy=policy or Policy(second_person=True)), approvals=approvals)
    return obstacle(
        facts,
        NOW,
        method=Method.SMS_CODE,
        address_id=address.id,
        technician_id="t1",
        ticket_id=ticket,
        other_contact=False,
        note=note,
        **HOW,
    )


@pytest.mark.feature("SEC-12")
@pytest.mark.parametrize("address", [MOBILE, OLD, OTHER_MOBILE, NEW, replace(NEW, is_default=False)])
@pytest.mark.parametrize("wanted", [True, False])
def test_only_unusual_and_new_addresses_need_a_colleague(address: AddressFacts, wanted: bool) -> None:
    needed = wanted and (not address.is_default or address.changed_at == NEW.changed_at)
    assert look(address, policy=Policy(second_person=wanted)).why == ("approval_required" if needed else "")
    # Whether a note is wanted too does not matter.
    policy = Policy(second_person=wanted, note_required=False)
    assert look(address, policy=policy, note="").why == ("approval_required" if needed else "")


@pytest.mark.feature("SEC-12")
@pytest.mark.parametrize("state", ["granted", "waiting", "late", "over", "expired", "high"])
@pytest.mark.parametrize("by", ["t1", "t2"])
@pytest.mark.parametrize("ticket", ["7", "8", ""])
def test_only_the_very_thing_that_was_agreed_to_goes_out(state: str, by: str, ticket: str) -> None:
    for to, value in product((OTHER_MOBILE, MOBILE), ("", "+12125550144")):
        way = look(OTHER_MOBILE, asked(state, to, by=by, ticket=ticket, value=value))
        same = (by, ticket, to, value) == ("t1", "7", OTHER_MOBILE, "")
        told = {"granted": "", "waiting": "approval_waiting"}.get(state, "approval_required")
        assert way.why == (told if same else "approval_required")
        assert way.approval == ("x" if same and state in ("granted", "waiting") else "")


@pytest.mark.feature("SEC-12")
def test_a_yes_counts_before_what_waits_and_brings_its_note() -> None:
    both = (asked("waiting"), replace(asked("granted"), id="y"))
    assert look(OTHER_MOBILE, *both, note="").approval == "y"
    assert look(OTHER_MOBILE, *both, note="").state == "ready"
    assert look(OTHER_MOBILE, asked("granted", ticket=""), ticket="").state == "ready", "about no ticket either"


@pytest.mark.feature("SEC-12")
def test_where_nobody_has_to_agree_a_yes_of_before_is_not_used_up_and_stands_for_no_note() -> None:
    of_before = asked("granted")
    assert look(OTHER_MOBILE, of_before, policy=Policy()).approval == ""
    assert look(OTHER_MOBILE, of_before, policy=Policy(), note="").why == "address_note_required"


@pytest.mark.feature("SEC-12", "SEC-40")
def test_nobody_is_asked_to_agree_to_what_would_not_go_out() -> None:
    assert look(replace(OTHER_MOBILE, suppressed="opted_out")).why == "opted_out"
    assert look(replace(OTHER_MOBILE, suppressed="opted_out"), asked("granted")).why == "opted_out"


@pytest.mark.feature("SEC-12")
@pytest.mark.parametrize("state", ["granted", "waiting", "late", "high"])
def test_what_is_offered_is_what_is_let_out(state: str) -> None:
    facts = replace(found(MOBILE, OTHER_MOBILE, NEW, policy=Policy(second_person=True)), approvals=(asked(state),))
    offered = ways(facts, NOW, technician_id="t1", ticket_id="7", other_contact=False, **HOW)
    assert {(w.address_id, w.why, w.approval) for w in offered if w.method is Method.SMS_CODE}
    for way in offered:
        if way.address_id:
            asked_for = obstacle(
                facts,
                NOW,
                method=way.method,
                address_id=way.address_id,
                technician_id="t1",
                ticket_id="7",
                other_contact=False,
                note=WHY,
                **HOW,
            )
            assert asked_for == way


@pytest.mark.feature("SEC-09", "SEC-13")
@pytest.mark.parametrize("enforced", [True, False])
@pytest.mark.parametrize("by_two", [True, False])
@pytest.mark.parametrize("address", [MOBILE, OLD, NEW])
@pytest.mark.parametrize("action", list(Action))
def test_a_weak_method_may_be_one_of_two(enforced: bool, by_two: bool, address: AddressFacts, action: Action) -> None:
    policy = Policy(high_is="enforced" if enforced else "report_only", high_by_two=by_two)
    facts = found(address, MAIL, policy=policy)
    offered = ways(facts, NOW, technician_id="t1", ticket_id="7", other_contact=False, action=action, **HOW)
    low = {way.method for way in offered if way.why == "assurance_too_low"}
    if action is not Action.HIGH or not enforced:
        assert low == set()
    elif by_two:
        assert low == ({Method.SMS_CODE, Method.SMS_LINK, Method.VOICE_CALL} if address == NEW else set())
    else:
        assert low >= {Method.SMS_CODE, Method.EMAIL_CODE}


@pytest.mark.feature("SEC-11", "SEC-12")
def test_ten_requests_to_second_persons_an_hour_and_no_more() -> None:
    """The oldest of the last ten says when; what is an hour old counts no longer, and order does not matter."""
    nine = [NOW - n * MINUTE for n in range(1, MOST_ASKS)]
    assert next_ask((), NOW) is None
    assert next_ask(nine, NOW) is None
    assert next_ask([*nine, NOW - PER], NOW) is None
    assert next_ask([*nine, NOW - PER + MINUTE], NOW) == NOW + MINUTE
    assert next_ask([NOW - 30 * MINUTE, *nine, NOW], NOW) == NOW + PER - 9 * MINUTE
