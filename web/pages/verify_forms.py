"""What the forms of the verification panel do, for whichever page draws it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from aiohttp import web
from pydantic import Field

from dialogs.user_verify import Method
from web.api.ids import our_id
from web.look import _
from web.pages.context import after, json_answer, own_path, see_other, sentence, wants_json
from web.pages.forms import Id, Press
from web.pages.verify_panel import Place
from web.pages.verify_rows import running_of
from web.pages.verify_views import Attempt
from web.ports import REFUSALS, Acted, CodeChecked
from web.problems import not_found
from web.routing import Access, Call, Handler, Route

if TYPE_CHECKING:
    from storage.verifications import VerificationRow

_Way = Annotated[str, Field(max_length=100, pattern=r"^[a-z_]{1,40}\.[!-~]{0,58}$")]


class StartForm(Press):
    """Ask them in this `way`: a method, a dot, and an address's id. `about`: the page's own ticket. `newest`: the
    verification that stood on the page, empty for none; where the form does not tell, whatever there is did."""

    way: _Way
    ticket: Id = ""
    about: Id = ""
    note: Annotated[str, Field(max_length=2000)] = ""
    action: Literal["info", "standard", "high"] = "standard"
    newest: Id | None = None


class OverrideForm(StartForm):
    """The same though they are checking a caller, and why."""

    reason: Annotated[str, Field(max_length=2000)] = ""


class CodeForm(Press):
    """What they read out."""

    code: Annotated[str, Field(max_length=64)] = ""
    about: Id = ""


class LinkForm(Press):
    """Which ticket it is about after all."""

    ticket: Id


class VerifyForms:
    """The handlers of one place."""

    def __init__(self, place: Place) -> None:
        self.place = place

    async def show(self, call: Call) -> web.StreamResponse:
        """The panel on a page of its own, about the ticket in the query where there is one."""
        ticket_id = call.request.query.get("ticket", "")[:64]
        return await self.place.draw(call, our_id(call, "contact_id"), ticket_id, Attempt())

    async def start(self, call: Call) -> web.StreamResponse:
        """Ask them."""
        return await self._start(call, "")

    async def override(self, call: Call) -> web.StreamResponse:
        """Ask them though they are checking a caller."""
        form: OverrideForm = call.body
        return await self._start(call, form.reason)

    async def _start(self, call: Call, override: str) -> web.StreamResponse:
        form: StartForm = call.body
        contact_id = our_id(call, "contact_id")
        method, _dot, address_id = form.way.partition(".")
        acted = await call.services.verifying.start(
            call.who,
            contact_id=contact_id,
            address_id=address_id,
            method=method,
            ticket=form.about or form.ticket,
            note=form.note,
            action=form.action,
            override=override,
            after=form.newest,
        )
        if not acted.refused:
            return see_other(self.back_to(form, contact_id, form.about))
        return await self._refused(call, contact_id, form.about, acted, form.model_dump())

    async def check(self, call: Call) -> web.StreamResponse:
        """They have read it out. For a script: `{"right", "refused", "message", "tries_left"}`."""
        form: CodeForm = call.body
        row = await self._row(call)
        found = await call.services.verifying.check(call.who, row.id, code=form.code)
        if wants_json(call.request):
            return json_answer(call, {**_answer(found), "message": "" if found.right else code_words(found)})
        if found.right:
            return see_other(self.back_to(form, row.contact_id, form.about))
        attempt = Attempt(found.refused, code_words(found), form.model_dump())
        return await self._draw(call, row.contact_id, form.about, attempt)

    async def resend(self, call: Call) -> web.StreamResponse:
        """It did not arrive: the same code again."""
        row = await self._row(call)
        return self._after(call, await call.services.verifying.resend(call.who, row.id), row, "euv_resent")

    async def cancel(self, call: Call) -> web.StreamResponse:
        """Take it back."""
        row = await self._row(call)
        return self._after(call, await call.services.verifying.cancel(call.who, row.id), row, "euv_cancelled")

    async def link_ticket(self, call: Call) -> web.StreamResponse:
        """It was about this ticket."""
        form: LinkForm = call.body
        row = await self._row(call)
        acted = await call.services.verifying.link_ticket(call.who, row.id, ticket=form.ticket)
        return self._after(call, acted, row, "ticket")

    async def unlock(self, call: Call) -> web.StreamResponse:
        """The method may be used again."""
        form: Press = call.body
        contact_id, method = our_id(call, "contact_id"), call.request.match_info["method"]
        if method not in list(Method):
            raise not_found()
        acted = await call.services.verifying.unlock(call.who, contact_id, method=method)
        if acted.refused == "contact_not_found":
            raise not_found()
        return after(call, acted, "euv_unlocked", self.back_to(form, contact_id, ""))

    async def state(self, call: Call) -> web.StreamResponse:
        """How it stands, for the panel's script: `{"state", "title", "delivery", "undelivered", "tries_left"}`."""
        row = await self._row(call)
        who, services = call.who, call.services
        tenant = await services.tenants.get(who.tenant_id)
        if tenant is None:
            raise not_found()
        policy = tenant.settings.policy_of(row.contact.client_id if row.contact else "")
        shown = running_of(row, who.technician_id, policy, services.clock.now())
        if shown is None:
            return json_answer(call, {"state": row.word})
        names = ("state", "title", "todo", "delivery", "undelivered", "tries_left")
        return json_answer(call, {name: getattr(shown, name) for name in names})

    async def leads_to(self, call: Call) -> web.StreamResponse:
        """Where alerts and notes lead: to the contact's panel, about the same ticket."""
        row = await self._row(call)
        return see_other(self.place.page_of(row.contact_id, row.ticket_id))

    async def _row(self, call: Call) -> VerificationRow:
        found = await call.services.verifications.get(call.who.tenant_id, our_id(call, "verification_id"))
        if found is None:
            raise not_found()
        return found

    def back_to(self, form: Press, contact_id: str, ticket_id: str) -> str:
        """The page the form stood on, if it is one of this place."""
        otherwise = self.place.page_of(contact_id, ticket_id)
        back = own_path(form.back, otherwise)
        return back if back.startswith((f"{self.place.acts}/", f"{self.place.acts}?")) else otherwise

    def _after(self, call: Call, acted: Acted, row: VerificationRow, said: str) -> web.StreamResponse:
        form: Press = call.body
        if acted.refused == "verification_not_found":
            raise not_found()
        return after(call, acted, said, self.back_to(form, row.contact_id, ""))

    async def _refused(
        self, call: Call, contact_id: str, ticket_id: str, acted: Acted, typed: Mapping[str, str]
    ) -> web.StreamResponse:
        if acted.refused in ("not_found", "contact_not_found"):
            raise not_found()
        wait = acted.not_before - call.services.clock.now() if acted.not_before else None
        return await self._draw(
            call, contact_id, ticket_id, Attempt(acted.refused, sentence(acted.refused, wait), typed)
        )

    async def _draw(self, call: Call, contact_id: str, ticket_id: str, attempt: Attempt) -> web.StreamResponse:
        answer = await self.place.draw(call, contact_id, ticket_id, attempt)
        answer.set_status(REFUSALS[attempt.refused][0])
        return answer


def code_words(found: CodeChecked) -> str:
    """Why a code did not count, with the tries that are left."""
    if found.refused != "wrong_code":
        return sentence(found.refused)
    if found.tries_left == 0:
        return _("That is not the code either, and it is over now. Treat this caller as a stranger.")
    left = _("One try left.") if found.tries_left == 1 else _("%s tries left.") % found.tries_left
    return f"{sentence('wrong_code')} {left}"


def _answer(found: CodeChecked) -> dict[str, object]:
    return {"right": found.right, "refused": found.refused, "tries_left": found.tries_left}


def verify_routes(place: Place) -> tuple[Route, ...]:
    """All of them for one place. An override asks for a fresh sign-in, so there is none in the pod: it is no window of
    its own."""
    forms = VerifyForms(place)
    contact, one = place.acts + "/contacts/{contact_id}/verify", place.acts + "/verifications/{verification_id}"

    def get(path: str, handler: Handler, summary: str) -> Route:
        return Route("GET", path, handler, Access.TECHNICIAN, place.surface, summary, pod=place.pod)

    def post(path: str, handler: Handler, summary: str, body: type[Press], *, step_up: bool = False) -> Route:
        return Route(
            "POST", path, handler, Access.TECHNICIAN, place.surface, summary, body=body, pod=place.pod, step_up=step_up
        )

    override = post(contact + "/override", forms.override, "Ask them all the same", OverrideForm, step_up=True)
    return (
        *(() if place.pod else (override,)),
        get(contact, forms.show, "Verify a contact"),
        post(contact, forms.start, "Ask them", StartForm),
        get(one, forms.leads_to, "One verification"),
        get(one + "/state", forms.state, "How it stands"),
        post(one + "/check", forms.check, "Check the code", CodeForm),
        post(one + "/resend", forms.resend, "The same code again", Press),
        post(one + "/cancel", forms.cancel, "Take it back", Press),
        post(one + "/ticket", forms.link_ticket, "Link a ticket", LinkForm),
    )


def unlock_routes(place: Place) -> tuple[Route, ...]:
    """For admins."""
    path = place.acts + "/contacts/{contact_id}/methods/{method}/unlock"
    handler = VerifyForms(place).unlock
    return (Route("POST", path, handler, Access.ADMIN, place.surface, "Allow a method again", body=Press),)
