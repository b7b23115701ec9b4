"""One tenant: numbers, the carrier, people who can sign in, people who can ask."""

from __future__ import annotations

from bot.commands.operator import Operator
from bot.doctor.findings import Finding, State
from channels.twilio.webhooks import SMS_PATH
from storage.health import Health
from storage.tenants import StoredTenant


async def look_at_tenant(operator: Operator, tenant: StoredTenant, health: Health) -> list[Finding]:
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
    base = operator.settings.public_url or "https://YOUR-ADDRESS"
    for number in numbers:
        if number.purpose != "voice":
            text = f"texts to {base}{SMS_PATH}, fall-back as 'watchword number fallback' says; see with --live"
            found.append(Finding(f"{tenant.slug}: {number.address}", "skip", text))
    remedy = f"not set; texts say 'the number you know'. Set it: watchword tenant set phone=+12125550100 {which}"
    note("published phone", bool(tenant.settings.phone), tenant.settings.phone, remedy, "warn")
    admins = health.admins.get(tenant.id, 0)
    remedy = f"none can sign in. Add one: watchword user add LOGIN --name NAME --role admin {which}"
    note("admins", admins > 0, f"{admins} with a second factor", remedy, "fail")
    clients = await operator.directory.clients(tenant.id)
    remedy = f"nobody is known yet, so nobody can start a check. Import: watchword contact import FILE {which}"
    note("clients", bool(clients), str(len(clients)), remedy, "warn")
    return found
