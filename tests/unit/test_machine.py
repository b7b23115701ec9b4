"""The mechanics of declared machines: every defect that can be put into a declaration is noticed, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import pytest

from dialogs.machine import Machine, Step, members


@dataclass(frozen=True, slots=True)
class Shut:
    """A door, shut."""


@dataclass(frozen=True, slots=True)
class Ajar:
    """A door, open a little."""

    by: int = 0


@dataclass(frozen=True, slots=True)
class Wide:
    """A door, open."""


@dataclass(frozen=True, slots=True)
class Burnt:
    """No state of this machine."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """Somebody pushes."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """Somebody pulls."""


State: TypeAlias = Shut | Ajar | Wide
Event: TypeAlias = Pushed | Pulled
NotShut: TypeAlias = Ajar | Wide
N = TypeVar("N", bound=NotShut)


@dataclass(frozen=True, slots=True)
class Env:
    """How hard."""

    force: int


def door() -> Machine[State, Event, Env]:
    return Machine("door", State, Event)


def whole_door() -> Machine[State, Event, Env]:
    machine = door()

    @machine.on
    def pull(state: N, event: Pulled, env: Env) -> Step[N | Shut]:
        return Step(state) if env.force == 0 else Step(Shut())

    @machine.on
    def push(state: Shut | Ajar, event: Pushed, env: Env) -> Step[Ajar | Wide]:
        return Step(Wide() if env.force > 1 else Ajar(env.force))

    machine.ignore(Wide, Pushed, why="it is open already")
    machine.ignore(Shut, Pulled, why="it is shut already")
    return machine


def test_a_step_runs_the_declared_transition() -> None:
    assert whole_door().step(Shut(), Pushed(), Env(2)) == Step(Wide())
    assert whole_door().step(Ajar(3), Pulled(), Env(0)) == Step(Ajar(3))


def test_an_ignored_pair_changes_nothing() -> None:
    assert whole_door().step(Wide(), Pushed(), Env(2)) == Step(Wide())


def test_the_name_of_a_transition_is_its_function() -> None:
    assert whole_door().transition(Shut(), Pushed()) == "push"
    assert whole_door().transition(Wide(), Pushed()) == "ignored"


def test_a_whole_machine_leaves_nothing_undeclared() -> None:
    assert whole_door().undeclared() == []


def test_a_forgotten_pair_is_listed_and_refused() -> None:
    machine = door()
    machine.ignore(Shut | Ajar, Pushed | Pulled, why="seeded")
    machine.ignore(Wide, Pulled, why="seeded")
    assert machine.undeclared() == [(Wide, Pushed)]
    with pytest.raises(TypeError, match="Pushed is not declared in Wide"):
        machine.step(Wide(), Pushed(), Env(1))


def test_a_type_variable_says_that_each_state_stays_itself() -> None:
    edges = whole_door().edges
    assert edges[Ajar, Pulled].targets == (Ajar, Shut)
    assert edges[Wide, Pulled].targets == (Wide, Shut)


def test_the_diagram_is_in_the_order_of_states_whatever_was_declared_first() -> None:
    assert whole_door().mermaid() == (
        "stateDiagram-v2\n"
        "    [*] --> Shut\n"
        "    Shut --> Ajar: Pushed\n"
        "    Shut --> Wide: Pushed\n"
        "    Ajar --> Ajar: Pushed\n"
        "    Ajar --> Wide: Pushed\n"
        "    Ajar --> Ajar: Pulled\n"
        "    Ajar --> Shut: Pulled\n"
        "    Wide --> Wide: Pulled\n"
        "    Wide --> Shut: Pulled\n"
    )


def test_a_pair_declared_twice_stops_the_import() -> None:
    machine = whole_door()
    with pytest.raises(TypeError, match="declared twice"):
        machine.ignore(Shut, Pushed, why="seeded")

    def pull_again(state: Wide, event: Pulled, env: Env) -> Step[Shut]:
        return Step(Shut())

    with pytest.raises(TypeError, match="declared twice"):
        machine.on(pull_again)


def test_entering_a_state_of_another_machine_stops_the_import() -> None:
    def burn(state: Wide, event: Pulled, env: Env) -> Step[Burnt]:
        return Step(Burnt())

    with pytest.raises(TypeError, match="enters Burnt"):
        door().on(burn)


def test_starting_from_a_state_of_another_machine_stops_the_import() -> None:
    def repair(state: Burnt, event: Pulled, env: Env) -> Step[Shut]:
        return Step(Shut())

    with pytest.raises(TypeError, match="outside the machine"):
        door().on(repair)


def test_a_signature_without_its_return_stops_the_import() -> None:
    def silent(state, event, env):  # type: ignore[no-untyped-def]  # the defect under test
        return Step(state)

    with pytest.raises(TypeError, match="annotate"):
        door().on(silent)


def test_members_of_an_annotation() -> None:
    assert members(Shut) == (Shut,)
    assert members(Shut | Wide) == (Shut, Wide)
    assert members(N) == (Ajar, Wide)
