"""Whatever comes back instead of what Graph answers: nothing of it is followed or believed, and nothing falls over."""

from __future__ import annotations

import gzip
import json

import pytest

from dialogs.people_source import SourceRefused
from simulator.microsoft.records import Fault
from tests.fixtures.microsoft import on_stage, user

pytestmark = pytest.mark.feature("CO-02", "SEC-46")

TOKEN = "$skiptoken=x"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/v1.0/users/delta?" + TOKEN,
        "https://graph.microsoft.com.evil.test/v1.0/users/delta?" + TOKEN,
        "https://graph.microsoft.com@evil.test/v1.0/users/delta?" + TOKEN,
        "http://graph.microsoft.com/v1.0/users/delta?" + TOKEN,
        "https://graph.microsoft.com:444/v1.0/users/delta?" + TOKEN,
        "https://graph.microsoft.com/v1.0/users/delta/../../me/messages?" + TOKEN,
        "https://graph.microsoft.com/beta/users/delta?" + TOKEN,
        "https://graph.microsoft.com/v1.0/users?" + TOKEN,
        "{url}/v1.0/users/delta?",
        "{url}/v1.0/users/delta?$select=id",
        "{url}/v1.0/users/delta?$skiptoken=a b",
        "{url}/v1.0/users/delta?$skiptoken=a\r\nHost: evil.test",
        "{url}/v1.0/users/delta?$skiptoken=a#b",
        "{url}/v1.0/users/delta?$skiptoken=\u00e4",
        "{url}/v1.0/users/delta?$skiptoken=" + "x" * 20_000,
        "/v1.0/users/delta?" + TOKEN,
        "",
        7,
        ["x"],
    ],
    ids=lambda link: str(link)[:60],
)
async def test_a_link_that_is_not_graphs_own_is_refused(link: object) -> None:
    async with on_stage() as stage:
        filled = link.replace("{url}", stage.url) if isinstance(link, str) else link
        stage.says({"value": [], "@odata.nextLink": filled})
        with pytest.raises(SourceRefused) as refused:
            await stage.people()
        assert (refused.value.code, refused.value.detail) == ("bad_answer", "foreign_link")
        assert list(stage.cloud.requests) == ["token", "users"]


async def test_a_link_of_the_real_graph_is_asked_at_the_address_that_was_set() -> None:
    """So that a stand-in or a proxy may pass answers on as they are."""
    async with on_stage() as stage:
        stage.add("Ada Bishop")
        stage.says({"value": [], "@odata.nextLink": "https://graph.microsoft.com/v1.0/users/delta?$select=id&" + TOKEN})
        page = await stage.directory.people(stage.access, "")
        assert (page.cursor, page.whole) == ("$select=id&" + TOKEN, False)
        assert stage.access.secret not in page.cursor


async def test_a_page_that_leads_to_itself_is_refused() -> None:
    async with on_stage() as stage:
        stage.says({"value": [], "@odata.nextLink": f"{stage.url}/v1.0/users/delta?{TOKEN}"})
        with pytest.raises(SourceRefused, match="same_page_again"):
            await stage.directory.people(stage.access, TOKEN)


async def test_a_redirect_is_not_followed() -> None:
    async with on_stage() as stage:
        to = (("Location", f"{stage.url}/v1.0/users/delta?$select=id"),)
        for status in (301, 302, 303, 307, 308):
            stage.cloud.fail_next(Fault(status=status, headers=to, at="users"))
            with pytest.raises(SourceRefused, match=f"bad_answer http_{status}"):
                await stage.people()
        assert list(stage.cloud.requests) == ["token"] + ["users"] * 5


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no_json"),
        (b"<html>Sign in</html>", "no_json"),
        (b"\xff\xfe\x00", "no_json"),
        (b"[" * 100_000, "no_json"),
        (b'{"value": ' + b"9" * 5000 + b"}", "no_json"),
        (b"[]", "no_object"),
        (b"null", "no_object"),
        (b"{}", "no_list"),
        (b'{"value": {}}', "no_list"),
        (b'{"value": "aaaa"}', "no_list"),
        (json.dumps({"value": [{}] * 1001}).encode(), "too_many"),
        (b'{"value": []}', "no_link"),
        (b'{"value": [], "pad": "' + b"x" * (5 * 1024 * 1024) + b'"}', "too_long"),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_what_is_no_page_is_refused_and_the_next_one_taken(body: bytes, why: str) -> None:
    async with on_stage() as stage:
        stage.add("Ada Bishop")
        stage.says(body)
        with pytest.raises(SourceRefused) as refused:
            await stage.people()
        assert (refused.value.code, refused.value.detail) == ("bad_answer", why)
        assert [person.name for person in await stage.people()] == ["Ada Bishop"]


async def test_a_compressed_answer_is_not_unpacked() -> None:
    """A megabyte of it may be a gigabyte of nothing."""
    async with on_stage() as stage:
        body = gzip.compress(b" " * 10_000_000)
        stage.cloud.fail_next(Fault(status=200, body=body, headers=(("Content-Encoding", "gzip"),), at="users"))
        with pytest.raises(SourceRefused, match="bad_answer compressed"):
            await stage.people()


async def test_entries_that_name_nobody_are_counted_and_the_others_taken() -> None:
    async with on_stage() as stage:
        bad: list[object] = [None, 7, "x", [], {}, {"id": 7}, {"id": "x" * 200}, {"id": "../.."}, {"id": None}]
        stage.says(stage.page_of(*bad, user(1), {"@removed": {}}, user(2), {"id": user(3)["id"], "@removed": None}))
        (page,) = await stage.round()
        assert [person.external_id for person in page.people] == [user(1)["id"], user(2)["id"]]
        assert page.gone == (user(3)["id"],)
        assert page.unreadable == len(bad) + 1


async def test_one_spoilt_person_does_not_spoil_the_page() -> None:
    async with on_stage() as stage:
        spoilt = user(1, displayName=["x"], mail={"a": 1}, mobilePhone=2125550101, businessPhones="5", userType=4)
        stage.says(stage.page_of(spoilt, user(2, displayName="Nul\x00l", mobilePhone="+1 212\x00 555 0101"), user(3)))
        first, second, third = await stage.people()
        assert (first.kind, first.usable, first.email, first.mobile, first.phones) == ("unreadable", False, "", "", ())
        assert set(first.left_out) == {"name", "email", "mobile", "phones"}
        assert (second.name, second.kind, second.mobile, second.left_out) == ("ada", "member", "", ("name", "mobile"))
        assert third.left_out == ()


async def test_who_comes_twice_in_a_page_counts_as_said_last() -> None:
    async with on_stage() as stage:
        id = user(1)["id"]
        stage.says(
            stage.page_of(
                user(1), {"id": id, "mobilePhone": "+1 212 555 0199"}, user(2), {"id": user(2)["id"], "@removed": {}}
            )
        )
        (page,) = await stage.round()
        (person,) = page.people
        assert (person.external_id, person.mobile, person.email) == (id, "+1 212 555 0199", "ada@northwind.example")
        assert page.gone == (user(2)["id"],)


@pytest.mark.parametrize(
    "body", [{"value": []}, {"value": [{}]}, {"value": [{"id": "x"}]}, {"value": [user(1), user(2)]}]
)
async def test_what_is_no_organisation_is_refused(body: object) -> None:
    async with on_stage() as stage:
        stage.cloud.fail_next(Fault(status=200, body=json.dumps(body).encode(), at="organization"))
        with pytest.raises(SourceRefused, match="bad_answer no_organisation"):
            await stage.directory.organisation(stage.access)


async def test_an_organisation_with_odd_domains_and_name_is_taken_without_them() -> None:
    async with on_stage() as stage:
        domains = [
            {"name": "Northwind.example", "isDefault": False},
            {"name": "nw.onmicrosoft.com", "isInitial": True},
            {"name": "main.example", "isDefault": True},
            {"name": "a\x00.example"},
            {"name": 7},
            "x",
            {"name": "northwind.example"},
        ]
        entry = {"id": stage.organisation.id.upper(), "displayName": "=HYPER\x00LINK()", "verifiedDomains": domains}
        for said, name in ((entry, "main.example"), ({**entry, "displayName": " =Northwind\u202e "}, "Northwind")):
            stage.cloud.fail_next(Fault(status=200, body=json.dumps({"value": [said]}).encode(), at="organization"))
            found = await stage.directory.organisation(stage.access)
            assert found.domains == ("main.example", "northwind.example", "nw.onmicrosoft.com")
            assert (found.id, found.name) == (stage.organisation.id, name)
