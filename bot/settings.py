"""The operator's settings: one frozen record, read once from the environment, checked at the start.

Nobody else reads the environment. A wrong setting stops the start with its name and a remedy (SEC-19).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class BadSetting(Exception):
    """A setting that must not be started with. The message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decides.

    `database_url`: `sqlite:///path`. `public_url`: scheme, host and port as the outside sees them, no path; signatures
    are checked against it. `master_key`: 32 bytes, never stored in the database. `twilio_url`: where the carrier's
    REST interface is; replaced by tests and the demo.
    """

    database_url: str
    public_url: str
    master_key: bytes = field(repr=False)
    previous_master_keys: tuple[bytes, ...] = field(default=(), repr=False)
    twilio_url: str = "https://api.twilio.com"
    host: str = "127.0.0.1"
    port: int = 8080
    behind_tls_proxy: bool = False
    demo: bool = False

    @property
    def database_path(self) -> Path:
        """The SQLite file."""
        return Path(self.database_url.removeprefix("sqlite:///"))


def read_settings(
    environment: Mapping[str, str], *, host: str = "127.0.0.1", port: int = 8080, behind_tls_proxy: bool = False
) -> Settings:
    """Settings for `serve` and the commands that touch the database. Raises BadSetting."""
    public = environment.get("WATCHWORD_PUBLIC_URL", "").rstrip("/")
    settings = Settings(
        database_url=_database(environment),
        public_url=public,
        master_key=_master_key(environment),
        previous_master_keys=tuple(
            _key_bytes("WATCHWORD_PREVIOUS_MASTER_KEYS", part)
            for part in environment.get("WATCHWORD_PREVIOUS_MASTER_KEYS", "").split(",")
            if part.strip()
        ),
        twilio_url=environment.get("WATCHWORD_TWILIO_URL", "https://api.twilio.com").rstrip("/"),
        host=host,
        port=port,
        behind_tls_proxy=behind_tls_proxy,
    )
    return settings


def check_for_serving(settings: Settings) -> None:
    """What `serve` refuses to start with, beyond what reading has refused already."""
    url = urlsplit(settings.public_url)
    if not settings.public_url:
        raise BadSetting(
            "WATCHWORD_PUBLIC_URL is not set. Give the address under which the world reaches this server, for example "
            "https://verify.example.com; webhook signatures are checked against it."
        )
    if url.scheme not in {"http", "https"} or not url.hostname or url.path or url.query:
        raise BadSetting(
            f"WATCHWORD_PUBLIC_URL is {settings.public_url!r}. Give scheme and host only, for example "
            "https://verify.example.com, without a path."
        )
    if url.scheme == "http" and url.hostname not in LOOPBACK:
        raise BadSetting("WATCHWORD_PUBLIC_URL starts with http://. Codes must travel encrypted: use https://.")
    if settings.host not in LOOPBACK and not settings.behind_tls_proxy:
        raise BadSetting(
            f"--host {settings.host} would serve plain HTTP to the network. Put a TLS proxy in front and add "
            "--behind-tls-proxy, or listen on 127.0.0.1."
        )
    if urlsplit(settings.twilio_url).scheme not in {"http", "https"}:
        raise BadSetting("WATCHWORD_TWILIO_URL must be an http:// or https:// address.")


def _database(environment: Mapping[str, str]) -> str:
    url = environment.get("WATCHWORD_DATABASE_URL", "")
    if not url:
        raise BadSetting(
            "WATCHWORD_DATABASE_URL is not set. For one machine use sqlite:////var/lib/watchword/watchword.db "
            "(four slashes make the path absolute)."
        )
    if not url.startswith("sqlite:///") or url == "sqlite:///" or ":memory:" in url:
        raise BadSetting(
            "WATCHWORD_DATABASE_URL must name a SQLite file in this version, for example "
            "sqlite:////var/lib/watchword/watchword.db."
        )
    return url


def _master_key(environment: Mapping[str, str]) -> bytes:
    text, file = environment.get("WATCHWORD_MASTER_KEY", ""), environment.get("WATCHWORD_MASTER_KEY_FILE", "")
    if text and file:
        raise BadSetting("WATCHWORD_MASTER_KEY and WATCHWORD_MASTER_KEY_FILE are both set. Keep one of them.")
    if file:
        try:
            return _key_bytes("WATCHWORD_MASTER_KEY_FILE", Path(file).read_text().strip())
        except (OSError, UnicodeDecodeError) as cause:
            raise BadSetting(
                f"WATCHWORD_MASTER_KEY_FILE cannot be read: {cause}. Check the path and its rights."
            ) from cause
    if not text:
        raise BadSetting(
            "WATCHWORD_MASTER_KEY is not set. Make one with 'openssl rand -base64 32', keep it outside the database "
            "and its backups, and set it or WATCHWORD_MASTER_KEY_FILE."
        )
    return _key_bytes("WATCHWORD_MASTER_KEY", text.strip())


def _key_bytes(name: str, text: str) -> bytes:
    try:
        key = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error) as cause:
        raise BadSetting(f"{name} is not base64 or hex. Make a key with 'openssl rand -base64 32'.") from cause
    if len(key) != 32:
        raise BadSetting(f"{name} has {len(key)} bytes and needs 32. Make one with 'openssl rand -base64 32'.")
    if len(set(key)) < 8:
        raise BadSetting(f"{name} is a pattern, not a random key. Make one with 'openssl rand -base64 32'.")
    return key
