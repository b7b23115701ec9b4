"""A forgotten password: the same answer for everybody, and a link to whoever it is."""

from __future__ import annotations

import asyncio

from aiohttp import web

from dialogs.turns import AuditEvent
from identity import links
from identity.sessions import address_block
from identity.sign_in import canonical_login
from web.log_in import origin_of
from web.look import _
from web.pages.context import frame, length, page
from web.pages.people_forms import ForgotForm
from web.people import new_link, send_link
from web.routing import Access, Call, Route, Surface


class Forgot:
    """The handlers of `/forgot`; together they hold the errands that are under way."""

    def __init__(self) -> None:
        self._errands: set[asyncio.Task[None]] = set()

    async def show(self, call: Call) -> web.StreamResponse:
        """Ask for the login."""
        return _page(call)

    async def ask(self, call: Call) -> web.StreamResponse:
        """Say that a link is on its way if there is such a login. What depends on that is done once the answer has
        left, so that neither the words nor the time tell which logins there are."""
        given: ForgotForm = call.body
        services, now = call.services, call.services.clock.now()
        login, origin = canonical_login(given.login), origin_of(call.request, services)
        if not login:
            return _page(call, problem=_("Write the login you sign in with."), status=422)
        asked = await links.ask(services.accounts, login, origin.address, now, services.random.new_id(now))
        if asked.retry_at is not None:
            problem = _("Too many tries. Try again in %s.") % length(asked.retry_at - now)
            return _page(call, problem=problem, status=429)
        response = _page(call, sent=True)
        # The next request on the same line would wait for what comes now, and so tell of it.
        response.force_close()
        await response.prepare(call.request)
        await response.write_eof()
        if asked.send:
            # A task of its own: the reader may leave, and is to get their link all the same.
            errand = asyncio.create_task(_send(call, login))
            self._errands.add(errand)
            errand.add_done_callback(self._errands.discard)
            await asyncio.shield(errand)
        return response


def _page(call: Call, *, problem: str = "", sent: bool = False, status: int = 200) -> web.Response:
    shown = frame(call, _("Forgot your password?"))
    return page(call, "forgot.html", shown, {"problem": problem, "sent": sent}, status=status)


async def _send(call: Call, login: str) -> None:
    """Make a link and send it, to somebody who can use one."""
    services, now = call.services, call.services.clock.now()
    account = await services.accounts.find_account(login)
    if account is None:
        return
    person = await services.people.technician(account.tenant_id, account.id)
    tenant = await services.tenants.get(account.tenant_id)
    if person is None or tenant is None or person.state != "active":
        return
    minted = links.mint("password", services.random, now)
    # The line first: a link that came without one would be nobody's.
    made = services.account_links.noting(person.tenant_id, _event(call, person.id, "sign_in.link_asked"))
    await made.make(person.tenant_id, person.id, new_link(services, minted, made_by=""), now)
    await send_link(services, tenant.name, person, minted)


def _event(call: Call, technician_id: str, kind: str) -> AuditEvent:
    now = call.services.clock.now()
    facts = {"address": address_block(origin_of(call.request, call.services).address)}
    return AuditEvent(call.services.random.new_id(now), now, kind, technician_id=technician_id, public=facts)


def routes() -> tuple[Route, ...]:
    """Both, around one set of handlers."""
    forgot = Forgot()
    return (
        Route("GET", "/forgot", forgot.show, Access.PUBLIC, Surface.PAGE, "Forgotten password"),
        Route(
            "POST",
            "/forgot",
            forgot.ask,
            Access.PUBLIC,
            Surface.PAGE,
            "Send a link to a new password",
            body=ForgotForm,
        ),
    )
