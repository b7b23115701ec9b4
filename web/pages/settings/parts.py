"""The parts of the settings, in the order they are listed, and the frame they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from web.look import _
from web.pages.context import frame, page
from web.routing import Call


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `name` is the last piece of its path, `about` one line of what is set there. `also`: what other
    programs and older guides call it, for the search."""

    name: str
    title: str
    about: str
    also: str = ""

    @property
    def path(self) -> str:
        return f"/settings/{self.name}"


#: In the order an admin needs them: what must be there for the first check, who may work here, then what may wait.
PARTS: tuple[Part, ...] = (
    Part(
        "company",
        _("Company"),
        _("Name, published phone, language, time zone, how long words are kept."),
        also="portal settings, account settings, organisation, retention",
    ),
    Part(
        "numbers",
        _("Numbers and carrier"),
        _("The numbers people text, the account at Twilio, a text to try it."),
        also="twilio, sms, verification number, phone",
    ),
    Part("registration", _("Registration"), _("What carriers ask about your texts, ready to copy.")),
    Part(
        "mail",
        _("Mail"),
        _("The server that codes, invitations and alerts go by, a test, and your words in mails."),
        also="signature, footer, e-mail template, outgoing mail, outbound mail, smtp, e-mail, sender",
    ),
    Part(
        "people",
        _("People"),
        _("Who has an account, what they may do, and inviting somebody."),
        also="users, teams users, technicians, roles, alert manager, alerts, on duty",
    ),
    Part(
        "teams",
        _("Teams"),
        _("Channels in Microsoft Teams where unclaimed checks and alarms are posted."),
        also="teams channels, teams connections, workflows",
    ),
    Part(
        "microsoft-365",
        _("Microsoft 365"),
        _("Contacts of your clients out of their Microsoft 365 organisations, kept current."),
        also="office 365, m365, o365, entra, azure ad, graph, contact sync, integration, csp, consent, client secret",
    ),
    Part("verification", _("Verification"), _("How a check goes: codes, claims, tickets, strangers.")),
    Part(
        "policies",
        _("Verifying callers"),
        _("How technicians check who is calling: ways, times, what is enough for what, for all or one client."),
        also="verification policy, policies, methods, shield, banner, end user verification",
    ),
    Part(
        "pod",
        _("Pod"),
        _("Watchword inside your ticket system: who may show it, and what to paste there."),
        also="psa pod, connectwise, autotask, halo, hosted api, custom tab, iframe, frame",
    ),
    Part("limits", _("Limits"), _("What stops abuse and a surprising bill.")),
    Part(
        "texts",
        _("Texts"),
        _("The wording of everything that is sent."),
        also="templates, messages, wording",
    ),
    Part("words", _("Command words"), _("Words of your own beside #verify, #confirm and #deny.")),
    Part("brand", _("Branding"), _("Your logo and your colours, on every page."), also="logo, colours, colors, design"),
    Part(
        "webhooks",
        _("Other tools"),
        _("Tell a dashboard or a script what happens here."),
        also="webhooks, automation, api",
    ),
    Part(
        "keys",
        _("Keys"),
        _("Let other programs read and write, with no more rights than they need."),
        also="api keys, integration keys, tokens",
    ),
)


def parts_for(q: str) -> tuple[Part, ...]:
    """Parts in whose title, description or other names every word of the search stands; all of them without one."""
    words = q.casefold().split()
    return tuple(
        part
        for part in PARTS
        if all(word in f"{part.name} {part.title} {part.about} {part.also}".casefold() for word in words)
    )


def settings_page(
    call: Call, name: str, template: str, values: Mapping[str, object], *, status: int = 200, problem: str = ""
) -> web.Response:
    """A page of settings with the list of all parts beside it. `problem`: what was wrong with what was sent; the form
    is then drawn again with what they had typed, so that nothing is lost."""
    part = next((part for part in PARTS if part.name == name), Part("", _("Settings"), ""))
    shown = frame(call, part.title, "settings")
    if problem:
        shown = replace(shown, said="", refused=problem)
    return page(call, template, shown, {"parts": PARTS, "part": part, **values}, status=status)
