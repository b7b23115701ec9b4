"""The recipe of the image: linted, everything it copies is there, and what it copies makes a whole Watchword."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
HADOLINT = Path(sysconfig.get_path("scripts")) / "hadolint"


def instructions() -> list[tuple[str, str]]:
    """Each instruction and its text, lines that go on put together."""
    joined = re.sub(r"\\\n\s*", " ", DOCKERFILE)
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def copied() -> list[str]:
    """What comes from the checkout."""
    found = [text.split()[:-1] for word, text in instructions() if word == "COPY" and not text.startswith("--from")]
    return [name.rstrip("/") for names in found for name in names]


def test_hadolint_finds_nothing() -> None:
    if not HADOLINT.exists():
        pytest.skip("hadolint is not here: `python3 dev.py check` brings it and runs it")
    done = subprocess.run([HADOLINT, "--no-fail", "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.feature("SEC-19")
def test_the_image_runs_as_nobody_in_particular() -> None:
    words = instructions()
    last = [text for word, text in words if word == "FROM"][-1]
    after = words[words.index(("FROM", last)) :]
    assert ("USER", "10001:10001") in after
    assert not any(word in {"ADD", "ONBUILD", "SHELL"} for word, _ in words)
    (serves,) = [text for word, text in after if word == "CMD"]
    assert serves.startswith("["), "no shell between the engine's signals and the server"
    assert "--behind-tls-proxy" in serves
    (check,) = [text for word, text in after if word == "HEALTHCHECK"]
    assert '"python", "-c"' in check
    assert "/readyz" in check


@pytest.mark.feature("SEC-19")
def test_only_locked_packages_get_in() -> None:
    runs = [text for word, text in instructions() if word == "RUN"]
    installs = [text for text in runs if " install " in text and "pip" in text]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--only-binary=:all:" in installs[0]
    assert "--no-index --no-deps --no-build-isolation" in installs[1]
    assert "://" not in DOCKERFILE.replace("http://127.0.0.1", "")
    bases = [text.split()[0] for word, text in instructions() if word == "FROM"]
    assert set(bases) == {"${BASE}"}
    assert re.search(r"^ARG BASE=python:\d+\.\d+\.\d+-slim$", DOCKERFILE, re.MULTILINE)


def test_nothing_that_is_copied_is_kept_out() -> None:
    """What is not named in .dockerignore never reaches the engine, and COPY would fail on the operator's machine."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in lines
    let_in = {line[1:] for line in lines if line.startswith("!")}
    for name in copied():
        assert (ROOT / name).exists(), name
        assert name in let_in or f"{name}/*.txt" in let_in, name
    assert let_in <= {*copied(), "locks/*.txt"}


def test_what_is_copied_makes_a_whole_wheel(tmp_path: Path) -> None:
    """As the second build step does it, with exactly those files; the wheel must hold every file of every room."""
    source = tmp_path / "source"
    source.mkdir()
    shut_out = shutil.ignore_patterns("__pycache__", "*.db", "*.db-*", "*.key", "*.pem", ".env*")
    for name in copied():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shut_out)
        elif "/" not in name:
            shutil.copy(ROOT / name, source / name)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "out"],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "out").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    rooms = [name for name in copied() if (ROOT / name / "__init__.py").exists() and name != "watchword"]
    assert len(rooms) == 10
    app = tmp_path / "site" / "watchword" / "_app"
    packed = {str(file.relative_to(app)) for file in app.rglob("*")}
    for room in rooms:
        assert {str(p.relative_to(source)) for p in (source / room).rglob("*") if p.is_file()} <= packed, room
    done = subprocess.run(
        [sys.executable, "-c", "from watchword.__main__ import main; main()", "--help"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site"), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert "serve" in done.stdout, done.stderr


def test_secrets_are_kept_out_of_the_build_and_of_git() -> None:
    """A `.env`, a database or the folder of secrets beside the checkout must not be sent to the engine or committed."""
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert lines[[not line.startswith("#") for line in lines].index(True)] == "*", "everything is out first"
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    for name in ("/deploy/secrets/", "/backups/", ".env"):
        assert any(fnmatch.fnmatch(name, line) for line in ignored), name
