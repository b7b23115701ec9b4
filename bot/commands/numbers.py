"""`watchword number` and `watchword carrier`: the tenant's own numbers, and its account at the carrier."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bot.commands.operator import Mistake, Operator, run, say, say_rows
from bot.commands.tenants import TenantOption
from bot.wording import Wording
from channels.twilio.fallback import fallback_twiml
from dialogs.turns import TenantFacts
from storage.own_numbers import NumberInUse, OwnNumbers
from storage.phones import BadNumber, to_e164
from storage.tenants import AccountTaken, CarrierAccount, NumberTaken, StoredNumber, StoredTenant, Tenants

app = typer.Typer(help="Numbers of the tenant.", no_args_is_help=True)
carrier = typer.Typer(help="The tenant's account at the carrier.", no_args_is_help=True)

NumberArgument = Annotated[str, typer.Argument(help="With country code: +12125550100.")]
_ACCOUNT = re.compile(r"AC[0-9a-f]{32}")
_TOKEN = re.compile(r"[0-9a-f]{32}")
_IN_USE = {
    "live": "A check is running on it. Wait until it has ended, at most ten minutes.",
    "primary": "It is the primary one. Make another one primary first: watchword number primary NUMBER",
}


@app.command()
def add(
    number: NumberArgument,
    purpose: Annotated[
        Literal["verification", "channel", "voice"],
        typer.Option(help="The first number of a purpose is its primary one."),
    ] = "verification",
    primary: Annotated[bool, typer.Option("--primary", help="Make it the primary one.")] = False,
    opt_out: Annotated[
        Literal["carrier", "watchword"], typer.Option(help="Who answers STOP, START and HELP on this number.")
    ] = "carrier",
    tenant: TenantOption = "",
) -> None:
    """Add a number that texts come in on and go out from."""
    address = _e164(number)

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        number_id = operator.new_id()
        about = {"number": number_id, "purpose": purpose, "opt_out": opt_out}
        noted = Tenants(operator.noting(which.id, "operator.number_added", about), operator.keyring)
        try:
            await noted.add_number(which.id, number_id, address, purpose, operator.clock.now(), opt_out_by=opt_out)
        except NumberTaken:
            raise Mistake(f"{address} belongs to a tenant already. See: watchword number list") from None
        say(f"{address} is a {purpose} number of {which.name}.")
        if primary:
            await _make_primary(operator, which.id, number_id)
            say("It is the primary one.")

    run(work)


@app.command("list")
def list_(tenant: TenantOption = "") -> None:
    """The tenant's numbers."""

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        rows = [
            (
                number.facts.address,
                number.channel,
                number.facts.purpose,
                "primary" if number.facts.primary else "",
                number.facts.opt_out_by,
            )
            for number in await operator.tenants.numbers(which.id)
        ]
        say_rows(("NUMBER", "CHANNEL", "PURPOSE", "PRIMARY", "OPT-OUT BY"), rows)

    run(work)


@app.command("primary")
def primary_(number: NumberArgument, tenant: TenantOption = "") -> None:
    """Make a number the primary one of its purpose: announcements go out from it."""
    address = _e164(number)

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        found = await _number(operator, which, address)
        await _make_primary(operator, which.id, found.facts.id)
        say(f"{address} is the primary {found.facts.purpose} number.")

    run(work)


@app.command()
def remove(number: NumberArgument, tenant: TenantOption = "") -> None:
    """Remove a number: texts to it are refused from then on."""
    address = _e164(number)

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        found = await _number(operator, which, address)
        event = operator.noting(which.id, "operator.number_removed", {"number": found.facts.id})
        try:
            await OwnNumbers(event, operator.keyring).remove_number(which.id, found.facts.id)
        except NumberInUse as used:
            raise Mistake(f"{address} stays. {_IN_USE[used.why]}") from None
        say(f"{address} is no number of {which.name} any more.")

    run(work)


@app.command()
def fallback(
    language: Annotated[str, typer.Option(help="Another language than the tenant's, such as en.")] = "",
    tenant: TenantOption = "",
) -> None:
    """The answer to put at the carrier for when Watchword is down. How to: docs/how-to/when-we-are-down.md"""

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        facts = TenantFacts(which.id, which.name, which.settings, b"")
        text, size = Wording(operator.settings.public_url).text(facts, "carrier.down", {}, language)
        say(fallback_twiml(text).rstrip())
        if size > 1:
            typer.echo(
                f"It costs {size} texts each time. A shorter name, or wording of your own, makes it one.", err=True
            )
        if not which.settings.phone:
            remedy = f"watchword tenant set phone=+12125550100 --tenant {which.slug}"
            typer.echo(f"It names no number to call. Set one and print it again: {remedy}", err=True)

    run(work)


@carrier.command("add")
def add_carrier(
    account_sid: Annotated[str, typer.Argument(help="The account SID: AC and 32 hex digits.")],
    token_file: Annotated[
        Path | None,
        typer.Option(help="Read the auth token from the first line of this file; '-' is the standard input."),
    ] = None,
    secondary: Annotated[
        bool, typer.Option("--secondary", help="Ask for a second token too, which counts while tokens are rotated.")
    ] = False,
    tenant: TenantOption = "",
) -> None:
    """Add the Twilio account, or give it a new token. The token is asked for; it is never an argument."""
    if not _ACCOUNT.fullmatch(account_sid):
        raise Mistake("That is no account SID. It begins with AC and has 32 hex digits after it (0-9, a-f).")
    token = _token("Auth token", token_file)
    second = _token("Secondary auth token", None) if secondary else ""

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        noted = Tenants(operator.noting(which.id, "operator.carrier_set", {"account": account_sid}), operator.keyring)
        try:
            await noted.put_carrier_account(CarrierAccount(which.id, account_sid, token, second), operator.clock.now())
        except AccountTaken:
            raise Mistake("This account belongs to another tenant.") from None
        say(f"{which.name} uses the account {account_sid}.")
        base = operator.settings.public_url or "https://YOUR-ADDRESS"
        say(f"At Twilio, set the messaging webhook of each number to {base}/webhooks/twilio/sms (HTTP POST).")

    run(work)


async def _number(operator: Operator, tenant: StoredTenant, address: str) -> StoredNumber:
    """The tenant's number with this address. Raises `Mistake`."""
    found = next((n for n in await operator.tenants.numbers(tenant.id) if n.facts.address == address), None)
    if found is None:
        raise Mistake(f"{tenant.slug} has no number {address}. See: watchword number list --tenant {tenant.slug}")
    return found


async def _make_primary(operator: Operator, tenant_id: str, number_id: str) -> None:
    noted = Tenants(operator.noting(tenant_id, "operator.number_primary", {"number": number_id}), operator.keyring)
    await noted.set_primary(tenant_id, number_id)


def _e164(typed: str) -> str:
    try:
        return to_e164(typed, "")
    except BadNumber as why:
        raise Mistake(f"{typed} {why}.") from None


def _token(what: str, file: Path | None) -> str:
    if file is None:
        typed: str = typer.prompt(what, hide_input=True)
    else:
        try:
            typed = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as why:
            raise Mistake(f"The token file cannot be read: {why}") from None
    token = typed.partition("\n")[0].strip()
    if not _TOKEN.fullmatch(token):
        raise Mistake(f"The {what.lower()} has 32 hex digits (0-9, a-f); this is something else. Nothing was changed.")
    return token
