"""`watchword tenant`: the managed service providers on this installation, and what each has set."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from bot.commands.operator import Mistake, Operator, run, say, say_rows
from dialogs.settings import TenantSettings
from storage.tenant_settings import SETTINGS, change, check_name
from storage.tenants import SlugTaken, Tenants

app = typer.Typer(help="Tenants and their settings.", no_args_is_help=True)

TenantOption = Annotated[str, typer.Option("--tenant", help="Short name of the tenant; needed when there are several.")]


@app.command()
def add(
    slug: Annotated[str, typer.Argument(help="Short name for commands: small letters, digits, hyphens.")],
    name: Annotated[str, typer.Option(help="The name that texts and pages show.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as with 'tenant set': --set timezone=Europe/Berlin")
    ] = None,
) -> None:
    """Add a tenant."""
    chosen = change(TenantSettings(), _pairs(settings or []))
    shown = check_name(name)

    async def work(operator: Operator) -> None:
        tenant_id = operator.new_id()
        noted = Tenants(operator.noting(tenant_id, "operator.tenant_added", {"slug": slug}), operator.keyring)
        try:
            await noted.create(tenant_id, slug, shown, chosen, operator.clock.now())
        except SlugTaken:
            raise Mistake(f"There is a tenant {slug!r} already. Choose another short name.") from None
        except ValueError as wrong:
            raise Mistake(f"{wrong}.") from None
        say(f"Tenant {slug} is there. Next: watchword user add LOGIN --name NAME --role admin --tenant {slug}")

    run(work)


@app.command("list")
def list_() -> None:
    """All tenants."""

    async def work(operator: Operator) -> None:
        rows = [
            (tenant.slug, tenant.name, tenant.settings.phone or "not set", tenant.settings.timezone)
            for tenant in await operator.tenants.all()
        ]
        say_rows(("SLUG", "NAME", "PUBLISHED PHONE", "TIME ZONE"), rows)

    run(work)


@app.command("set")
def set_(
    pairs: Annotated[
        list[str] | None,
        typer.Argument(help="name=value, several at once; none shows what is set.", metavar="NAME=VALUE"),
    ] = None,
    tenant: TenantOption = "",
) -> None:
    """Change settings of a tenant, or show them. The names are in docs/reference/settings.md."""
    wanted = _pairs(pairs or [])
    name = check_name(wanted.pop("name")) if "name" in wanted else ""

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        change(which.settings, wanted)  # before anything is written, so that one command changes all or nothing
        if name:
            renamed = operator.noting(which.id, "operator.tenant_renamed")
            await Tenants(renamed, operator.keyring).rename(which.id, name)
            which = replace(which, name=name)
        if wanted:
            names = {"settings": ",".join(sorted(wanted))}
            noted = Tenants(operator.noting(which.id, "operator.settings_changed", names), operator.keyring)
            which = await noted.change_settings(which.id, lambda now: change(now, wanted))
        say(f"name={which.name}")
        for setting in SETTINGS:
            say(f"{setting.name}={setting.show(setting.value_in(which.settings))}")

    run(work)


def _pairs(typed: list[str]) -> dict[str, str]:
    pairs = {}
    for pair in typed:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Mistake(f"{pair!r} is no setting. Write name=value, such as mode=transfer.")
        pairs[name.strip()] = value
    return pairs
