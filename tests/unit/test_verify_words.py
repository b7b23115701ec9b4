"""The words of the verification panel: none is missing, and colour, icon and words say the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import get_args, get_type_hints

import pytest
from aiohttp import web

from dialogs.user_verify import METHODS, WORDS, Action, Assurance, Blank, Expired, Method, Policy
from dialogs.ways import WayNow
from storage.verifications import Shield
from tests.fixtures.world import START
from web.pages.contacts import AddressView
from web.pages.forms import Press
from web.pages.verify_forms import VerifyForms, code_words, verify_routes
from web.pages.verify_panel import Place
from web.pages.verify_rows import LIVE, TONES, shields_of, way_view
from web.pages.verify_views import Attempt
from web.pages.verify_words import ACTIONS, ACTIONS_IN_WORDS, DID, DO, NOTE_FOR, OUTCOMES, REASONS, WHY, outcome, why
from web.ports import REFUSALS, CodeChecked
from web.routing import Call, Surface

#: Every word that `dialogs.ways` puts in the way of somebody who only looks.
IN_THE_WAY = (
    "method_not_set_up",
    "no_mail_server",
    "no_number_of_ours",
    "no_mobile",
    "no_email",
    "no_phone",
    "denied_lately",
    "direction_conflict",
    "assurance_too_low",
    "blocked",
    "opted_out",
    "method_locked",
    "method_disabled",
    "prefix_paused",
    "too_many_sends",
)


def test_every_method_action_and_state_has_words() -> None:
    assert set(DO) == set(DID) == set(Method)
    assert set(ACTIONS) == set(ACTIONS_IN_WORDS) == set(Action)
    assert set(OUTCOMES) == {word for state, word in WORDS.items() if state is not Blank}
    assert set(LIVE) == {facts.way for facts in METHODS.values()}
    reasons = set(get_args(get_type_hints(Expired)["reason"])) - {"deadline"}
    assert reasons <= set(REASONS), "why one ended is never a machine word"


@pytest.mark.feature("EV-38")
@pytest.mark.parametrize("word", IN_THE_WAY)
def test_what_stands_in_the_way_is_said_in_words(word: str) -> None:
    assert word in WHY or word in REFUSALS
    assert "_" not in why(word)


@pytest.mark.feature("EV-27")
@pytest.mark.parametrize(
    ("word", "tone"),
    [
        ("verified", "good"),
        ("failed", "bad"),
        ("denied", "bad"),
        ("error", "bad"),
        ("expired", "quiet"),
        ("sent", "quiet"),
    ],
)
def test_only_a_verified_one_is_green_and_says_so(word: str, tone: str) -> None:
    assert TONES.get(word, "quiet") == tone
    assert (outcome(word, "") == "Verified") == (tone == "good")


def _shield(address_id: str, ticket_id: str = "", until: datetime = START + timedelta(minutes=30)) -> Shield:
    number = f"10{ticket_id}" if ticket_id else ""
    return Shield("c", address_id, "v", Method.SMS_CODE, Assurance.CODE, ticket_id, number, None, START, until)


ADDRESSES = (AddressView("Mobile", "+1 212-555-0111", id="m"), AddressView("E-mail", "ada@acme.example", id="e"))


@pytest.mark.feature("EV-27", "EV-39")
@pytest.mark.parametrize(
    ("shields", "ticket", "green", "words"),
    [
        ((), "", False, "Not verified"),
        ((_shield("m"),), "", True, "Verified: Code by text"),
        ((_shield("m"),), "7", True, "Verified: Code by text"),
        ((_shield("m", "7"),), "7", True, "Verified: Code by text"),
        ((_shield("m", "7"),), "", True, "Verified for #107: Code by text"),
        ((_shield("m", "7"),), "8", False, "Not verified for this ticket; for #107 they are"),
        ((_shield("m", "7"), _shield("m", "8")), "8", True, "Verified: Code by text"),
        ((_shield("x"),), "", False, "Not verified"),
    ],
)
def test_a_shield_counts_for_its_own_ticket_or_for_any(
    shields: tuple[Shield, ...], ticket: str, green: bool, words: str
) -> None:
    mobile, email = shields_of(ADDRESSES, shields, ticket)
    assert (mobile.is_green, mobile.words) == (green, words)
    assert (email.is_green, email.words) == (False, "Not verified")
    assert mobile.words.startswith("Not") != mobile.is_green, "never by colour alone"


def test_what_was_verified_without_an_address_stands_at_the_end() -> None:
    shown = shields_of(ADDRESSES, (_shield(""),), "")
    assert [s.is_green for s in shown] == [False, False, True]


@pytest.mark.feature("EV-34")
def test_a_way_names_its_address_and_what_it_needs() -> None:
    by_id = {a.id: a for a in (*ADDRESSES, AddressView("Mobile", "+1 212-555-0112", id="o", may_use=True))}
    usual = way_view(WayNow(Method.SMS_CODE, "m", "ready"), by_id, chosen="sms_code.m")
    assert (usual.value, usual.text, usual.chosen, usual.why) == (
        "sms_code.m",
        "Text a code to +1 212-555-0111",
        True,
        "",
    )
    other = way_view(WayNow(Method.VOICE_CALL, "o", "ready", note_for=("other_address", "other_contact")), by_id)
    assert other.text == "Call +1 212-555-0112 and say a code (not the usual one)"
    assert other.note_for == "it is not their usual number or address and the ticket is another person's"
    assert set(NOTE_FOR) == {"other_address", "new_address", "other_contact"}
    none = way_view(WayNow(Method.SMS_LINK, "", "not_possible", "no_mobile"), by_id)
    assert (none.text, none.why) == ("Text a link", "no mobile number on record")


@pytest.mark.parametrize(
    ("checked", "said"),
    [
        (CodeChecked("v", refused="wrong_code", tries_left=2), "That is not the code. 2 tries left."),
        (CodeChecked("v", refused="wrong_code", tries_left=1), "That is not the code. One try left."),
        (CodeChecked("v", refused="not_a_code"), REFUSALS["not_a_code"][1]),
        (CodeChecked("v", refused="cross_purpose_code"), REFUSALS["cross_purpose_code"][1]),
    ],
)
def test_a_code_that_does_not_count_says_why(checked: CodeChecked, said: str) -> None:
    assert code_words(checked) == said


def test_the_last_wrong_code_says_that_it_is_over() -> None:
    assert "it is over now" in code_words(CodeChecked("v", refused="wrong_code"))
    assert Policy().max_wrong_codes == 5


async def _draw(call: Call, contact_id: str, ticket_id: str, attempt: Attempt) -> web.StreamResponse:
    raise AssertionError("nothing is drawn here")


@pytest.mark.feature("SEC-31")
@pytest.mark.parametrize(
    ("acts", "wanted", "leads_to"),
    [
        ("/pod", "/pod/contacts/c/verify?tenant=harbor", "/pod/contacts/c/verify?tenant=harbor"),
        ("/pod", "/pod?tenant=harbor&contact=c", "/pod?tenant=harbor&contact=c"),
        ("/pod", "/codes", "/pod/contacts/c/verify?ticket=7"),
        ("/pod", "/podcast", "/pod/contacts/c/verify?ticket=7"),
        ("/pod", "//evil.example/pod/", "/pod/contacts/c/verify?ticket=7"),
        ("", "/tickets/7", "/tickets/7"),
        ("", "https://evil.example/", "/contacts/c/verify?ticket=7"),
        ("", "", "/contacts/c/verify?ticket=7"),
    ],
)
def test_a_form_comes_back_to_a_page_of_its_own_place(acts: str, wanted: str, leads_to: str) -> None:
    forms = VerifyForms(Place(acts, Surface.PAGE, _draw))
    assert forms.back_to(Press(back=wanted), "c", "7") == leads_to


def test_the_pod_has_no_override() -> None:
    paths = {
        place: {r.path for r in verify_routes(Place(place, Surface.PAGE, _draw, pod=bool(place)))}
        for place in ("", "/pod")
    }
    assert "/contacts/{contact_id}/verify/override" in paths[""]
    assert not [path for path in paths["/pod"] if "override" in path]
