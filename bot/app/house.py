"""The house as it stands: all that was built, how it is opened and how it is closed; and what a demo puts into it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from aiohttp import web

from bot.background import Background
from bot.dispatcher import Dispatcher
from bot.engine import Engine
from bot.logs import AccessLog, FaultLog
from bot.readiness import Readiness
from bot.settings import Settings
from dialogs.ports import Clock, Randomness, TurnStore
from identity.passwords import Passwords
from psa.base import Psa
from storage.database import OpenDatabase
from storage.keys import Keyring
from web.headers import of_every_answer
from web.ports import Simulator
from web.services import Services
from web.slow import listen_on

#: A request may trickle in no longer than this before its headers are whole (REL-16).
HEADER_SECONDS = 10


@dataclass(frozen=True)
class Demo:
    """What the demo adds: stand-ins, their routes, and a clock that can be moved."""

    simulator: Simulator
    routes: Sequence[web.AbstractRouteDef]
    psa: Callable[[Callable[[str], Psa]], Callable[[str], Psa]]
    #: Trusts the simulated mail server's certificate.
    mail_tls: ssl.SSLContext | None = None


@dataclass
class House:
    """Everything that runs, for the demo, the tests and the benchmark to reach."""

    settings: Settings
    clock: Clock
    random: Randomness
    database: OpenDatabase
    keyring: Keyring
    store: TurnStore
    engine: Engine
    dispatcher: Dispatcher
    services: Services
    app: web.Application
    passwords: Passwords
    readiness: Readiness
    background: Background
    counts: dict[str, int] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, listening: socket.socket) -> None:
        """Serve on a socket that is bound already."""
        runner = web.AppRunner(self.app)
        self._stack.push_async_callback(runner.cleanup)
        server = await listen_on(
            runner,
            listening,
            header_seconds=HEADER_SECONDS,
            fixed=of_every_answer(self.settings.public_url),
            access_log_class=FaultLog if self.settings.demo else AccessLog,
        )
        self._stack.callback(server.close)
        self.background.start()
        self._stack.push_async_callback(self.background.stop)
        self.dispatcher.start()
        self._stack.push_async_callback(self.dispatcher.stop)

    def count(self, name: str) -> None:
        """One more webhook that was answered, by what became of it."""
        self.counts[name] = self.counts.get(name, 0) + 1

    async def stop(self) -> None:
        """Take nothing new, finish what is under way, close everything, in the reverse order of starting."""
        await self._stack.aclose()
