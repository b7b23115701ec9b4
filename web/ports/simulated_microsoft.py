"""The simulator's Microsoft 365: an organisation whose people can be changed, and what it takes to connect it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dialogs.people_source import PersonKind


@dataclass(frozen=True, slots=True)
class SimulatedPerson:
    """Somebody in the simulated directory. Empty where nothing is entered there."""

    id: str
    name: str
    kind: PersonKind
    email: str
    mobile: str


@dataclass(frozen=True, slots=True)
class SimulatedOrganisation:
    """An organisation of the simulated Microsoft 365. `consented`: an administrator has agreed that we read it."""

    id: str
    name: str
    domain: str
    consented: bool
    people: tuple[SimulatedPerson, ...]


@dataclass(frozen=True, slots=True)
class SimulatedApplication:
    """The app registration that is there already, to be entered in the settings."""

    id: str
    secret: str = field(repr=False)


class SimulatedMicrosoft(Protocol):
    """Demo mode only: the stand-in for Microsoft 365."""

    def application(self) -> SimulatedApplication: ...

    def organisations(self) -> Sequence[SimulatedOrganisation]: ...

    def change_person(self, person_id: str, *, mobile: str, email: str) -> bool:
        """Enter something else there; empty takes it away. False when nobody has this id."""
        ...

    def remove_person(self, person_id: str) -> bool:
        """Delete somebody's account there. False when nobody has this id."""
        ...

    def set_consent(self, organisation_id: str, given: bool) -> bool:
        """Agree as an administrator, or withdraw it. False when there is no such organisation."""
        ...
