"""Every check, in the order in which a person would look: settings, machine, database, work, tenants."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from bot.clock import SystemClock
from bot.commands.operator import Mistake, Operator, check_migrated, opened
from bot.doctor.findings import Finding
from bot.doctor.place import look_at_address, look_at_checkpoints, look_at_files
from bot.doctor.servers import look_at_postgres, look_at_redis
from bot.doctor.tenants import look_at_tenant
from bot.doctor.work import look_at_backup, look_at_clocks, look_at_keys, look_at_seals, look_at_work
from bot.settings import BadSetting, Settings, read_settings
from dialogs.messages import Unavailable
from storage.database import Unscoped
from storage.health import read_health, read_load


def examine(environment: Mapping[str, str]) -> list[Finding]:
    """Every check that makes sense; a failing one hides those that stand on it."""
    try:
        settings = read_settings(environment)
    except BadSetting as bad:
        return [Finding("settings", "fail", str(bad))]
    findings = [Finding("settings", "ok", "database and master key are set"), *look_at_address(settings)]
    findings += [*look_at_files(settings, environment), *look_at_checkpoints(settings)]
    findings += asyncio.run(look_at_redis(settings))
    try:
        check_migrated(settings)
    except (Mistake, Unavailable) as why:
        return [*findings, Finding("database", "fail", str(why)), *_unseen(settings)]
    return [*findings, *asyncio.run(_inside(settings)), *_unseen(settings)]


async def _inside(settings: Settings) -> list[Finding]:
    try:
        async with opened(settings) as operator:
            return [
                Finding("database", "ok", f"{settings.database_name} answers and its tables are current"),
                *await look_at_postgres(settings, operator.database),
                *await _contents(operator),
            ]
    except (Mistake, Unavailable) as why:
        return [Finding("database", "fail", str(why))]


async def _contents(operator: Operator) -> list[Finding]:
    clock = SystemClock()
    now = clock.now()
    health = await operator.database.read(Unscoped.OPERATOR, lambda c: read_health(c, operator.keyring, now))
    load = await operator.database.read(Unscoped.OPERATOR, lambda c: read_load(c, clock.now))
    tenants = await operator.tenants.all()
    findings = [
        *look_at_keys(health, len(tenants), has_previous=bool(operator.settings.previous_master_keys)),
        *look_at_clocks(health, load, now),
        *look_at_work(health, now),
        *look_at_seals(load, now),
        *look_at_backup(load, now),
    ]
    if health.locked:
        return findings
    if not tenants:
        return [*findings, Finding("tenants", "fail", "there is none. Add one: watchword tenant add SLUG --name NAME")]
    for tenant in tenants:
        findings += await look_at_tenant(operator, tenant, health)
    return findings


def _unseen(settings: Settings) -> Iterator[Finding]:
    """What this command cannot know, and how to find out."""
    base = settings.public_url or "the public address"
    yield Finding("tls", "skip", f"whether the proxy's certificate is good: open {base}/healthz in a browser")
    text = "whether the carrier reaches us and its token is right: watchword doctor --live --to YOUR-MOBILE"
    yield Finding("webhooks", "skip", text)
