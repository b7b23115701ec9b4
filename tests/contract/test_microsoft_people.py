"""People from Microsoft 365, page by page: our client against the stand-in, and both against the vendor's types."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from dialogs.people_source import REFUSALS, REMEDIES, SourceExpired, SourceLater, SourceOrganisation, SourceRefused
from identity.microsoft.graph import MicrosoftDirectory
from identity.microsoft.reading import FIELDS
from simulator.microsoft.graph import ORGANISATION_FIELDS
from simulator.microsoft.records import READ_ORGANISATION, READ_PEOPLE, USER_FIELDS, Fault
from tests.fixtures.microsoft import SHORT, Stage, on_stage

TYPES = Path(__file__).parents[3] / "shared" / "specs" / "msgraph" / "types.subset.json"

pytestmark = pytest.mark.feature("CO-02")


async def test_everybody_comes_page_by_page_and_whole() -> None:
    async with on_stage() as stage:
        ada = stage.add("Ada Bishop", mobilePhone="+1 212 555 0101", businessPhones=["+1 212 555 0102"])
        for name in ("Ben Cole", "Cleo Dunn", "Dov Ellis"):
            stage.add(name)
        stage.add("Gus Hart", userType="Guest")
        stage.add("Ivy Jones", accountEnabled=False)
        pages = await stage.round()
        assert [(len(page.people), page.whole) for page in pages] == [(2, False), (2, False), (2, True)]
        first = pages[0].people[0]
        assert (first.external_id, first.name, first.kind, first.usable) == (ada, "Ada Bishop", "member", True)
        assert (first.email, first.mobile, first.phones) == (
            "ada@northwind.example",
            "+1 212 555 0101",
            ("+1 212 555 0102",),
        )
        last = pages[2].people
        assert [(person.name, person.kind, person.usable) for person in last] == [
            ("Gus Hart", "guest", False),
            ("Ivy Jones", "disabled", False),
        ]
        assert all(not page.gone and not page.unreadable for page in pages)


@pytest.mark.feature("CO-12")
async def test_the_next_round_tells_only_of_changes_and_people_are_whole_in_it() -> None:
    """Graph may say only what has changed; somebody's number must not be lost because nobody changed it."""
    async with on_stage() as stage:
        ada = stage.add("Ada Bishop", mobilePhone="+1 212 555 0101", preferredLanguage="en-US")
        stage.add("Ben Cole")
        cursor = (await stage.round())[-1].cursor
        assert await stage.people(cursor) == []
        stage.cloud.change_person(stage.organisation, ada, mail="ada.bishop@northwind.example")
        (page,) = await stage.round(cursor)
        (changed,) = page.people
        assert (changed.email, changed.mobile, changed.locale) == (
            "ada.bishop@northwind.example",
            "+1 212 555 0101",
            "en-US",
        )
        assert await stage.people(page.cursor) == []
        stage.cloud.change_person(stage.organisation, ada, mobilePhone=None)
        (cleared,) = await stage.people(page.cursor)
        assert (cleared.mobile, cleared.email) == ("", "ada.bishop@northwind.example")


async def test_many_changes_are_read_whole_fifteen_at_a_time() -> None:
    async with on_stage(page_size=100) as stage:
        ids = [stage.add(f"Person{n} Long", mobilePhone=f"+1 212 555 01{n:02d}") for n in range(32)]
        (page,) = await stage.round()
        for id in ids:
            stage.cloud.change_person(stage.organisation, id, jobTitle="Cook", displayName="Somebody Else")
        stage.cloud.requests.clear()
        people = await stage.people(page.cursor)
        assert {person.external_id for person in people} == set(ids)
        assert all(person.name == "Somebody Else" and person.mobile for person in people)
        assert list(stage.cloud.requests) == ["users"] * 4


async def test_who_was_removed_is_gone_and_who_came_back_is_not() -> None:
    async with on_stage(page_size=10) as stage:
        ada, ben = stage.add("Ada Bishop"), stage.add("Ben Cole")
        (page,) = await stage.round()
        stage.cloud.remove_person(stage.organisation, ada)
        stage.cloud.remove_person(stage.organisation, ben)
        assert stage.add("Ben Cole") == ben
        (page,) = await stage.round(page.cursor)
        assert page.gone == (ada,)
        assert [person.external_id for person in page.people] == [ben]


async def test_somebody_removed_between_the_page_and_the_reading_is_passed_over() -> None:
    async with on_stage(page_size=10) as stage:
        ada = stage.add("Ada Bishop")
        (page,) = await stage.round()
        stage.says(stage.page_of({"id": ada, "mobilePhone": "+1 212 555 0199"}))
        stage.cloud.remove_person(stage.organisation, ada)
        (half,) = await stage.round(page.cursor)
        assert (half.people, half.gone) == ((), ())


async def test_the_same_cursor_gives_the_same_page_again() -> None:
    async with on_stage() as stage:
        for name in ("Ada Bishop", "Ben Cole", "Cleo Dunn"):
            stage.add(name)
        first = await stage.directory.people(stage.access, "")
        again = [await stage.directory.people(stage.access, first.cursor) for _ in range(2)]
        assert again[0].people == again[1].people
        assert [person.name for person in again[0].people] == ["Cleo Dunn"]


async def test_a_cursor_that_is_too_old_says_so_and_a_round_from_the_start_works() -> None:
    async with on_stage() as stage:
        stage.add("Ada Bishop")
        cursor = (await stage.round())[-1].cursor
        stage.cloud.expire_cursors(stage.organisation)
        with pytest.raises(SourceExpired):
            await stage.round(cursor)
        assert [person.name for person in await stage.people()] == ["Ada Bishop"]
        stage.cloud.fail_next(Fault(status=400, code="Directory_ExpiredPageToken", at="users"))
        with pytest.raises(SourceExpired):
            await stage.round(cursor)
        for spoilt in ("\x00", "with a blank", "x#y", "$skiptoken=" + "x" * 20_000):
            with pytest.raises(SourceExpired):
                await stage.round(spoilt)


@pytest.mark.parametrize(
    ("fault", "code", "seconds"),
    [
        (Fault(status=429, retry_after="17"), "throttled", 17.0),
        (Fault(status=503, retry_after="3"), "http_503", 3.0),
        (Fault(status=503), "http_503", None),
        (Fault(status=504, retry_after="soon"), "http_504", None),
        (Fault(status=429, retry_after="99999999999"), "throttled", None),
        (Fault(status=429, retry_after="86400"), "throttled", 3600.0),
        (
            Fault(
                status=429,
                retry_after="Mon, 02 Mar 2026 09:00:40 GMT",
                headers=(("Date", "Mon, 02 Mar 2026 09:00:00 GMT"),),
            ),
            "throttled",
            40.0,
        ),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
@pytest.mark.parametrize("at", ["token", "users"])
async def test_later_means_later_and_loses_nothing(
    fault: Fault, code: str, seconds: float | None, at: Literal["token", "users"]
) -> None:
    async with on_stage() as stage:
        stage.add("Ada Bishop")
        stage.cloud.fail_next(replace(fault, at=at))
        with pytest.raises(SourceLater) as later:
            await stage.directory.people(stage.access, "")
        assert (later.value.code, later.value.retry_after) == (code, seconds)
        assert [person.name for person in await stage.people()] == ["Ada Bishop"]


@pytest.mark.parametrize("at", ["token", "users"])
async def test_a_connection_that_is_cut_is_later(at: Literal["token", "users"]) -> None:
    async with on_stage() as stage:
        stage.add("Ada Bishop")
        if at == "users":
            # Reading is repeated at once where the connection was an old one, by the library, once.
            await stage.people()
            stage.cloud.fail_next(Fault(drop=True, at=at))
        stage.cloud.fail_next(Fault(drop=True, at=at))
        with pytest.raises(SourceLater, match="no_answer"):
            await stage.people()
        assert [person.name for person in await stage.people()] == ["Ada Bishop"]


async def test_somebody_who_never_answers_is_later() -> None:
    over = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/v1.0/users/delta", wait)])
    async with on_stage() as stage, TestServer(app) as server:
        slow = MicrosoftDirectory(
            stage.session, stage.tokens, base_url=str(server.make_url("/")), within=aiohttp.ClientTimeout(total=0.05)
        )
        with pytest.raises(SourceLater, match="no_answer"):
            await slow.people(stage.access, "")
        over.set()


async def test_nobody_there_is_later() -> None:
    async with on_stage() as stage:
        directory = MicrosoftDirectory(
            stage.session, stage.tokens, base_url=f"http://127.0.0.1:{unused_port()}", within=SHORT
        )
        with pytest.raises(SourceLater, match="no_connection"):
            await directory.people(stage.access, "")


@pytest.mark.feature("CO-09")
async def test_each_permission_that_is_missing_is_told() -> None:
    async with on_stage() as stage:
        stage.organisation.grants[stage.application.id] = frozenset({READ_ORGANISATION})
        await stage.directory.organisation(stage.access)
        await _refused(stage, "no_permission", "Authorization_RequestDenied")
    async with on_stage() as stage:
        stage.organisation.grants[stage.application.id] = frozenset({READ_PEOPLE})
        await stage.people()
        with pytest.raises(SourceRefused) as refused:
            await stage.directory.organisation(stage.access)
        assert refused.value.code == "no_permission"


async def test_graph_says_no_in_a_way_we_do_not_know() -> None:
    async with on_stage() as stage:
        stage.cloud.fail_next(Fault(status=400, code="Request_BadRequest", at="users"))
        await _refused(stage, "refused", "Request_BadRequest")
        stage.cloud.fail_next(Fault(status=403, code="Authentication_RequestFromNonPremiumTenantOrB2CTenant"))
        stage.cloud.fail_next(Fault(status=404, body=b"<html>", at="users"))
        await _refused(stage, "refused", "Authentication_RequestFromNonPremiumTenantOrB2CTenant")
        await _refused(stage, "refused", "http_404")
        stage.cloud.fail_next(Fault(status=404, code="two words\nand a line", at="users"))
        await _refused(stage, "refused", "http_404")


@pytest.mark.feature("CO-05", "CO-11")
async def test_an_organisation_is_proven_by_id_or_domain() -> None:
    async with on_stage() as stage:
        id = stage.organisation.id
        wanted = SourceOrganisation(id, "Northwind Traders", ("northwind.example", "northwind.onmicrosoft.com"))
        for named in (id, id.upper(), "northwind.example", "Northwind.OnMicrosoft.com "):
            access = replace(stage.access, organisation_id=named)
            assert await stage.directory.organisation(access) == wanted
        with pytest.raises(SourceRefused, match="bad_address"):
            await stage.directory.people(replace(stage.access, organisation_id="northwind.example"), "")
        other = stage.cloud.found("Fabrikam", ["fabrikam.example"])
        body = {
            "value": [{"id": other.id, "displayName": "Fabrikam", "verifiedDomains": [{"name": "fabrikam.example"}]}]
        }
        for named in (id, "northwind.example"):
            stage.cloud.fail_next(Fault(status=200, body=json.dumps(body).encode(), at="organization"))
            with pytest.raises(SourceRefused, match="other_organisation"):
                await stage.directory.organisation(replace(stage.access, organisation_id=named))


def test_every_refusal_says_what_to_do() -> None:
    assert set(REMEDIES) == set(REFUSALS)
    assert all(len(REMEDIES[code].split()) > 6 and SourceRefused(code).remedy for code in REMEDIES)


def test_what_is_asked_for_and_what_the_stand_in_knows_exists_at_the_vendor() -> None:
    """Names and types of Graph's own description."""
    if not TYPES.exists():
        pytest.skip("the vendor's types are not here: fields of Graph are NOT checked against them")
    types = json.loads(TYPES.read_text("utf-8"))["types"]
    person = types["microsoft.graph.user"]["properties"]
    assert set(FIELDS) - {"id"} <= set(person)
    kinds = {"Edm.String": (str, type(None)), "Edm.Boolean": (bool,), "Collection(Edm.String)": (list,)}
    for name, usual in USER_FIELDS.items():
        if name != "id":  # of every directory object
            assert isinstance(usual, kinds[person[name]["type"]]), name
    assert ORGANISATION_FIELDS - {"id"} <= set(types["microsoft.graph.organization"]["properties"])


async def test_the_stand_in_refuses_a_field_that_there_is_not() -> None:
    async with on_stage() as stage:
        token = await stage.tokens.token(stage.access)
        headers = {"Authorization": f"Bearer {token}"}
        for path in ("users/delta", "organization"):
            async with stage.session.get(f"{stage.url}/v1.0/{path}?$select=id,shoeSize", headers=headers) as answer:
                assert (answer.status, (await answer.json())["error"]["code"]) == (400, "BadRequest")


async def _refused(stage: Stage, code: str, detail: str) -> None:
    with pytest.raises(SourceRefused) as refused:
        await stage.directory.people(stage.access, "")
    assert (refused.value.code, refused.value.detail) == (code, detail)
