"""Reading what a request carries: bounded in size, depth and time, of the one content type its surface takes, and
checked against the route's model, so that a handler never sees a field nobody declared (SEC-14, REL-16)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_origin
from urllib.parse import parse_qsl

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from web.problems import Problem

MAX_JSON = 1024 * 1024
MAX_FORM = 256 * 1024
MAX_DEPTH = 32
MAX_FIELDS = 1000
BODY_SECONDS = 30.0
#: Of one part of a form with files. Browsers send two headers, in which a file's name is the longest thing.
MAX_PART_HEADERS = 8 * 1024

_BOUNDARY = re.compile(
    r";\s*boundary=(?:\"([0-9A-Za-z'()+_,./:=? -]{1,70})\"|([0-9A-Za-z'+_.-]{1,70}))\s*(?:;|\Z)", re.I
)
_VALUE = r"(?:\"((?:[^\"\\]|\\.)*)\"|([^\s\";]*))"
_PARAMETER = re.compile(rf";\s*([A-Za-z*-]+)={_VALUE}")
_DISPOSITION = re.compile(rf"content-disposition:\s*form-data((?:;\s*[A-Za-z*-]+={_VALUE})*)\s*", re.I)

M = TypeVar("M", bound=BaseModel)


class Strict(BaseModel):
    """The base of everything that comes in: a field that is not declared is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Strict):
    """A request that needs no body; an empty JSON object will do, any field will not."""


async def read_body(request: web.Request, limit: int, seconds: float = BODY_SECONDS) -> bytes:
    """The whole body, at most `limit` bytes and 30 s; an announced length over the limit is refused unread."""
    too_large = Problem(413, "too_large", f"That is too much at once. At most {limit // 1024} KiB are taken.")
    if request.content_length is not None and request.content_length > limit:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_chunked(64 * 1024):
                body += chunk
                if len(body) > limit:
                    raise too_large
    except TimeoutError:
        raise Problem(408, "too_slow", "The request took too long to arrive. Send it again.") from None
    return bytes(body)


def read_json(raw: bytes, content_type: str) -> Any:
    """The JSON value of a body, `{}` for none at all. Anything that does not call itself JSON is refused: a form of
    another site can send `text/plain`, and never `application/json`."""
    if not raw:
        return {}
    if content_type != "application/json":
        raise Problem(415, "not_json", "Send the body as JSON, with the header Content-Type: application/json.")
    if depth(raw) > MAX_DEPTH:
        raise Problem(400, "too_deep", f"The JSON is nested too deep. At most {MAX_DEPTH} levels are taken.")
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, UnicodeDecodeError):
        raise Problem(400, "bad_json", "The body is not valid JSON.") from None
    if _holds_nul(value):
        raise Problem(400, "bad_json", "The body holds a character that no text may hold (U+0000 or half a pair).")
    return value


def depth(raw: bytes) -> int:
    """How deep arrays and objects are nested, counted without parsing, because parsing is what depth hurts."""
    deepest = now = 0
    in_text = escaped = False
    for byte in raw:
        if in_text:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_text = False
        elif byte == 0x22:
            in_text = True
        elif byte in b"[{":
            now += 1
            if now > MAX_DEPTH:
                return now
            deepest = max(deepest, now)
        elif byte in b"]}":
            now -= 1
    return deepest


def read_form(raw: bytes, content_type: str) -> dict[str, list[str]]:
    """The fields of a form, each with all its values in order."""
    if not raw:
        return {}
    if content_type != "application/x-www-form-urlencoded":
        raise Problem(415, "not_a_form", "This page takes its own form only. Go back and send it again.")
    try:
        pairs = parse_qsl(
            raw.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS, separator="&"
        )
    except (ValueError, UnicodeDecodeError):
        raise Problem(400, "bad_form", "The form did not arrive whole. Go back and send it again.") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def read_multipart(raw: bytes, content_type: str) -> tuple[dict[str, list[str]], dict[str, tuple[str, bytes]]]:
    """The fields of a form with files, and the files by field: (name, content). `content_type` is the whole header. A
    file field left empty is no file; two files in one field, or a form that no browser sends, are refused.

    Taken apart in one go, without a parser that reads line by line: five megabytes of empty lines would keep that one,
    and everybody else with it, busy for seconds.
    """
    fields: dict[str, list[str]] = {}
    files: dict[str, tuple[str, bytes]] = {}
    try:
        for name, filename, content in _parts(raw, content_type):
            if filename is None:
                fields.setdefault(name, []).append(content.decode("utf-8"))
            elif name in files:
                raise ValueError("two files in one field")
            elif filename or content:
                files[name] = (filename[-200:], content)
    except (ValueError, UnicodeDecodeError):
        raise Problem(400, "bad_form", "The form did not arrive whole. Go back and send it again.") from None
    return fields, files


def _parts(raw: bytes, content_type: str) -> Iterator[tuple[str, str | None, bytes]]:
    """Name, file name (None for a field) and content of each part, as browsers send them: nothing before the first and
    nothing after the last. Raises ValueError."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise ValueError("no boundary")
    before, *pieces = (b"\r\n" + raw).split(b"\r\n--" + (boundary[1] or boundary[2]).encode(), MAX_FIELDS + 2)
    if before or not pieces or pieces.pop() not in (b"--", b"--\r\n") or len(pieces) > MAX_FIELDS:
        raise ValueError("not whole, or too many parts")
    for piece in pieces:
        end = piece.find(b"\r\n\r\n", 0, MAX_PART_HEADERS)
        if end < 0 or not piece.startswith(b"\r\n"):
            raise ValueError("a part without an end of its headers")
        lines = piece[2:end].decode("utf-8").split("\r\n")
        about = [found for line in lines if (found := _DISPOSITION.fullmatch(line)) is not None]
        if len(about) != 1:
            raise ValueError("a part that no form of ours has")
        said = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(about[0][1])}
        if not said.get("name"):
            raise ValueError("a part without a name")
        yield said["name"], said.get("filename"), piece[end + 4 :]


def check(model: type[M], value: Any) -> M:
    """`value` as the model, or 422 with what is wrong where. What was sent is not repeated: it may be a secret."""
    try:
        return model.model_validate(value)
    except ValidationError as wrong:
        problems = [
            {"field": ".".join(str(part) for part in error["loc"]), "problem": error["msg"]}
            for error in wrong.errors(include_url=False, include_context=False, include_input=False)
        ]
        first = problems[0]
        where = f"{first['field']}: " if first["field"] else ""
        said = f"The request is not as it should be. {where}{first['problem']}."
        raise Problem(422, "invalid", said, {"problems": problems}) from None


def check_fields(model: type[M], fields: Mapping[str, Sequence[str]]) -> M:
    """Form or query fields as the model. A name that comes twice is a list, and refused where one value is due."""
    value: dict[str, object] = {}
    for name, values in fields.items():
        if any(_holds_nul(text) for text in values):
            raise Problem(422, "invalid", f"{name} holds a character that no text may hold.")
        declared = model.model_fields.get(name)
        is_list = declared is not None and get_origin(declared.annotation) in (list, tuple)
        value[name] = list(values) if is_list or len(values) > 1 else values[0]
    return check(model, value)


def refuse_address(query: Iterable[tuple[str, str]], places: Iterable[str]) -> None:
    """Refuse an address in which a character stands that no text may hold: `query` as pairs, `places` as the values in
    the path. What nobody declares passes no model, and storage would stumble over it."""
    if any(_holds_nul(place) for place in places):
        raise Problem(404, "not_found", "There is nothing here. The link may be old, or it belongs to somebody else.")
    for name, text in query:
        if _holds_nul(name) or _holds_nul(text):
            raise Problem(422, "invalid", "The address holds a character that no text may hold. Type it anew.")


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _holds_nul(value: Any) -> bool:
    """U+0000 is refused by PostgreSQL in any text, and lone surrogates by every encoder; say so before storage does."""
    if isinstance(value, str):
        return "\0" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value)
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_holds_nul(part) for part in value)
