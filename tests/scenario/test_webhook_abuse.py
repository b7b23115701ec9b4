"""Forged, replayed, re-cut, malformed, oversized and repeated webhooks: refused as documented, and nothing changes."""

from __future__ import annotations

import asyncio

import pytest

from bot.seeds import UNKNOWN_MOBILE, VERIFICATION_NUMBER
from simulator.carrier import sign
from storage.tables import OF_THE_INSTALLATION
from tests.fixtures.demo_house import SMS, DemoHouse, code_in

STATUS = "/webhooks/twilio/status"
SID = "SM" + "5" * 32


async def state_of(demo: DemoHouse) -> object:
    """Every row but what the house does by itself from time to time, such as sealing its log."""
    own = OF_THE_INSTALLATION | {"installation"}
    return {table: rows for table, rows in (await demo.everything()).items() if table not in own}


@pytest.mark.feature("SEC-23", "REL-02", "Y-05")
async def test_a_captured_webhook_posted_again_later_does_nothing(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    fields = demo.form(ada.mobile, "#verify", SID)
    signature = demo.sign(fields)
    assert (await demo.post(fields, signature)).status == 200
    await demo.idle()
    (check,) = await demo.checks_of(ada)
    await demo.claim(check["id"])
    confirm = demo.form(ada.mobile, "#confirm", SID[:-1] + "6")
    assert (await demo.post(confirm, demo.sign(confirm))).status == 200
    await demo.idle()
    assert "Confirmed." in demo.texts_to(ada)[-1]

    for later in (1, 24 * 3600, 31 * 24 * 3600):
        await demo.advance(later)
        before, left = await state_of(demo), demo.left()
        for again in (fields, confirm):
            answer = await demo.post(again, demo.sign(again))
            assert answer.status == 200
            assert "<Message" not in answer.text
        await demo.idle()
        assert (await state_of(demo), demo.left()) == (before, left)


@pytest.mark.feature("SEC-22", "SEC-23")
async def test_a_genuine_text_cut_into_other_fields_is_never_used(demo: DemoHouse) -> None:
    """One signature covers every way to cut the same characters; all but the genuine one must come to nothing."""
    # In this order, since the signature takes the values of a repeated name in order.
    victim, sender = demo.contact("ada"), demo.contact("ben")
    account_sid = demo.seeded.account_sid

    # The sender writes another sender behind the command.
    carried = demo.form(sender.mobile, f"#confirmFrom{victim.mobile}", SID)
    genuine = demo.sign(carried)
    assert (await demo.post(carried, genuine)).status == 200
    # The sender writes a whole other form into the text; its true tail hides in a field of its own.
    tail = SID[:-1] + "7"
    whole = f"#verifyFrom{victim.mobile}MessageSidSM{'8' * 32}NumMedia0To{VERIFICATION_NUMBER}Z"
    hidden = demo.form(sender.mobile, whole, tail)
    signed_hidden = demo.sign(hidden)
    assert (await demo.post(hidden, signed_hidden)).status == 200
    await demo.idle()

    cuts: list[tuple[list[tuple[str, str]], str]] = [
        (
            [
                ("AccountSid", account_sid),
                ("Body", "#confirm"),
                ("From", victim.mobile),
                ("From", sender.mobile),
                ("MessageSid", SID),
                ("NumMedia", "0"),
                ("To", VERIFICATION_NUMBER),
            ],
            genuine,
        ),
        (
            [
                ("AccountSid", account_sid),
                ("Body", "#verify"),
                ("From", victim.mobile),
                ("MessageSid", "SM" + "8" * 32),
                ("NumMedia", "0"),
                ("To", VERIFICATION_NUMBER),
                ("Z", f"From{sender.mobile}MessageSid{tail}NumMedia0To{VERIFICATION_NUMBER}"),
            ],
            signed_hidden,
        ),
        (
            [
                (n if n != "MessageSid" else "MessageSi", v if n != "MessageSid" else "d" + v)
                for n, v in carried.items()
            ],
            genuine,
        ),
        (
            [(n if n != "NumMedia" else "NumMedi", v if n != "NumMedia" else "a" + v) for n, v in carried.items()],
            genuine,
        ),
        ([*carried.items(), ("", "")], genuine),
    ]
    before, left = await state_of(demo), demo.left()
    statuses = []
    for pairs, signature in cuts:
        joined = "".join(name + value for name, value in sorted(pairs))
        url = demo.house.settings.public_url + SMS
        assert sign(url, {joined[:1]: joined[1:]}, demo.seeded.auth_token) == signature, "the cut must be a true one"
        statuses.append((await demo.post(pairs, signature)).status)
    await demo.idle()
    # The fourth keeps every field that counts: it is the genuine text once more, known by its signature.
    assert statuses == [403, 403, 403, 200, 403]
    assert (await state_of(demo), demo.left()) == (before, left)
    assert await demo.checks_of(victim) == []


@pytest.mark.feature("SEC-21", "SEC-22", "REL-16")
@pytest.mark.parametrize("path", [SMS, STATUS])
async def test_what_is_not_proven_or_not_a_form_is_refused_with_nothing_said(demo: DemoHouse, path: str) -> None:
    ada = demo.contact("ada")
    fields = demo.form(ada.mobile, "#verify", SID)
    if path == STATUS:
        # A report is about a text of ours: we are the sender.
        fields |= {"From": VERIFICATION_NUMBER, "To": ada.mobile, "MessageStatus": "delivered"}
    good = demo.sign(fields, path)
    url = demo.house.settings.public_url + path
    other_account = {**fields, "AccountSid": "AC" + "0" * 32}
    foreign = {**fields, "From": UNKNOWN_MOBILE, "To": UNKNOWN_MOBILE}
    malformed = b"Body=%ZZ&From=1"
    flipped = ("A" if good[0] != "A" else "B") + good[1:]
    without_sid = {name: value for name, value in fields.items() if name != "MessageSid"}
    bad_number = {**fields, "From": "Alphanumeric"}
    before, left = await state_of(demo), demo.left()
    expected = [
        (await demo.post(fields, None, path=path), 403),
        (await demo.post(fields, "", path=path), 403),
        (await demo.post(fields, flipped, path=path), 403),
        (await demo.post(fields, good[:-4], path=path), 403),
        (await demo.post(fields, sign(url, fields, "another tenant's token"), path=path), 403),
        (await demo.post({**fields, "Body": "#verifi"}, good, path=path), 403),
        (await demo.post(fields, sign(url + "?x=1", fields, demo.seeded.auth_token), path=path), 403),
        (await demo.post(other_account, demo.sign(other_account, path), path=path), 403),
        (await demo.post(foreign, demo.sign(foreign, path), path=path), 403),
        (await demo.post(without_sid, demo.sign(without_sid, path), path=path), 403),
        (await demo.post(bad_number, demo.sign(bad_number, path), path=path), 403),
        (await demo.post(malformed, good, path=path), 400),
        (await demo.post(b"no form at all", good, path=path), 400),
        (await demo.post(b"\xff=\xfe", good, path=path), 400),
        (await demo.post(b"{}", good, path=path, headers={"Content-Type": "application/json"}), 415),
        (await demo.post(fields, good, path=path, headers={"Content-Encoding": "gzip"}), 415),
        (await demo.post(b"Body=" + b"x" * (256 * 1024), good, path=path), 413),
    ]
    assert [answer.status for answer, _ in expected] == [status for _, status in expected]
    assert {answer.text for answer, _ in expected} == {""}
    await demo.idle()
    assert (await state_of(demo), demo.left()) == (before, left)
    assert (await demo.ask("GET", path)).status == 405
    assert await demo.checks_of(ada) == []


@pytest.mark.feature("SEC-22", "REL-16", "SEC-16")
async def test_a_text_longer_than_any_text_is_refused(demo: DemoHouse) -> None:
    ada = demo.contact("ada")
    before = await state_of(demo)
    fields = demo.form(ada.mobile, "#verify" + " " * 1600, SID)
    assert (await demo.post(fields, demo.sign(fields))).status == 403
    assert await state_of(demo) == before


@pytest.mark.feature("REL-02", "Y-05", "TV-01", "TV-12", "REL-09")
async def test_every_webhook_five_times_at_once_counts_once(demo: DemoHouse) -> None:
    ada = demo.contact("ada")

    async def five_times(fields: dict[str, str], path: str = SMS) -> None:
        signature = demo.sign(fields, path)
        answers = await asyncio.gather(*(demo.post(fields, signature, path=path) for _ in range(5)))
        assert [answer.status for answer in answers] == [200] * 5
        await demo.idle()

    await five_times(demo.form(ada.mobile, "#verify", SID))
    (check,) = await demo.checks_of(ada)
    (text,) = demo.texts_to(ada)
    code = (await demo.claim(check["id"], ticket=str(ada.open_ticket))).json["code"]
    assert code == code_in(text)

    (sent,) = [m for m in demo.world.carrier.messages.values() if m.to == ada.mobile]
    report = {
        "MessageSid": sent.sid,
        "AccountSid": demo.seeded.account_sid,
        "From": VERIFICATION_NUMBER,
        "To": ada.mobile,
        "MessageStatus": "read",
    }
    reports_before = len(await demo.audit("kind=text."))
    await five_times(report, STATUS)
    assert len(await demo.audit("kind=text.")) == reports_before + 1
    await five_times(demo.form(ada.mobile, f"#confirm {code}", SID[:-1] + "6"))
    await five_times(demo.form(ada.mobile, "#deny", SID[:-1] + "7"))

    assert [("Confirmed." in t, "we have been alerted" in t) for t in demo.texts_to(ada)] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    notes = await demo.notes(ada.open_ticket)
    assert ["confirmed by the user" in note for note in notes] == [True, False]
    assert await demo.alerts() == ["late_deny"]
    kinds = await demo.kinds(check["id"])
    assert kinds == ["tv.issue_code", "tv.claim_check", "tv.code_shown", "tv.confirm", "tv.deny_afterwards"]
