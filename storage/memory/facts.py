"""Loads the facts that an ask names from the dicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dialogs import approvals as ap
from dialogs.limits import PrefixDay, SendCounts
from dialogs.tech_verify import Claimed, Open
from dialogs.turns import (
    AnnounceAsk,
    AnnouncedCall,
    AnnounceFacts,
    Ask,
    CheckAsk,
    CheckFacts,
    ContactFacts,
    Duplicate,
    Facts,
    InboundAsk,
    InboundFacts,
    StoredApproval,
    StoredCheck,
    StoredVerification,
    Unroutable,
    VerificationAsk,
    VerificationFacts,
)
from dialogs.user_verify import Live
from storage.codec import outline
from storage.digests import once_key, once_only, prefix_of, replay_key
from storage.memory.rows import Rows
from storage.turn_facts import LATELY, MOST_TRIES, green_shield

_HOUR = timedelta(hours=1)
_DAY = timedelta(hours=24)


def load(rows: Rows, ask: Ask, now: datetime) -> Facts | Duplicate | Unroutable:
    match ask:
        case InboundAsk():
            return _inbound(rows, ask, now)
        case CheckAsk():
            return _check(rows, ask, now)
        case AnnounceAsk():
            return _announce(rows, ask, now)
        case VerificationAsk():
            return _verification(rows, ask, now)


def _inbound(rows: Rows, ask: InboundAsk, now: datetime) -> Facts | Duplicate | Unroutable:
    said = ask.inbound
    found = rows.numbers.get((said.channel, said.our_address))
    if found is None:
        return Unroutable()
    tenant_id, number = found
    replay = replay_key(said)
    if (tenant_id, once_key(said)) in rows.inbound or (replay is not None and (tenant_id, replay) in rows.replays):
        return Duplicate()
    contacts = rows.contacts_at(tenant_id, said.their_address)
    talk = rows.talks.get((tenant_id, said.channel, said.their_address, said.our_address))
    return InboundFacts(
        rows.tenants[tenant_id],
        number,
        contacts,
        rows.desks[tenant_id, talk] if talk is not None else None,
        _checks_around(rows, tenant_id, said.channel, said.their_address, contacts),
        tuple(call for c in contacts for call in _announced(rows, tenant_id, c.id, now)),
        rows.suppressed(tenant_id, said.their_address, said.our_address, now),
        _counts(rows, tenant_id, said.their_address, "", now) if ask.with_limits else SendCounts(),
        _live_of(rows, tenant_id, {c.id for c in contacts}),
    )


def _check(rows: Rows, ask: CheckAsk, now: datetime) -> Facts | Duplicate | Unroutable:
    tenant = rows.tenants.get(ask.tenant_id)
    if tenant is None:
        return Unroutable()
    if ask.timer and (ask.tenant_id, ask.check_id, ask.timer) not in rows.timers:
        return Duplicate()
    if ask.once and (ask.tenant_id, once_only(ask.once)) in rows.once:
        return Duplicate()
    check = rows.checks.get((ask.tenant_id, ask.check_id))
    picked = rows.contacts.get((ask.tenant_id, ask.pick))
    if check is None:
        return CheckFacts(tenant, None, None, picked, "", SendCounts())
    return CheckFacts(
        tenant,
        check,
        rows.contacts.get((ask.tenant_id, check.contact_id)),
        picked,
        rows.suppressed(ask.tenant_id, check.their_address, check.our_address, now),
        _counts(rows, ask.tenant_id, check.their_address, ask.technician_id, now) if ask.with_limits else SendCounts(),
    )


def _announce(rows: Rows, ask: AnnounceAsk, now: datetime) -> Facts | Unroutable:
    tenant = rows.tenants.get(ask.tenant_id)
    if tenant is None:
        return Unroutable()
    mobile = rows.mobiles.get((ask.tenant_id, ask.contact_id), "")
    ours = _primary(rows, ask.tenant_id)
    return AnnounceFacts(
        tenant,
        rows.contacts.get((ask.tenant_id, ask.contact_id)),
        mobile,
        ours,
        rows.suppressed(ask.tenant_id, mobile, ours, now) if mobile else "",
        tuple(_announced(rows, ask.tenant_id, ask.contact_id, now)),
        _counts(rows, ask.tenant_id, mobile, ask.technician_id, now) if ask.with_limits and mobile else SendCounts(),
    )


def _verification(rows: Rows, ask: VerificationAsk, now: datetime) -> Facts | Duplicate | Unroutable:
    tenant = rows.tenants.get(ask.tenant_id)
    if tenant is None:
        return Unroutable()
    if ask.timer and (ask.tenant_id, ask.about, ask.timer) not in rows.timers:
        return Duplicate()
    if ask.once and (ask.tenant_id, once_only(ask.once)) in rows.once:
        return Duplicate()
    key = (ask.tenant_id, ask.verification_id)
    found = rows.verifications.get(key)
    if found is not None and key in rows.ended_shields:
        found = replace(found, shield_ended=True)
    contact_id = found.contact_id if found is not None else ask.contact_id
    if ask.verification_id and found is None:
        contact_id = ""
    approval = rows.approvals.get((ask.tenant_id, ask.approval_id))
    if ask.approval_id:
        contact_id = approval.contact_id if approval is not None else ""
    ours = _primary(rows, ask.tenant_id)
    addresses = tuple(
        replace(
            a,
            suppressed=rows.suppressed(ask.tenant_id, a.value, ours, now) if a.kind != "email" else "",
            sends=_counts(rows, ask.tenant_id, a.value, ask.technician_id, now)
            if ask.with_limits and ask.address_id in ("", a.id)
            else SendCounts(),
        )
        for a in rows.addresses.get((ask.tenant_id, contact_id), ())
    )
    tries = [t for (tenant_id, _), t in rows.tries.items() if tenant_id == ask.tenant_id]
    theirs = sorted((t for t in tries if t.contact_id == contact_id), key=lambda t: (t.at, t.id), reverse=True)
    wrong = [t for t in tries if t.technician_id == ask.technician_id and t.outcome == "wrong" and t.at > now - _HOUR]
    return VerificationFacts(
        tenant,
        rows.contacts.get((ask.tenant_id, contact_id)),
        tuple(sorted(addresses, key=lambda a: (a.kind, not a.is_default, a.value))),
        ours,
        found,
        _live_of(rows, ask.tenant_id, {contact_id}),
        _checks_lately(rows, ask.tenant_id, contact_id, {a.value for a in addresses}, now),
        _denied_at(rows, ask.tenant_id, contact_id, now),
        tuple(theirs[:MOST_TRIES]),
        len(wrong) if ask.technician_id else 0,
        _overrides(rows, ask.tenant_id, ask.technician_id, now),
        approval,
        () if ask.verification_id else _approvals(rows, ask.tenant_id, contact_id),
        () if ask.verification_id else _shields(rows, ask.tenant_id, contact_id, now),
        () if ask.verification_id else _asked_by(rows, ask.tenant_id, ask.technician_id, now),
    )


def _approvals(rows: Rows, tenant_id: str, contact_id: str) -> tuple[StoredApproval, ...]:
    live = (
        a
        for (t, _), a in rows.approvals.items()
        if t == tenant_id and a.contact_id == contact_id and isinstance(a.state, ap.Live)
    )
    return tuple(sorted(live, key=lambda a: (a.created_at, a.id), reverse=True))


def _shields(rows: Rows, tenant_id: str, contact_id: str, now: datetime) -> tuple[ap.GreenShield, ...]:
    changed = {a.id: a.changed_at for a in rows.addresses.get((tenant_id, contact_id), ())}
    green = [rows.verifications[tenant_id, id] for id in sorted(rows.green(tenant_id, contact_id, now))]
    shields = (green_shield(one, changed.get(outline(one.state).address_id)) for one in green)
    return tuple(shield for shield in shields if shield is not None)


def _asked_by(rows: Rows, tenant_id: str, technician_id: str, now: datetime) -> tuple[datetime, ...]:
    known = (
        a.created_at
        for (t, _), a in rows.approvals.items()
        if t == tenant_id and technician_id and a.created_at > now - _HOUR and _asker(a.state) == technician_id
    )
    return tuple(sorted(known))


def _asker(state: ap.State) -> str:
    return "" if isinstance(state, ap.Unasked) else state.wanted.technician.id


def _live_of(rows: Rows, tenant_id: str, contact_ids: set[str]) -> tuple[StoredVerification, ...]:
    live = (
        v
        for (t, _), v in rows.verifications.items()
        if t == tenant_id and v.contact_id in contact_ids and isinstance(v.state, Live)
    )
    return tuple(sorted(live, key=lambda v: (v.created_at, v.id), reverse=True))


def _checks_lately(
    rows: Rows, tenant_id: str, contact_id: str, values: set[str], now: datetime
) -> tuple[StoredCheck, ...]:
    if not contact_id:
        return ()
    found = (
        c
        for (t, _), c in rows.checks.items()
        if t == tenant_id
        and (c.contact_id == contact_id or (c.channel == "sms" and c.their_address in values))
        and (isinstance(c.state, Open | Claimed) or rows.changed[t, c.id] > now - LATELY)
    )
    return tuple(sorted(found, key=lambda c: (c.created_at, c.id), reverse=True))


def _denied_at(rows: Rows, tenant_id: str, contact_id: str, now: datetime) -> datetime | None:
    denied = (
        outline(v.state).denied_at
        for (t, _), v in rows.verifications.items()
        if t == tenant_id and v.contact_id == contact_id
    )
    return max((at for at in denied if at is not None and at > now - LATELY), default=None)


def _overrides(rows: Rows, tenant_id: str, technician_id: str, now: datetime) -> int:
    known = (
        (outline(v.state), v.created_at)
        for (t, _), v in rows.verifications.items()
        if t == tenant_id and technician_id and v.created_at > now - _DAY
    )
    return sum(o.is_override and o.technician_id == technician_id for o, _ in known)


def _primary(rows: Rows, tenant_id: str) -> str:
    numbers = [n for (channel, _), (t, n) in rows.numbers.items() if t == tenant_id and channel == "sms"]
    asking = sorted((n for n in numbers if n.purpose == "verification"), key=lambda n: (not n.primary, n.id))
    return asking[0].address if asking else ""


def _checks_around(
    rows: Rows, tenant_id: str, channel: str, their: str, contacts: tuple[ContactFacts, ...]
) -> tuple[StoredCheck, ...]:
    ids = {c.id for c in contacts}
    of_tenant = sorted(
        (c for (t, _), c in rows.checks.items() if t == tenant_id), key=lambda c: (c.created_at, c.id), reverse=True
    )
    around, ended = [], False
    for check in of_tenant:
        theirs = (check.channel, check.their_address) == (channel, their)
        if isinstance(check.state, Open | Claimed):
            if theirs or check.contact_id in ids:
                around.append(check)
        elif theirs and not ended:
            ended = True
            around.append(check)
    return tuple(around)


def _announced(rows: Rows, tenant_id: str, contact_id: str, now: datetime) -> list[AnnouncedCall]:
    calls = [
        call
        for key, call in rows.announced.items()
        if key[0] == tenant_id
        and key not in rows.ended_calls
        and call.contact_id == contact_id
        and call.expires_at > now
    ]
    return sorted(calls, key=lambda call: call.id)


def _counts(rows: Rows, tenant_id: str, to: str, technician_id: str, now: datetime) -> SendCounts:
    paid = [s for (t, _), s in rows.sends.items() if t == tenant_id and s.at > now - _DAY]
    day = [s for s in paid if not s.given_back]
    hour = [s for s in day if s.at > now - _HOUR]
    return SendCounts(
        tuple(sorted(s.at for s in day if s.destination == to)),
        tuple(sorted(s.at for s in hour if s.prefix == prefix_of(to))),
        tuple(sorted(s.at for s in hour if technician_id and s.technician_id == technician_id)),
        tuple(sorted(s.at for s in hour)),
        sum(s.segments for s in paid),
        _prefix_day(rows, tenant_id, prefix_of(to), now),
    )


def _prefix_day(rows: Rows, tenant_id: str, prefix: str, now: datetime) -> PrefixDay:
    codes = {
        (s.at, id_): s.given_back
        for (t, id_), s in rows.sends.items()
        if t == tenant_id and s.prefix == prefix and s.check_id and s.at > now - _DAY
    }
    if not codes:
        return PrefixDay()
    last_at, last_id = max(codes)
    return PrefixDay(len(codes), sum(codes.values()), last_at, last_id, (tenant_id, last_id) in rows.alerts)
