"""People with phones, the provider that delivers what they text until it is taken, and technicians at work.

About twenty signed webhooks a second: people who go through a whole check (`#verify`, claim, code, `#confirm`), and
others who just write something. Some texts are delivered twice at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlencode

import aiohttp

from bot.clock import SystemClock, SystemRandom
from bot.seeds import VERIFICATION_NUMBER
from simulator.carrier import sign
from tests.faults.filled import Person
from tests.faults.installation import Installation
from tests.faults.replica import Replica
from tests.fixtures.running_demo import SMS, TV, code_in

#: Checks that begin in a second, and other texts: with repeats and confirmations about twenty webhooks.
CHECKS_A_SECOND, WORDS_A_SECOND = 4.0, 10.0
#: Verifications of end users that begin in a second, of each kind.
USERS_A_SECOND = 0.8
#: Seconds between two tries of the provider, and of a technician who sees an error.
AGAIN_S = 0.3
#: How long anything may take in all; what must be faster says so itself.
PATIENCE_S = 60.0
#: How the texts begin that say that a check has run out.
OVER = "Time is up"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Said:
    """One text of a person's. `statuses`: what each delivery was answered, 0 for nothing."""

    sid: str
    sender: Person
    words: str
    statuses: list[int] = field(default_factory=list)

    @property
    def taken(self) -> bool:
        return 200 in self.statuses


@dataclass
class Story:
    """One check as its people see it. `step`: how far it has come."""

    person: Person
    who: int
    step: str = "verify"
    check_id: str = ""
    code: str = ""


@dataclass
class UserStory:
    """One verification of an end user. `asked`: how often the technician had to ask, which is once but where the worker
    of the first call is gone."""

    person: Person
    who: int
    step: str = "ask"
    id: str = ""
    asked: int = 0


#: Tells one story with a person, from its beginning to its end.
Telling: TypeAlias = "Callable[[Traffic, Person, int], Coroutine[Any, Any, object]]"


@dataclass
class Traffic:
    """Everything that was said and done on one installation. A fixed rate until `stop`, then the stories end."""

    installation: Installation
    said: list[Said] = field(default_factory=list)
    stories: list[Story] = field(default_factory=list)
    #: Verifications of end users, as far as they have come.
    users: list[UserStory] = field(default_factory=list)
    #: Further stories that are begun, `USERS_A_SECOND` of each.
    more: Sequence[Telling] = ()
    #: Answers of the API that were neither right nor a fault's.
    odd: list[str] = field(default_factory=list)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _clock: SystemClock = field(default_factory=SystemClock)
    _random: SystemRandom = field(default_factory=SystemRandom)
    _people: Iterator[Person] = field(init=False)

    def __post_init__(self) -> None:
        self._people = iter(self.installation.filled.people)

    # --- all of it --------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Traffic within; what has begun goes on afterwards, see `ended`."""
        flow = [
            asyncio.create_task(self._every(1 / CHECKS_A_SECOND, self._begin_story)),
            asyncio.create_task(self._every(1 / WORDS_A_SECOND, self._begin_words)),
            *(asyncio.create_task(self._every(1 / USERS_A_SECOND, self._begun(telling))) for telling in self.more),
        ]
        try:
            yield
        finally:
            for task in flow:
                task.cancel()
            await asyncio.gather(*flow, return_exceptions=True)

    async def ended(
        self, within: float = PATIENCE_S, but: Callable[[], Awaitable[Collection[str]]] | None = None
    ) -> None:
        """Wait until every text is taken and every story told. `but`: phones whose stories may stay open."""
        until = time.monotonic() + within
        while self._tasks:
            assert time.monotonic() < until, f"not told in {within:.0f} s: {self.open_stories()}; {self.untaken()}"
            done, left = await asyncio.wait(self._tasks, timeout=0.5, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            if left and but is not None and {task.get_name() for task in left} <= set(await but()):
                return

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def open_stories(self) -> list[tuple[str, str]]:
        """Phone and step of each that is not told to its end."""
        every: list[Story | UserStory] = [*self.stories, *self.users]
        return [(story.person.mobile, story.step) for story in every if story.step != "told"]

    def untaken(self) -> list[tuple[str, list[int]]]:
        """Texts that were never answered 200."""
        return [(said.words, said.statuses[-5:]) for said in self.said if not said.taken]

    async def _every(self, seconds: float, begin: Any) -> None:
        """At a fixed pace, whatever the answers take."""
        at = time.monotonic()
        number = 0
        while True:
            begin(number)
            number += 1
            at += seconds
            await asyncio.sleep(max(0.0, at - time.monotonic()))

    def _begin(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._tasks.discard(task)

    def _begin_story(self, number: int) -> None:
        person = next(self._people)
        self._begin(self.story(person, number), person.mobile)

    def _begun(self, telling: Telling) -> Callable[[int], None]:
        def begin(number: int) -> None:
            person = next(self._people)
            self._begin(telling(self, person, number), person.mobile)

        return begin

    def _begin_words(self, number: int) -> None:
        person = next(self._people)
        self._begin(self.say(person, f"hello, it is me again ({number})", twice=number % 5 == 0), person.mobile)

    # --- a person -------------------------------------------------------------------------------------------------

    async def story(self, person: Person, number: int, through: Replica | None = None) -> Story:
        """A check from `#verify` to the word that it is confirmed."""
        story = Story(person, number % 2)
        self.stories.append(story)
        await self.say(person, "#verify", twice=number % 3 == 0, through=through)
        story.step = "claim"
        shown = await self._claim(story, through)
        if shown is None:
            story.step = "told"
            return story
        story.step = "code"
        carrier = self.installation.carrier.carrier
        text = await carrier.text_with(person.mobile, "Code: ", OVER)
        if OVER in text:
            story.step = "told"
            return story
        story.code = code_in(text)
        assert shown == story.code, "the technician sees another code than the person"
        story.step = "confirm"
        await self.say(person, f"#confirm {story.code}", twice=number % 3 == 1, through=through)
        story.step = "word"
        await carrier.text_with(person.mobile, "Confirmed.", OVER)
        story.step = "told"
        return story

    async def say(self, person: Person, words: str, *, twice: bool = False, through: Replica | None = None) -> Said:
        """Text us. The provider delivers it until it hears 200, `twice` with two deliveries at once to begin with."""
        said = Said(self.new_sid(), person, words)
        self.said.append(said)
        if twice:
            await asyncio.gather(self.deliver(said, through), self.deliver(said, through))
        else:
            await self.deliver(said, through)
        while not said.taken:
            await asyncio.sleep(AGAIN_S)
            await self.deliver(said, through)
        return said

    def new_sid(self) -> str:
        """Of a text that was never delivered before."""
        return "SM" + self._random.new_id(self._clock.now()).replace("-", "")

    def also(self, tasks: Collection[asyncio.Task[Any]]) -> None:
        """Wait for these too at the end."""
        for task in tasks:
            self._tasks.add(task)
            task.add_done_callback(self._done)

    async def deliver(self, said: Said, through: Replica | None = None) -> int:
        """One delivery, by the proxy or straight to one replica."""
        filled = self.installation.filled
        fields = {
            "MessageSid": said.sid,
            "SmsSid": said.sid,
            "AccountSid": filled.account_sid,
            "From": said.sender.mobile,
            "To": VERIFICATION_NUMBER,
            "Body": said.words,
            "NumMedia": "0",
            "ApiVersion": "2010-04-01",
        }
        base = through.url if through is not None else self.installation.proxy.url
        signature = sign(self.installation.proxy.url + SMS, fields, filled.auth_token)
        status, _ = await self._ask("POST", base + SMS, urlencode(fields), {**_FORM, "X-Twilio-Signature": signature})
        said.statuses.append(status)
        return status

    # --- a technician ---------------------------------------------------------------------------------------------

    async def _claim(self, story: Story, through: Replica | None) -> str | None:
        """Find the check, claim it with a new ticket; the code, None when it has run out meanwhile."""
        while not story.check_id:
            found = await self.api("GET", f"{TV}?contact_id={story.person.id}", who=story.who, through=through)
            items = found["items"] if found is not None else []
            story.check_id = items[0]["id"] if items else ""
            if not items:
                await asyncio.sleep(0.05)
        body = {"direction": "we_called_user", "ticket": "new"}
        while True:
            claimed = await self.api("POST", f"{TV}/{story.check_id}/claim", body, who=story.who, through=through)
            if claimed is None:
                return None
            if claimed.get("code"):
                return str(claimed["code"])
            if claimed.get("state") not in ("open", "claimed"):
                return None
            await asyncio.sleep(0.05)

    async def api(
        self, method: str, path: str, body: object = None, *, who: int = 0, through: Replica | None = None
    ) -> Any:
        """What the API answers in the end; who is told to try again does. None for what is over."""
        headers = {"Authorization": f"Bearer {self.installation.filled.bearers[who]}"}
        base = through.url if through is not None else self.installation.proxy.url
        while True:
            status, answer = await self._ask(method, base + path, body, headers)
            if status in (200, 201):
                return answer
            if status == 409:
                return None
            if status and status < 500:
                self.odd.append(f"{method} {path.split('?')[0]}: {status} {answer}")
                raise AssertionError(self.odd[-1])
            await asyncio.sleep(AGAIN_S)

    async def try_api(
        self, method: str, path: str, body: object = None, *, who: int = 0, key: str = ""
    ) -> tuple[int, Any]:
        """One call by the proxy, whatever comes of it; 0 when nobody answered."""
        headers = {"Authorization": f"Bearer {self.installation.filled.bearers[who]}"}
        if key:
            headers["Idempotency-Key"] = key
        return await self._ask(method, self.installation.proxy.url + path, body, headers)

    async def _ask(self, method: str, url: str, body: object, headers: dict[str, str]) -> tuple[int, Any]:
        """Status and JSON; 0 when nobody answered."""
        how: dict[str, Any] = {"data": body} if isinstance(body, str) else {"json": body} if body is not None else {}
        timeout = aiohttp.ClientTimeout(total=15)
        try:
            async with self.installation.http.request(method, url, headers=headers, timeout=timeout, **how) as answer:
                is_json = answer.content_type == "application/json"
                return answer.status, await answer.json() if is_json else await answer.text()
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return 0, None

    # --- afterwards -----------------------------------------------------------------------------------------------

    async def answered_again(self, replica: Replica) -> float:
        """Go on until this replica takes a text and its answer has come to the phone; when that was."""
        person = next(self._people)
        await self.say(person, "#verify", through=replica)
        await self.installation.carrier.carrier.text_with(person.mobile, "Code: ")
        return time.monotonic()
