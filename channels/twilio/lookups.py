"""What Twilio Lookup knows of a number: its kind, and whether its SIM was swapped within 7 days (SEC-42).

SIM swap is a private beta that carriers approve, in some countries only: it may be missing, refused or half answered,
and then says nothing. Each part of an answer is read by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

import aiohttp

from channels.twilio.account import AccountFor, owner_of
from channels.twilio.rest import Rest
from dialogs.number_signals import SWAPPED_FOR, Line, NumberReport
from dialogs.ports import SendLater, SendRefused

DEFAULT_URL = "https://lookups.twilio.com"
#: A technician is waiting; whoever asks may give up earlier.
TIMEOUT = aiohttp.ClientTimeout(total=4, connect=2)
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_LINES: Mapping[str, Line] = {
    "mobile": "mobile",
    "landline": "landline",
    "fixedVoip": "voip",
    "nonFixedVoip": "voip",
}
#: Kinds that no person's phone has.
_OTHERS = frozenset({"tollFree", "personal", "premium", "voicemail", "sharedCost", "uan", "pager"})
_PERIOD = re.compile(r"P(?:([0-9]{1,6})D)?(?:T(?:([0-9]{1,6})H)?(?:([0-9]{1,6})M)?(?:([0-9]{1,6})S)?)?")


class TwilioLookups:
    """`LookUpNumber` over Twilio. `base_url` may point at a stand-in. The session is handed in and not closed here."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        account_for: AccountFor,
        base_url: str = DEFAULT_URL,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
    ) -> None:
        self._rest = Rest(session, base_url=base_url, timeout=timeout)
        self._account_for = account_for

    async def look_up(self, number: str, *, sender: str, sim_swap: bool) -> NumberReport:
        """Ask about one number. Raises `SendRefused` and `SendLater`."""
        if not _E164.fullmatch(number):
            raise SendRefused("bad_number", "This is not a number with its country code.")
        account = await owner_of(sender, self._account_for)
        fields = "line_type_intelligence,sim_swap" if sim_swap else "line_type_intelligence"
        answer = await self._rest.get(f"/v2/PhoneNumbers/{number}", account, {"Fields": fields})
        # Lines of other numbers say nothing about this one, and something else than Twilio says nothing at all.
        if answer.status != 200 or answer.body.get("phone_number") != number:
            raise SendLater("bad_answer", "Twilio answered without this number")
        line = _line(answer.body.get("line_type_intelligence"))
        return _sim(answer.body.get("sim_swap"), line) if sim_swap else NumberReport(line)


def _line(package: object) -> Line:
    kind = _good(package).get("type")
    if not isinstance(kind, str):
        return "unknown"
    return _LINES.get(kind) or ("other" if kind in _OTHERS else "unknown")


def _sim(package: object, line: Line) -> NumberReport:
    """With a date the date counts. Without, the carrier says whether it was within a period, and for this to tell
    anything of 7 days, a swap must lie in a shorter period and no swap in a longer one."""
    last = _good(package).get("last_sim_swap")
    if not isinstance(last, dict):
        return NumberReport(line, "unknown")
    at, period, within = _time(last.get("last_sim_swap_date")), _period(last.get("swapped_period")), None
    if isinstance(last.get("swapped_in_period"), bool):
        within = last["swapped_in_period"]
    if within and period is not None and period <= SWAPPED_FOR:
        return NumberReport(line, "swapped")
    if at is not None:
        return NumberReport(line, "swapped", at)
    if within is False and period is not None and period >= SWAPPED_FOR:
        return NumberReport(line, "unswapped")
    return NumberReport(line, "unknown")


def _good(package: object) -> Mapping[str, object]:
    """A part of the answer, empty where it is missing or comes with an error of its own."""
    return package if isinstance(package, dict) and not package.get("error_code") else {}


def _time(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def _period(text: object) -> timedelta | None:
    """`PT48H`, `P7D`; None for what is none, or none that we know."""
    found = _PERIOD.fullmatch(text) if isinstance(text, str) else None
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
