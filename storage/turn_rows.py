"""A decision as rows, ready for a driver: what is sealed is sealed here. The same on every database."""

from __future__ import annotations

from typing import Any, TypeAlias

from dialogs.messages import Inbound
from dialogs.turns import (
    Alert,
    AnnouncedCall,
    Decision,
    InboundFacts,
    OutboxItem,
    SaveApproval,
    SaveCheck,
    SaveDesk,
    SaveVerification,
    TenantFacts,
    Try,
)
from storage.approval_codec import approval_outline, dump_approval
from storage.codec import (
    KIND,
    dump_desk,
    dump_json,
    dump_state,
    dump_verification,
    outline,
    summary,
)
from storage.digests import once_key, prefix_of, replay_key
from storage.keys import place
from storage.times import id_from, maybe_micros, micros
from storage.turn_keys import TurnKeys

Row: TypeAlias = tuple[Any, ...]


def ended_first(check: SaveCheck) -> tuple[bool, bool]:
    """A check that ends makes room for the one that takes its place."""
    return summary(check.state).is_live, check.version == 0


def same_tenant(decision: Decision[Any], tenant: TenantFacts) -> None:
    """Raises ValueError."""
    if decision.tenant_id not in ("", tenant.id):
        raise ValueError("a decision for another tenant than its facts are of")


def check_row(check: SaveCheck, keys: TurnKeys, now: int) -> Row:
    """For an update: new version, state, live, body, contact, technician, ticket, now, expiry; tenant, id, version.
    For an insert: tenant, id, kind, version, state, live, body, channel, our and their address, conversation, contact,
    technician, ticket, created, now, expiry."""
    tenant_id = keys.tenant.tenant_id
    known = summary(check.state)
    row_keys = keys.of(check.contact_id)
    bound_to = place("dialogs", "body", tenant_id, check.id)
    body = dump_state(check.state, lambda code: row_keys.seal(code, bound_to))
    outline = (known.state, known.is_live, body)
    people = (check.contact_id, known.technician_id, known.ticket_id)
    until = maybe_micros(known.expires_at)
    if check.version:
        return (check.version + 1, *outline, *people, now, until, tenant_id, check.id, check.version)
    where = (check.channel, check.our_address, check.their_address, check.conversation_id)
    return (tenant_id, check.id, KIND, 1, *outline, *where, *people, micros(check.created_at), now, until)


def verification_row(save: SaveVerification, keys: TurnKeys, now: int) -> Row:
    """For an update: new version, state, live, body, assurance, ticket, linked late, override, now, expiry, ended,
    denied, green; tenant, id, version. For an insert: tenant, id, version, state, live, body, method, assurance,
    contact, address, our and their address, technician, ticket, action, override, created, now, expiry, ended, denied,
    green."""
    tenant_id = keys.tenant.tenant_id
    known = outline(save.state)
    row_keys = keys.of(save.contact_id)
    bound_to = place("verifications", "body", tenant_id, save.id)
    body = dump_verification(save.state, lambda code: row_keys.seal(code, bound_to))
    shape = (known.state, known.is_live, body)
    ends = (known.expires_at, known.ended_at, known.denied_at, known.green_until)
    times = (now, *map(maybe_micros, ends))
    if save.version:
        what = (known.assurance, known.ticket_id, known.linked_late, known.is_override)
        return (save.version + 1, *shape, *what, *times, tenant_id, save.id, save.version)
    who = (save.contact_id, known.address_id, save.our_address, save.their_address, known.technician_id)
    about = (known.ticket_id, known.action, known.is_override, micros(save.created_at))
    return (tenant_id, save.id, 1, *shape, known.method, known.assurance, *who, *about, *times)


def verification_ended_first(save: SaveVerification) -> bool:
    """One that ends makes room for the one that takes its place."""
    return outline(save.state).is_live


def link_row(save: SaveVerification, tenant_id: str) -> Row:
    """tenant, verification, digest, created."""
    return (tenant_id, save.id, save.link_digest, micros(save.created_at))


def try_row(tried: Try, tenant_id: str) -> Row:
    """tenant, id, verification, contact, method, technician, at, outcome."""
    who = (tried.verification_id, tried.contact_id, tried.method.value, tried.technician_id)
    return (tenant_id, tried.id, *who, micros(tried.at), tried.outcome)


def approval_row(save: SaveApproval, keys: TurnKeys, now: int) -> Row:
    """For an update: new version, state, live, body, decided by, verification, now, expiry; tenant, id, version. For an
    insert: tenant, id, version, kind, state, live, body, contact, address, their address, technician, ticket, decided
    by, verification, created, now, expiry."""
    tenant_id, known = keys.tenant.tenant_id, approval_outline(save.state)
    body = keys.of(save.contact_id).seal(dump_approval(save.state), place("approvals", "body", tenant_id, save.id))
    outcome, until = (known.decided_by, known.verification_id), maybe_micros(known.until)
    shape = (known.state, known.is_live, body)
    if save.version:
        return (save.version + 1, *shape, *outcome, now, until, tenant_id, save.id, save.version)
    who = (save.contact_id, known.address_id, save.their_address, known.technician_id, known.ticket_id)
    return (tenant_id, save.id, 1, known.kind, *shape, *who, *outcome, micros(save.created_at), now, until)


def desk_row(save: SaveDesk, keys: TurnKeys, now: int) -> Row:
    """For an update: contact, new version, desk, now; tenant, id, version. For an insert: tenant, id, channel, our and
    their address, contact, version, desk, created, now."""
    tenant_id = keys.tenant.tenant_id
    desk = dump_desk(save.desk)
    if save.version:
        return (save.contact_id, save.version + 1, desk, now, tenant_id, save.conversation_id, save.version)
    where = (save.channel, save.our_address, save.their_address)
    return (tenant_id, save.conversation_id, *where, save.contact_id, 1, desk, now, now)


def inbound_row(said: Inbound, decision: Decision[Any], facts: InboundFacts, keys: TurnKeys, now: int) -> Row:
    """tenant, id, channel, conversation, contact, once key, replay key, body, at.

    The words are sealed under the sender's key when the sender is one known person, else under the tenant's."""
    tenant_id = keys.tenant.tenant_id
    contact_id = facts.contacts[0].id if len(facts.contacts) == 1 else ""
    conversation_id = ""
    if decision.desk is not None:
        conversation_id = decision.desk.conversation_id
    elif facts.desk is not None:
        conversation_id = facts.desk.conversation_id
    once = once_key(said)
    row_id = id_from(now, once)
    body = keys.of(contact_id).seal(said.text.encode(), place("inbound", "body", tenant_id, row_id))
    return (tenant_id, row_id, said.channel, conversation_id, contact_id, once, replay_key(said), body, now)


def outbox_row(item: OutboxItem, keys: TurnKeys, now: int) -> Row:
    """tenant, id, kind, lane, payload, template, check, conversation, contact, technician, segments, after stop,
    status, created, due, drop."""
    tenant_id = keys.tenant.tenant_id
    sealed = keys.of(item.contact_id).seal(
        dump_json(dict(item.payload)), place("outbox", "payload", tenant_id, item.id)
    )
    about = (item.template, item.check_id, item.conversation_id, item.contact_id, item.technician_id)
    how = (item.segments, item.after_stop, "waiting")
    times = (now, micros(item.due_at), maybe_micros(item.drop_at))
    return (tenant_id, item.id, item.kind, item.lane, sealed, *about, *how, *times)


def challenge_row(item: OutboxItem, tenant_id: str, now: int) -> Row:
    """tenant, id, check, destination, prefix, technician, segments, at."""
    to = item.payload["to"]
    return (tenant_id, item.id, item.check_id, to, prefix_of(to), item.technician_id, item.segments, now)


def alert_row(alert: Alert, keys: TurnKeys) -> Row:
    """tenant, id, kind, at, check, contact, body."""
    tenant_id = keys.tenant.tenant_id
    body = keys.of(alert.contact_id).seal(alert.text.encode(), place("alerts", "body", tenant_id, alert.id))
    return (tenant_id, alert.id, alert.kind, micros(alert.at), alert.check_id, alert.contact_id, body)


def announced_row(call: AnnouncedCall, tenant_id: str, now: int) -> Row:
    """tenant, id, contact, technician, their name, direction, ticket, its id and number, created, expiry."""
    who = (call.contact_id, call.technician_id, call.technician_name, call.direction)
    ticket = (call.ticket, call.ticket_id, call.ticket_number)
    return (tenant_id, call.id, *who, *ticket, now, micros(call.expires_at))
