"""Dialog machines whose transitions are declared by their own signatures.

One text, the signature `(state, event, env) -> Step[target]`, gives the type check, the table that tests compare
against and the diagram in the docs. This is the only file of `dialogs` where `Any` is at home.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from dialogs.effects import Effect

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
E = TypeVar("E")
X = TypeVar("X")
From = TypeVar("From")
On = TypeVar("On")
To = TypeVar("To")


@dataclass(frozen=True, slots=True)
class Step(Generic[S_co]):
    """The outcome of one turn: the state to keep, the effects to carry out, and why it was refused, if it was.

    `refused` is a machine word for an API error (`not_yours`, `expired`). A refused step may still move the state:
    a claim that comes after the deadline is refused *and* ends the check.
    """

    state: S_co
    effects: tuple[Effect, ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """One declared way through a machine: from one state class, on one event class, to any of `targets`."""

    name: str
    source: type[Any]
    event: type[Any]
    targets: tuple[type[Any], ...]
    run: Callable[[Any, Any, Any], Step[Any]]


def members(annotation: Any) -> tuple[Any, ...]:
    """`A | B` as `(A, B)`; a single class as `(A,)`; a type variable as what it is bound to."""
    if isinstance(annotation, TypeVar):
        annotation = annotation.__bound__
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(get_args(annotation))
    return (annotation,)


class Machine(Generic[S, E, X]):
    """A dialog: which events each state answers, declared once with `@machine.on`."""

    def __init__(self, name: str, states: Any, events: Any) -> None:
        self.name = name
        self.states = members(states)
        self.events = members(events)
        self.edges: dict[tuple[type[Any], type[Any]], Edge] = {}
        self.ignored: dict[tuple[type[Any], type[Any]], str] = {}

    def on(self, run: Callable[[From, On, X], Step[To]]) -> Callable[[From, On, X], Step[To]]:
        """Register a transition; its signature says from where, on what, to where.

        A type variable for the state, `(state: L, ...) -> Step[L | Ended]`, says for each of its classes: stays in it.
        """
        hints = get_type_hints(run)
        if len(hints) != 4:
            raise TypeError(f"{run.__name__}: annotate (state, event, env) -> Step[...]")
        source, event, _, returned = hints.values()
        entered = get_args(returned)[0]
        for s in members(source):
            targets = tuple(s if t is source else t for t in ((entered,) if entered is source else members(entered)))
            unknown = [t for t in targets if t not in self.states]
            if unknown:
                raise TypeError(f"{run.__name__}: enters {unknown[0].__name__}, which is no state of {self.name}")
            for e in members(event):
                self._take(s, e, run.__name__)
                self.edges[s, e] = Edge(run.__name__, s, e, targets, run)
        return run

    def ignore(self, source: Any, event: Any, *, why: str) -> None:
        """Declare that `event` changes nothing in `source`; the reason is printed in the reference page."""
        for s in members(source):
            for e in members(event):
                self._take(s, e, f"ignore({why})")
                self.ignored[s, e] = why

    def step(self, state: S, event: E, env: X) -> Step[S]:
        """Decide one turn. Pure: the same three values always give the same step."""
        edge = self.edges.get((type(state), type(event)))
        if edge is not None:
            return edge.run(state, event, env)
        if (type(state), type(event)) in self.ignored:
            return Step(state)
        raise TypeError(f"{self.name}: {type(event).__name__} is not declared in {type(state).__name__}")

    def transition(self, state: S, event: E) -> str:
        """The name of the transition that would run, or `ignored`; audit rows carry it."""
        edge = self.edges.get((type(state), type(event)))
        return edge.name if edge is not None else "ignored"

    def undeclared(self) -> list[tuple[type[Any], type[Any]]]:
        """Pairs with no answer yet; a test requires this to be empty."""
        known = self.edges.keys() | self.ignored.keys()
        return [(s, e) for s in self.states for e in self.events if (s, e) not in known]

    def in_order(self) -> list[Edge]:
        """All edges by state, then by event, whatever order the declarations were imported in."""
        return [self.edges[s, e] for s in self.states for e in self.events if (s, e) in self.edges]

    def mermaid(self) -> str:
        """The state diagram, straight from the declared edges."""
        return "\n".join(self._mermaid_lines()) + "\n"

    def _mermaid_lines(self) -> Iterator[str]:
        yield "stateDiagram-v2"
        if self.states:
            yield f"    [*] --> {self.states[0].__name__}"
        for edge in self.in_order():
            for target in edge.targets:
                yield f"    {edge.source.__name__} --> {target.__name__}: {edge.event.__name__}"

    def _take(self, state: type[Any], event: type[Any], by: str) -> None:
        if state not in self.states or event not in self.events:
            raise TypeError(f"{by}: ({state.__name__}, {event.__name__}) is outside the machine {self.name}")
        if (state, event) in self.edges or (state, event) in self.ignored:
            raise TypeError(f"{by}: ({state.__name__}, {event.__name__}) is declared twice in {self.name}")
