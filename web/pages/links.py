"""Where the links into accounts lead: accepting an invitation, a new second factor, a new password.

Looking at a link changes nothing and shows no secret, since mail scanners look too (SEC-43); the act is always a form
that a person sends. Setting up has two steps, and what the first one settled is carried to the second one sealed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from aiohttp import web
from markupsafe import Markup

from dialogs.turns import AuditEvent
from identity import recovery, totp
from identity.passwords import WeakPassword, check_password
from identity.sessions import address_block, token_digest
from identity.sign_in import LogInGranted, Refused
from storage.account_links import Purpose, StoredLink
from web.csrf import COOKIE
from web.log_in import MAX_TOKEN, origin_of, set_known_cookie, set_log_in_cookie
from web.look import _
from web.pages.context import HOME, frame, length, page, see_other
from web.pages.people_forms import NewPasswordForm, SetUpForm
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

#: How long somebody may take between the two steps of setting up.
STEP = timedelta(hours=1)
WRONG = _("That is not right. Codes change every 30 seconds, and each works once: wait for the next one.")
WRONG_PASSWORD = _("The password is not right.")
TWO_PASSWORDS = _("The two passwords differ. Type the same one twice.")


async def show_welcome(call: Call) -> web.StreamResponse:
    """Choose a password."""
    found = await _link(call, "invitation")
    return _welcome(call, found, {}) if isinstance(found, StoredLink) else found


async def welcome(call: Call) -> web.StreamResponse:
    """First the password, then the second factor; with both the account is theirs, and they are signed in."""
    found, given = await _link(call, "invitation"), call.body
    if not isinstance(found, StoredLink):
        return found
    if given.carried:
        return await _second_step(call, found, given)
    problems = _password_problems(given.password, given.again, found, field="password")
    if problems:
        return _welcome(call, found, problems)
    hashed = await call.services.passwords.hash(given.password)
    return await _to_second_step(call, found, {"password_hash": hashed})


async def show_second_factor(call: Call) -> web.StreamResponse:
    """Ask for the password: the link alone does not lead to a new second factor."""
    found = await _link(call, "second_factor")
    return _ask_password(call, found) if isinstance(found, StoredLink) else found


async def second_factor(call: Call) -> web.StreamResponse:
    """First the password they have, then the new second factor."""
    found, given = await _link(call, "second_factor"), call.body
    if not isinstance(found, StoredLink):
        return found
    if given.carried:
        return await _second_step(call, found, given)
    origin = origin_of(call.request, call.services)
    refused = await call.services.sign_in.check_password(found.tenant_id, found.technician_id, given.password, origin)
    if refused is not None:
        return _ask_password(call, found, refused)
    return await _to_second_step(call, found, {})


async def show_new_password(call: Call) -> web.StreamResponse:
    """Ask for the new password and the second factor."""
    found = await _link(call, "password")
    return _new_password(call, found, {}) if isinstance(found, StoredLink) else found


async def new_password(call: Call) -> web.StreamResponse:
    """The password is new from here on, and every log-in of before has ended."""
    found = await _link(call, "password")
    if not isinstance(found, StoredLink):
        return found
    given: NewPasswordForm = call.body
    services, now = call.services, call.services.clock.now()
    problems = _password_problems(given.new, given.again, found, field="new")
    if problems:
        return _new_password(call, found, problems)
    origin = origin_of(call.request, services)
    refused = await services.sign_in.check_factor(found.tenant_id, found.technician_id, given.code, origin)
    if refused is not None:
        return _new_password(call, found, {"code": _refused(call, refused, WRONG)}, refused)
    hashed = await services.passwords.hash(given.new)
    kept = services.account_links.noting(found.tenant_id, _event(call, found, "sign_in.password_set"))
    if not await kept.set_password(found, password_hash=hashed, now=now):
        return await _over(call, found)
    return see_other("/sign-in", said="password_set")


async def _to_second_step(call: Call, link: StoredLink, settled: Mapping[str, str]) -> web.StreamResponse:
    secret = totp.new_secret(call.services.random)
    until = call.services.clock.now() + STEP
    values = {**settled, "secret": secret, "until": str(until.timestamp())}
    return _set_up(call, link, secret, await call.services.account_links.carry(link, values))


async def _second_step(call: Call, link: StoredLink, given: SetUpForm) -> web.StreamResponse:
    services, now = call.services, call.services.clock.now()
    settled = await services.account_links.carried(link, given.carried)
    if settled is None or now.timestamp() >= float(settled["until"]):
        # Too slow, or another page: from the beginning.
        return see_other(call.request.path)
    step = services.sign_in.step_of(settled["secret"], given.code)
    if step is None:
        return _set_up(call, link, settled["secret"], given.carried, WRONG)
    codes = recovery.new_codes(services.random)
    digests = [d for code in codes if (d := recovery.digest(link.technician_id, code)) is not None]
    if link.purpose == "invitation":
        kept = services.account_links.noting(link.tenant_id, _event(call, link, "technician.joined"))
        done = await kept.join(
            link,
            password_hash=settled["password_hash"],
            totp_secret=settled["secret"],
            totp_step=step,
            recovery_digests=digests,
            now=now,
        )
    else:
        kept = services.account_links.noting(link.tenant_id, _event(call, link, "technician.second_factor_set"))
        done = await kept.set_second_factor(
            link, totp_secret=settled["secret"], totp_step=step, recovery_digests=digests, now=now
        )
    if not done:
        return await _over(call, link)
    granted = await services.sign_in.let_in(
        link.tenant_id,
        link.technician_id,
        origin_of(call.request, services),
        step=step,
        replaces=call.request.cookies.get(COOKIE, ""),
    )
    return _recovery_codes(call, codes, granted)


async def _link(call: Call, purpose: Purpose) -> StoredLink | web.StreamResponse:
    """The link in the address, if it may be used; else the page that says why not and what to do. Raises 404 for what
    is no link of ours."""
    token = call.request.match_info["token"]
    if len(token) > MAX_TOKEN:
        raise not_found()
    found = await call.services.account_links.find(token_digest(token))
    if found is None or found.purpose != purpose:
        raise not_found()
    return found if found.is_open(call.services.clock.now()) else await _over(call, found)


async def _over(call: Call, link: StoredLink) -> web.StreamResponse:
    """Say that a link is used up or has run out, and what comes next."""
    fresh = await call.services.account_links.find(link.digest)
    used_at = fresh.used_at if fresh is not None else None
    values = {"used_at": used_at, "purpose": link.purpose}
    return page(call, "link_over.html", frame(call, _("This link is over")), values, status=410)


def _password_problems(password: str, again: str, link: StoredLink, *, field: str) -> dict[str, str]:
    """What is wrong with a new password, by field."""
    try:
        check_password(password, login=link.login, name=link.name)
    except WeakPassword as weak:
        return {field: str(weak)}
    return {"again": TWO_PASSWORDS} if password != again else {}


def _welcome(call: Call, link: StoredLink, problems: Mapping[str, str]) -> web.Response:
    values = {"link": link, "problems": problems}
    shown = frame(call, _("Welcome to %s") % link.tenant)
    return page(call, "welcome.html", shown, values, status=422 if problems else 200)


def _ask_password(call: Call, link: StoredLink, refused: Refused | None = None) -> web.Response:
    problem = _refused(call, refused, WRONG_PASSWORD) if refused else ""
    shown = frame(call, _("Set up a new second factor"))
    return page(call, "second_factor.html", shown, {"link": link, "problem": problem}, status=_status(refused))


def _new_password(
    call: Call, link: StoredLink, problems: Mapping[str, str], refused: Refused | None = None
) -> web.Response:
    status = _status(refused) if refused else 422 if problems else 200
    values = {"link": link, "problems": problems}
    return page(call, "new_password.html", frame(call, _("A new password")), values, status=status)


def _set_up(call: Call, link: StoredLink, secret: str, carried: str, problem: str = "") -> web.Response:
    """The second step: QR code, the secret to type, and the first code."""
    uri = totp.provisioning_uri(secret, login=link.login, issuer=link.tenant)
    values = {
        "qr": Markup(totp.qr_svg(uri)),  # noqa: S704 - drawn by us, of modules and nothing else
        "uri": uri,
        "secret": " ".join(secret[at : at + 4] for at in range(0, len(secret), 4)),
        "carried": carried,
        "problem": problem,
        "is_new": link.purpose == "invitation",
    }
    shown = frame(call, _("Set up your authenticator app"))
    return page(call, "set_up_app.html", shown, values, status=422 if problem else 200, packed=False)


def _recovery_codes(call: Call, codes: tuple[str, ...], granted: LogInGranted | Refused) -> web.Response:
    """The codes, this once, with the log-in they come with."""
    inside = isinstance(granted, LogInGranted)
    ahead = (HOME if granted.ui_access else "/profile") if isinstance(granted, LogInGranted) else "/sign-in"
    values = {"codes": codes, "ahead": ahead, "inside": inside}
    response = page(call, "recovery_codes.html", frame(call, _("Your recovery codes")), values, packed=False)
    if isinstance(granted, LogInGranted):
        set_log_in_cookie(response, granted.token)
        set_known_cookie(response, granted.known_token)
    return response


def _refused(call: Call, refused: Refused, wrong: str) -> str:
    """Why a proof was not taken, in words."""
    if refused.retry_at is not None:
        return _("Too many tries. Try again in %s.") % length(refused.retry_at - call.services.clock.now())
    return wrong if refused.word == "wrong" else _("This account is switched off. Ask an admin of your team.")


def _status(refused: Refused | None) -> int:
    if refused is None:
        return 200
    return 429 if refused.word == "throttled" else 422


def _event(call: Call, link: StoredLink, kind: str) -> AuditEvent:
    """A line about what the owner of a link does with it; nobody is signed in yet."""
    now = call.services.clock.now()
    facts = {"link": link.id, "address": address_block(origin_of(call.request, call.services).address)}
    id = call.services.random.new_id(now)
    return AuditEvent(id, now, kind, technician_id=link.technician_id, public=facts)


ROUTES = (
    Route("GET", "/welcome/{token}", show_welcome, Access.PUBLIC, Surface.PAGE, "Accept an invitation"),
    Route("POST", "/welcome/{token}", welcome, Access.PUBLIC, Surface.PAGE, "Set an account up", body=SetUpForm),
    Route("GET", "/second-factor/{token}", show_second_factor, Access.PUBLIC, Surface.PAGE, "A new second factor"),
    Route(
        "POST",
        "/second-factor/{token}",
        second_factor,
        Access.PUBLIC,
        Surface.PAGE,
        "Set a second factor up",
        body=SetUpForm,
    ),
    Route("GET", "/new-password/{token}", show_new_password, Access.PUBLIC, Surface.PAGE, "A new password"),
    Route(
        "POST",
        "/new-password/{token}",
        new_password,
        Access.PUBLIC,
        Surface.PAGE,
        "Set a new password",
        body=NewPasswordForm,
    ),
)
