"""The machine itself; the modules beside it declare the ways through it."""

from __future__ import annotations

from dialogs.machine import Machine
from dialogs.tech_verify.events import Event
from dialogs.tech_verify.records import State
from dialogs.tech_verify.rules import Env

machine: Machine[State, Event, Env] = Machine("technician_verification", State, Event)
