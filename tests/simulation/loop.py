"""An event loop without time and without chance: it runs what is ready, in order, until nothing is.

Each callback belongs to the house (process) in whose context it was scheduled; a dead house's callbacks never run.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Life:
    """Whether a house still runs."""

    def __init__(self) -> None:
        self.is_over = False


#: The house that the current callback belongs to; None for the outside.
LIFE: ContextVar[Life | None] = ContextVar("LIFE", default=None)


class SteppedLoop(asyncio.SelectorEventLoop):
    """`seconds` is its time; whoever drives it moves that and calls `run_ready`."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self._calls: deque[tuple[Context, asyncio.Handle]] = deque()
        #: What dead houses would have done next; needed to end their tasks tidily.
        self._never: list[tuple[Context, asyncio.Handle]] = []
        self._later: list[tuple[float, int, Context, asyncio.TimerHandle]] = []
        self._count = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._ending = False

    def time(self) -> float:
        return self.seconds

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        within = context if context is not None else copy_context()
        handle = asyncio.Handle(callback, args, self, within)
        self._calls.append((within, handle))
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        within = context if context is not None else copy_context()
        handle = asyncio.TimerHandle(when, callback, args, self, within)
        self._count += 1
        heapq.heappush(self._later, (when, self._count, within, handle))
        return handle

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A crash leaves errors behind that nobody will ever fetch."""

    def begin(self, work: Coroutine[Any, Any, T], life: Life | None) -> asyncio.Task[T]:
        """Start a task that belongs to a house."""
        within = copy_context()
        within.run(LIFE.set, life)
        task = self.create_task(work, context=within)
        self._tasks.append(task)
        return task

    def run_ready(self) -> None:
        """Run what is ready and what its time has come for, until the next thing would have to wait."""
        asyncio.events._set_running_loop(self)
        try:
            while self._later and self._later[0][0] <= self.seconds:
                _, _, within, handle = heapq.heappop(self._later)
                self._calls.append((within, handle))
            most = 200_000
            while self._calls:
                most -= 1
                if most == 0:
                    raise RuntimeError("it goes round in circles")
                within, call = self._calls.popleft()
                life = within.get(LIFE)
                if life is not None and life.is_over and not self._ending:
                    self._never.append((within, call))
                elif not call.cancelled():
                    call._run()
        finally:
            asyncio.events._set_running_loop(None)

    def errors(self) -> list[Exception]:
        """What was begun here and fell over by an error of ours; a crash is none."""
        over = [task.exception() for task in self._tasks if task.done() and not task.cancelled()]
        return [error for error in over if isinstance(error, Exception)]

    def end(self) -> None:
        """Cancel everything, so that nothing is left half done, and let go."""
        self._ending = True
        for task in asyncio.all_tasks(self):
            task.cancel()
        self._calls.extend(self._never)
        self.run_ready()
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.exception()
        self.close()


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    work.close()
    raise RuntimeError("it waits for something")
