"""Everything pages and the API are handed: one frozen value, made by `bot`; nothing here reads the environment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from dialogs.ports import Clock, Outbound, Randomness
from storage.bounds import LocalBound
from storage.database import Database
from storage.presence import LocalPresence, Presence
from web.ports import (
    ApprovalActs,
    CarrierDesk,
    CheckActs,
    ContactActs,
    Degraded,
    Post,
    Simulator,
    SourceActs,
    Trials,
    VerificationActs,
)

if TYPE_CHECKING:
    from identity.passwords import Passwords
    from identity.sign_in import SignIn
    from psa.base import Psa
    from storage.account_links import AccountLinks
    from storage.accounts import Accounts
    from storage.alerts import Alerts
    from storage.announced import AnnouncedCalls
    from storage.approvals import Approvals
    from storage.blocks import Blocks
    from storage.brands import Brands
    from storage.checks import Checks
    from storage.clients import Clients
    from storage.contact_changes import ContactChanges
    from storage.csp_reports import CspReports
    from storage.directory import Directory
    from storage.idempotency import Idempotency
    from storage.imports import Imports
    from storage.integration_keys import IntegrationKeys
    from storage.log import Log
    from storage.mail_servers import MailServers
    from storage.own_numbers import OwnNumbers
    from storage.people import People
    from storage.pod_openings import PodOpenings
    from storage.pod_sign_ins import PodSignIns
    from storage.reports import Reports
    from storage.sealed.integrity import Integrity
    from storage.sources.changes import SourceChanges
    from storage.sources.contact_sources import ContactSources
    from storage.stream import EventStream
    from storage.teams_connections import TeamsConnections
    from storage.tenants import Tenants
    from storage.verifications import Verifications
    from storage.webhooks import Webhooks

#: What must be well before this copy may be sent traffic: name -> "" when it is, else what is wrong, in a few words
#: without secrets. Names are `database`, `migrations`, `keys`, and where they are wrong `role` and `stopping`.
Readiness: TypeAlias = Callable[[], Awaitable[Mapping[str, str]]]


def nothing_degraded(tenant_id: str) -> Sequence[Degraded]:
    """Every provider works."""
    return ()


#: So many calls of one integration key within so long, on each copy of Watchword.
CALLS_OF_A_KEY = (600, timedelta(minutes=1))


def nothing_to_begin() -> None:
    """Nobody works beside the requests."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a handler may use.

    `db`: reads and writes outside the turn; the repositories below are made on it. `acts`: everything that changes a
    check or an announced call; `verifying`: the same for verifications of end users;
    `approval_acts`: asking a second person, and being one. `psa`: tenant id -> that tenant's
    ticket system. `carrier`: asks the carrier for whoever sets the numbers up. `public_url`: scheme and host people and
    providers reach us by, without a slash at the end. `degraded`: a tenant's providers that do not work at the moment,
    longest first. `outbound`: goes to addresses that tenants entered. `demo`: the stand-ins, in demo mode
    only. `tell_now`: tenant and delivery to another tool, which is tried at once and awaited. `behind_proxy`: a TLS
    proxy of ours stands in front, so the last entry of `X-Forwarded-For` is the sender's address.
    `key_bound`: how often each integration key may call, counted in this process.
    `account_links`: invitations and other links into accounts. `post`: mail and texts to technicians, None where there
    is no way to send any. `trials`: test mails and posts, at once. `presence`: who has a console open, told as a
    courtesy.
    `metrics`: the page for monitors, None where there is none; `metrics_token`: what it asks for, empty: it is for this
    machine alone. Cookies are always `Secure`: browsers treat http://127.0.0.1 and http://localhost as trustworthy.
    """

    db: Database
    accounts: Accounts
    people: People
    tenants: Tenants
    own_numbers: OwnNumbers
    carrier: CarrierDesk
    directory: Directory
    clients: Clients
    contact_changes: ContactChanges
    contact_acts: ContactActs
    contact_sources: ContactSources
    source_changes: SourceChanges
    source_acts: SourceActs
    imports: Imports
    checks: Checks
    verifications: Verifications
    announced: AnnouncedCalls
    alerts: Alerts
    log: Log
    integrity: Integrity
    reports: Reports
    idempotency: Idempotency
    integration_keys: IntegrationKeys
    csp_reports: CspReports
    blocks: Blocks
    brands: Brands
    acts: CheckActs
    verifying: VerificationActs
    approvals: Approvals
    approval_acts: ApprovalActs
    psa: Callable[[str], Psa]
    sign_in: SignIn
    stream: EventStream
    clock: Clock
    random: Randomness
    public_url: str
    version: str
    readiness: Readiness
    outbound: Outbound
    webhooks: Webhooks
    tell_now: Callable[[str, str], Awaitable[None]]
    trials: Trials
    mail_servers: MailServers
    teams_connections: TeamsConnections
    passwords: Passwords
    account_links: AccountLinks
    pod_sign_ins: PodSignIns
    pod_openings: PodOpenings
    #: There is an import to be worked through.
    begin_imports: Callable[[], None] = nothing_to_begin
    demo: Simulator | None = None
    behind_proxy: bool = False
    degraded: Callable[[str], Sequence[Degraded]] = nothing_degraded
    key_bound: LocalBound = field(default_factory=lambda: LocalBound(*CALLS_OF_A_KEY))
    post: Post | None = None
    presence: Presence = field(default_factory=LocalPresence)
    metrics: Callable[[], Awaitable[bytes]] | None = None
    metrics_token: str = field(default="", repr=False)
