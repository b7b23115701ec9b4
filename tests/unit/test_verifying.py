"""What is drawn, digested and said when an end user is verified, without storage or network."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import chain, product, repeat
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.about_tickets import About
from bot.asking_users import Asking, Ready, Wish, shown
from bot.digests import code_digest, verification_digest
from bot.drafts import Draft
from bot.inbound import Reading
from bot.verifying_answers import digits_of
from bot.wording import Wording
from dialogs import user_verify as uv
from dialogs.effects import Code
from dialogs.messages import Inbound
from dialogs.number_signals import NOTHING_KNOWN, KnownNumbers, Signals
from dialogs.settings import TenantSettings
from dialogs.tech_verify import Open
from dialogs.tech_verify import Technician as Tech
from dialogs.turns import (
    AddressFacts,
    ContactFacts,
    InboundFacts,
    NumberFacts,
    StoredCheck,
    StoredVerification,
    TenantFacts,
    VerificationFacts,
)
from tests.fixtures.stand_ins import START, SeededRandomness
from tests.unit.check_walks import WALKS
from web.ports import REFUSALS, Acting

TENANT = TenantFacts("tenant", "Acme", TenantSettings(), b"k" * 32)
ADA = ContactFacts("ada", "Ada Bishop", "client", "Acme Dental")
MOBILE = AddressFacts("mobile", "mobile", "+13475550111", True, None)
WORDING = Wording("https://desk.example")
OPEN = next(walk.step.state for walk in WALKS if type(walk.step.state) is Open)
ACTING = Acting("tenant", "sam", "Sam Okafor", "Sam", "technician", True, "log-in", "bearer", START)


class Script(SeededRandomness):
    """Draws these codes first."""

    def __init__(self, *codes: str) -> None:
        super().__init__()
        self._codes = chain(codes, repeat(""))

    def code(self, length: int) -> Code:
        drawn = next(self._codes)
        return Code(drawn) if drawn else super().code(length)


def open_check(digits: str) -> StoredCheck:
    """A check of a caller that is open and has this code."""
    state = replace(OPEN, challenge=replace(OPEN.challenge, code=Code(digits), expires_at=START + timedelta(minutes=9)))
    return StoredCheck("check", 1, state, "sms", "+12125550100", MOBILE.value, "talk", "ada", START)


def facts_of(*checks: StoredCheck) -> VerificationFacts:
    return VerificationFacts(TENANT, ADA, (MOBILE,), "+12125550100", None, (), checks, None, ())


def asked(facts: VerificationFacts, random: SeededRandomness, known: KnownNumbers = NOTHING_KNOWN) -> uv.Sent:
    """What a supervisor's request comes to, an open check set aside."""
    wish = Wish(
        ACTING,
        "ada",
        "mobile",
        uv.Method.SMS_CODE,
        About(),
        "",
        uv.Action.STANDARD,
        "Her phone was stolen",
        True,
        False,
        known,
    )
    draft = Draft(TENANT, START, random, WORDING)
    acted = Asking(random, WORDING).start(wish, Ready(mail=True, texts=True, calls=True), facts, draft)
    assert acted.refused == ""
    (saved,) = draft.decision(None).verifications
    assert isinstance(saved.state, uv.Sent)
    return saved.state


@pytest.mark.feature("SEC-07")
def test_a_code_is_never_that_of_a_live_check_of_the_same_person() -> None:
    state = asked(facts_of(open_check("493817")), Script("493817", "493817", "604281"))
    assert state.challenge.code == Code("604281")


@pytest.mark.feature("SEC-42")
@pytest.mark.parametrize(
    ("asks", "known", "kept"),
    [
        ("off", {}, None),
        ("sim_swap", {MOBILE.value: Signals("voip", "unswapped")}, Signals("voip", "unswapped")),
        # The number was another one when the carrier was asked.
        ("sim_swap", {"+13475550112": Signals("mobile", "unswapped")}, Signals("unknown", "unknown")),
        ("line_type", {}, Signals("unknown")),
    ],
)
def test_what_is_kept_is_about_the_number_that_the_code_goes_to(
    asks: Literal["off", "line_type", "sim_swap"], known: KnownNumbers, kept: Signals | None
) -> None:
    facts = replace(facts_of(), tenant=replace(TENANT, settings=TenantSettings(number_lookups=asks)))
    assert asked(facts, SeededRandomness(), known).request.signals == kept


@pytest.mark.feature("SEC-07")
def test_nor_the_other_way_round() -> None:
    state = asked(facts_of(), Script("604281"))
    stored = StoredVerification("euv", 1, state, "ada", "+12125550100", MOBILE.value, START)
    number = NumberFacts("number", "+12125550100", "verification", True, "carrier")
    facts = InboundFacts(TENANT, number, (ADA,), None, (), (), "", facts_of().addresses[0].sends, (stored,))
    inbound = Inbound("sms", "twilio", "SM1", number.address, MOBILE.value, "#verify")
    random = Script("604281", "604281", "493817")
    decision = Reading(facts, inbound, Draft(TENANT, START, random, WORDING), random, True).decide()
    (check,) = decision.checks
    assert isinstance(check.state, Open)
    assert check.state.challenge.code == Code("493817")
    assert [item.template for item in decision.outbox][-1] == "tv.also_verifying"


@pytest.mark.feature("SEC-07", "SEC-17")
def test_a_digest_is_good_for_one_purpose_one_verification_and_one_tenant() -> None:
    other = replace(TENANT, digest_key=b"l" * 32)
    made = [
        digest(tenant, id, digits)
        for digest, tenant, id, digits in product(
            (code_digest, verification_digest), (TENANT, other), ("one", "two"), ("493817", "493818")
        )
    ]
    assert len(set(made)) == len(made)
    assert not any("493817" in digest for digest in made)


@pytest.mark.feature("EV-06")
@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("493817", "493817"),
        (" 493 817 ", "493817"),
        ("493-817", "493817"),
        ("4 9 3 8 1 7", "493817"),
        ("493\u2013817", "493817"),
        ("\uff14\uff19\uff13\uff18\uff11\uff17", "493817"),
        ("493.817", "493817"),
        ("\u200e493\u200b817\u202c", "493817"),
        ("\u2068493\u2011817\u2069", "493817"),
        ("493,817", ""),
        ("+493817", ""),
        ("٤٩٣٨١٧", ""),
        ("493817x", ""),
        ("", ""),
    ],
)
def test_what_a_technician_types(typed: str, digits: str) -> None:
    assert digits_of(typed) == digits


@given(st.text(max_size=40))
def test_only_digits_come_out(typed: str) -> None:
    read = digits_of(typed)
    assert read == "" or (read.isascii() and read.isdecimal())


def test_an_address_as_others_may_read_it() -> None:
    assert shown("+13475550111") == "...0111"
    assert shown("ada@acme.example") == "a…@acme.example"


@pytest.mark.feature("Y-04")
def test_every_refusal_of_the_machine_has_words() -> None:
    """Words of the page behind a link are that page's own."""
    ours = {"number_needed", "wrong_number", "not_a_link_method"}
    words = {"wrong_code", "cross_purpose_code", "verification_over", "not_your_verification", "nothing_to_resend"}
    words |= {"call_under_way", "not_a_code_method", "method_not_set_up", "no_email", "no_phone", "no_mobile"}
    assert words <= REFUSALS.keys()
    assert not ours & REFUSALS.keys()


def test_who_may_type_is_named_by_their_first_name() -> None:
    state = asked(facts_of(), SeededRandomness())
    assert state.request.technician == Tech("sam", "Sam")
