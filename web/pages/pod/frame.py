"""The frame's own pages: signing in where nobody is, taking over a sign-in, signing out, and what happens live.

A frame in another site has no cookies but its own partitioned one and no storage at all, so everything it must remember
stands in its address or on the server.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from aiohttp import web

from dialogs.turns import AuditEvent
from identity.sessions import ABSOLUTE, address_block, address_key, browser_family, token_digest
from storage.bounds import LocalBound
from storage.pod_sign_ins import StoredHandOver
from storage.tenants import StoredTenant
from web import csrf
from web.brand import sheet_address
from web.log_in import MAX_TOKEN, POD_COOKIE, held_token, origin_of, set_pod_cookie
from web.look import Frame, _
from web.noting import line
from web.pages.context import look, see_other, wants_json
from web.pages.forms import Form
from web.pages.pod.forms import TakeForm
from web.pages.pod.hints import Hints, hints_of
from web.pages.pod.secrets import challenge_of, code_digest, letters_of, pairing_digest
from web.pods import POD_OF
from web.problems import Problem
from web.routing import Access, Call, Route, Surface
from web.services import Services
from web.stream import events

#: A frame asks every few seconds while a person compares letters; an office has one address.
TAKES = (1200, timedelta(minutes=10))
TOO_LATE = _(
    "That sign-in could not be taken over: it is good for a minute and for this computer and browser. Sign in again."
)
NO_TENANT = _(
    "The address of this pod does not say whose it is. An admin finds the right one under Settings, Pod, and pastes it "
    "into the ticket system."
)


class Door:
    """The handlers; they count together how often one address tries to take something over."""

    def __init__(self) -> None:
        self._takes = LocalBound(*TAKES)

    async def take(self, call: Call) -> web.StreamResponse:
        """Take over what the sign-in window has handed over: the frame gets its cookie.

        A script that waits for a person asks with `Accept: application/json` and hears `{"signed_in": false}` until
        they have confirmed.
        """
        given: TakeForm = call.body
        services, request, hints = call.services, call.request, hints_of(call.request)
        tenant = _tenant_of(request)
        origin, now = origin_of(request, services), services.clock.now()
        key = address_key(origin.address)
        if not self._takes.has_room(key, now):
            raise Problem(429, "too_many_calls", _("Too many tries. Wait ten minutes, then sign in again."))
        self._takes.count(key, now)
        challenge = challenge_of(given.verifier)
        digest = code_digest(given.handed, challenge) if given.handed else pairing_digest(challenge)
        found = await services.pod_sign_ins.find(digest, now)
        if found is not None and found.tenant_id != tenant.id:
            found = None
        here = (address_block(origin.address), browser_family(origin.user_agent))
        if found is not None and found.way == "pod_pairing" and (found.address_block, found.browser) != here:
            # Somebody elsewhere has been talked into confirming letters that this frame shows.
            await _note_elsewhere(call, found, here[0])
            found = None
        token = await _take(call, found, here) if found is not None else ""
        if wants_json(request):
            answer: web.StreamResponse = web.json_response({"signed_in": bool(token)})
        elif token:
            answer = see_other(with_more(hints, entered="1"))
        else:
            answer = sign_in_page(request, services, problem=TOO_LATE, status=422)
        if token:
            set_pod_cookie(answer, token)
        return answer

    async def sign_out(self, call: Call) -> web.StreamResponse:
        """End this log-in, here and on every copy."""
        who = call.who
        ended = line(call, "sign_in.ended", log_in=who.log_in_id, why="signed_out")
        accounts = call.services.accounts.noting(who.tenant_id, ended)
        await accounts.revoke(who.tenant_id, who.technician_id, who.log_in_id, call.services.clock.now())
        answer = see_other(hints_of(call.request).here)
        set_pod_cookie(answer, "")
        return answer


async def _take(call: Call, found: StoredHandOver, here: tuple[str, str]) -> str:
    """The pod's log-in: a shift long, with rights in the pod alone. Its token; empty when somebody was faster."""
    services, now = call.services, call.services.clock.now()
    log_in_id, token = services.random.new_id(now), services.random.token()
    factor = "handed_over" if found.way == "pod_code" else "compared"
    granted = AuditEvent(
        services.random.new_id(now),
        now,
        "sign_in.granted",
        technician_id=found.technician_id,
        public={
            "log_in": log_in_id,
            "way": "pod",
            "factor": factor,
            "source": found.log_in_id,
            "address": here[0],
        },
    )
    held = call.request.cookies.get(POD_COOKIE, "")
    taken = await services.pod_sign_ins.noting(found.tenant_id, granted).take(
        found,
        log_in_id=log_in_id,
        digest=token_digest(token),
        now=now,
        expires_at=now + ABSOLUTE,
        address_block=here[0],
        browser=here[1],
        replaces=token_digest(held) if 0 < len(held) <= MAX_TOKEN else "",
    )
    return token if taken else ""


async def _note_elsewhere(call: Call, found: StoredHandOver, block: str) -> None:
    services, now = call.services, call.services.clock.now()
    event = AuditEvent(
        services.random.new_id(now),
        now,
        "sign_in.refused",
        technician_id=found.technician_id,
        public={"word": "elsewhere", "what": "pod", "address": block},
    )
    await services.accounts.note_denial(found.tenant_id, event, found.id)


def sign_in_page(
    request: web.Request, services: Services, *, problem: str = "", again: bool = False, status: int = 401
) -> web.StreamResponse:
    """What the frame shows while nobody is signed in: nothing of anybody, and the way in. `again`: somebody is, and has
    to prove it."""
    tenant = request.get(POD_OF)
    if tenant is None:
        return message_page(request, services, _("This pod has no address"), NO_TENANT, status=status)
    hints = hints_of(request)
    verifier = services.random.token()
    challenge = challenge_of(verifier)
    if "entered" in request.query and not problem:
        problem = _(
            "You signed in, but this browser keeps no cookie for the pod. Bring it up to date, or work in the console."
        )
    values = {
        "hints": hints,
        "tenant": tenant.name,
        "verifier": verifier,
        "challenge": challenge,
        "letters": letters_of(challenge),
        "problem": problem,
        "again": again,
        "had": POD_COOKIE in request.cookies and not again,
    }
    shown = pod_frame(request, services, _("Show that it is you") if again else _("Sign in"))
    # The verifier is a secret, and what the address holds stands on the same page: the length must tell nothing.
    return look().answer(request, "pod_sign_in.html", shown, values, status=status, packed=False)


def message_page(
    request: web.Request, services: Services, title: str, message: str, *, status: int, id: str = ""
) -> web.StreamResponse:
    """A sentence in the frame, and the way back where there is one."""
    values = {"message": message, "id": id, "back": hints_of(request).here if POD_OF in request else ""}
    return look().answer(request, "pod_message.html", pod_frame(request, services, title), values, status=status)


def pod_frame(request: web.Request, services: Services, title: str) -> Frame:
    """The frame around a page of the pod for which nobody is signed in."""
    tenant = request.get(POD_OF)
    mark = services.brands.at_hand(tenant.id) if tenant is not None else None
    return Frame(
        title=title,
        console=False,
        sheet=sheet_address(tenant.id, mark) if tenant is not None and mark else "",
        logo=mark is not None and mark.has_logo,
        # Somebody may be signed in all the same, and have to prove it; their frame then sends its token.
        csrf=csrf.token_for(held_token(request)),
        demo=services.demo is not None,
        now=services.clock.now(),
    )


def show_pod_problem(request: web.Request, services: Services, problem: Problem, *, id: str) -> web.StreamResponse:
    """What is not granted, said inside the frame; a redirect to the console's own sign-in would leave it blank."""
    if wants_json(request):
        said = {"refused": problem.error, "message": problem.message, "id": id}
        return web.json_response(said, status=problem.status)
    if problem.error == "sign_in_required":
        return sign_in_page(request, services)
    if problem.error == "step_up_required":
        return sign_in_page(request, services, problem=problem.message, again=True)
    if problem.error == "not_found" and request.get(POD_OF) is not None:
        said_so = _(
            "Nobody and no ticket of yours has that id. It may be old or belong to somebody else. Look the person up."
        )
        return message_page(request, services, _("Not found"), said_so, status=404)
    title = _("That did not work") if problem.status < 500 else _("Something went wrong")
    return message_page(request, services, title, problem.message, status=problem.status, id=id)


def _tenant_of(request: web.Request) -> StoredTenant:
    if POD_OF not in request:
        raise Problem(404, "no_tenant", NO_TENANT)
    return request[POD_OF]


def with_more(hints: Hints, **more: str) -> str:
    """The address of the pod with these hints and something for this one look."""
    return f"{hints.here}{'&' if hints.query else '?'}{urlencode(more)}"


_DOOR = Door()
ROUTES = (
    Route(
        "POST", "/pod/session", _DOOR.take, Access.PUBLIC, Surface.POD, "Take over a sign-in", body=TakeForm, pod=True
    ),
    Route(
        "POST", "/pod/sign-out", _DOOR.sign_out, Access.TECHNICIAN, Surface.POD, "Sign out of it", body=Form, pod=True
    ),
    Route(
        "GET",
        "/pod/events",
        events,
        Access.TECHNICIAN,
        Surface.STREAM,
        "What happens to one person",
        pod=True,
        of_pod=True,
    ),
)
