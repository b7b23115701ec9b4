"""The mail server that invitations, links into accounts and alerts go by: entered, tried on oneself, removed.

Its password is never shown again. It is kept while host and login stay the same, and asked for when they do not: or
whoever changes the host would be handed it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from channels.email.message import BadAddress, checked_address, in_a_header
from dialogs.ports import OutboundRefused
from storage.mail_servers import MailServer
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.parts import settings_page
from web.ports import Tried
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

PATH = "/settings/mail"
SECURITY: Mapping[str, str] = {
    "starttls": _("STARTTLS (usually port 587)"),
    "tls": _("TLS from the start (usually port 465)"),
}
#: A host name or an address; what it leads to is looked at besides.
_HOST = re.compile(r"[A-Za-z0-9_.:-]{1,253}")

Typed = Annotated[str, Field(max_length=300)]


class MailForm(Form):
    """The server as it was typed; what is wrong is said at the field."""

    host: Typed = ""
    port: Annotated[str, Field(max_length=20)] = "587"
    security: Literal["tls", "starttls"] = "starttls"
    login: Typed = ""
    password: Annotated[str, Field(max_length=1024, repr=False, title=_("the mail server's password"))] = ""
    sender: Typed = ""
    sender_name: Typed = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A test mail: to whom, and what came of it."""

    to: str
    tried: Tried


async def show_mail(call: Call) -> web.StreamResponse:
    """The server as it is set, without its password."""
    return await _page(call)


async def save_mail(call: Call) -> web.StreamResponse:
    """Set it."""
    given: MailForm = call.body
    who, services = call.who, call.services
    kept = await services.mail_servers.get(who.tenant_id)
    server, problems = await _read(call, given, kept.server if kept is not None else None)
    if problems:
        return await _page(call, given, problems)
    noted = services.mail_servers.noting(who.tenant_id, line(call, "settings.mail_changed", host=server.host))
    await noted.put(who.tenant_id, server, services.clock.now())
    return see_other(PATH, said="mail_saved")


async def remove_mail(call: Call) -> web.StreamResponse:
    """Take it away; mail then goes by the operator's server, or not at all."""
    noted = call.services.mail_servers.noting(call.who.tenant_id, line(call, "settings.mail_removed"))
    if not await noted.remove(call.who.tenant_id):
        raise not_found()
    return see_other(PATH, said="mail_removed")


async def try_mail(call: Call) -> web.StreamResponse:
    """A mail to whoever asks, and to nobody else; the server's answer is shown to the letter."""
    who, services = call.who, call.services
    to = await _mine(call)
    if not to:
        said = _("Your account has no e-mail address. Enter one on your profile page first.")
        return await _page(call, trial=Trial("", Tried(False, said)))
    tried = await services.trials.mail(who.tenant_id, to=to)
    await services.mail_servers.note(who.tenant_id, line(call, "settings.mail_tried", ok=int(tried.ok)))
    return await _page(call, trial=Trial(to, tried))


async def _read(call: Call, given: MailForm, kept: MailServer | None) -> tuple[MailServer, dict[str, str]]:
    """The server that was typed, and what is wrong with it by field."""
    problems: dict[str, str] = {}
    host, login = given.host.strip().rstrip(".").lower(), given.login.strip()
    port = int(given.port) if re.fullmatch(r" *[0-9]{1,5} *", given.port) else 0
    if not 0 < port < 65536:
        problems["port"] = _("A port is a number from 1 to 65535, for example 587.")
    if not _HOST.fullmatch(host):
        problems["host"] = _("Write the name of the server alone, for example smtp.example.com.")
    elif "port" not in problems:
        try:
            await call.services.outbound.check(f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}")
        except OutboundRefused as why:
            problems["host"] = str(why)
    same = kept is not None and (kept.host, kept.login) == (host, login)
    password = given.password or (kept.password if kept is not None and same else "")
    if login and not password:
        problems["password"] = _("Enter the password of this login.")
    if given.password and not login:
        problems["login"] = _("Enter the login that this password belongs to.")
    sender = ""
    try:
        sender = checked_address(given.sender)
    except BadAddress:
        problems["sender"] = _("This is not a mail address that servers take. Write it like desk@example.com.")
    name = given.sender_name.strip()
    if len(name) > 120 or in_a_header(name) != name:
        problems["sender_name"] = _("Use a shorter name, in one line and without signs that cannot be seen.")
    return MailServer(host, port, given.security, login, password, sender, name), problems


async def _mine(call: Call) -> str:
    me = await call.services.people.technician(call.who.tenant_id, call.who.technician_id)
    return me.mail_address if me is not None else ""


async def _page(
    call: Call,
    typed: MailForm | None = None,
    problems: Mapping[str, str] | None = None,
    *,
    trial: Trial | None = None,
) -> web.StreamResponse:
    kept = await call.services.mail_servers.get(call.who.tenant_id)
    common = await call.services.trials.has_common_mail()
    values: dict[str, object] = {
        "kept": kept.server if kept is not None else None,
        "common": common,
        "works": kept is not None or common,
        "typed": typed or _as_typed(kept.server if kept is not None else None),
        "security": SECURITY,
        "problems": problems or {},
        "me": await _mine(call),
        "trial": trial,
    }
    problem = _("Not saved. Correct what is marked below.") if problems else ""
    return settings_page(call, "mail", "settings_mail.html", values, status=422 if problems else 200, problem=problem)


def _as_typed(server: MailServer | None) -> MailForm:
    if server is None:
        return MailForm()
    return MailForm(
        host=server.host,
        port=str(server.port),
        security=server.security,
        login=server.login,
        sender=server.sender,
        sender_name=server.sender_name,
    )


ROUTES = (
    Route("GET", PATH, show_mail, Access.ADMIN, Surface.PAGE, "Mail server"),
    Route("POST", PATH, save_mail, Access.ADMIN, Surface.PAGE, "Set the mail server", body=MailForm, step_up=True),
    Route("POST", PATH + "/try", try_mail, Access.ADMIN, Surface.PAGE, "Send myself a test mail", body=Form),
    Route(
        "POST",
        PATH + "/remove",
        remove_mail,
        Access.ADMIN,
        Surface.PAGE,
        "Remove the mail server",
        body=Form,
        step_up=True,
    ),
)
