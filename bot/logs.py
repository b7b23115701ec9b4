"""The log: one record to a line, only keys that are known to be safe, and nothing in it that could be misused.

JSON in `serve`, for a machine to read; plain lines in the demo, for a person. What libraries log takes the same way.
The log is for running the service; evidence is in the audit log (`storage`), which is written with each turn.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, ClassVar, TextIO

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

#: Keys whose values may be written, after redaction. A new key is added here on purpose, or it is withheld.
SAFE_KEYS = frozenset(
    {
        *("event", "level", "at", "logger", "command", "version", "host", "port", "public_url", "worker", "pid"),
        *("id", "tenant_id", "check_id", "contact_id", "technician_id", "ticket_id", "conversation_id", "item_id"),
        *("number_id", "log_in_id", "announced_id", "provider_id", "message_id", "tenant", "timer", "fence", "seq"),
        *("kind", "state", "before", "after", "channel", "provider", "purpose", "direction", "template", "hook"),
        *("status", "why", "error", "error_code", "refused", "word", "limit", "calls", "signal", "area"),
        *("lines", "rows", "task", "what", "tries", "again_in_s"),
        *("method", "route", "path", "ms", "size", "count", "attempt", "segments", "seconds", "retry_after", "batch"),
    }
)
WITHHELD = "[withheld]"
LONGEST = 500
#: A request that takes longer than this, in seconds, is worth a line of the log.
SLOW_SECONDS = 1.0

_PARTS = re.compile(
    r"""
      (?P<uuid>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)
    | (?P<sid>\b[A-Z]{2}[0-9a-f]{32}\b)
    | (?P<moment>\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)
    | (?P<header>\b(?i:authorization|proxy-authorization|cookie|set-cookie|x-twilio-signature|x-csrf|password|passwd
                 |secret|token|auth_token|api_key|signature)["']?\s*[:=].*)
    | (?P<bearer>\b(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,})
    | (?P<email>[^\s@<>"']+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)
    | (?P<signature>[A-Za-z0-9+/]{27}=)
    | (?P<recovery>\b[0-9a-z]{4}(?:-[0-9a-z]{4}){3}\b)
    | (?P<token>(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*[A-Z0-9])[A-Za-z0-9_-]{32,})
    | (?P<address>\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b)
    | (?P<address6>(?<![0-9A-Za-z])(?:[0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}(?![0-9A-Za-z:]))
    | (?P<digits>(?<!\d)\+?\(?\d(?:[ ().\-/\u00a0]{0,2}\d){5,}(?!\d))
    """,
    re.VERBOSE | re.DOTALL,
)
#: Line ends of every alphabet, and what terminals obey.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def redact(text: str) -> str:
    """The text on one line, without what could be a code, a token, a credential, a number or an address in full.

    Ids and times of ours stay. Of phone numbers the last two digits are kept, of e-mail addresses the domain.
    """
    short = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    return _CONTROLS.sub(lambda c: f"\\u{ord(c[0]):04x}", _PARTS.sub(_replace, short))


def _replace(found: re.Match[str]) -> str:
    what, text = found.lastgroup, found[0]
    if what in {"uuid", "sid", "moment"}:
        return text
    if what == "email":
        return "[...]@" + text.rpartition("@")[2]
    if what == "address":
        return text if text.startswith("127.") else text.rpartition(".")[0] + ".x"
    if what == "address6":
        return text if text == "::1" else "[address]"
    if what == "digits":
        digits = [c for c in text if c.isdecimal()]
        return "[number ..." + "".join(digits[-2:]) + "]" if text[0] == "+" or len(digits) > 10 else "[code]"
    return {"header": "[credential]", "bearer": "[credential]", "recovery": "[code]"}.get(what or "", "[token]")


def safe(value: object) -> object:
    """A value as it may be written: plain things, texts redacted, of anything else only its type."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [safe(part) for part in list(value)[:50]]
    return f"[{type(value).__name__}]"


def keep_safe(logger: object, method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """The processor: known keys pass, redacted; of others it is said that they were there."""
    kept: dict[str, Any] = {}
    for key, value in event.items():
        if key in SAFE_KEYS:
            kept[key] = safe(value)
        elif not key.startswith("_"):
            kept[key if key.isidentifier() and len(key) <= 30 else "withheld"] = WITHHELD
    return kept


def name_error(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as its type and the calls that led to it; its own words may quote what was sent."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if error is not None:
        event["error"] = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        event["calls"] = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    return event


class _Tally:
    """Counts lines by level, as the last thing that is done before one is written."""

    def __init__(self) -> None:
        self.by_level: dict[str, int] = {}

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        level = str(event.get("level", ""))
        self.by_level[level] = self.by_level.get(level, 0) + 1
        return event


def lines_by_level() -> Mapping[str, int]:
    """How many lines the log as it is set up now has been given, by level."""
    for processor in structlog.get_config()["processors"]:
        if isinstance(processor, _Tally):
            return processor.by_level
    return {}


def _as_json(logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    first = {key: event[key] for key in ("at", "level", "event") if key in event}
    return json.dumps({**first, **event}, ensure_ascii=False, separators=(",", ":"))


def _as_line(logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    at, level, name = (str(event.pop(key, "")) for key in ("at", "level", "event"))
    rest = " ".join(f"{key}={value}" for key, value in event.items() if key != "logger")
    return f"{at[11:19]} {level:7} {name} {rest}".rstrip()


class _LibraryLines(logging.Handler):
    """What libraries log, through the same processors. Only the template of their sentence is kept, without values."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        level = record.levelname.lower() if record.levelname.lower() in _LEVELS else "warning"
        extra = {"exc_info": record.exc_info} if record.exc_info else {}
        # asyncio puts reprs of whatever was under way into the lines below the first.
        getattr(log, level)(str(record.msg).partition("\n")[0], logger=record.name, **extra)


_LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})


def configure(*, readable: bool, out: TextIO | None = None, level: int = logging.INFO) -> None:
    """Set logging up for this process; the last call counts. `out` is the standard error where none is given."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            name_error,
            _Tally(),
            keep_safe,
            _as_line if readable else _as_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out or sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _LibraryLines)]:
        root.removeHandler(handler)
    root.addHandler(_LibraryLines())
    root.setLevel(max(level, logging.WARNING))


class AccessLog(AbstractAccessLogger):
    """One line for each request that was refused, failed or slow: the route or the path, never the query, and no
    address of the caller. Writing a line takes some 25 us, too much for each request that went well."""

    #: The lowest status that is worth a line.
    from_status: ClassVar[int] = 400

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        failed, slow = response.status >= 500, time >= SLOW_SECONDS and not _lasts(response)
        if response.status < self.from_status and not slow:
            return
        say = structlog.get_logger().warning if failed or slow else structlog.get_logger().info
        say("request", method=request.method, route=route_of(request), status=response.status, ms=round(time * 1e3))


class FaultLog(AccessLog):
    """Only what went wrong on our side, for the demo, where a person reads along."""

    from_status = 500


def _lasts(response: web.StreamResponse) -> bool:
    """Whether this answer is a line that stays open: a socket, or a stream of events."""
    return response.status == 101 or response.content_type == "text/event-stream"


def route_of(request: web.BaseRequest) -> str:
    """The route's own pattern (`/v/{token}`), so that what stands in its place is not written down."""
    if isinstance(request, web.Request) and request.match_info.route.resource is not None:
        return request.match_info.route.resource.canonical
    return request.path
