"""`watchword audit`: is the log whole, get it out, and prove one verification to somebody who has no access."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated, TextIO

import typer

from bot.commands.operator import Mistake, Operator, run, say
from bot.commands.progress import Shown
from bot.commands.tenants import TenantOption
from storage.counting import counted
from storage.database import Unscoped
from storage.sealed import notes
from storage.sealed.checkpoint_file import CheckpointFile
from storage.sealed.export import Wanted, count, export
from storage.sealed.notes import Signer
from storage.sealed.receipts import NoReceipt, NotSealedYet, make_receipt
from storage.sealed.report import SHOWN, Report
from storage.sealed.sealer import Sealer
from storage.sealed.signing import existing_signer, signer
from storage.sealed.verify import verify

app = typer.Typer(help="The audit log: check it, export it, prove a verification.", no_args_is_help=True)

#: The exit code when the log is not what it was.
NOT_WHOLE = 1


class Form(StrEnum):
    """Of an export."""

    JSONL = "jsonl"
    CSV = "csv"


@app.command("verify")
def verify_(
    checkpoints: Annotated[
        Path | None, typer.Option(help="A saved copy of the checkpoint file; without it the one in the settings.")
    ] = None,
) -> None:
    """Hold every line against the sealed tree and the signed checkpoints. The server may run meanwhile.

    The exit code is 0 when the log is whole, 1 when it is not.
    """
    if checkpoints is not None and not checkpoints.is_file():
        raise Mistake(f"There is no file {checkpoints}.")

    async def work(operator: Operator) -> Report:
        path = checkpoints or operator.settings.checkpoints_file
        file = None if path is None else CheckpointFile(path)
        shown = Shown("Checking", "lines")
        try:
            return await verify(operator.database, operator.keyring, file, shown, is_copy=checkpoints is not None)
        except OSError as why:
            raise Mistake(f"The checkpoint file {path} cannot be read: {why.strerror}.") from None
        finally:
            shown.done()

    report = run(work)
    _tell(report)
    if not report.whole:
        raise typer.Exit(NOT_WHOLE)


@app.command("export")
def export_(
    tenant: TenantOption = "",
    every: Annotated[bool, typer.Option("--all", help="Of every tenant.")] = False,
    since: Annotated[str, typer.Option("--from", help="First day or moment, in UTC: 2026-03-01")] = "",
    until: Annotated[str, typer.Option("--until", help="The day or moment before which it ends.")] = "",
    opened: Annotated[bool, typer.Option("--open", help="Also what people wrote, where its key still exists.")] = False,
    form: Annotated[Form, typer.Option("--format", help="JSON, a line for each, or CSV.")] = Form.JSONL,
    output: Annotated[Path | None, typer.Option(help="A file that is not there yet; without it the terminal.")] = None,
) -> None:
    """Write the log out. The export itself is noted in the log of each tenant it is about."""
    first, end = _moment(since), _moment(until)

    async def work(operator: Operator) -> int:
        about = await operator.tenants.all() if every else [await operator.tenant(tenant)]
        wanted = Wanted("" if every else about[0].id, first, end, opened)
        lines = await count(operator.database, wanted)
        facts: dict[str, str | int] = {"format": form.value, "opened": int(opened), "lines": lines}
        with _new_file(output) as out:
            for each in about:
                noted = operator.noting(each.id, "operator.log_exported", facts)
                await noted.write(each.id, lambda conn: None)
            by = await operator.database.read(Unscoped.OPERATOR, lambda conn: existing_signer(conn, operator.keyring))
            async for piece in export(operator.database, operator.keyring, by, wanted, form.value):
                out.write(piece)
        return lines

    lines = run(work)
    if output is not None:
        say(f"Wrote {counted(lines, 'line')} to {output}, and what came in meanwhile. Only you may read it.")


@app.command()
def receipt(
    check_id: Annotated[str, typer.Argument(help="The verification's id.")],
    output: Annotated[Path | None, typer.Option(help="A file that is not there yet; without it the terminal.")] = None,
) -> None:
    """Prove one verification to somebody without access: who, when, ticket, outcome. Check it with the program that
    'watchword audit receipt-checker' prints."""

    async def work(operator: Operator) -> None:
        by = await _signer(operator)

        async def make() -> str:
            return await operator.database.read(Unscoped.OPERATOR, lambda conn: make_receipt(conn, by, check_id))

        try:
            try:
                made = await make()
            except NotSealedYet:
                sealer = _sealer(operator)
                await sealer.seal(now=True)
                if sealer.trouble:
                    raise NoReceipt(sealer.trouble) from None
                made = await make()
        except NotSealedYet:
            raise Mistake("The newest lines of it have no place in the log yet. Try again in a moment.") from None
        except NoReceipt as why:
            raise Mistake(str(why)) from None
        with _new_file(output) as out:
            out.write(made)
        if output is not None:
            say(f"Wrote {output}. Whoever gets it needs the key from you, in another way: watchword audit public-key")

    run(work)


@app.command("public-key")
def public_key() -> None:
    """The key that checkpoints and receipts are checked with. Publish it, or its fingerprint, where nobody here can
    change it."""

    async def work(operator: Operator) -> None:
        by = await _signer(operator)
        say(notes.verifier_key(by.origin, by.public))
        say(f"Fingerprint: {notes.fingerprint(by.public)}")

    run(work)


@app.command("receipt-checker")
def receipt_checker() -> None:
    """Print the program that checks receipts: one file that needs nothing but Python, for whoever gets one."""
    sys.stdout.write(files("storage.sealed").joinpath("check_receipt.py").read_text("utf-8"))


async def _signer(operator: Operator) -> Signer:
    """Made now if this installation has never signed a checkpoint."""
    new_id = operator.new_id()
    return await operator.database.write(Unscoped.OPERATOR, lambda conn: signer(conn, operator.keyring, new_id))


def _sealer(operator: Operator) -> Sealer:
    path = operator.settings.checkpoints_file
    file = None if path is None else CheckpointFile(path)
    return Sealer(operator.database, operator.keyring, operator.clock, operator.random, file=file)


def _tell(report: Report) -> None:
    said = counted(report.lines, "line")
    say(f"{said}, {report.tree} of them in the sealed tree, {report.covered} under a signed checkpoint.")
    say(f"{counted(report.heads, 'checkpoint')} in the database, {report.outside} in the file outside.")
    if report.lines > report.covered or report.unplaced:
        late = f" ({report.unplaced} without a place so far)" if report.unplaced else ""
        waiting = counted(report.lines - report.covered, "line")
        say(f"Waiting for the next checkpoint: {waiting}{late}. Until then nothing protects them.")
    for note in report.notes:
        say(f"Note: {note}")
    if report.whole:
        say("The log is whole.")
        return
    say(f"THE LOG IS NOT WHOLE. First: {report.first}")
    for finding in report.findings:
        if finding is not report.first:
            say(f"  {finding}")
    if report.bad_lines > SHOWN:
        say(f"  Missing, or not what was sealed, in all: {counted(report.bad_lines, 'line')}.")
    say("Keep the database, the checkpoint file and their backups as they are: docs/explanation/the-sealed-log.md")


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise Mistake(f"{text!r} is no date. Write it as 2026-03-01 or 2026-03-01T09:30.") from None
    return given if given.tzinfo is not None else given.replace(tzinfo=UTC)


@contextlib.contextmanager
def _new_file(path: Path | None) -> Iterator[TextIO]:
    """Where to write: a new file that only its owner may read, or the terminal."""
    if path is None:
        yield sys.stdout
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Mistake(f"{path} is there already. Choose another name.") from None
    except OSError as why:
        raise Mistake(f"{path} cannot be written: {why.strerror}.") from None
    with open(descriptor, "w", encoding="utf-8", newline="") as file:
        yield file
