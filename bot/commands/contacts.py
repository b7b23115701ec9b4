"""`watchword client` and `watchword contact`: whom the tenant serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.commands.operator import Mistake, Operator, run, say, say_rows
from bot.commands.tenants import TenantOption
from storage.contact_import import ContactImport, ImportPlan
from storage.contacts_csv import ParsedImport, Problem, parse_contacts_csv
from storage.counting import counted
from storage.directory import Directory, NameTaken
from storage.phones import region_of
from storage.tenants import StoredTenant

clients = typer.Typer(help="Companies the tenant serves.", no_args_is_help=True)
app = typer.Typer(help="People at those companies.", no_args_is_help=True)

PROBLEMS = 1
LARGEST_FILE = 16 * 1024 * 1024
RegionOption = Annotated[
    str,
    typer.Option(help="Country of numbers without a country code, such as US; the published phone's where not given."),
]


@clients.command("add")
def add_client(name: Annotated[str, typer.Argument(help="The company's name.")], tenant: TenantOption = "") -> None:
    """Add a company."""
    tidy = " ".join(name.split())
    if not 1 <= len(tidy) <= 120:
        raise Mistake("The name must have 1 to 120 characters.")

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        client_id = operator.new_id()
        noted = Directory(operator.noting(which.id, "operator.client_added", {"client": client_id}), operator.keyring)
        try:
            await noted.add_client(which.id, client_id, tidy, operator.clock.now())
        except NameTaken:
            raise Mistake(f"{which.slug} has a client {tidy!r} already.") from None
        say(f"{tidy} is there.")

    run(work)


@clients.command("list")
def list_clients(tenant: TenantOption = "") -> None:
    """All companies of the tenant."""

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        say_rows(("NAME", "ID"), [(client.name, client.id) for client in await operator.directory.clients(which.id)])

    run(work)


@app.command("add")
def add_contact(
    name: Annotated[str, typer.Argument(help="Full name.")],
    client: Annotated[str, typer.Option(help="The company's name; it is added when it is new.")],
    mobile: Annotated[str, typer.Option(help="Where texts go, with country code: +12125550100.")] = "",
    phone: Annotated[str, typer.Option(help="A landline.")] = "",
    email: Annotated[str, typer.Option(help="E-mail address.")] = "",
    region: RegionOption = "",
    tenant: TenantOption = "",
) -> None:
    """Add one person. Somebody who is there already is left as they are."""

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        parsed = _one(name, client, mobile, phone, email, _region(region, which))
        plan = await _importer(operator, which).plan(which.id, parsed)
        _show(plan.problems, lines=False)
        if _errors(plan):
            raise typer.Exit(PROBLEMS)
        if not plan.new_contacts:
            raise Mistake(f"{name} of {client} is there already. Change people on their page in the console.")
        await _apply(operator, which, parsed, plan)
        say(f"{plan.new_contacts[0].name} of {plan.new_contacts[0].client} is there.")

    run(work)


@app.command("list")
def list_contacts(
    q: Annotated[str, typer.Argument(help="Part of a name, a company or an e-mail address.")] = "",
    tenant: TenantOption = "",
) -> None:
    """The people of the tenant."""

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        rows, cursor = [], ""
        while True:
            page = await operator.directory.find(which.id, q=q, cursor=cursor, limit=200)
            rows += [
                (contact.name, contact.client_name, contact.default("mobile"), contact.default("email"))
                for contact in page.items
            ]
            if page.next is None:
                break
            cursor = page.next
        say_rows(("NAME", "CLIENT", "MOBILE", "E-MAIL"), rows)

    run(work)


@app.command("import")
def import_contacts(
    file: Annotated[
        Path, typer.Argument(help="A CSV file in UTF-8 with the columns name, client, mobile, phone, email.")
    ],
    apply: Annotated[bool, typer.Option("--apply", help="Add them; without it nothing is changed.")] = False,
    region: RegionOption = "",
    tenant: TenantOption = "",
) -> None:
    """Add people from a spreadsheet. It adds and never changes anybody; the same file twice adds nothing.

    Every problem is printed with its line. The exit code is 1 when a line has to stay out.
    """
    content = _read(file)

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        parsed = parse_contacts_csv(content, _region(region, which))
        plan = await _importer(operator, which).plan(which.id, parsed)
        _show(plan.problems, lines=True)
        if apply and plan.new_contacts:
            plan = await _apply(operator, which, parsed, plan)
        added = f"{counted(len(plan.new_contacts), 'contact')}, {counted(len(plan.new_clients), 'client')}"
        say(f"{'Added' if apply else 'Would add'}: {added}. There already: {plan.unchanged}.")
        errors = _errors(plan)
        if errors:
            said = counted(errors, "problem")
            say(f"{said}: those lines stay out. Correct them and import the file again; nobody is added twice.")
            raise typer.Exit(PROBLEMS)
        if not apply and plan.new_contacts:
            say("Nothing has been changed. To add them, run the same command with --apply.")

    run(work)


def _importer(operator: Operator, which: StoredTenant, plan: ImportPlan | None = None) -> ContactImport:
    database = operator.database
    if plan is not None:
        counts = {"contacts": len(plan.new_contacts), "clients": len(plan.new_clients)}
        database = operator.noting(which.id, "operator.contacts_added", counts)
    return ContactImport(database, operator.keyring, operator.random)


async def _apply(operator: Operator, which: StoredTenant, parsed: ParsedImport, plan: ImportPlan) -> ImportPlan:
    return await _importer(operator, which, plan).apply(which.id, parsed, operator.clock.now())


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise Mistake(f"{file} is larger than {LARGEST_FILE // 2**20} MiB. Split it.")
        return file.read_bytes()
    except OSError as why:
        raise Mistake(f"{file} cannot be read: {why.strerror}.") from None


def _region(given: str, which: StoredTenant) -> str:
    return given.strip().upper() or region_of(which.settings.phone)


def _one(name: str, client: str, mobile: str, phone: str, email: str, region: str) -> ParsedImport:
    """One person through the same checks as a file, so that both ways let the same things in."""
    fields = {"name": name, "client": client, "mobile": mobile, "phone": phone, "email": email}
    quoted = ('"' + value.replace('"', '""') + '"' for value in fields.values())
    return parse_contacts_csv(",".join(fields) + "\n" + ",".join(quoted) + "\n", region)


def _errors(plan: ImportPlan) -> int:
    return sum(problem.severity == "error" for problem in plan.problems)


def _show(problems: tuple[Problem, ...], *, lines: bool) -> None:
    for problem in problems:
        where = f"line {problem.line}, " if lines else ""
        about = f"{problem.column}: " if problem.column else ""
        typer.echo(f"{where}{problem.severity}: {about}{problem.what} {problem.remedy}", err=True)
