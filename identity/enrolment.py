"""Everything a new local account needs, made in one go: password hash, second factor and recovery codes."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialogs.ports import Randomness
from identity import recovery, totp
from identity.passwords import Passwords, check_password


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Shown once: `totp_secret`, `totp_uri` and `recovery_codes`. Stored: the hash, the sealed secret, the digests."""

    password_hash: str = field(repr=False)
    totp_secret: str = field(repr=False)
    totp_uri: str = field(repr=False)
    recovery_codes: tuple[str, ...] = field(repr=False)
    recovery_digests: tuple[str, ...] = field(repr=False)


async def enrol(
    passwords: Passwords,
    randomness: Randomness,
    *,
    technician_id: str,
    login: str,
    name: str,
    password: str,
    issuer: str,
) -> Enrolled:
    """Raises `WeakPassword`. `issuer` is what the authenticator app shows beside the login: the tenant's name."""
    check_password(password, login=login, name=name)
    secret = totp.new_secret(randomness)
    codes = recovery.new_codes(randomness)
    digests = tuple(d for d in (recovery.digest(technician_id, code) for code in codes) if d is not None)
    hashed = await passwords.hash(password)
    return Enrolled(hashed, secret, totp.provisioning_uri(secret, login=login, issuer=issuer), codes, digests)
