"""What is kept of a code in place of its digits."""

from __future__ import annotations

import hashlib
import hmac

from dialogs.turns import TenantFacts


def code_digest(tenant: TenantFacts, check_id: str, digits: str) -> str:
    """What was typed, keyed to one check of one tenant and to its purpose, so it can match nothing else (SEC-07)."""
    return _digest(tenant, "technician_verification", check_id, digits)


def verification_digest(tenant: TenantFacts, verification_id: str, digits: str) -> str:
    """The same for a verification of an end user."""
    return _digest(tenant, "user_verification", verification_id, digits)


def _digest(tenant: TenantFacts, purpose: str, id: str, digits: str) -> str:
    return hmac.new(tenant.digest_key, f"{purpose}|{id}|{digits}".encode(), hashlib.sha256).hexdigest()
