"""Make what compose.yaml needs and nobody else may have: passwords, keys, and the file of settings.

    python3 deploy/prepare.py verify.example.com operator@example.com

The first is the name in DNS of this machine, the second where the certificate authority writes. Standard library
only. What is there already is left as it is, so running it again does no harm; a half-made set is completed.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: The user of the image; the folder of backups must be his.
USER = 10001
REDIS_CONF = """requirepass {password}
save ""
appendonly no
maxmemory 128mb
maxmemory-policy allkeys-lru
"""


def password() -> str:
    """Letters and digits of an address, so that it needs no quoting in a URL, in SQL or in Redis's file."""
    return secrets.token_hex(24)


def wanted(found: Mapping[str, str]) -> Mapping[str, Callable[[], str]]:
    """Every secret and how it is made, in this order. `found`: those that are there already."""
    made = dict(found)

    def once(name: str) -> str:
        made.setdefault(name, password())
        return made[name]

    def redis() -> str:
        inside = re.search(r"^requirepass (\S+)$", found.get("redis_conf", ""), re.MULTILINE)
        return inside[1] if inside else once("redis")

    def url(role: str, secret: str) -> Callable[[], str]:
        return lambda: f"postgresql://{role}:{once(secret)}@database:5432/watchword"

    return {
        "master_key": lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
        "metrics_token": lambda: secrets.token_urlsafe(32),
        "database_superuser_password": lambda: once("database_superuser_password"),
        "database_owner_password": lambda: once("database_owner_password"),
        "database_app_password": lambda: once("database_app_password"),
        "database_owner_url": url("watchword_owner", "database_owner_password"),
        "database_url": url("watchword", "database_app_password"),
        "redis_conf": lambda: REDIS_CONF.format(password=redis()),
        "redis_url": lambda: f"redis://:{redis()}@redis:6379/0",
    }


def make_secrets(folder: Path) -> list[str]:
    """Those that were missing. The folder is closed to others on this machine; the files in it are readable, since
    each container reads them under a user of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    found = {file.name: file.read_text("utf-8").strip() for file in folder.iterdir() if file.is_file()}
    missing = []
    for name, make in wanted(found).items():
        if name not in found:
            _write(folder / name, make(), 0o444)
            missing.append(name)
    return missing


def make_settings(file: Path, example: Path, host: str, email: str) -> bool:
    """`.env` from the example, with these two in it. False when there is one already."""
    if file.exists():
        return False
    text = example.read_text("utf-8")
    text = re.sub(r"^WATCHWORD_HOST=.*$", f"WATCHWORD_HOST={host}", text, flags=re.MULTILINE)
    text = re.sub(r"^ACME_EMAIL=.*$", f"ACME_EMAIL={email}", text, flags=re.MULTILINE)
    _write(file, text, 0o644)
    return True


def make_backups(folder: Path) -> str:
    """The folder of backups; what is still to be typed, or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.name != "posix" or folder.stat().st_uid == USER:
        return ""
    if os.geteuid() == 0:
        os.chown(folder, USER, USER)
        folder.chmod(0o700)
        return ""
    return f"sudo chown {USER}:{USER} {folder}"


def _write(file: Path, text: str, mode: int) -> None:
    """Whole or not at all, and never readable before its rights are right."""
    beside = file.with_name(file.name + ".part")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
        out.write(text if text.endswith("\n") else text + "\n")
    beside.chmod(mode)
    beside.replace(file)


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """The exit code: 0, or 2 for a mistake."""
    if len(arguments) != 2 or not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", arguments[0]) or "@" not in arguments[1]:
        sys.stderr.write(
            "Give the name in DNS, without https://, and an address for e-mail, for example:\n"
            "    python3 deploy/prepare.py verify.example.com operator@example.com\n"
        )
        return 2
    missing = make_secrets(root / "deploy" / "secrets")
    told = [f"made deploy/secrets/{name}" for name in missing] or ["every secret is there already"]
    settings = make_settings(root / ".env", root / "deploy" / "example.env", *arguments)
    told.append("made .env" if settings else ".env is there already and was left as it is")
    still = make_backups(root / "backups")
    if still:
        told.append(f"to do, so that backups can be written: {still}")
    if "master_key" in missing:
        told.append("Now copy deploy/secrets/master_key to a safe place that is not where the backups are.")
        told.append("Without it every backup and the database are lost; with it they can be read.")
    sys.stdout.write("\n".join(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
