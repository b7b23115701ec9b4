"""`watchword user`: technicians and admins. The first admin of a tenant can only come from here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from bot.commands.operator import Mistake, Operator, run, say, say_rows
from bot.commands.tenants import TenantOption
from identity.draws import draw
from identity.enrolment import Enrolled, enrol
from identity.links import mint
from identity.passwords import Passwords, WeakPassword
from identity.recovery import ALPHABET
from identity.totp import qr_terminal
from storage.account_links import NewLink
from storage.people import Invited, LastAdmin, LoginTaken, NewTechnician, People, StoredTechnician
from storage.phones import BadNumber, to_e164
from storage.tenants import StoredTenant
from web.people import BadField, read_email

app = typer.Typer(help="People who sign in.", no_args_is_help=True)

#: What the list says of somebody who is neither on duty nor off it.
_STATES = {"disabled": "disabled", "invited": "invited", "no_second_factor": "no second factor", "active": ""}

MobileOption = Annotated[str, typer.Option(help="Where alerts go, with country code: +12125550100.")]
EmailOption = Annotated[str, typer.Option(help="Where mail goes; without it to the login, if that is an address.")]
MfaOption = Annotated[
    bool,
    typer.Option(
        "--use-mfa/--no-use-mfa",
        help="The code of the app at every sign-in. Without: not again for 30 days in a browser where it was given.",
    ),
]
AccessOption = Annotated[
    bool,
    typer.Option("--ui-access/--no-ui-access", help="The console. Without: inside the ticket system only."),
]
LoginArgument = Annotated[str, typer.Argument(help="What the person types to sign in, usually an e-mail address.")]


@app.command()
def add(
    login: LoginArgument,
    name: Annotated[str, typer.Option(help="Full name; the first part is what texts call the technician.")],
    role: Annotated[
        Literal["technician", "admin"], typer.Option(help="Admins change settings and people.")
    ] = "technician",
    supervisor: Annotated[bool, typer.Option("--supervisor", help="May override.")] = False,
    mobile: MobileOption = "",
    email: EmailOption = "",
    use_mfa: MfaOption = True,
    ui_access: AccessOption = True,
    password_file: Annotated[
        Path | None, typer.Option(help="Read the password from the first line of this file; '-' is the standard input.")
    ] = None,
    tenant: TenantOption = "",
) -> None:
    """Add somebody. Password, second factor and recovery codes are shown once, here."""
    who, number, address = _name(login, name, "add"), _mobile(mobile), _email(email)

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        people = operator.people
        if any(person.login == login.strip().casefold() for person in await people.technicians(which.id)):
            raise Mistake(f"There is a login {login} already.")
        password, made_up = _password(operator, password_file)
        technician_id = operator.new_id()
        enrolled = await _enrol(operator, which, technician_id, login, who, password)
        new = NewTechnician(
            id=technician_id,
            login=login,
            name=who,
            role=role,
            password_hash=enrolled.password_hash,
            totp_secret=enrolled.totp_secret,
            recovery_digests=enrolled.recovery_digests,
            supervisor=supervisor,
            mobile=number,
            email=address,
            use_mfa=use_mfa,
            ui_access=ui_access,
        )
        about: dict[str, str | int] = {"technician": technician_id, "role": role, "supervisor": int(supervisor)}
        noted = People(operator.noting(which.id, "operator.user_added", about), operator.keyring)
        try:
            await noted.add(which.id, new, operator.clock.now())
        except LoginTaken:
            raise Mistake(f"There is a login {login} already, in this tenant or another. Choose another one.") from None
        say(f"{who} can sign in to {which.name} as {login.strip().casefold()}.")
        if made_up:
            say(f"Password:   {password}")
        _show_second_factor(enrolled)
        if role == "admin":
            base = operator.settings.public_url or "your public address"
            say()
            say(f"Next: start the server (watchword serve), sign in at {base}, and do what the first page says.")

    run(work)


@app.command()
def invite(
    login: LoginArgument,
    name: Annotated[str, typer.Option(help="Full name; the first part is what texts call the technician.")],
    role: Annotated[
        Literal["technician", "admin", ""],
        typer.Option(help="Admins change settings and people. Empty: the tenant's usual role."),
    ] = "",
    supervisor: Annotated[bool, typer.Option("--supervisor", help="May override.")] = False,
    mobile: MobileOption = "",
    email: EmailOption = "",
    use_mfa: MfaOption = True,
    ui_access: AccessOption = True,
    tenant: TenantOption = "",
) -> None:
    """Make an account whose person chooses password and app themselves, by a link that works once within 7 days.

    The link is shown once, here; nothing is sent. Run again for somebody who has not accepted: a new link, and the
    older one stops working.
    """
    who, number, address = _name(login, name, "invite"), _mobile(mobile), _email(email)

    async def work(operator: Operator) -> None:
        which, now = await operator.tenant(tenant), operator.clock.now()
        minted = mint("invitation", operator.random, now)
        link = NewLink(operator.new_id(), minted.digest, "invitation", minted.expires_at)
        everybody = await operator.people.technicians(which.id)
        waiting = next((person for person in everybody if person.login == login.strip().casefold()), None)
        if waiting is not None:
            noted = operator.noting(which.id, "operator.user_invited", {"technician": waiting.id})
            if not await People(noted, operator.keyring).invite_again(which.id, waiting.id, link, now):
                raise Mistake(f"There is a login {login} already, and it is no invitation.")
        else:
            new = Invited(
                operator.new_id(),
                login,
                who,
                role or which.settings.invited_role,
                supervisor,
                number,
                address,
                use_mfa,
                ui_access,
            )
            about: dict[str, str | int] = {"technician": new.id, "role": new.role, "supervisor": int(supervisor)}
            noted = operator.noting(which.id, "operator.user_invited", about)
            try:
                await People(noted, operator.keyring).invite(which.id, new, link, now)
            except LoginTaken:
                raise Mistake(f"There is a login {login} in another tenant already. Choose another one.") from None
        say(f"{who} is invited to {which.name}. Give them this link, and nobody else; it works once, for 7 days:")
        say(f"{operator.settings.public_url}{minted.path}")

    run(work)


@app.command("list")
def list_(tenant: TenantOption = "") -> None:
    """Everybody who has an account."""

    async def work(operator: Operator) -> None:
        which = await operator.tenant(tenant)
        rows = [
            (
                person.login,
                person.name,
                "supervisor " + person.role if person.supervisor else person.role,
                _STATES[person.state] or ("on duty" if person.on_duty else "off duty"),
                "every time" if person.use_mfa else "new browser",
                "console" if person.ui_access else "pod",
            )
            for person in await operator.people.technicians(which.id)
        ]
        say_rows(("LOGIN", "NAME", "ROLE", "STATE", "CODE ASKED", "WORKS IN"), rows)

    run(work)


@app.command()
def disable(login: LoginArgument, tenant: TenantOption = "") -> None:
    """Switch an account off and end its log-ins at once."""

    async def work(operator: Operator) -> None:
        which, person = await _find(operator, tenant, login)
        noted = People(operator.noting(which.id, "operator.user_disabled", {"technician": person.id}), operator.keyring)
        try:
            done = await noted.disable(which.id, person.id, operator.clock.now())
        except LastAdmin:
            raise Mistake(f"{person.login} is the last admin of {which.slug}. Add another one first.") from None
        if not done:
            raise Mistake(f"{person.login} was disabled already.")
        say(f"{person.login} is disabled; all log-ins have ended.")

    run(work)


@app.command()
def enable(login: LoginArgument, tenant: TenantOption = "") -> None:
    """Switch an account on again."""

    async def work(operator: Operator) -> None:
        which, person = await _find(operator, tenant, login)
        if person.disabled_at is None:
            raise Mistake(f"{person.login} is not disabled.")
        noted = People(operator.noting(which.id, "operator.user_enabled", {"technician": person.id}), operator.keyring)
        await noted.enable(which.id, person.id)
        say(f"{person.login} can sign in again.")

    run(work)


@app.command("reset-totp")
def reset_totp(login: LoginArgument, tenant: TenantOption = "") -> None:
    """A new second factor and new recovery codes, for a lost phone. Be sure who is asking; all log-ins end."""

    async def work(operator: Operator) -> None:
        which, person = await _find(operator, tenant, login)
        enrolled = await _enrol(operator, which, person.id, person.login, person.name, _made_up(operator))
        noted = People(
            operator.noting(which.id, "operator.second_factor_reset", {"technician": person.id}), operator.keyring
        )
        await noted.reset_second_factor(
            which.id, person.id, enrolled.totp_secret, enrolled.recovery_digests, operator.clock.now()
        )
        say(f"{person.login} has a new second factor; the password is as before and all log-ins have ended.")
        _show_second_factor(enrolled)

    run(work)


async def _find(operator: Operator, slug: str, login: str) -> tuple[StoredTenant, StoredTechnician]:
    which = await operator.tenant(slug)
    everybody = await operator.people.technicians(which.id)
    found = next((person for person in everybody if person.login == login.strip().casefold()), None)
    if found is None:
        raise Mistake(f"Nobody in {which.slug} has the login {login}. See: watchword user list --tenant {which.slug}")
    return which, found


async def _enrol(
    operator: Operator, which: StoredTenant, technician_id: str, login: str, name: str, password: str
) -> Enrolled:
    try:
        return await enrol(
            Passwords(),
            operator.random,
            technician_id=technician_id,
            login=login.strip(),
            name=name,
            password=password,
            issuer=which.name,
        )
    except WeakPassword as weak:
        raise Mistake(str(weak)) from None


def _password(operator: Operator, file: Path | None) -> tuple[str, bool]:
    """The password, and whether we made it up. It is never an argument: those stand in the list of processes."""
    if file is not None:
        try:
            text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as why:
            raise Mistake(f"The password file cannot be read: {why}") from None
        return text.partition("\n")[0].rstrip("\r"), False
    typed: str = typer.prompt("Password (Enter to have one made up)", default="", hide_input=True, show_default=False)
    if not typed:
        return _made_up(operator), True
    if typer.prompt("Once more", default="", hide_input=True, show_default=False) != typed:
        raise Mistake("The two passwords differ. Nothing was added.")
    return typed, False


def _made_up(operator: Operator) -> str:
    """100 bits in five groups, in an alphabet without look-alikes."""
    letters = "".join(ALPHABET[byte & 31] for byte in draw(operator.random, 20))
    return "-".join(letters[at : at + 4] for at in range(0, 20, 4))


def _name(login: str, name: str, command: str) -> str:
    who = " ".join(name.split())
    if not who or not login.strip() or len(login) > 254 or len(who) > 120 or any(c.isspace() for c in login.strip()):
        raise Mistake(
            f"Give a login without spaces and a name: watchword user {command} dana@example.com --name 'Dana Reyes'"
        )
    return who


def _email(typed: str) -> str:
    try:
        return read_email(typed)
    except BadField as why:
        raise Mistake(f"--email {typed}: {why}") from None


def _mobile(typed: str) -> str:
    try:
        return to_e164(typed, "") if typed else ""
    except BadNumber as why:
        raise Mistake(f"--mobile {typed} {why}.") from None


def _show_second_factor(enrolled: Enrolled) -> None:
    """Once, and to the terminal only; a picture is of no use in a file."""
    say()
    say("Second factor: scan this with an authenticator app, or type the secret. It is not shown again.")
    if sys.stdout.isatty():
        say(qr_terminal(enrolled.totp_uri))
    say(f"Secret:     {enrolled.totp_secret}")
    say(f"Address:    {enrolled.totp_uri}")
    say()
    say("Recovery codes, each good for one sign-in when the phone is lost. Keep them away from the password:")
    for code in enrolled.recovery_codes:
        say(f"  {code}")
