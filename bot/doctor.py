"""`watchword doctor`: is this installation well? One finding for each check, each with what to do about it.

It reads and never changes anything, and it opens no connection to the outside: what that hides is said.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from bot.clock import SystemClock
from bot.commands.operator import Mistake, Operator, check_migrated, opened
from bot.settings import LOOPBACK, BadSetting, Settings, check_for_serving, read_settings
from dialogs.messages import Unavailable
from storage.database import Unscoped
from storage.health import Health, read_health
from storage.tenants import StoredTenant

#: ok: well. warn: works, look at it. fail: does not work. skip: cannot be seen from here.
State = Literal["ok", "warn", "fail", "skip"]

LATE = timedelta(minutes=5)
#: Clocks of two machines may differ by a little; the log must not come from the future by more.
AHEAD = timedelta(minutes=1)
LITTLE_SPACE = 512 * 2**20
BUILT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. `text` says what to do unless all is well."""

    check: str
    state: State
    text: str


def examine(environment: Mapping[str, str]) -> list[Finding]:
    """Every check that makes sense; a failing one hides those that stand on it."""
    try:
        settings = read_settings(environment)
    except BadSetting as bad:
        return [Finding("settings", "fail", str(bad))]
    findings = [Finding("settings", "ok", "database and master key are set"), *_address(settings)]
    findings += _files(settings, environment)
    try:
        check_migrated(settings)
    except Mistake as mistake:
        return [*findings, Finding("database", "fail", str(mistake)), *_unseen(settings)]
    return [*findings, *asyncio.run(_inside(settings)), *_unseen(settings)]


def show(findings: Sequence[Finding], *, as_json: bool) -> str:
    """For a person, or the same as JSON."""
    if as_json:
        return json.dumps({"checks": [asdict(finding) for finding in findings]}, indent=2, ensure_ascii=False)
    width = max(len(finding.check) for finding in findings)
    lines = [f"{finding.state:<5}{finding.check:<{width + 2}}{finding.text}" for finding in findings]
    failed = sum(finding.state == "fail" for finding in findings)
    warned = sum(finding.state == "warn" for finding in findings)
    return "\n".join([*lines, "", f"{failed} failed, {warned} to look at."])


def _address(settings: Settings) -> Iterator[Finding]:
    try:
        check_for_serving(settings)
    except BadSetting as bad:
        yield Finding("public address", "fail", str(bad))
        return
    if urlsplit(settings.public_url).hostname in LOOPBACK:
        text = f"{settings.public_url} is this machine only: no phone can reach it. Set WATCHWORD_PUBLIC_URL."
        yield Finding("public address", "warn", text)
    else:
        yield Finding("public address", "ok", settings.public_url)


def _files(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    private = {"database": settings.database_path}
    if key_file := environment.get("WATCHWORD_MASTER_KEY_FILE", ""):
        private["key file"] = Path(key_file)
    for name, path in private.items():
        if os.name == "posix" and path.exists() and path.stat().st_mode & 0o077:
            yield Finding(f"{name} rights", "warn", f"others may read {path}. Do: chmod 600 {path}")
    if key_file and Path(key_file).resolve().parent == settings.database_path.resolve().parent:
        text = "the master key lies beside the database, so a copy of the folder holds both. Move it elsewhere."
        yield Finding("key file place", "warn", text)
    folder = settings.database_path.resolve().parent
    if folder.is_dir():
        free = shutil.disk_usage(folder).free
        yield Finding(
            "disk",
            "warn" if free < LITTLE_SPACE else "ok",
            f"{free // 2**20} MiB free" + ("; make room, texts stop when it is full" if free < LITTLE_SPACE else ""),
        )


async def _inside(settings: Settings) -> list[Finding]:
    now = SystemClock().now()
    try:
        async with opened(settings) as operator:
            health = await operator.database.read(
                Unscoped.OPERATOR, lambda conn: read_health(conn, operator.keyring, now)
            )
            tenants = await operator.tenants.all()
            findings = [
                Finding("database", "ok", f"{settings.database_path} answers and its tables are current"),
                *_keys(health, len(tenants)),
                *_clock(health, now),
                *_work(health, now),
            ]
            if health.locked:
                return findings
            if not tenants:
                text = "there is none. Add one: watchword tenant add SLUG --name NAME"
                return [*findings, Finding("tenants", "fail", text)]
            for tenant in tenants:
                findings += await _tenant(operator, tenant, health)
            return findings
    except (Mistake, Unavailable) as why:
        return [Finding("database", "fail", str(why))]


def _keys(health: Health, tenants: int) -> Iterator[Finding]:
    if health.locked:
        text = f"it does not open {', '.join(health.locked)}. Set the key the database was made with."
        yield Finding("master key", "fail", text)
    elif health.old_key:
        text = f"{', '.join(health.old_key)} still need the previous key. Keep WATCHWORD_PREVIOUS_MASTER_KEYS as it is."
        yield Finding("master key", "warn", text)
    else:
        yield Finding("master key", "ok", f"it opens all tenants ({tenants})")


def _clock(health: Health, now: datetime) -> Iterator[Finding]:
    if now < BUILT or (health.newest is not None and health.newest > now + AHEAD):
        text = f"it says {now:%Y-%m-%d %H:%M} UTC, which is before what the log holds. Set it, and keep it by NTP."
        yield Finding("clock", "fail", text)
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M} UTC, not before the log; codes expire by it")


def _work(health: Health, now: datetime) -> Iterator[Finding]:
    due = min((at for at in (health.oldest_due, health.late_timer) if at is not None), default=None)
    if due is not None and now - due > LATE:
        minutes = int((now - due).total_seconds() // 60)
        text = f"something has been due for {minutes} minutes ({health.waiting} waiting). Is 'watchword serve' running?"
        yield Finding("outbox", "warn", text)
    else:
        yield Finding("outbox", "ok", f"{health.waiting} due, none of it old")
    if health.dead:
        text = f"{health.dead} given up in the last day. The console names them; check the carrier's own log."
        yield Finding("not delivered", "warn", text)
    if health.unplaced:
        text = f"{health.unplaced} lines have no place in the log yet. If the number does not fall, restart the server."
        yield Finding("log", "warn", text)


async def _tenant(operator: Operator, tenant: StoredTenant, health: Health) -> list[Finding]:
    found: list[Finding] = []

    def note(check: str, well: bool, text: str, remedy: str, otherwise: State) -> None:
        state: State = "ok" if well else otherwise
        found.append(Finding(f"{tenant.slug}: {check}", state, text if well else remedy))

    which = f"--tenant {tenant.slug}"
    numbers = [number.facts for number in await operator.tenants.numbers(tenant.id)]
    primary = next((n for n in numbers if n.purpose == "verification" and n.primary), None)
    remedy = f"there is none. Add one: watchword number add +12125550100 {which}"
    note("verification number", primary is not None, primary.address if primary else "", remedy, "fail")
    if primary is not None:
        account = await operator.tenants.carrier_account_for(primary.address)
        remedy = f"there is none, so no text can come or go. Add it: watchword carrier add ACCOUNT_SID {which}"
        note("carrier account", account is not None, account.account_sid if account else "", remedy, "fail")
    remedy = f"not set; texts say 'the number you know'. Set it: watchword tenant set phone=+12125550100 {which}"
    note("published phone", bool(tenant.settings.phone), tenant.settings.phone, remedy, "warn")
    admins = health.admins.get(tenant.id, 0)
    remedy = f"none can sign in. Add one: watchword user add LOGIN --name NAME --role admin {which}"
    note("admins", admins > 0, f"{admins} with a second factor", remedy, "fail")
    clients = await operator.directory.clients(tenant.id)
    remedy = f"nobody is known yet, so nobody can start a check. Import: watchword contact import FILE {which}"
    note("clients", bool(clients), str(len(clients)), remedy, "warn")
    return found


def _unseen(settings: Settings) -> Iterator[Finding]:
    """What this command cannot know, and how to find out."""
    base = settings.public_url or "the public address"
    yield Finding("tls", "skip", f"whether the proxy's certificate is good: open {base}/healthz in a browser")
    yield Finding("webhooks", "skip", "whether the carrier reaches us and its token is right: text #verify and look")
