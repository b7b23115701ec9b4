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
    """One part. `name` is the last piece of its path, `about` one line of what is set there."""

    name: str
    title: str
    about: str

    @property
    def path(self) -> str:
        return f"/settings/{self.name}"


#: A part stands here once its page exists.
PARTS: tuple[Part, ...] = (
    Part("company", _("Company"), _("Name, published phone, language, time zone, how long words are kept.")),
    Part("numbers", _("Numbers and carrier"), _("The numbers people text, the account at Twilio, a text to try it.")),
    Part("registration", _("Registration"), _("What carriers ask about your texts, ready to copy.")),
    Part("people", _("People"), _("Who has an account, what they may do, and inviting somebody.")),
    Part("verification", _("Verification"), _("How a check goes: codes, claims, tickets, strangers.")),
    Part("texts", _("Texts"), _("The wording of everything that is sent, with what must stay in it.")),
    Part("words", _("Command words"), _("Words of your own beside #verify, #confirm and #deny.")),
    Part("limits", _("Limits"), _("What stops abuse, and a bill nobody wants.")),
    Part("brand", _("Branding"), _("Your logo and your colours, on every page.")),
    Part("mail", _("Mail"), _("The server that invitations, links and alerts go by, and a test.")),
    Part("teams", _("Teams"), _("Channels in Microsoft Teams where unclaimed checks and alarms are posted.")),
    Part("webhooks", _("Other tools"), _("Tell a dashboard or a script what happens here, signed.")),
    Part("keys", _("Keys"), _("Let other programs read and write, with no more rights than they need.")),
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
