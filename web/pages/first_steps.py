"""The way from an empty database to the first real check: what is done, what comes next, and where to do it.

Read from what is there, so nobody has to tick anything off; it goes away by itself once a check is confirmed.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.first_steps import Progress, read_progress
from storage.phones import readable
from web.look import _
from web.routing import Call


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One step. `how`: what to do, shown while it is not done; `path`: where, empty where it is not done on a page of
    ours. `wanted`: advised, and not needed for the first check."""

    title: str
    how: str
    path: str
    link: str
    done: bool
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """All of them; `next` is the first needed one that is not done. `ready`: texts can come and go."""

    needed: tuple[FirstStep, ...]
    wanted: tuple[FirstStep, ...]
    ready: bool

    @property
    def next(self) -> FirstStep | None:
        return next((step for step in self.needed if not step.done), None)

    @property
    def done(self) -> int:
        return sum(step.done for step in self.needed)


async def first_steps(call: Call) -> FirstSteps | None:
    """None once a check was confirmed."""
    who, services = call.who, call.services
    progress = await services.db.read(who.tenant_id, lambda conn: read_progress(conn, who.tenant_id))
    if progress.confirmed:
        return None
    tenant = await services.tenants.get(who.tenant_id)
    numbers = await services.tenants.numbers(who.tenant_id)
    number = next((n.facts.address for n in numbers if n.facts.purpose == "verification" and n.facts.primary), "")
    phone = tenant.settings.phone if tenant is not None else ""
    return _steps(progress, readable(number) if number else "", phone=bool(phone))


def _steps(progress: Progress, number: str, *, phone: bool) -> FirstSteps:
    company, carrier, contacts = _("Company"), _("Numbers and carrier"), _("Contacts")
    needed = (
        FirstStep(
            _("The phone number people know"),
            _("Texts tell people to hang up and call it when they are unsure. Enter your published number."),
            "/settings/company",
            company,
            phone,
        ),
        FirstStep(
            _("An account at Twilio"),
            _("Twilio carries the texts. Enter its account SID and auth token."),
            "/settings/numbers",
            carrier,
            progress.account,
        ),
        FirstStep(
            _("A number that people text"),
            _("Enter the number you rent from Twilio for #verify."),
            "/settings/numbers",
            carrier,
            progress.number,
        ),
        FirstStep(
            _("Texts that arrive here"),
            _("Paste our address at Twilio, then text any word to your number from your phone."),
            "/settings/numbers#webhook",
            carrier,
            progress.texted,
        ),
        FirstStep(
            _("Somebody with a mobile"),
            _("Add yourself with your own mobile, to try it. The others can follow from a file."),
            "/contacts/new",
            contacts,
            progress.mobile,
        ),
        FirstStep(
            _("The first real check"),
            _(
                'Open yourself under Contacts and press "I\'m calling". Then text #verify to %s from your mobile, '
                "compare the code with the one under Codes, and answer #confirm."
            )
            % (number or _("your number")),
            "/contacts",
            contacts,
            progress.confirmed,
        ),
    )
    wanted = (
        FirstStep(
            _("A second admin"),
            _("Only another admin can help one who has lost the phone with the codes."),
            "/settings/people",
            _("People"),
            progress.second_admin,
            wanted=True,
        ),
        FirstStep(
            _("Somebody to alert"),
            _("When nobody opens a check, whoever is on duty is told. Enter a mobile on your own page."),
            "/profile",
            _("Your page"),
            progress.reachable,
            wanted=True,
        ),
        FirstStep(
            _("Registration with the carriers"),
            _("In the United States and Canada the number must be registered before texts are delivered."),
            "/settings/registration",
            _("Registration"),
            False,
            wanted=True,
        ),
    )
    return FirstSteps(needed, wanted, ready=progress.account and progress.number)
