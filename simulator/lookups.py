"""The simulated carrier's look-ups of numbers: what kind each is and when its SIM was swapped, with the vendor's
log-in, shapes and gaps. Each number has a manner, which somebody chooses; each question on the bill is counted."""

from __future__ import annotations

import asyncio
import hmac
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Literal, get_args

from aiohttp import web

from dialogs.ports import Clock
from simulator.carrier import Carrier
from simulator.carrier_records import CarrierAccount
from simulator.carrier_rest import error

#: `usual`: a mobile whose SIM is years old. `swapped`: two days ago; `swapped_undated`: within the last 48 hours, the
#: date is not told. `day_only`: not within 24 hours, which is all that is told. `no_sim_data`: the number's carrier
#: does not take part. `nothing`: every part of the answer is null. `failing`: the vendor has a fault. `silent`: no
#: answer, until whoever asks gives up.
Manner = Literal[
    "usual", "swapped", "swapped_undated", "day_only", "no_sim_data", "nothing", "voip", "landline", "failing", "silent"
]
MANNERS: tuple[Manner, ...] = get_args(Manner)
PATH = "/v2/PhoneNumbers/{number}"
#: What the vendor names; any other word is refused.
FIELDS = frozenset({"line_type_intelligence", "sim_swap"})
#: A question that nobody waits for any more is dropped at the latest after this.
LONGEST = 30.0
_LOOK = 0.05
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_SIM_ERROR = 60620


class Lookups:
    """Routes over the accounts of a carrier; mount them at the root of an application, or under a prefix."""

    def __init__(self, carrier: Carrier, clock: Clock, *, public_url: str = "https://lookups.twilio.com") -> None:
        self._carrier = carrier
        self._clock = clock
        self._url = public_url
        self._manners: dict[str, Manner] = {}
        #: Questions that were answered, by (number, field): each of them is on the bill.
        self.billed: Counter[tuple[str, str]] = Counter()

    def manner_of(self, number: str) -> Manner:
        return self._manners.get(number, "usual")

    def set_manner(self, number: str, manner: Manner) -> None:
        """From the next question on."""
        self._manners[number] = manner

    def routes(self) -> list[web.RouteDef]:
        """`GET /v2/PhoneNumbers/{number}`."""
        return [web.get(PATH, self.one, allow_head=False)]

    async def one(self, request: web.Request) -> web.StreamResponse:
        """What is known of one number."""
        if self._account(request) is None:
            return error(401, 20003)
        number = request.match_info["number"]
        fields = [word for word in request.query.get("Fields", "").split(",") if word]
        if not _NUMBER.fullmatch(number):
            return error(404, 20404)
        if any(word not in FIELDS for word in fields):
            return error(400, 60617)
        manner = self.manner_of(number)
        if manner == "failing":
            return error(503, 20503)
        if manner == "silent":
            await _wait_until_gone(request)
            return error(504, 20504)
        for word in fields:
            self.billed[number, word] += 1
        return web.json_response(self._answer(number, manner, fields))

    def _answer(self, number: str, manner: Manner, fields: list[str]) -> Mapping[str, object]:
        known = manner != "nothing"
        return {
            "calling_country_code": "1",
            "country_code": "US",
            "phone_number": number,
            "national_format": number,
            "valid": True,
            "validation_errors": [],
            "caller_name": None,
            "sim_swap": self._sim(manner) if known and "sim_swap" in fields else None,
            "call_forwarding": None,
            "line_status": None,
            "line_type_intelligence": _line(manner) if known and "line_type_intelligence" in fields else None,
            "identity_match": None,
            "reassigned_number": None,
            "sms_pumping_risk": None,
            "phone_number_quality_score": None,
            "pre_fill": None,
            "url": f"{self._url}/v2/PhoneNumbers/{number}",
        }

    def _sim(self, manner: Manner) -> Mapping[str, object]:
        now = self._clock.now()
        ago = {"swapped": timedelta(days=2), "usual": timedelta(days=900)}.get(manner)
        last: Mapping[str, object] | None
        if ago is not None:
            # Where there is a date, the period is the time since.
            at = (now - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
            hours = int(ago.total_seconds()) // 3600
            last = {"last_sim_swap_date": at, "swapped_period": f"PT{hours}H", "swapped_in_period": True}
        elif manner == "swapped_undated":
            last = {"last_sim_swap_date": None, "swapped_period": "PT48H", "swapped_in_period": True}
        elif manner == "day_only":
            last = {"last_sim_swap_date": None, "swapped_period": "PT24H", "swapped_in_period": False}
        else:
            last = None
        carrier = {"carrier_name": "Simulated Mobile", "mobile_country_code": "310", "mobile_network_code": "410"}
        return {**carrier, "last_sim_swap": last, "error_code": None if last is not None else _SIM_ERROR}

    def _account(self, request: web.Request) -> CarrierAccount | None:
        """Whose log-in it is; the path names no account here."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            return None
        account = self._carrier.accounts.get(user)
        if scheme.lower() != "basic" or account is None:
            return None
        return account if hmac.compare_digest(password.encode(), account.auth_token.encode()) else None


def _line(manner: Manner) -> Mapping[str, object]:
    kind = {"voip": "nonFixedVoip", "landline": "landline"}.get(manner, "mobile")
    return {
        "mobile_country_code": "310",
        "mobile_network_code": "410",
        "carrier_name": "Simulated Mobile",
        "type": kind,
        "error_code": None,
    }


async def _wait_until_gone(request: web.Request) -> None:
    """The server does not end a handler whose client has gone; so it looks."""
    for _ in range(int(LONGEST / _LOOK)):
        if request.transport is None or request.transport.is_closing():
            return
        await asyncio.sleep(_LOOK)
