"""`watchword doctor`: what `bot.doctor` finds, on the screen."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from bot.commands.operator import Mistake, Operator, run, say
from bot.commands.tenants import TenantOption
from bot.doctor.findings import Finding, show
from storage.phones import BadNumber, to_e164

UNWELL = 1


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For a machine to read.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Send a real text, ask the carrier about our numbers, try the tickets.")
    ] = False,
    to: Annotated[str, typer.Option(help="With --live: the mobile that gets the text, yours, as +12125550100.")] = "",
    ticket_client: Annotated[
        str, typer.Option(help="With --live: the id of a client for whom a ticket is opened, noted and closed.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="With --live: send without asking.")] = False,
    tenant: TenantOption = "",
) -> None:
    """Is this installation well? One line for each check, and what to do. Exit code 1 when something fails."""
    if not live and (to or ticket_client or yes):
        raise Mistake("--to, --ticket-client and --yes belong to --live.")
    if live and not to:
        raise Mistake("Say who gets the text: --live --to +12125550100. Take your own mobile.")
    from bot.doctor.examine import examine  # what only this command needs is not loaded by the others

    findings = examine(os.environ)
    if live:
        findings += _live(_mobile(to), ticket_client, tenant, yes=yes)
    say(show(findings, as_json=as_json))
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(UNWELL)


def _live(to: str, ticket_client: str, tenant: str, *, yes: bool) -> list[Finding]:
    from bot.doctor.live import live as open_live

    async def work(operator: Operator) -> list[Finding]:
        which = await operator.tenant(tenant)
        async with open_live(operator, which, to) as checks:
            if not yes and not typer.confirm(checks.question(), err=True):
                raise Mistake("Nothing was sent.")
            found = [await checks.address(), *await checks.numbers(), await checks.text()]
            if ticket_client:
                found.append(await checks.ticket(ticket_client))
            return found

    return run(work)


def _mobile(typed: str) -> str:
    try:
        return to_e164(typed, "")
    except BadNumber as why:
        raise Mistake(f"{typed} {why}.") from None
