"""Entra as far as it is asked: tokens by client credentials, and the page on which an administrator consents."""

from __future__ import annotations

import hmac
from html import escape
from urllib.parse import urlencode

from aiohttp import web

from simulator.microsoft.cloud import TOKEN_LASTS, MicrosoftCloud, answer_fault
from simulator.microsoft.records import Application, Organisation, Token

SCOPE = "https://graph.microsoft.com/.default"
ANY = frozenset({"organizations", "common"})

#: HTTP status, OAuth's word, and what is said, by error number. The words are made up here; numbers follow Entra.
REFUSALS = {
    7000215: (401, "invalid_client", "The client secret is wrong. Send its value, not its id."),
    7000222: (401, "invalid_client", "The client secret has expired."),
    700016: (400, "unauthorized_client", "The application was not found in the directory."),
    7000229: (401, "invalid_client", "The application has no service principal in the tenant."),
    90002: (400, "invalid_request", "The tenant was not found."),
    70011: (400, "invalid_scope", "The scope is not valid."),
    70003: (400, "unsupported_grant_type", "The grant type is not supported."),
    900144: (400, "invalid_request", "A parameter is missing from the request body."),
    50011: (400, "invalid_request", "The redirect address is not one of those that were registered."),
    50194: (400, "invalid_request", "The application is not configured for several tenants."),
}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<title>Permissions requested</title></head><body><main>
<h1>Permissions requested</h1>
<p>This is a stand-in for Microsoft's page. Nothing leaves this computer.</p>
<p><strong>{application}</strong> wants, for your whole organisation:</p>
<ul>{permissions}</ul>
<form method="post">
<fieldset><legend>You are an administrator of</legend>{organisations}</fieldset>
<p><button name="answer" value="accept">Accept</button> <button name="answer" value="cancel">Cancel</button></p>
</form></main></body></html>
"""


class EntraApi:
    """Routes over the cloud; mount them at the root of an application, or under a prefix."""

    def __init__(self, cloud: MicrosoftCloud) -> None:
        self._cloud = cloud

    def routes(self) -> list[web.RouteDef]:
        """`POST /{tenant}/oauth2/v2.0/token`, `GET` and `POST /{tenant}/v2.0/adminconsent`."""
        consent = "/{tenant}/v2.0/adminconsent"
        return [
            web.post("/{tenant}/oauth2/v2.0/token", self.token),
            web.get(consent, self.show_consent, allow_head=False),
            web.post(consent, self.consent),
        ]

    async def token(self, request: web.Request) -> web.Response:
        """A token for one organisation, or why not."""
        fault = self._cloud.next_fault("token")
        if fault is not None:
            return answer_fault(request, fault, {"error": fault.code, "error_description": "On request."})
        form = {name: str(value) for name, value in (await request.post()).items()}
        organisation = self._cloud.organisation(request.match_info["tenant"].lower())
        application = self._cloud.applications.get(form.get("client_id", "").lower())
        wrong = self._wrong(form, organisation, application)
        if wrong or organisation is None or application is None:
            return self._refuse(wrong)
        until = self._cloud.clock.now() + TOKEN_LASTS
        given = Token(organisation.id, application.id, organisation.grants[application.id], until)
        seconds = int(TOKEN_LASTS.total_seconds()) - 1
        return web.json_response(
            {
                "token_type": "Bearer",
                "expires_in": seconds,
                "ext_expires_in": seconds,
                "access_token": self._cloud.give_token(given),
            }
        )

    async def show_consent(self, request: web.Request) -> web.Response:
        """The page with Accept and Cancel; a bad request is told here and leads nowhere."""
        application, wrong = self._asking(request)
        if wrong or application is None:
            return self._told(wrong)
        choices = self._choices(request)
        organisations = "".join(
            f'<p><label><input type="radio" name="organisation" value="{escape(one.id)}"'
            f"{' checked' if at == 0 else ''}> {escape(one.name)}</label></p>"
            for at, one in enumerate(choices)
        )
        page = _PAGE.format(
            application=escape(application.name),
            permissions="".join(f"<li>{escape(name)}</li>" for name in sorted(application.permissions)),
            organisations=organisations,
        )
        return web.Response(text=page, content_type="text/html")

    async def consent(self, request: web.Request) -> web.Response:
        """Accept or Cancel, then back to where the application waits."""
        application, wrong = self._asking(request)
        if wrong or application is None:
            return self._told(wrong)
        form = await request.post()
        chosen = self._cloud.organisations.get(str(form.get("organisation", "")))
        said: dict[str, str] = {}
        if form.get("answer") == "accept" and chosen in self._choices(request) and chosen is not None:
            self._cloud.consent(chosen, application)
            said = {"admin_consent": "True", "tenant": chosen.id, "scope": request.query["scope"]}
        else:
            said = {
                "error": "access_denied",
                "error_description": "AADSTS65004: User declined to consent to access the app.",
                "error_subcode": "cancel",
                "admin_consent": "True",
            }
        if "state" in request.query:
            said["state"] = request.query["state"]
        redirect = request.query["redirect_uri"]
        to = f"{redirect}{'&' if '?' in redirect else '?'}{urlencode(said)}"
        return web.Response(status=302, headers={"Location": to})

    def _wrong(self, form: dict[str, str], organisation: Organisation | None, application: Application | None) -> int:
        """The error number of what is wrong with a request for a token; 0 for nothing."""
        if form.get("grant_type") != "client_credentials":
            return 70003
        if not form.get("client_id") or not form.get("client_secret"):
            return 900144
        if organisation is None:
            return 90002
        if application is None:
            return 700016
        if not hmac.compare_digest(form["client_secret"].encode(), application.secret.encode()):
            return 7000215
        if application.secret_ends is not None and self._cloud.clock.now() >= application.secret_ends:
            return 7000222
        if form.get("scope") != SCOPE:
            return 70011
        return 0 if application.id in organisation.grants else 7000229

    def _asking(self, request: web.Request) -> tuple[Application | None, int]:
        """Who asks for consent, and the error number of what is wrong with it."""
        query = request.query
        application = self._cloud.applications.get(query.get("client_id", "").lower())
        if application is None:
            return None, 700016
        if not application.may_lead_to(query.get("redirect_uri", "")):
            return None, 50011
        if not application.multi_tenant:
            return None, 50194
        if query.get("scope") != SCOPE:
            return None, 70011
        return application, 0 if self._choices(request) else 90002

    def _choices(self, request: web.Request) -> list[Organisation]:
        """Whose administrator may be asking: anybody's, or that of the organisation in the path."""
        tenant = request.match_info["tenant"].lower()
        if tenant in ANY:
            return list(self._cloud.organisations.values())
        one = self._cloud.organisation(tenant)
        return [one] if one is not None else []

    def _refuse(self, number: int) -> web.Response:
        status, word, said = REFUSALS[number]
        now = self._cloud.clock.now()
        body = {
            "error": word,
            "error_description": f"AADSTS{number}: {said} Trace ID: simulated Timestamp: {now:%Y-%m-%d %H:%M:%SZ}",
            "error_codes": [number],
            "timestamp": f"{now:%Y-%m-%d %H:%M:%SZ}",
            "trace_id": "00000000-0000-0000-0000-000000000000",
            "correlation_id": "00000000-0000-0000-0000-000000000000",
        }
        return web.json_response(body, status=status)

    def _told(self, number: int) -> web.Response:
        said = REFUSALS[number][2]
        text = (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sorry</title></head>'
            f"<body><main><h1>Sorry</h1><p>AADSTS{number}: {escape(said)}</p></main></body></html>"
        )
        return web.Response(status=400, text=text, content_type="text/html")
