#!/usr/bin/env python3
"""Everything a developer types, from an empty checkout, with nothing but Python.

    python3 dev.py run [options]     start the demo and print where to look
    python3 dev.py test [options]    run the tests (all but voice and the long ones)
        --long                       the long ones too
        --voice                      only the voice tests, in a process of their own
        --browser-only               only the tests in a browser
        anything else                goes to pytest: paths, -k, -x, ...
    python3 dev.py check             format, lint, types, import contracts, container recipe, generated pages
    python3 dev.py generate          write the generated pages anew
    python3 dev.py bench [--full]    benchmarks
    python3 dev.py sbom [LEVEL]      print what an installation holds, as CycloneDX
    python3 dev.py lock [--upgrade]  write locks/ anew from pyproject.toml
    python3 dev.py doctor            is this machine ready? one line each, and what to do

What a command needs is installed from locks/ into .venv the first time, hashes checked, and looked at again only
when the locks have changed. Nothing outside this folder is touched.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  an older Python must get as far as this sentence
    sys.exit("Watchword needs Python 3.11 or later; this is {}.{}.".format(*sys.version_info[:2]))

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCKS = ROOT / "locks"
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
STAMP = VENV / "watchword.json"
BIN, EXE = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
PYTHON = VENV / BIN / f"python{EXE}"

#: A command line, or a part of one.
Words = Sequence[str | Path]

#: Each level holds all that the one before it holds, at the same versions.
LEVELS = ("core", "test", "dev")
GROUPS = {"core": ("build",), "test": ("build", "test", "browser"), "dev": ("build", "test", "browser", "dev")}

NO_VENV = """This Python can make no environment of its own, and there is neither uv nor pip to do it instead.
On Debian and Ubuntu one line mends that:

    apt-get install -y python3-venv

Elsewhere, install uv or a Python that comes with venv and ensurepip. Then run the same command again."""


class Failed(Exception):
    """A step did not work; the message says what to do about it."""


os.environ.setdefault("PIP_DISABLE_PIP_VERSION_CHECK", "1")


def call(*command: str | Path, folder: Path = ROOT) -> int:
    """Run a child; Ctrl-C and SIGTERM reach the child, and its exit code is ours."""
    with subprocess.Popen([str(part) for part in command], cwd=folder) as child:
        with contextlib.suppress(ValueError):  # signals can only be set in the main thread
            signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        while True:
            try:
                code = child.wait()
            except KeyboardInterrupt:  # the terminal has told the child as well
                continue
            return code if code >= 0 else 128 - code


def become(*command: str | Path) -> int:
    """Run in the caller's folder; where the system allows it this process turns into the child, so a kill finds it."""
    parts = [str(part) for part in command]
    sys.stdout.flush()
    if os.name == "posix":
        os.execv(parts[0], parts)  # noqa: S606  our own interpreter, with the arguments the person typed
    return call(*parts, folder=Path.cwd())


def step(what: str, *command: str | Path) -> None:
    """Run one quiet step of the set-up; its output is shown only when it fails."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, text=True, capture_output=True)
    if done.returncode:
        raise Failed(f"{what} did not work:\n{(done.stdout + done.stderr).strip()}")


def works(*command: str | Path) -> bool:
    """Whether a command exists and answers; a wrapper script may be there and yet know no program behind it."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True)
    except OSError:
        return False
    return done.returncode == 0


def can_make_venv() -> bool:
    """Debian splits ensurepip off from venv, so that the import of venv alone proves nothing."""
    return all(importlib.util.find_spec(name) is not None for name in ("venv", "ensurepip"))


def fetch_uv() -> Path | None:
    """Install the pinned uv below .tools/, by a venv of its own or by the pip that is here."""
    pin: Words = ("--quiet", "--require-hashes", "--only-binary=:all:", "-r", LOCKS / "tools.txt")
    try:
        if can_make_venv():
            home = TOOLS / "venv"
            if not works(home / BIN / f"python{EXE}", "-m", "pip", "--version"):
                step("Making .tools/venv", sys.executable, "-m", "venv", "--clear", home)
            step("Fetching uv", home / BIN / f"python{EXE}", "-m", "pip", "install", *pin)
        elif works(sys.executable, "-m", "pip", "--version"):
            home = TOOLS / "packages"
            step("Fetching uv", sys.executable, "-m", "pip", "install", "--upgrade", "--target", home, *pin)
        else:
            return None
    except Failed as failure:
        say(f"{failure}\nGoing on with pip, which is slower.")
        return None
    return find_uv()


def find_uv() -> Path | None:
    """uv from the path, or the one fetched earlier."""
    found = shutil.which("uv")
    candidates = [Path(found)] if found else []
    candidates += [TOOLS / "venv" / BIN / f"uv{EXE}", TOOLS / "packages" / "bin" / f"uv{EXE}"]
    return next((uv for uv in candidates if works(uv, "--version")), None)


def wanted(level: str) -> dict[str, str]:
    """What the stamp must say: the locks and what pyproject.toml says about the project itself."""
    seen = hashlib.sha256()
    for name in LEVELS:
        seen.update((LOCKS / f"{name}.txt").read_bytes())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    seen.update(json.dumps([project, str(ROOT)], sort_keys=True).encode())
    return {"level": level, "python": sys.version.split()[0], "hash": seen.hexdigest()}


def stamped() -> dict[str, str]:
    """What the environment holds, as far as we know."""
    try:
        found = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_ready(level: str) -> bool:
    """Whether the environment holds this level or more, from these very locks."""
    have = stamped()
    enough = have.get("level") in LEVELS[LEVELS.index(level) :]
    return enough and have.get("hash") == wanted(level)["hash"] and PYTHON.exists()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two commands started at once must not install into each other (not on Windows, which has no such lock)."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def ready(level: str) -> None:
    """Make .venv hold what `level` names; costs a file read when it already does."""
    if is_ready(level):
        return
    with alone():
        if is_ready(level):
            return
        have = stamped().get("level", level)
        level = max(level, have, key=LEVELS.index) if have in LEVELS else level
        say(f"Preparing .venv ({level}); this happens once ...")
        uv = find_uv() or fetch_uv()
        if uv is not None:
            try:
                install_with_uv(uv, level)
            except Failed as failure:
                if not can_make_venv():
                    raise
                say(f"{failure}\nGoing on with pip, which is slower.")
                install_with_pip(level)
        elif can_make_venv():
            install_with_pip(level)
        else:
            raise Failed(NO_VENV)
        STAMP.write_text(json.dumps(wanted(level)) + "\n", "utf-8")


def install_with_uv(uv: Path, level: str) -> None:
    """Seconds."""
    if not works(PYTHON, "--version"):
        step("Making .venv", uv, "venv", "--quiet", "--clear", "--python", sys.executable, VENV)
    install((uv, "pip", "install", "--quiet", "--python", PYTHON), level)


def install_with_pip(level: str) -> None:
    """Minutes."""
    if not works(PYTHON, "-m", "pip", "--version"):
        step("Making .venv", sys.executable, "-m", "venv", "--clear", VENV)
    install((PYTHON, "-m", "pip", "install", "--quiet"), level)


def install(installer: Words, level: str) -> None:
    """The locked packages, hatchling among them, so that building the project asks for nothing more."""
    step("Installing the locked packages", *installer, "--require-hashes", "-r", LOCKS / f"{level}.txt")
    step("Installing Watchword", *installer, "--no-deps", "--no-build-isolation", "-e", ".")


def run(options: list[str]) -> int:
    """The demo."""
    ready("core")
    return become(PYTHON, "-m", "watchword", "demo", *options)


def keep_bytecode() -> None:
    """Where Python was told to keep no bytecode beside the sources, keep it below .build: the tests start hundreds of
    processes, each of which would compile all that it loads, which is most of its work."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ.setdefault("PYTHONPYCACHEPREFIX", str(ROOT / ".build" / "bytecode"))


def test(options: list[str]) -> int:
    """The tests; what was left out is said last, where it is read."""
    ours = {name for name in ("--voice", "--long", "--browser-only") if name in options}
    rest = [option for option in options if option not in ours]
    ready("test")
    keep_bytecode()
    pytest: list[str | Path] = [PYTHON, "-m", "pytest"]
    if "--voice" in ours:
        if not (ROOT / "tests" / "voice").is_dir():
            raise Failed("There are no voice tests yet.")
        return call(*pytest, "tests/voice", *rest)
    left_out = ["voice (python3 dev.py test --voice)"]
    # One more than there are processors: tests also wait, for servers, browsers and each other.
    workers = min((os.cpu_count() or 1) + 1, 4)
    pytest += ["--ignore=tests/voice", "--numprocesses", str(workers), "--dist", "worksteal"]
    # A lost press in a browser does not decide a run, but is told of at its end (tests/unsteady.py).
    pytest += ["--reruns", "1"]
    marks = []
    if "--long" in ours:
        pytest.append("--hypothesis-profile=long")
    else:
        marks.append("not long")
        left_out.append("tests marked long (python3 dev.py test --long)")
    if "--browser-only" in ours:
        marks.append("browser")
        left_out.append("all that needs no browser (python3 dev.py test)")
    if marks:
        pytest += ["-m", " and ".join(marks)]
    code = call(*pytest, *rest)
    say("Left out of this run on purpose: " + "; ".join(left_out) + ". Tests that were skipped are listed above.")
    return code


def check(options: list[str]) -> int:
    """All that can be said about the code without running it; every step runs, so that one visit shows all."""
    refuse(options)
    ready("dev")
    steps: list[tuple[str, Words]] = [
        ("format", (PYTHON, "-m", "ruff", "format", "--check", ".")),
        ("lint", (PYTHON, "-m", "ruff", "check", ".")),
        ("types", (PYTHON, "-m", "mypy")),
        ("import contracts", (VENV / BIN / f"lint-imports{EXE}", "--no-logo", "--cache-dir", ".build/imports")),
    ]
    steps.append(("container recipe", (VENV / BIN / f"hadolint{EXE}", "Dockerfile")))
    if has_generator():
        steps.append(("generated pages", (PYTHON, "-m", "bot.generate", "--check")))
    failed = []
    for name, command in steps:
        say(f"-- {name}")
        code = call(*command)
        if code >= 128:  # interrupted
            return code
        if code:
            failed.append(name)
    say("check: " + ("failed: " + ", ".join(failed) if failed else "all well"))
    return 1 if failed else 0


def generate(options: list[str]) -> int:
    """The pages that are written from the code."""
    ready("test")
    if not has_generator():
        raise Failed("There is nothing to generate yet.")
    return call(PYTHON, "-m", "bot.generate", *options)


def sbom(options: list[str]) -> int:
    """From the locks alone; needs nothing but this Python."""
    return call(sys.executable, ROOT / "deploy" / "sbom.py", *options)


def bench(options: list[str]) -> int:
    """The benchmarks."""
    ready("test")
    return call(PYTHON, "-m", "bench", *options)


def lock(options: list[str]) -> int:
    """Resolve for every system and Python at once; the largest first, so that the smaller ones agree with it."""
    upgrade = [option for option in options if option == "--upgrade"]
    refuse([option for option in options if option != "--upgrade"])
    uv = find_uv() or fetch_uv()
    if uv is None:
        raise Failed("Locking needs uv, and it could not be fetched.")
    LOCKS.mkdir(exist_ok=True)
    compile_: list[str | Path] = [
        uv,
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
    ]
    compile_ += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", *upgrade]
    for level in reversed(LEVELS):
        groups = [part for group in GROUPS[level] for part in ("--group", group)]
        same: Words = () if level == LEVELS[-1] else ("--constraints", LOCKS / f"{LEVELS[-1]}.txt")
        step(f"Locking {level}", *compile_, *same, "pyproject.toml", *groups, "-o", LOCKS / f"{level}.txt")
    step("Locking tools", *compile_, "--group", "pyproject.toml:tools", "-o", LOCKS / "tools.txt")
    for file in sorted(LOCKS.glob("*.txt")):
        if "://" in file.read_text("utf-8"):
            raise Failed(f"{file.name} names an address; a lock holds names, versions and hashes only.")
    say("Locked.")
    return 0


def doctor(options: list[str]) -> int:
    """One line for each thing a developer's machine needs."""
    refuse(options)
    uv, chromium = find_uv(), find_chromium()
    able = bool(uv) or can_make_venv() or works(sys.executable, "-m", "pip", "--version")
    have = stamped().get("level")
    free = shutil.disk_usage(ROOT).free // 2**20
    rows = [
        ("ok", f"Python {sys.version.split()[0]}"),
        ("ok", "uv") if uv else ("ok", "no uv; it is fetched when needed") if able else ("fail", NO_VENV),
        ("ok", f".venv holds {have} and is current")
        if have in LEVELS and is_ready(have)
        else ("warn", ".venv is missing or older than the locks; the next command prepares it"),
        ("ok", "Chromium") if chromium else ("warn", "no Chromium: tests in a browser are skipped; install chromium"),
        ("ok", f"{free} MiB free") if free > 1024 else ("warn", f"only {free} MiB free; tests want 1024"),
    ]
    for state, text in rows:
        say(f"{state:5}{text}")
    return 1 if any(state == "fail" for state, _ in rows) else 0


def find_chromium() -> str | None:
    """A Chromium on the path; the tests look at the same names (tests/conftest.py)."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return next(filter(None, map(shutil.which, names)), None)


def has_generator() -> bool:
    """Whether the checkout can write its own reference pages."""
    return (ROOT / "bot" / "generate.py").exists() or (ROOT / "bot" / "generate" / "__main__.py").exists()


def refuse(options: list[str]) -> None:
    """A misspelt option must not pass as a smaller run."""
    if options:
        raise Failed(f"Unknown: {' '.join(options)}\n{__doc__}")


def say(text: str) -> None:
    """In order with what children print."""
    print(text, flush=True)


COMMANDS = {command.__name__: command for command in (run, test, check, generate, bench, sbom, lock, doctor)}


def main(arguments: list[str]) -> int:
    """Find the command; without one, say what there is."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(__doc__ or "")
        return 0
    command = COMMANDS.get(arguments[0])
    if command is None:
        say(f"No such command: {arguments[0]}\n{__doc__}")
        return 2
    try:
        return command(arguments[1:])
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
