"""What pages and the API need from above: the engine's acts, and the simulator in demo mode. Implemented in `bot`."""

from web.ports.acting import Acted, Acting, Role
from web.ports.approving import ApprovalActs
from web.ports.carrier import CarrierAnswer, CarrierDesk, CarrierFinding
from web.ports.checks import CheckActs
from web.ports.contacts import AddressChanged, ContactActs, Untold
from web.ports.degraded import DEGRADED, Degraded, Trouble
from web.ports.post import Post
from web.ports.refusals import REFUSALS
from web.ports.simulated_microsoft import (
    SimulatedApplication,
    SimulatedMicrosoft,
    SimulatedOrganisation,
    SimulatedPerson,
)
from web.ports.simulator import CallState, DemoAccount, Phone, PhoneCall, PsaScreen, SentMessage, Simulator
from web.ports.sources import Connected, SourceActs
from web.ports.trials import Trials, Tried
from web.ports.verifying import CallWords, CodeChecked, LinkShown, VerificationActs

__all__ = [
    "DEGRADED",
    "REFUSALS",
    "Acted",
    "Acting",
    "AddressChanged",
    "ApprovalActs",
    "CallState",
    "CallWords",
    "CarrierAnswer",
    "CarrierDesk",
    "CarrierFinding",
    "CheckActs",
    "CodeChecked",
    "Connected",
    "ContactActs",
    "Degraded",
    "DemoAccount",
    "LinkShown",
    "Phone",
    "PhoneCall",
    "Post",
    "PsaScreen",
    "Role",
    "SentMessage",
    "SimulatedApplication",
    "SimulatedMicrosoft",
    "SimulatedOrganisation",
    "SimulatedPerson",
    "Simulator",
    "SourceActs",
    "Trials",
    "Tried",
    "Trouble",
    "Untold",
    "VerificationActs",
]
