"""Translation of Twilio's forms, the rank of states, and what error codes mean."""

from hashlib import sha256
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.twilio.texts import DELIVERY_RANK, REACTIONS, moves_forward, reaction, to_delivery_report, to_inbound
from dialogs.messages import DeliveryReport, Inbound
from tests.fixtures.twilio.stage import OURS, THEIRS, payload

FINAL = {"delivered", "undelivered", "failed", "canceled", "read"}


@pytest.mark.feature("SEC-23")
def test_an_inbound_text() -> None:
    assert to_inbound(payload("inbound", Body="  #verify\n"), "c2lnbmF0dXJl") == Inbound(
        channel="sms",
        provider="twilio",
        provider_id="SM00000000000000000000000000000001",
        our_address=OURS,
        their_address=THEIRS,
        text="  #verify\n",
        replay_digest=sha256(b"c2lnbmF0dXJl").hexdigest(),
    )


@pytest.mark.feature("SEC-40")
@pytest.mark.parametrize(
    ("given", "read"), [("STOP", "stop"), ("start", "start"), ("HELP", "help"), ("", ""), ("OTHER", "")]
)
def test_the_providers_reading_of_opt_out_words_is_kept(given: str, read: str) -> None:
    """Advanced Opt-Out has keywords in other languages that we do not know."""
    assert to_inbound(payload("inbound", Body="arrêt", OptOutType=given), "x").opt_out == read


def test_a_text_without_words_and_one_with_nul() -> None:
    picture = {name: value for name, value in payload("inbound", NumMedia="1").items() if name != "Body"}
    assert to_inbound(picture, "x").text == ""
    assert to_inbound(payload("inbound", Body="a\0b"), "x").text == "ab"


@pytest.mark.feature("Y-06")
def test_a_delivery_report() -> None:
    sid = "SM00000000000000000000000000000002"
    assert to_delivery_report(payload("status")) == DeliveryReport("twilio", sid, "delivered", "")
    failed = payload("status", MessageStatus="Undelivered", ErrorCode="30003")
    assert to_delivery_report(failed) == DeliveryReport("twilio", sid, "undelivered", "30003")
    assert to_delivery_report(payload("status", ErrorCode="0")).error_code == ""


@pytest.mark.feature("REL-08", "Y-06")
@pytest.mark.parametrize("last", ["delivered", "undelivered", "failed"])
def test_in_any_order_the_final_word_stands(last: str) -> None:
    for order in permutations(["accepted", "queued", "sending", "sent", last, "what_is_this"]):
        state = ""
        for status in order:
            if moves_forward(state, status):
                assert DELIVERY_RANK[status] > DELIVERY_RANK.get(state, 0)
                state = status
        assert state == last


@pytest.mark.feature("REL-08")
@given(st.lists(st.sampled_from([*DELIVERY_RANK, "novel", ""])))
def test_a_final_state_only_becomes_read(reports: list[str]) -> None:
    state = ""
    for status in reports:
        if moves_forward(state, status):
            assert state not in FINAL or status == "read"
            state = status
    assert state in DELIVERY_RANK or state == ""
    assert state == "" or DELIVERY_RANK[state] == max(DELIVERY_RANK.get(status, 0) for status in reports)


@pytest.mark.feature("SEC-40", "Y-06")
def test_error_codes_in_plain_words() -> None:
    assert [code for code in REACTIONS if REACTIONS[code].opted_out] == ["21610"]
    assert {code for code in REACTIONS if not REACTIONS[code].permanent} == {"20429", "30003", "30005", "30008"}
    assert reaction("30003") == REACTIONS["30003"]
    assert reaction("99999").permanent
    for known in (*REACTIONS.values(), reaction("")):
        assert known.meaning.endswith(".")
        assert not any(character.isdigit() for character in known.meaning)
