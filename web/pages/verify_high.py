"""Which of the ways that work now would be refused for high-risk work: the panel does not offer them for that."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dialogs.user_verify import Action, Policy
from dialogs.ways import WayNow
from web.look import _
from web.pages.verify_words import ACTIONS
from web.pages.views import Choice
from web.routing import Call

#: A way, as forms name it: method and address.
Named = tuple[str, str]


async def not_for_high(
    call: Call, contact_id: str, policy: Policy, ready: Sequence[WayNow], *, about: str
) -> Collection[Named]:
    """Those of `ready`. Where weak methods are only written down, and no SIM was swapped, none is."""
    swapped = any(way.signals is not None and way.signals.sim == "swapped" for way in ready)
    if not ready or (policy.high_is == "report_only" and not swapped):
        return ()
    found = await call.services.verifying.methods(call.who, contact_id, ticket=about, action=Action.HIGH.value) or ()
    fit = {(way.method.value, way.address_id) for way in found if way.state == "ready"}
    return {(way.method.value, way.address_id) for way in ready} - fit


def actions(wanted: str, *, high: bool) -> tuple[Choice, ...]:
    """Entries of the select. `high`: some way is good for high-risk work. What was wanted before stands there again."""
    chosen = wanted or Action.STANDARD.value
    offered = {a: text for a, text in ACTIONS.items() if high or a is not Action.HIGH or chosen == a.value}
    return tuple(Choice(action.value, text, action.value == chosen) for action, text in offered.items())


def said_of_high(*, high: bool) -> str:
    """Under the select, where high-risk work is not in it."""
    if high:
        return ""
    return _("High-risk work is not in the list: your team's policy asks for more than any way that works here now.")
