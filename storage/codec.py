"""States of dialogs to JSON and back, and what lists and filters know of a state without opening it.

One pydantic adapter per state class checks what comes back; fields it does not know are ignored, so that two versions
can run side by side during an update. Every field of type `Code` is sealed inside the JSON (SEC-17).
"""

from __future__ import annotations

import base64
import json
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from dialogs import tech_verify as tv
from dialogs.desk import Desk
from dialogs.effects import Code
from dialogs.machine import members
from storage.times import micros, moment

KIND = "tech_verify"

Seal = Callable[[bytes], bytes]


class BadState(Exception):
    """A stored state cannot be read: made by a newer version, or damaged."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the row beside a state says: name in small letters, whether it is live, and whose it is."""

    state: str
    is_live: bool
    technician_id: str
    ticket_id: str
    expires_at: datetime | None


def summary(state: tv.State) -> Summary:
    """The columns that lists filter by; all of them follow from the state."""
    claim: tv.Claim | None = None if isinstance(state, tv.Blank | tv.Open) else state.claim
    ticket = claim.ticket if claim is not None else None
    return Summary(
        type(state).__name__.lower(),
        isinstance(state, tv.Open | tv.Claimed),
        claim.technician.id if claim is not None else "",
        ticket.id if isinstance(ticket, tv.Ticket) else "",
        state.challenge.expires_at if isinstance(state, tv.Open | tv.Claimed) else None,
    )


def dump_state(state: tv.State, seal: Seal) -> str:
    """`{"kind": ..., "state": {...}}`; `seal` encrypts the digits of codes."""
    kind = type(state).__name__
    paths = _CODES[kind]
    if not paths:
        return f'{{"kind":"{kind}","state":{_ADAPTERS[kind].dump_json(state).decode()}}}'
    plain = _ADAPTERS[kind].dump_python(state, mode="json")
    for path in paths:
        holder = _holder(plain, path)
        if holder is not None:
            digits: str = holder[path[-1]]["digits"]
            holder[path[-1]] = {"sealed": base64.b64encode(seal(digits.encode())).decode()}
    return json.dumps({"kind": kind, "state": plain}, separators=(",", ":"), ensure_ascii=False)


def load_state(body: str, unseal: Seal) -> tv.State:
    """Raises BadState for a kind or a shape that this version does not know, `CannotOpen` for a code that will not
    open."""
    try:
        stored = json.loads(body)
        kind, plain = stored["kind"], stored["state"]
        for path in _CODES[kind]:
            holder = _holder(plain, path)
            if holder is not None:
                holder[path[-1]] = {"digits": unseal(base64.b64decode(holder[path[-1]]["sealed"])).decode()}
        state: tv.State = _ADAPTERS[kind].validate_python(plain)
    except (ValueError, KeyError, TypeError, ValidationError) as why:
        # No chaining: pydantic's message would quote the values, and one of them is a code.
        raise BadState(f"a stored state cannot be read ({type(why).__name__})") from None
    return state


def dump_desk(desk: Desk) -> str:
    return json.dumps({"answered": {ask: micros(at) for ask, at in desk.answered.items()}}, separators=(",", ":"))


def load_desk(body: str) -> Desk:
    return Desk({ask: moment(at) for ask, at in json.loads(body).get("answered", {}).items()})


def dump_values(values: Mapping[str, str | int]) -> str:
    """A flat mapping with its keys in order, so that equal mappings are equal text."""
    return json.dumps(values, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def load_texts(body: bytes | str) -> dict[str, str]:
    loaded: dict[str, str] = json.loads(body)
    return loaded


def _holder(plain: Any, path: tuple[str, ...]) -> dict[str, Any] | None:
    """The mapping that the last step of `path` is in, or None where an optional part is absent."""
    for step in path[:-1]:
        plain = plain.get(step)
        if plain is None:
            return None
    return plain if plain.get(path[-1]) is not None else None


def _code_paths(cls: type[Any], seen: tuple[type[Any], ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where codes are inside a state class. A code in a list or a mapping is refused, so that none slips by."""
    if cls in seen:
        return
    hints = get_type_hints(cls)
    for f in fields(cls):
        for part in _parts(hints[f.name]):
            if part is Code:
                yield (f.name,)
            elif isinstance(part, type) and is_dataclass(part):
                for rest in _code_paths(part, (*seen, cls)):
                    yield (f.name, *rest)
            elif any(_reaches_code(inner) for inner in get_args(part)):
                raise TypeError(f"{cls.__name__}.{f.name}: codes must be fields of a dataclass, or they go unsealed")


def _parts(hint: Any) -> tuple[Any, ...]:
    return tuple(get_args(hint)) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _reaches_code(hint: Any) -> bool:
    if hint is Code:
        return True
    if isinstance(hint, type) and is_dataclass(hint):
        return any(True for _ in _code_paths(hint))
    return any(_reaches_code(inner) for inner in get_args(hint))


_STATES = members(tv.State)
_ADAPTERS: dict[str, TypeAdapter[Any]] = {cls.__name__: TypeAdapter(cls) for cls in _STATES}
_CODES: dict[str, tuple[tuple[str, ...], ...]] = {cls.__name__: tuple(_code_paths(cls)) for cls in _STATES}
