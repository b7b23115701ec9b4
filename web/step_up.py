"""Proving a log-in again in the middle of a form, without losing what was typed (SEC-34).

A form whose proof has grown old is answered with a page that asks for password and code and carries the form's own
fields along. It is sent to the same address, so with the right proof the form goes through as if nothing had been.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aiohttp import web
from pydantic import BaseModel

from identity.sign_in import Proof, Refused
from web.log_in import NEW_TOKEN, Recognised, prove_again_here
from web.problems import Problem
from web.routing import Upload
from web.services import Services

#: The fields of the proof. No form of ours may use these names for something else.
PASSWORD = "proof_password"  # noqa: S105 - the name of a field
CODE = "proof_code"
#: What is longer is no password or code of ours, and is not worth hashing.
_MOST = 1024


@dataclass(eq=False)
class ProofWanted(Problem):
    """The form may go on once its sender has shown who they are. `carried` are its fields in order, `files` the names
    of its files by field: a browser does not hand a file back, so they are chosen again. `secrets` are fields, with
    what to call them, that are typed again: a page shows no secret. `refused` is what was wrong with the proof that
    came with it, None when there was none."""

    carried: Sequence[tuple[str, str]] = ()
    files: Mapping[str, str] | None = None
    secrets: Mapping[str, str] | None = None
    refused: Refused | None = None


def stale() -> Problem:
    """The proof is more than five minutes old, for whatever has no form to carry along."""
    return Problem(
        401, "step_up_required", "This needs a fresh sign-in: give your password and the code of your app again."
    )


async def proven(
    request: web.Request,
    services: Services,
    known: Recognised,
    fields: dict[str, list[str]],
    files: Mapping[str, Upload],
    form: type[BaseModel] | None = None,
) -> Recognised:
    """The log-in, proven now: it was, or the form brought a proof, whose fields are taken out of `fields`. The new
    token goes to the browser with whatever the answer will be. `form` says which fields are secrets: those with
    `repr=False`. Raises `ProofWanted`."""
    password, code = (fields.pop(name, [""])[0][:_MOST] for name in (PASSWORD, CODE))
    if known.fresh:
        return known
    who = known.acting
    if not password and not code:
        raise _wanted(fields, files, form, None)
    granted = await prove_again_here(request, services, who, Proof(password, code))
    if isinstance(granted, Refused):
        if granted.word == "ended":
            raise Problem(401, "sign_in_required", "This log-in has ended. Sign in again.")
        raise _wanted(fields, files, form, granted)
    request[NEW_TOKEN] = granted.token
    return Recognised(replace(who, proven_at=services.clock.now()), elsewhere=False, fresh=True)


def _wanted(
    fields: Mapping[str, list[str]],
    files: Mapping[str, Upload],
    form: type[BaseModel] | None,
    refused: Refused | None,
) -> ProofWanted:
    plain = stale()
    declared = form.model_fields if form is not None else {}
    secret = {name: one.title or name for name, one in declared.items() if not one.repr and any(fields.get(name, ()))}
    throttled = refused is not None and refused.word == "throttled"
    return ProofWanted(
        429 if throttled else plain.status,
        plain.error,
        plain.message,
        carried=[(name, value) for name, values in fields.items() if name not in secret for value in values],
        files={name: file.name for name, file in files.items()},
        secrets=secret,
        refused=refused,
    )
