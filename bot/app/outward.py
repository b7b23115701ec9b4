"""What leaves the house: texts and calls by the carrier, ticket notes, mails, posts, and who may be reached at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from bot.app.ground import Ground
from bot.app.house import Demo
from bot.carriers import Carriers
from bot.delivery import Outside
from bot.metrics_measured import MeasuredDelivery
from bot.notices import Notices, open_notices
from bot.outbound import GuardedOutbound
from bot.post import OutboxPost
from channels.twilio.calls import TwilioCalls
from channels.twilio.lookups import TwilioLookups
from channels.twilio.sender import TwilioTexts
from psa.base import Psa
from psa.builtin import BuiltinPsa
from storage.brands import Brands
from storage.tickets import Tickets


@dataclass(frozen=True, slots=True)
class Outward:
    """`session`: to the carrier and other addresses of ours; `outbound`: to those that tenants entered. `psa`: tenant
    id -> that tenant's ticket system. `delivery` carries out what turns have put in the outbox."""

    session: aiohttp.ClientSession
    outbound: GuardedOutbound
    carriers: Carriers
    lookups: TwilioLookups
    psa: Callable[[str], Psa]
    brands: Brands
    notices: Notices
    post: OutboxPost
    delivery: MeasuredDelivery


def open_outward(ground: Ground, demo: Demo | None) -> Outward:
    """Every way out, with the demo's stand-ins where it has them."""
    settings, clock, random = ground.settings, ground.clock, ground.random
    carriers = Carriers(ground.tenants, clock)
    session = aiohttp.ClientSession()
    ground.stack.push_async_callback(session.close)
    outbound = GuardedOutbound(clock=clock, allowed=settings.private_targets)
    ground.stack.push_async_callback(outbound.close)
    brands = Brands(ground.database, ground.keyring)
    ground.background.add("brands", brands.run)
    mail_tls = demo.mail_tls if demo is not None else None
    notices = open_notices(settings, ground.database, ground.keyring, outbound, mail_tls, brands)
    psa = _ticket_systems(ground, demo)
    outside = Outside(
        texts=TwilioTexts(
            session, account_for=carriers.for_number, public_url=settings.public_url, base_url=settings.twilio_url
        ),
        psa=psa,
        refuse_destination=carriers.refuse_destination,
        audience=notices.desk.audience,
        mail=notices.mail,
        posts=notices.posts,
        calls=TwilioCalls(
            session, account_for=carriers.for_number, public_url=settings.public_url, base_url=settings.twilio_url
        ),
        refuse_call=carriers.refuse_call,
    )
    delivery = MeasuredDelivery(ground.engine, outside, clock, random)
    delivery.measure(ground.metrics)
    return Outward(
        session=session,
        outbound=outbound,
        carriers=carriers,
        lookups=TwilioLookups(session, account_for=carriers.for_number, base_url=settings.twilio_lookups_url),
        psa=psa,
        brands=brands,
        notices=notices,
        post=OutboxPost(ground.engine, notices.route, ground.tenants),
        delivery=delivery,
    )


def _ticket_systems(ground: Ground, demo: Demo | None) -> Callable[[str], Psa]:
    tickets = Tickets(ground.database)

    def connector(tenant_id: str) -> Psa:
        return BuiltinPsa(tenant_id, tickets, ground.clock, ground.random, public_url=ground.settings.public_url)

    return demo.psa(connector) if demo is not None else connector
