"""Serving until told to stop: the socket, the event loop, and going away without anybody noticing."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Coroutine
from contextlib import suppress

import structlog

from bot.app.building import build
from bot.settings import BadSetting, Settings, check_for_serving
from dialogs.ports import Clock

log = structlog.get_logger("app")

#: New objects until the collector looks for rings among them. What a turn makes is nearly all gone by itself, and with
#: Python's 700 the looking took 8 % of the processor time under load (docs/explanation/performance.md).
COLLECT_AFTER = 20_000
#: Between "not ready" and closing, where there are others: proxies ask every second or two (REL-14).
NOTICE_SECONDS = 4.0


def serve(settings: Settings, *, clock: Clock | None = None) -> None:
    """Serve until told to stop. Raises BadSetting before anything listens. `clock`: for tests."""
    check_for_serving(settings)
    run(_serve(settings, clock))


async def _serve(settings: Settings, clock: Clock | None) -> None:
    house = await build(settings, clock=clock)
    try:
        with listen(settings.host, settings.port) as listening:
            await house.start(listening)
            log.info("serving", host=settings.host, port=settings.port, public_url=settings.public_url)
            await until_told_to_stop()
            log.info("stopping")
            house.readiness.stopping = True
            if not settings.is_sqlite:
                # Other replicas take over: the proxy has time to hear that this one is going away.
                await asyncio.sleep(NOTICE_SECONDS)
    finally:
        await house.stop()


def run(main: Coroutine[object, object, None]) -> None:
    """Run the main coroutine on the fastest event loop there is."""
    gc.set_threshold(COLLECT_AFTER, 20, 20)
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises BadSetting when the port is taken."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=512)
    except OSError as cause:
        raise BadSetting(
            f"Port {port} on {host} cannot be used: {os.strerror(cause.errno or 0)}. Stop what runs there, or choose "
            "another --port."
        ) from cause
    listening.setblocking(False)
    return listening


async def until_told_to_stop() -> None:
    """Return on SIGINT or SIGTERM."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(name, told.set)
    await told.wait()
