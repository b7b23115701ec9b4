"""The pod: whose pages may show it, and the address that is pasted into the ticket system."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from dialogs.settings import SettingsError
from storage.tenant_settings import BY_NAME
from storage.tenants import StoredTenant
from web.look import _
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.company import tenant_of
from web.pages.settings.fields import faults, save, sentence
from web.pages.settings.parts import settings_page
from web.pods import demo_origins
from web.routing import Access, Call, Route, Surface

PATH = "/settings/pod"
NAME = "pod_origins"


class PodForm(Form):
    """One address a line."""

    origins: Annotated[str, Field(max_length=6000)] = ""


async def show_pod(call: Call) -> web.StreamResponse:
    """The addresses as they are."""
    tenant = await tenant_of(call)
    return _page(call, tenant, "\n".join(tenant.settings.pod_origins), "")


async def change_pod(call: Call) -> web.StreamResponse:
    """Other addresses: pages that are not among them cannot show the pod from now on."""
    form: PodForm = call.body
    tenant = await tenant_of(call)
    wrong = faults(tenant.settings, {NAME: form.origins})
    if wrong:
        return _page(call, tenant, form.origins, wrong[NAME])
    try:
        read = BY_NAME[NAME].put(tenant.settings, form.origins).pod_origins
    except SettingsError as bad:
        return _page(call, tenant, form.origins, sentence(bad))
    await save(call, {NAME: ",".join(read)})
    return see_other(PATH, said="saved")


def _page(call: Call, tenant: StoredTenant, typed: str, wrong: str) -> web.Response:
    values = {
        "typed": typed,
        "problems": {"origins": wrong} if wrong else {},
        "address": f"{call.services.public_url}/pod?tenant={tenant.slug}",
        "demo_origins": demo_origins(call.services),
        "is_https": call.services.public_url.startswith("https://"),
    }
    said = _("Not saved. Correct what is marked below.") if wrong else ""
    return settings_page(call, "pod", "settings_pod.html", values, status=422 if wrong else 200, problem=said)


ROUTES = (
    Route("GET", PATH, show_pod, Access.ADMIN, Surface.PAGE, "The pod"),
    Route("POST", PATH, change_pod, Access.ADMIN, Surface.PAGE, "Who may show the pod", body=PodForm, step_up=True),
)
