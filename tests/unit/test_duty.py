"""Who is told that nobody has claimed, how, and what a post to Teams says."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.drafts import Draft
from bot.duty import Audience, Told, whom
from bot.fan_out import fan_out
from bot.wording import Wording
from channels.teams.posts import HELLO, LONGEST, body_of, harmless
from dialogs.settings import TenantSettings
from dialogs.tech_verify import Open, State
from dialogs.turns import OutboxItem, StoredCheck, TenantFacts
from storage.duty import OnCall
from tests.fixtures.stand_ins import START, SeededRandomness
from tests.unit.check_walks import WALKS

MOBILE, EMAIL = "+13475550170", "dana@acme.example"
LINK = "https://desk.example/codes/1"
ITEM = OutboxItem(
    "item",
    "alert_text",
    "duty:1",
    {"to": "", "from": "+12125550100", "body": "text", "subject": "subject", "mail": "mail", "post": "post"},
    START,
    check_id="check",
    template="tech.unclaimed",
    segments=2,
)
EVERYTHING = Audience((Told("dana", MOBILE, EMAIL), Told("theo", "", "theo@acme.example")), connections=("one", "two"))


def on_call(ways: str = "sms", mobile: str = MOBILE, email: str = EMAIL, on_duty: bool = True) -> OnCall:
    return OnCall("dana", on_duty, mobile, email, frozenset(ways.split(",")) - {""})


@pytest.mark.feature("NG-08", "NG-09")
@pytest.mark.parametrize(
    ("one", "can_mail", "told"),
    [
        (on_call("sms"), True, (MOBILE, "")),
        (on_call("email"), True, ("", EMAIL)),
        (on_call("sms,email"), True, (MOBILE, EMAIL)),
        (on_call("sms,email"), False, (MOBILE, "")),
        (on_call("email"), False, (MOBILE, "")),
        (on_call("email", email=""), True, (MOBILE, "")),
        (on_call("sms", mobile=""), True, ("", EMAIL)),
        (on_call("sms,email", mobile=""), True, ("", EMAIL)),
        (on_call(""), True, (MOBILE, EMAIL)),
        (on_call("sms", mobile=""), False, None),
        (on_call("sms,email", mobile="", email=""), True, None),
    ],
)
def test_by_which_way(one: OnCall, can_mail: bool, told: tuple[str, str] | None) -> None:
    expected = () if told is None else (Told("dana", *told),)
    assert whom([one], can_mail=can_mail) == (expected, not expected)


@pytest.mark.feature("NG-11")
def test_whoever_can_be_reached_is_on_duty_or_everybody_is_told() -> None:
    """Over all ways of two people: whoever can be reached is told, and nobody off duty while others are on."""
    ways, mobiles, emails = ("", "sms", "email", "sms,email"), ("", MOBILE), ("", EMAIL)
    every = [on_call(*choice) for choice in product(ways, mobiles, emails, (True, False))]
    for first, second, can_mail in product(every, every, (True, False)):
        reachable = [one for one in (first, second) if one.mobile or (one.email and can_mail)]
        told, off_duty = whom([first, second], can_mail=can_mail)
        on_duty = [one for one in reachable if one.on_duty]
        assert len(told) == len(on_duty or reachable)
        assert off_duty == (not on_duty)
        assert all(t.mobile or (t.email and can_mail) for t in told)
        assert can_mail or not any(t.email for t in told)


def drawn(state: State, item: OutboxItem = ITEM, audience: Audience = EVERYTHING) -> tuple[list[OutboxItem], list[str]]:
    """What an alert becomes for a check in that state, and the alerts it raises."""
    tenant = TenantFacts("tenant", "Acme", TenantSettings(), b"k" * 32)
    draft = Draft(tenant, START, SeededRandomness(), Wording("https://desk.example"))
    check = StoredCheck("check", 1, state, "sms", "+12125550100", "+13475550100", "talk", "contact", START)
    fan_out(draft, check, item, audience)
    decision = draft.decision(None)
    return list(decision.outbox), [alert.kind for alert in decision.alerts]


OPEN = next(walk.step.state for walk in WALKS if type(walk.step.state) is Open)
OTHERS = {type(walk.step.state): walk.step.state for walk in WALKS if not isinstance(walk.step.state, Open)}


@pytest.mark.feature("NG-08", "TC-01", "REL-05")
def test_an_open_check_is_told_to_everybody_until_it_runs_out() -> None:
    items, alerts = drawn(OPEN)
    assert isinstance(OPEN, Open)
    assert [(i.kind, i.technician_id, i.payload) for i in items] == [
        ("text", "dana", {"to": MOBILE, "from": "+12125550100", "body": "text"}),
        ("mail", "dana", {"to": EMAIL, "subject": "subject", "body": "mail"}),
        ("mail", "theo", {"to": "theo@acme.example", "subject": "subject", "body": "mail"}),
        ("teams_post", "", {"connection_id": "one", "body": "post"}),
        ("teams_post", "", {"connection_id": "two", "body": "post"}),
    ]
    assert {i.drop_at for i in items} == {OPEN.challenge.expires_at}
    assert len({i.lane for i in items}) == 5, "none waits for another"
    assert alerts == []


@pytest.mark.parametrize("state", OTHERS.values(), ids=lambda state: type(state).__name__)
def test_a_check_that_is_claimed_or_over_is_told_to_nobody(state: State) -> None:
    assert drawn(state) == ([], [])


def test_what_the_version_before_has_put_out_is_told_all_the_same() -> None:
    old = OutboxItem("item", "alert_text", "duty:1", {"to": "", "from": "+1", "body": "text"}, START, check_id="check")
    items, _ = drawn(OPEN, old)
    assert {i.payload["body"] for i in items} == {"text"}


@pytest.mark.feature("TC-01")
def test_an_alarm_is_posted_whatever_has_become_of_the_check() -> None:
    alarm = OutboxItem("item", "alert_text", "alarm:1", {"body": "b", "post": "ALARM", "event": "alarm"}, START)
    for state in (OPEN, *OTHERS.values()):
        items, alerts = drawn(state, alarm)
        assert [(i.kind, i.payload["body"], i.drop_at) for i in items] == [("teams_post", "ALARM", None)] * 2
        assert alerts == []


@pytest.mark.parametrize(
    ("audience", "alerts"),
    [
        (Audience((Told("dana", MOBILE),), off_duty=True), ["nobody_on_duty"]),
        (Audience((), off_duty=True, connections=("one",)), ["nobody_to_tell"]),
    ],
)
def test_the_console_says_when_nobody_on_duty_was_told(audience: Audience, alerts: list[str]) -> None:
    items, raised = drawn(OPEN, audience=audience)
    assert raised == alerts
    assert len(items) == 1


# --- what Teams reads -----------------------------------------------------------------------------------------------


@pytest.mark.feature("TC-02", "TC-05")
def test_the_body_is_text_and_nothing_else() -> None:
    assert body_of(HELLO) == b'{"text": "Hello, World"}'


@pytest.mark.feature("TC-02", "SEC-52")
@given(st.text("<>&;ab/ \n\u2028", max_size=200) | st.text(max_size=200))
def test_no_text_becomes_a_tag(text: str) -> None:
    body = json.loads(body_of(text))
    assert body.keys() == {"text"}
    assert "<" not in body["text"].replace("<br>", "")


def test_a_post_has_an_end() -> None:
    assert len(body_of("x" * 100_000)) < LONGEST + 100


@pytest.mark.feature("SEC-52")
@pytest.mark.parametrize(
    "name",
    ["http://evil.example", "[x](http://evil.example)", "www.evil.example", "@everybody", "mailto://x", "a@b.example"],
)
def test_a_name_is_no_link_and_no_mention(name: str) -> None:
    tenant = TenantFacts("tenant", "Acme", TenantSettings(), b"k" * 32)
    post = Wording("https://desk.example").post(tenant, "post.unclaimed", {"contact": name}, "/codes/1")
    assert post.endswith(LINK)
    before = post.removesuffix(LINK)
    assert not any(begins in before for begins in ("://", "](", "www.", "@"))
    assert harmless("Ada Bishop") == "Ada Bishop"


@pytest.mark.feature("TC-01")
def test_the_link_follows_where_the_wording_has_none() -> None:
    tenant = TenantFacts("tenant", "Acme", TenantSettings(), b"k" * 32)
    post = Wording("https://desk.example").post(tenant, "alert.denied", {"contact": "Ada"}, "/codes/1")
    assert post.startswith("Ada said #deny")
    assert post.endswith(" " + LINK)
