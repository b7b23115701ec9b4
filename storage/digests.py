"""The keys under which something may happen one time only (SEC-22, SEC-23, REL-02)."""

from __future__ import annotations

import hashlib

from dialogs.messages import DeliveryReport, Inbound


def once_key(inbound: Inbound) -> bytes:
    """SHA-256 of provider and provider id; both lengths are fixed by the separator, which neither may hold."""
    return hashlib.sha256(f"{inbound.provider}\0{inbound.provider_id}".encode()).digest()


def replay_key(inbound: Inbound) -> bytes | None:
    """SHA-256 of the signature's digest, None where the channel has no signature."""
    if not inbound.replay_digest:
        return None
    return hashlib.sha256(f"{inbound.provider}\0{inbound.replay_digest}".encode()).digest()


def once_only(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def report_digest(report: DeliveryReport) -> bytes:
    """Names one report, so that its line in the log has an id of its own."""
    return hashlib.sha256(f"{report.provider}\0{report.provider_id}\0{report.status}".encode()).digest()


def prefix_of(destination: str) -> str:
    """A number without its last four digits: numbers bought in a row share it (SEC-39)."""
    return destination[:-4]
