"""A certificate for this computer's own names that nobody trusts but who is told to: for stand-ins that speak TLS."""

from __future__ import annotations

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: Wide enough for every clock that a demo or a test is moved to; TLS goes by the computer's own.
_FROM, _TO = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Certificate:
    """`server` shows it, `client` trusts it and nothing else."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def make_certificate(*names: str) -> Certificate:
    """A new one, with a key of its own; without `names` for this computer."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Watchword simulator")])
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names or ("localhost",)]
    if not names:
        alternatives += [x509.IPAddress(ip_address(own)) for own in ("127.0.0.1", "::1")]
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_TO)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="watchword-simulator-") as folder:
        # The standard library takes a key from a file alone; this one is gone before anybody could use it.
        file = Path(folder) / "certificate.pem"
        file.touch(mode=0o600)
        file.write_bytes(certificate + secret)
        server.load_cert_chain(file)
    return Certificate(server, ssl.create_default_context(cadata=certificate.decode()))
