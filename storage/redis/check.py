"""Is the Redis well? For `watchword doctor`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from storage.redis.connection import BadRedisUrl, Connection, NotNow

#: A wake-up that takes longer than this is hardly faster than looking at the database. Milliseconds.
SLOW_MS = 50.0
#: Seconds to wait for it: longer than a turn would, as somebody sits in front of a screen.
PATIENCE = 2.0


@dataclass(frozen=True, slots=True)
class Checked:
    """`state`: warn where it does not answer, as everything works without it; fail for an address that is none.

    `text`: what was found and what to do, without the address. `version` is the server's own word, empty when it did
    not answer; `latency_ms` the time of one question and answer.
    """

    state: Literal["ok", "warn", "fail"]
    text: str
    version: str = ""
    latency_ms: float = 0.0


async def check(url: str) -> Checked:
    """Ask it twice, the second time over a connection that stands. Never raises."""
    try:
        connection = Connection(url, answers_within=PATIENCE)
    except BadRedisUrl as bad:
        return Checked("fail", f"WATCHWORD_REDIS_URL: {bad}")
    try:
        answers = await connection.run(("INFO", "server"))
        asked = time.perf_counter()
        if isinstance(answers, NotNow) or isinstance(await connection.run(("PING",)), NotNow):
            return Checked(
                "warn",
                "Redis does not answer, or refuses the password. Everything works without it, only slower. "
                "Start it, or correct WATCHWORD_REDIS_URL.",
            )
        latency_ms = (time.perf_counter() - asked) * 1000
        version = _version(answers[0])
        if latency_ms > SLOW_MS:
            text = f"Redis {version} answers in {latency_ms:.0f} ms, which is slow. Move it closer to this machine."
            return Checked("warn", text, version, latency_ms)
        return Checked("ok", f"Redis {version} answers in {latency_ms:.1f} ms", version, latency_ms)
    finally:
        await connection.close()


def _version(info: object) -> str:
    """From what INFO says: Valkey names its own version beside the one of Redis it stands for."""
    if isinstance(info, dict):
        return str(info.get("valkey_version") or info.get("redis_version") or "of unknown version")
    said = info.decode("utf-8", "replace") if isinstance(info, bytes) else str(info)
    fields = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    return fields.get("valkey_version") or fields.get("redis_version") or "of unknown version"
