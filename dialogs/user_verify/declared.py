"""The machine itself; the modules beside it declare the ways through it."""

from __future__ import annotations

from dialogs.machine import Machine
from dialogs.user_verify.events import Event
from dialogs.user_verify.records import Env, State

machine: Machine[State, Event, Env] = Machine("user_verification", State, Event)
