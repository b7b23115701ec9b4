"""No file of the project holds a secret (TST-09): keys, tokens and passwords of the shapes that providers give out."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Shapes of secrets. What a shape cannot tell from an innocent word (any 32 hex digits) is told by what stands before.
SHAPES = {
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "cloud access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "code host token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,}|glpat-[A-Za-z0-9_-]{20,})",
    "Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "Slack webhook": r"hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/[A-Za-z0-9]+",
    "model token": r"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}",
    "package index token": r"\bpypi-[A-Za-z0-9_-]{50,}",
    "map and mail keys": r"\bAIza[0-9A-Za-z_-]{35}\b|\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}\b",
    "carrier key": r"\bSK[0-9a-f]{32}\b",
    "carrier account": r"\bAC[0-9a-f]{32}\b",
    "signed token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "password in an address": r"\b[a-z][a-z0-9+]*://[^\s/:@'\"{}<>$]*:[^\s/@'\"{}<>$]+@[^\s'\"]+",
    "32 bytes in base64": r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])",
    "named and long": r"(?i)(?:auth_?token|api_?key|client_?secret|passw(?:or)?d|master_?key)[\"']?\s*[:=]\s*[\"']"
    r"(?=[^\"']*[0-9])(?=[^\"']*[a-z])[A-Za-z0-9+/_=-]{20,}[\"']",
}
#: Made up, and meant to look real; each is one value or one file, with the reason.
MADE_UP = (
    # Accounts and keys of the carrier that nobody has: one digit, or two, over and over; or counting.
    re.compile(r"(?:AC|SK)([0-9a-f]{1,2})\1+|(?:AC|SK)(?:0123456789abcdef){2}"),
    # Placeholders of pages and messages, and servers that are this machine or a name of the standard for examples.
    re.compile(r"(?i)://[^@]*:(?:password|secret|s3cret|pw|hunter2|x)@"),
    re.compile(r"@(?:127\.0\.0\.1|localhost|\[::1\]|host|database|db|[\w.-]*\.(?:example|test|invalid))\b"),
)
#: Files whose values are made up throughout.
MADE_UP_FILES = {
    "tests/fixtures/releases/rev_0001.json": "a frozen demo, whose log-ins and key are published with it",
}
SKIPPED = {".png", ".ico", ".woff2", ".gif", ".jpg", ".webp", ".mo"}


def files() -> list[Path]:
    """What git keeps or would keep; without git everything but what tools make."""
    try:
        done = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        names = [name for name in done.stdout.decode().split("\0") if name]
        found = [ROOT / name for name in names]
    except (OSError, subprocess.CalledProcessError):
        found = [
            p for p in ROOT.rglob("*") if not any(part.startswith((".", "__")) for part in p.relative_to(ROOT).parts)
        ]
    return [path for path in found if path.is_file() and path.suffix not in SKIPPED]


def secrets_in(text: str) -> Iterator[tuple[str, str]]:
    """The shape and the value of everything that looks like a secret and is not known to be made up."""
    for shape, pattern in SHAPES.items():
        for found in re.finditer(pattern, text):
            if not any(known.search(found[0]) for known in MADE_UP):
                yield shape, found[0]


def test_no_file_holds_a_secret() -> None:
    held = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        if name in MADE_UP_FILES:
            continue
        for shape, value in secrets_in(path.read_text("utf-8", errors="replace")):
            held.append(f"{name}: {shape}: {value[:12]}...")
    assert held == []


def test_the_list_of_exceptions_is_not_too_long() -> None:
    for name in MADE_UP_FILES:
        assert list(secrets_in((ROOT / name).read_text("utf-8"))), f"{name} needs no exception any more"


#: In pieces, so that this file holds none of them.
PLANTED = [
    "-----BEGIN " + "RSA PRIVATE KEY-----",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "aB3" * 12,
    "xox" + "b-1234567890-abcdefghij",
    "sk-" + "proj-abcdEFGH1234abcdEFGH",
    "SK" + "0f3a9c1d5b7e2468ace013579bdf0246",
    "AC" + "0f3a9c1d5b7e2468ace013579bdf0246",
    "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N",
    "postgresql://watchword:" + "kR7vQ2xN9w@10.0.0.5/watchword",
    "k3Zx9QmP2vB7nW4tY8cF1hJ6gD5sA0lE3rU9oI2pT" + "X4=",
    'auth_token = "' + '9f86d081884c7d659a2feaa0c55ad015"',
]


@pytest.mark.parametrize("planted", PLANTED, ids=range(len(PLANTED)))
def test_a_planted_secret_is_found(planted: str) -> None:
    assert list(secrets_in(f"value: {planted}\n")) != []


@pytest.mark.parametrize(
    "innocent",
    [
        "sha256:" + "0f3a9c1d" * 8,
        "postgresql://watchword:PASSWORD@HOST/watchword",
        "AC" + "7" * 32,
        "https://user@desk.example.com/path",
        "password = os.environ['WATCHWORD_PASSWORD']",
    ],
)
def test_what_is_none_is_left_alone(innocent: str) -> None:
    assert list(secrets_in(innocent)) == []
