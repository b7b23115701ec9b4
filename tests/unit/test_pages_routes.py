"""Which pages anybody may open, what a stream says, and where a refusal leads."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from aiohttp.test_utils import make_mocked_request

from identity.links import PATHS
from storage.stream import Event
from web.pages import page_routes
from web.pages.errors import TITLES
from web.ports import REFUSALS
from web.routing import Access
from web.stream import as_message, read_after

PUBLIC = {
    ("GET", "/static/{release}/{path:.+}"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    *((method, "/forgot") for method in ("GET", "POST")),
    # Looks: nothing of a person, and in addresses that change with them.
    ("GET", "/brand/{tenant_id}/{hash}.css"),
    ("GET", "/brand/{tenant_id}/{hash}/logo.png"),
    # Links into accounts: who has one is let in by it.
    *((method, path + "{token}") for method in ("GET", "POST") for path in PATHS.values()),
    # The pod's way in: a window to sign in, and the frame that takes over what it hands over.
    ("GET", "/pod/sign-in"),
    ("POST", "/pod/sign-in"),
    ("POST", "/pod/session"),
    # What a help desk publishes for everybody: its number, and how a check goes.
    ("GET", "/for-users/{slug}"),
    # Links of verifications: who has one answers by it.
    *((method, "/v/{token}") for method in ("GET", "POST")),
}


@pytest.mark.feature("SEC-36")
def test_nobody_opens_a_page_of_the_console_without_signing_in() -> None:
    public = {(r.method, r.path) for r in page_routes() if r.access is Access.PUBLIC and not r.demo_only}
    assert public == PUBLIC


def test_what_anybody_may_do_in_the_simulator_exists_in_the_demo_alone() -> None:
    assert all(route.demo_only for route in page_routes() if route.path.startswith("/simulator"))


@pytest.mark.feature("SEC-30", "SEC-43")
def test_only_posts_change_anything_and_each_says_what_it_takes() -> None:
    for route in page_routes():
        assert route.method in ("GET", "POST"), route
        assert (route.body is not None) == (route.method == "POST"), route


#: Forms of settings that ask for no fresh proof, each with why: they change nothing that a thief could use.
HARMLESS: Mapping[str, str] = {
    "/settings/carrier/look": "asks the carrier what it has on record",
    "/settings/carrier/fate": "asks the carrier what became of a test text",
    "/settings/carrier/try": "one text that says it is a test, five in ten minutes at most",
    "/settings/brand/colours": "looks, which everybody sees at once and an admin takes back",
    "/settings/brand/logo": "looks, the same",
    "/settings/brand/band": "looks, the same",
    "/settings/brand/mail": "looks, the same",
    "/settings/mail/words/preview": "shows how a mail would read and keeps nothing",
    "/settings/mail/try": "one mail of fixed words, to oneself",
    "/settings/microsoft-365/{source_id}/organisations/{organisation_id}/sync": "what is done every hour anyway",
    "/settings/teams/{connection_id}/try": "one post of fixed words, to where posts go anyway",
    "/settings/texts/{template}/preview": "shows how a text would read and keeps nothing",
    "/settings/webhooks/{webhook_id}/test": "an event without content, to where events go anyway",
    "/settings/webhooks/{webhook_id}/deliveries/{delivery_id}/again": "what was sent there before",
}


@pytest.mark.feature("SEC-34")
def test_settings_ask_for_a_fresh_proof() -> None:
    stale = {r.path for r in page_routes() if r.method == "POST" and not r.step_up}
    assert {path for path in stale if path.startswith("/settings")} == set(HARMLESS), (
        "a form of settings without step_up=True; if it needs none, say why in HARMLESS"
    )
    assert "/profile/recovery-codes" not in stale


def test_a_path_is_declared_once_per_method() -> None:
    declared = [(r.method, r.path) for r in page_routes()]
    assert len(declared) == len(set(declared))


@pytest.mark.feature("SEC-02")
def test_an_event_is_ids_and_kinds_and_nothing_else() -> None:
    event = Event(7, "tv.claimed", "check-1", "contact-1", "technician-1", {"direction": "we_called_user"})
    lines = as_message(event).decode().split("\n")
    assert lines[:2] == ["id: 7", "event: change"]
    assert json.loads(lines[2].removeprefix("data: ")) == {"kind": "tv.claimed", "check_id": "check-1"}
    assert lines[3:] == ["", ""]


@pytest.mark.parametrize(
    ("path", "headers", "after"),
    [
        ("/events", {}, None),
        ("/events?after=12", {}, 12),
        ("/events?after=12", {"Last-Event-ID": "15"}, 15),
        ("/events?after=-1", {}, None),
        ("/events?after=x", {}, None),
        ("/events?after=%D9%A3", {}, None),
        ("/events?after=" + "9" * 40, {}, None),
    ],
)
def test_a_stream_goes_on_where_the_browser_was(path: str, headers: dict[str, str], after: int | None) -> None:
    assert read_after(make_mocked_request("GET", path, headers=headers)) == after


def test_every_status_a_refusal_can_have_has_a_title() -> None:
    assert {status for status, _ in REFUSALS.values()} <= set(TITLES)
    assert {403, 404, 405, 413, 429, 503} <= set(TITLES)
