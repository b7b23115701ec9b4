"""Verifications of end users as text for the driver's own cursor: what a turn reads of them, and what it writes."""

from __future__ import annotations

from sqlalchemy import case, func, select, text, union_all, update

from storage import tables as t
from storage.codec import KIND
from storage.sqlite.read_sql import CHECKS
from storage.sqlite.ready import ZERO, inserting, p, ready, word

_v, _y, _k, _d = t.verifications.c, t.verification_tries.c, t.addresses.c, t.dialogs.c

#: The partial index counts only where the statement says `is_live` as it does.
LIVE = text("verifications.is_live")
_VERIFICATION = select(
    _v.id, _v.version, _v.body, _v.contact_id, _v.our_address, _v.their_address, _v.created_at, _v.shield_ended_at
).where(_v.tenant_id == p("tenant"))
VERIFICATION = ready(_VERIFICATION.where(_v.id == p("verification")), "tenant", "verification")
LIVE_OF_CONTACT = ready(_VERIFICATION.where(LIVE, _v.contact_id == p("contact")), "tenant", "contact")

ADDRESSES = ready(
    select(_k.id, _k.kind, _k.value, _k.is_default, _k.changed_at)
    .where(_k.tenant_id == p("tenant"), _k.contact_id == p("contact"))
    .order_by(_k.kind, _k.is_default.desc(), _k.value),
    "tenant",
    "contact",
)

_CHECK = CHECKS.where(_d.tenant_id == p("tenant"))
_OPEN, _OVER = text("dialogs.is_live"), text("NOT dialogs.is_live")
#: A check lives for minutes, so that one of yesterday has not ended lately. The sign before the kind keeps it out of
#: the choice of an index: those that begin with it hold all the checks of a day.
_ENDED_LATELY = (_OVER, text(f"+dialogs.kind = '{KIND}'"), _d.created_at > p("yesterday"), _d.updated_at > p("lately"))
#: Live checks by a contact, and those that ended lately.
CHECKS_LATELY = ready(
    union_all(
        _CHECK.where(_OPEN, _d.kind == word(KIND), _d.contact_id != word(""), _d.contact_id == p("contact")),
        _CHECK.where(*_ENDED_LATELY, _d.contact_id == p("contact")),
    ),
    *("tenant", "contact", "tenant", "yesterday", "lately", "contact"),
)
_BY_TEXT = (_d.kind == word(KIND), _d.channel == word("sms"))
#: The same by anybody with this number: our texts to all of them lie side by side on one phone.
CHECKS_OF_NUMBER = ready(
    union_all(
        _CHECK.where(_OPEN, *_BY_TEXT, _d.their_address == p("their")),
        _CHECK.where(*_ENDED_LATELY, _d.channel == word("sms"), _d.their_address == p("their")),
    ),
    *("tenant", "their", "tenant", "yesterday", "lately", "their"),
)

DENIED_AT = ready(
    select(func.max(_v.denied_at)).where(
        _v.tenant_id == p("tenant"), _v.contact_id == p("contact"), _v.denied_at > p("lately")
    ),
    "tenant",
    "contact",
    "lately",
)
TRIES = ready(
    select(_y.id, _y.verification_id, _y.contact_id, _y.method, _y.technician_id, _y.at, _y.outcome)
    .where(_y.tenant_id == p("tenant"), _y.contact_id == p("contact"))
    .order_by(_y.at.desc(), _y.id.desc())
    .limit(p("most"))
    .offset(ZERO),
    "tenant",
    "contact",
    "most",
)
WRONG_BY = ready(
    select(func.count())
    .select_from(t.verification_tries)
    .where(
        _y.tenant_id == p("tenant"),
        _y.technician_id == p("technician"),
        _y.at > p("since"),
        _y.outcome == word("wrong"),
    ),
    "tenant",
    "technician",
    "since",
)
OVERRIDES_BY = ready(
    select(func.count())
    .select_from(t.verifications)
    .where(
        _v.tenant_id == p("tenant"),
        _v.technician_id == p("technician"),
        _v.created_at > p("since"),
        _v.is_override,
    ),
    "tenant",
    "technician",
    "since",
)

# --- writes ---------------------------------------------------------------------------------------------------------

INSERT_VERIFICATION = inserting(
    t.verifications,
    *("tenant_id", "id", "version", "state", "is_live", "body", "method", "assurance", "contact_id", "address_id"),
    *("our_address", "their_address", "technician_id", "ticket_id", "action", "is_override", "created_at"),
    *("updated_at", "expires_at", "ended_at", "denied_at", "green_until"),
)
UPDATE_VERIFICATION = ready(
    update(t.verifications)
    .where(_v.tenant_id == p("tenant"), _v.id == p("verification"), _v.version == p("was"))
    .values(
        version=p("version_"),
        state=p("state_"),
        is_live=p("is_live_"),
        body=p("body_"),
        assurance=p("assurance_"),
        ticket_id=p("ticket_id_"),
        linked_late=p("linked_late_"),
        is_override=p("is_override_"),
        updated_at=p("updated_at_"),
        expires_at=p("expires_at_"),
        ended_at=p("ended_at_"),
        denied_at=p("denied_at_"),
        # A shield that was ended stays so, whatever else becomes of the verification.
        green_until=case((_v.shield_ended_at.is_(None), p("green_until_")), else_=_v.green_until),
    ),
    *("version_", "state_", "is_live_", "body_", "assurance_", "ticket_id_", "linked_late_", "is_override_"),
    "updated_at_",
    *("expires_at_", "ended_at_", "denied_at_", "green_until_", "tenant", "verification", "was"),
)
INSERT_LINK = inserting(t.verification_links, "tenant_id", "id", "digest", "created_at")
INSERT_TRY = inserting(
    t.verification_tries,
    *("tenant_id", "id", "verification_id", "contact_id", "method", "technician_id", "at", "outcome"),
)
#: Also those that have turned back by themselves: a clock that jumps back must not make them green again.
END_SHIELDS = ready(
    update(t.verifications)
    .where(
        _v.tenant_id == p("tenant"),
        _v.contact_id == p("contact"),
        _v.green_until.is_not(None),
        _v.shield_ended_at.is_(None),
    )
    .values(
        green_until=case((_v.green_until < p("now"), _v.green_until), else_=p("now")),
        shield_ended_at=p("now"),
    ),
    *("now", "now", "now", "tenant", "contact"),
)

#: Whether a check or a verification is live.
IS_LIVE = ready(
    union_all(
        select(_d.is_live).where(_d.tenant_id == p("tenant"), _d.id == p("check")),
        select(_v.is_live).where(_v.tenant_id == p("tenant"), _v.id == p("check")),
    ),
    *("tenant", "check", "tenant", "check"),
)
