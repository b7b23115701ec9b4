"""States of dialogs to JSON and back, and what lists and filters know of a state without opening it.

One pydantic adapter per state class checks what comes back; fields it does not know are ignored, so that two versions
can run side by side during an update. Every field of type `Code` is sealed inside the JSON (SEC-17), and where a field
may be one of several classes its class is written beside it: some have no fields to tell them apart by.
"""

from __future__ import annotations

import base64
import json
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from dialogs import tech_verify as tv
from dialogs import user_verify as uv
from dialogs.desk import Desk
from dialogs.effects import Code
from dialogs.machine import members
from storage.times import micros, moment

KIND = "tech_verify"

Seal: TypeAlias = Callable[[bytes], bytes]


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


@dataclass(frozen=True, slots=True)
class Outline:
    """What the row beside a verification's state says, all of which follows from the state."""

    state: str
    is_live: bool
    method: str
    assurance: str
    address_id: str
    technician_id: str
    ticket_id: str
    linked_late: bool
    action: str
    is_override: bool
    expires_at: datetime | None
    ended_at: datetime | None
    denied_at: datetime | None
    green_until: datetime | None


def outline(state: uv.State) -> Outline:
    """Raises ValueError for one that nobody has asked for, which is not stored."""
    if isinstance(state, uv.Blank):
        raise ValueError("a verification that nobody has asked for is not stored")
    request = state.request
    verified = state if isinstance(state, uv.Verified) else None
    live = state if isinstance(state, uv.Live) else None
    return Outline(
        uv.WORDS[type(state)],
        live is not None,
        request.method.value,
        verified.assurance.value if verified is not None else "",
        request.destination.address_id,
        request.technician.id,
        request.ticket.id if request.ticket is not None else "",
        request.linked_late,
        request.action.value,
        request.override is not None,
        live.challenge.expires_at if live is not None else None,
        state.at if isinstance(state, uv.Ended) else None,
        _denied_at(state),
        verified.green_until if verified is not None else None,
    )


def _denied_at(state: uv.State) -> datetime | None:
    """When the contact said that it was not them, in time or not."""
    if isinstance(state, uv.Blank):
        return None
    late = [line.at for line in state.trail if line.what == uv.DENIED_LATE]
    return state.at if isinstance(state, uv.Denied) else max(late, default=None)


def dump_state(state: tv.State, seal: Seal) -> str:
    """`{"kind": ..., "state": {...}}`; `seal` encrypts the digits of codes."""
    return _dump(_SHAPES, state, seal)


def load_state(body: str, unseal: Seal) -> tv.State:
    """Raises BadState for a kind or a shape that this version does not know, `CannotOpen` for a code that will not
    open."""
    state: tv.State = _load(_SHAPES, body, unseal)
    return state


def dump_verification(state: uv.State, seal: Seal) -> str:
    """The same for a verification of an end user."""
    return _dump(_VERIFICATIONS, state, seal)


def load_verification(body: str, unseal: Seal) -> uv.State:
    """Raises as `load_state` does."""
    state: uv.State = _load(_VERIFICATIONS, body, unseal)
    return state


def _dump(shapes: Mapping[str, Shape], state: Any, seal: Seal) -> str:
    shape = shapes[type(state).__name__]
    plain = shape.adapter.dump_python(state, mode="json")
    for path, _ in shape.choices:
        holder = _holder(plain, path)
        if holder is not None:
            holder[path[-1]] = {"kind": type(_value(state, path)).__name__, **holder[path[-1]]}
    for path in shape.codes:
        holder = _holder(plain, path)
        if holder is not None:
            digits: str = holder[path[-1]]["digits"]
            holder[path[-1]] = {"sealed": base64.b64encode(seal(digits.encode())).decode()}
    return dump_json({"kind": type(state).__name__, "state": plain}).decode()


def _load(shapes: Mapping[str, Shape], body: str, unseal: Seal) -> Any:
    try:
        stored = json.loads(body)
        shape, plain = shapes[stored["kind"]], stored["state"]
        for path in shape.codes:
            holder = _holder(plain, path)
            if holder is not None:
                holder[path[-1]] = {"digits": unseal(base64.b64decode(holder[path[-1]]["sealed"])).decode()}
        for path, classes in shape.choices:
            holder = _holder(plain, path)
            if holder is not None:
                chosen = holder[path[-1]]
                holder[path[-1]] = classes[chosen["kind"]].validate_python(chosen)
        return shape.adapter.validate_python(plain)
    except (ValueError, KeyError, TypeError, AttributeError) as why:
        # No chaining: pydantic's message would quote the values, and one of them is a code.
        raise BadState(f"a stored state cannot be read ({type(why).__name__})") from None


def dump_desk(desk: Desk) -> str:
    """`{"answered": {ask: time}, "lately": [time]}`, times in microseconds."""
    kept = {
        "answered": {ask: micros(at) for ask, at in desk.answered.items()},
        "lately": [micros(at) for at in desk.lately],
    }
    return dump_json(kept).decode()


def load_desk(body: str) -> Desk:
    kept = from_json(body)
    return Desk(
        {ask: moment(at) for ask, at in kept.get("answered", {}).items()},
        tuple(moment(at) for at in kept.get("lately", ())),
    )


def dump_json(value: Any) -> bytes:
    """Compact JSON in UTF-8, the same bytes as the standard library's; its encoder is built anew at every call, which
    in the turn costs more than the encryption."""
    return to_json(value)


def dump_values(values: Mapping[str, str | int]) -> bytes:
    """A flat mapping with its keys in order, so that equal mappings are equal text."""
    return dump_json({name: values[name] for name in sorted(values)})


def load_texts(body: bytes | str) -> dict[str, str]:
    loaded: dict[str, str] = from_json(body)
    return loaded


Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a state class is stored. `codes`: where its codes are. `choices`: where a field may be one of several
    classes, the deepest first, and which."""

    adapter: TypeAdapter[Any]
    codes: tuple[Path, ...]
    choices: tuple[tuple[Path, Mapping[str, TypeAdapter[Any]]], ...]


def shape_of(cls: type[Any]) -> Shape:
    """Raises TypeError for a code or a choice inside a list or a mapping, so that none slips by."""
    codes, choices = [], []
    for path, parts in _places(cls):
        if Code in parts:
            codes.append(path)
        if len(parts) > 1:
            choices.append((path, {part.__name__: TypeAdapter(part) for part in parts}))
    return Shape(TypeAdapter(cls), tuple(codes), tuple(sorted(choices, key=lambda c: -len(c[0]))))


def _places(cls: type[Any]) -> Iterator[tuple[Path, tuple[type[Any], ...]]]:
    """Every field, however deep, that holds a dataclass, with the classes that it may hold."""
    hints = get_type_hints(cls)
    for f in fields(cls):
        parts = _parts(hints[f.name])
        classes = tuple(part for part in parts if isinstance(part, type) and is_dataclass(part))
        if any(_hides(inner) for part in parts if part not in classes for inner in get_args(part)):
            raise TypeError(f"{cls.__name__}.{f.name}: codes and choices must be fields of their own, or go unsealed")
        if classes:
            yield (f.name,), classes
        for part in classes:
            for rest, found in _places(part):
                yield (f.name, *rest), found


def _hides(hint: Any) -> bool:
    """Whether something inside a list or a mapping would need treatment of its own."""
    parts = _parts(hint)
    classes = [part for part in parts if isinstance(part, type) and is_dataclass(part)]
    deep = any(_hides(inner) for part in parts for inner in get_args(part))
    return Code in parts or len(classes) > 1 or deep or any(next(_places(c), None) for c in classes)


def _parts(hint: Any) -> tuple[Any, ...]:
    return tuple(get_args(hint)) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _holder(plain: Any, path: Path) -> dict[str, Any] | None:
    """The mapping that the last step of `path` is in, or None where an optional part is absent."""
    for step in path[:-1]:
        plain = plain.get(step)
        if plain is None:
            return None
    return plain if plain.get(path[-1]) is not None else None


def _value(state: Any, path: Path) -> Any:
    for step in path:
        state = getattr(state, step)
    return state


_SHAPES: dict[str, Shape] = {cls.__name__: shape_of(cls) for cls in members(tv.State)}
#: Apart from the others: two of the states have the same name.
_VERIFICATIONS: dict[str, Shape] = {cls.__name__: shape_of(cls) for cls in members(uv.State)}
