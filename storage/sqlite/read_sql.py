"""What a turn reads, as text for the driver's own cursor: executing Core costs more there than the statement itself."""

from __future__ import annotations

from sqlalchemy import case, exists, func, literal_column, select, text, union_all

from storage import tables as t
from storage.codec import KIND
from storage.sqlite.ready import ONE, ZERO, p, ready, word

_n, _c, _d, _s = t.numbers.c, t.contacts.c, t.dialogs.c, t.challenge_sends.c
_v, _i, _u, _a = t.conversations.c, t.inbound.c, t.suppressions.c, t.announced_calls.c
_b = t.blocks.c

#: A block is looked at first: whoever is blocked hears nothing, whatever they say.
_SUPPRESSED = case(
    (
        exists().where(
            _b.tenant_id == _n.tenant_id,
            _b.their_address == p("their"),
            func.coalesce(_b.until, literal_column("9223372036854775807")) > p("now"),
        ),
        word("blocked"),
    ),
    (
        exists().where(
            _u.tenant_id == _n.tenant_id, _u.their_address == p("their"), _u.our_address.in_((word(""), _n.address))
        ),
        word("opted_out"),
    ),
    else_=word(""),
)

_k, _w, _l = t.addresses.c, t.clients.c, t.alerts.c
_AROUND = exists().where(
    _d.tenant_id == _n.tenant_id, _d.kind == word(KIND), _d.their_address == p("their"), _d.channel == p("channel")
)
_LIVE_OF_THEM = exists().where(
    text("dialogs.is_live"),
    _d.contact_id != word(""),
    _d.tenant_id == _n.tenant_id,
    _d.kind == word(KIND),
    _d.contact_id == _c.id,
)
_CALLED = exists().where(
    _a.tenant_id == _n.tenant_id, _a.contact_id == _c.id, _a.expires_at > p("now"), _a.ended_at.is_(None)
)
_VERIFYING = exists().where(
    text("verifications.is_live"),
    t.verifications.c.tenant_id == _n.tenant_id,
    t.verifications.c.contact_id == _c.id,
)

#: Everything that hangs on the two addresses, in one statement: whose number, seen before, opted out, the conversation
#: so far, who may have sent it, and whether there are checks, announced calls and verifications to ask for. A row for
#: each contact with that number, or one without a contact.
ROUTE = ready(
    select(
        _n.tenant_id,
        _n.id,
        _n.purpose,
        _n.is_primary,
        _n.opt_out_by,
        t.tenants.c.version,
        exists().where(_i.tenant_id == _n.tenant_id, _i.once_key == p("once")),
        exists().where(_i.tenant_id == _n.tenant_id, _i.replay_key == p("replay")),
        _SUPPRESSED,
        _v.id,
        _v.version,
        _v.desk,
        _AROUND,
        _LIVE_OF_THEM,
        _CALLED,
        _VERIFYING,
        _c.id,
        _c.name,
        _c.client_id,
        _w.name,
        _c.locale,
        _c.key,
    )
    .select_from(
        t.numbers.join(t.tenants, t.tenants.c.id == _n.tenant_id)
        .outerjoin(
            t.conversations,
            (_v.tenant_id == _n.tenant_id)
            & (_v.channel == p("channel"))
            & (_v.their_address == p("their"))
            & (_v.our_address == _n.address),
        )
        .outerjoin(t.addresses, (_k.tenant_id == _n.tenant_id) & (_k.value == p("their")))
        .outerjoin(t.contacts, (_c.tenant_id == _n.tenant_id) & (_c.id == _k.contact_id))
        .outerjoin(t.clients, (_w.tenant_id == _n.tenant_id) & (_w.id == _c.client_id))
    )
    .where(_n.channel == p("channel"), _n.address == p("our")),
    "once",
    "replay",
    "their",
    "now",
    "their",
    "their",
    "channel",
    "now",
    "channel",
    "their",
    "their",
    "channel",
    "our",
)

TENANT_VERSION = ready(select(t.tenants.c.version).where(t.tenants.c.id == p("tenant")), "tenant")
TENANT = ready(
    select(t.tenants.c.name, t.tenants.c.settings, t.tenants.c.key).where(t.tenants.c.id == p("tenant")), "tenant"
)

CONTACT = ready(
    select(_c.id, _c.name, _c.client_id, t.clients.c.name, _c.locale, _c.key)
    .select_from(t.contacts.join(t.clients, (t.clients.c.tenant_id == _c.tenant_id) & (t.clients.c.id == _c.client_id)))
    .where(_c.tenant_id == p("tenant"), _c.id == p("contact")),
    "tenant",
    "contact",
)
CONTACT_KEY = ready(select(_c.key).where(_c.tenant_id == p("tenant"), _c.id == p("contact")), "tenant", "contact")
MOBILES = ready(
    select(t.addresses.c.value, t.addresses.c.is_default)
    .where(
        t.addresses.c.tenant_id == p("tenant"),
        t.addresses.c.contact_id == p("contact"),
        t.addresses.c.kind == word("mobile"),
    )
    .order_by(t.addresses.c.is_default.desc(), t.addresses.c.value),
    "tenant",
    "contact",
)
PRIMARY_NUMBER = ready(
    select(_n.address)
    .where(_n.tenant_id == p("tenant"), _n.channel == word("sms"), _n.purpose == word("verification"))
    .order_by(_n.is_primary.desc(), _n.id)
    .limit(ONE)
    .offset(ZERO),
    "tenant",
)
#: Why nothing may be sent there; the first row counts, and without a row it may.
SUPPRESSED = ready(
    union_all(
        select(word("blocked")).where(
            _b.tenant_id == p("tenant"),
            _b.their_address == p("their"),
            func.coalesce(_b.until, literal_column("9223372036854775807")) > p("now"),
        ),
        select(word("opted_out")).where(
            _u.tenant_id == p("tenant"), _u.their_address == p("their"), _u.our_address.in_((word(""), p("our")))
        ),
    ),
    "tenant",
    "their",
    "now",
    "tenant",
    "their",
    "our",
)

#: The partial indexes count only where the statement says `is_live` as they do.
_LIVE = text("dialogs.is_live")
#: What a turn reads of checks.
CHECKS = select(
    _d.id,
    _d.version,
    _d.body,
    _d.channel,
    _d.our_address,
    _d.their_address,
    _d.conversation_id,
    _d.contact_id,
    _d.created_at,
)
_OF_KIND = CHECKS.where(_d.tenant_id == p("tenant"), _d.kind == word(KIND))
_LIVE_OF_CONTACT = _OF_KIND.where(_LIVE, _d.contact_id != word(""), _d.contact_id == p("contact"))
_NEWEST_ENDED = (
    _OF_KIND.where(_d.their_address == p("their"), _d.channel == p("channel"), text("NOT dialogs.is_live"))
    .order_by(_d.created_at.desc(), _d.id.desc())
    .limit(ONE)
    .offset(ZERO)
    .subquery()
)
CHECKS_AROUND = ready(
    union_all(
        _OF_KIND.where(_LIVE, _d.channel == p("channel"), _d.their_address == p("their")),
        _LIVE_OF_CONTACT,
        select(_NEWEST_ENDED),
    ),
    "tenant",
    "channel",
    "their",
    "tenant",
    "contact",
    "tenant",
    "their",
    "channel",
)
LIVE_OF_CONTACT = ready(_LIVE_OF_CONTACT, "tenant", "contact")
CHECK = ready(CHECKS.where(_d.tenant_id == p("tenant"), _d.id == p("check")), "tenant", "check")

ANNOUNCED = ready(
    select(
        _a.id,
        _a.contact_id,
        _a.technician_id,
        _a.technician_name,
        _a.direction,
        _a.ticket,
        _a.ticket_id,
        _a.ticket_number,
        _a.expires_at,
    )
    .where(_a.tenant_id == p("tenant"), _a.contact_id == p("contact"), _a.expires_at > p("now"), _a.ended_at.is_(None))
    .order_by(_a.id),
    "tenant",
    "contact",
    "now",
)

_UNANSWERED = select(_s.at).where(_s.tenant_id == p("tenant"), _s.given_back_at.is_(None), _s.at > p("since"))
SENDS_TO = ready(_UNANSWERED.where(_s.destination == p("to")).order_by(_s.at), "tenant", "since", "to")
SENDS_PREFIX = ready(_UNANSWERED.where(_s.prefix == p("prefix")).order_by(_s.at), "tenant", "since", "prefix")
SENDS_BY = ready(
    _UNANSWERED.where(_s.technician_id == p("technician")).order_by(_s.at), "tenant", "since", "technician"
)
SENDS_ALL = ready(_UNANSWERED.order_by(_s.at), "tenant", "since")
_OF_PREFIX = (
    _s.tenant_id == p("tenant"),
    _s.prefix == p("prefix"),
    _s.at > p("since"),
    _s.check_id != word(""),
)
PREFIX_DAY = ready(
    select(func.count(), func.count(_s.given_back_at)).select_from(t.challenge_sends).where(*_OF_PREFIX),
    "tenant",
    "prefix",
    "since",
)
#: The newest of them, and whether there is an alert with its id.
PREFIX_LAST = ready(
    select(_s.at, _s.id, exists().where(_l.tenant_id == _s.tenant_id, _l.id == _s.id))
    .where(*_OF_PREFIX)
    .order_by(_s.at.desc(), _s.id.desc())
    .limit(ONE)
    .offset(ZERO),
    "tenant",
    "prefix",
    "since",
)
SEGMENTS = ready(
    # What was given back was paid for all the same: the daily cap is about money.
    select(func.coalesce(func.sum(_s.segments), ZERO)).where(_s.tenant_id == p("tenant"), _s.at > p("since")),
    "tenant",
    "since",
)

TIMER = ready(
    select(ONE).where(
        t.timers.c.tenant_id == p("tenant"), t.timers.c.check_id == p("check"), t.timers.c.name == p("name")
    ),
    "tenant",
    "check",
    "name",
)
ONCE = ready(select(ONE).where(t.once.c.tenant_id == p("tenant"), t.once.c.key == p("key")), "tenant", "key")
LAST_SEQ = ready(select(func.coalesce(func.max(t.audit.c.seq), ZERO)))
