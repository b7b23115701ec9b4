"""What is offered and what a request comes to are the same, whatever stands in the way: nothing is offered that is then
refused, and nothing is held back that would have worked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.about_tickets import About
from bot.asking_users import Asking, Ready, Wish
from bot.drafts import Draft
from bot.offering import offered
from bot.wording import Wording
from dialogs import approvals as ap
from dialogs.limits import SendCounts
from dialogs.number_signals import Signals
from dialogs.settings import TenantSettings
from dialogs.tech_verify import Technician, Ticket
from dialogs.turns import AddressFacts, ContactFacts, StoredApproval, TenantFacts, Try, VerificationFacts
from dialogs.user_verify import METHODS, Action, Destination, Method, Policy
from dialogs.ways import WayNow
from tests.fixtures.stand_ins import SeededRandomness
from tests.unit.test_ways import DANA, NOW, check, confirmed, live
from web.ports import REFUSALS, Acting

WORDING = Wording("https://desk.example")
WHO = Acting("T", DANA.id, "Dana Test", "Dana", "technician", False, "log-in", "bearer", NOW)
PAT = ContactFacts("c-1", "Pat Reyes", "cl-1", "Fabrikam")
NOTE, REASON = "Her manager has agreed.", "Her phone is lost, and she sits here."
T42 = Ticket("42", "1042")
#: The last two are of a country and of a kind that nothing is sent to.
POOL = (
    AddressFacts("a-mobile", "mobile", "+12125550142", True, None),
    AddressFacts("a-other", "mobile", "+12125550143", False, None),
    AddressFacts("a-phone", "phone", "+12125550199", True, None),
    AddressFacts("a-mail", "email", "pat@fabrikam.example", True, None),
    AddressFacts("a-abroad", "mobile", "+447911123456", False, None),
    AddressFacts("a-dear", "phone", "+19005550142", False, None),
)
ABOUTS = (
    About(),
    About(new=True),
    About(T42, "cl-1", "c-1"),
    About(T42, "cl-1", "c-2"),
    About(T42, "", ""),
    About(T42, "cl-2", "c-9"),
    About(refused="ticket_closed"),
    About(refused="ticket_system_down"),
)
CHECKS = (
    (),
    (check(live()),),
    (check(live(claimed=True)),),
    (check(confirmed(NOW - timedelta(minutes=1))),),
    (check(confirmed(NOW - timedelta(minutes=11))),),
)
BUILT = [method for method, facts in METHODS.items() if facts.built]
MOST_OFTEN_NOTHING = st.integers(0, 7).map(lambda drawn: drawn == 0)


@st.composite
def addresses(draw: Any) -> tuple[AddressFacts, ...]:
    chosen = draw(st.lists(st.sampled_from(POOL), unique=True, max_size=5))
    return tuple(
        replace(
            one,
            changed_at=NOW - timedelta(days=draw(st.sampled_from([1, 8]))) if draw(MOST_OFTEN_NOTHING) else None,
            suppressed=draw(st.sampled_from(["opted_out", "blocked"])) if draw(MOST_OFTEN_NOTHING) else "",
            sends=SendCounts(destination=(NOW,)) if draw(MOST_OFTEN_NOTHING) else SendCounts(),
        )
        for one in chosen
    )


@st.composite
def approvals(draw: Any, of: tuple[AddressFacts, ...]) -> tuple[StoredApproval, ...]:
    """A colleague's yes to one of them, or one that is waited for."""
    if not of or draw(st.booleans()):
        return ()
    to = draw(st.sampled_from(of))
    destination = Destination(to.id, to.kind, "...", to.is_default, is_new=False)
    ticket = draw(st.sampled_from([None, T42]))
    wanted = ap.Wanted("address", PAT.id, PAT.name, DANA, ticket, NOTE, NOW - timedelta(minutes=1), destination)
    until = NOW + timedelta(minutes=draw(st.sampled_from([5, -1])))
    yes = ap.Agreed(Technician("t-2", "Lee"), NOW - timedelta(minutes=1), until)
    state = draw(st.sampled_from([ap.Waiting(wanted, until), ap.Granted(wanted, yes)]))
    return (StoredApproval("ap-1", 1, state, PAT.id, to.value, wanted.at),)


@st.composite
def policies(draw: Any) -> Policy:
    return Policy(
        methods=tuple(draw(st.lists(st.sampled_from(list(Method)), unique=True, min_size=1))),
        note_required=draw(st.booleans()),
        spoken_number=draw(st.booleans()),
        high_is=draw(st.sampled_from(["report_only", "enforced"])),
        second_person=draw(MOST_OFTEN_NOTHING),
        high_by_two=draw(st.booleans()),
    )


@st.composite
def situations(draw: Any) -> tuple[VerificationFacts, Mapping[str, Any]]:
    found = draw(addresses())
    wrong = draw(st.sampled_from([0, 0, 0, 10, 50]))
    method = draw(st.sampled_from(BUILT))
    facts = VerificationFacts(
        tenant=TenantFacts("T", "Northwind", TenantSettings(policy=draw(policies())), b"k" * 32),
        contact=PAT,
        addresses=found,
        our_number="" if draw(MOST_OFTEN_NOTHING) else "+12125550100",
        verification=None,
        live=(),
        checks=draw(st.sampled_from(CHECKS)),
        denied_at=NOW - timedelta(minutes=draw(st.sampled_from([10, 31]))) if draw(MOST_OFTEN_NOTHING) else None,
        tries=tuple(Try(str(n), "u", PAT.id, method, "", NOW - timedelta(seconds=n), "wrong") for n in range(wrong)),
        approvals=draw(approvals(found)),
    )
    how = {
        "about": draw(st.sampled_from(ABOUTS)),
        "ready": Ready(mail=draw(st.booleans()), texts=draw(st.booleans()), calls=draw(st.booleans())),
        "known": {POOL[0].value: Signals("mobile", "swapped")} if draw(st.booleans()) else {},
        "action": draw(st.sampled_from(Action)),
    }
    return facts, how


def refusal(
    facts: VerificationFacts, how: Mapping[str, Any], method: Method, address_id: str, *, note: str, override: str = ""
) -> str:
    """What a request comes to, empty when it is granted: as `Verifying.start` makes it."""
    if how["about"].refused:
        return str(how["about"].refused)
    random = SeededRandomness()
    wish = Wish(
        WHO, PAT.id, address_id, method, how["about"], note, how["action"], override, True, False, known=how["known"]
    )
    return Asking(random, WORDING).start(wish, how["ready"], facts, Draft(facts.tenant, NOW, random, WORDING)).refused


def all_ways(facts: VerificationFacts, how: Mapping[str, Any]) -> list[WayNow]:
    return list(offered(facts, NOW, who=WHO, contact_id=PAT.id, **how))


@pytest.mark.feature("EV-38", "SEC-06", "SEC-12")
@given(situations())
@settings(max_examples=250, deadline=None)
def test_what_is_offered_is_granted_and_what_is_not_is_refused_for_that_reason(
    situation: tuple[VerificationFacts, Mapping[str, Any]],
) -> None:
    facts, how = situation
    found = all_ways(facts, how)
    for way in found:
        said = refusal(facts, how, way.method, way.address_id, note=NOTE)
        if way.state == "ready":
            assert said == "", "it was offered"
            if way.note_for and not way.approval:
                assert refusal(facts, how, way.method, way.address_id, note="ok") == "address_note_required"
            else:
                assert refusal(facts, how, way.method, way.address_id, note="") == ""
        elif way.address_id:
            assert said == way.why
        else:
            assert said, "there is no address to ask at"
        assert not way.why or way.why in REFUSALS
        overridden = refusal(facts, how, way.method, way.address_id, note=NOTE, override=REASON)
        assert way.override == (way.why == "direction_conflict" and not overridden)
    ready = {(way.method, way.address_id) for way in found if way.state == "ready"}
    for method in Method:
        for address in facts.addresses:
            granted = not refusal(facts, how, method, address.id, note=NOTE)
            assert granted == ((method, address.id) in ready), "nothing is held back that would work"


@pytest.mark.feature("EV-38")
def test_a_ticket_that_cannot_be_used_stands_in_the_way_of_everything() -> None:
    tenant = TenantFacts("T", "Northwind", TenantSettings(), b"k" * 32)
    facts = VerificationFacts(tenant, PAT, POOL[:4], "+12125550100", None, (), (), None, ())
    plain = {"ready": Ready(mail=True, texts=True, calls=True), "known": {}, "action": Action.STANDARD}
    for about in ABOUTS:
        whys = {way.why for way in all_ways(facts, {**plain, "about": about}) if way.method in BUILT}
        usable = not about.refused and about.client_id in ("", PAT.client_id)
        assert whys == ({""} if usable else {about.refused or "ticket_of_other_client"})
