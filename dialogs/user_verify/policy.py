"""What a tenant sets for the verification of end users, as a whole or for one client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from dialogs.user_verify.methods import DEFAULT_ORDER, FAMILIES, Action, Assurance, Method

MAX_BANNER = 300
#: How often the two digits of a link may be typed wrongly (SEC-10).
MAX_WRONG_NUMBERS = 3
#: So long a changed address is a new one (SEC-12, SEC-13).
NEW_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Policy:
    """`methods`: allowed ones, in the order they are offered. `code_lifetime` and `link_lifetime` hold for new ones and
    are never prolonged. `green_for`: how long a shield stays green. `history_length`: entries of the history panel.
    `note_required`: another contact than the ticket's, another address than the default one, and a new address need a
    note (SEC-12). `spoken_number`: whoever opens a link types two digits that the technician says (SEC-43).
    `banner`, `show_on_load`: for the pod; the second opens the panel the first time a ticket is opened. `closing`:
    whether a ticket may be closed before its contact was verified or the check was waived. `*_needs`: the least
    assurance for each class of actions. `high_is`: whether a request for a `high` action by a weaker method is refused
    or only written down. `second_person`: a code or link to another address than the usual one, or to a new one, needs
    a colleague's yes (SEC-12). `high_by_two`: two independent methods and a colleague's yes are enough for `high`
    (SEC-09). `approver`: who may say yes; an admin counts as a supervisor."""

    methods: tuple[Method, ...] = DEFAULT_ORDER
    code_lifetime: timedelta = timedelta(minutes=5)
    link_lifetime: timedelta = timedelta(minutes=5)
    max_wrong_codes: int = 5
    green_for: timedelta = timedelta(minutes=30)
    history_length: int = 20
    note_required: bool = True
    spoken_number: bool = False
    banner: str = ""
    show_on_load: bool = False
    closing: Literal["free", "verified_or_waived"] = "free"
    info_needs: Assurance = Assurance.EMAIL
    standard_needs: Assurance = Assurance.TAP
    high_needs: Assurance = Assurance.APP
    high_is: Literal["report_only", "enforced"] = "report_only"
    second_person: bool = False
    high_by_two: bool = False
    approver: Literal["any_technician", "supervisor"] = "any_technician"

    def needs(self, action: Action) -> Assurance:
        """The least assurance that is enough for it."""
        match action:
            case Action.INFO:
                return self.info_needs
            case Action.STANDARD:
                return self.standard_needs
            case Action.HIGH:
                return self.high_needs

    def good_for(self, assurance: Assurance) -> tuple[Action, ...]:
        """The classes of actions for which such a result is enough."""
        return tuple(a for a in Action if assurance.strength >= self.needs(a).strength)


def faults(policy: Policy) -> Iterator[str]:
    """What is outside the bounds of SEC section 0 and SEC-09, in words that say what is allowed."""
    for name in ("code_lifetime", "link_lifetime"):
        if not timedelta(minutes=1) <= getattr(policy, name) <= timedelta(minutes=10):
            yield f"{name} is {getattr(policy, name)}; choose 1 to 10 minutes"
    if not 3 <= policy.max_wrong_codes <= 5:
        yield f"max_wrong_codes is {policy.max_wrong_codes}; choose 3 to 5"
    if not timedelta(minutes=1) <= policy.green_for <= timedelta(hours=24):
        yield f"green_for is {policy.green_for}; choose 1 minute to 24 hours"
    if not 1 <= policy.history_length <= 200:
        yield f"history_length is {policy.history_length}; choose 1 to 200 entries"
    if not policy.methods:
        yield "methods is empty; choose one at least"
    if len(set(policy.methods)) != len(policy.methods):
        yield "methods names one of them twice"
    if len(policy.banner) > MAX_BANNER or any(not c.isprintable() for c in policy.banner):
        yield f"banner has {len(policy.banner)} characters; write one line of at most {MAX_BANNER}"
    for name in ("info_needs", "standard_needs"):
        if getattr(policy, name) is Assurance.VERBAL:
            yield f"{name} is verbal; a technician's own word verifies nobody"
    if policy.high_by_two and len({FAMILIES[method] for method in policy.methods}) < 2:
        yield "high_by_two needs two independent methods, one by phone and one by mail, say; allow another one"
    if policy.high_needs.strength < Assurance.APP.strength:
        yield f"high_needs is {policy.high_needs}; codes, taps and mail can be passed on live, so choose app or passkey"
