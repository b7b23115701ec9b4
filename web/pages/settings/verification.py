"""How a check goes (`verification`) and what bounds it (`limits`): every rule with its bounds and a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from aiohttp import web
from pydantic import Field

from storage.phones import readable
from storage.tenants import StoredTenant
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.settings.company import tenant_of
from web.pages.settings.fields import Ask, Group, faults, form_of, save, shown, typed_in
from web.pages.settings.parts import settings_page
from web.pages.views import Choice
from web.routing import Access, Call, Route, Surface

CHECK_PATH, LIMITS_PATH = "/settings/verification", "/settings/limits"
CHECK = (
    Group(
        _("The code"),
        "",
        (
            Ask(
                "mode",
                _("How people confirm"),
                "choice",
                {
                    "compare": _("Compare: the text has the code, the caller reads out the same one"),
                    "transfer": _("Type it: the text has no code, people send the one they hear. Stronger"),
                },
                _("Either way the caller says the code first, and nobody ever reads one out to a caller."),
            ),
            Ask("code_length", _("Digits of a code"), "whole"),
            Ask(
                "lifetime",
                _("A code is good for"),
                "time",
                about=_("A shorter time gives an attacker less time, and the person on the phone too."),
            ),
            Ask("max_wrong_codes", _("Wrong codes until the alarm"), "whole"),
        ),
    ),
    Group(
        _("Claiming a check"),
        "",
        (
            Ask(
                "require_claim",
                _("Only a check that a technician has claimed can be confirmed"),
                "tick",
                about=_('Leave it on: without it anybody can be "confirmed" while none of you is on the phone.'),
            ),
            Ask(
                "alert_after",
                _("Alert whoever is on duty after"),
                "time",
                about=_("When nobody has claimed the check until then."),
            ),
            Ask("fold_notice_within", _("Name the technician in the next text within"), "time"),
            Ask("announced_call_lasts", _("An announced call waits for #verify"), "time"),
        ),
    ),
    Group(
        _("Tickets"),
        "",
        (
            Ask(
                "ticket_at_claim",
                _("A claim needs a ticket"),
                "choice",
                {"optional": _("No: it can be linked later"), "required": _("Yes, before the code shows")},
                _("A check without a ticket stays marked until it has one."),
            ),
            Ask(
                "ticket_logging",
                _("The result is written to the ticket"),
                "choice",
                {"auto": _("By itself"), "ask": _("After a technician has said so")},
                _("The note tells the whole story with its times, and never the code."),
            ),
        ),
    ),
    Group(
        _("Strangers"),
        "",
        (
            Ask(
                "unknown_sender",
                _("Answer to an unknown number"),
                "choice",
                {"neutral": _("Once in 24 hours, without naming anybody"), "silent": _("Never")},
                _("Nothing starts either way; you see that somebody tried."),
            ),
        ),
    ),
)
LIMITS = (
    Group(
        _("Who asks for a check"),
        _("Only codes that nobody answers count against these limits."),
        (
            Ask("verify_per_10_min", _("Checks one sender may start in ten minutes"), "whole"),
            Ask("verify_per_24_h", _("Checks one sender may start in 24 hours"), "whole"),
        ),
    ),
    Group(
        _("What technicians send"),
        _("When a limit is reached, the card says when the next one may go out."),
        (
            Ask("resend_gap", _("Pause before the same code goes out again"), "time"),
            Ask("destination_per_10_min", _("To one number in ten minutes"), "whole"),
            Ask("destination_per_hour", _("To one number in an hour"), "whole"),
            Ask("destination_per_24_h", _("To one number in 24 hours"), "whole"),
            Ask("technician_per_hour", _("By one technician in an hour"), "whole"),
        ),
    ),
    Group(
        _("Numbers in other hands"),
        _(
            "Whoever gets a new SIM for somebody's number gets their codes. Twilio can be asked before a code, a "
            "link or a call goes to a number. Each question is on your Twilio bill; one number is asked about once in "
            "24 hours at most."
        ),
        (
            Ask(
                "number_lookups",
                _("Ask about a number first"),
                "choice",
                {
                    "off": _("No. Costs nothing"),
                    "line_type": _("What kind of number it is: internet numbers and landlines are marked"),
                    "sim_swap": _("Also whether its SIM was swapped lately. Dearer, and Twilio must have approved it"),
                },
                _(
                    "A SIM swapped less than 7 days ago is not enough for high-risk work. When Twilio cannot say, you "
                    "read so, and nothing is held up for longer than two seconds."
                ),
            ),
        ),
    ),
    Group(
        _("Your bill"),
        _("Somebody who texts #verify in other people's names makes you pay for the answers. These stop it."),
        (
            Ask("prefix_per_hour", _("To numbers of one range in an hour"), "whole"),
            Ask("prefix_answered_percent", _("Share of codes in a range that must be answered, in percent"), "whole"),
            Ask("tenant_per_hour", _("All codes in an hour"), "whole"),
            Ask("tenant_segments_per_day", _("All text segments in 24 hours"), "whole"),
        ),
    ),
)
CheckForm = form_of("CheckForm", CHECK, {"verification_number": (Annotated[str, Field(max_length=64)], "")})
LimitsForm = form_of("LimitsForm", LIMITS)


async def show_check(call: Call) -> web.StreamResponse:
    """How a check goes."""
    return await _check_page(call, await tenant_of(call), {}, {})


async def change_check(call: Call) -> web.StreamResponse:
    """All rules at once, or none."""
    tenant, typed = await tenant_of(call), typed_in(CHECK, call.body)
    wrong = faults(tenant.settings, typed)
    number_id = call.body.model_dump()["verification_number"]
    own = {n.facts.id: n.facts for n in await call.services.tenants.numbers(tenant.id)}
    number = own.get(number_id)
    if number_id and (number is None or number.purpose != "verification"):
        wrong["verification_number"] = _("That is none of your verification numbers. Choose one from the list.")
    if wrong:
        return await _check_page(call, tenant, typed, wrong)
    await save(call, typed)
    if number is not None and not number.primary:
        noted = call.services.tenants.noting(tenant.id, line(call, "settings.number_primary", number=number_id))
        await noted.set_primary(tenant.id, number_id)
    return see_other(CHECK_PATH, said="saved")


async def show_limits(call: Call) -> web.StreamResponse:
    """The bounds."""
    return _limits_page(call, await tenant_of(call), {}, {})


async def change_limits(call: Call) -> web.StreamResponse:
    """All bounds at once, or none."""
    tenant, typed = await tenant_of(call), typed_in(LIMITS, call.body)
    wrong = faults(tenant.settings, typed)
    if wrong:
        return _limits_page(call, tenant, typed, wrong)
    await save(call, typed)
    return see_other(LIMITS_PATH, said="saved")


async def _check_page(call: Call, tenant: StoredTenant, typed: dict[str, str], wrong: dict[str, str]) -> web.Response:
    own = [n.facts for n in await call.services.tenants.numbers(tenant.id) if n.facts.purpose == "verification"]
    values = {
        "numbers": tuple(Choice(n.id, readable(n.address), n.primary) for n in own),
        "groups": shown(CHECK, tenant.settings, typed),
        "problems": wrong,
        "action": CHECK_PATH,
    }
    return _form(call, "verification", "settings_verification.html", values, wrong)


def _limits_page(call: Call, tenant: StoredTenant, typed: dict[str, str], wrong: dict[str, str]) -> web.Response:
    values = {"groups": shown(LIMITS, tenant.settings, typed), "problems": wrong, "action": LIMITS_PATH}
    return _form(call, "limits", "settings_form.html", values, wrong)


def _form(call: Call, name: str, template: str, values: Mapping[str, object], wrong: dict[str, str]) -> web.Response:
    said = _("Not saved. Correct what is marked below.") if wrong else ""
    return settings_page(call, name, template, values, status=422 if wrong else 200, problem=said)


ROUTES = (
    Route("GET", CHECK_PATH, show_check, Access.ADMIN, Surface.PAGE, "How a check goes"),
    Route(
        "POST", CHECK_PATH, change_check, Access.ADMIN, Surface.PAGE, "Change the rules", body=CheckForm, step_up=True
    ),
    Route("GET", LIMITS_PATH, show_limits, Access.ADMIN, Surface.PAGE, "Limits"),
    Route(
        "POST",
        LIMITS_PATH,
        change_limits,
        Access.ADMIN,
        Surface.PAGE,
        "Change the limits",
        body=LimitsForm,
        step_up=True,
    ),
)
