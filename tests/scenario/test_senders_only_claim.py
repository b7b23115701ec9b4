"""A sender's number is a claim and nothing more; a code opens its own check and nothing else."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from bot.digests import code_digest
from dialogs.settings import TenantSettings
from dialogs.turns import TenantFacts
from simulator.carrier_records import Fault
from tests.fixtures.demo_house import DemoHouse, code_in

EVERYTHING = ("#verify", "#confirm", "#confirm 123456", "#deny", "help", "my number is now +13105550177", "STOP")


@pytest.mark.feature("SEC-24")
async def test_no_text_changes_a_contact_or_is_answered_elsewhere(demo: DemoHouse) -> None:
    """Whoever forges Ada's number makes Ada's phone ring, and learns and changes nothing."""
    ada, ben = demo.contact("ada"), demo.contact("ben")
    before = (await demo.api("GET", f"/api/v1/contacts/{ada.id}")).json
    for words in EVERYTHING:
        await demo.text(ada, words)
    after = (await demo.api("GET", f"/api/v1/contacts/{ada.id}")).json
    assert [a["value"] for a in after["addresses"]] == [a["value"] for a in before["addresses"]]
    assert {message.to for message in demo.world.outbox() if message.channel == "sms"} == {ada.mobile}
    assert demo.texts_to(ben) == []
    states = {check["state"] for check in await demo.checks_of(ada)}
    assert "confirmed" not in states


@pytest.mark.feature("SEC-07", "SEC-03")
async def test_a_code_opens_no_check_but_its_own(demo: DemoHouse) -> None:
    people = [demo.contact(name) for name in ("ada", "ben", "eve")]
    codes = {}
    for person in people:
        check_id = await demo.verify(person)
        await demo.claim(check_id)
        codes[person.id] = (check_id, code_in(demo.texts_to(person)[-1]))
    for mine, theirs in permutations(people, 2):
        if codes[mine.id][1] != codes[theirs.id][1]:
            await demo.text(mine, f"#confirm {codes[theirs.id][1]}")
            assert (await demo.check(codes[mine.id][0]))["state"] == "claimed"
    for person in people:
        await demo.text(person, f"#confirm {codes[person.id][1]}")
        assert (await demo.check(codes[person.id][0]))["state"] == "confirmed"


@pytest.mark.feature("SEC-07", "SEC-17")
def test_the_digest_of_a_code_is_bound_to_tenant_and_check() -> None:
    """The same six digits in another check, or under another tenant's key, are something else."""
    one = TenantFacts("t1", "One", TenantSettings(), b"k" * 32)
    two = TenantFacts("t2", "Two", TenantSettings(), b"q" * 32)
    digests = {code_digest(tenant, check, "482913") for tenant in (one, two) for check in ("c1", "c2")}
    assert len(digests) == 4
    assert code_digest(one, "c1", "482913") in digests


@pytest.mark.feature("REL-07")
async def test_a_webhook_is_answered_while_the_carrier_still_thinks(demo: DemoHouse) -> None:
    """The text is taken and answered before ours has left: a slow carrier never makes the provider try again."""
    ada = demo.contact("ada")
    demo.world.carrier.fail_next(Fault(delay_s=0.5))
    status = await asyncio.wait_for(demo.world.text(ada.mobile, demo.world.verification_numbers()[0], "#verify"), 5)
    assert status == 200
    assert demo.texts_to(ada) == [], "the carrier has not taken ours yet, and the webhook is answered all the same"
    await demo.idle()
    assert len(demo.texts_to(ada)) == 1
