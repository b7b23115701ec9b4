"""Other tools that are told of events: added with an address and the events they want, tried, switched off, removed.

The address is checked before it is kept, and again before every try. A secret is shown once, by the answer to the form
that made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import Field

from dialogs.ports import OutboundRefused
from storage.webhook_events import EVENTS, told_as_test
from storage.webhooks import MOST, Delivery, NewWebhook, TooMany, Webhook
from web.api.ids import our_id
from web.look import _
from web.noting import line
from web.pages.context import see_other
from web.pages.forms import Form
from web.pages.settings.parts import settings_page
from web.problems import not_found
from web.routing import Access, Call, Route, Surface

PATH = "/settings/webhooks"
ONE = PATH + "/{webhook_id}"
LONGEST_NAME, LONGEST_HOST = 120, 254


class WebhookForm(Form):
    """A webhook, new or changed; what is wrong with it is said at the field. `url` empty keeps the address it has."""

    name: Annotated[str, Field(max_length=300)] = ""
    url: Annotated[str, Field(max_length=4000, repr=False, title=_("the address of the tool"))] = ""
    events: Annotated[tuple[str, ...], Field(max_length=100)] = ()


class SwitchForm(Form):
    """On or off."""

    on: Literal["yes", "no"]


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook as the list shows it. `state` in words, `tone` how it is coloured: good, care or bad."""

    id: str
    name: str
    host: str
    told: str
    state: str
    tone: str
    on: bool
    waiting: int
    last: datetime | None


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery as the list shows it. `next`: when it is tried again; `over`: it may be sent once more."""

    id: str
    message_id: str
    event: str
    body: str
    day: str
    at: datetime
    state: str
    tone: str
    why: str
    tries: int
    next: datetime | None
    over: bool


async def show_webhooks(call: Call) -> web.StreamResponse:
    """The webhooks, and the form for another."""
    return await _list(call, WebhookForm(events=tuple(EVENTS)), {})


async def add(call: Call) -> web.StreamResponse:
    """Add one; this one answer shows its secret."""
    given: WebhookForm = call.body
    problems = await _wrong(call, given, is_new=True)
    if problems:
        return await _list(call, given, problems)
    services, now = call.services, call.services.clock.now()
    url = given.url.strip()
    id = services.random.new_id(now)
    new = NewWebhook(id, given.name.strip(), url, _host(url), given.events, call.who.technician_id)
    noted = services.webhooks.noting(
        call.who.tenant_id, line(call, "webhook.added", webhook=id, events=len(given.events))
    )
    try:
        secret = await noted.add(call.who.tenant_id, new, now)
    except TooMany:
        return await _list(call, given, {"name": _("There are %s webhooks, as many as there may be.") % MOST})
    return await _one(call, id, secret=secret)


async def show_webhook(call: Call) -> web.StreamResponse:
    """One: what it is told of, how the last tries went, and what can be done with it."""
    return await _one(call, our_id(call, "webhook_id"))


async def change(call: Call) -> web.StreamResponse:
    """Another name, other events, another address."""
    given, id = call.body, our_id(call, "webhook_id")
    problems = await _wrong(call, given, is_new=False)
    if problems:
        return await _one(call, id, typed=given, problems=problems)
    url = given.url.strip()
    noted = call.services.webhooks.noting(
        call.who.tenant_id, line(call, "webhook.changed", webhook=id, events=len(given.events), moved=int(bool(url)))
    )
    name, host = given.name.strip(), _host(url) if url else ""
    if not await noted.change(call.who.tenant_id, id, name=name, events=given.events, url=url, host=host):
        raise not_found()
    return see_other(f"{PATH}/{id}", said="saved")


async def rotate(call: Call) -> web.StreamResponse:
    """A new secret; this one answer shows it."""
    id = our_id(call, "webhook_id")
    noted = call.services.webhooks.noting(call.who.tenant_id, line(call, "webhook.rotated", webhook=id))
    secret = await noted.rotate(call.who.tenant_id, id, call.services.clock.now())
    if secret is False:
        raise not_found()
    return await _one(call, id, secret=secret)


async def switch(call: Call) -> web.StreamResponse:
    """On or off. Doing it twice does no harm."""
    id, on = our_id(call, "webhook_id"), call.body.on == "yes"
    await _found(call, id)
    noted = call.services.webhooks.noting(call.who.tenant_id, line(call, "webhook.switched", webhook=id, on=int(on)))
    await noted.switch(call.who.tenant_id, id, on=on, now=call.services.clock.now())
    return see_other(f"{PATH}/{id}", said="webhook_on" if on else "webhook_off")


async def remove(call: Call) -> web.StreamResponse:
    """Away with it."""
    id = our_id(call, "webhook_id")
    noted = call.services.webhooks.noting(call.who.tenant_id, line(call, "webhook.removed", webhook=id))
    if not await noted.remove(call.who.tenant_id, id):
        raise not_found()
    return see_other(PATH, said="webhook_removed")


async def test(call: Call) -> web.StreamResponse:
    """Send an event that says nothing, now, and show what came back."""
    services, now, id = call.services, call.services.clock.now(), our_id(call, "webhook_id")
    delivery_id = services.random.new_id(now)
    # It stands in no log of its own; its id is as good as a line's.
    told = told_as_test(services.random.new_id(now), now)
    noted = services.webhooks.noting(call.who.tenant_id, line(call, "webhook.sent_by_hand", webhook=id, what="test"))
    if not await noted.put(call.who.tenant_id, id, delivery_id, told, now):
        raise not_found()
    await services.tell_now(call.who.tenant_id, delivery_id)
    return see_other(f"{PATH}/{id}", said="webhook_sent")


async def send_again(call: Call) -> web.StreamResponse:
    """One that is over, once more, with the id it had."""
    services, id, delivery_id = call.services, our_id(call, "webhook_id"), our_id(call, "delivery_id")
    noted = services.webhooks.noting(call.who.tenant_id, line(call, "webhook.sent_by_hand", webhook=id, what="again"))
    if not await noted.again(call.who.tenant_id, id, delivery_id, services.clock.now()):
        raise not_found()
    await services.tell_now(call.who.tenant_id, delivery_id)
    return see_other(f"{PATH}/{id}", said="webhook_sent")


async def _wrong(call: Call, given: WebhookForm, *, is_new: bool) -> dict[str, str]:
    """What is wrong, by field. The address is looked up."""
    problems: dict[str, str] = {}
    if not given.name.strip():
        problems["name"] = _("Say which tool it is, so that you know it later.")
    elif len(given.name.strip()) > LONGEST_NAME:
        problems["name"] = _("Use a shorter name, at most 120 characters.")
    if not given.events or not set(given.events) <= set(EVENTS):
        problems["events"] = _("Tick at least one event.")
    url = given.url.strip()
    if url or is_new:
        try:
            await call.services.outbound.check(url)
        except OutboundRefused as why:
            problems["url"] = str(why)
        else:
            if len(_host(url)) > LONGEST_HOST:
                problems["url"] = _("The name of the host is too long.")
    return problems


def _host(url: str) -> str:
    """What lists show of an address: the rest may hold a secret."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{host}:{parts.port}" if parts.port else host


async def _found(call: Call, id: str) -> Webhook:
    found = await call.services.webhooks.find(call.who.tenant_id, id)
    if found is None:
        raise not_found()
    return found


async def _list(call: Call, typed: WebhookForm, problems: Mapping[str, str]) -> web.StreamResponse:
    values: dict[str, object] = {
        "webhooks": [_view(found) for found in await call.services.webhooks.listed(call.who.tenant_id)],
        "events": _choices(typed.events),
        "typed": typed,
        "problems": problems,
        "hint": call.services.demo.tool_address() if call.services.demo is not None else "",
    }
    problem = _("It was not added. Look at what is marked below.") if problems else ""
    status = 422 if problems else 200
    return settings_page(call, "webhooks", "settings_webhooks.html", values, status=status, problem=problem)


async def _one(
    call: Call,
    id: str,
    *,
    secret: str = "",
    typed: WebhookForm | None = None,
    problems: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    found, tenant_id = await _found(call, id), call.who.tenant_id
    known = set(found.events)
    values: dict[str, object] = {
        "webhook": _view(found),
        "secret": secret,
        "both_until": found.older_until
        if found.older_until and found.older_until > call.services.clock.now()
        else None,
        "typed": typed or WebhookForm(name=found.name, events=found.events),
        "events": _choices(typed.events if typed else tuple(known)),
        "problems": problems or {},
        "deliveries": [_sent(one, found) for one in await call.services.webhooks.deliveries(tenant_id, id)],
        "hint": "",
    }
    problem = _("It was not changed. Look at what is marked below.") if problems else ""
    status = 422 if problems else 200
    return settings_page(call, "webhooks", "settings_webhook.html", values, status=status, problem=problem)


def _choices(chosen: Sequence[str]) -> list[tuple[str, str, bool]]:
    """Event, what it means, whether it is ticked."""
    return [(event, about, event in chosen) for event, about in EVENTS.items()]


def _view(found: Webhook) -> WebhookView:
    last = found.last
    if found.disabled_why == "gone":
        state, tone = _("switched off: it answered that it wants no more"), "bad"
    elif found.disabled_at is not None:
        state, tone = _("switched off"), ""
    elif last is None or (last.status == "waiting" and not last.attempt):
        state, tone = _("on"), "good"
    elif last.status == "sent":
        state, tone = _("on, the last event arrived"), "good"
    else:
        state, tone = _("on, but the last event did not arrive"), "care"
    count = len(found.events)
    told = _("every event") if count == len(EVENTS) else _("one event") if count == 1 else _("%s events") % count
    return WebhookView(
        found.id,
        found.name,
        found.host,
        told,
        state,
        tone,
        found.disabled_at is None,
        found.waiting,
        last.created_at if last else None,
    )


def _sent(one: Delivery, webhook: Webhook) -> DeliveryView:
    next_at = one.due_at if one.status == "waiting" and one.attempt else None
    if one.status == "sent":
        state, tone = _("arrived, %s") % one.answer, "good"
    elif one.status == "dead":
        state, tone = _("given up"), "bad"
    elif one.attempt:
        state, tone = _("not arrived yet"), "care"
    else:
        state, tone = _("waiting"), ""
    return DeliveryView(
        one.id,
        one.message_id,
        one.event,
        one.body,
        f"{one.created_at.day} {one.created_at:%b}",
        one.created_at,
        state,
        tone,
        one.error,
        one.attempt,
        next_at,
        one.done_at is not None and webhook.disabled_at is None,
    )


ROUTES = (
    Route("GET", PATH, show_webhooks, Access.ADMIN, Surface.PAGE, "Other tools"),
    Route("POST", PATH, add, Access.ADMIN, Surface.PAGE, "Add a webhook", body=WebhookForm, step_up=True),
    Route("GET", ONE, show_webhook, Access.ADMIN, Surface.PAGE, "One webhook"),
    Route("POST", ONE, change, Access.ADMIN, Surface.PAGE, "Change a webhook", body=WebhookForm, step_up=True),
    Route("POST", ONE + "/rotate", rotate, Access.ADMIN, Surface.PAGE, "A new secret", body=Form, step_up=True),
    Route("POST", ONE + "/switch", switch, Access.ADMIN, Surface.PAGE, "On or off", body=SwitchForm, step_up=True),
    Route("POST", ONE + "/remove", remove, Access.ADMIN, Surface.PAGE, "Remove a webhook", body=Form, step_up=True),
    Route("POST", ONE + "/test", test, Access.ADMIN, Surface.PAGE, "Send a test", body=Form),
    Route(
        "POST",
        ONE + "/deliveries/{delivery_id}/again",
        send_again,
        Access.ADMIN,
        Surface.PAGE,
        "Send an event again",
        body=Form,
    ),
)
