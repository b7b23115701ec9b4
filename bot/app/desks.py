"""What pages and the API are handed: repositories, acts and views, made of what was built below."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from bot.acts import Acts
from bot.app.ground import Ground
from bot.app.house import Demo
from bot.app.outward import Outward
from bot.app.workers import Workers
from bot.approving import Approving
from bot.carrier_desk import TwilioDesk
from bot.clock import SystemClock
from bot.metrics import MetricsPage
from bot.number_lookups import NumberLookups
from bot.readiness import Readiness
from bot.trials import Trials
from bot.verifying import Verifying
from identity.passwords import Passwords
from identity.sign_in import SignIn
from storage.account_links import AccountLinks
from storage.accounts import Accounts
from storage.alerts import Alerts
from storage.announced import AnnouncedCalls
from storage.approvals import Approvals
from storage.blocks import Blocks
from storage.checks import Checks
from storage.clients import Clients
from storage.contact_changes import ContactChanges
from storage.csp_reports import CspReports
from storage.database import Unscoped
from storage.directory import Directory
from storage.duty import Roll
from storage.health import read_load
from storage.idempotency import Idempotency
from storage.imports import Imports
from storage.integration_keys import IntegrationKeys
from storage.known_browsers import KnownBrowsers
from storage.log import Log
from storage.own_numbers import OwnNumbers
from storage.people import People
from storage.pod_openings import PodOpenings
from storage.pod_sign_ins import PodSignIns
from storage.reports import Reports
from storage.verifications import Verifications
from storage.webhooks import Webhooks
from web.services import Services


def installed_version() -> str:
    """The version of this installation."""
    try:
        return version("watchword")
    except PackageNotFoundError:
        return "0"


def open_desks(
    ground: Ground, outward: Outward, workers: Workers, passwords: Passwords, readiness: Readiness, demo: Demo | None
) -> Services:
    """Everything a handler may use; `web.services` says what each is for."""
    settings, clock, random = ground.settings, ground.clock, ground.random
    database, keyring, engine = ground.database, ground.keyring, ground.engine
    accounts, directory = Accounts(database, keyring), Directory(database, keyring)
    verifications = Verifications(database, keyring)
    return Services(
        db=database,
        accounts=accounts,
        people=People(database, keyring),
        tenants=ground.tenants,
        own_numbers=OwnNumbers(database, keyring),
        carrier=TwilioDesk(
            outward.session,
            ground.tenants,
            database,
            clock,
            public_url=settings.public_url,
            base_url=settings.twilio_url,
        ),
        directory=directory,
        clients=Clients(database, keyring),
        contact_changes=ContactChanges(database, keyring, random.new_id),
        contact_acts=workers.contact_acts,
        contact_sources=workers.sources.sources,
        source_changes=workers.sources.changes,
        source_acts=workers.sources.acts,
        imports=Imports(database, keyring),
        begin_imports=workers.importing.wake,
        checks=Checks(database, keyring),
        verifications=verifications,
        announced=AnnouncedCalls(database),
        alerts=Alerts(database, keyring),
        log=Log(database),
        integrity=workers.keeping.integrity,
        reports=Reports(database),
        idempotency=Idempotency(database),
        integration_keys=IntegrationKeys(database, keyring),
        csp_reports=CspReports(database),
        blocks=Blocks(database, keyring),
        brands=outward.brands,
        acts=Acts(engine, outward.psa, database, clock, random),
        verifying=Verifying(
            engine,
            outward.psa,
            verifications,
            Roll(database),
            outward.post,
            ground.wording,
            random,
            NumberLookups(outward.lookups, ground.tenants, directory, clock),
        ),
        approvals=Approvals(database, keyring, clock),
        approval_acts=Approving(engine, outward.psa),
        psa=outward.psa,
        # Authenticator apps go by the real time, also where the demo has moved ours.
        sign_in=SignIn(
            accounts,
            passwords,
            clock,
            random,
            authenticators=SystemClock() if demo is not None else clock,
            browsers=KnownBrowsers(database),
        ),
        passwords=passwords,
        account_links=AccountLinks(database, keyring),
        pod_sign_ins=PodSignIns(database, keyring),
        pod_openings=PodOpenings(database),
        stream=workers.stream,
        clock=clock,
        random=random,
        public_url=settings.public_url,
        version=installed_version(),
        readiness=readiness,
        demo=demo.simulator if demo is not None else None,
        behind_proxy=settings.behind_tls_proxy,
        degraded=lambda tenant_id: outward.delivery.breakers.degraded(clock.now(), tenant_id),
        presence=ground.shared.presence,
        metrics=_measured(ground, outward, workers),
        metrics_token=settings.metrics_token,
        outbound=outward.outbound,
        webhooks=Webhooks(database, keyring),
        tell_now=workers.telling.tell_now,
        post=outward.post,
        trials=Trials(outward.notices.route, outward.notices.mail, outward.notices.posts, clock, random),
        mail_servers=outward.notices.servers,
        teams_connections=outward.notices.connections,
    )


def _measured(ground: Ground, outward: Outward, workers: Workers) -> MetricsPage:
    clock, machine, sealer = ground.clock, ground.machine, workers.keeping.sealer
    return MetricsPage(
        ground.metrics,
        load=lambda: ground.database.read(Unscoped.OPERATOR, lambda conn: read_load(conn, clock.now, machine.now)),
        now=lambda: clock.now().timestamp(),
        webhooks=ground.counts,
        readers=workers.stream.readers,
        log_in_trouble=lambda: bool(sealer.trouble),
        degraded=lambda: [spared.provider for spared in outward.delivery.breakers.degraded(clock.now())],
        redis=ground.shared.answers,
    )
