"""How a check ends: right, wrong, early, late, misdirected, spoken, rejected, replaced; in both modes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.seeds import UNKNOWN_MOBILE
from dialogs.settings import TenantSettings
from dialogs.tech_verify import Mode
from tests.fixtures.demo_house import OTHER_NUMBER, TV, DemoHouse, code_in, wrong


def transfer(settings: TenantSettings) -> TenantSettings:
    return replace(settings, rules=replace(settings.rules, mode=Mode.TRANSFER))


@pytest.mark.feature("SEC-01", "TV-24")
async def test_confirming_before_anybody_has_claimed(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.text(ada, "#confirm")
    (_, told) = demo.texts_to(ada)
    assert "No technician has opened this check yet" in told
    assert "HANG UP and call" in told
    assert (await demo.check(id))["state"] == "open"
    assert await demo.alerts() == []

    await demo.text(ada, "#confirm")
    assert "WARNING" in demo.texts_to(ada)[2]
    ended = await demo.check(id)
    assert (ended["state"], ended["reason"], ended["assurance"]) == ("alarm", "confirmed_unclaimed", None)
    assert await demo.alerts() == ["confirmed_unclaimed"]
    assert (await demo.claim(id)).json["error"] == "ended"
    assert len(demo.texts_to(ada)) == 3


@pytest.mark.feature("SEC-01", "TV-08")
async def test_an_early_confirm_that_is_claimed_in_time_can_still_succeed(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.text(ada, "#confirm")
    await demo.claim(id)
    assert "Dana" in demo.texts_to(ada)[-1], "who was warned is told at once who has it"
    await demo.text(ada, "#confirm")
    assert (await demo.check(id))["state"] == "confirmed"


@pytest.mark.feature("TV-22", "REL-08")
async def test_a_confirm_after_the_end_of_time_does_not_count(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    await demo.advance(10 * 60)
    assert "Time is up" in demo.texts_to(ada)[-1]
    await demo.text(ada, "#confirm")
    assert "nothing has changed" in demo.texts_to(ada)[-1]
    ended = await demo.check(id)
    assert (ended["state"], ended["reason"], ended["assurance"]) == ("expired", "deadline", None)
    (note,) = await demo.notes(ada.open_ticket)
    assert "not confirmed in time" in note


@pytest.mark.feature("TV-10")
async def test_a_confirm_from_any_other_phone_has_no_effect(demo: DemoHouse) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    id = await demo.verify(ada)
    code = (await demo.claim(id)).json["code"]
    before = demo.texts_to(ada)
    for words in ("#confirm", f"#confirm {code}"):
        await demo.text(ben, words)
        await demo.text(UNKNOWN_MOBILE, words)
    assert (await demo.check(id))["state"] == "claimed"
    assert demo.texts_to(ada) == before
    assert not any("Confirmed." in text for text in demo.texts_to(ben))
    assert await demo.kinds(id) == ["tv.issue_code", "tv.claim_check", "tv.code_shown"]


@pytest.mark.feature("TV-11", "TV-16")
async def test_a_confirm_to_another_of_our_numbers_is_refused_and_kept(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id)
    await demo.text(ada, "#confirm", to=OTHER_NUMBER)
    assert (await demo.check(id))["state"] == "claimed"
    assert "does not count here" in demo.texts_to(ada)[-1]
    assert (await demo.kinds(id))[-1] == "tv.send_to_right_number"
    await demo.text(ada, "#confirm")
    assert (await demo.check(id))["state"] == "confirmed"


@pytest.mark.feature("TV-11")
async def test_any_of_our_numbers_can_be_asked_and_answers_itself(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada, to=OTHER_NUMBER)
    await demo.claim(id)
    assert len(demo.texts_to(ada, sender=OTHER_NUMBER)) == len(demo.texts_to(ada)) == 1
    await demo.text(ada, "#confirm", to=OTHER_NUMBER)
    assert "Confirmed." in demo.texts_to(ada, sender=OTHER_NUMBER)[-1]
    assert len(demo.texts_to(ada)) == 2


@pytest.mark.feature("SEC-03", "Y-01", "TV-24")
async def test_five_wrong_codes_are_an_alarm(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    code = (await demo.claim(id)).json["code"]
    for left in (4, 3, 2, 1):
        await demo.text(ada, f"#confirm {wrong(code)}")
        assert f"Tries left: {left}" in demo.texts_to(ada)[-1]
        assert (await demo.check(id))["state"] == "claimed"
    await demo.text(ada, f"#confirm {wrong(code)}")
    assert "WARNING" in demo.texts_to(ada)[-1]
    assert (await demo.check(id))["state"] == "alarm"
    assert await demo.alerts() == ["wrong_codes"]
    await demo.text(ada, f"#confirm {code}")
    assert (await demo.check(id))["state"] == "alarm", "the right code comes too late"
    assert (await demo.kinds(id)).count("tv.confirm") == 5


@pytest.mark.feature("SEC-03")
@pytest.mark.parametrize(
    ("mode", "typed", "state"),
    [
        ("compare", "bare", "confirmed"),
        ("compare", "right", "confirmed"),
        ("compare", "wrong", "claimed"),
        ("compare", "another's", "claimed"),
        ("transfer", "bare", "claimed"),
        ("transfer", "right", "confirmed"),
        ("transfer", "wrong", "claimed"),
        ("transfer", "another's", "claimed"),
    ],
)
async def test_modes_and_codes(demo: DemoHouse, mode: str, typed: str, state: str) -> None:
    if mode == "transfer":
        await demo.settings(transfer)
    ada, ben = demo.contact("ada"), demo.contact("ben")
    theirs = (await demo.claim(await demo.verify(ben))).json["code"]
    id = await demo.verify(ada)
    code = (await demo.claim(id)).json["code"]
    said = {"bare": "", "right": code, "wrong": wrong(code), "another's": theirs if theirs != code else wrong(code)}
    await demo.text(ada, f"#confirm {said[typed]}".strip())
    ended = await demo.check(id)
    assert (ended["state"], ended["assurance"]) == (state, mode if state == "confirmed" else None)
    assert (await demo.checks_of(ben))[0]["state"] == "claimed"


@pytest.mark.feature("SEC-03", "SEC-05")
async def test_in_transfer_mode_no_text_has_the_code(demo: DemoHouse) -> None:
    await demo.settings(transfer)
    ada = demo.contact("ada")
    await demo.announce(ada)
    id = await demo.verify(ada)
    code = (await demo.check(id))["code"]
    await demo.text(ada, "#confirm")
    assert "the code the CALLER says" in demo.texts_to(ada)[-1]
    await demo.text(ada, f"#confirm {code[:3]} {code[3:]}")
    assert (await demo.check(id))["assurance"] == "transfer"
    assert not any(code in text for text in demo.texts_to(ada))
    assert "THEY must say the code" in demo.texts_to(ada)[0]


@pytest.mark.feature("SEC-01", "SEC-09")
async def test_without_the_claim_gate_the_record_says_unclaimed(demo: DemoHouse) -> None:
    await demo.settings(lambda s: replace(s, rules=replace(s.rules, require_claim=False)))
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.text(ada, "#confirm")
    ended = await demo.check(id)
    assert (ended["state"], ended["assurance"], ended["technician"]) == ("confirmed", "unclaimed", None)
    assert "no technician has opened this check" in demo.texts_to(ada)[-1]


@pytest.mark.feature("TV-21", "SEC-14")
async def test_a_spoken_yes_needs_a_note_and_is_weaker(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    bare = await demo.act(id, "verbal", {"note": "  "})
    assert (bare.status, bare.json["error"]) == (422, "note_required")
    assert (await demo.act(id, "verbal", {"note": "x"}, who="theo")).json["error"] == "not_yours"
    done = await demo.act(id, "verbal", {"note": "She read it back to me"})
    assert (done.json["state"], done.json["assurance"]) == ("confirmed", "verbal")
    assert "Dana" in demo.texts_to(ada)[-1], "the user learns who claimed"
    (note,) = await demo.notes(ada.open_ticket)
    assert "She read it back to me" in note
    assert "weak" in note


@pytest.mark.feature("TV-24", "TV-16")
async def test_a_technician_rejects_with_a_reason(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    assert (await demo.act(id, "reject", {"reason": ""})).json["error"] == "reason_required"
    ended = await demo.act(id, "reject", {"reason": "Called the wrong Ada"})
    assert (ended.json["state"], ended.json["reason"], ended.json["code"]) == ("rejected", "Called the wrong Ada", None)
    assert "closed this check" in demo.texts_to(ada)[-1]
    assert "Called the wrong Ada" in (await demo.notes(ada.open_ticket))[0]
    await demo.text(ada, "#confirm")
    assert (await demo.check(id))["state"] == "rejected"


@pytest.mark.feature("TV-26")
async def test_where_the_team_asks_first_nothing_is_written_before_approval(demo: DemoHouse) -> None:
    await demo.settings(lambda s: replace(s, rules=replace(s.rules, ticket_logging="ask")))
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    await demo.text(ada, "#confirm")
    assert (await demo.check(id))["logged"] == "waits_for_approval"
    assert await demo.notes(ada.open_ticket) == []
    assert (await demo.act(id, "note")).json["logged"] == "written"
    assert (await demo.act(id, "note")).json["error"] == "no_note_due"
    assert len(await demo.notes(ada.open_ticket)) == 1


@pytest.mark.feature("TV-23", "SEC-11")
async def test_a_second_verify_replaces_the_first(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    first = await demo.verify(ada)
    old = (await demo.claim(first)).json["code"]
    second = await demo.verify(ada)
    assert second != first
    assert ((await demo.check(first))["state"], (await demo.check(second))["state"]) == ("superseded", "open")
    text = demo.texts_to(ada)[-1]
    assert "NEW code" in text
    new = (await demo.claim(second)).json["code"]
    assert new == code_in(text)
    await demo.text(ada, f"#confirm {old if old != new else wrong(new)}")
    assert (await demo.check(second))["state"] == "claimed"
    await demo.text(ada, f"#confirm {new}")
    assert ((await demo.check(first))["state"], (await demo.check(second))["state"]) == ("superseded", "confirmed")
    assert len((await demo.api("GET", f"{TV}?live=true")).json["items"]) == 0


@pytest.mark.feature("TV-12", "REL-02")
async def test_confirming_again_and_again_is_answered_once(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    await demo.claim(id, ticket=str(ada.open_ticket))
    for _ in range(3):
        await demo.text(ada, "#confirm")
    assert ["Confirmed." in text for text in demo.texts_to(ada)] == [False, True]
    assert len(await demo.notes(ada.open_ticket)) == 1
    assert (await demo.kinds(id)).count("tv.confirm") == 1


@pytest.mark.feature("Y-06", "Y-01")
async def test_a_resend_repeats_the_code_and_does_not_prolong_it(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    id = await demo.verify(ada)
    claimed = (await demo.claim(id)).json
    early = await demo.act(id, "resend")
    assert (early.status, early.json["error"]) == (429, "too_many_sends")
    assert early.json["not_before"].endswith("Z")
    assert len(demo.texts_to(ada)) == 1
    for sends in (2, 3):
        await demo.advance(30)
        again = await demo.act(id, "resend")
        assert (again.status, again.json["expires_at"], again.json["code"]) == (
            200,
            claimed["expires_at"],
            claimed["code"],
        )
        assert [code_in(text) for text in demo.texts_to(ada)] == [claimed["code"]] * sends
    assert "Dana" in demo.texts_to(ada)[-1]
    await demo.advance(30)
    full = await demo.act(id, "resend")
    assert (full.status, full.json["error"]) == (429, "too_many_sends")
    assert full.json["not_before"] > early.json["not_before"]
    assert len(demo.texts_to(ada)) == 3
    await demo.text(ada, "what now?")
    assert "Dana" not in demo.texts_to(ada)[-1], "who claimed has been told with the resent code"


@pytest.mark.feature("TV-03", "TV-04")
async def test_the_length_of_codes_is_a_setting(demo: DemoHouse) -> None:
    ada, ben = demo.contact("ada"), demo.contact("ben")
    await demo.verify(ben)
    assert len(code_in(demo.texts_to(ben)[0])) == 6
    await demo.settings(lambda s: replace(s, code_length=10))
    id = await demo.verify(ada)
    code = (await demo.claim(id)).json["code"]
    assert code == code_in(demo.texts_to(ada)[0])
    assert len(code) == 10
    await demo.text(ada, f"#confirm {code}")
    assert (await demo.check(id))["state"] == "confirmed"
