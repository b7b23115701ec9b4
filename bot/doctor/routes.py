"""Where the carrier sends the texts that come in on our numbers, as it says itself, and what is wrong with that."""

from __future__ import annotations

from collections.abc import Iterable

from bot.doctor.findings import Finding
from channels.twilio.account import TwilioAccount
from channels.twilio.own_numbers import NumberRoute, list_numbers
from channels.twilio.rest import Rest
from channels.twilio.webhooks import SMS_PATH
from dialogs.ports import SendLater, SendRefused


async def look_at_numbers(
    rest: Rest, account: TwilioAccount, addresses: Iterable[str], public_url: str
) -> list[Finding]:
    """For each of our numbers: does the carrier have it, and does it send its texts to us."""
    try:
        routes = {route.number: route for route in await list_numbers(rest, account)}
    except SendRefused as why:
        return [Finding("numbers at the carrier", "fail", f"the carrier refused the list ({why.code}): {why}")]
    except SendLater as why:
        return [Finding("numbers at the carrier", "warn", f"the carrier did not answer ({why.code}). Try again.")]
    return [found for address in addresses for found in _number(address, routes.get(address), public_url)]


def _number(address: str, route: NumberRoute | None, public_url: str) -> list[Finding]:
    ours = public_url + SMS_PATH
    if route is None:
        text = "the carrier's account does not have it. Remove it here, or buy it there."
        return [Finding(address, "fail", text)]
    if route.application:
        text = f"it follows a TwiML application of yours. That must post texts to {ours}; it cannot be seen from here."
        return [Finding(address, "warn", text)]
    return [_webhook(address, route, ours), _fallback(address, route, ours)]


def _webhook(address: str, route: NumberRoute, ours: str) -> Finding:
    if route.url.partition("#")[0] != ours or route.method.upper() != "POST":
        set_to = f"{route.method} {route.url}" if route.url else "nothing"
        return Finding(address, "fail", f"its texts go to {set_to}. Set the messaging webhook to POST {ours}")
    return Finding(address, "ok", f"its texts come to {ours}")


def _fallback(address: str, route: NumberRoute, ours: str) -> Finding:
    how = "See 'watchword number fallback' and docs/how-to/when-we-are-down.md"
    if not route.fallback_url:
        return Finding(f"{address} fall-back", "warn", f"none is set: while we are down nobody is answered. {how}")
    if route.fallback_url.startswith(ours.removesuffix(SMS_PATH) + "/"):
        return Finding(f"{address} fall-back", "warn", f"it is this server, which is down when it is needed. {how}")
    return Finding(f"{address} fall-back", "ok", route.fallback_url)
