"""`watchword retention run` and `watchword contact erase`: words whose time is over, people to be forgotten."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.commands.operator import Mistake, Operator, run, say, say_rows
from bot.commands.tenants import TenantOption
from storage.counting import counted
from storage.directory import StoredContact
from storage.erasure import erase as erase_person
from storage.phones import region_of
from storage.retention import sweep
from storage.tenants import StoredTenant

app = typer.Typer(help="Words whose time is over.", no_args_is_help=True)


@app.callback()
def about() -> None:
    """Words whose time is over."""


@app.command("run")
def run_now(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; nothing is taken away.")] = False,
) -> None:
    """Take away what the tenants' settings no longer keep. A running server does this once a day by itself."""

    async def work(operator: Operator) -> None:
        swept = await sweep(operator.database, operator.clock.now(), dry_run=dry_run)
        rows = [
            (tenant, what, str(count)) for tenant, counts in swept.tenants.items() for what, count in counts.items()
        ]
        rows += [("(all)", what, str(count)) for what, count in swept.others.items()]
        total = sum(int(row[2]) for row in rows)
        if not total:
            say("Nothing is old enough to go.")
            return
        say_rows(("TENANT", "WHAT", "ROWS"), [row for row in rows if row[2] != "0"])
        said = counted(total, "row")
        say(f"{said} would go. Nothing was changed." if dry_run else f"{said} went.")

    run(work)


def erase(
    who: Annotated[str, typer.Argument(help="Their id, phone number or e-mail address.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    tenant: TenantOption = "",
) -> None:
    """Forget one person for good: the key is destroyed, and name, addresses and every word go.

    The log stays whole, without anything in it that names them.
    """

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        contact = await _find(operator, which, who)
        say(f"{contact.name} of {contact.client_name}, {', '.join(a.value for a in contact.addresses) or 'no address'}")
        say("What goes, for good: the name, the addresses, every text from and to them, alerts about them, announced")
        say("calls, the story of their checks, and the key that opens what is sealed in the log.")
        say("What stays: the log with ids and outcomes; STOP, if they sent it; tickets and notes in the ticket system,")
        say("also in the built-in one; what the carrier keeps; and backups, until you take them away.")
        if not yes and not typer.confirm("Erase?"):
            say("Nothing was changed.")
            return
        done = await erase_person(
            operator.database, operator.keyring, which.id, contact.id, operator.clock.now(), operator.new_id
        )
        if done is None:
            raise Mistake("Somebody else erased them a moment ago.")
        say(
            f"Erased {contact.id}: {counted(done.addresses, 'address', 'addresses')}, the words of "
            f"{counted(done.texts, 'text')}, {counted(done.checks, 'check')} ({done.ended} of them open), "
            f"{counted(done.alerts, 'alert')}, {counted(done.calls, 'announced call')}."
        )

    run(work)


async def _find(operator: Operator, which: StoredTenant, who: str) -> StoredContact:
    """The one contact that is meant. Raises `Mistake`."""
    typed = who.strip()
    found = await operator.directory.contact(which.id, typed)
    if found is not None:
        return found
    if "@" in typed:
        page = await operator.directory.find(which.id, email=typed)
    else:
        page = await operator.directory.find(which.id, phone=typed, region=region_of(which.settings.phone))
    if not page.items:
        raise Mistake(f"Nobody in {which.slug} has the id or the address {who!r}.")
    if len(page.items) > 1:
        people = "; ".join(f"{contact.name} of {contact.client_name}: {contact.id}" for contact in page.items)
        raise Mistake(f"Several people have {who!r}. Say which one by the id. {people}")
    return page.items[0]
