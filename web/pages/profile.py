"""My own page: who I am and how I am reached, on duty or not, where I am signed in, password and recovery codes."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from identity import recovery
from identity.passwords import WeakPassword, check_password
from identity.sign_in import Proof, Refused
from storage.people import WAYS, StoredTechnician
from web.api.ids import our_id
from web.log_in import prove_again_here, set_log_in_cookie
from web.look import _
from web.noting import line
from web.pages.context import frame, length, page, see_other
from web.pages.forms import DutyForm, Form
from web.pages.log_ins import log_in_views
from web.pages.people_forms import PasswordForm, ProfileForm
from web.pages.settings.people import role_of
from web.people import change_own, own_region, read_all, read_email, read_mobile, read_name
from web.problems import not_found
from web.routing import Access, Call, Route, Surface


async def show_profile(call: Call) -> web.StreamResponse:
    """My page."""
    return await _profile(call)


async def change_profile(call: Call) -> web.StreamResponse:
    """My name, how I am reached, and how alerts come. It asks for a fresh proof: links to a new password go there."""
    given: ProfileForm = call.body
    region = await own_region(call.services, call.who.tenant_id)
    read, problems = read_all(
        name=lambda: read_name(given.name),
        email=lambda: read_email(given.email),
        mobile=lambda: read_mobile(given.mobile, region),
    )
    ways = [way for way, ticked in zip(WAYS, (given.sms, given.by_email), strict=True) if ticked]
    if not ways:
        problems["notify_by"] = _("Choose at least one way. To get no alerts, go off duty.")
    if problems:
        return await _profile(call, typed=given, problems=problems)
    await change_own(call, {**read, "notify_by": ",".join(ways)})
    return see_other("/profile", said="person_changed")


async def change_duty(call: Call) -> web.StreamResponse:
    """On or off duty; alerts about unclaimed checks go to those who are on."""
    given: DutyForm = call.body
    who = call.who
    on_duty = given.on_duty == "yes"
    people = call.services.people.noting(who.tenant_id, line(call, "technician.duty_changed", on_duty=int(on_duty)))
    await people.change(who.tenant_id, who.technician_id, on_duty=on_duty)
    return see_other("/profile", said="duty")


async def change_password(call: Call) -> web.StreamResponse:
    """Another password. It always takes the old one and a code, and ends every other log-in."""
    given: PasswordForm = call.body
    who, services = call.who, call.services
    me = await _me(call)
    problems: dict[str, str] = {}
    try:
        check_password(given.new, login=me.login, name=me.name)
    except WeakPassword as weak:
        problems["new"] = str(weak)
    if not problems and given.new != given.again:
        problems["again"] = _("The two passwords differ. Type the same one twice.")
    if problems:
        return await _profile(call, problems=problems)
    proven = await prove_again_here(call.request, services, who, Proof(given.password, given.code))
    if isinstance(proven, Refused):
        if proven.word == "ended":
            return see_other("/sign-in")
        wait = proven.retry_at - services.clock.now() if proven.retry_at is not None else None
        said = _("Password or code is not right. A code works once: wait for the next one.")
        problem = said if wait is None else _("Too many tries. Try again in %s.") % length(wait)
        return await _profile(call, problems={"password": problem}, status=422 if wait is None else 429)
    hashed = await services.passwords.hash(given.new)
    people = services.people.noting(who.tenant_id, line(call, "sign_in.password_changed"))
    await people.change_password(
        who.tenant_id, who.technician_id, hashed, services.clock.now(), keep_log_in=who.log_in_id
    )
    response = see_other("/profile", said="password_changed")
    set_log_in_cookie(response, proven.token)
    return response


async def end_log_in(call: Call) -> web.StreamResponse:
    """Sign one of my log-ins out, wherever it is."""
    who = call.who
    log_in_id = our_id(call, "log_in_id")
    accounts = call.services.accounts.noting(
        who.tenant_id, line(call, "sign_in.ended", log_in=log_in_id, why="revoked")
    )
    if not await accounts.revoke(who.tenant_id, who.technician_id, log_in_id, call.services.clock.now()):
        raise not_found()
    return see_other("/profile", said="log_in_ended")


async def new_recovery_codes(call: Call) -> web.StreamResponse:
    """Ten new codes in place of the old ones, shown in this one answer and never again."""
    who = call.who
    codes = recovery.new_codes(call.services.random)
    digests = [d for code in codes if (d := recovery.digest(who.technician_id, code)) is not None]
    people = call.services.people.noting(
        who.tenant_id, line(call, "sign_in.recovery_codes_replaced", count=len(digests))
    )
    await people.replace_recovery_codes(who.tenant_id, who.technician_id, digests)
    return await _profile(call, new_codes=codes)


async def _me(call: Call) -> StoredTechnician:
    me = await call.services.people.technician(call.who.tenant_id, call.who.technician_id)
    if me is None:
        raise not_found()
    return me


async def _profile(
    call: Call,
    *,
    new_codes: tuple[str, ...] = (),
    typed: ProfileForm | None = None,
    problems: Mapping[str, str] | None = None,
    status: int = 0,
) -> web.StreamResponse:
    who = call.who
    me = await _me(call)
    ways = me.notify_by.split(",")
    as_it_is = ProfileForm(
        name=me.name,
        mobile=me.mobile,
        email=me.email,
        sms="yes" if "sms" in ways else "",
        by_email="yes" if "email" in ways else "",
    )
    values = {
        "me": me,
        "typed": typed or as_it_is,
        "problems": problems or {},
        "log_ins": await log_in_views(call, who.technician_id),
        "new_codes": new_codes,
        "role": role_of(me.role, supervisor=me.supervisor),
    }
    shown = frame(call, _("Profile"), "profile", on_duty=me.on_duty)
    return page(call, "profile.html", shown, values, status=status or (422 if problems else 200))


ROUTES = (
    Route("GET", "/profile", show_profile, Access.TECHNICIAN, Surface.PAGE, "My page", pod=True),
    Route(
        "POST",
        "/profile",
        change_profile,
        Access.TECHNICIAN,
        Surface.PAGE,
        "Change my account",
        body=ProfileForm,
        step_up=True,
        pod=True,
    ),
    Route(
        "POST", "/profile/duty", change_duty, Access.TECHNICIAN, Surface.PAGE, "On or off duty", body=DutyForm, pod=True
    ),
    Route(
        "POST",
        "/profile/password",
        change_password,
        Access.TECHNICIAN,
        Surface.PAGE,
        "Change my password",
        body=PasswordForm,
        pod=True,
    ),
    Route(
        "POST",
        "/profile/log-ins/{log_in_id}/end",
        end_log_in,
        Access.TECHNICIAN,
        Surface.PAGE,
        "End a log-in",
        body=Form,
        pod=True,
    ),
    Route(
        "POST",
        "/profile/recovery-codes",
        new_recovery_codes,
        Access.TECHNICIAN,
        Surface.PAGE,
        "New recovery codes",
        body=Form,
        step_up=True,
        pod=True,
    ),
)
