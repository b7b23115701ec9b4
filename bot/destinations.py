"""Whether a number may be texted or called at all: said before anything is sent, by the rules of delivery."""

from __future__ import annotations

from dataclasses import replace

from channels.twilio.numbers import refuse_call, refuse_destination
from dialogs import user_verify as uv
from dialogs.turns import VerificationFacts
from dialogs.ways import WayNow


def reachable(way: WayNow, facts: VerificationFacts) -> WayNow:
    """The way as it is, or not possible where its number is of a kind or country that nothing is sent to (SEC-39)."""
    channel = uv.METHODS[way.method].channel
    address = next((a for a in facts.addresses if a.id == way.address_id), None)
    if way.state != "ready" or way.why or address is None or channel not in ("sms", "phone"):
        return way
    look = refuse_destination if channel == "sms" else refuse_call
    refused = look(address.value, facts.tenant.settings.countries, facts.our_number)
    return way if refused is None else replace(way, state="not_possible", why=refused.word)
