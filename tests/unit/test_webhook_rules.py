"""How other tools are told (SEC-47): the signature holds against a verifier written from the standard, and tries follow
the schedule to the second."""

from __future__ import annotations

import base64
import importlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.webhook_rules import JITTER, PAUSES, headers_of, judged, works
from dialogs.ports import OutboundAnswer
from storage.audit_kinds import KINDS
from storage.log import LogRow
from storage.webhook_events import BEGINNINGS, EVENTS, TEST, event_of, told, told_as_test
from storage.webhook_queue import Outcome
from tests.fixtures.standard_webhooks import verify

pytestmark = pytest.mark.feature("SEC-47")

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "tell-other-tools.md"
NOW = datetime(2026, 3, 2, 14, 5, 6, 789000, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLDER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
BODY = b'{"type":"verification.confirmed","timestamp":"2026-03-02T14:05:06.789Z","data":{}}'


def test_the_example_of_the_standard_is_signed_as_it_says() -> None:
    """From the specification's own test vector."""
    secret = "whsec_" + "MfKQ9r8GKYqr" + "TwjUPD8ILPZIo2LaLaSw"
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = headers_of("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt" + "/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


@pytest.mark.parametrize("secrets", [[SECRET], [SECRET, OLDER], [OLDER, SECRET]])
def test_the_verifier_accepts_it_with_either_secret(secrets: list[str]) -> None:
    headers = headers_of("id-1", NOW, BODY, secrets)
    assert verify(SECRET, headers, BODY, NOW)
    assert verify(OLDER, headers, BODY, NOW) == (OLDER in secrets)
    assert headers["Content-Type"] == "application/json"


def test_every_altered_byte_fails() -> None:
    headers = headers_of("id-1", NOW, BODY, [SECRET])
    for place in range(len(BODY)):
        altered = bytearray(BODY)
        altered[place] ^= 1
        assert not verify(SECRET, headers, bytes(altered), NOW)
    assert not verify(SECRET, {**headers, "webhook-id": "id-2"}, BODY, NOW)
    later = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}
    assert not verify(SECRET, later, BODY, NOW)
    assert not verify(OLDER, headers, BODY, NOW)
    assert not verify(SECRET, headers, BODY, NOW + timedelta(minutes=6))


def test_tries_follow_the_schedule_and_end_after_three_days() -> None:
    assert [pause.total_seconds() for pause in PAUSES] == [
        5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600
    ]  # fmt: skip
    for attempt, pause in enumerate(PAUSES, start=1):
        for said in ("No connection.", OutboundAnswer(500), OutboundAnswer(404), OutboundAnswer(302)):
            first = judged("x", attempt, said, NOW, 0.0)
            last = judged("x", attempt, said, NOW, 0.999999)
            assert (first.status, first.due_at) == ("waiting", NOW + pause)
            assert last.due_at is not None
            assert NOW + pause * (1 + 0.99 * JITTER) < last.due_at <= NOW + pause * (1 + JITTER)
    assert judged("x", len(PAUSES) + 1, OutboundAnswer(500), NOW, 0.5) == Outcome("dead", 500, "It answered 500.")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_two_hundreds_are_enough(status: int) -> None:
    assert judged("x", 1, OutboundAnswer(status, b"whatever"), NOW, 0.5) == Outcome("sent", status)


def test_gone_is_the_end() -> None:
    outcome = judged("x", 1, OutboundAnswer(410), NOW, 0.5)
    assert (outcome.status, outcome.gone) == ("dead", True)


def test_who_asks_for_time_is_given_it_within_a_day() -> None:
    asks = [judged("x", 1, OutboundAnswer(429, retry_after=s), NOW, 0.0).due_at for s in (1, 60, 10**9)]
    assert asks == [NOW + timedelta(seconds=5), NOW + timedelta(minutes=1), NOW + timedelta(hours=24)]


def test_a_test_is_tried_once() -> None:
    assert judged(TEST, 1, OutboundAnswer(500), NOW, 0.0).status == "dead"
    assert judged(TEST, 1, "Nothing answers at the address.", NOW, 0.0).error == "Nothing answers at the address."


def test_who_answers_is_there() -> None:
    assert [works(OutboundAnswer(status)) for status in (200, 404, 410, 503)] == [True, True, True, False]
    assert not works("No connection.")


# --- which lines, and what they say ---------------------------------------------------------------------------------

LINE = LogRow("line-1", 7, NOW, "tv.confirm", "check-1", "contact-1", "", "ticket-1", "conv-1", "sms", {})


@pytest.mark.parametrize(
    ("kind", "public", "event"),
    [
        ("tv.issue_code", {"before": "blank", "after": "open"}, "verification.started"),
        ("tv.issue_code", {"before": "blank", "after": "claimed", "claimer": "t"}, "verification.started"),
        ("tv.issue_code", {"before": "blank", "after": "blank"}, ""),
        ("tv.claim_check", {"before": "open", "after": "claimed"}, "verification.claimed"),
        ("tv.take_over", {"before": "claimed", "after": "claimed"}, "verification.claimed"),
        ("tv.take_over", {"before": "claimed", "after": "claimed", "refused": "too_many_handovers"}, ""),
        ("tv.release", {"before": "claimed", "after": "open"}, "verification.released"),
        ("tv.confirm", {"before": "claimed", "after": "confirmed"}, "verification.confirmed"),
        ("tv.confirm", {"before": "claimed", "after": "claimed"}, ""),
        ("tv.confirm", {"before": "claimed", "after": "alarm"}, "verification.alarm"),
        ("tv.confirmed_already", {"before": "confirmed", "after": "confirmed"}, ""),
        ("tv.deny", {"before": "claimed", "after": "denied"}, "verification.denied"),
        ("tv.deny_afterwards", {"before": "confirmed", "after": "confirmed"}, "verification.denied_late"),
        ("tv.reject", {"before": "claimed", "after": "rejected"}, "verification.rejected"),
        ("tv.supersede", {"before": "open", "after": "superseded"}, "verification.superseded"),
        ("tv.expire", {"before": "open", "after": "expired"}, "verification.expired"),
        ("tv.void", {"before": "claimed", "after": "expired"}, "verification.expired"),
        ("tv.link_ticket", {"before": "claimed", "after": "claimed"}, "verification.ticket"),
        ("tv.code_shown", {}, ""),
        ("tv.resend", {"before": "open", "after": "open"}, ""),
        ("euv.ask", {"before": "blank", "after": "sent"}, "end_user.asked"),
        ("euv.check_code", {"before": "sent", "after": "verified"}, "end_user.verified"),
        ("euv.check_code", {"before": "sent", "after": "sent", "refused": "wrong_code"}, ""),
        # The last wrong code is refused and ends it all the same.
        ("euv.check_code", {"before": "sent", "after": "failed", "refused": "wrong_code"}, "end_user.not_verified"),
        ("euv.disown", {"before": "sent", "after": "denied"}, "end_user.denied"),
        ("euv.disown_afterwards", {"before": "verified", "after": "verified"}, "end_user.denied_late"),
        ("euv.expire", {"before": "sent", "after": "expired"}, "end_user.not_verified"),
        ("euv.end_call", {"before": "sent", "after": "error"}, "end_user.not_verified"),
        ("euv.send_again", {"before": "sent", "after": "sent"}, ""),
        ("euv.override", {}, ""),
        ("approval.ask_second_person", {"before": "unasked", "after": "waiting"}, "approval.asked"),
        ("approval.grant", {"before": "waiting", "after": "granted"}, "approval.decided"),
        ("approval.refuse", {"before": "waiting", "after": "refused"}, "approval.decided"),
        ("approval.grant", {"before": "waiting", "after": "expired", "refused": "approval_over"}, ""),
        ("approval.use", {"before": "granted", "after": "used"}, ""),
        ("approval.act_refused", {"refused": "own_approval"}, ""),
        ("alert.denied", {}, "alert.raised"),
        ("alert.acknowledged", {}, ""),
        ("contact.address_changed", {}, "contact.address_changed"),
        ("operator.contact_erased", {}, "contact.erased"),
        ("import.done", {"added": 12}, "contacts.imported"),
        ("channel.degraded", {"provider": "twilio"}, "channel.degraded"),
        ("sign_in.granted", {}, ""),
        ("webhook.added", {}, ""),
        ("desk.stranger", {}, ""),
    ],
)
def test_lines_become_events(kind: str, public: dict[str, str | int], event: str) -> None:
    assert event_of(replace(LINE, kind=kind, public=public)) == event
    assert not event or event in EVENTS


def test_no_line_that_is_told_of_is_left_unread_and_every_event_has_its_line() -> None:
    states = ("blank", "open", "claimed", "confirmed", "denied", "rejected", "superseded", "expired", "alarm")
    of_end_users = ("sent", "verified", "failed", "error", "unasked", "waiting", "granted", "refused")
    found = set()
    for kinds in KINDS.values():
        for kind in kinds:
            for before in (*states, *of_end_users):
                for after in (*states, *of_end_users):
                    event = event_of(replace(LINE, kind=kind, public={"before": before, "after": after}))
                    found.add(event)
                    assert not event or kind.startswith(BEGINNINGS), kind
    assert found - {""} == set(EVENTS)


def test_an_event_holds_ids_and_states_and_nothing_that_anybody_said() -> None:
    unsaid = ("by_log_in", "address", "note", "reason")
    public: dict[str, str | int] = dict.fromkeys(unsaid, "nobody is told this")
    public |= {"before": "claimed", "after": "confirmed", "assurance": "compare"}
    line = replace(LINE, public=public)
    one = told(line, "verification.confirmed", claimer="tech-1")
    assert one.audit_id == "line-1"
    assert json.loads(one.body) == {
        "type": "verification.confirmed",
        "timestamp": "2026-03-02T14:05:06.789Z",
        "data": {
            "verification_id": "check-1",
            "verifies": "technician",
            "state": "confirmed",
            "contact_id": "contact-1",
            "technician_id": "tech-1",
            "ticket_id": "ticket-1",
            "assurance": "compare",
        },
    }


@pytest.mark.feature("SEC-12")
def test_a_request_to_a_second_person_is_told_with_ids_alone() -> None:
    public: dict[str, str | int] = {"before": "waiting", "after": "granted", "approval": "high", "rests_on": "v1 v2"}
    line = replace(LINE, kind="approval.grant", technician_id="tech-2", public=public)
    assert json.loads(told(line, "approval.decided").body)["data"] == {
        "approval_id": "check-1",
        "state": "granted",
        "contact_id": "contact-1",
        "technician_id": "tech-2",
        "ticket_id": "ticket-1",
        "approval": "high",
    }


def test_a_test_says_that_it_is_one() -> None:
    body = json.loads(told_as_test("id", NOW).body)
    assert body["type"] == TEST
    assert "test" in body["data"]["message"]


# --- the page for whoever writes the other side ---------------------------------------------------------------------


def test_the_page_lists_every_event_and_its_code_checks_our_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PAGE.read_text("utf-8")
    for event, about in EVENTS.items():
        assert f"| `{event}` | {about} |" in page
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "their_side.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    is_ours = importlib.import_module("their_side").is_ours
    now = datetime.now(UTC)
    assert is_ours(SECRET, headers_of("id-1", now, BODY, [SECRET]), BODY)
    assert is_ours(SECRET, headers_of("id-1", now, BODY, [OLDER, SECRET]), BODY)
    assert not is_ours(SECRET, headers_of("id-1", now, BODY, [OLDER]), BODY)
    assert not is_ours(SECRET, headers_of("id-1", now, BODY, [SECRET]), BODY + b" ")
    assert not is_ours(SECRET, headers_of("id-1", now - timedelta(minutes=6), BODY, [SECRET]), BODY)
