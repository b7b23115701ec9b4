"""A receipt proves one verification to somebody who has nothing but the receipt, the key and Python."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection

from storage.database import Unscoped
from storage.keys import Keyring
from storage.sealed import check_receipt, notes
from storage.sealed.check_receipt import Refused, check, main
from storage.sealed.receipts import NoReceipt, NotSealedYet, make_receipt
from storage.sealed.signing import existing_signer
from tests.fixtures.sealed_log import SealedLog
from tests.fixtures.world import MASTER_KEY, START, row_id

pytestmark = pytest.mark.feature("SEC-55")
CHECK = row_id(777)
PROGRAM = Path(check_receipt.__file__).read_bytes()


async def receipt_of(log: SealedLog, check_id: str = CHECK) -> str:
    def work(conn: Connection) -> str:
        by = existing_signer(conn, Keyring([MASTER_KEY]))
        assert by is not None
        return make_receipt(conn, by, check_id)

    return await log.kept.database.read(Unscoped.OPERATOR, work)


async def key_of(log: SealedLog) -> bytes:
    by = await log.look(lambda conn: existing_signer(conn, Keyring([MASTER_KEY])))
    assert isinstance(by, notes.Signer)
    return by.public


@pytest.fixture
async def with_check(log: SealedLog) -> SealedLog:
    """A check of three lines among 700, one of them far from the others."""
    await log.write(290)
    await log.write(2, check_id=CHECK)
    await log.write(300)
    await log.write(1, check_id=CHECK)
    await log.write(107)
    await log.seal()
    return log


async def test_a_receipt_proves_who_when_which_ticket_and_the_outcome(with_check: SealedLog) -> None:
    raw, key = (await receipt_of(with_check)).encode(), await key_of(with_check)
    said = "\n".join(check(raw, key))
    assert f"Verification {CHECK}" in said
    assert (
        f"2026-03-02 09:00:00 UTC  line 291: confirm (technician {with_check.kept.world.dana}, contact "
        f"{with_check.kept.world.people[0].id}, ticket T-290, now confirmed, was claimed, n 290, name Zoë)" in said
    )
    assert "line 593: confirm" in said
    assert "Outcome: confirmed" in said
    assert "by 2026-03-02T09:00:00.000000Z among the first 700 of its log" in said
    assert "Not proven" in said
    assert len(raw) < 12_000


async def test_it_holds_no_plain_words(with_check: SealedLog) -> None:
    raw = (await receipt_of(with_check)).encode()
    assert b"line 29" not in raw
    assert MASTER_KEY not in raw


async def test_any_flipped_bit_of_it_is_refused(on_file: SealedLog) -> None:
    await on_file.write(20)
    await on_file.write(1, check_id=CHECK)
    await on_file.write(12)
    await on_file.seal()
    raw, key = (await receipt_of(on_file)).encode(), await key_of(on_file)
    assert check(raw, key)
    for at in range(len(raw)):
        bit = 1 << (at * 5 + at // 8) % 8
        with pytest.raises(Refused):
            check(raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :], key)
    for at in range(0, len(raw), 97):
        with pytest.raises(Refused):
            check(raw[:at], key)
        with pytest.raises(Refused):
            check(raw[:at] + b" " + raw[at:], key)


async def test_what_the_receipt_says_cannot_be_put_otherwise(with_check: SealedLog) -> None:
    """Also not by somebody who writes the file as it should be written."""
    raw, key = await receipt_of(with_check), await key_of(with_check)

    def written(**change: object) -> bytes:
        return (json.dumps({**json.loads(raw), **change}, ensure_ascii=False, indent=1) + "\n").encode()

    lines = json.loads(raw)["lines"]
    assert check(written(lines=lines[:1]), key), "lines may be left out, and the checker says so"
    changes: tuple[dict[str, object], ...] = (
        {"check": row_id(778)},
        {"lines": lines[::-1]},
        {"lines": []},
        {"lines": [{**lines[0], "seq": lines[0]["seq"] + 1}]},
        {"lines": [{**lines[0], "line": lines[0]["line"].replace("T-290", "T-291")}]},
        {"lines": [{**lines[0], "proof": lines[0]["proof"][:-1]}]},
        {"public_key": base64.b64encode(bytes(32)).decode()},
        {"format": "watchword-receipt/2"},
        {"more": 1},
    )
    for change in changes:
        with pytest.raises(Refused):
            check(written(**change), key)


async def test_a_receipt_of_another_installation_needs_its_key(with_check: SealedLog) -> None:
    raw = (await receipt_of(with_check)).encode()
    with pytest.raises(Refused, match="another key than yours"):
        check(raw, bytes(32))


async def test_the_program_runs_alone_and_its_exit_code_tells(with_check: SealedLog, tmp_path: Path) -> None:
    raw, key = (await receipt_of(with_check)).encode(), await key_of(with_check)
    program, receipt, bad = tmp_path / "check_receipt.py", tmp_path / "receipt.json", tmp_path / "bad.json"
    program.write_bytes(PROGRAM)
    receipt.write_bytes(raw)
    bad.write_bytes(raw.replace(b"confirmed", b"denied", 1))

    def run(*words: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-I", program, *words], capture_output=True, text=True)
        assert not done.stderr
        return done.returncode, done.stdout

    verifier = notes.verifier_key(json.loads(raw)["checkpoint"].partition("\n")[0], key)
    assert run(str(receipt), verifier)[0] == 0
    assert run(str(receipt), base64.b64encode(key).decode())[0] == 0
    code, said = run(str(receipt))
    assert code == 3
    assert notes.fingerprint(key) in said
    assert notes.fingerprint(key).replace(" ", "") == hashlib.sha256(key).hexdigest()
    code, said = run(str(bad), verifier)
    assert (code, said.partition(":")[0]) == (1, "REFUSED")
    for wrong in ([], [str(tmp_path / "nothing")], [str(receipt), "nokey"], [str(receipt), "c2hvcnQ="]):
        assert run(*wrong)[0] == 2


def test_what_is_no_receipt_is_refused_without_a_traceback(tmp_path: Path) -> None:
    for raw in (b"", b"[]", b"{}", b"\xff", b"[" * 5000, b'{"format": 1}\n', b"null\n", b'{\n "format": "x"\n}\n'):
        with pytest.raises(Refused):
            check(raw)
        (tmp_path / "r").write_bytes(raw)
        assert main([str(tmp_path / "r")])[0] == 1


async def test_lines_that_are_not_sealed_yet_have_no_receipt_yet(log: SealedLog) -> None:
    await log.write(3)
    await log.seal()
    await log.write(1, check_id=CHECK)
    await log.sealer.seal()
    with pytest.raises(NotSealedYet):
        await receipt_of(log)
    with pytest.raises(NoReceipt, match="There is no verification"):
        await receipt_of(log, row_id(1))
    with pytest.raises(NoReceipt, match="There is no verification"):
        await receipt_of(log, "")


async def test_a_changed_line_gets_no_receipt(with_check: SealedLog) -> None:
    await with_check.tamper("UPDATE audit SET kind = 'tv.deny' WHERE seq = 593")
    with pytest.raises(NoReceipt, match="Line 593 is not what was sealed"):
        await receipt_of(with_check)


def forged(kind: str = "tv.confirmed", at: object = 1, technician: str = "t", facts: str = "{}") -> bytes:
    """A receipt that somebody has signed with a key of their own: it may say whatever they like."""
    by = notes.Signer("watchword/x", Ed25519PrivateKey.generate())
    line = json.dumps(["tenant", "id", at, kind, CHECK, "contact", technician, "T-1", "talk", "sms", facts, None])
    root = hashlib.sha256(b"\x00" + line.encode()).digest()
    receipt = {
        "format": "watchword-receipt/1",
        "check": CHECK,
        "public_key": base64.b64encode(by.public).decode(),
        "checkpoint": by.sign(notes.Checkpoint(by.origin, 1, 1, root, START)),
        "lines": [{"seq": 1, "line": line, "proof": []}],
    }
    return (json.dumps(receipt, ensure_ascii=False, indent=1) + "\n").encode()


@pytest.mark.parametrize(
    "words", ["tv.x\x1b[2J\x1b[8m", "tv.x\nProven: all of it", "tv.x\r", "tv.x\u202e", "tv.x\ud800", "tv.x\x9b8m"]
)
def test_its_words_cannot_rule_the_terminal_or_hide_what_is_not_proven(words: str, tmp_path: Path) -> None:
    """Hidden, the last line would no longer say that all depends on the fingerprint."""
    path, program = tmp_path / "receipt.json", tmp_path / "check.py"
    program.write_bytes(PROGRAM)
    path.write_bytes(forged(words, technician=words, facts=json.dumps({"after": words})))
    done = subprocess.run([sys.executable, program, path], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (3, b"")
    said = done.stdout.decode()
    assert all(line.isprintable() for line in said.splitlines())
    assert len(said.splitlines()) == 8
    assert "ALL THIS ONLY IF" in said.splitlines()[-2]


@pytest.mark.parametrize("at", [10**30, -(10**30), 1e300, "now", None])
def test_a_time_that_is_none_is_refused(at: object) -> None:
    with pytest.raises(Refused, match="damaged"):
        check(forged(at=at))
