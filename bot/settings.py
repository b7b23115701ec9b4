"""The operator's settings: one frozen record, read once from the environment, checked at the start.

Nobody else reads the environment. A wrong setting stops the start with its name and a remedy (SEC-19).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from bot.mail_setting import read_mail
from bot.networks import Network, read_networks
from channels.email.message import Server

SQLITE = "sqlite:///"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class BadSetting(Exception):
    """A setting that must not be started with. The message names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decides.

    `database_url`: `sqlite:///path` or `postgresql://role:password@host/name`; `owner_database_url`: the same database
    as the role that owns its tables, empty where that is the same role. `redis_url`: empty without. `checkpoints_file`:
    where the log's signed heads are kept outside the database, None without; `checkpoint_webhook`: where they are
    posted too, empty without. `metrics_token`: what `/metrics` asks for from other machines, empty: they get nothing.
    `private_targets`: networks that addresses which tenants enter may lead into, although they are not public. `mail`:
    the server for tenants that have set up none of their own. `workflow_hosts`: hosts that Teams connections may have
    besides Microsoft's usual ones; with a dot in front, everything below.
    `public_url`: scheme, host and port as the outside sees them, no path; signatures
    are checked against it. `master_key`: 32 bytes, never stored in the database. `twilio_url`: where the carrier's
    REST interface is, `twilio_lookups_url`: where it is asked about numbers; `graph_url`, `entra_url`: where
    people of Microsoft 365 are read and tokens for it given out; replaced by tests and the demo.
    """

    database_url: str = field(repr=False)
    public_url: str
    master_key: bytes = field(repr=False)
    previous_master_keys: tuple[bytes, ...] = field(default=(), repr=False)
    twilio_url: str = "https://api.twilio.com"
    twilio_lookups_url: str = "https://lookups.twilio.com"
    graph_url: str = "https://graph.microsoft.com"
    entra_url: str = "https://login.microsoftonline.com"
    owner_database_url: str = field(default="", repr=False)
    redis_url: str = field(default="", repr=False)
    checkpoints_file: Path | None = None
    checkpoint_webhook: str = field(default="", repr=False)
    metrics_token: str = field(default="", repr=False)
    private_targets: tuple[Network, ...] = ()
    mail: Server | None = None
    workflow_hosts: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8080
    behind_tls_proxy: bool = False
    demo: bool = False

    @property
    def is_sqlite(self) -> bool:
        """One file and one process; otherwise PostgreSQL."""
        return self.database_url.startswith(SQLITE)

    @property
    def database_path(self) -> Path:
        """The SQLite file. Only where `is_sqlite`."""
        assert self.is_sqlite, "a PostgreSQL database has no path"
        return Path(self.database_url.removeprefix(SQLITE))

    @property
    def database_name(self) -> str:
        """How messages call the database: the path, or host and name; never a password."""
        if self.is_sqlite:
            return str(self.database_path)
        url = urlsplit(self.database_url)
        return f"{url.path.lstrip('/')} on {url.hostname}:{url.port or 5432}"

    @property
    def app_role(self) -> str:
        """The role that serves, where another one owns the tables; else empty."""
        return unquote(urlsplit(self.database_url).username or "") if self.owner_database_url else ""


def read_settings(
    environment: Mapping[str, str], *, host: str = "127.0.0.1", port: int = 8080, behind_tls_proxy: bool = False
) -> Settings:
    """Settings for `serve` and the commands that touch the database. Raises BadSetting."""
    public = environment.get("WATCHWORD_PUBLIC_URL", "").rstrip("/")
    database_url = _database(environment)
    settings = Settings(
        database_url=database_url,
        owner_database_url=_owner(environment, database_url),
        redis_url=_redis(environment),
        checkpoints_file=_checkpoints(environment, database_url),
        checkpoint_webhook=_address("WATCHWORD_CHECKPOINT_WEBHOOK", environment),
        metrics_token=_metrics_token(environment),
        private_targets=_private_targets(environment),
        mail=_mail(environment),
        workflow_hosts=tuple(environment.get("WATCHWORD_WORKFLOW_HOSTS", "").replace(",", " ").lower().split()),
        public_url=public,
        master_key=_master_key(environment),
        previous_master_keys=tuple(
            _key_bytes("WATCHWORD_PREVIOUS_MASTER_KEYS", part)
            for part in environment.get("WATCHWORD_PREVIOUS_MASTER_KEYS", "").split(",")
            if part.strip()
        ),
        twilio_url=environment.get("WATCHWORD_TWILIO_URL", "https://api.twilio.com").rstrip("/"),
        twilio_lookups_url=environment.get("WATCHWORD_TWILIO_LOOKUPS_URL", "https://lookups.twilio.com").rstrip("/"),
        graph_url=environment.get("WATCHWORD_GRAPH_URL", "https://graph.microsoft.com").rstrip("/"),
        entra_url=environment.get("WATCHWORD_ENTRA_URL", "https://login.microsoftonline.com").rstrip("/"),
        host=host,
        port=port,
        behind_tls_proxy=behind_tls_proxy,
    )
    return settings


def check_for_serving(settings: Settings) -> None:
    """What `serve` refuses to start with, beyond what reading has refused already."""
    url = _parts("WATCHWORD_PUBLIC_URL", settings.public_url)
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
    for name, address in (
        ("WATCHWORD_TWILIO_URL", settings.twilio_url),
        ("WATCHWORD_TWILIO_LOOKUPS_URL", settings.twilio_lookups_url),
        ("WATCHWORD_GRAPH_URL", settings.graph_url),
        ("WATCHWORD_ENTRA_URL", settings.entra_url),
    ):
        if _parts(name, address).scheme not in {"http", "https"}:
            raise BadSetting(f"{name} must be an http:// or https:// address.")


def _database(environment: Mapping[str, str]) -> str:
    url = _value("WATCHWORD_DATABASE_URL", environment)
    if not url:
        raise BadSetting(
            "WATCHWORD_DATABASE_URL is not set. For one machine use sqlite:////var/lib/watchword/watchword.db "
            "(four slashes make the path absolute), for several postgresql://watchword:PASSWORD@HOST/watchword."
        )
    if url.startswith(SQLITE) and url != SQLITE and ":memory:" not in url:
        return url
    if _is_postgres(url):
        return url
    raise BadSetting(
        "WATCHWORD_DATABASE_URL must name a SQLite file, for example sqlite:////var/lib/watchword/watchword.db, or a "
        "PostgreSQL database, for example postgresql://watchword:PASSWORD@HOST/watchword."
    )


def _is_postgres(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme == "postgresql" and bool(parts.hostname and parts.username) and len(parts.path) > 1


def _owner(environment: Mapping[str, str], database_url: str) -> str:
    url = _value("WATCHWORD_OWNER_DATABASE_URL", environment)
    if not url:
        return ""
    if database_url.startswith(SQLITE) or not _is_postgres(url):
        raise BadSetting(
            "WATCHWORD_OWNER_DATABASE_URL must name the same PostgreSQL database as WATCHWORD_DATABASE_URL, with the "
            "role that owns its tables: postgresql://watchword_owner:PASSWORD@HOST/watchword. Leave it away for SQLite."
        )
    if urlsplit(url).path != urlsplit(database_url).path:
        raise BadSetting("WATCHWORD_OWNER_DATABASE_URL names another database than WATCHWORD_DATABASE_URL.")
    return url


def _redis(environment: Mapping[str, str]) -> str:
    url = _value("WATCHWORD_REDIS_URL", environment)
    if url and _parts("WATCHWORD_REDIS_URL", url).scheme not in {"redis", "rediss", "unix"}:
        raise BadSetting("WATCHWORD_REDIS_URL must start with redis://, rediss:// (TLS) or unix://, or be left away.")
    return url


def _checkpoints(environment: Mapping[str, str], database_url: str) -> Path | None:
    named = environment.get("WATCHWORD_CHECKPOINTS_FILE", "")
    if named:
        return Path(named)
    return Path(database_url.removeprefix(SQLITE) + ".checkpoints") if database_url.startswith(SQLITE) else None


def _address(name: str, environment: Mapping[str, str]) -> str:
    url = environment.get(name, "")
    if url and (_parts(name, url).scheme not in {"http", "https"} or not _parts(name, url).hostname):
        raise BadSetting(f"{name} must be an http:// or https:// address, or be left away.")
    return url


def _parts(name: str, url: str) -> SplitResult:
    """The parts of an address. Raises BadSetting, which does not repeat it: it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise BadSetting(
            f"{name} cannot be understood as an address. In a password write / as %2F, : as %3A, @ as %40, [ as %5B."
        ) from None
    return parts


def _metrics_token(environment: Mapping[str, str]) -> str:
    token = _value("WATCHWORD_METRICS_TOKEN", environment)
    if token and len(token) < 24:
        raise BadSetting("WATCHWORD_METRICS_TOKEN is short enough to guess. Make one with 'openssl rand -base64 32'.")
    return token


def _private_targets(environment: Mapping[str, str]) -> tuple[Network, ...]:
    try:
        return read_networks(environment.get("WATCHWORD_PRIVATE_TARGETS", ""))
    except ValueError as wrong:
        raise BadSetting(
            f"WATCHWORD_PRIVATE_TARGETS: {wrong}. Give networks as address/bits with commas between them, for example "
            "10.20.0.0/16,fd12:3456::/32."
        ) from None


def _mail(environment: Mapping[str, str]) -> Server | None:
    try:
        return read_mail(_value("WATCHWORD_MAIL_URL", environment), environment.get("WATCHWORD_MAIL_FROM", "").strip())
    except ValueError as wrong:
        raise BadSetting(str(wrong)) from None


def _value(name: str, environment: Mapping[str, str]) -> str:
    """The variable, or what stands in the file that the same name with `_FILE` gives; never both."""
    text, file = environment.get(name, ""), environment.get(name + "_FILE", "")
    if text and file:
        raise BadSetting(f"{name} and {name}_FILE are both set. Keep one of them.")
    if not file:
        return text.strip()
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as cause:
        why = cause.strerror if isinstance(cause, OSError) else "it is not text"
        raise BadSetting(f"{name}_FILE ({file}) cannot be read: {why}. Check the path and its rights.") from cause


def _master_key(environment: Mapping[str, str]) -> bytes:
    text = _value("WATCHWORD_MASTER_KEY", environment)
    if not text and not environment.get("WATCHWORD_MASTER_KEY_FILE"):
        raise BadSetting(
            "WATCHWORD_MASTER_KEY is not set. Make one with 'openssl rand -base64 32', keep it outside the database "
            "and its backups, and set it or WATCHWORD_MASTER_KEY_FILE."
        )
    given_by_file = "WATCHWORD_MASTER_KEY" not in environment or not environment["WATCHWORD_MASTER_KEY"]
    return _key_bytes("WATCHWORD_MASTER_KEY_FILE" if given_by_file else "WATCHWORD_MASTER_KEY", text)


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
