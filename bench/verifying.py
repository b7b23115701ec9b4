"""How long a technician waits when they verify a caller by a code: until the text has left, and until the answer stands
there once they have typed it. Over HTTP, as the console and the pod do it, with durable commits."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bench.carrier import Carrier, carrier
from bench.delays import quantiles
from bench.load import percentile
from bench.processes import start_house
from bench.report import HEAD, Target
from bench.rows import WrongRows
from bench.side import PATIENCE_S
from bench.stored import Stored

_CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")
#: So many technicians at once, besides one alone.
TOGETHER = 8


@dataclass(slots=True)
class Waits:
    """Seconds, one for each caller: until the request was answered, until the carrier had the text (both from the
    moment it was asked for), and until a typed code was answered."""

    asked: list[float] = field(default_factory=list)
    texted: list[float] = field(default_factory=list)
    checked: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verifying:
    """`floor`: what the smallest answer of the same house takes over the same connection."""

    floor: list[float]
    alone: Waits
    together: Waits


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody on record with a mobile number."""

    contact_id: str
    address_id: str
    mobile: str


class Desk:
    """A technician's programs: asks, waits for the text, types its code."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, outside: Carrier) -> None:
        self._session = session
        self._base = base_url
        self._outside = outside

    async def callers(self, many: int) -> list[Caller]:
        """So many contacts, each with a number that nobody shares: a text is told by whom it went to."""
        found: dict[str, Caller] = {}
        after = ""
        while len(found) < many:
            page = await self._get("/api/v1/contacts", {"limit": "100", "after": after} if after else {"limit": "100"})
            for contact in page["items"]:
                mobile = next((a for a in contact["addresses"] if a["kind"] == "mobile"), None)
                if mobile is not None:
                    found.setdefault(mobile["value"], Caller(contact["id"], mobile["id"], mobile["value"]))
            after = page["next"]
            if not after:
                break
        if len(found) < many:
            raise WrongRows(f"{len(found)} contacts have a mobile number, not {many}")
        return list(found.values())[:many]

    async def floor(self, times: int) -> list[float]:
        """Seconds that the page for load balancers takes."""
        took = []
        for _ in range(times):
            began = time.monotonic()
            async with self._session.get(self._base + "/healthz") as answer:
                await answer.read()
            took.append(time.monotonic() - began)
        return took

    async def verify(self, caller: Caller, waits: Waits) -> None:
        """One caller from the first press to the green shield. Raises WrongRows."""
        wish = {"contact_id": caller.contact_id, "address_id": caller.address_id, "method": "sms_code"}
        began = time.monotonic()
        made = await self._post("/api/v1/end-user-verifications", wish, 201)
        waits.asked.append(time.monotonic() - began)
        waits.texted.append(await self._arrival(caller.mobile) - began)
        code = _CODE.search(self._outside.said[caller.mobile])
        if code is None:
            raise WrongRows("a text without a code")
        began = time.monotonic()
        done = await self._post(f"/api/v1/end-user-verifications/{made['id']}/check", {"code": code[0]}, 200)
        waits.checked.append(time.monotonic() - began)
        if done["state"] != "verified":
            raise WrongRows(f"the right code left it {done['state']}")

    async def _arrival(self, mobile: str) -> float:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                at = next((at for to, at in reversed(self._outside.arrivals) if to == mobile), None)
                if at is not None:
                    return at
                await self._outside.wait_for(len(self._outside.arrivals) + 1)

    async def _get(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        async with self._session.get(self._base + path, params=query) as answer:
            return await self._json(answer, 200)

    async def _post(self, path: str, body: dict[str, str], status: int) -> dict[str, Any]:
        async with self._session.post(self._base + path, json=body) as answer:
            return await self._json(answer, status)

    async def _json(self, answer: aiohttp.ClientResponse, status: int) -> dict[str, Any]:
        if answer.status != status:
            raise WrongRows(f"{answer.url.path} answered {answer.status}: {(await answer.text())[:200]}")
        got: dict[str, Any] = await answer.json()
        return got


async def measure_verifying(stored: Stored, many: int = 200) -> Verifying:
    """`many` callers by one technician, one after the other, then as many by several at once."""
    async with AsyncExitStack() as stack:
        outside = await stack.enter_async_context(carrier())
        house = await start_house(stack, stored, contacts=2 * many, carrier_url=outside.base_url)
        await house.ask("dispatch")
        session = await stack.enter_async_context(
            aiohttp.ClientSession(headers={"Authorization": "Bearer " + house.facts["bearer"]})
        )
        desk = Desk(session, house.facts["base_url"], outside)
        callers = await desk.callers(2 * many)
        alone, together = Waits(), Waits()
        floor = await desk.floor(many)
        for caller in callers[:many]:
            await desk.verify(caller, alone)
        waiting = iter(callers[many:])

        async def one_technician() -> None:
            for caller in waiting:
                await desk.verify(caller, together)

        async with asyncio.TaskGroup() as group:
            for _ in range(TOGETHER):
                group.create_task(one_technician())
        return Verifying(floor, alone, together)


def describe(engine: str, found: Verifying) -> str:
    """What was found, in milliseconds and against the smallest answer of the same house."""
    service = [a + b for a, b in zip(found.alone.texted, found.alone.checked, strict=True)]
    share = Target(f"{engine}: our share of one verification, p99 ms", 1000, 100, less=True)
    least = percentile(found.floor, 0.5)
    lines = [
        HEAD,
        share.row([percentile(service, 0.99) * 1000]),
        f"  {engine}: the smallest answer of this house: {quantiles(found.floor)}",
    ]
    for who, waits in (("one technician", found.alone), (f"{TOGETHER} technicians", found.together)):
        for what, seconds in (
            ("asked, answered", waits.asked),
            ("asked, text at the carrier", waits.texted),
            ("code typed, answered", waits.checked),
        ):
            ratio = percentile(seconds, 0.5) / least
            lines.append(f"  {engine}: {who}: {what}: {quantiles(seconds)}; {ratio:.1f} of the smallest answer")
    return "\n".join(lines)
