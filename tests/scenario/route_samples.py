"""One call for every route of the product, for the tests that ask all of them: the role matrix, forged requests,
headers, fields that nobody declared.

**You have added a route and a test sent you here?** Add one line to `SAMPLES`; the test prints it as far as it can be
guessed. The name is the method and the path as declared. Each parameter of the path gets a kind of thing out of
`route_ground.MAKERS` (an id of the first tenant's is put in), or a fixed text after `=`. `body` is what a form or a
JSON body would hold so that the call is granted; `{contact}` and the like in it are filled in the same way.
`fresh=True` when the call uses its thing up (deletes it, ends it), so that each caller needs one of their own. `odd`:
statuses of a granted call beside 2xx, 3xx and 409. A kind of thing that is not there yet is a function of a few lines
in `MAKERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from web.routing import Route

TV = "/api/v1/technician-verifications"
EUV = "/api/v1/end-user-verifications"
ORGANISATION = "/settings/microsoft-365/{source_id}/organisations/{organisation_id}"


@dataclass(frozen=True, slots=True)
class Sample:
    """A call that would be granted to whoever may use the route; see above."""

    body: Mapping[str, Any] | None = None
    query: str = ""
    fresh: bool = False
    odd: frozenset[int] = frozenset()
    ids: Mapping[str, str] = field(default_factory=dict)
    upload: tuple[str, str, bytes] | None = None


def sample(
    *,
    body: Mapping[str, Any] | None = None,
    query: str = "",
    fresh: bool = False,
    odd: tuple[int, ...] = (),
    upload: tuple[str, str, bytes] | None = None,
    **ids: str,
) -> Sample:
    """`ids`: a parameter of the path -> a kind of thing, or a fixed text after `=`. `upload`: field, name
    of the file, what is in it."""
    return Sample(body, query, fresh, frozenset(odd), ids, upload)


CLAIM = {"direction": "we_called_user", "ticket": "later"}
PROOF = {"password": "not the password", "totp": "000000"}
#: A way that is nobody's, so that nothing is sent.
VERIFY = {"way": "sms_code.none"}
#: The first tenant's pod; whose it is is no secret, since the address of a pod says it.
POD_WINDOW = {"tenant": "tenant-1000", "challenge": "0" * 64}
BLOCK = {"hours": "1", "reason": "rings all day"}

#: One line for each route; see the docstring of this module.
SAMPLES: Mapping[str, Sample] = {
    # --- the API
    "POST /api/v1/sessions": sample(body={"login": "nobody", **PROOF}),
    "DELETE /api/v1/sessions/current": sample(),
    "POST /api/v1/sessions/current/proof": sample(body=PROOF, odd=(401,)),
    f"GET {TV}": sample(),
    f"GET {TV}/{{id}}": sample(id="check"),
    f"POST {TV}/{{id}}/claim": sample(id="check", body=CLAIM),
    f"POST {TV}/{{id}}/release": sample(id="check"),
    f"POST {TV}/{{id}}/take-over": sample(id="check"),
    f"POST {TV}/{{id}}/verbal": sample(id="check", body={"note": "yes"}),
    f"POST {TV}/{{id}}/reject": sample(id="check", body={"reason": "no"}),
    f"POST {TV}/{{id}}/ticket": sample(id="check", body={"ticket": "{ticket}"}),
    f"POST {TV}/{{id}}/resend": sample(id="check", odd=(429,)),
    f"POST {TV}/{{id}}/note": sample(id="check"),
    "GET /api/v1/contacts/{id}/verifications": sample(id="contact"),
    "GET /api/v1/contacts/{id}/methods": sample(id="contact", query="ticket={ticket}"),
    "POST /api/v1/contacts/{id}/methods/{method}/unlock": sample(id="contact", method="=sms_code"),
    f"GET {EUV}": sample(query="contact_id={contact}"),
    f"POST {EUV}": sample(body={"contact_id": "{contact}", "method": "email_code"}, odd=(429,)),
    f"GET {EUV}/{{id}}": sample(id="verification"),
    f"POST {EUV}/{{id}}/check": sample(id="verification", body={"code": "000000"}, odd=(422,)),
    f"POST {EUV}/{{id}}/resend": sample(id="verification", odd=(429,)),
    f"POST {EUV}/{{id}}/cancel": sample(id="verification"),
    f"POST {EUV}/{{id}}/ticket": sample(id="verification", body={"ticket": "{ticket}"}, odd=(422,)),
    "GET /api/v1/approvals": sample(query="contact_id={contact}"),
    "POST /api/v1/approvals": sample(
        body={"kind": "address", "contact_id": "{contact}", "address_id": "{address}", "note": "The boss stands here."}
    ),
    "GET /api/v1/approvals/{id}": sample(id="approval"),
    "POST /api/v1/approvals/{id}/grant": sample(id="approval", fresh=True),
    "POST /api/v1/approvals/{id}/refuse": sample(id="approval", fresh=True, body={"reason": "no"}),
    "POST /api/v1/approvals/{id}/withdraw": sample(id="own_approval", fresh=True),
    "GET /api/v1/announced-calls": sample(query="contact_id={contact}"),
    "POST /api/v1/announced-calls": sample(
        body={"contact_id": "{contact}", "direction": "on_site", "ticket": "later", "notify": False}
    ),
    "DELETE /api/v1/announced-calls/{id}": sample(id="announced", fresh=True),
    "GET /api/v1/contacts": sample(query="q=ada"),
    "GET /api/v1/contacts/{id}": sample(id="contact"),
    "POST /api/v1/contacts": sample(
        body={
            "name": "{unique}",
            "client_id": "{client}",
            "addresses": [{"kind": "email", "value": "new@acme.example"}],
            "same_name": True,
        },
    ),
    "PATCH /api/v1/contacts/{id}": sample(id="contact", body={"name": "Ada Bishop"}),
    "POST /api/v1/contacts/{id}/addresses": sample(id="contact", body={"kind": "email", "value": "{email}"}),
    "PATCH /api/v1/contacts/{id}/addresses/{address_id}": sample(
        id="contact", address_id="address", body={"value": "{email}"}
    ),
    "DELETE /api/v1/contacts/{id}/addresses/{address_id}": sample(id="contact", address_id="address", fresh=True),
    "POST /api/v1/contacts/{id}/addresses/{address_id}/use": sample(id="contact", address_id="address"),
    "GET /api/v1/clients": sample(),
    "GET /api/v1/clients/{id}": sample(id="client"),
    "POST /api/v1/clients": sample(body={"name": "{unique}"}),
    "PATCH /api/v1/clients/{id}": sample(id="client", body={"name": "{unique}"}),
    "GET /api/v1/tickets": sample(query="contact_id={contact}"),
    "GET /api/v1/tickets/{id}": sample(id="ticket"),
    "POST /api/v1/tickets": sample(body={"contact_id": "{contact}", "title": "Printer"}),
    "POST /api/v1/tickets/{id}/notes": sample(id="ticket", body={"text": "rang twice"}),
    "POST /api/v1/tickets/{id}/status": sample(id="ticket", body={"status": "closed"}),
    "POST /api/v1/tickets/{id}/take": sample(id="ticket"),
    "GET /api/v1/blocks": sample(),
    "POST /api/v1/blocks": sample(body={"check_id": "{check}", "reason": "rings all day", "hours": 1}),
    "DELETE /api/v1/blocks/{address}": sample(address="blocked", fresh=True),
    "GET /api/v1/profile": sample(),
    "PATCH /api/v1/profile": sample(body={"on_duty": False}),
    "GET /api/v1/technicians": sample(),
    "GET /api/v1/reports/verifications": sample(),
    "GET /api/v1/settings": sample(),
    "PATCH /api/v1/settings": sample(body={"code_length": "6"}),
    "GET /api/v1/verification-policy": sample(),
    "PUT /api/v1/verification-policy": sample(body={"history_length": "30"}),
    "GET /api/v1/clients/{id}/verification-policy": sample(id="client"),
    "PUT /api/v1/clients/{id}/verification-policy": sample(id="client", body={"green_for": "1h"}),
    "DELETE /api/v1/clients/{id}/verification-policy": sample(id="client"),
    "GET /api/v1/audit": sample(query="contact_id={contact}"),
    "GET /api/v1/alerts": sample(),
    "POST /api/v1/alerts/{id}/seen": sample(id="alert", fresh=True),
    "GET /api/v1/settings/texts/{template}": sample(template="=tv.confirmed"),
    "PUT /api/v1/settings/texts/{template}": sample(template="=tv.confirmed", body={"text": ""}),
    "GET /api/v1/integration-keys": sample(),
    "POST /api/v1/integration-keys": sample(body={"name": "{unique}", "scopes": ["checks:read"], "days": 1}),
    "DELETE /api/v1/integration-keys/{id}": sample(id="key", fresh=True),
    # --- for machines and anybody
    "GET /healthz": sample(),
    "GET /readyz": sample(),
    "GET /metrics": sample(),
    "POST /csp-report": sample(),
    "GET /docs": sample(),
    "GET /docs/openapi.json": sample(),
    "GET /static/{release}/{path:.+}": sample(release="=none", path="=watchword.css", odd=(404,)),
    "GET /events": sample(),
    "GET /brand/{tenant_id}/{hash}.css": sample(tenant_id="=none", hash="=none", odd=(404,)),
    "GET /brand/{tenant_id}/{hash}/logo.png": sample(tenant_id="=none", hash="=none", odd=(404,)),
    # --- links into accounts
    "GET /welcome/{token}": sample(token="=none", odd=(404, 410)),
    "POST /welcome/{token}": sample(token="=none", odd=(404, 410)),
    "GET /second-factor/{token}": sample(token="=none", odd=(404, 410)),
    "POST /second-factor/{token}": sample(token="=none", odd=(404, 410)),
    "GET /v/{token}": sample(token="=none", odd=(404, 429)),
    "POST /v/{token}": sample(token="=none", body={"act": "validate"}, odd=(404, 429)),
    "GET /new-password/{token}": sample(token="=none", odd=(404, 410)),
    "POST /new-password/{token}": sample(token="=none", odd=(404, 410)),
    "GET /forgot": sample(),
    "GET /for-users/{slug}": sample(slug="=nobody", odd=(404,)),
    "POST /forgot": sample(body={"login": "nobody"}),
    # --- pages: signing in, one's own
    "GET /sign-in": sample(),
    "POST /sign-in": sample(body={"login": "nobody", "password": "x", "code": "0"}, odd=(422,)),
    "POST /sign-out": sample(),
    "GET /step-up": sample(),
    "POST /step-up": sample(body={"password": "x", "code": "0"}, odd=(422,)),
    "GET /profile": sample(),
    "POST /profile": sample(body={"name": "Pat Lee", "sms": "yes"}),
    "POST /profile/password": sample(body={"password": "x", "code": "0", "new": "x", "again": "x"}, odd=(422,)),
    "POST /profile/duty": sample(body={"on_duty": "no"}),
    "POST /profile/log-ins/{log_in_id}/end": sample(log_in_id="own_log_in", fresh=True),
    "POST /profile/recovery-codes": sample(),
    # --- pages: checks
    "GET /": sample(),
    "GET /codes": sample(),
    "GET /codes/rows": sample(),
    "GET /codes/{check_id}": sample(check_id="check"),
    "GET /codes/{check_id}/rows": sample(check_id="check"),
    "POST /codes/{check_id}/claim": sample(check_id="check", body=CLAIM),
    "POST /codes/{check_id}/release": sample(check_id="check"),
    "POST /codes/{check_id}/take-over": sample(check_id="check"),
    "POST /codes/{check_id}/verbal": sample(check_id="check", body={"note": "yes"}),
    "POST /codes/{check_id}/reject": sample(check_id="check", body={"reason": "no"}),
    "POST /codes/{check_id}/ticket": sample(check_id="check", body={"ticket": "new"}),
    "POST /codes/{check_id}/resend": sample(check_id="check", odd=(429,)),
    "POST /codes/{check_id}/note": sample(check_id="check"),
    "POST /alerts/{alert_id}/seen": sample(alert_id="alert", fresh=True),
    "GET /blocks": sample(),
    "GET /blocks/new": sample(query="check_id={check}"),
    "POST /blocks": sample(body={"check_id": "{check}", **BLOCK}),
    "POST /blocks/lift": sample(body={"address": "{blocked}"}, fresh=True),
    # --- pages: people and tickets
    "GET /contacts": sample(query="q=ada"),
    "GET /contacts/{contact_id}": sample(contact_id="contact"),
    "GET /contacts/new": sample(),
    "POST /contacts/new": sample(body={"name": "{unique}", "client": "Acme Dental", "email": "{email}"}),
    "GET /contacts/{contact_id}/edit": sample(contact_id="contact"),
    "POST /contacts/{contact_id}/edit": sample(
        contact_id="contact", body={"name": "Ada Bishop", "client": "Acme Dental"}
    ),
    "POST /contacts/{contact_id}/addresses": sample(contact_id="contact", body={"kind": "email", "value": "{email}"}),
    "POST /contacts/{contact_id}/addresses/{address_id}": sample(
        contact_id="contact", address_id="address", body={"value": "{email}"}
    ),
    "POST /contacts/{contact_id}/addresses/{address_id}/remove": sample(
        contact_id="contact", address_id="address", fresh=True
    ),
    "POST /contacts/{contact_id}/addresses/{address_id}/use": sample(contact_id="contact", address_id="address"),
    "GET /clients": sample(),
    "POST /clients": sample(body={"name": "{unique}"}),
    "GET /clients/{client_id}": sample(client_id="client"),
    "POST /clients/{client_id}": sample(client_id="client", body={"name": "{unique}"}),
    "GET /imports": sample(),
    "POST /imports": sample(upload=("file", "people.csv", b"name,client,mobile\nGil,Acme,+12125550161\n")),
    "GET /imports/{import_id}": sample(import_id="import"),
    "GET /imports/{import_id}/problems.csv": sample(import_id="import"),
    "POST /imports/{import_id}/run": sample(import_id="import"),
    "POST /imports/{import_id}/discard": sample(import_id="import", fresh=True),
    "POST /imports/{import_id}/undo": sample(import_id="import", fresh=True),
    "GET /announce": sample(query="q=ada"),
    "POST /announce": sample(body={"contact_id": "{contact}", "direction": "on_site", "ticket": "later"}),
    "POST /announced/{announced_id}/withdraw": sample(announced_id="announced", fresh=True),
    "GET /tickets": sample(),
    "GET /tickets/{ticket_id}": sample(ticket_id="ticket"),
    "POST /tickets": sample(body={"contact_id": "{contact}"}),
    "POST /tickets/{ticket_id}/note": sample(ticket_id="ticket", body={"note": "rang twice"}),
    "POST /tickets/{ticket_id}/status": sample(ticket_id="ticket", body={"status": "closed"}),
    "POST /tickets/{ticket_id}/take": sample(ticket_id="ticket"),
    # --- pages: verifying end users
    "GET /contacts/{contact_id}/verify": sample(contact_id="contact"),
    "POST /contacts/{contact_id}/verify": sample(
        contact_id="contact", body={"way": "email_code.{address}"}, odd=(422, 429)
    ),
    "POST /contacts/{contact_id}/verify/override": sample(
        contact_id="contact", body={"way": "email_code.{address}", "reason": "The boss stands here."}, odd=(422, 429)
    ),
    "POST /contacts/{contact_id}/methods/{method}/unlock": sample(contact_id="contact", method="=sms_code"),
    "GET /verifications/{verification_id}": sample(verification_id="verification"),
    "GET /verifications/{verification_id}/state": sample(verification_id="verification"),
    "POST /verifications/{verification_id}/check": sample(
        verification_id="verification", body={"code": "1"}, odd=(422,)
    ),
    "POST /verifications/{verification_id}/resend": sample(verification_id="verification"),
    "POST /verifications/{verification_id}/cancel": sample(verification_id="verification"),
    "POST /verifications/{verification_id}/ticket": sample(verification_id="verification", body={"ticket": "{ticket}"}),
    # --- pages: second persons
    "GET /approvals": sample(),
    "GET /approvals/rows": sample(),
    "GET /approvals/{approval_id}": sample(approval_id="approval"),
    "GET /approvals/{approval_id}/rows": sample(approval_id="approval"),
    "POST /approvals/{approval_id}/grant": sample(approval_id="approval", fresh=True),
    "POST /approvals/{approval_id}/refuse": sample(approval_id="approval", fresh=True, body={"reason": "no"}),
    "POST /approvals/{approval_id}/withdraw": sample(approval_id="own_approval", fresh=True),
    "POST /contacts/{contact_id}/approvals": sample(
        contact_id="contact", body={"kind": "address", "way": "email_code.{address}", "note": "The boss stands here."}
    ),
    # --- pages: what has happened
    "GET /history": sample(query="contact={contact}"),
    "GET /history/checks/{check_id}": sample(check_id="check"),
    "POST /history/checks/{check_id}/receipt": sample(check_id="check"),
    "GET /history/log": sample(),
    "POST /history/log/check": sample(body={"lines": "10000"}),
    "POST /history/log/export": sample(body={"since": "2026-03-01", "until": "2026-03-02"}),
    "GET /history/log/check_receipt.py": sample(),
    "GET /reports": sample(),
    "GET /reports/by-{by}.csv": sample(by="=client"),
    # --- the pod
    "GET /pod": sample(query="contact={contact}"),
    "GET /pod/events": sample(query="about={contact}"),
    "POST /pod/session": sample(body={"verifier": "0" * 43}, odd=(404, 422)),
    "POST /pod/sign-out": sample(),
    "POST /pod/codes/{check_id}/claim": sample(
        check_id="check", query="contact={contact}", body={**CLAIM, "sure": "yes"}
    ),
    "POST /pod/codes/{check_id}/code": sample(check_id="check", query="contact={contact}"),
    "POST /pod/announce": sample(body={"contact_id": "{contact}", "direction": "on_site", "ticket": "later"}),
    "POST /pod/announced/{announced_id}/withdraw": sample(announced_id="announced", fresh=True),
    "GET /pod/contacts/{contact_id}/verify": sample(contact_id="contact"),
    "POST /pod/contacts/{contact_id}/approvals": sample(
        contact_id="contact", body={"kind": "address", "way": "email_code.{address}", "note": "The boss stands here."}
    ),
    "POST /pod/approvals/{approval_id}/withdraw": sample(approval_id="own_approval", fresh=True),
    "POST /pod/contacts/{contact_id}/verify": sample(contact_id="contact", body=VERIFY, odd=(422,)),
    "GET /pod/verifications/{verification_id}": sample(verification_id="verification"),
    "GET /pod/verifications/{verification_id}/state": sample(verification_id="verification"),
    "POST /pod/verifications/{verification_id}/check": sample(
        verification_id="verification", body={"code": "0"}, odd=(422,)
    ),
    "POST /pod/verifications/{verification_id}/resend": sample(verification_id="verification", odd=(429,)),
    "POST /pod/verifications/{verification_id}/cancel": sample(verification_id="verification"),
    "POST /pod/verifications/{verification_id}/ticket": sample(
        verification_id="verification", body={"ticket": "{ticket}"}
    ),
    "GET /pod/sign-in": sample(query=urlencode(POD_WINDOW)),
    "POST /pod/sign-in": sample(body={**POD_WINDOW, "login": "nobody", "password": "x", "code": "0"}, odd=(422,)),
    "POST /pod/sign-in/go-on": sample(body=POD_WINDOW),
    "GET /pod/sign-in/again": sample(query=urlencode(POD_WINDOW)),
    "POST /pod/sign-in/again": sample(body={**POD_WINDOW, "password": "x", "code": "0"}, odd=(422,)),
    "POST /pod/sign-in/pair": sample(body=POD_WINDOW),
    # --- settings
    "GET /settings/pod": sample(),
    "POST /settings/pod": sample(body={"origins": "https://na.psa.example/tickets"}),
    "GET /settings": sample(),
    "GET /settings/company": sample(),
    "POST /settings/company": sample(body={"name": "Tenant 1"}, odd=(422,)),
    "GET /settings/keys": sample(),
    "POST /settings/keys": sample(body={"name": "{unique}", "scopes": ["checks:read"], "days": "1"}),
    "POST /settings/keys/{key_id}/revoke": sample(key_id="key", fresh=True),
    "GET /settings/numbers": sample(),
    "POST /settings/numbers": sample(body={"number": "1"}, odd=(422,)),
    "POST /settings/numbers/{number_id}/primary": sample(number_id="number"),
    "POST /settings/numbers/{number_id}/opt-out": sample(number_id="number", body={"opt_out_by": "watchword"}),
    "POST /settings/numbers/{number_id}/remove": sample(number_id="number", odd=(422,)),
    "POST /settings/carrier": sample(body={"account_sid": "AC", "auth_token": "0"}, odd=(422,)),
    "POST /settings/carrier/remove": sample(body={"account_sid": "{carrier}"}, fresh=True),
    "POST /settings/carrier/look": sample(),
    "POST /settings/carrier/try": sample(body={"sender": "{number_address}", "to": "1"}, odd=(422,)),
    "POST /settings/carrier/fate": sample(body={"sender": "{number_address}", "sid": "SM1"}, odd=(404,)),
    "GET /settings/registration": sample(),
    "GET /settings/verification": sample(),
    "POST /settings/verification": sample(body={}, odd=(422,)),
    "GET /settings/policies": sample(),
    "POST /settings/policies": sample(body={}, odd=(422,)),
    "GET /settings/policies/{client_id}": sample(client_id="client"),
    "POST /settings/policies/{client_id}": sample(client_id="client", body={}, odd=(422,)),
    "POST /settings/policies/{client_id}/reset": sample(client_id="client"),
    "GET /settings/limits": sample(),
    "POST /settings/limits": sample(body={}, odd=(422,)),
    "GET /settings/words": sample(),
    "POST /settings/words": sample(body={}, odd=(422,)),
    "GET /settings/brand": sample(),
    "POST /settings/brand/colours": sample(body={"light": "", "dark": "", "act": "look"}, odd=(422,)),
    "POST /settings/brand/logo": sample(body={"act": "remove"}),
    "POST /settings/brand/band": sample(body={"act": "look"}),
    "POST /settings/brand/mail": sample(body={"logo_in_email": ""}),
    "GET /settings/brand/preview.css": sample(odd=(422,)),
    "GET /settings/brand/look": sample(odd=(422,)),
    "GET /settings/texts": sample(),
    "GET /settings/texts/{template}": sample(template="=tv.confirmed"),
    "POST /settings/texts/{template}": sample(template="=tv.confirmed", body={"text": ""}, odd=(422,)),
    "POST /settings/texts/{template}/restore": sample(template="=tv.confirmed", body={"text": ""}),
    "POST /settings/texts/{template}/preview": sample(template="=tv.confirmed", body={"text": "Yes."}, odd=(422,)),
    "GET /settings/mail": sample(),
    "POST /settings/mail": sample(body={"host": ""}, odd=(422,)),
    "GET /settings/mail/words": sample(),
    "POST /settings/mail/words": sample(body={"mail_text": "Hello"}),
    "POST /settings/mail/words/preview": sample(body={"mail_text": "Hello"}),
    "POST /settings/mail/try": sample(odd=(422,)),
    "POST /settings/mail/remove": sample(odd=(404,)),
    "GET /settings/teams": sample(),
    "POST /settings/teams": sample(body={"name": "", "url": ""}, odd=(422,)),
    "POST /settings/teams/{connection_id}": sample(connection_id="connection", body={"name": ""}, odd=(422,)),
    "POST /settings/teams/{connection_id}/remove": sample(connection_id="connection", fresh=True),
    "POST /settings/teams/{connection_id}/try": sample(connection_id="connection", odd=(422,)),
    "GET /settings/microsoft-365": sample(),
    "POST /settings/microsoft-365": sample(body={"name": ""}, odd=(422,)),
    "GET /settings/microsoft-365/{source_id}": sample(source_id="source"),
    "POST /settings/microsoft-365/{source_id}": sample(source_id="source", body={"name": ""}, odd=(422,)),
    "POST /settings/microsoft-365/{source_id}/remove": sample(source_id="source", fresh=True),
    "POST /settings/microsoft-365/{source_id}/organisations": sample(
        source_id="source", body={"organisation": "no domain"}, odd=(422,)
    ),
    "POST /settings/microsoft-365/{source_id}/consent": sample(source_id="source"),
    "GET /settings/microsoft-365/{source_id}/connected": sample(source_id="source", odd=(400,)),
    "POST /settings/microsoft-365/{source_id}/connected": sample(source_id="source", body={"word": "none"}),
    f"GET {ORGANISATION}": sample(source_id="source", organisation_id="organisation"),
    f"POST {ORGANISATION}": sample(
        source_id="source", organisation_id="organisation", body={"client": "Acme Dental", "new_client": "yes"}
    ),
    f"POST {ORGANISATION}/sync": sample(source_id="source", organisation_id="organisation"),
    f"POST {ORGANISATION}/let-back": sample(source_id="source", organisation_id="organisation"),
    f"POST {ORGANISATION}/disconnect": sample(source_id="source", organisation_id="spare_organisation"),
    f"GET {ORGANISATION}/changes": sample(source_id="source", organisation_id="organisation"),
    f"POST {ORGANISATION}/changes": sample(
        source_id="source", organisation_id="organisation", body={"decision": "apply"}, odd=(422,)
    ),
    "GET /settings/webhooks": sample(),
    "POST /settings/webhooks": sample(body={"name": "", "url": ""}, odd=(422,)),
    "GET /settings/webhooks/{webhook_id}": sample(webhook_id="webhook"),
    "POST /settings/webhooks/{webhook_id}": sample(webhook_id="webhook", body={"name": ""}, odd=(422,)),
    "POST /settings/webhooks/{webhook_id}/rotate": sample(webhook_id="webhook"),
    "POST /settings/webhooks/{webhook_id}/switch": sample(webhook_id="webhook", body={"on": "yes"}),
    "POST /settings/webhooks/{webhook_id}/remove": sample(webhook_id="webhook", fresh=True),
    "POST /settings/webhooks/{webhook_id}/test": sample(webhook_id="webhook", odd=(422,)),
    "POST /settings/webhooks/{webhook_id}/deliveries/{delivery_id}/again": sample(
        webhook_id="webhook", delivery_id="delivery"
    ),
    "GET /settings/people": sample(),
    "GET /settings/people/new": sample(),
    "POST /settings/people/new": sample(body={"name": "Gil Hart", "login": "{email}", "ui_access": "yes"}),
    "POST /settings/people/default-role": sample(body={"invited_role": "technician"}),
    "GET /settings/people/{person_id}": sample(person_id="person"),
    "POST /settings/people/{person_id}": sample(person_id="person", body={"name": "Gil Hart", "ui_access": "yes"}),
    "POST /settings/people/{person_id}/off": sample(person_id="person", fresh=True),
    "POST /settings/people/{person_id}/on": sample(person_id="person"),
    "POST /settings/people/{person_id}/invitation": sample(person_id="invited"),
    "POST /settings/people/{person_id}/invitation/withdraw": sample(person_id="invited", fresh=True),
    "POST /settings/people/{person_id}/second-factor": sample(person_id="person"),
    "POST /settings/people/{person_id}/password": sample(person_id="person"),
    "POST /settings/people/{person_id}/log-ins/end": sample(person_id="person"),
    "POST /settings/people/{person_id}/log-ins/{log_in_id}/end": sample(
        person_id="technician", log_in_id="log_in", fresh=True
    ),
}


def name_of(route: Route) -> str:
    """How `SAMPLES` calls a route."""
    return f"{route.method} {route.path}"
