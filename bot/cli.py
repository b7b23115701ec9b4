"""The command line. It reads the environment, says plainly what went wrong, and leaves the work to the rooms.

Whatever an operator can get wrong ends with a sentence and exit code 2, never with a traceback.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from bot.commands import audit, contacts, keys, numbers, retention, tenants, users
from bot.commands import backup as backups
from bot.commands.doctor import doctor
from bot.commands.features import features
from bot.commands.operator import Mistake, say
from bot.commands.restore import restore, restore_fence
from bot.logs import configure
from bot.settings import LOOPBACK, BadSetting, check_for_serving, read_settings
from dialogs.messages import Unavailable
from dialogs.settings import SettingsError
from storage.keys import BadMasterKey, CannotOpen

MISTAKE = 2


class Commands(TyperGroup):
    """Turns what an operator can get wrong into a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """`ctx` is of a class that typer keeps to itself."""
        try:
            return super().invoke(ctx)
        except (Mistake, BadSetting, SettingsError, BadMasterKey) as mistake:
            _stop(str(mistake))
        except CannotOpen:
            _stop(
                "The database was sealed under another master key. Set WATCHWORD_MASTER_KEY (or _FILE) to the key it "
                "was made with; a key that was replaced goes into WATCHWORD_PREVIOUS_MASTER_KEYS."
            )
        except Unavailable as why:
            _stop(f"The database cannot be used: {why}. Is the disk full, or another command still writing? Try again.")


def _stop(message: str) -> NoReturn:
    typer.echo(f"watchword: {message}", err=True)
    raise typer.Exit(MISTAKE)


app = typer.Typer(
    name="watchword",
    cls=Commands,
    help="Watchword lets two people on a phone line prove who they are to each other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(tenants.app, name="tenant")
app.add_typer(users.app, name="user")
app.add_typer(contacts.clients, name="client")
app.add_typer(contacts.app, name="contact")
app.add_typer(numbers.app, name="number")
app.add_typer(numbers.carrier, name="carrier")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(retention.app, name="retention")
contacts.app.command("erase")(retention.erase)

HostOption = Annotated[str, typer.Option(help="The address to listen on.")]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")]


@app.command()
def demo(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8080,
    state: Annotated[
        Path | None, typer.Option(help="Keep the demo in this folder; without it everything is gone at the end.")
    ] = None,
    facts: Annotated[Path | None, typer.Option(help="Write addresses and log-ins to this file, as JSON.")] = None,
) -> None:
    """Everything on this machine: made-up people, every outside system simulated. It listens on loopback only."""
    if host not in LOOPBACK:
        raise Mistake(
            f"The demo listens on this machine only, and {host} is not it: its log-ins are known to everybody. "
            "Leave --host away, or set up the real thing: docs/how-to/run-it-for-real.md"
        )
    from bot.demo import run

    run(host, port, state, facts)


@app.command()
def serve(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8080,
    behind_tls_proxy: Annotated[
        bool, typer.Option("--behind-tls-proxy", help="A proxy of yours speaks TLS and passes requests on.")
    ] = False,
) -> None:
    """Run the service. Settings come from the environment: docs/reference/settings.md"""
    settings = read_settings(os.environ, host=host, port=port, behind_tls_proxy=behind_tls_proxy)
    check_for_serving(settings)
    from bot.app import serve as run

    configure(readable=False)
    run(settings)


app.command()(doctor)


@app.command()
def migrate(
    backup: Annotated[
        Path | None,
        typer.Option(help="A folder: when there is something to change, a backup goes there first."),
    ] = None,
) -> None:
    """Make the database, or bring its tables up to this version. Run it before each start of a new version."""
    settings = read_settings(os.environ)
    from bot.commands.migrate import migrate as run

    run(settings, backup)


app.command()(backups.backup)
app.command()(restore)
app.command("restore-fence")(restore_fence)
app.command()(features)


@app.command()
def version() -> None:
    """Which version this is."""
    from bot.app import installed_version

    say(f"watchword {installed_version()}")


def main() -> None:
    """Run the command that was typed; the exit code is 0, 1 for what a command found, 2 for a mistake."""
    configure(readable=True, level=logging.WARNING)
    app(prog_name="watchword")
