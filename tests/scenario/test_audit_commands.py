"""The operator looks after the log: is it whole, get it out, prove one verification to somebody else."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from bot.commands.operator import Operator, opened
from bot.settings import read_settings
from dialogs.turns import AuditEvent
from storage.database import Unscoped
from storage.noting import append_audit
from tests.fixtures.world import row_id

pytestmark = pytest.mark.feature("SEC-54", "SEC-55", "SEC-56")
T = TypeVar("T")
CHECK = row_id(42)


@dataclass
class Shell:
    """One installation with a tenant and a few lines in its log."""

    folder: Path
    environment: dict[str, str]
    runner: CliRunner = field(default_factory=CliRunner)

    def __call__(self, *words: str) -> Result:
        return self.runner.invoke(app, list(words), env=self.environment, catch_exceptions=False)

    def inside(self, work: Callable[[Operator], Awaitable[T]]) -> T:
        async def whole() -> T:
            async with opened(read_settings(self.environment)) as operator:
                return await work(operator)

        return asyncio.run(whole())

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.folder / "watchword.db")) as connection, connection:
            connection.execute(statement)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(
        tmp_path,
        {
            "WATCHWORD_DATABASE_URL": f"sqlite:///{tmp_path / 'watchword.db'}",
            "WATCHWORD_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "WATCHWORD_PUBLIC_URL": "https://verify.example.com",
        },
    )
    assert shell("migrate").exit_code == 0
    assert shell("tenant", "add", "acme", "--name", "Acme").exit_code == 0

    async def lines(operator: Operator) -> None:
        tenant = await operator.tenant("acme")
        now = operator.clock.now()

        def work(conn: Any) -> None:
            for n, (kind, after) in enumerate(
                (("issue_code", "open"), ("claim_check", "claimed"), ("confirm", "confirmed"))
            ):
                event = AuditEvent(
                    row_id(n),
                    now + timedelta(seconds=n),
                    f"tv.{kind}",
                    CHECK,
                    technician_id=row_id(7),
                    ticket_id="T-1",
                    public={"after": after},
                    sealed={"from": "+12125550111"},
                )
                append_audit(conn, operator.keyring, tenant.id, event)

        await operator.database.write(Unscoped.OPERATOR, work)

    shell.inside(lines)
    return shell


def test_a_whole_log_is_called_whole_and_a_changed_one_names_the_line(shell: Shell) -> None:
    done = shell("audit", "verify")
    assert done.exit_code == 0, done.output
    assert "4 lines, 0 of them in the sealed tree, 0 under a signed checkpoint." in done.output
    assert "Waiting for the next checkpoint: 4 lines. Until then nothing protects them." in done.output
    assert "The log is whole." in done.output
    shell.change("UPDATE audit SET ticket_id = 'T-2' WHERE seq = 3")
    done = shell("audit", "verify")
    assert done.exit_code == 1
    assert f"THE LOG IS NOT WHOLE. First: Line 3 ({row_id(1)}) has been changed" in done.output


def test_a_saved_copy_of_the_checkpoints_can_be_named(shell: Shell) -> None:
    assert shell("audit", "receipt", CHECK, "--output", str(shell.folder / "r.json")).exit_code == 0
    kept, copy = shell.folder / "watchword.db.checkpoints", shell.folder / "copy"
    copy.write_bytes(kept.read_bytes())
    assert shell("audit", "verify", "--checkpoints", str(copy)).exit_code == 0
    for table in ("audit_tiles", "checkpoints", "audit"):
        shell.change(" ".join(("DELETE FROM", table)))
    kept.unlink()
    assert shell("audit", "verify").exit_code == 0, "nothing is left that could tell"
    done = shell("audit", "verify", "--checkpoints", str(copy))
    assert done.exit_code == 1
    assert "Line 1 and those up to 4 are missing: the end of the log was cut off" in done.output
    assert shell("audit", "verify", "--checkpoints", str(shell.folder / "nothing")).exit_code == 2


def test_an_export_is_for_its_owner_and_stands_in_the_log(shell: Shell) -> None:
    out = shell.folder / "log.jsonl"
    done = shell("audit", "export", "--output", str(out))
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    head, *lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert head["format"] == "watchword-audit-export/1"
    assert [line["kind"] for line in lines][1:] == [
        *("tv.issue_code", "tv.claim_check", "tv.confirm"),
        "operator.log_exported",
    ]
    assert lines[-1]["public"] == {"format": "jsonl", "lines": 4, "opened": 0, "who": "operator"}
    assert "+12125550111" not in out.read_text()
    assert shell("audit", "export", "--output", str(out)).exit_code == 2, "nothing is written over"
    assert "+12125550111" in shell("audit", "export", "--open").output
    assert shell("audit", "export", "--format", "csv").output.startswith("seq,tenant_id,id,at,kind")
    assert shell("audit", "export", "--until", "2020-01-01").output.count("\n") == 1
    assert shell("audit", "export", "--all", "--from", "2020-01-01T10:00").output.count("\n") > 5
    done = shell("audit", "export", "--from", "yesterday")
    assert (done.exit_code, "is no date" in done.stderr) == (2, True)
    assert shell("audit", "export", "--tenant", "nobody").exit_code == 2


def test_a_receipt_is_checked_by_the_program_that_comes_with_it(shell: Shell) -> None:
    receipt, program = shell.folder / "receipt.json", shell.folder / "check_receipt.py"
    done = shell("audit", "receipt", CHECK, "--output", str(receipt))
    assert done.exit_code == 0, done.output
    program.write_text(shell("audit", "receipt-checker").output)
    key, fingerprint = shell("audit", "public-key").output.splitlines()

    def check(*words: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-I", program, receipt, *words], capture_output=True, text=True)
        return done.returncode, done.stdout

    code, said = check(key)
    assert code == 0
    assert "issue code" in said
    assert "ticket T-1" in said
    assert "Outcome: confirmed" in said
    code, said = check()
    assert code == 3
    assert fingerprint.removeprefix("Fingerprint: ") in said
    receipt.write_text(receipt.read_text().replace("T-1", "T-9"))
    assert check(key)[0] == 1
    assert shell("audit", "verify").exit_code == 0


def test_a_receipt_for_nothing_is_a_mistake(shell: Shell) -> None:
    done = shell("audit", "receipt", row_id(1))
    assert (done.exit_code, "There is no verification" in done.stderr) == (2, True)
