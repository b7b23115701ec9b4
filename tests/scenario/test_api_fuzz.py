"""Hostile requests made from our own OpenAPI document: no server error, and nothing a guard forgot (TST-03)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fixtures.postgres import Cluster
from tests.fixtures.web_house import CONTRACT, House, fill, web_house
from web.app import described

#: What must hold of every answer, whatever was asked.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ignored_auth,
]
OPERATIONS = [(route.method, route.path) for route in described()]
#: Of each operation. Where the database is makes no difference to most of them.
EXAMPLES = {"sqlite": 60, "postgres": 20}
API = "/api/v1"


class Running:
    """A house in a thread of its own, because schemathesis sends its requests without asyncio."""

    def __init__(self, folder: Path, cluster: Cluster | None, examples: int) -> None:
        self._folder, self._cluster, self.examples = folder, cluster, examples
        self._loop = asyncio.new_event_loop()
        self._ready, self._done = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._run()))
        self.base_url = self.token = ""
        #: Start of a path -> the id of something that is there.
        self.known: dict[str, str] = {}

    def __enter__(self) -> Running:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(30)
        self._loop.close()

    async def _run(self) -> None:
        made, lived_in = self._folder / "made", self._folder / "lived-in"
        made.mkdir()
        lived_in.mkdir()
        async with web_house(await fill(made, self._cluster), lived_in) as house:
            await self._populate(house)
            self.base_url = house.services.public_url
            self.token = await house.log_in("admin")
            self._ready.set()
            await self._done.wait()

    def known_under(self, path: str) -> str:
        """The entry of `known` that a path belongs to, empty for none."""
        return next((start for start in self.known if path.startswith(start)), "")

    async def _populate(self, house: House) -> None:
        ada, token = house.world.people[0], await house.log_in("admin")
        await house.text(ada.mobile, "#verify")
        check = (await house.ask("GET", f"{API}/technician-verifications", bearer=token)).json["items"][0]
        body = {"contact_id": ada.id, "title": "A ticket"}
        ticket = (await house.ask("POST", f"{API}/tickets", bearer=token, body=body)).json
        self.known = {
            f"{API}/technician-verifications/": check["id"],
            f"{API}/contacts/": ada.id,
            f"{API}/tickets/": ticket["id"],
        }


@pytest.fixture(scope="module", params=sorted(EXAMPLES))
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    cluster = request.getfixturevalue("postgres") if request.param == "postgres" else None
    with Running(tmp_path_factory.mktemp("fuzz"), cluster, EXAMPLES[request.param]) as opened:
        yield opened


@pytest.mark.feature("TST-03", "SEC-57")
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_is_asked(running: Running, method: str, path: str) -> None:
    schema = schemathesis.openapi.from_dict(CONTRACT)
    schema.config.update(base_url=running.base_url)
    operation = schema[path][method]

    @settings(
        max_examples=running.examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(GenerationMode).flatmap(lambda mode: operation.as_strategy(generation_mode=mode)),
        st.booleans(),
    )
    def ask(case: schemathesis.Case[Any], existing: bool) -> None:
        # A request line over 8 KiB ends in the HTTP parser, which knows neither routes nor documents.
        assume(len(urlencode(dict(case.query or {}), doseq=True, errors="surrogatepass")) < 4000)
        known = running.known_under(path)
        if existing and known and case.path_parameters:
            case.path_parameters["id"] = running.known[known]
        headers = {} if path.endswith("/sessions/current") else {"Authorization": f"Bearer {running.token}"}
        case.call_and_validate(headers=headers, checks=CHECKS)

    ask()
