"""How the page of numbers and carrier is drawn, and what its forms send; what they do is in `numbers`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from channels.twilio.fallback import fallback_twiml
from channels.twilio.webhooks import SMS_PATH, STATUS_PATH
from dialogs.texts import TenantValues, render
from storage.own_numbers import AccountLine
from storage.phones import readable
from storage.tenants import Purpose, StoredTenant
from web.look import _
from web.pages.forms import Form
from web.pages.published import address_of
from web.pages.settings.parts import settings_page
from web.ports import CarrierAnswer, CarrierFinding
from web.problems import not_found
from web.routing import Call

#: What follows the address is for the carrier alone: try again while we restart (docs/how-to/connect-twilio.md).
RETRIES = "#rc=3&rp=5xx,ct,rt"

PURPOSES: Mapping[str, str] = {
    "verification": _("Verification: people text #verify to it"),
    "channel": _("Everyday texts"),
    "voice": _("Calls"),
}
OPT_OUT: Mapping[str, str] = {
    "carrier": _("Twilio, in its own words (usual)"),
    "watchword": _("Watchword, because Twilio's own handling is switched off for this number"),
}
SHORT = {"verification": _("Verification"), "channel": _("Everyday texts"), "voice": _("Calls")}

Typed = Annotated[str, Field(max_length=64)]


class NumberForm(Form):
    """A new number."""

    number: Typed
    purpose: Literal["verification", "channel", "voice"] = "verification"
    opt_out_by: Literal["carrier", "watchword"] = "carrier"


class OptOutForm(Form):
    """Who answers STOP, START and HELP."""

    opt_out_by: Literal["carrier", "watchword"]


class AccountForm(Form):
    """The account at the carrier; `second_token` while tokens are rotated."""

    account_sid: Typed
    auth_token: Annotated[str, Field(max_length=64, repr=False, title=_("the auth token"))]
    second_token: Annotated[str, Field(max_length=64, repr=False, title=_("the second token"))] = ""


class RemoveAccountForm(Form):
    """Which account goes."""

    account_sid: Typed


class TryForm(Form):
    """A text to try the number."""

    sender: Typed
    to: Typed


class FateForm(Form):
    """What became of that text."""

    sender: Typed
    sid: Typed


@dataclass(frozen=True, slots=True)
class NumberView:
    """One number. `last_text`: when the newest text came in on it."""

    id: str
    address: str
    shown: str
    purpose: Purpose
    about: str
    primary: bool
    opt_out_by: str
    last_text: datetime | None


@dataclass(frozen=True, slots=True)
class Tried:
    """A question to the carrier, and its answer."""

    about: str
    answer: CarrierAnswer
    sender: str = ""


async def draw(
    call: Call,
    problems: Mapping[str, str] | None = None,
    *,
    found: tuple[CarrierFinding, ...] = (),
    tried: Tried | None = None,
) -> web.Response:
    """The page; `problems` are sentences by field, or by the id of a number."""
    who, services = call.who, call.services
    tenant = await services.tenants.get(who.tenant_id)
    if tenant is None:
        raise not_found()
    me = await services.people.technician(who.tenant_id, who.technician_id)
    numbers = [
        NumberView(
            n.facts.id,
            n.facts.address,
            readable(n.facts.address),
            n.facts.purpose,
            SHORT[n.facts.purpose],
            n.facts.primary,
            n.facts.opt_out_by,
            await services.own_numbers.last_text(who.tenant_id, n.facts.address),
        )
        for n in await services.tenants.numbers(who.tenant_id)
    ]
    accounts: tuple[AccountLine, ...] = await services.own_numbers.accounts(who.tenant_id)
    texting = [n for n in numbers if n.purpose != "voice"]
    values = {
        "numbers": sorted(numbers, key=lambda n: n.purpose != "verification"),
        "texting": sorted(texting, key=lambda n: n.purpose != "verification"),
        "accounts": accounts,
        "purposes": PURPOSES,
        "opt_out": OPT_OUT,
        "webhook": services.public_url + SMS_PATH + RETRIES,
        "status_url": services.public_url + STATUS_PATH,
        "fallback": _fallback(tenant),
        "problems": problems or {},
        "typed": _typed(call.body) if problems else {},
        "my_mobile": readable(me.mobile) if me is not None and me.mobile else "",
        "offered": _offered(call, numbers),
        "found": found,
        "tried": tried,
        "published": address_of(services.public_url, tenant),
    }
    refused = _("Not done. Correct what is marked below.") if problems else ""
    return settings_page(
        call, "numbers", "settings_numbers.html", values, status=422 if problems else 200, problem=refused
    )


def _typed(form: object) -> Mapping[str, str]:
    """What was typed, to be drawn again; never a token."""
    if not isinstance(form, NumberForm | AccountForm | TryForm):
        return {}
    return {name: value for name, value in form.model_dump().items() if not name.endswith("token")}


def _offered(call: Call, numbers: Sequence[NumberView]) -> str:
    """In the demo, the first simulated number that is not entered: it works without an account anywhere (TV-29)."""
    simulated = call.services.demo.verification_numbers() if call.services.demo is not None else ()
    taken = {n.address for n in numbers}
    return readable(next((number for number in simulated if number not in taken), ""))


def _fallback(tenant: StoredTenant) -> str:
    values = TenantValues(tenant.name, readable(tenant.settings.phone))
    text = render("carrier.down", {}, tenant=values, locale=tenant.settings.locale, overrides=tenant.settings.texts)
    return fallback_twiml(text).strip()
