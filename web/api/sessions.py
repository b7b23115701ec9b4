"""Signing in for a program: password and second factor for a bearer token that lasts a shift."""

from __future__ import annotations

from aiohttp import web

from identity.sign_in import LogInGranted, Proof, Refused
from web.answers import answer, no_content
from web.api.shapes import SignedIn, SignInWith, StepUpWith, TechnicianRef
from web.log_in import origin_of
from web.noting import line
from web.problems import Problem
from web.routing import Access, Call, Route, Surface


async def sign_in(call: Call) -> web.StreamResponse:
    """The token is for a technician at work: it may claim checks and see codes. It ends after 12 hours, after half an
    hour without use (15 minutes for administrators), or when it is signed out."""
    given: SignInWith = call.body
    proof = Proof(given.password, given.totp or given.recovery_code)
    origin = origin_of(call.request, call.services)
    granted = await call.services.sign_in.log_in(given.login, proof, origin, kind="bearer")
    if isinstance(granted, Refused):
        raise refusal(granted)
    technician = await call.services.people.technician(granted.tenant_id, granted.technician_id)
    if technician is None or granted.expires_at is None:
        raise Problem(401, "sign_in_failed", "This account was removed just now.")
    return answer(
        SignedIn(
            token=granted.token,
            expires_at=granted.expires_at,
            technician=TechnicianRef(id=technician.id, name=technician.name),
            recovery_codes_left=granted.recovery_codes_left,
        ),
        201,
    )


async def sign_out(call: Call) -> web.StreamResponse:
    """The token is dead from here on, on every copy."""
    who = call.who
    ended = line(call, "sign_in.ended", log_in=who.log_in_id, why="signed_out")
    accounts = call.services.accounts.noting(who.tenant_id, ended)
    await accounts.revoke(who.tenant_id, who.technician_id, who.log_in_id, call.services.clock.now())
    return no_content()


async def step_up(call: Call) -> web.StreamResponse:
    """Proves the log-in anew, for what needs a fresh one. The old token ends and a new one takes its place."""
    given: StepUpWith = call.body
    who = call.who
    if who.kind != "bearer":
        raise Problem(409, "not_a_bearer", "Pages prove a log-in on their own page.")
    granted: LogInGranted | Refused = await call.services.sign_in.prove_again(
        who.tenant_id,
        who.technician_id,
        who.log_in_id,
        Proof(given.password, given.totp or given.recovery_code),
        origin_of(call.request, call.services),
        kind="bearer",
    )
    if isinstance(granted, Refused):
        raise refusal(granted)
    found = await call.services.accounts.log_ins(who.tenant_id, who.technician_id, call.services.clock.now())
    expires_at = next((log_in.expires_at for log_in in found if log_in.id == who.log_in_id), None)
    if expires_at is None:
        raise refusal(Refused("ended"))
    return answer(
        SignedIn(
            token=granted.token,
            expires_at=expires_at,
            technician=TechnicianRef(id=who.technician_id, name=who.name),
            recovery_codes_left=granted.recovery_codes_left,
        )
    )


def refusal(refused: Refused) -> Problem:
    """Why nobody was signed in, in the same words whatever was wrong."""
    match refused.word:
        case "throttled":
            at = refused.retry_at
            when = f" Try again at {at:%H:%M} UTC." if at is not None else ""
            details = {"not_before": at} if at is not None else {}
            return Problem(429, "too_many_tries", f"Too many tries.{when}", details, retry_after=60)
        case "disabled":
            return Problem(403, "account_disabled", "This account is switched off. Ask one of your administrators.")
        case "ended":
            return Problem(401, "sign_in_required", "This log-in has ended. Sign in again.")
        case "wrong":
            return Problem(
                401, "sign_in_failed", "Login, password or code is not right. A code works once: wait for the next one."
            )


ROUTES = (
    Route(
        "POST",
        "/api/v1/sessions",
        sign_in,
        Access.PUBLIC,
        Surface.API,
        "Sign in",
        body=SignInWith,
        answers={201: SignedIn},
        grants=True,
    ),
    Route(
        "DELETE",
        "/api/v1/sessions/current",
        sign_out,
        Access.TECHNICIAN,
        Surface.API,
        "Sign out",
        answers={204: None},
        pod=True,
    ),
    Route(
        "POST",
        "/api/v1/sessions/current/proof",
        step_up,
        Access.TECHNICIAN,
        Surface.API,
        "Prove the log-in anew",
        body=StepUpWith,
        answers={200: SignedIn},
        grants=True,
        pod=True,
    ),
)
