"""`watchword keys`: a new master key while serving, the old one on paper, and whether a typed one is right."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.key_sheet import Sheet, page
from bot.commands.operator import Mistake, Operator, opened, run, say
from bot.commands.progress import Shown
from bot.settings import read_settings
from identity.totp import qr_svg
from storage.counting import counted
from storage.database import Unscoped
from storage.escrow import LINES, BadLine, read_line, to_lines
from storage.health import read_keys
from storage.keys import BadMasterKey, key_id, read_master_key
from storage.rotation import rotate as rotate_keys
from storage.sealed.signing import signer

app = typer.Typer(help="The master key: rotate it, print it, check it.", no_args_is_help=True)

WRONG = 1
_VARIABLES = ("WATCHWORD_MASTER_KEY", "WATCHWORD_MASTER_KEY_FILE", "WATCHWORD_PREVIOUS_MASTER_KEYS")


@app.command()
def rotate() -> None:
    """Put every tenant's key under a new master key, while servers run. It may be stopped and run again.

    Before: set WATCHWORD_MASTER_KEY to the new key and WATCHWORD_PREVIOUS_MASTER_KEYS to the old one, for this command
    and for every server, and restart the servers one after the other.
    """

    async def work(operator: Operator) -> None:
        shown = Shown("Rotating", "tenants")
        try:
            done = await rotate_keys(operator.database, operator.keyring, shown)
        finally:
            shown.done()
        new = key_id(operator.settings.master_key)
        if done.tenants:
            await operator.note_for_all("installation.key_rotated", {"key": new})
        if done.tenants or done.log:
            moved = [counted(done.tenants, "tenant")] * bool(done.tenants) + ["the log's signing key"] * done.log
            say(f"Now under the master key {new}: {' and '.join(moved)}.")
        if done.kept:
            say(f"Already under the master key {new}: {counted(done.kept, 'tenant')}.")
        if operator.settings.previous_master_keys:
            say("Next: remove WATCHWORD_PREVIOUS_MASTER_KEYS, restart the servers, back up, and print a new sheet:")
            say("  watchword keys escrow --output FILE.html")
            say("Keep the old key as long as you keep backups from before: they open with it only.")
        elif not done.tenants:
            say("No other key is set, so nothing was to do. How to change keys: docs/how-to/back-up-and-restore.md")

    run(work)


@app.command()
def escrow(
    output: Annotated[Path, typer.Option(help="An HTML file that is not there yet. Print it, then delete it.")],
    qr: Annotated[bool, typer.Option(help="With a QR code of the same lines.")] = True,
) -> None:
    """Write the master key as a page to print and lock away, in a form that finds typing errors."""

    async def work(operator: Operator) -> None:
        master, now = operator.settings.master_key, operator.clock.now()
        # Named in the log's checkpoints; an installation that has signed none gets its name now.
        log = await operator.database.write(
            Unscoped.OPERATOR, lambda conn: signer(conn, operator.keyring, operator.new_id())
        )
        lines = to_lines(master)
        code = qr_svg("\n".join(lines)) if qr else ""
        await operator.note_for_all("installation.key_printed", {"key": key_id(master)})
        _write_new(output, page(Sheet(lines, key_id(master), log.origin, now, code)))
        say(f"Wrote {output}: only you may read it. Print it, lock the paper away, and delete the file.")
        say("Then try the paper: watchword keys check")

    run(work)


@app.command()
def check(
    visible: Annotated[bool, typer.Option("--show", help="Show what is typed.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Write the key into a new file, for WATCHWORD_MASTER_KEY_FILE.")
    ] = None,
) -> None:
    """Type a key from a sheet and learn whether it opens this database. The key in the settings is not used.

    The exit code is 1 when the key is a key but not this database's.
    """
    typed = _ask(visible)
    text = base64.b64encode(typed).decode()
    say(f"The key is typed right. Its id is {key_id(typed)}.")
    if output is not None:
        _write_new(output, text + "\n")
        say(f"Wrote {output}. Set WATCHWORD_MASTER_KEY_FILE={output}")
        return
    environment = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
    settings = read_settings({**environment, "WATCHWORD_MASTER_KEY": text})

    async def look() -> tuple[tuple[str, ...], int]:
        async with opened(settings) as operator:
            locked, _ = await operator.database.read(Unscoped.OPERATOR, lambda c: read_keys(c, operator.keyring))
            return locked, len(await operator.tenants.all())

    locked, tenants = asyncio.run(look())
    if locked:
        typer.echo(f"watchword: it does not open {', '.join(locked)} in {settings.database_name}.", err=True)
        raise typer.Exit(WRONG)
    say(f"It opens {settings.database_name} ({counted(tenants, 'tenant')}).")


def _ask(visible: bool) -> bytes:
    """Line by line, each until it is right; the first may be the whole key in base64 or hex. Raises `Mistake`."""
    parts: list[bytes] = []
    tries = 0
    while len(parts) < LINES:
        number = len(parts) + 1
        typed = typer.prompt(f"Line {number} of {LINES}", hide_input=not visible)
        if number == 1 and len(typed.strip()) > 40:
            try:
                return read_master_key(typed)
            except BadMasterKey:
                raise Mistake(
                    "That is neither a line of the sheet (16 characters) nor a whole key. Begin again with line 1."
                ) from None
        try:
            parts.append(read_line(number, typed))
        except BadLine as why:
            tries += 1
            if tries > LINES:
                raise Mistake(str(why)) from None
            typer.echo(f"watchword: {why}", err=True)
    return b"".join(parts)


def _write_new(path: Path, text: str) -> None:
    """A file that only its owner may read. Raises `Mistake` for one that is there, or cannot be written."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise Mistake(f"{path} is there already and is not written over. Choose another name.") from None
    except OSError as why:
        raise Mistake(f"{path} cannot be written: {why.strerror}. Does the folder exist?") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
