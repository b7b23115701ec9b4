"""Stored forms of verifications: every state comes back, codes are sealed, and what is forgotten is gone."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs import user_verify as uv
from dialogs.effects import Code
from dialogs.machine import members
from dialogs.number_signals import Signals
from storage.codec import BadState, dump_verification, load_state, load_verification, outline
from storage.forgetting import bare_verification
from storage.keys import CannotOpen, Keyring, RowKeys
from tests.fixtures.verification_parts import DIGITS, LIFE, by_link, denied, expired, request, sent, verified
from tests.fixtures.world import MASTER_KEY, START, make_world

_moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (made aware)
st.register_type_strategy(datetime, _moments)
st.register_type_strategy(timedelta, st.integers(0, 10**7).map(lambda seconds: timedelta(seconds=seconds)))
st.register_type_strategy(Code, st.text("0123456789", min_size=6, max_size=10).map(Code))
states = st.one_of(*(st.from_type(cls) for cls in members(uv.State)))
WORLD = make_world()
ADA = WORLD.people[0]


def _row_keys() -> RowKeys:
    ring = Keyring([MASTER_KEY])
    return ring.row_keys(ring.tenant("t", ring.new_tenant_key("t")))


KEYS = _row_keys()


def seal(plain: bytes) -> bytes:
    return KEYS.seal(plain, b"place")


def unseal(cell: bytes) -> bytes:
    return KEYS.open(cell, b"place")


@given(states)
def test_every_state_comes_back_as_it_was(state: uv.State) -> None:
    assert load_verification(dump_verification(state, seal), unseal) == state


@pytest.mark.feature("SEC-17")
@pytest.mark.parametrize("state", [sent(WORLD, ADA), by_link(WORLD, ADA, spoken=DIGITS)])
def test_code_and_spoken_number_are_sealed_and_bound_to_their_place(state: uv.Sent) -> None:
    body = dump_verification(state, seal)
    assert DIGITS not in body
    assert body.count("sealed") == 1
    with pytest.raises(CannotOpen):
        load_verification(body, lambda cell: KEYS.open(cell, b"another place"))


def test_states_that_share_a_name_with_those_of_checks_are_kept_apart() -> None:
    """`Denied` and `Expired` are states of both, with other fields."""
    for state in (denied(sent(WORLD, ADA)), expired(sent(WORLD, ADA))):
        with pytest.raises(BadState):
            load_state(dump_verification(state, seal), unseal)


def test_a_newer_versions_fields_are_ignored_and_its_states_are_refused() -> None:
    """Two versions run side by side during an update."""
    state = sent(WORLD, ADA)
    stored = json.loads(dump_verification(state, seal))
    stored["state"]["later"] = {"added": 1}
    stored["state"]["request"]["also"] = "this"
    assert load_verification(json.dumps(stored), unseal) == state
    broken: tuple[object, ...] = (
        {**stored, "kind": "Teleported"},
        {"kind": "Sent"},
        {"kind": "Sent", "state": {}},
        [],
        "x",
    )
    for damaged in broken:
        with pytest.raises(BadState):
            load_verification(json.dumps(damaged), unseal)


def test_the_columns_beside_a_state_follow_from_it() -> None:
    live, green = outline(sent(WORLD, ADA)), outline(verified(sent(WORLD, ADA)))
    assert (live.state, live.is_live, live.method, live.assurance) == ("sent", True, "sms_code", "")
    assert (live.expires_at, live.ended_at, live.green_until) == (START + LIFE, None, None)
    assert (live.technician_id, live.ticket_id, live.action, live.is_override) == (WORLD.dana, "T-1", "standard", False)
    assert (green.state, green.is_live, green.assurance) == ("verified", False, "code")
    assert (green.expires_at, green.ended_at) == (None, START)
    assert green.green_until is not None
    about_none = sent(WORLD, ADA, ticket=None, override=uv.Override("a reason", alone=False))
    assert (outline(about_none).ticket_id, outline(about_none).is_override) == ("", True)
    with pytest.raises(ValueError, match="nobody has asked"):
        outline(uv.Blank())


@pytest.mark.feature("SEC-42")
def test_what_was_known_of_the_number_is_kept_and_older_records_have_none() -> None:
    state = sent(WORLD, ADA, signals=Signals("mobile", "swapped"))
    body = dump_verification(state, seal)
    assert load_verification(body, unseal) == state
    older = json.loads(body)
    del older["state"]["request"]["signals"]
    assert load_verification(json.dumps(older), unseal) == sent(WORLD, ADA)


@pytest.mark.feature("SEC-56")
def test_what_is_left_of_a_forgotten_one_names_nobody() -> None:
    asked = request(WORLD, ADA, note="she is in Room 9", override=uv.Override("he insisted", alone=True))
    asked = replace(asked, signals=Signals("voip", "swapped"))
    over = replace(verified(sent(WORLD, ADA)), request=asked)
    body = bare_verification(dump_verification(over, seal))
    for said in (ADA.name, "Room 9", "insisted", over.request.destination.shown, "voip", "swapped"):
        assert said not in body
    left = load_verification(body, unseal)
    assert isinstance(left, uv.Verified)
    assert (left.at, left.assurance, left.green_until) == (over.at, over.assurance, over.green_until)
    assert (left.request.method, left.request.technician, left.request.ticket) == (asked.method, *_who(asked))
    assert left.request.override == uv.Override("", alone=True), "that it was overridden stays on record"
    assert left.trail == ()
    assert bare_verification(body) == body
    live = dump_verification(sent(WORLD, ADA), seal)
    assert bare_verification(live) == live, "what is live is ended first"


def _who(asked: uv.Request) -> tuple[object, object]:
    return asked.technician, asked.ticket
