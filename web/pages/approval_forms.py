"""What the verification panel does about second persons, for whichever page draws it: asking, and taking it back."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from pydantic import Field

from web.api.ids import our_id
from web.pages.context import after, own_path, see_other, sentence
from web.pages.forms import Id, Press
from web.pages.verify_panel import Place
from web.pages.verify_views import Attempt
from web.ports import REFUSALS, Acted
from web.problems import not_found
from web.routing import Access, Call, Handler, Route


class AskForm(Press):
    """Sent by the form that asks the person, with another button: its `way` says which address. `kind`: what for.
    `newest` comes along with that form and says nothing here."""

    kind: Literal["address", "high"]
    way: Annotated[str, Field(max_length=100, pattern=r"^([a-z_]{1,40}\.[!-~]{0,58})?$")] = ""
    ticket: Id = ""
    about: Id = ""
    newest: Id | None = None
    note: Annotated[str, Field(max_length=2000)] = ""
    action: Literal["info", "standard", "high"] = "standard"


class ApprovalForms:
    """The handlers of one place."""

    def __init__(self, place: Place) -> None:
        self.place = place

    async def ask(self, call: Call) -> web.StreamResponse:
        """Have a colleague look at it before anything is sent or done."""
        form: AskForm = call.body
        contact_id = our_id(call, "contact_id")
        acted = await call.services.approval_acts.ask(
            call.who,
            kind=form.kind,
            contact_id=contact_id,
            address_id=form.way.partition(".")[2] if form.kind == "address" else "",
            ticket=form.about or form.ticket,
            note=form.note,
        )
        if not acted.refused:
            return see_other(self._back_to(form, contact_id, form.about))
        if acted.refused in ("not_found", "contact_not_found"):
            raise not_found()
        wait = acted.not_before - call.services.clock.now() if acted.not_before else None
        attempt = Attempt(acted.refused, sentence(acted.refused, wait), form.model_dump())
        answer = await self.place.draw(call, contact_id, form.about, attempt)
        answer.set_status(REFUSALS[acted.refused][0])
        return answer

    async def withdraw(self, call: Call) -> web.StreamResponse:
        """Take it back, before or after the yes."""
        form: Press = call.body
        found = await call.services.approvals.get(call.who.tenant_id, our_id(call, "approval_id"))
        if found is None:
            raise not_found()
        acted: Acted = await call.services.approval_acts.withdraw(call.who, found.id)
        return after(call, acted, "approval_withdrawn", self._back_to(form, found.contact_id, ""))

    def _back_to(self, form: Press, contact_id: str, ticket_id: str) -> str:
        """The page the form stood on, if it is one of this place."""
        otherwise = self.place.page_of(contact_id, ticket_id)
        back = own_path(form.back, otherwise)
        return back if back.startswith((f"{self.place.acts}/", f"{self.place.acts}?")) else otherwise


def approval_routes(place: Place) -> tuple[Route, ...]:
    """All of them for one place. Nobody agrees in the pod: that takes a fresh sign-in, and no foreign frame around."""
    forms = ApprovalForms(place)

    def post(path: str, handler: Handler, summary: str, body: type[Press]) -> Route:
        return Route("POST", place.acts + path, handler, Access.TECHNICIAN, place.surface, summary, body=body, pod=True)

    return (
        post("/contacts/{contact_id}/approvals", forms.ask, "Ask a second person", AskForm),
        post("/approvals/{approval_id}/withdraw", forms.withdraw, "Take the request back", Press),
    )
