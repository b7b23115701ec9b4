"""Tokens and consent: our client against the stand-in for Entra."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from yarl import URL

from dialogs.people_source import SourceLater, SourceRefused
from identity.microsoft.addresses import read_organisation
from identity.microsoft.consent import Agreed, Declined, consent_address, read_return, redirect_address
from identity.microsoft.tokens import scope_for
from simulator.microsoft.records import Application, Fault
from tests.fixtures.microsoft import APPLICATION, REDIRECT, SECRET, Stage, on_stage

STATE = "s" * 43
UNKNOWN = "99999999-0000-4000-8000-000000000000"

pytestmark = pytest.mark.feature("CO-02")


async def test_a_token_is_kept_until_two_minutes_before_its_end() -> None:
    async with on_stage() as stage:
        first = await stage.tokens.token(stage.access)
        stage.clock.advance(timedelta(minutes=57, seconds=58))
        assert await stage.tokens.token(stage.access) == first
        stage.clock.advance(timedelta(seconds=1))
        assert await stage.tokens.token(stage.access) != first
        assert list(stage.cloud.requests) == ["token", "token"]


async def test_a_token_does_not_outlive_a_clock_that_is_put_back() -> None:
    async with on_stage() as stage:
        await stage.tokens.token(stage.access)
        stage.clock.advance(-timedelta(days=2))
        await stage.tokens.token(stage.access)
        assert len(stage.cloud.requests) == 2


async def test_many_who_want_a_token_ask_once_and_a_failure_is_no_ones_token() -> None:
    async with on_stage() as stage:
        tokens = await asyncio.gather(*(stage.tokens.token(stage.access) for _ in range(20)))
        assert len(set(tokens)) == 1
        assert len(stage.cloud.requests) == 1
        stage.tokens.forget(stage.access, tokens[0])
        stage.cloud.fail_next(Fault(status=503, at="token"))
        got = await asyncio.gather(*(stage.tokens.token(stage.access) for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in got] == [SourceLater, str, str, str, str]
        assert len(stage.cloud.requests) == 3


async def test_one_who_gives_up_waiting_takes_nobody_along() -> None:
    async with on_stage() as stage:
        waiting = [asyncio.create_task(stage.tokens.token(stage.access)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        gone, *others = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(gone, asyncio.CancelledError)
        assert len({str(one) for one in others}) == 1
        assert all(isinstance(one, str) for one in others)


async def test_tokens_of_organisations_applications_and_secrets_are_kept_apart() -> None:
    async with on_stage() as stage:
        other = stage.cloud.found("Fabrikam", ["fabrikam.example"])
        stage.cloud.consent(other, stage.application)
        second = stage.cloud.register(Application("6f1c1d2e-0000-4000-8000-00000000a002", "another"))
        stage.cloud.consent(stage.organisation, second)
        ways = (
            stage.access,
            replace(stage.access, organisation_id=other.id),
            replace(stage.access, application_id=second.id, secret="another"),
        )
        tokens = [await stage.tokens.token(way) for way in ways]
        assert len(set(tokens)) == 3
        # Whoever does not know the secret gets nothing out of what is kept.
        with pytest.raises(SourceRefused, match="wrong_secret"):
            await stage.tokens.token(replace(stage.access, secret="guessed"))


async def test_a_token_that_graph_does_not_take_is_replaced_once() -> None:
    async with on_stage() as stage:
        stage.add("Ada Bishop")
        await stage.people()
        stage.cloud.tokens.clear()
        assert [person.name for person in await stage.people()] == ["Ada Bishop"]
        stage.cloud.fail_next(*(Fault(status=401, code="InvalidAuthenticationToken", at="users") for _ in range(2)))
        # Between the two a new token is asked for, which the second fault waits for.
        stage.cloud.requests.clear()
        with pytest.raises(SourceRefused) as refused:
            await stage.people()
        assert (refused.value.code, refused.value.detail) == ("refused", "InvalidAuthenticationToken")
        assert list(stage.cloud.requests) == ["users", "token", "users"]


@pytest.mark.feature("CO-10", "CO-11")
@pytest.mark.parametrize(
    ("change", "code", "detail"),
    [
        ({"secret": "gue55ed"}, "wrong_secret", "AADSTS7000215"),
        ({"application_id": UNKNOWN}, "unknown_application", "AADSTS700016"),
        ({"application_id": "not an id"}, "unknown_application", ""),
        ({"organisation_id": UNKNOWN}, "unknown_organisation", "AADSTS90002"),
        ({"organisation_id": "nobody.example"}, "unknown_organisation", "AADSTS90002"),
        ({"organisation_id": "common"}, "bad_address", ""),
        ({"organisation_id": "../../elsewhere"}, "bad_address", ""),
        ({"organisation_id": "127.0.0.1"}, "bad_address", ""),
    ],
)
async def test_why_there_is_no_token(change: dict[str, str], code: str, detail: str) -> None:
    async with on_stage() as stage:
        with pytest.raises(SourceRefused) as refused:
            await stage.directory.organisation(replace(stage.access, **change))
        assert (refused.value.code, refused.value.detail) == (code, detail)
        assert change.get("secret", SECRET) not in str(refused.value)


@pytest.mark.feature("CO-10")
async def test_a_secret_that_has_ended_is_told_from_a_wrong_one() -> None:
    async with on_stage() as stage:
        stage.application.secret_ends = stage.clock.now() + timedelta(hours=2)
        await stage.tokens.token(stage.access)
        stage.clock.advance(timedelta(hours=2))
        with pytest.raises(SourceRefused, match="secret_ended AADSTS7000222"):
            await stage.tokens.token(stage.access)
        assert SECRET not in repr(stage.access)


@pytest.mark.feature("CO-05")
async def test_without_consent_there_is_nothing_and_after_it_is_withdrawn_neither() -> None:
    async with on_stage(consented=False) as stage:
        await _no_consent(stage)
        stage.cloud.consent(stage.organisation, stage.application)
        stage.add("Ada Bishop")
        assert len(await stage.people()) == 1
        stage.cloud.withdraw_consent(stage.organisation, stage.application)
        await _no_consent(stage)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[1]",
        b'{"access_token": 7}',
        b'{"access_token": "with\\r\\nX: y", "expires_in": 3599}',
        b'{"access_token": "\\u00e4"}',
        b'{"access_token": "%s"}' % (b"x" * 20_000),
    ],
    ids=["empty", "nothing", "list", "number", "header", "letter", "long"],
)
async def test_no_token_is_made_of_anything_else(body: bytes) -> None:
    async with on_stage() as stage:
        stage.cloud.fail_next(Fault(status=200, body=body, at="token"))
        with pytest.raises(SourceRefused, match="bad_answer"):
            await stage.tokens.token(stage.access)


@pytest.mark.parametrize("told", [None, -5, "soon", "99999999999999", 0, True, 1.5, "3599"])
async def test_how_long_a_token_lasts_is_believed_within_reason(told: object) -> None:
    async with on_stage() as stage:
        body = json.dumps({"access_token": "a", "expires_in": told}).encode()
        stage.cloud.fail_next(Fault(status=200, body=body, at="token"))
        assert await stage.tokens.token(stage.access) == "a"
        assert (await stage.tokens.token(stage.access) == "a") is (told == "3599")


async def test_entra_says_to_come_again_or_something_new() -> None:
    async with on_stage() as stage:
        stage.cloud.fail_next(
            Fault(status=400, code="temporarily_unavailable", at="token"),
            Fault(status=400, body=b'{"error": "invalid_grant", "error_codes": [53003]}', at="token"),
            Fault(status=400, body=b'{"error": "x", "error_description": "AADSTS7000215: ..."}', at="token"),
            Fault(status=400, body=b'{"error": ["x"], "error_codes": [true]}', at="token"),
            Fault(status=302, headers=(("Location", f"{stage.url}/elsewhere"),), body=b"", at="token"),
        )
        with pytest.raises(SourceLater, match="temporarily_unavailable"):
            await stage.tokens.token(stage.access)
        for said in ("refused AADSTS53003", "wrong_secret AADSTS7000215", "refused http_400", "bad_answer http_302"):
            with pytest.raises(SourceRefused) as refused:
                await stage.tokens.token(stage.access)
            assert str(refused.value) == said
        assert len(stage.cloud.requests) == 5


def test_a_cloud_of_its_own_gets_tokens_of_its_own() -> None:
    assert scope_for("https://graph.microsoft.us") == "https://graph.microsoft.us/.default"
    assert scope_for("http://127.0.0.1:8080/graph") == "https://graph.microsoft.com/.default"


def test_what_names_an_organisation_is_read_with_care() -> None:
    assert read_organisation(" Contoso.COM. ") == "contoso.com"
    assert read_organisation("münchen.example") == "xn--mnchen-3ya.example"
    assert read_organisation(UNKNOWN.upper()) == UNKNOWN
    for bad in (
        "",
        "contoso",
        "https://contoso.com",
        "a b.example",
        "a\x00.example",
        "..",
        "x" * 64 + ".example",
        "1.2",
    ):
        with pytest.raises(SourceRefused, match="bad_address"):
            read_organisation(bad)


# --- consent --------------------------------------------------------------------------------------------------------


@pytest.mark.feature("CO-04", "CO-08")
def test_the_redirect_address_holds_the_sources_id() -> None:
    assert redirect_address("https://verify.example.com/", "source-1") == REDIRECT
    assert redirect_address("https://verify.example.com", "a/b?c").endswith(
        "/settings/microsoft-365/a%2Fb%3Fc/connected"
    )


@pytest.mark.feature("CO-05", "CO-07")
@pytest.mark.parametrize("answer", ["accept", "cancel"])
async def test_an_administrator_is_asked_and_comes_back(answer: str) -> None:
    async with on_stage(consented=False) as stage:
        address = consent_address(APPLICATION, REDIRECT, STATE, base_url=stage.url)
        async with stage.session.get(address) as shown:
            text = await shown.text()
        assert "Northwind Traders" in text
        assert "User.Read.All" in text
        form = {"answer": answer, "organisation": stage.organisation.id}
        async with stage.session.post(address, data=form, allow_redirects=False) as back:
            location = URL(back.headers["Location"])
        assert str(location.with_query(None)) == REDIRECT
        returned = read_return(location.query)
        if answer == "accept":
            assert returned == Agreed(STATE, stage.organisation.id)
            await stage.directory.organisation(replace(stage.access, organisation_id=stage.organisation.id))
        else:
            assert returned == Declined(STATE, "access_denied")
            assert isinstance(returned, Declined)
            assert returned.by_choice
            await _no_consent(stage)


@pytest.mark.feature("CO-08")
@pytest.mark.parametrize("redirect", [REDIRECT + "/", REDIRECT.replace("https", "http"), "https://evil.test/", ""])
async def test_consent_leads_back_to_the_very_address_that_was_registered(redirect: str) -> None:
    async with on_stage() as stage:
        address = consent_address(APPLICATION, redirect, STATE, base_url=stage.url)
        for method in ("GET", "POST"):
            async with stage.session.request(method, address, allow_redirects=False) as answer:
                assert answer.status == 400
                assert "AADSTS50011" in await answer.text()


def test_the_address_of_consent_carries_each_value_whole() -> None:
    address = consent_address(APPLICATION, "https://a.example/x?y=1&z=2", STATE)
    read = urlsplit(address)
    assert (read.scheme, read.netloc, read.path) == (
        "https",
        "login.microsoftonline.com",
        "/organizations/v2.0/adminconsent",
    )
    assert dict(parse_qsl(read.query)) == {
        "client_id": APPLICATION,
        "scope": "https://graph.microsoft.com/.default",
        "redirect_uri": "https://a.example/x?y=1&z=2",
        "state": STATE,
    }
    with pytest.raises(SourceRefused, match="unknown_application"):
        consent_address("x&redirect_uri=https://evil.test", "https://a.example", STATE)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"state": STATE},
        {"state": STATE, "tenant": UNKNOWN},
        {"state": STATE, "tenant": UNKNOWN, "admin_consent": "False"},
        {"state": STATE, "tenant": "common", "admin_consent": "True"},
        {"state": "short", "tenant": UNKNOWN, "admin_consent": "True"},
        {"state": "s\x00" * 20, "tenant": UNKNOWN, "admin_consent": "True"},
    ],
)
def test_nothing_else_is_taken_for_consent(query: dict[str, str]) -> None:
    with pytest.raises(SourceRefused, match="bad_answer"):
        read_return(query)


def test_what_went_wrong_at_consent_is_read_and_nothing_of_it_repeated() -> None:
    said = {"error": "invalid_client", "error_description": "AADSTS650051: <b>", "state": STATE}
    assert read_return(said) == Declined(STATE, "AADSTS650051")
    assert read_return({"error": "<script>", "state": STATE, "tenant": UNKNOWN, "admin_consent": "True"}) == Agreed(
        STATE, UNKNOWN
    )


async def _no_consent(stage: Stage) -> None:
    with pytest.raises(SourceRefused) as refused:
        await stage.people()
    assert (refused.value.code, refused.value.detail) == ("no_consent", "AADSTS7000229")
