"""The texts that carriers ask for when a number is registered: made from this tenant's own wording, to be copied."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from aiohttp import web

from dialogs.effects import Value
from dialogs.grammar import HELP_WORDS, START_WORDS, STOP_WORDS
from dialogs.texts import SAMPLES, Segments, TenantValues, render, segments
from storage.phones import readable
from storage.tenants import StoredTenant
from web.look import _
from web.pages.settings.company import tenant_of
from web.pages.settings.parts import settings_page
from web.routing import Access, Call, Route, Surface

PATH = "/settings/registration"
#: The messages a reviewer wants to see: the answers to what people text, and the one that nobody asked for.
MESSAGES = ("tv.code", "tv.confirmed", "tv.denied", "call.announced", "tech.unclaimed")
_STRANGERS = {"neutral": "one neutral answer a day without any content", "silent": "no answer"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One message as it is sent, with made-up names."""

    about: str
    text: str
    size: Segments


@dataclass(frozen=True, slots=True)
class Copied:
    """One field of the form at the carrier, to be copied. `about` is why, or where it goes."""

    label: str
    text: str
    about: str = ""


async def show_registration(call: Call) -> web.StreamResponse:
    """Everything to be copied."""
    tenant = await tenant_of(call)
    numbers = await call.services.tenants.numbers(tenant.id)
    number = next((n.facts.address for n in numbers if n.facts.purpose == "verification" and n.facts.primary), "")
    values = {
        "fields": tuple(campaign(tenant, readable(number) if number else _("our number"))),
        "samples": tuple(samples(tenant)),
        "keywords": tuple(keywords(tenant)),
        "missing": _missing(tenant, number),
    }
    return settings_page(call, "registration", "settings_registration.html", values)


def campaign(tenant: StoredTenant, number: str) -> Iterator[Copied]:
    """Description, consent and the rest, in the words reviewers look for."""
    name = tenant.name
    yield Copied(_("Use case"), _("Account notifications, or two-factor authentication (2FA)"), _("Choose what fits."))
    yield Copied(
        _("Campaign description"),
        f"{name} is the IT help desk of the companies whose employees receive these messages. When somebody "
        f"calls an employee and says they are from {name}, the employee texts #verify to {number} and receives a "
        "one-time code. The caller must say the same code, so the employee knows that the call is genuine, and "
        "answers #confirm or #deny. Messages are sent in answer to the employee's own text, or to announce a support "
        "call that the employee expects. There is no marketing.",
    )
    yield Copied(
        _("How people opt in"),
        f"Employees of our client companies are told about the service by their employer and by {name}, in the service "
        f"contract, at onboarding and on the support page, with the number {number} and the words below. An employee "
        "opts in by texting #verify to that number. Nobody receives a code who is not listed as an employee by their "
        f"company; texts from other numbers get {_STRANGERS[tenant.settings.unknown_sender]}.",
    )
    yield Copied(
        _("Words shown where people opt in"),
        f"Text #verify to {number} to check that a caller is really from {name}. You will get a one-time code and the "
        "result, a few texts per check, and now and then a notice that our technician is about to call you. Message "
        "and data rates may apply. Text HELP for help. Text STOP to opt out. We do not share your number with others "
        "for marketing.",
        _("Put it on your support page and give that page's address as proof."),
    )
    yield Copied(_("Opt-in words"), f"#verify, {_listed(START_WORDS, 'start')}")
    yield Copied(_("Opt-out words"), _listed(STOP_WORDS, "stop"))
    yield Copied(_("Help words"), _listed(HELP_WORDS, "help"))
    yield Copied(
        _("What is in the messages"),
        _(
            "Phone numbers: yes, your own published number. Links: none to employees; alerts to your own technicians "
            "have one. Age-gated content: no. Loans: no."
        ),
    )


def _listed(words: Collection[str], first: str) -> str:
    """In capitals, the one that everybody knows first."""
    return ", ".join(word.upper() for word in sorted(words, key=lambda word: (word != first, word)))


def keywords(tenant: StoredTenant) -> Iterator[Copied]:
    """The answers to START, STOP and HELP."""
    yield Copied(_("Answer to opt-in (START)"), _rendered(tenant, "desk.started"))
    yield Copied(_("Answer to opt-out (STOP)"), _rendered(tenant, "desk.stopped"))
    yield Copied(_("Answer to HELP"), _rendered(tenant, "desk.help"))


def samples(tenant: StoredTenant) -> Iterator[Sample]:
    """Messages in the tenant's own wording."""
    about = {
        "tv.code": _("After #verify"),
        "tv.confirmed": _("After #confirm"),
        "tv.denied": _("After #deny"),
        "call.announced": _("Before we call"),
        "tech.unclaimed": _("To our own technicians on duty"),
    }
    for template in MESSAGES:
        text = _rendered(tenant, template)
        yield Sample(about[template], text, segments(text))


def _rendered(tenant: StoredTenant, template: str) -> str:
    values: dict[str, Value] = {**SAMPLES, "again": "", "about": "10427"}
    own = TenantValues(tenant.name, readable(tenant.settings.phone), tenant.settings.timezone)
    return render(template, values, tenant=own, locale=tenant.settings.locale, overrides=tenant.settings.texts)


def _missing(tenant: StoredTenant, number: str) -> str:
    if not tenant.settings.phone:
        return _("Enter your published phone number under Company first: reviewers want to see it in the texts.")
    if not number:
        return _("Enter your number under Numbers and carrier first: it stands in these texts.")
    return ""


ROUTES = (Route("GET", PATH, show_registration, Access.ADMIN, Surface.PAGE, "Texts for carrier registration"),)
